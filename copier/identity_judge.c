/* SPDX-License-Identifier: BSD-2-Clause */
/* Judging UIDs: which are the same, which are others, which must not be. */
#include "config.h"

#include "copier/identity_judge.h"

#include <inttypes.h>
#include <stdlib.h>

#include "copier/identity.h"
#include "copier/mutf7.h"
#include "copier/uidset.h"

uint32_t identity_home_uidnext(
	const struct journal_folder *folder, enum journal_side home)
{
	uint32_t seen = folder->seen[home].uidnext;
	uint32_t next = folder->next[home];

	if (seen > next)
		next = seen;
	return next > 0 ? next : 1;
}

/* Whether home may ever have given that UID. Those of a gap that was left at
 * an earlier flip, between the old home's last and its first of its own, are
 * none of its. */
static bool identity_is_homes(
	const struct uidset *used, uint32_t next, uint32_t uid)
{
	uint32_t below = 0, above = next;
	size_t low = 0, high = used->count;

	if (uid >= next)
		return false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (used->uids[middle] < uid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
		below = used->uids[low - 1];
	if (low < used->count)
		above = used->uids[low];
	return above == uid || above - below < IDENTITY_GAP / 2;
}

/* UIDs of home's messages. */
static struct uidset identity_used(
	const struct journal_folder *folder, enum journal_side home)
{
	struct uidset used = UIDSET_EMPTY;
	size_t count, i;
	size_t *order = journal_sorted(folder, home, &count);

	for (i = 0; i < count; i++)
		uidset_add(&used, folder->pairs[order[i]].uid[home]);
	free(order);
	return used;
}

struct identity_verdict identity_judge(
	const struct journal_folder *folder, enum journal_side home)
{
	enum journal_side far = journal_other(home);
	struct identity_verdict verdict = { .fate = IDENTITY_KEPT,
		.foreign = folder->foreign[far].count };
	struct uidset used = identity_used(folder, home);
	uint32_t next = identity_home_uidnext(folder, home);
	bool clash = false;
	size_t i;

	for (i = 0; i < folder->pairs_count; i++) {
		const struct journal_pair *pair = &folder->pairs[i];

		if (pair->gone || pair->uid[home] == 0 || pair->uid[far] == 0)
			continue;
		verdict.messages++;
		if (pair->uid[home] == pair->uid[far])
			continue;
		verdict.other_uid++;
		clash |= identity_is_homes(&used, next, pair->uid[far]);
	}
	for (i = 0; i < verdict.foreign; i++)
		clash |= identity_is_homes(
			&used, next, folder->foreign[far].uids[i]);
	uidset_free(&used);
	if (!identity_same_validity(folder))
		verdict.fate = IDENTITY_ANEW;
	else if (clash)
		verdict.fate = IDENTITY_CLASH;
	else if (verdict.other_uid > 0)
		verdict.fate = IDENTITY_PARTLY;
	return verdict;
}

/* Why a folder got no identity, as far as can be told afterwards. */
static const char *identity_why(
	const struct identity_verdict *verdict, bool doveadm)
{
	if (!doveadm)
		return "the server there cannot be told UIDs";
	if (verdict->foreign > 0)
		return "it holds messages of its own there";
	return "it had been in use there";
}

static void identity_report_folder(const char *name,
	const struct identity_verdict *verdict, bool doveadm,
	struct buffer *text)
{
	struct error shown;

	mutf7_show(name, &shown);
	switch (verdict->fate) {
	case IDENTITY_KEPT:
		break;
	case IDENTITY_PARTLY:
		buffer_printf(text,
			"folder %s: IMAP clients download %zu of %zu messages "
			"again: they came late, or their UIDs were taken\n",
			shown.text, verdict->other_uid, verdict->messages);
		break;
	case IDENTITY_ANEW:
		buffer_printf(text,
			"folder %s: IMAP clients download it anew (%zu "
			"message%s): %s\n",
			shown.text, verdict->messages,
			verdict->messages == 1 ? "" : "s",
			identity_why(verdict, doveadm));
		break;
	case IDENTITY_CLASH:
		buffer_printf(text,
			"folder %s: UIDs there stand for other messages than "
			"at home; it must not be served like that\n",
			shown.text);
		break;
	}
}

void identity_report(const struct journal *journal, enum journal_side home,
	bool doveadm, struct buffer *text)
{
	size_t count[IDENTITY_CLASH + 1] = { 0 }, folders = 0, kept, i;
	struct buffer lines = BUFFER_EMPTY;

	for (i = 0; i < journal_count(journal); i++) {
		const struct journal_folder *folder = journal_at(journal, i);
		struct identity_verdict verdict;

		if (folder->gone || folder->uidvalidity[home] == 0)
			continue;
		verdict = identity_judge(folder, home);
		count[verdict.fate]++;
		folders++;
		identity_report_folder(
			folder->name[home], &verdict, doveadm, &lines);
	}
	kept = count[IDENTITY_KEPT] + count[IDENTITY_PARTLY];
	buffer_printf(text, "%zu of %zu folders keep UIDVALIDITY and UIDs%s\n",
		kept, folders,
		kept > 0 ? ": IMAP clients go on with what they have" : "");
	if (lines.size > 0)
		buffer_add(text, lines.data, lines.size);
	buffer_free(&lines);
}
