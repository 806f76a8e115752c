/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading back what a server may have altered, and what becomes of it. */
#include "config.h"

#include "copier/altered.h"

#include <stdlib.h>
#include <string.h>

#include "copier/digest.h"
#include "copier/refused.h"

#include "lib/instant.h"
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
	uint64_t stored_size;
	unsigned char stored[JOURNAL_DIGEST];
};

/* The suspects of a folder, by UID. */
struct altered_search {
	struct journal_folder *folder;
	struct altered_suspect *suspects;
	size_t count;
};

/* ---- what is known ---- */

/* Whether a message may stay as the other side has it, or is left behind. */
static bool altered_is_approved(const struct pass *pass,
	const struct journal_folder *folder, uint32_t uid)
{
	const char *name = folder->name[pass->side];
	uint32_t uidvalidity = folder->uidvalidity[pass->side];

	return pass->altered == PASS_ALTERED_KEEP ||
	       refused_is_kept(pass, name, uidvalidity, uid) ||
	       refused_is_left(pass, name, uidvalidity, uid);
}

/* Whether a pair is to be read back. */
static bool altered_is_suspect(const struct journal_pair *pair)
{
	return !pair->gone && pair->risk != JOURNAL_NO_RISK &&
	       pair->uid[0] != 0 && pair->uid[1] != 0;
}

uint32_t altered_open(
	const struct pass *pass, const struct journal_folder *folder)
{
	size_t i;

	for (i = 0; folder->risky > 0 && i < folder->pairs_count; i++) {
		const struct journal_pair *pair = &folder->pairs[i];

		if (altered_is_suspect(pair) &&
			!refused_is_left(pass, folder->name[pass->side],
				folder->uidvalidity[pass->side],
				pair->uid[pass->side]))
			return pair->uid[pass->side];
	}
	for (i = 0; i < folder->verdicts_count; i++) {
		const struct journal_verdict *verdict = &folder->verdicts[i];

		if (verdict->from == pass->side && verdict->uid != 0 &&
			!altered_is_approved(pass, folder, verdict->uid))
			return verdict->uid;
	}
	return 0;
}

bool altered_waits(const struct journal_folder *folder, enum journal_side side)
{
	size_t i;

	for (i = 0; i < folder->verdicts_count; i++)
		if (folder->verdicts[i].from == side &&
			folder->verdicts[i].uid != 0 &&
			journal_verdict_pair(folder, &folder->verdicts[i]) ==
				SIZE_MAX)
			return true;
	return false;
}

void altered_leave(const struct pass *pass, const struct journal_folder *folder,
	struct uidset *uids)
{
	size_t i, kept = 0;

	if (folder->verdicts_count == 0)
		return;
	for (i = 0; i < uids->count; i++)
		if (journal_verdict(folder, pass->side, uids->uids[i]) ==
				NULL ||
			altered_is_approved(pass, folder, uids->uids[i]))
			uids->uids[kept++] = uids->uids[i];
	uids->count = kept;
}

/* Whether home has the message still, by what was read of it. */
static bool altered_is_there(const struct view_folder *home, uint32_t uid)
{
	return home != NULL &&
	       (view_message_find(home, uid) != NULL ||
		       (!home->whole && !view_has_vanished(home, uid)));
}

void altered_forget(struct pass *pass, struct journal_folder *folder,
	const struct view_folder *home)
{
	size_t i;

	for (i = folder->verdicts_count; i-- > 0;) {
		const struct journal_verdict *verdict = &folder->verdicts[i];

		/* With one whose UID is void all of them go. */
		if (i >= folder->verdicts_count ||
			(verdict->uid != 0 && journal_verdict_pair(folder,
						      verdict) != SIZE_MAX) ||
			(verdict->from == pass->side &&
				altered_is_there(home, verdict->uid)))
			continue;
		journal_acquit(
			pass->journal, folder, verdict->from, verdict->uid);
	}
}

/* ---- telling ---- */

const char *altered_risk_words(enum journal_risk risk)
{
	static const char *const words[] = {
		[JOURNAL_NO_RISK] = "nothing odd",
		[JOURNAL_RISK_NUL] = "NUL octets",
		[JOURNAL_RISK_LINES] = "line ends other than CR LF",
		[JOURNAL_RISK_HEADER] = "octets beyond ASCII in its header",
	};

	return words[risk];
}

void altered_remind(struct pass *pass)
{
	size_t i, j;

	for (i = 0; i < journal_count(pass->journal); i++) {
		const struct journal_folder *folder =
			journal_at(pass->journal, i);

		for (j = 0; !folder->gone && j < folder->verdicts_count; j++) {
			const struct journal_verdict *verdict =
				&folder->verdicts[j];
			bool there = journal_verdict_pair(folder, verdict) !=
				     SIZE_MAX;
			struct error words;

			if (verdict->from != pass->side || verdict->uid == 0 ||
				altered_is_approved(pass, folder, verdict->uid))
				continue;
			error_set(&words,
				"altered: it has %s, and the server stores "
				"others in their place; %s",
				altered_risk_words(
					(enum journal_risk)verdict->risk),
				there ? "it is there so"
				      : "it was taken out again");
			pass_refuse_altered(pass, folder->name[pass->side],
				verdict, &words);
		}
	}
}

void altered_each(const struct pass *pass, altered_fn *callback, void *context)
{
	size_t i, j;

	for (i = 0; i < journal_count(pass->journal); i++) {
		const struct journal_folder *folder =
			journal_at(pass->journal, i);

		for (j = 0; !folder->gone && j < folder->verdicts_count; j++) {
			const struct journal_verdict *verdict =
				&folder->verdicts[j];
			size_t pair = journal_verdict_pair(folder, verdict);

			if (verdict->from != pass->side || pair == SIZE_MAX ||
				!altered_is_approved(
					pass, folder, verdict->uid))
				continue;
			callback(context, folder, verdict,
				folder->pairs[pair]
					.uid[journal_other(pass->side)]);
		}
	}
}

/* ---- reading back ---- */

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
		if (altered_is_suspect(&folder->pairs[order[i]]))
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

static void altered_read(void *context, const struct digest_message *message)
{
	const struct altered_search *search = context;
	const struct altered_suspect wanted = { .uid = message->uid };
	struct altered_suspect *suspect = bsearch(&wanted, search->suspects,
		search->count, sizeof(*search->suspects), altered_compare);

	if (suspect == NULL)
		return;
	suspect->fate = memcmp(search->folder->pairs[suspect->pair].digest,
				message->digest, JOURNAL_DIGEST) == 0
				? ALTERED_SAME
				: ALTERED_OTHER;
	suspect->stored_size = message->size;
	memcpy(suspect->stored, message->digest, JOURNAL_DIGEST);
}

static void altered_judge(struct pass *pass,
	const struct altered_search *search,
	const struct altered_suspect *suspect)
{
	struct journal_folder *folder = search->folder;
	const struct journal_pair *pair = &folder->pairs[suspect->pair];
	struct journal_verdict verdict = { .from = pass->side,
		.uid = pair->uid[pass->side],
		.risk = pair->risk,
		.at = instant_now(),
		.size = pair->size,
		.stored_size = suspect->stored_size };

	if (suspect->fate == ALTERED_GONE)
		return;
	if (suspect->fate == ALTERED_OTHER) {
		memcpy(verdict.digest, pair->digest, JOURNAL_DIGEST);
		memcpy(verdict.stored, suspect->stored, JOURNAL_DIGEST);
		journal_judge(pass->journal, folder, &verdict);
	} else if (journal_verdict(folder, pass->side, verdict.uid) != NULL) {
		journal_acquit(pass->journal, folder, pass->side, verdict.uid);
	}
	/* Behind the verdict: without one it is to be read back still. */
	journal_assure(pass->journal, folder, suspect->pair);
}

/* The folder is selected at the other side. Result as in driver.h. */
static int altered_look(
	struct pass *pass, struct journal_folder *folder, struct error *error)
{
	struct altered_search search = { .folder = folder };
	struct uidset uids = UIDSET_EMPTY;
	size_t i;
	int result = 1;

	altered_gather(pass, &search);
	for (i = 0; i < search.count; i++)
		uidset_add(&uids, search.suspects[i].uid);
	if (uids.count > 0)
		result = digest_fetch(
			pass->other, &uids, altered_read, &search, error);
	for (i = 0; result == 1 && i < search.count; i++)
		altered_judge(pass, &search, &search.suspects[i]);
	uidset_free(&uids);
	free(search.suspects);
	return result;
}

/* ---- taking out ---- */

/* Which pairs are to be taken out of the folder there. */
typedef bool altered_which_fn(const struct pass *pass,
	const struct journal_folder *folder,
	const struct journal_verdict *verdict);

static bool altered_is_unwanted(const struct pass *pass,
	const struct journal_folder *folder,
	const struct journal_verdict *verdict)
{
	return pass->altered == PASS_ALTERED_REMOVE &&
	       !altered_is_approved(pass, folder, verdict->uid);
}

static bool altered_is_asked(const struct pass *pass,
	const struct journal_folder *folder,
	const struct journal_verdict *verdict)
{
	int64_t again = refused_again(pass, folder->name[pass->side],
		folder->uidvalidity[pass->side], verdict->uid);

	return verdict->at <
	       (again > pass->altered_again ? again : pass->altered_again);
}

static void altered_unpair(struct pass *pass, struct journal_folder *folder,
	size_t index, size_t first)
{
	if (index >= first) {
		pass->counts.copied--;
		pass->counts.copied_bytes -= folder->pairs[index].size;
	}
	journal_unpair(pass->journal, folder, index);
}

/*
 * Expunges what was altered, of our own messages alone, and dissolves its pair.
 * The folder is selected there. Result as in driver.h; 0 also where the server
 * cannot: it stays.
 */
static int altered_take_out(struct pass *pass, struct journal_folder *folder,
	altered_which_fn *which, size_t first, struct error *error)
{
	enum journal_side far = journal_other(pass->side);
	struct uidset uids = UIDSET_EMPTY;
	size_t *pairs = xcalloc(folder->verdicts_count + 1, sizeof(*pairs));
	size_t count = 0, i;
	int result = 1;

	for (i = 0; i < folder->verdicts_count; i++) {
		const struct journal_verdict *verdict = &folder->verdicts[i];
		size_t pair = journal_verdict_pair(folder, verdict);

		if (verdict->from != pass->side || pair == SIZE_MAX ||
			!which(pass, folder, verdict))
			continue;
		uidset_add(&uids, folder->pairs[pair].uid[far]);
		pairs[count++] = pair;
	}
	if (count > 0 && !mailbox_features(pass->other)->expunge_by_uid) {
		error_set(error, "the server removes no single message");
		result = 0;
	} else if (count > 0) {
		struct mailbox_change removal = { .uids = &uids };

		result = pass_goes_on(pass, error) ? mailbox_change(pass->other,
							     &removal, 1, error)
						   : -1;
		if (result == 1 && !removal.done) {
			error_set(error, "%s", removal.words.text);
			result = 0;
		}
	}
	for (i = 0; result == 1 && i < count; i++)
		altered_unpair(pass, folder, pairs[i], first);
	uidset_free(&uids);
	free(pairs);
	return result;
}

/* Whether something of the folder is to be taken out. */
static bool altered_any(const struct pass *pass,
	const struct journal_folder *folder, altered_which_fn *which)
{
	size_t i;

	for (i = 0; i < folder->verdicts_count; i++)
		if (folder->verdicts[i].from == pass->side &&
			journal_verdict_pair(folder, &folder->verdicts[i]) !=
				SIZE_MAX &&
			which(pass, folder, &folder->verdicts[i]))
			return true;
	return false;
}

/* Opens the folder at the other side. Result as in driver.h; 0 with words also
 * when it is another one by now. */
static int altered_select(struct pass *pass,
	const struct journal_folder *folder, struct error *error)
{
	enum journal_side far = journal_other(pass->side);
	struct mailbox_selected selected;
	int result = mailbox_select(
		pass->other, folder->name[far], true, &selected, error);

	if (result == 1 &&
		selected.status.uidvalidity != folder->uidvalidity[far]) {
		error_set(error, "folder %s was made anew at the other side",
			folder->name[far]);
		result = 0;
	}
	return result;
}

bool altered_has(const struct pass *pass, const struct journal_folder *folder)
{
	return folder->risky > 0 ||
	       altered_any(pass, folder, altered_is_unwanted);
}

int altered_check(struct pass *pass, struct journal_folder *folder,
	size_t first, struct error *error)
{
	struct error unheard;
	int result;

	if (!altered_has(pass, folder))
		return 1;
	result = altered_select(pass, folder, error);
	if (result == 1)
		result = altered_look(pass, folder, error);
	if (result == 0) {
		error_prefix(error, "read back");
		pass_refuse(pass, folder->name[pass->side], 0, error);
	}
	/* What cannot be taken out is told as what it is. */
	if (result == 1 && altered_take_out(pass, folder, altered_is_unwanted,
				   first, &unheard) < 0) {
		*error = unheard;
		result = -1;
	}
	if (result < 0)
		error_prefix(error, "other side: read back");
	return result < 0 ? -1 : 1;
}

/* ---- once more ---- */

/* What is asked for once more and is not there now. */
static void altered_acquit(struct pass *pass, struct journal_folder *folder)
{
	size_t i;

	for (i = folder->verdicts_count; i-- > 0;) {
		const struct journal_verdict *verdict = &folder->verdicts[i];

		if (verdict->from != pass->side || verdict->uid == 0 ||
			journal_verdict_pair(folder, verdict) != SIZE_MAX ||
			!altered_is_asked(pass, folder, verdict))
			continue;
		journal_acquit(pass->journal, folder, pass->side, verdict->uid);
		journal_seen(pass->journal, folder, pass->side, NULL);
	}
}

int altered_retry(struct pass *pass, struct error *error)
{
	struct error words;
	size_t i;
	int result = 1;

	for (i = 0; result >= 0 && i < journal_count(pass->journal); i++) {
		struct journal_folder *folder = journal_at(pass->journal, i);

		if (folder->gone || folder->verdicts_count == 0)
			continue;
		if (altered_any(pass, folder, altered_is_asked)) {
			result = altered_select(pass, folder, &words);
			if (result == 1)
				result = altered_take_out(pass, folder,
					altered_is_asked, SIZE_MAX, &words);
		}
		if (result >= 0)
			altered_acquit(pass, folder);
	}
	if (result >= 0)
		return 1;
	error_set(error, "other side: %s", words.text);
	return -1;
}
