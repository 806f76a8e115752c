/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding folders under new names. */
#include "config.h"

#include "copier/round_rename.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "copier/folder_table.h"
#include "copier/mutf7.h"

#include "lib/xalloc.h"

/* Messages whose sizes are compared, and of them those that are read. */
#define ROUND_RENAME_SIZES   32
#define ROUND_RENAME_DIGESTS 2

/* A folder of the journal that home has under another name now. */
struct round_renamed {
	struct journal_folder *journal;
	struct view_folder *home;
	char *to; /* its new name at the other side */
};

struct round_renaming {
	struct pass *pass;
	const struct round_options *options;
	const struct view *home;
	struct view *other;
	enum journal_side far;
	struct round_renamed *list;
	size_t count;
};

/* Whether the folder is gone at home, and ours to rename at the other side. */
static bool round_is_missing(const struct round_renaming *renaming,
	const struct journal_folder *journal)
{
	enum journal_side side = renaming->pass->side;
	const struct view_folder *home;

	if (journal->gone || journal->live == 0 ||
		journal->uidvalidity[side] == 0 ||
		journal->seen[side].uidnext == 0 ||
		journal->foreign[renaming->far].count > 0 ||
		strcmp(journal->name[side], "INBOX") == 0 ||
		strcmp(journal->name[renaming->far], "INBOX") == 0 ||
		(!journal->made[renaming->far] &&
			renaming->options->removal != PLAN_REMOVE_PAIRED))
		return false;
	home = view_find(renaming->home, journal->name[side]);
	return home == NULL || !home->selectable;
}

static bool round_is_new(
	const struct round_renaming *renaming, const struct view_folder *home)
{
	return home->selectable && home->has_status && home->whole &&
	       home->count > 0 && strcmp(home->name, "INBOX") != 0 &&
	       journal_find(renaming->pass->journal, renaming->pass->side,
		       home->name) == NULL;
}

/* The one new folder with the UIDVALIDITY of this one, which no other missing
 * folder has. NULL when it is not so simple. */
static struct view_folder *round_find_new(const struct round_renaming *renaming,
	const struct journal_folder *journal)
{
	const struct journal *all = renaming->pass->journal;
	enum journal_side side = renaming->pass->side;
	uint32_t uidvalidity = journal->uidvalidity[side];
	struct view_folder *found = NULL;
	size_t i;

	for (i = 0; i < journal_count(all); i++) {
		const struct journal_folder *other = journal_at(all, i);

		if (other != journal &&
			other->uidvalidity[side] == uidvalidity &&
			round_is_missing(renaming, other))
			return NULL;
	}
	for (i = 0; i < renaming->home->count; i++) {
		struct view_folder *home = &renaming->home->folders[i];

		if (home->status.uidvalidity != uidvalidity ||
			!round_is_new(renaming, home))
			continue;
		if (found != NULL)
			return NULL;
		found = home;
	}
	return found;
}

/* By their UIDs: what was there when the folder was seen last is known, and at
 * least half of it is there still. *some_r gets a spread of them. */
static bool round_has_uids(const struct round_renaming *renaming,
	const struct journal_folder *journal, const struct view_folder *home,
	struct uidset *some_r)
{
	enum journal_side side = renaming->pass->side;
	size_t count, at = 0, i, known = 0;
	size_t *order = journal_sorted(journal, side, &count);
	size_t step = count / ROUND_RENAME_SIZES + 1;
	bool same = true;

	for (i = 0; same && i < home->count; i++) {
		uint32_t uid = home->messages[i].uid;

		while (at < count && journal->pairs[order[at]].uid[side] < uid)
			at++;
		if (at < count && journal->pairs[order[at]].uid[side] == uid) {
			if (known++ % step == 0)
				uidset_add(some_r, uid);
		} else if (uid < journal->seen[side].uidnext) {
			same = false;
		}
	}
	free(order);
	return same && 2 * known >= journal->live;
}

static const struct journal_pair *round_pair_of(
	const struct journal_folder *journal, enum journal_side side,
	uint32_t uid)
{
	size_t i;

	for (i = 0; i < journal->pairs_count; i++)
		if (!journal->pairs[i].gone &&
			journal->pairs[i].uid[side] == uid)
			return &journal->pairs[i];
	return NULL;
}

/* By size and digest: 1 the sample is as the journal says, 0 not, or -1. */
static int round_has_messages(struct round_renaming *renaming,
	const struct journal_folder *journal, struct view_folder *home,
	const struct uidset *some, struct error *error)
{
	struct pass *pass = renaming->pass;
	struct uidset few = UIDSET_EMPTY;
	size_t i;
	int result = view_measure(home, pass->home, some, error);

	for (i = 0; i < some->count && i < ROUND_RENAME_DIGESTS; i++)
		uidset_add(&few, some->uids[some->count - 1 - i]);
	if (result == 1)
		result = view_digest(home, pass->home, &few, error);
	for (i = 0; result == 1 && i < some->count; i++) {
		const struct view_message *message =
			view_message_find(home, some->uids[i]);
		const struct journal_pair *pair =
			round_pair_of(journal, pass->side, some->uids[i]);

		if (pair == NULL || !message->measured ||
			message->size != pair->size ||
			(message->digest != NULL &&
				memcmp(message->digest, pair->digest,
					JOURNAL_DIGEST) != 0) ||
			(message->digest == NULL &&
				uidset_has(&few, message->uid)))
			result = 0;
	}
	uidset_free(&few);
	return result;
}

/* Finds all that were renamed. 1 or -1. */
static int round_find_renamed(
	struct round_renaming *renaming, struct error *error)
{
	const struct journal *all = renaming->pass->journal;
	size_t i;
	int result = 1;

	for (i = 0; result >= 0 && i < journal_count(all); i++) {
		struct journal_folder *journal = journal_at(all, i);
		struct uidset some = UIDSET_EMPTY;
		struct view_folder *home = NULL;

		if (round_is_missing(renaming, journal))
			home = round_find_new(renaming, journal);
		result = 0;
		if (home != NULL &&
			round_has_uids(renaming, journal, home, &some))
			result = round_has_messages(
				renaming, journal, home, &some, error);
		uidset_free(&some);
		if (result != 1)
			continue;
		renaming->list = xreallocarray(renaming->list,
			renaming->count + 1, sizeof(*renaming->list));
		renaming->list[renaming->count++] =
			(struct round_renamed){ journal, home, NULL };
	}
	return result < 0 ? -1 : 1;
}

/* The names that the other side shall have, by the table of all folders. */
static void round_name_renamed(struct round_renaming *renaming)
{
	const struct folder_table_input input = { .home = renaming->home,
		.other = renaming->other,
		.journal = renaming->pass->journal,
		.side = renaming->pass->side,
		.map = renaming->pass->map };
	struct folder_table table;
	size_t i;

	folder_table_make(&input, &table);
	for (i = 0; i < renaming->count; i++) {
		struct round_renamed *renamed = &renaming->list[i];
		size_t place =
			(size_t)(renamed->home - renaming->home->folders);

		renamed->to = xstrdup(table.entries[place].name);
	}
	folder_table_clear(&table);
}

static int round_compare_renamed(const void *left, const void *right)
{
	const struct round_renamed *a = left, *b = right;
	size_t one = strlen(a->home->name), other = strlen(b->home->name);

	/* Parents first. */
	return (one > other) - (one < other);
}

/* The length of the folder's name with its separator, when name is below it. */
static size_t round_below(const struct view_folder *folder, const char *name)
{
	size_t size = strlen(folder->name);

	return folder->separator != '\0' &&
			       strncmp(name, folder->name, size) == 0 &&
			       name[size] == folder->separator
		       ? size + 1
		       : 0;
}

/* Whether all that is below the folder there was renamed with it at home: the
 * server will move it, too. */
static bool round_moves_whole(
	const struct round_renaming *renaming, const struct view_folder *folder)
{
	size_t i, j;

	for (i = 0; i < renaming->other->count; i++) {
		const char *name = renaming->other->folders[i].name;

		if (round_below(folder, name) == 0)
			continue;
		for (j = 0; j < renaming->count; j++)
			if (strcmp(renaming->list[j]
					    .journal->name[renaming->far],
				    name) == 0)
				break;
		if (j == renaming->count)
			return false;
	}
	return true;
}

/* The view's folder and those below it have got other names. */
static void round_rename_view(
	struct round_renaming *renaming, const char *from, const char *to)
{
	struct view_folder *folder = view_find(renaming->other, from);
	size_t i;

	for (i = 0; i < renaming->other->count; i++) {
		struct view_folder *below = &renaming->other->folders[i];
		size_t size = round_below(folder, below->name);
		char *name;

		if (size == 0)
			continue;
		name = xasprintf(
			"%s%c%s", to, folder->separator, below->name + size);
		view_rename(renaming->other, below, name);
		free(name);
	}
	view_rename(renaming->other, folder, to);
}

/* Subscriptions stay with the old name. */
static int round_unsubscribe(struct round_renaming *renaming, const char *from,
	struct view_folder *folder, struct error *error)
{
	int result = 1;

	if (folder->subscribed && renaming->options->dry_run == NULL)
		result = mailbox_subscribe(
			renaming->pass->other, from, false, error);
	folder->subscribed = false;
	return result < 0 ? -1 : 1;
}

/* Renames at the other side, unless it went along with its parent. 1 done, 0
 * not, or -1. */
static int round_rename_there(struct round_renaming *renaming,
	const struct round_renamed *renamed, const char *from,
	struct error *error)
{
	const struct view_folder *there =
		view_find(renaming->other, renamed->to);
	const struct view_folder *here = view_find(renaming->other, from);
	uint32_t uidvalidity = renamed->journal->uidvalidity[renaming->far];
	int result = 1;

	if (here == NULL)
		return there != NULL &&
		       there->status.uidvalidity == uidvalidity;
	if (there != NULL || here->status.uidvalidity != uidvalidity ||
		here->unread || !round_moves_whole(renaming, here))
		return 0;
	if (renaming->options->dry_run == NULL)
		result = mailbox_rename(
			renaming->pass->other, from, renamed->to, error);
	if (result == 1)
		round_rename_view(renaming, from, renamed->to);
	return result;
}

static int round_rename_one(struct round_renaming *renaming,
	const struct round_renamed *renamed, struct error *error)
{
	struct pass *pass = renaming->pass;
	struct journal_folder *journal = renamed->journal;
	char *from = xstrdup(journal->name[renaming->far]);
	const char *names[2];
	struct error shown[2];
	int result = round_rename_there(renaming, renamed, from, error);

	names[pass->side] = renamed->home->name;
	names[renaming->far] = renamed->to;
	if (result == 1)
		result = round_unsubscribe(renaming, from,
			view_find(renaming->other, renamed->to), error);
	if (result == 1 && renaming->options->dry_run != NULL) {
		mutf7_show(from, &shown[0]);
		mutf7_show(renamed->to, &shown[1]);
		buffer_printf(renaming->options->dry_run, "rename %s -> %s\n",
			shown[0].text, shown[1].text);
		journal_rename_unwritten(pass->journal, journal, names);
	} else if (result == 1) {
		journal_rename(pass->journal, journal, names);
		if (journal->subscribed[renaming->far])
			journal_subscribed(
				pass->journal, journal, renaming->far, false);
	}
	free(from);
	return result < 0 ? -1 : 1;
}

int round_rename(struct pass *pass, const struct round_options *options,
	const struct view *home, struct view *other, struct error *error)
{
	struct round_renaming renaming = { .pass = pass,
		.options = options,
		.home = home,
		.other = other,
		.far = journal_other(pass->side) };
	size_t i;
	int result = round_find_renamed(&renaming, error);

	if (result == 1 && renaming.count > 0) {
		round_name_renamed(&renaming);
		qsort(renaming.list, renaming.count, sizeof(*renaming.list),
			round_compare_renamed);
	}
	for (i = 0; result == 1 && i < renaming.count; i++)
		result = round_rename_one(&renaming, &renaming.list[i], error);
	for (i = 0; i < renaming.count; i++)
		free(renaming.list[i].to);
	free(renaming.list);
	return result;
}
