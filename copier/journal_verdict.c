/* SPDX-License-Identifier: BSD-2-Clause */
/* What the other side has stored otherwise: few of many, so a list of their own
 * beside the pairs. */
#include "config.h"

#include "copier/journal_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

static struct journal_verdict *verdict_find(const struct journal_folder *folder,
	enum journal_side from, uint32_t uid)
{
	size_t i;

	for (i = 0; uid != 0 && i < folder->verdicts_count; i++)
		if (folder->verdicts[i].from == from &&
			folder->verdicts[i].uid == uid)
			return &folder->verdicts[i];
	return NULL;
}

void journal_apply_judge(
	struct journal_folder *folder, const struct journal_verdict *verdict)
{
	struct journal_verdict *known =
		verdict_find(folder, verdict->from, verdict->uid);

	if (known == NULL) {
		folder->verdicts = xreallocarray(folder->verdicts,
			folder->verdicts_count + 1, sizeof(*folder->verdicts));
		known = &folder->verdicts[folder->verdicts_count++];
	}
	*known = *verdict;
}

void journal_judge(struct journal *journal, struct journal_folder *folder,
	const struct journal_verdict *verdict)
{
	journal_apply_judge(folder, verdict);
	journal_print_verdict(journal, folder, verdict);
}

void journal_apply_acquit(
	struct journal_folder *folder, enum journal_side from, uint32_t uid)
{
	size_t i, kept = 0;

	for (i = 0; i < folder->verdicts_count; i++)
		if (folder->verdicts[i].from != from ||
			folder->verdicts[i].uid != uid)
			folder->verdicts[kept++] = folder->verdicts[i];
	folder->verdicts_count = kept;
}

void journal_acquit(struct journal *journal, struct journal_folder *folder,
	enum journal_side from, uint32_t uid)
{
	journal_apply_acquit(folder, from, uid);
	journal_line(
		journal, "v %u %d %u", folder->id, (int)from, (unsigned)uid);
}

void journal_void_verdicts(
	struct journal_folder *folder, enum journal_side side)
{
	size_t i;

	for (i = 0; i < folder->verdicts_count; i++)
		if (folder->verdicts[i].from == side)
			folder->verdicts[i].uid = 0;
}

void journal_revive_verdict(
	struct journal_folder *folder, const struct journal_pair *pair)
{
	size_t i;

	for (i = 0; i < folder->verdicts_count; i++) {
		struct journal_verdict *verdict = &folder->verdicts[i];

		if (verdict->uid != 0 || pair->uid[verdict->from] == 0 ||
			(memcmp(verdict->digest, pair->digest,
				 JOURNAL_DIGEST) != 0 &&
				memcmp(verdict->stored, pair->digest,
					JOURNAL_DIGEST) != 0))
			continue;
		verdict->uid = pair->uid[verdict->from];
		return;
	}
}

const struct journal_verdict *journal_verdict(
	const struct journal_folder *folder, enum journal_side from,
	uint32_t uid)
{
	return verdict_find(folder, from, uid);
}

const struct journal_verdict *journal_pair_verdict(
	const struct journal_folder *folder, const struct journal_pair *pair)
{
	const struct journal_verdict *verdict =
		verdict_find(folder, JOURNAL_SOURCE, pair->uid[JOURNAL_SOURCE]);

	return verdict != NULL ? verdict
			       : verdict_find(folder, JOURNAL_DESTINATION,
					 pair->uid[JOURNAL_DESTINATION]);
}

size_t journal_verdict_pair(const struct journal_folder *folder,
	const struct journal_verdict *verdict)
{
	size_t i;

	for (i = 0; i < folder->pairs_count; i++)
		if (!folder->pairs[i].gone && folder->pairs[i].uid[0] != 0 &&
			folder->pairs[i].uid[1] != 0 &&
			folder->pairs[i].uid[verdict->from] == verdict->uid)
			return i;
	return SIZE_MAX;
}

const unsigned char *journal_pair_digest(const struct journal_folder *folder,
	const struct journal_pair *pair, enum journal_side side)
{
	const struct journal_verdict *verdict =
		journal_pair_verdict(folder, pair);

	if (verdict == NULL)
		return pair->digest;
	return verdict->from == side ? verdict->digest : verdict->stored;
}

uint64_t journal_pair_size(const struct journal_folder *folder,
	const struct journal_pair *pair, enum journal_side side)
{
	const struct journal_verdict *verdict =
		journal_pair_verdict(folder, pair);

	if (verdict == NULL)
		return pair->size;
	return verdict->from == side ? verdict->size : verdict->stored_size;
}
