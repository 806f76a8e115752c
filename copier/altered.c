/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding messages that a server may alter, and those that it has altered. */
#include "config.h"

#include "copier/altered.h"

#include <stdlib.h>
#include <string.h>

#include "copier/digest.h"

#include "lib/xalloc.h"

/* What is being looked for at the other side. */
struct altered_search {
	struct journal_folder *folder;
	enum journal_side far;
	const struct altered *altered;
	bool *found; /* of each suspect: it is there and is another */
};

void altered_begin(struct altered_scan *scan)
{
	*scan = (struct altered_scan){ .last = '\n' };
}

static bool altered_is_ascii(const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((unsigned char)data[i] >= 0x80)
			return false;
	return true;
}

/* Octets of one line, none of them LF. */
static void altered_add_octets(
	struct altered_scan *scan, const char *data, size_t size)
{
	const char *cr;

	if (size == 0)
		return;
	cr = memchr(data, '\r', size);
	if (memchr(data, '\0', size) != NULL)
		scan->risk = ALTERED_NUL;
	else if (scan->last == '\r' || (cr != NULL && cr < data + size - 1))
		scan->risk = ALTERED_LINES;
	else if (!scan->body && !altered_is_ascii(data, size))
		scan->risk = ALTERED_HEADER;
	scan->last = data[size - 1];
	scan->line += size;
}

void altered_add(struct altered_scan *scan, const char *data, size_t size)
{
	while (size > 0 && scan->risk == ALTERED_NONE) {
		const char *end = memchr(data, '\n', size);
		size_t octets = end != NULL ? (size_t)(end - data) : size;

		altered_add_octets(scan, data, octets);
		if (end == NULL || scan->risk != ALTERED_NONE)
			return;
		if (scan->last != '\r')
			scan->risk = ALTERED_LINES;
		if (scan->line == 1) /* the CR alone */
			scan->body = true;
		scan->last = '\n';
		scan->line = 0;
		data += octets + 1;
		size -= octets + 1;
	}
}

enum altered_risk altered_end(const struct altered_scan *scan)
{
	if (scan->risk == ALTERED_NONE && scan->last != '\n')
		return ALTERED_LINES;
	return scan->risk;
}

void altered_suspect(
	struct altered *altered, const struct altered_suspect *suspect)
{
	altered->suspects = xreallocarray(altered->suspects, altered->count + 1,
		sizeof(*altered->suspects));
	altered->suspects[altered->count++] = *suspect;
}

void altered_free(struct altered *altered)
{
	free(altered->suspects);
	altered->suspects = NULL;
	altered->count = 0;
}

static uint32_t altered_uid(const struct altered_search *search, size_t suspect)
{
	size_t pair = search->altered->suspects[suspect].pair;

	return search->folder->pairs[pair].uid[search->far];
}

static void altered_read(
	void *context, uint32_t uid, const unsigned char *digest)
{
	struct altered_search *search = context;
	size_t i;

	for (i = 0; i < search->altered->count; i++)
		if (altered_uid(search, i) == uid)
			search->found[i] =
				memcmp(search->altered->suspects[i].digest,
					digest, JOURNAL_DIGEST) != 0;
}

/* The UIDs at the other side: of those found altered, or of all. */
static void altered_uids(
	const struct altered_search *search, bool found, struct uidset *uids)
{
	size_t i;

	for (i = 0; i < search->altered->count; i++)
		if (!found || search->found[i])
			uidset_add(uids, altered_uid(search, i));
}

/* The server has refused the message, if in its own way: many of these are not
 * yet a sign that it refuses all. */
static void altered_tell(struct pass *pass, const char *folder, uint32_t uid,
	enum altered_risk risk, bool removed)
{
	static const char *const what[] = {
		[ALTERED_NUL] = "NUL octets",
		[ALTERED_LINES] = "line ends other than CR LF",
		[ALTERED_HEADER] = "octets beyond ASCII in its header",
	};
	unsigned in_a_row = pass->refused_in_a_row;
	struct error words;

	error_set(&words,
		"altered: it has %s, and the server stores others in their "
		"place%s",
		what[risk], removed ? "; it was taken out again" : "");
	pass_refuse(pass, folder, uid, &words);
	pass->refused_in_a_row = in_a_row;
}

/* Ends what stands in the journal of those that are altered. */
static void altered_settle(
	struct pass *pass, const struct altered_search *search, bool removed)
{
	struct journal_folder *folder = search->folder;
	size_t i;

	for (i = 0; i < search->altered->count; i++) {
		const struct altered_suspect *suspect =
			&search->altered->suspects[i];
		const struct journal_pair *pair = &folder->pairs[suspect->pair];

		if (!search->found[i])
			continue;
		altered_tell(pass, folder->name[pass->side],
			pair->uid[pass->side], suspect->risk, removed);
		if (!removed)
			continue;
		pass->counts.copied--;
		pass->counts.copied_bytes -= pair->size;
		journal_unpair(pass->journal, folder, suspect->pair);
	}
}

/* The folder is selected. Result as in driver.h. */
static int altered_look(
	struct pass *pass, struct altered_search *search, struct error *error)
{
	struct uidset uids = UIDSET_EMPTY;
	int result;

	altered_uids(search, false, &uids);
	result = digest_fetch(pass->other, &uids, altered_read, search, error);
	uidset_free(&uids);
	if (result != 1)
		return result;
	altered_uids(search, true, &uids);
	if (uids.count > 0) {
		if (mailbox_features(pass->other)->expunge_by_uid)
			result = mailbox_expunge(pass->other, &uids, error);
		else
			result = 0;
		if (result >= 0)
			altered_settle(pass, search, result == 1);
	}
	uidset_free(&uids);
	return result < 0 ? -1 : 1;
}

int altered_check(struct pass *pass, struct journal_folder *folder,
	const struct altered *altered, struct error *error)
{
	enum journal_side far = journal_other(pass->side);
	struct altered_search search = { folder, far, altered, NULL };
	struct mailbox_selected selected;
	int result;

	if (altered->count == 0)
		return 1;
	result = mailbox_select(
		pass->other, folder->name[far], true, &selected, error);
	if (result == 1 &&
		selected.status.uidvalidity == folder->uidvalidity[far]) {
		search.found = xcalloc(altered->count, sizeof(*search.found));
		result = altered_look(pass, &search, error);
		free(search.found);
	}
	if (result == 0) {
		error_prefix(error, "read back");
		pass_refuse(pass, folder->name[pass->side], 0, error);
	}
	if (result < 0)
		error_prefix(error, "other side: read back");
	return result < 0 ? -1 : 1;
}
