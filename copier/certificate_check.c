/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The check, in three steps: what has its UID still; what else is in the
 * folders, by size; the digests of those that have the size of something that
 * is looked for. So only what was moved is read, unless all is asked for.
 */
#include "config.h"

#include "copier/certificate_check.h"

#include <stdlib.h>
#include <string.h>

#include "copier/inspect.h"

#include "lib/xalloc.h"

/* A message that is not in its place. */
struct certificate_check_lost {
	char *folder;
	struct certificate_message message;
	bool found;
};

/* A message of the server that no UID of the certificate names. */
struct certificate_check_stray {
	size_t folder; /* in names */
	uint32_t uid;
	uint64_t size;
};

struct certificate_check_work {
	struct certificate_check *check;
	struct certificate_check_lost *losts;
	size_t losts_count, losts_room;
	struct certificate_check_stray *strays;
	size_t strays_count, strays_room;
	char **names; /* of the folders that are there */
	size_t names_count;
};

const char *certificate_finding_name(enum certificate_finding finding)
{
	static const char *const names[CERTIFICATE_FINDINGS] = {
		[CERTIFICATE_MOVED] = "moved",
		[CERTIFICATE_GONE] = "gone",
		[CERTIFICATE_CHANGED] = "changed",
	};

	return names[finding];
}

static void certificate_check_tell(struct certificate_check_work *work,
	const struct certificate_found *found)
{
	work->check->counts[found->finding]++;
	work->check->found(work->check->context, found);
}

static void certificate_check_lose(struct certificate_check_work *work,
	const char *folder, const struct certificate_message *message)
{
	struct certificate_check_lost *lost;

	if (work->losts_count == work->losts_room) {
		work->losts_room =
			work->losts_room > 0 ? 2 * work->losts_room : 64;
		work->losts = xreallocarray(
			work->losts, work->losts_room, sizeof(*work->losts));
	}
	lost = &work->losts[work->losts_count++];
	*lost = (struct certificate_check_lost){ .folder = xstrdup(folder),
		.message = *message };
}

static void certificate_check_stray(struct certificate_check_work *work,
	size_t folder, const struct inspect_message *message)
{
	if (work->strays_count == work->strays_room) {
		work->strays_room =
			work->strays_room > 0 ? 2 * work->strays_room : 64;
		work->strays = xreallocarray(
			work->strays, work->strays_room, sizeof(*work->strays));
	}
	work->strays[work->strays_count++] = (struct certificate_check_stray){
		.folder = folder, .uid = message->uid, .size = message->size
	};
}

/* ---- what has its UID still ---- */

static int certificate_check_by_other(const void *left, const void *right)
{
	const struct certificate_message *a = left, *b = right;

	return (a->other > b->other) - (a->other < b->other);
}

static void certificate_check_message(struct certificate_check_work *work,
	const char *folder, const struct certificate_message *message,
	const struct inspect_message *there)
{
	bool same = there->size == message->stored_size &&
		    (!there->read || memcmp(there->digest, message->stored,
					     JOURNAL_DIGEST) == 0);
	const struct certificate_found found = {
		.finding = CERTIFICATE_CHANGED,
		.folder = folder,
		.message = message,
		.uid = there->uid,
	};

	if (same)
		work->check->there++;
	else
		certificate_check_tell(work, &found);
}

/* Both are in the order of the UIDs there. */
static void certificate_check_merge(struct certificate_check_work *work,
	const char *folder, size_t place,
	const struct certificate_message *messages, size_t count,
	const struct inspect_folder *there, bool anew)
{
	size_t i = 0, j = 0;

	/* new UIDs: each message is looked for by its digest */
	while (anew && i < count)
		certificate_check_lose(work, folder, &messages[i++]);
	while (i < count || j < there->count) {
		if (j == there->count ||
			(i < count &&
				messages[i].other < there->messages[j].uid)) {
			certificate_check_lose(work, folder, &messages[i++]);
		} else if (i == count ||
			   messages[i].other > there->messages[j].uid) {
			certificate_check_stray(
				work, place, &there->messages[j++]);
		} else {
			certificate_check_message(work, folder, &messages[i++],
				&there->messages[j++]);
		}
	}
}

/* The place of a folder that is there, or names_count. */
static size_t certificate_check_place(
	const struct certificate_check_work *work, const char *name)
{
	size_t i = 0;

	while (i < work->names_count && strcmp(work->names[i], name) != 0)
		i++;
	return i;
}

static int certificate_check_folder(
	struct certificate_check_work *work, size_t index, struct error *error)
{
	struct certificate_check *check = work->check;
	const struct attr_list *line = check->certificate->folders[index];
	const char *name = attr_list_get(line, "other");
	const struct inspect_reading reading = { .wanted = NULL };
	struct certificate_message *messages;
	struct inspect_folder there = { .count = 0 };
	size_t count, place = certificate_check_place(work, name);
	bool anew = false;
	int result = 0;

	if (certificate_messages(
		    check->certificate, index, &messages, &count, error) < 0)
		return -1;
	if (count > 0)
		qsort(messages, count, sizeof(*messages),
			certificate_check_by_other);
	check->messages += count;
	if (place < work->names_count)
		result = inspect_list(check->mailbox, name, &there, error);
	anew = result == 1 &&
	       there.status.uidvalidity !=
		       certificate_number(line, "other_uidvalidity");
	if (result == 1 && check->full)
		result = inspect_read(
			check->mailbox, name, &there, &reading, error);
	if (result >= 0)
		certificate_check_merge(
			work, name, place, messages, count, &there, anew);
	free(messages);
	inspect_clear(&there);
	if (result >= 0 && check->progress != NULL &&
		!check->progress(check->context, name, check->messages,
			certificate_number(
				check->certificate->header, "messages"))) {
		error_set(error, "interrupted");
		return -1;
	}
	return result < 0 ? -1 : 1;
}

/* ---- what is looked for elsewhere ---- */

static bool certificate_check_certified(
	const struct certificate_check_work *work, const char *name)
{
	const struct certificate_text *certificate = work->check->certificate;

	for (size_t i = 0; i < certificate->folders_count; i++)
		if (strcmp(attr_list_get(certificate->folders[i], "other"),
			    name) == 0)
			return true;
	return false;
}

/* Folders that came later may have what is looked for. */
static int certificate_check_later_folders(
	struct certificate_check_work *work, struct error *error)
{
	for (size_t i = 0; i < work->names_count; i++) {
		struct inspect_folder there;
		int result;

		if (certificate_check_certified(work, work->names[i]))
			continue;
		result = inspect_list(
			work->check->mailbox, work->names[i], &there, error);
		for (size_t j = 0; result == 1 && j < there.count; j++)
			certificate_check_stray(work, i, &there.messages[j]);
		inspect_clear(&there);
		if (result < 0)
			return -1;
	}
	return 1;
}

static int certificate_check_by_size(const void *left, const void *right)
{
	const struct certificate_check_lost *a = left, *b = right;

	return (a->message.stored_size > b->message.stored_size) -
	       (a->message.stored_size < b->message.stored_size);
}

/* The first one looked for of that size, or losts_count. */
static size_t certificate_check_first(
	const struct certificate_check_work *work, uint64_t size)
{
	size_t low = 0, high = work->losts_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (work->losts[middle].message.stored_size < size)
			low = middle + 1;
		else
			high = middle;
	}
	return low < work->losts_count &&
			       work->losts[low].message.stored_size == size
		       ? low
		       : work->losts_count;
}

struct certificate_check_matching {
	struct certificate_check_work *work;
	size_t folder;
};

static bool certificate_check_wanted(
	const struct inspect_message *message, const void *context)
{
	const struct certificate_check_work *work = context;

	return certificate_check_first(work, message->size) < work->losts_count;
}

static bool certificate_check_match(
	void *context, const struct inspect_message *message)
{
	struct certificate_check_matching *matching = context;
	struct certificate_check_work *work = matching->work;

	for (size_t i = certificate_check_first(work, message->size);
		i < work->losts_count &&
		work->losts[i].message.stored_size == message->size;
		i++) {
		struct certificate_check_lost *lost = &work->losts[i];
		const struct certificate_found found = {
			.finding = CERTIFICATE_MOVED,
			.folder = lost->folder,
			.message = &lost->message,
			.place = work->names[matching->folder],
			.uid = message->uid,
		};

		if (lost->found || memcmp(lost->message.stored, message->digest,
					   JOURNAL_DIGEST) != 0)
			continue;
		lost->found = true;
		certificate_check_tell(work, &found);
		break;
	}
	return true;
}

/* Reads the strays of one folder that have a size that is looked for. They
 * stand together, in the order of their UIDs. */
static int certificate_check_search(struct certificate_check_work *work,
	size_t from, size_t end, struct error *error)
{
	struct certificate_check_matching matching = { work,
		work->strays[from].folder };
	const struct inspect_reading reading = {
		.wanted = certificate_check_wanted,
		.wanted_context = work,
		.progress = certificate_check_match,
		.progress_context = &matching,
	};
	const char *name = work->names[matching.folder];
	struct inspect_folder folder = { .count = 0 };
	struct mailbox_selected selected;
	int result = mailbox_select(
		work->check->mailbox, name, false, &selected, error);

	if (result != 1)
		return result;
	folder.status = selected.status;
	folder.messages = xcalloc(end - from, sizeof(*folder.messages));
	for (size_t i = from; i < end; i++)
		folder.messages[folder.count++] = (struct inspect_message){
			.uid = work->strays[i].uid,
			.size = work->strays[i].size,
		};
	result = inspect_read(
		work->check->mailbox, name, &folder, &reading, error);
	inspect_clear(&folder);
	return result;
}

static int certificate_check_search_all(
	struct certificate_check_work *work, struct error *error)
{
	size_t from = 0;

	if (work->losts_count == 0)
		return 1;
	if (certificate_check_later_folders(work, error) < 0)
		return -1;
	qsort(work->losts, work->losts_count, sizeof(*work->losts),
		certificate_check_by_size);
	while (from < work->strays_count) {
		size_t end = from + 1;

		while (end < work->strays_count &&
			work->strays[end].folder == work->strays[from].folder)
			end++;
		if (certificate_check_search(work, from, end, error) < 0)
			return -1;
		from = end;
	}
	for (size_t i = 0; i < work->losts_count; i++) {
		const struct certificate_found found = {
			.finding = CERTIFICATE_GONE,
			.folder = work->losts[i].folder,
			.message = &work->losts[i].message,
		};

		if (!work->losts[i].found)
			certificate_check_tell(work, &found);
	}
	return 1;
}

static int certificate_check_name(
	void *context, const struct mailbox_folder *folder)
{
	struct certificate_check_work *work = context;

	if (!folder->selectable)
		return 0;
	work->names = xreallocarray(
		work->names, work->names_count + 1, sizeof(*work->names));
	work->names[work->names_count++] = xstrdup(folder->name);
	return 0;
}

int certificate_check_run(struct certificate_check *check, struct error *error)
{
	struct certificate_check_work work = { .check = check };
	int result = mailbox_list(
		check->mailbox, certificate_check_name, &work, error);

	for (size_t i = 0; result == 1 && i < check->certificate->folders_count;
		i++)
		result = certificate_check_folder(&work, i, error);
	if (result == 1)
		result = certificate_check_search_all(&work, error);
	for (size_t i = 0; i < work.losts_count; i++)
		free(work.losts[i].folder);
	for (size_t i = 0; i < work.names_count; i++)
		free(work.names[i]);
	free(work.losts);
	free(work.strays);
	free(work.names);
	return result == 1 ? 1 : -1;
}
