/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding messages that a server may alter, and those that it has altered. */
#include "config.h"

#include "copier/altered.h"

#include <stdlib.h>
#include <string.h>

#include "copier/digest.h"
#include "copier/refused.h"

#include "lib/xalloc.h"

/* What became of a message at the other side. */
enum altered_fate {
	ALTERED_GONE,
	ALTERED_SAME,
	ALTERED_OTHER,
};

struct altered_suspect {
	size_t pair;
	uint32_t uid; /* at the other side */
	enum altered_fate fate;
};

/* The suspects of a folder, by UID. */
struct altered_search {
	struct journal_folder *folder;
	struct altered_suspect *suspects;
	size_t count;
	size_t first; /* pair of this pass */
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
		scan->risk = JOURNAL_RISK_NUL;
	else if (scan->last == '\r' || (cr != NULL && cr < data + size - 1))
		scan->risk = JOURNAL_RISK_LINES;
	else if (!scan->body && !altered_is_ascii(data, size))
		scan->risk = JOURNAL_RISK_HEADER;
	scan->last = data[size - 1];
	scan->line += size;
}

void altered_add(struct altered_scan *scan, const char *data, size_t size)
{
	while (size > 0 && scan->risk == JOURNAL_NO_RISK) {
		const char *end = memchr(data, '\n', size);
		size_t octets = end != NULL ? (size_t)(end - data) : size;

		altered_add_octets(scan, data, octets);
		if (end == NULL || scan->risk != JOURNAL_NO_RISK)
			return;
		if (scan->last != '\r')
			scan->risk = JOURNAL_RISK_LINES;
		if (scan->line == 1) /* the CR alone */
			scan->body = true;
		scan->last = '\n';
		scan->line = 0;
		data += octets + 1;
		size -= octets + 1;
	}
}

enum journal_risk altered_end(const struct altered_scan *scan)
{
	if (scan->risk == JOURNAL_NO_RISK && scan->last != '\n')
		return JOURNAL_RISK_LINES;
	return scan->risk;
}

/* Whether a pair is to be read back. */
static bool altered_is_open(const struct pass *pass,
	const struct journal_folder *folder, const struct journal_pair *pair)
{
	return !pair->gone && pair->risk != JOURNAL_NO_RISK &&
	       pair->uid[0] != 0 && pair->uid[1] != 0 &&
	       !refused_is_left(pass, folder->name[pass->side],
		       folder->uidvalidity[pass->side], pair->uid[pass->side]);
}

uint32_t altered_open(
	const struct pass *pass, const struct journal_folder *folder)
{
	size_t i;

	for (i = 0; folder->risky > 0 && i < folder->pairs_count; i++)
		if (altered_is_open(pass, folder, &folder->pairs[i]))
			return folder->pairs[i].uid[pass->side];
	return 0;
}

static void altered_gather(
	const struct pass *pass, struct altered_search *search)
{
	const struct journal_folder *folder = search->folder;
	enum journal_side far = journal_other(pass->side);
	size_t count, i;
	size_t *order = journal_sorted(folder, far, &count);

	search->suspects =
		xcalloc(folder->risky + 1, sizeof(*search->suspects));
	for (i = 0; i < count; i++)
		if (altered_is_open(pass, folder, &folder->pairs[order[i]]))
			search->suspects[search->count++] =
				(struct altered_suspect){
					.pair = order[i],
					.uid = folder->pairs[order[i]].uid[far]
				};
	free(order);
}

static int altered_compare(const void *left, const void *right)
{
	const struct altered_suspect *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

static void altered_read(
	void *context, uint32_t uid, const unsigned char *digest)
{
	const struct altered_search *search = context;
	const struct altered_suspect wanted = { .uid = uid };
	struct altered_suspect *suspect = bsearch(&wanted, search->suspects,
		search->count, sizeof(*search->suspects), altered_compare);

	if (suspect != NULL)
		suspect->fate =
			memcmp(search->folder->pairs[suspect->pair].digest,
				digest, JOURNAL_DIGEST) == 0
				? ALTERED_SAME
				: ALTERED_OTHER;
}

/* The UIDs at the other side: of those found altered, or of all. */
static void altered_uids(
	const struct altered_search *search, bool found, struct uidset *uids)
{
	size_t i;

	for (i = 0; i < search->count; i++)
		if (!found || search->suspects[i].fate == ALTERED_OTHER)
			uidset_add(uids, search->suspects[i].uid);
}

/* The server has refused the message, if in its own way: many of these are not
 * yet a sign that it refuses all. */
static void altered_tell(struct pass *pass, const char *folder, uint32_t uid,
	enum journal_risk risk, bool removed)
{
	static const char *const what[] = {
		[JOURNAL_NO_RISK] = "nothing odd",
		[JOURNAL_RISK_NUL] = "NUL octets",
		[JOURNAL_RISK_LINES] = "line ends other than CR LF",
		[JOURNAL_RISK_HEADER] = "octets beyond ASCII in its header",
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

static void altered_settle_one(struct pass *pass,
	const struct altered_search *search,
	const struct altered_suspect *suspect, bool removed)
{
	struct journal_folder *folder = search->folder;
	const struct journal_pair *pair = &folder->pairs[suspect->pair];

	if (suspect->fate == ALTERED_SAME)
		journal_assure(pass->journal, folder, suspect->pair);
	if (suspect->fate != ALTERED_OTHER)
		return;
	altered_tell(pass, folder->name[pass->side], pair->uid[pass->side],
		(enum journal_risk)pair->risk, removed);
	if (!removed)
		return;
	if (suspect->pair >= search->first) {
		pass->counts.copied--;
		pass->counts.copied_bytes -= pair->size;
	}
	journal_unpair(pass->journal, folder, suspect->pair);
}

/* The folder is selected. Result as in driver.h. */
static int altered_look(
	struct pass *pass, struct altered_search *search, struct error *error)
{
	struct uidset uids = UIDSET_EMPTY;
	bool removed = false;
	int result;
	size_t i;

	altered_uids(search, false, &uids);
	result = digest_fetch(pass->other, &uids, altered_read, search, error);
	uidset_free(&uids);
	if (result != 1)
		return result;
	altered_uids(search, true, &uids);
	if (uids.count > 0 && mailbox_features(pass->other)->expunge_by_uid) {
		result = pass_goes_on(pass, error)
				 ? mailbox_expunge(pass->other, &uids, error)
				 : -1;
		removed = result == 1;
	}
	uidset_free(&uids);
	for (i = 0; result >= 0 && i < search->count; i++)
		altered_settle_one(pass, search, &search->suspects[i], removed);
	return result < 0 ? -1 : 1;
}

int altered_check(struct pass *pass, struct journal_folder *folder,
	size_t first, struct error *error)
{
	enum journal_side far = journal_other(pass->side);
	struct altered_search search = { .folder = folder, .first = first };
	struct mailbox_selected selected;
	int result = 1;

	altered_gather(pass, &search);
	if (search.count > 0)
		result = mailbox_select(
			pass->other, folder->name[far], true, &selected, error);
	if (result == 1 && search.count > 0 &&
		selected.status.uidvalidity == folder->uidvalidity[far])
		result = altered_look(pass, &search, error);
	free(search.suspects);
	if (result == 0) {
		error_prefix(error, "read back");
		pass_refuse(pass, folder->name[pass->side], 0, error);
	}
	if (result < 0)
		error_prefix(error, "other side: read back");
	return result < 0 ? -1 : 1;
}
