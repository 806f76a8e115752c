/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is told the server of many folders at once: their UIDVALIDITY before
 * the first message, a new one where UIDs clash, and the gap before a flip,
 * which is inside the freeze. Sent ahead, over several connections.
 */
#include "config.h"

#include "copier/identity_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "copier/identity_judge.h"

#include "lib/xalloc.h"

/* Connections that share the work. */
#define IDENTITY_SHARES 4
/* Commands that are worth a further connection. */
#define IDENTITY_SHARE_MIN 4

/* One command. Those of a folder follow one another and keep their order. */
struct identity_task {
	const char *folder;
	struct identity_update update;
	int result; /* 1, or 0 with words */
	struct error words;
};

struct identity_tasks {
	struct identity_task *list;
	size_t count;
};

/* What one connection does. */
struct identity_share {
	struct doveadm *doveadm;
	size_t end;	       /* of its tasks */
	size_t sent, answered; /* indexes */
	bool broken;
};

/* Sends what may be under way. 1 or -1. */
static int identity_share_send(struct identity *identity,
	struct identity_share *share, struct identity_task *tasks,
	struct error *error)
{
	int result = 1;

	while (result == 1 && share->sent < share->end &&
		share->sent < share->answered + DOVEADM_AHEAD) {
		const struct identity_task *task = &tasks[share->sent];

		result = identity_send(identity, share->doveadm, task->folder,
			&task->update, error);
		share->sent += result == 1;
	}
	return result == 1 ? 1 : -1;
}

/* The answer that is due. 1 or -1. */
static int identity_share_answer(struct identity_share *share,
	struct identity_task *tasks, struct error *error)
{
	struct identity_task *task = &tasks[share->answered];

	task->result = doveadm_answer(share->doveadm, error);
	if (task->result < 0) {
		share->broken = true;
		return -1;
	}
	if (task->result == 0)
		error_set(&task->words, "doveadm mailbox update %s: %s",
			task->folder, error->text);
	share->answered++;
	return 1;
}

static int identity_share_all(struct identity *identity,
	struct identity_share *shares, size_t count,
	struct identity_task *tasks, struct error *error)
{
	bool more = true;
	int result = 1;
	size_t i;

	while (result == 1 && more) {
		more = false;
		for (i = 0; result == 1 && i < count; i++)
			result = identity_share_send(
				identity, &shares[i], tasks, error);
		for (i = 0; result == 1 && i < count; i++)
			if (shares[i].answered < shares[i].sent) {
				result = identity_share_answer(
					&shares[i], tasks, error);
				more = true;
			}
	}
	return result;
}

/* Where a share ends that should end about there: not within a folder. */
static size_t identity_share_end(
	const struct identity_tasks *tasks, size_t about)
{
	while (about > 0 && about < tasks->count &&
		tasks->list[about].folder == tasks->list[about - 1].folder)
		about++;
	return about;
}

/* Does the tasks once. 1 all are answered, -1. */
static int identity_do_once(struct identity *identity,
	struct identity_tasks *tasks, struct error *error)
{
	struct identity_share shares[IDENTITY_SHARES] = { { .end = 0 } };
	size_t parts = tasks->count / IDENTITY_SHARE_MIN + 1, begin = 0, i;
	enum mailbox_failure failure;
	int result = 1;

	if (parts > IDENTITY_SHARES)
		parts = IDENTITY_SHARES;
	for (i = 0; result == 1 && i < parts; i++) {
		shares[i].sent = shares[i].answered = begin;
		shares[i].end = begin = identity_share_end(
			tasks, tasks->count * (i + 1) / parts);
		shares[i].doveadm =
			identity_take(identity, false, &failure, error);
		if (shares[i].doveadm == NULL)
			result = -1;
	}
	if (result == 1)
		result = identity_share_all(
			identity, shares, parts, tasks->list, error);
	for (i = 0; i < parts; i++)
		if (shares[i].doveadm != NULL)
			identity_give(identity, &shares[i].doveadm,
				shares[i].broken ||
					shares[i].answered < shares[i].sent);
	return result;
}

/* The same; all may be said twice, since an idle connection may have been
 * closed since it was last used. */
static int identity_do(struct identity *identity, struct identity_tasks *tasks,
	struct error *error)
{
	if (tasks->count == 0 || identity_do_once(identity, tasks, error) == 1)
		return 1;
	identity_hang_up(identity);
	return identity_do_once(identity, tasks, error);
}

static struct identity_update *identity_task_add(
	struct identity_tasks *tasks, const char *folder)
{
	struct identity_task *task;

	tasks->list = xreallocarray(
		tasks->list, tasks->count + 1, sizeof(*tasks->list));
	task = &tasks->list[tasks->count++];
	memset(task, 0, sizeof(*task));
	task->folder = folder;
	return &task->update;
}

/*
 * Maildir begins a new log of changes with each UIDVALIDITY, and keeps one old
 * one: hence two. Only a raise makes it note the modification sequence of each
 * message, and the new log forgets that: hence the last.
 */
static void identity_folder_tasks(
	struct identity_tasks *tasks, const struct identity_folder *folder)
{
	uint32_t uidvalidity = folder->home->uidvalidity;

	if (folder->modseq > 0) {
		identity_task_add(tasks, folder->name)->modseq = folder->modseq;
		identity_task_add(tasks, folder->name)->uidvalidity =
			uidvalidity > 1 ? uidvalidity - 1 : 2;
	}
	identity_task_add(tasks, folder->name)->uidvalidity = uidvalidity;
	if (folder->modseq > 0)
		identity_task_add(tasks, folder->name)->modseq =
			folder->modseq + 1;
}

/* Whether the folder can have home's UIDs; the words say why not. */
static bool identity_folder_is_free(struct identity_folder *folder)
{
	if (folder->other.messages > 0) {
		error_set(&folder->words, "it holds messages already");
		return false;
	}
	if (folder->first != 0 && folder->other.uidnext > folder->first) {
		error_set(&folder->words,
			"UID %" PRIu32 " was given away there", folder->first);
		return false;
	}
	return folder->home->uidvalidity != 0;
}

/* Sets the results of the folders by those of their tasks. */
static void identity_folders_done(struct identity_folder *folders, size_t count,
	const struct identity_tasks *tasks)
{
	size_t i, j = 0;

	for (i = 0; i < count; i++) {
		if (folders[i].result == 0)
			continue;
		for (; j < tasks->count &&
			tasks->list[j].folder == folders[i].name;
			j++) {
			if (tasks->list[j].result == 1)
				continue;
			folders[i].result = 0;
			folders[i].words = tasks->list[j].words;
		}
	}
}

int identity_folders(struct identity *identity, struct identity_folder *folders,
	size_t count, struct error *error)
{
	struct identity_tasks tasks = { NULL, 0 };
	size_t i;
	int result;

	for (i = 0; i < count; i++) {
		folders[i].result = identity_folder_is_free(&folders[i]);
		if (folders[i].result == 1)
			identity_folder_tasks(&tasks, &folders[i]);
	}
	result = identity_do(identity, &tasks, error);
	if (result == 1)
		identity_folders_done(folders, count, &tasks);
	free(tasks.list);
	return result;
}

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

/* Whether the folder is to be looked at, as it costs time; and that it was. */
static bool identity_doubts(
	struct identity_place *place, size_t foreign, bool all)
{
	bool doubtful = all || !place->judged || place->foreign != foreign;

	place->judged = true;
	place->foreign = foreign;
	return doubtful;
}

int identity_heal(struct identity *identity, const struct journal *journal,
	enum journal_side home, bool all, size_t *healed_r, struct error *error)
{
	enum journal_side far = journal_other(home);
	size_t i;

	*healed_r = 0;
	for (i = 0; i < journal_count(journal); i++) {
		const struct journal_folder *folder = journal_at(journal, i);
		struct identity_update update = { 0 };
		struct identity_place *place;

		if (folder->gone || !identity_same_validity(folder))
			continue;
		place = identity_place(identity, folder->name[far]);
		if (!identity_doubts(place, folder->foreign[far].count, all) ||
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

int identity_gap(struct identity *identity, const struct journal *journal,
	enum journal_side home, bool inbox, struct error *error)
{
	struct identity_tasks tasks = { NULL, 0 };
	size_t i;
	int result;

	for (i = 0; i < journal_count(journal); i++) {
		const struct journal_folder *folder = journal_at(journal, i);
		uint32_t next = identity_home_uidnext(folder, home);

		if ((strcasecmp(folder->name[home], "INBOX") == 0) != inbox)
			continue;
		/* Where UIDs are at their end there is no room for a gap. */
		if (!folder->gone && identity_same_validity(folder) &&
			next < UINT32_MAX - 2 * IDENTITY_GAP)
			identity_task_add(
				&tasks, folder->name[journal_other(home)])
				->uidnext = next + IDENTITY_GAP;
	}
	result = identity_do(identity, &tasks, error);
	for (i = 0; result == 1 && i < tasks.count; i++)
		if (tasks.list[i].result != 1) {
			error_set(error, "%s", tasks.list[i].words.text);
			result = -1;
		}
	free(tasks.list);
	return result;
}
