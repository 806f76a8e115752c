/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a server may choose, it may choose so that we work the most: the order
 * of UIDs, flags that all differ, answers without a UID. Work that grows with
 * the square of such numbers does not end before the alarm; else it takes a
 * second or two.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "copier/flags.h"
#include "copier/journal.h"
#include "copier/plan.h"
#include "copier/sweep_intents.h"
#include "copier/uidmarks.h"
#include "copier/uidset.h"
#include "copier/view.h"

#include "lib/xalloc.h"

#define SECONDS 100
#define MANY	1000000u
#define SOME	300000u

static int setup(void **state)
{
	(void)state;
	alarm(SECONDS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	alarm(0);
	return 0;
}

static void test_uidset_from_above(void **state)
{
	struct uidset set = UIDSET_EMPTY;
	uint32_t uid;

	(void)state;
	for (uid = MANY; uid > 0; uid--)
		uidset_add(&set, uid);
	assert_int_equal(set.count, MANY);
	for (uid = 1; uid < MANY; uid++) {
		assert_int_equal(set.uids[0], uid);
		assert_true(uidset_drop(&set, uid));
	}
	assert_int_equal(set.count, 1);
	assert_true(uidset_has(&set, MANY));
	uidset_free(&set);
}

/* Added and taken out at random it is what a plain table says. */
static void test_uidset_anywhere(void **state)
{
	enum { UIDS = 300, STEPS = 20000 };
	struct uidset set = UIDSET_EMPTY;
	bool in[UIDS] = { false };
	unsigned random = 1, step, i;
	size_t at;

	(void)state;
	for (step = 0; step < STEPS; step++) {
		uint32_t uid;

		random = random * 1103515245 + 12345;
		uid = (random >> 16) % (UIDS - 1) + 1;
		/* It fills and empties by turns. */
		if ((random >> 8) % 100 < (step / 2000 % 2 == 0 ? 70 : 25)) {
			uidset_add(&set, uid);
			in[uid] = true;
		} else {
			assert_int_equal(uidset_drop(&set, uid), in[uid]);
			in[uid] = false;
		}
		if (step % 50 != 0)
			continue;
		for (i = 1, at = 0; i < UIDS; i++) {
			assert_int_equal(uidset_has(&set, i), in[i]);
			if (in[i])
				assert_int_equal(set.uids[at++], i);
		}
		assert_int_equal(set.count, at);
	}
	uidset_free(&set);
}

static void test_uidmarks(void **state)
{
	static const uint32_t steps[] = { 1, 2, 1u << 12, 4294967295u };
	size_t i;
	uint32_t at;

	(void)state;
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct uidmarks marks = { .room = 0 };

		assert_false(uidmarks_has(&marks, 1));
		for (at = 1; at <= MANY; at++)
			assert_true(uidmarks_add(&marks, at * steps[i]));
		assert_false(uidmarks_add(&marks, steps[i]));
		assert_true(uidmarks_has(&marks, steps[i]));
		assert_false(uidmarks_has(&marks, 3000000001u));
		assert_int_equal(marks.count, MANY);
		uidmarks_free(&marks);
	}
}

static void test_flags_all_different(void **state)
{
	struct flagpool *pool = flagpool_new();
	const struct flagset *first = NULL;
	char text[32];
	unsigned i;

	(void)state;
	for (i = 0; i < 2 * SOME; i++) {
		int size = snprintf(text, sizeof(text), "keyword%u", i);
		const struct flagset *set =
			flagpool_get(pool, text, (size_t)size);

		assert_string_equal(set->text, text);
		if (i == 0)
			first = set;
	}
	assert_ptr_equal(flagpool_get(pool, "keyword0", 8), first);
	flagpool_free(&pool);
}

static void test_view_from_above(void **state)
{
	struct flagpool *pool = flagpool_new();
	const struct flagset *seen = flagpool_get(pool, "\\Seen", 5);
	const struct flagset *none = flagpool_get(pool, "", 0);
	struct view view = { .count = 0 };
	struct view_folder *folder = view_add(&view, "INBOX");
	uint32_t uid;
	int round;

	(void)state;
	for (round = 0; round < 8; round++)
		for (uid = SOME; uid > 0; uid--)
			view_message_add(folder, uid, round == 7 ? seen : none);
	assert_true(folder->room < 4 * SOME);
	view_settle(folder);
	assert_int_equal(folder->count, SOME);
	for (uid = 1; uid <= SOME; uid++) {
		assert_int_equal(folder->messages[uid - 1].uid, uid);
		assert_ptr_equal(view_message_find(folder, uid)->flags, seen);
	}
	view_clear(&view);
	flagpool_free(&pool);
}

/* ---- answers without a UID ---- */

struct account {
	char directory[64];
	struct flagpool *flags;
	struct journal *journal;
	struct journal_folder *folder;
};

static void account_open(struct account *account)
{
	static const char *const systems[2] = { "old", "new" };
	static const char *const names[2] = { "INBOX", "INBOX" };
	struct error error;
	bool busy;

	snprintf(account->directory, sizeof(account->directory), "%s",
		"/tmp/storm-test.XXXXXX");
	assert_non_null(mkdtemp(account->directory));
	account->flags = flagpool_new();
	account->journal = journal_open(account->directory, "ann", systems,
		account->flags, &busy, &error);
	assert_non_null(account->journal);
	account->folder = journal_add(account->journal, names);
	journal_uidvalidity(
		account->journal, account->folder, JOURNAL_SOURCE, 1);
	journal_uidvalidity(
		account->journal, account->folder, JOURNAL_DESTINATION, 1);
}

static void account_close(struct account *account)
{
	char *command = xasprintf("rm -rf '%s'", account->directory);

	journal_close(&account->journal);
	flagpool_free(&account->flags);
	assert_int_equal(system(command), 0);
	free(command);
}

/* Each message of the folder was answered with OK and without a UID; of most
 * of them the octets are the same. */
static void account_answered(struct account *account, uint32_t count)
{
	struct journal_intent intent = { .from = JOURNAL_SOURCE,
		.at = 1,
		.size = 5,
		.uidnext = 1,
		.flags = flagpool_get(account->flags, "", 0) };
	uint32_t uid;

	for (uid = 1; uid <= count; uid++) {
		intent.uid = uid;
		memset(intent.digest, uid % 2 == 0, sizeof(intent.digest));
		memcpy(intent.digest, &uid, uid % 2 == 0 ? 0 : sizeof(uid));
		journal_intend(account->journal, account->folder, &intent);
		journal_answer(
			account->journal, account->folder, JOURNAL_SOURCE, uid);
		if (uid % 10000 == 0)
			assert_int_equal(
				journal_flush(account->journal, NULL), 0);
	}
}

static void test_intents(void **state)
{
	struct account account;
	struct journal_pair pair = { .origin = JOURNAL_COPIED, .size = 5 };
	uint32_t uid;

	(void)state;
	account_open(&account);
	account_answered(&account, SOME);
	pair.flags = flagpool_get(account.flags, "", 0);
	for (uid = SOME; uid > 0; uid--) {
		const struct journal_intent *intent =
			journal_answered(account.folder, JOURNAL_SOURCE, uid);

		assert_non_null(intent);
		assert_int_equal(intent->uid, uid);
		if (uid % 3 == 0) {
			journal_unintend(account.journal, account.folder,
				JOURNAL_SOURCE, uid);
			continue;
		}
		pair.uid[0] = pair.uid[1] = uid;
		memcpy(pair.digest, intent->digest, JOURNAL_DIGEST);
		journal_pair(account.journal, account.folder, &pair);
		assert_null(
			journal_answered(account.folder, JOURNAL_SOURCE, uid));
	}
	assert_int_equal(account.folder->intents_count, 0);
	account_close(&account);
}

/* One side as it is looked at; what is at the other has digests. */
static void fill(struct account *account, struct view *view, uint32_t count,
	bool digested)
{
	struct view_folder *folder = view_add(view, "INBOX");
	unsigned char digest[JOURNAL_DIGEST];
	uint32_t uid;

	folder->selectable = folder->whole = folder->has_status = true;
	folder->status = (struct mailbox_status){
		.uidvalidity = 1, .uidnext = count + 1, .messages = count
	};
	for (uid = 1; uid <= count; uid++) {
		struct view_message *message = view_message_add(
			folder, uid, flagpool_get(account->flags, "", 0));

		message->measured = true;
		message->size = 5;
		memset(digest, uid % 2 == 0, sizeof(digest));
		memcpy(digest, &uid, uid % 2 == 0 ? 0 : sizeof(uid));
		if (digested)
			view_message_digest(message, digest);
	}
	view_settle(folder);
}

/* All are found again by their digests; those at the other side that are of
 * nothing else are foreign. */
static void test_plan(void **state)
{
	struct account account;
	struct view home = { .count = 0 }, other = { .count = 0 };
	struct plan_input input = { .home = &home, .other = &other };
	struct plan plan;

	(void)state;
	account_open(&account);
	account_answered(&account, SOME);
	input.journal = account.journal;
	input.flags = account.flags;
	input.side = JOURNAL_SOURCE;
	fill(&account, &home, SOME, false);
	fill(&account, &other, SOME + 1, true);
	plan_make(&input, &plan);
	assert_true(plan.complete);
	assert_int_equal(plan.copies, 0);
	assert_int_equal(plan.adoptions, SOME);
	assert_int_equal(plan.foreign, 1);
	plan_clear(&plan);
	view_clear(&home);
	view_clear(&other);
	account_close(&account);
}

/* The sweep finds each once, the equal ones too, and none below the UID that
 * was the next one then. */
static void test_sweep_intents(void **state)
{
	struct account account;
	struct journal_folder *folder;
	struct sweep_intents *intents;
	struct journal_pair pair = { .origin = JOURNAL_COPIED, .size = 5 };
	unsigned char digest[JOURNAL_DIGEST];
	struct view_message message = { .digest = digest };
	uint32_t uid;

	(void)state;
	account_open(&account);
	folder = account.folder;
	account_answered(&account, SOME);
	pair.flags = flagpool_get(account.flags, "", 0);
	intents = sweep_intents_new(folder, JOURNAL_DESTINATION);
	memset(digest, true, sizeof(digest));
	message.uid = 1;
	assert_null(sweep_intents_find(intents, &message, false));
	sweep_intents_free(&intents);
	intents = sweep_intents_new(folder, JOURNAL_SOURCE);
	for (uid = 1; uid <= SOME; uid++) {
		const struct journal_intent *intent;

		memset(digest, uid % 2 == 0, sizeof(digest));
		memcpy(digest, &uid, uid % 2 == 0 ? 0 : sizeof(uid));
		message.uid = 0;
		assert_null(sweep_intents_find(intents, &message, false));
		message.uid = uid;
		intent = sweep_intents_find(intents, &message, false);
		assert_non_null(intent);
		assert_memory_equal(intent->digest, digest, sizeof(digest));
		assert_non_null(
			journal_answered(folder, JOURNAL_SOURCE, intent->uid));
		pair.uid[0] = intent->uid;
		pair.uid[1] = uid;
		memcpy(pair.digest, digest, sizeof(digest));
		journal_pair(account.journal, folder, &pair);
	}
	assert_int_equal(folder->intents_count, 0);
	assert_null(sweep_intents_find(intents, &message, false));
	sweep_intents_free(&intents);
	account_close(&account);
}

/* What was altered is found by its rest and date, one for each. */
static void test_sweep_risks(void **state)
{
	struct account account;
	struct sweep_intents *intents;
	struct journal_intent intent = { .from = JOURNAL_SOURCE,
		.at = 1,
		.uidnext = 5,
		.risk = JOURNAL_RISK_NUL,
		.date = 7 };
	struct view_message message = { .measured = true, .date = 7 };
	const struct journal_intent *found;
	uint32_t uid;

	(void)state;
	account_open(&account);
	intent.flags = flagpool_get(account.flags, "", 0);
	for (uid = 1; uid <= SOME; uid++) {
		intent.uid = uid;
		intent.skeleton = uid / 2;
		journal_intend(account.journal, account.folder, &intent);
	}
	intents = sweep_intents_new(account.folder, JOURNAL_SOURCE);
	for (uid = 1; uid <= SOME; uid++) {
		message.skeleton = uid / 2;
		message.uid = 4;
		assert_null(sweep_intents_find(intents, &message, true));
		message.uid = 5;
		message.date = 8;
		assert_null(sweep_intents_find(intents, &message, true));
		message.date = 7;
		found = sweep_intents_find(intents, &message, true);
		assert_non_null(found);
		assert_int_equal(found->skeleton, uid / 2);
		journal_unintend(account.journal, account.folder,
			JOURNAL_SOURCE, found->uid);
	}
	assert_int_equal(account.folder->intents_count, 0);
	sweep_intents_free(&intents);
	account_close(&account);
}

/* ---- a server that alters each message ---- */

static struct journal_verdict verdict_of(uint32_t uid)
{
	struct journal_verdict verdict = { .from = JOURNAL_SOURCE,
		.uid = uid,
		.risk = JOURNAL_RISK_NUL,
		.at = 1,
		.size = 5 + uid,
		.stored_size = 6 + uid };

	memset(verdict.digest, 1, sizeof(verdict.digest));
	memcpy(verdict.digest, &uid, sizeof(uid));
	memset(verdict.stored, 2, sizeof(verdict.stored));
	memcpy(verdict.stored, &uid, sizeof(uid));
	return verdict;
}

static void account_altered(struct account *account, uint32_t count, bool kept)
{
	struct journal_pair pair = { .origin = JOURNAL_COPIED,
		.flags = flagpool_get(account->flags, "", 0) };
	uint32_t uid;

	for (uid = 1; uid <= count; uid++) {
		const struct journal_verdict verdict = verdict_of(uid);

		pair.uid[0] = uid;
		pair.uid[1] = count + uid;
		pair.size = verdict.size;
		memcpy(pair.digest, verdict.digest, JOURNAL_DIGEST);
		if (kept)
			journal_pair(account->journal, account->folder, &pair);
		journal_judge(account->journal, account->folder, &verdict);
		if (uid % 10000 == 0)
			assert_int_equal(
				journal_flush(account->journal, NULL), 0);
	}
}

/* Each is found, with its pair or without one, before and after its UID was
 * void, and goes. */
static void test_verdicts(void **state)
{
	struct account account;
	struct journal_folder *folder;
	struct journal_pair pair = { .origin = JOURNAL_COPIED };
	uint32_t uid;
	int kept;

	(void)state;
	for (kept = 0; kept < 2; kept++) {
		account_open(&account);
		folder = account.folder;
		account_altered(&account, SOME, kept);
		pair.flags = flagpool_get(account.flags, "", 0);
		for (uid = 1; uid <= SOME; uid++)
			assert_int_equal(journal_verdict_pair(folder,
						 journal_verdict(folder,
							 JOURNAL_SOURCE, uid)),
				kept ? uid - 1 : SIZE_MAX);
		journal_uidvalidity(account.journal, folder, JOURNAL_SOURCE, 2);
		assert_null(journal_verdict(folder, JOURNAL_SOURCE, 1));
		for (uid = 1; uid <= SOME; uid++) {
			const struct journal_verdict verdict = verdict_of(uid);

			pair.uid[0] = 2 * SOME + uid;
			pair.uid[1] = SOME + uid;
			memcpy(pair.digest, verdict.digest, JOURNAL_DIGEST);
			journal_pair(account.journal, folder, &pair);
			assert_non_null(journal_verdict(
				folder, JOURNAL_SOURCE, pair.uid[0]));
			assert_int_equal(journal_pair_size(folder, &pair,
						 JOURNAL_DESTINATION),
				verdict.stored_size);
		}
		for (uid = SOME; uid > 0; uid--)
			journal_acquit(account.journal, folder, JOURNAL_SOURCE,
				2 * SOME + uid);
		assert_int_equal(folder->verdicts_count, 0);
		account_close(&account);
	}
}

/* One side after its UIDVALIDITY has changed; at the other side what the
 * server has made of each message. */
static void fill_altered(struct account *account, struct view *view,
	uint32_t uidvalidity, uint32_t above, bool stored)
{
	struct view_folder *folder = view_add(view, "INBOX");
	uint32_t uid;

	folder->selectable = folder->whole = folder->has_status = true;
	folder->status = (struct mailbox_status){ .uidvalidity = uidvalidity,
		.uidnext = above + SOME + 1,
		.messages = SOME };
	for (uid = 1; uid <= SOME; uid++) {
		const struct journal_verdict verdict = verdict_of(uid);
		struct view_message *message = view_message_add(folder,
			above + uid, flagpool_get(account->flags, "", 0));

		message->measured = true;
		message->size = stored ? verdict.stored_size : verdict.size;
		view_message_digest(
			message, stored ? verdict.stored : verdict.digest);
	}
	view_settle(folder);
}

static void test_plan_altered(void **state)
{
	struct account account;
	struct view home = { .count = 0 }, other = { .count = 0 };
	struct plan_input input = { .home = &home, .other = &other };
	struct plan plan;
	size_t i;

	(void)state;
	account_open(&account);
	account_altered(&account, SOME, true);
	journal_uidvalidity(account.journal, account.folder, JOURNAL_SOURCE, 2);
	input.journal = account.journal;
	input.flags = account.flags;
	input.side = JOURNAL_SOURCE;
	fill_altered(&account, &home, 2, 3 * SOME, false);
	fill_altered(&account, &other, 1, SOME, true);
	plan_make(&input, &plan);
	assert_true(plan.complete);
	assert_int_equal(plan.copies, 0);
	assert_int_equal(plan.adoptions, SOME);
	for (i = 0; i < SOME; i++)
		assert_int_equal(plan.folders[0].adoptions[i].home_uid,
			plan.folders[0].adoptions[i].other_uid + 2 * SOME);
	plan_clear(&plan);
	view_clear(&home);
	view_clear(&other);
	account_close(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_uidset_from_above, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_uidset_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uidmarks, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_flags_all_different, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_view_from_above, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intents, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_sweep_intents, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_sweep_risks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_plan_altered, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
