/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The comparison. Messages are paired by their digest alone, so that neither
 * UIDs nor a journal can hide a difference; where several are alike, those of
 * equal date and flags are paired first.
 */
#include "config.h"

#include "copier/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/certificate_read.h"
#include "copier/folder_table.h"
#include "copier/inspect.h"
#include "copier/view.h"

struct verify_work {
	struct verify *verify;
	const char *folder; /* being read */
	uint64_t read;
	uint64_t total;
};

const char *verify_kind_name(enum verify_kind kind)
{
	static const char *const names[VERIFY_KINDS] = {
		[VERIFY_FOLDER] = "folder",
		[VERIFY_MISSING] = "missing",
		[VERIFY_EXTRA] = "extra",
		[VERIFY_FLAGS] = "flags",
		[VERIFY_DATE] = "date",
		[VERIFY_SUBSCRIPTION] = "subscription",
		[VERIFY_ALTERED] = "altered",
	};

	return names[kind];
}

bool verify_is_equal(const struct verify *verify)
{
	for (int kind = 0; kind < VERIFY_KINDS; kind++)
		if (kind != VERIFY_EXTRA && kind != VERIFY_ALTERED &&
			verify->found[kind] > 0)
			return false;
	return true;
}

static void verify_tell(
	struct verify *verify, const struct verify_difference *difference)
{
	verify->found[difference->kind]++;
	verify->differs(verify->context, difference);
}

/* ---- reading ---- */

static bool verify_progress(
	void *context, const struct inspect_message *message)
{
	struct verify_work *work = context;
	struct verify *verify = work->verify;

	work->read++;
	verify->bytes += message->size;
	return verify->progress == NULL ||
	       verify->progress(verify->context, work->folder, work->read,
		       work->total, verify->bytes);
}

/* Lists and reads one folder. 1, 0 it is not there, -1. */
static int verify_read(struct verify_work *work, struct mailbox *mailbox,
	const char *name, struct inspect_folder *folder_r, struct error *error)
{
	const struct inspect_reading reading = {
		.progress = verify_progress,
		.progress_context = work,
	};
	int result = inspect_list(mailbox, name, folder_r, error);

	if (result == 1)
		result = inspect_read(mailbox, name, folder_r, &reading, error);
	if (result < 0)
		error_prefix(error, "%s: %s",
			mailbox == work->verify->home ? "source"
						      : "destination",
			name);
	return result;
}

/* ---- comparing ---- */

static int verify_by_digest(const void *left, const void *right)
{
	const struct inspect_message *a = left, *b = right;
	int order;

	/* those that were gone before they could be read stand last */
	if (a->read != b->read)
		return a->read ? -1 : 1;
	order = memcmp(a->digest, b->digest, JOURNAL_DIGEST);
	if (order == 0)
		order = (a->date > b->date) - (a->date < b->date);
	if (order == 0)
		order = strcmp(a->flags->text, b->flags->text);
	return order != 0 ? order : (a->uid > b->uid) - (a->uid < b->uid);
}

static void verify_sort(struct inspect_folder *folder)
{
	if (folder->count > 0)
		qsort(folder->messages, folder->count,
			sizeof(*folder->messages), verify_by_digest);
	while (folder->count > 0 && !folder->messages[folder->count - 1].read)
		folder->count--;
}

static void verify_alone(struct verify *verify, enum verify_kind kind,
	const char *folder, const struct inspect_message *message)
{
	const struct verify_difference difference = {
		.kind = kind,
		.folder = folder,
		.uid = kind == VERIFY_MISSING ? message->uid : 0,
		.other = kind == VERIFY_EXTRA ? message->uid : 0,
		.size = message->size,
	};

	verify_tell(verify, &difference);
}

/* Flags and date of a message that is on both sides. */
static bool verify_looks(struct verify *verify, const char *folder,
	const struct inspect_message *home, const struct inspect_message *other)
{
	struct verify_difference difference = {
		.folder = folder,
		.uid = home->uid,
		.other = other->uid,
		.size = home->size,
	};
	char words[MAILDATE_SIZE];
	bool same = true;

	if (!flagset_same(home->flags, other->flags)) {
		difference.kind = VERIFY_FLAGS;
		difference.words = other->flags->text;
		verify_tell(verify, &difference);
		same = false;
	}
	if (home->date != other->date) {
		maildate_print(other->date, 0, words);
		difference.kind = VERIFY_DATE;
		difference.words = words;
		verify_tell(verify, &difference);
		same = false;
	}
	return same;
}

static void verify_pair(struct verify *verify, const char *folder,
	const struct inspect_message *home, const struct inspect_message *other)
{
	verify->same += verify_looks(verify, folder, home, other);
}

/* The end of the group that begins at from: messages of one digest. */
static size_t verify_group_end(const struct inspect_folder *folder, size_t from)
{
	size_t end = from + 1;

	while (end < folder->count &&
		memcmp(folder->messages[end].digest,
			folder->messages[from].digest, JOURNAL_DIGEST) == 0)
		end++;
	return end;
}

static int verify_by_looks(
	const struct inspect_message *one, const struct inspect_message *other)
{
	if (one->date != other->date)
		return one->date > other->date ? 1 : -1;
	return strcmp(one->flags->text, other->flags->text);
}

/* Messages of one digest on both sides, each in order of date and flags. */
struct verify_group {
	struct inspect_message *messages;
	size_t count;
};

/* Pairs those that are alike in all; uid 0 marks what is paired. */
static void verify_pair_alike(struct verify *verify, const char *folder,
	const struct verify_group *home, const struct verify_group *other)
{
	size_t i = 0, j = 0;

	while (i < home->count && j < other->count) {
		struct inspect_message *one = &home->messages[i];
		struct inspect_message *two = &other->messages[j];
		int order = verify_by_looks(one, two);

		if (order == 0) {
			verify_pair(verify, folder, one, two);
			one->uid = two->uid = 0;
		}
		i += order <= 0;
		j += order >= 0;
	}
}

/* Pairs the rest as it comes, and tells what is left over. */
static void verify_groups(struct verify *verify, const char *folder,
	const struct verify_group *home, const struct verify_group *other,
	const char *name)
{
	size_t at = 0;

	verify_pair_alike(verify, folder, home, other);
	for (size_t i = 0; i < home->count; i++) {
		struct inspect_message *message = &home->messages[i];

		if (message->uid == 0)
			continue;
		while (at < other->count && other->messages[at].uid == 0)
			at++;
		if (at == other->count) {
			verify_alone(verify, VERIFY_MISSING, folder, message);
			continue;
		}
		verify_pair(verify, folder, message, &other->messages[at]);
		other->messages[at].uid = 0;
	}
	for (size_t j = 0; j < other->count; j++)
		if (other->messages[j].uid != 0)
			verify_alone(verify, VERIFY_EXTRA, name,
				&other->messages[j]);
}

static void verify_compare(struct verify *verify, const char *home_name,
	struct inspect_folder *home, const char *other_name,
	struct inspect_folder *other)
{
	size_t i = 0, j = 0;

	verify_sort(home);
	verify_sort(other);
	verify->messages += home->count;
	while (i < home->count || j < other->count) {
		int order = i == home->count ? 1
			    : j == other->count
				    ? -1
				    : memcmp(home->messages[i].digest,
					      other->messages[j].digest,
					      JOURNAL_DIGEST);
		size_t i_end = order <= 0 ? verify_group_end(home, i) : i;
		size_t j_end = order >= 0 ? verify_group_end(other, j) : j;

		const struct verify_group one = { home->messages + i,
			i_end - i };
		const struct verify_group two = { other->messages + j,
			j_end - j };

		verify_groups(verify, home_name, &one, &two, other_name);
		i = i_end;
		j = j_end;
	}
}

/* ---- what is kept altered ---- */

static struct inspect_message *verify_find(const struct inspect_folder *folder,
	uint32_t uid, const unsigned char *digest)
{
	for (size_t i = 0; i < folder->count; i++)
		if (folder->messages[i].uid == uid)
			return folder->messages[i].read &&
					       memcmp(folder->messages[i]
							       .digest,
						       digest,
						       JOURNAL_DIGEST) == 0
				       ? &folder->messages[i]
				       : NULL;
	return NULL;
}

static void verify_altered_message(struct verify *verify, const char *home_name,
	const struct certificate_message *message,
	const struct inspect_folder *home, const struct inspect_folder *other)
{
	bool back = verify->backwards;
	struct inspect_message *one =
		verify_find(home, back ? message->other : message->uid,
			back ? message->stored : message->digest);
	struct inspect_message *two =
		verify_find(other, back ? message->uid : message->other,
			back ? message->digest : message->stored);
	struct verify_difference difference = { .kind = VERIFY_ALTERED,
		.folder = home_name };

	if (one == NULL || two == NULL)
		return;
	difference.uid = one->uid;
	difference.other = two->uid;
	difference.size = one->size;
	difference.digest = one->digest;
	difference.stored = two->digest;
	verify_tell(verify, &difference);
	verify_looks(verify, home_name, one, two);
	verify->messages++;
	/* like those that were not read: compared no more */
	one->read = two->read = false;
}

/* What the certificate says of the folder. 0, or -1: it is damaged. */
static int verify_altered(struct verify *verify,
	const struct folder_entry *entry, const struct inspect_folder *home,
	const struct inspect_folder *other, struct error *error)
{
	const struct certificate_text *certificate = verify->certificate;
	size_t i, j, count;

	for (i = 0; certificate != NULL && i < certificate->folders_count;
		i++) {
		const struct attr_list *line = certificate->folders[i];
		struct certificate_message *messages;

		if (strcmp(attr_list_get(line,
				   verify->backwards ? "other" : "folder"),
			    entry->home->name) != 0)
			continue;
		if (certificate_messages(
			    certificate, i, &messages, &count, error) < 0)
			return -1;
		for (j = 0; j < count; j++)
			if (messages[j].altered)
				verify_altered_message(verify,
					entry->home->name, &messages[j], home,
					other);
		free(messages);
	}
	return 0;
}

/* ---- folders ---- */

static int verify_folder(struct verify_work *work,
	const struct folder_entry *entry, const struct view *others,
	struct error *error)
{
	struct verify *verify = work->verify;
	const struct view_folder *there = view_find(others, entry->name);
	struct inspect_folder home = { .count = 0 }, other = { .count = 0 };
	struct verify_difference difference = { .folder = entry->home->name,
		.words = entry->name };
	int result;

	work->folder = entry->home->name;
	if (there == NULL || !there->selectable) {
		difference.kind = VERIFY_FOLDER;
		verify_tell(verify, &difference);
	} else if (there->subscribed != entry->home->subscribed) {
		difference.kind = VERIFY_SUBSCRIPTION;
		difference.words =
			there->subscribed ? "subscribed" : "not subscribed";
		verify_tell(verify, &difference);
	}
	verify->folders++;
	result = verify_read(
		work, verify->home, entry->home->name, &home, error);
	if (result == 1 && there != NULL && there->selectable)
		result = verify_read(
			work, verify->other, entry->name, &other, error);
	if (result >= 0 &&
		verify_altered(verify, entry, &home, &other, error) < 0)
		result = -1;
	if (result >= 0)
		verify_compare(
			verify, entry->home->name, &home, entry->name, &other);
	inspect_clear(&home);
	inspect_clear(&other);
	return result < 0 ? -1 : 1;
}

/* How many messages there will be to read. */
static uint64_t verify_total(const struct view *view)
{
	uint64_t total = 0;

	for (size_t i = 0; i < view->count; i++)
		if (view->folders[i].has_status)
			total += view->folders[i].status.messages;
	return total;
}

int verify_run(struct verify *verify, struct error *error)
{
	struct verify_work work = { .verify = verify };
	struct view home = { .count = 0 }, other = { .count = 0 };
	struct folder_table table = { .count = 0 };
	const struct folder_table_input input = { .home = &home,
		.other = &other,
		.journal = verify->journal,
		.side = JOURNAL_SOURCE,
		.map = verify->map };
	int result = view_list(&home, verify->home, error);

	if (result == 1)
		result = view_list(&other, verify->other, error);
	if (result == 1) {
		work.total = verify_total(&home) + verify_total(&other);
		folder_table_make(&input, &table);
	}
	for (size_t i = 0; result == 1 && i < table.count; i++)
		if (table.entries[i].home->selectable)
			result = verify_folder(
				&work, &table.entries[i], &other, error);
	folder_table_clear(&table);
	view_clear(&home);
	view_clear(&other);
	return result == 1 ? 1 : -1;
}
