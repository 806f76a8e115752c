/* SPDX-License-Identifier: BSD-2-Clause */
/* The proof against mailboxes that only list and scan: one folder of three
 * messages on each side, and one thing after the other that is amiss. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "copier/proof.h"
#include "copier/refused.h"
#include "lib/buffer.h"
#include "lib/refusal.h"

#define MESSAGES 3

/* One side: its only folder, whose UIDs are 1 up to messages. */
struct side {
	struct mailbox mailbox;
	struct mailbox_folder folder;
	bool empty; /* it has none */
	const struct flagset *flags;
	unsigned selects;
};

static struct mailbox_features features = { .separator = '/' };

static const struct mailbox_features *side_features(struct mailbox *mailbox)
{
	(void)mailbox;
	return &features;
}

static int side_list(struct mailbox *mailbox, mailbox_folder_fn *callback,
	void *context, struct error *error)
{
	struct side *side = (struct side *)mailbox;

	(void)error;
	return side->empty || callback(context, &side->folder) == 0 ? 1 : -1;
}

static int side_select(struct mailbox *mailbox, const char *folder, bool write,
	struct mailbox_selected *selected_r, struct error *error)
{
	struct side *side = (struct side *)mailbox;

	(void)folder, (void)write, (void)error;
	side->selects++;
	*selected_r =
		(struct mailbox_selected){ side->folder.status, NULL, true };
	return 1;
}

static int side_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error)
{
	struct side *side = (struct side *)mailbox;
	struct mailbox_message message = { .flags = side->flags };

	(void)scan, (void)error;
	while (message.uid++ < side->folder.status.messages)
		if (callback(context, &message) < 0)
			return -1;
	return 1;
}

static const struct mailbox_driver driver = {
	.features = side_features,
	.list = side_list,
	.select = side_select,
	.scan = side_scan,
};

struct bench {
	char directory[32];
	struct side home, other;
	struct flagpool *flags;
	struct journal_folder *folder;
	struct pass pass;
};

static int set_up(void **state)
{
	static const char *const names[2] = { "INBOX", "INBOX" };
	static const char *const systems[2] = { "old", "new" };
	const struct mailbox_folder folder = { .name = "INBOX",
		.selectable = true,
		.has_status = true,
		.status = { 9, MESSAGES + 1, MESSAGES, 5 } };
	struct bench *bench = calloc(1, sizeof(*bench));
	bool busy;
	struct error error;
	uint32_t i;

	*state = bench;
	strcpy(bench->directory, "/tmp/rehome-proof.XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	bench->flags = flagpool_new();
	bench->pass.journal = journal_open(
		bench->directory, "ann", systems, bench->flags, &busy, &error);
	assert_non_null(bench->pass.journal);
	bench->home.mailbox.driver = bench->other.mailbox.driver = &driver;
	bench->home.folder = bench->other.folder = folder;
	bench->home.flags = bench->other.flags =
		flagpool_get(bench->flags, "\\Seen", 5);
	bench->pass.home = &bench->home.mailbox;
	bench->pass.other = &bench->other.mailbox;
	bench->folder = journal_add(bench->pass.journal, names);
	journal_uidvalidity(
		bench->pass.journal, bench->folder, JOURNAL_SOURCE, 9);
	journal_uidvalidity(
		bench->pass.journal, bench->folder, JOURNAL_DESTINATION, 9);
	for (i = 1; i <= MESSAGES; i++) {
		const struct journal_pair pair = {
			.uid = { i, i }, .size = 100, .flags = bench->home.flags
		};

		journal_pair(bench->pass.journal, bench->folder, &pair);
	}
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "ann.journal", "ann.lock" };
	struct bench *bench = *state;
	size_t i;

	journal_close(&bench->pass.journal);
	refused_free(&bench->pass.refused);
	flagpool_free(&bench->flags);
	for (i = 0; i < 2; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", bench->directory,
			names[i]);
		unlink(path);
	}
	rmdir(bench->directory);
	free(bench);
	return 0;
}

static void approve(struct bench *bench, const char *folder, uint32_t uid)
{
	struct attr_list *item = attr_list_new();
	struct buffer text = BUFFER_EMPTY;
	char name[REFUSAL_ITEM_SIZE];
	struct error error;

	refusal_item(folder, 9, uid, name);
	attr_list_add(item, "item", name);
	attr_list_add(item, "kind", "message");
	attr_list_add(item, "folder", folder);
	attr_print(item, ATTR_CONTROL, &text);
	bench->pass.refused = refused_new(NULL, text.data, &error);
	assert_non_null(bench->pass.refused);
	attr_list_free(&item);
	buffer_free(&text);
}

/* What the proof says is compared; NULL: it is proved. */
static void prove(struct bench *bench, const char *words)
{
	struct error error = { "" };
	struct proof proof;
	int result = proof_run(&bench->pass, &proof, &error);

	if (words == NULL && result != 1)
		fail_msg("not proved: %s", error.text);
	if (words != NULL && (result != 0 || strcmp(error.text, words) != 0))
		fail_msg("%d: \"%s\", not \"%s\"", result, error.text, words);
	if (result == 1) {
		assert_int_equal(proof.bounds_count, 1);
		assert_int_equal(proof.bounds[0].uidvalidity, 9);
		assert_int_equal(proof.bounds[0].uidnext,
			bench->home.folder.status.uidnext);
	}
	proof_clear(&proof);
}

/* Both sides are read, then counted: what is amiss is found either way. */
static void test_equal(void **state)
{
	struct bench *bench = *state;

	prove(bench, NULL);
	assert_int_equal(bench->folder->seen[0].uidvalidity, 9);
	assert_int_equal(bench->folder->seen[1].uidvalidity, 9);
	prove(bench, NULL);
	/* a lie about what was seen is one of the count, too */
	journal_unpair(bench->pass.journal, bench->folder, 0);
	prove(bench, "home: INBOX: 3 messages, of which 2 are known");
}

static void test_home(void **state)
{
	struct bench *bench = *state;
	struct mailbox_status *status = &bench->home.folder.status;

	status->messages++, status->uidnext++;
	prove(bench, "home: INBOX uid 4: not carried over");
	approve(bench, "INBOX", 4);
	prove(bench, NULL);
	status->messages -= 2;
	prove(bench, "home: INBOX: 2 messages, of which 3 are known");
	status->messages++;
	bench->home.flags = flagpool_get(bench->flags, "", 0);
	prove(bench, "home: INBOX uid 1: its flags have changed");
	status->uidvalidity++;
	prove(bench, "home: INBOX: its UIDVALIDITY has changed");
}

static void test_other(void **state)
{
	struct bench *bench = *state;
	struct mailbox_status *status = &bench->other.folder.status;

	status->messages++, status->uidnext++;
	prove(bench, "other side: INBOX uid 4: not carried over");
	journal_foreign(bench->pass.journal, bench->folder, JOURNAL_DESTINATION,
		4, true);
	prove(bench, NULL);
	status->messages--;
	prove(bench, "other side: INBOX: 3 messages, of which 4 are known");
	bench->other.empty = true;
	prove(bench, "INBOX: the folder is gone");
	/* as a folder is listed that was deleted and has others below it */
	bench->other.empty = bench->other.folder.selectable = false;
	bench->other.folder.has_status = false;
	prove(bench, "INBOX: the folder is gone");
}

/* What may have been altered counts when it was read back, or is approved. */
static void test_risk(void **state)
{
	struct bench *bench = *state;
	struct journal_pair *pair = &bench->folder->pairs[1];
	struct journal_pair risky = *pair;

	risky.risk = JOURNAL_RISK_NUL;
	journal_unpair(bench->pass.journal, bench->folder, 1);
	journal_pair(bench->pass.journal, bench->folder, &risky);
	prove(bench, "INBOX uid 2: the other side may have altered it");
	approve(bench, "INBOX", 2);
	prove(bench, NULL);
	refused_free(&bench->pass.refused);
	journal_assure(bench->pass.journal, bench->folder, MESSAGES);
	prove(bench, NULL);
}

/* What a round has done is counted when it adds up, and read when it does not;
 * only at the other side, where nobody else is at work. */
static void test_done(void **state)
{
	struct bench *bench = *state;
	const struct journal_pair pair = {
		.uid = { 4, 4 }, .size = 100, .flags = bench->home.flags
	};
	struct mailbox_status *home = &bench->home.folder.status;
	struct mailbox_status *other = &bench->other.folder.status;

	journal_pair(bench->pass.journal, bench->folder, &pair);
	home->messages++, home->uidnext++, other->messages++, other->uidnext++;
	bench->folder->done_from[0] = bench->folder->done_from[1] = 4;
	prove(bench, NULL);
	assert_int_equal(bench->home.selects, 1);
	assert_int_equal(bench->other.selects, 0);
	assert_true(mailbox_status_same(&bench->folder->seen[1], other));
	/* a UID has gone to a stranger */
	other->uidnext++, other->modseq++;
	prove(bench, NULL);
	assert_int_equal(bench->other.selects, 1);
	other->messages--, other->modseq++;
	prove(bench, "other side: INBOX: 3 messages, of which 4 are known");
	assert_int_equal(bench->other.selects, 2);
}

/* Only those that were paired since the marks are read back: there are none. */
static void test_sample_since(void **state)
{
	struct bench *bench = *state;
	struct proof_marks marks;
	struct error error;

	proof_marks_take(&bench->pass, &marks);
	assert_int_equal(
		proof_sample(&bench->pass, &marks, 4, 1000, &error), 1);
	assert_int_equal(bench->other.selects, 0);
	proof_marks_clear(&marks);
	assert_null(marks.pairs);
}

#define PROOF_TEST(name)                                                       \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROOF_TEST(test_equal),
		PROOF_TEST(test_home),
		PROOF_TEST(test_other),
		PROOF_TEST(test_risk),
		PROOF_TEST(test_done),
		PROOF_TEST(test_sample_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
