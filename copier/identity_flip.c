/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All folders at once: what a round found out of order, and the gap before a
 * flip, which is inside the freeze and so sent ahead on several connections.
 */
#include "config.h"

#include "copier/identity_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copier/identity_judge.h"

#include "lib/xalloc.h"

/* Connections that share the work on a freeze's folders. */
#define IDENTITY_SHARES 4
/* Folders that are worth a further connection. */
#define IDENTITY_SHARE_MIN 4

/* One folder's part of what is done for all. */
struct identity_task {
	const char *folder;
	struct identity_update update;
};

struct identity_share {
	struct doveadm *doveadm;
	size_t first, end; /* of the tasks */
	size_t sent, answered;
	bool broken;
};

/* A UIDVALIDITY that no client has seen: later than both, and than the clock
 * of a server that takes it from there. */
static uint32_t identity_fresh_validity(const struct journal_folder *folder)
{
	uint32_t fresh = (uint32_t)time(NULL);
	int side;

	for (side = 0; side < 2; side++)
		if (folder->uidvalidity[side] >= fresh &&
			folder->uidvalidity[side] < UINT32_MAX)
			fresh = folder->uidvalidity[side] + 1;
	return fresh;
}

int identity_heal(struct identity *identity, const struct journal *journal,
	enum journal_side home, size_t *healed_r, struct error *error)
{
	enum journal_side far = journal_other(home);
	size_t i;

	*healed_r = 0;
	for (i = 0; i < journal_count(journal); i++) {
		const struct journal_folder *folder = journal_at(journal, i);
		struct identity_update update = { 0 };

		if (folder->gone || !identity_same_validity(folder) ||
			identity_judge(folder, home).fate != IDENTITY_CLASH)
			continue;
		update.uidvalidity = identity_fresh_validity(folder);
		if (identity_update(
			    identity, folder->name[far], &update, error) < 1)
			return -1;
		(*healed_r)++;
	}
	return 1;
}

static struct identity_task *identity_gap_tasks(
	const struct journal *journal, enum journal_side home, size_t *count_r)
{
	struct identity_task *tasks =
		xcalloc(journal_count(journal) + 1, sizeof(*tasks));
	size_t i;

	*count_r = 0;
	for (i = 0; i < journal_count(journal); i++) {
		const struct journal_folder *folder = journal_at(journal, i);
		uint32_t next;

		if (folder->gone || !identity_same_validity(folder))
			continue;
		next = identity_home_uidnext(folder, home);
		/* Where UIDs are at their end there is room for none. */
		if (next > UINT32_MAX - 2 * IDENTITY_GAP)
			continue;
		tasks[*count_r].folder = folder->name[journal_other(home)];
		tasks[(*count_r)++].update.uidnext = next + IDENTITY_GAP;
	}
	return tasks;
}

/* Sends what may be under way, and takes one answer. 1 or -1. */
static int identity_share_step(struct identity *identity,
	struct identity_share *share, const struct identity_task *tasks,
	struct error *error)
{
	const struct identity_task *task = &tasks[share->first];
	int result = 1;

	while (result == 1 && share->first + share->sent < share->end &&
		share->sent < share->answered + DOVEADM_AHEAD) {
		result = identity_send(identity, share->doveadm,
			task[share->sent].folder, &task[share->sent].update,
			error);
		share->sent += result == 1;
	}
	return result == 1 ? 1 : -1;
}

/* The answer that is due. 1 or -1. */
static int identity_share_answer(struct identity_share *share,
	const struct identity_task *tasks, struct error *error)
{
	const char *folder = tasks[share->first + share->answered].folder;
	int result = doveadm_answer(share->doveadm, error);

	share->answered++;
	if (result == 0)
		error_prefix(error, "doveadm mailbox update %s", folder);
	share->broken = result < 0;
	return result == 1 ? 1 : -1;
}

static int identity_share_all(struct identity *identity,
	struct identity_share *shares, size_t shares_count,
	const struct identity_task *tasks, struct error *error)
{
	bool more = true;
	int result = 1;
	size_t i;

	while (result == 1 && more) {
		more = false;
		for (i = 0; result == 1 && i < shares_count; i++)
			result = identity_share_step(
				identity, &shares[i], tasks, error);
		for (i = 0; result == 1 && i < shares_count; i++)
			if (shares[i].answered < shares[i].sent) {
				result = identity_share_answer(
					&shares[i], tasks, error);
				more = true;
			}
	}
	return result;
}

/* Does the tasks, sent ahead. 1 or -1. */
static int identity_do(struct identity *identity,
	const struct identity_task *tasks, size_t count, struct error *error)
{
	struct identity_share shares[IDENTITY_SHARES] = { { .sent = 0 } };
	size_t parts = count / IDENTITY_SHARE_MIN + 1, i;
	int result = 1;

	if (parts > IDENTITY_SHARES)
		parts = IDENTITY_SHARES;
	for (i = 0; result == 1 && i < parts; i++) {
		shares[i].first = count * i / parts;
		shares[i].end = count * (i + 1) / parts;
		shares[i].doveadm = identity_take(identity, false, error);
		if (shares[i].doveadm == NULL)
			result = -1;
	}
	if (result == 1)
		result = identity_share_all(
			identity, shares, parts, tasks, error);
	for (i = 0; i < parts; i++)
		if (shares[i].doveadm != NULL)
			identity_give(identity, &shares[i].doveadm,
				shares[i].broken ||
					shares[i].answered < shares[i].sent);
	return result;
}

int identity_gap(struct identity *identity, const struct journal *journal,
	enum journal_side home, struct error *error)
{
	size_t count;
	struct identity_task *tasks = identity_gap_tasks(journal, home, &count);
	int result = count > 0 ? identity_do(identity, tasks, count, error) : 1;

	/* An idle connection may have been closed since it was last used. */
	if (result < 0) {
		identity_hang_up(identity);
		result = identity_do(identity, tasks, count, error);
	}
	free(tasks);
	return result;
}
