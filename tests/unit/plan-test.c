/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/plan: a table of what is there, what the journal says, what to do. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

#include "copier/plan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * A folder INBOX on both sides. The journal, one fact a line:
 *   pair SOURCE DESTINATION SIZE DIGEST ORIGIN [FLAGS]
 *   intent UID UIDNEXT DIGEST    foreign SIDE UID    void SIDE    made
 *   widow INDEX
 * A side: "none", or "whole", "delta" or "seen" and one message a line:
 *   UID SIZE DATE DIGEST [FLAGS]    (SIZE "-": not measured; DIGEST "-")
 *   gone FIRST LAST                 (what the server says has vanished)
 * The plan as plan_print gives it; or what must be known first:
 *   "measure home UIDS other UIDS digest home UIDS other UIDS".
 */
struct scenario {
	const char *about;
	const char *journal;
	const char *home;
	const char *other;
	const char *plan;
	enum plan_removal removal;
	bool no_uidplus;
	const char *permanent; /* at the other side */
};

static const struct scenario table[] = {
	{ "a new account", "", "whole\n1 - - - \\Seen\n2 - - -\n", "none",
		"create INBOX\ncopy 1:2 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "nothing has changed", "pair 1 11 100 a c\n", "delta\n", "delta\n",
		"", PLAN_REMOVE_PAIRED, false, NULL },
	{ "a new message", "pair 1 11 100 a c\n", "delta\n2 - - -\n", "delta\n",
		"copy 2 INBOX\n", PLAN_REMOVE_PAIRED, false, NULL },
	{ "other flags", "pair 1 11 100 a c \\Seen\npair 2 12 100 b c\n",
		"delta\n1 - - - \\Flagged k\n", "delta\n",
		"flags 11 (\\Flagged k) INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "flags in another case", "pair 1 11 100 a c Kw\n",
		"delta\n1 - - - kW\n", "delta\n", "", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "flags changed by somebody at the other side",
		"pair 1 11 100 a c \\Seen\n", "delta\n",
		"delta\n11 - - - \\Flagged\n", "flags 11 (\\Seen) INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "flags that are there already", "pair 1 11 100 a c\n",
		"delta\n1 - - - \\Seen\n", "delta\n11 - - - \\Seen\n", "",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "a keyword that cannot be stored", "pair 1 11 100 a c k\n",
		"delta\n1 - - - k \\Seen\n", "delta\n11 - - -\n",
		"flags 11 (\\Seen) INBOX\n", PLAN_REMOVE_PAIRED, false,
		"\\Seen" },
	{ "and it is not tried for ever", "pair 1 11 100 a c k \\Seen\n",
		"delta\n", "delta\n11 - - - \\Seen\n", "", PLAN_REMOVE_PAIRED,
		false, "\\Seen" },
	{ "deleted at home", "pair 1 11 100 a c\npair 2 12 100 b a\n",
		"whole\n", "delta\n", "expunge 11:12 INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "deleted at home, only what was copied goes",
		"pair 1 11 100 a c\npair 2 12 100 b a\n", "whole\n", "delta\n",
		"expunge 11 INBOX\n", PLAN_REMOVE_COPIED, false, NULL },
	{ "deleted at home, nothing goes",
		"pair 1 11 100 a c\npair 2 12 100 b a\n", "whole\n", "delta\n",
		"", PLAN_REMOVE_NOTHING, false, NULL },
	{ "deleted at home once, now it is to go",
		"pair 1 11 100 a c\nwidow 0\n", "delta\n", "delta\n",
		"expunge 11 INBOX\n", PLAN_REMOVE_COPIED, false, NULL },
	{ "deleted at home, the server cannot", "pair 1 11 100 a c\n",
		"whole\n", "delta\n", "foreign 11 INBOX\n", PLAN_REMOVE_PAIRED,
		true, NULL },
	{ "not concluded from a look at changes only",
		"pair 1 11 100 a c\npair 2 12 100 b c\n", "delta\n2 - - -\n",
		"delta\n", "", PLAN_REMOVE_PAIRED, false, NULL },
	{ "lost at the other side", "pair 1 11 100 a c\npair 2 12 100 b c\n",
		"delta\n", "whole\n12 - - -\n", "copy 1 INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "gone on both sides", "pair 1 11 100 a c\n", "whole\n", "whole\n", "",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "vanished at home", "pair 1 11 100 a c\npair 2 12 100 b c\n",
		"delta\ngone 2 2\n", "delta\n", "expunge 12 INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "vanished there: copied again",
		"pair 1 11 100 a c\npair 2 12 100 b c\n", "delta\n",
		"delta\ngone 12 12\n", "copy 2 INBOX\n", PLAN_REMOVE_PAIRED,
		false, NULL },
	{ "vanished on both sides", "pair 1 11 100 a c\n", "delta\ngone 1 4\n",
		"delta\ngone 9 20\n", "", PLAN_REMOVE_PAIRED, false, NULL },
	{ "ranges in any order, of what never was",
		"pair 5 15 100 a c\npair 7 17 100 b c\npair 9 19 100 c c\n",
		"delta\ngone 8 4294967295\ngone 1 3\ngone 2 4\ngone 6 6\n",
		"delta\n", "expunge 19 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "as seen on both sides", "pair 1 11 100 a c\n", "seen\n", "seen\n",
		"", PLAN_REMOVE_PAIRED, false, NULL },
	{ "as seen, but half a pair is to go", "pair 1 11 100 a c\nwidow 0\n",
		"seen\n", "seen\n", "expunge 11 INBOX\n", PLAN_REMOVE_COPIED,
		false, NULL },
	{ "as seen, but void there: copied again",
		"pair 1 11 100 a c\nvoid 1\n", "seen\n", "seen\n",
		"copy 1 INBOX\n", PLAN_REMOVE_PAIRED, false, NULL },
	{ "a foreign message", "pair 1 11 100 a c\n", "delta\n",
		"delta\n12 - - -\n", "foreign 12 INBOX\n", PLAN_REMOVE_PAIRED,
		false, NULL },
	{ "one that is known as foreign", "foreign 1 12\n", "delta\n1 - - -\n",
		"whole\n12 - - -\n", "copy 1 INBOX\n", PLAN_REMOVE_PAIRED,
		false, NULL },
	{ "foreign is a word for the other side only", "foreign 0 1\n",
		"delta\n1 - - -\n", "delta\n", "copy 1 INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "strangers on both sides are measured", "",
		"whole\n1 - - -\n2 100 1 -\n", "whole\n7 - - -\n",
		"measure home 1 other 7 digest home  other ",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "of other size", "", "whole\n1 100 1 -\n", "whole\n7 101 1 -\n",
		"foreign 7 INBOX\ncopy 1 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "of equal size: read", "", "whole\n1 100 1 -\n2 50 1 -\n",
		"whole\n7 100 1 -\n8 200 1 -\n",
		"measure home  other  digest home 1 other 7",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "equal", "", "whole\n1 100 1 a\n2 50 1 -\n", "whole\n7 100 9 a\n",
		"adopt 1 7 INBOX\ncopy 2 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "equal with other flags", "", "whole\n1 100 1 a \\Seen\n",
		"whole\n7 100 1 a \\Draft\n",
		"adopt 1 7 INBOX\nflags 7 (\\Seen) INBOX\n", PLAN_REMOVE_PAIRED,
		false, NULL },
	{ "duplicates keep their number", "",
		"whole\n1 100 1 a\n2 100 1 a\n3 100 1 a\n",
		"whole\n7 100 1 a\n8 100 1 a\n",
		"adopt 1 7 INBOX\nadopt 2 8 INBOX\ncopy 3 INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "duplicates there are not taken twice", "", "whole\n1 100 1 a\n",
		"whole\n7 100 1 a\n8 100 1 a\n",
		"adopt 1 7 INBOX\nforeign 8 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "of equals those of the same date", "",
		"whole\n1 100 1 a\n2 100 2 a\n",
		"whole\n7 100 2 a\n8 100 1 a\n",
		"adopt 1 8 INBOX\nadopt 2 7 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "after a crash: stored, not written down", "intent 5 7 a\n",
		"whole\n5 100 1 -\n", "whole\n7 100 1 a\n",
		"adopt 5 7 (ours) INBOX\n", PLAN_REMOVE_COPIED, false, NULL },
	{ "after a crash: not stored", "intent 5 7 a\n", "whole\n5 - - -\n",
		"whole\n", "copy 5 INBOX\n", PLAN_REMOVE_PAIRED, false, NULL },
	{ "after a crash: was there before, so it is not ours",
		"intent 5 8 a\n", "whole\n5 100 1 -\n", "whole\n7 100 1 a\n",
		"adopt 5 7 INBOX\n", PLAN_REMOVE_PAIRED, false, NULL },
	{ "after a crash: stored, deleted at home meanwhile", "intent 5 7 a\n",
		"whole\n", "whole\n7 100 1 a\n", "expunge 7 INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "after a crash: stored later than we looked",
		"intent 5 7 a\nintent 5 7 a\npair 5 8 100 a c\n", "delta\n",
		"delta\n7 100 1 a\n", "expunge 7 INBOX\n", PLAN_REMOVE_NOTHING,
		false, NULL },
	{ "after a crash: one intent is one message", "intent 5 7 a\n",
		"whole\n", "whole\n7 100 1 a\n8 100 1 a\n",
		"foreign 8 INBOX\nexpunge 7 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "after a crash: ours and too much, but it cannot be removed",
		"intent 5 7 a\n", "whole\n", "whole\n7 100 1 a\n",
		"foreign 7 INBOX\n", PLAN_REMOVE_PAIRED, true, NULL },
	{ "after a crash: somebody else's", "intent 5 7 a\n", "whole\n",
		"whole\n7 90 1 b\n", "foreign 7 INBOX\n", PLAN_REMOVE_PAIRED,
		false, NULL },
	{ "UIDVALIDITY changed at home",
		"pair 1 11 100 a c\npair 2 12 100 b c \\Seen\nvoid 0\n",
		"whole\n21 100 1 b \\Seen\n", "delta\n",
		"adopt 21 12 (ours) INBOX\nexpunge 11 INBOX\n",
		PLAN_REMOVE_COPIED, false, NULL },
	{ "UIDVALIDITY changed at home: sizes first",
		"pair 1 11 100 a c\nvoid 0\n", "whole\n21 - - -\n", "delta\n",
		"measure home 21 other  digest home  other ",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "UIDVALIDITY changed at the other side",
		"pair 1 11 100 a c\npair 2 12 200 b c\nvoid 1\n", "delta\n",
		"whole\n31 200 1 b\n",
		"adopt 2 31 (ours) INBOX\ncopy 1 INBOX\n", PLAN_REMOVE_PAIRED,
		false, NULL },
	{ "deleted there and made anew", "pair 1 11 100 a c\n", "delta\n",
		"none", "create INBOX\ncopy 1 INBOX\n", PLAN_REMOVE_PAIRED,
		false, NULL },
	{ "the folder is gone at home", "made\npair 1 11 100 a c\n", "none",
		"delta\n", "expunge 11 INBOX\ndelete INBOX\n",
		PLAN_REMOVE_PAIRED, false, NULL },
	{ "gone at home, not made by us", "pair 1 11 100 a c\n", "none",
		"delta\n", "expunge 11 INBOX\n", PLAN_REMOVE_PAIRED, false,
		NULL },
	{ "gone at home, with something foreign in it",
		"made\npair 1 11 100 a c\nforeign 1 12\n", "none", "delta\n",
		"expunge 11 INBOX\n", PLAN_REMOVE_PAIRED, false, NULL },
	{ "gone at home, and nothing is to be removed",
		"made\npair 1 11 100 a c\n", "none", "delta\n", "",
		PLAN_REMOVE_NOTHING, false, NULL },
	{ "only the other side has it", "", "none", "whole\n1 - - -\n2 - - -\n",
		"foreign 1:2 INBOX\n", PLAN_REMOVE_PAIRED, false, NULL },
};

struct fixture {
	char directory[64];
	struct flagpool *flags;
	struct journal *journal;
	struct view home, other;
};

static int setup(void **state)
{
	static const char *const systems[2] = { "old", "new" };
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	bool busy;
	struct error error;

	snprintf(fixture->directory, sizeof(fixture->directory), "%s",
		"/tmp/plan-test.XXXXXX");
	if (mkdtemp(fixture->directory) == NULL)
		return -1;
	fixture->flags = flagpool_new();
	fixture->journal = journal_open(fixture->directory, "x", systems,
		fixture->flags, &busy, &error);
	fixture->home.features =
		(struct mailbox_features){ .expunge_by_uid = true,
			.append_uid = true,
			.modseq = true,
			.separator = '/',
			.prefix = "" };
	fixture->other.features = fixture->home.features;
	*state = fixture;
	return fixture->journal != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char *command = xasprintf("rm -rf '%s'", fixture->directory);
	int status;

	view_clear(&fixture->home);
	view_clear(&fixture->other);
	journal_close(&fixture->journal);
	flagpool_free(&fixture->flags);
	status = system(command);
	free(command);
	free(fixture);
	return status;
}

static const struct flagset *flags(struct fixture *fixture, const char *text)
{
	return flagpool_get(fixture->flags, text, strlen(text));
}

/* The digest that a letter stands for. */
static void set_digest(unsigned char *digest, char letter)
{
	memset(digest, letter, JOURNAL_DIGEST);
}

static void journal_fact(struct fixture *fixture, struct journal_folder *folder,
	const char *fact)
{
	struct journal_pair pair = { .origin = JOURNAL_COPIED };
	struct journal_intent intent = { .from = JOURNAL_SOURCE, .at = 1 };
	char letter, origin;
	unsigned first, second, size;
	int end = 0;

	if (sscanf(fact, "pair %u %u %u %c %c%n", &first, &second, &size,
		    &letter, &origin, &end) == 5) {
		pair.uid[0] = first;
		pair.uid[1] = second;
		pair.size = size;
		pair.flags = flags(fixture, fact + end);
		pair.origin = origin == 'c' ? JOURNAL_COPIED : JOURNAL_ADOPTED;
		set_digest(pair.digest, letter);
		journal_pair(fixture->journal, folder, &pair);
	} else if (sscanf(fact, "intent %u %u %c", &first, &second, &letter) ==
		   3) {
		intent.uid = first;
		intent.uidnext = second;
		intent.size = 100;
		intent.flags = flags(fixture, "");
		set_digest(intent.digest, letter);
		journal_intend(fixture->journal, folder, &intent);
	} else if (sscanf(fact, "foreign %u %u", &first, &second) == 2) {
		journal_foreign(fixture->journal, folder,
			(enum journal_side)first, second, true);
	} else if (sscanf(fact, "void %u", &first) == 1) {
		journal_uidvalidity(fixture->journal, folder,
			(enum journal_side)first, 999);
	} else if (sscanf(fact, "widow %u", &first) == 1) {
		journal_widow(fixture->journal, folder, first, JOURNAL_SOURCE);
	} else if (strcmp(fact, "made") == 0) {
		journal_made(fixture->journal, folder, JOURNAL_DESTINATION);
	} else {
		fail_msg("journal: %s", fact);
	}
}

static void set_journal(struct fixture *fixture, const char *script)
{
	static const char *const names[2] = { "INBOX", "INBOX" };
	struct journal_folder *folder;
	char *copy = xstrdup(script), *line, *rest = NULL;

	if (*script != '\0') {
		folder = journal_add(fixture->journal, names);
		journal_uidvalidity(
			fixture->journal, folder, JOURNAL_SOURCE, 1);
		journal_uidvalidity(
			fixture->journal, folder, JOURNAL_DESTINATION, 2);
		for (line = strtok_r(copy, "\n", &rest); line != NULL;
			line = strtok_r(NULL, "\n", &rest))
			journal_fact(fixture, folder, line);
	}
	free(copy);
}

static void view_line(
	struct fixture *fixture, struct view_folder *folder, const char *line)
{
	struct view_message *message;
	unsigned char digest[JOURNAL_DIGEST];
	char size[16], date[16], letter;
	unsigned uid, last;
	int end = 0;

	if (sscanf(line, "gone %u %u", &uid, &last) == 2) {
		view_vanish(folder, uid, last);
		return;
	}
	if (sscanf(line, "%u %15s %15s %c%n", &uid, size, date, &letter,
		    &end) != 4)
		fail_msg("view: %s", line);
	message = view_message_add(folder, uid, flags(fixture, line + end));
	message->measured = size[0] != '-';
	message->size = (uint64_t)atoi(size);
	message->date = atoi(date);
	if (letter != '-') {
		set_digest(digest, letter);
		view_message_digest(message, digest);
	}
}

static void set_view(struct fixture *fixture, struct view *view,
	const char *script, uint32_t uidvalidity)
{
	char *copy = xstrdup(script), *line, *rest = NULL;
	struct view_folder *folder;

	line = strtok_r(copy, "\n", &rest);
	if (strcmp(line, "none") != 0) {
		folder = view_add(view, "INBOX");
		folder->separator = '/';
		folder->selectable = true;
		folder->has_status = true;
		folder->status.uidvalidity = uidvalidity;
		folder->whole = strcmp(line, "whole") == 0;
		folder->seen = strcmp(line, "seen") == 0;
		while ((line = strtok_r(NULL, "\n", &rest)) != NULL)
			view_line(fixture, folder, line);
		view_settle(folder);
	}
	free(copy);
}

static void make_plan(
	struct fixture *fixture, enum plan_removal removal, struct plan *plan)
{
	struct plan_input input = { .home = &fixture->home,
		.other = &fixture->other,
		.journal = fixture->journal,
		.flags = fixture->flags,
		.side = JOURNAL_SOURCE,
		.removal = removal };

	plan_make(&input, plan);
}

static void print_set(const struct uidset *set, struct buffer *text)
{
	uidset_print(set, 0, SIZE_MAX, SIZE_MAX, text);
}

static void print_plan(const struct plan *plan, struct buffer *text)
{
	const struct plan_folder *folder = plan->folders;

	buffer_add(text, "", 0);
	if (plan->complete) {
		plan_print(plan, text);
		return;
	}
	buffer_add_text(text, "measure home ");
	print_set(&folder->measure_home, text);
	buffer_add_text(text, " other ");
	print_set(&folder->measure_other, text);
	buffer_add_text(text, " digest home ");
	print_set(&folder->digest_home, text);
	buffer_add_text(text, " other ");
	print_set(&folder->digest_other, text);
}

static void test_scenario(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		struct fixture *fixture;
		struct buffer text = BUFFER_EMPTY;
		struct plan plan;

		assert_int_equal(setup((void **)&fixture), 0);
		set_journal(fixture, table[i].journal);
		set_view(fixture, &fixture->home, table[i].home, 1);
		set_view(fixture, &fixture->other, table[i].other, 2);
		fixture->other.features.expunge_by_uid = !table[i].no_uidplus;
		if (table[i].permanent != NULL) {
			fixture->other.folders[0].permanent =
				flags(fixture, table[i].permanent);
			fixture->other.folders[0].any_keyword = false;
		}
		make_plan(fixture, table[i].removal, &plan);
		print_plan(&plan, &text);
		if (strcmp(text.data, table[i].plan) != 0)
			fail_msg("%s:\n%s", table[i].about, text.data);
		plan_clear(&plan);
		buffer_free(&text);
		assert_int_equal(teardown((void **)&fixture), 0);
	}
}

static struct view_folder *add_folder(
	struct view *view, const char *name, bool selectable, bool subscribed)
{
	struct view_folder *folder = view_add(view, name);

	folder->separator = view->features.separator;
	folder->selectable = selectable;
	folder->subscribed = subscribed;
	folder->has_status = selectable;
	folder->whole = true;
	return folder;
}

static void assert_plan(struct fixture *fixture, const char *expected)
{
	struct buffer text = BUFFER_EMPTY;
	struct plan plan;

	make_plan(fixture, PLAN_REMOVE_PAIRED, &plan);
	print_plan(&plan, &text);
	assert_string_equal(text.data, expected);
	plan_clear(&plan);
	buffer_free(&text);
}

/* What is gone at home and kept over there is remembered as that. */
static void test_widows(void **state)
{
	struct fixture *fixture = *state;
	struct plan plan;

	set_journal(fixture, "pair 1 11 100 a c\npair 2 12 100 b c\n");
	set_view(fixture, &fixture->home, "whole\n2 - - -\n", 1);
	set_view(fixture, &fixture->other, "delta\n", 2);
	make_plan(fixture, PLAN_REMOVE_NOTHING, &plan);
	assert_int_equal(plan.folders[0].widowed_count, 1);
	assert_int_equal(plan.folders[0].widowed[0], 0);
	plan_clear(&plan);
	make_plan(fixture, PLAN_REMOVE_PAIRED, &plan);
	assert_int_equal(plan.folders[0].widowed_count, 0);
	assert_int_equal(plan.folders[0].removed_count, 1);
	plan_clear(&plan);
}

/* What was foreign and is there no longer is taken off the list. */
static void test_departed(void **state)
{
	struct fixture *fixture = *state;
	struct plan plan;

	set_journal(fixture, "foreign 1 12\nforeign 1 13\n");
	set_view(fixture, &fixture->home, "delta\n", 1);
	set_view(fixture, &fixture->other, "whole\n13 - - -\n", 2);
	make_plan(fixture, PLAN_REMOVE_PAIRED, &plan);
	assert_int_equal(plan.folders[0].departed.count, 1);
	assert_true(uidset_has(&plan.folders[0].departed, 12));
	plan_clear(&plan);
}

/* Names are mapped, INBOX is itself, two that become one are kept apart, and
 * what only holds other folders is not made. */
static void test_names(void **state)
{
	struct fixture *fixture = *state;

	fixture->other.features.separator = '.';
	fixture->other.features.prefix = "INBOX.";
	add_folder(&fixture->home, "INBOX", true, false);
	add_folder(&fixture->home, "a/b", true, false);
	add_folder(&fixture->home, "a.b", true, false);
	add_folder(&fixture->home, "a_b", true, false);
	add_folder(&fixture->home, "parent", false, false);
	add_folder(&fixture->home, "parent/child", true, false);
	add_folder(&fixture->home, "INBOX/x", true, false);
	add_folder(&fixture->other, "INBOX", true, false);
	assert_plan(fixture, "create INBOX.a.b\n"
			     "create INBOX.a_b_\n"
			     "create INBOX.a_b\n"
			     "create INBOX.parent.child\n"
			     "create INBOX.INBOX.x\n");
}

static void test_prefix_is_taken_off(void **state)
{
	struct fixture *fixture = *state;

	fixture->home.features.separator = '.';
	fixture->home.features.prefix = "INBOX.";
	add_folder(&fixture->home, "INBOX", true, false);
	add_folder(&fixture->home, "INBOX.Sent", true, false);
	add_folder(&fixture->home, "INBOX.a.b/c", true, false);
	assert_plan(fixture, "create INBOX\ncreate Sent\ncreate a/b_c\n");
}

static void test_subscriptions(void **state)
{
	static const char *const ours[2] = { "ours", "ours" };
	static const char *const theirs[2] = { "theirs", "theirs" };
	struct fixture *fixture = *state;
	struct journal_folder *known;

	add_folder(&fixture->home, "kept", true, true);
	add_folder(&fixture->other, "kept", true, true);
	add_folder(&fixture->home, "new", true, true);
	add_folder(&fixture->home, "nowhere", false, true);
	add_folder(&fixture->home, "theirs", true, false);
	add_folder(&fixture->other, "theirs", true, true);
	add_folder(&fixture->home, "ours", true, false);
	add_folder(&fixture->other, "ours", true, true);
	journal_add(fixture->journal, theirs);
	known = journal_add(fixture->journal, ours);
	journal_subscribed(fixture->journal, known, JOURNAL_DESTINATION, true);
	assert_plan(fixture, "create new\nsubscribe new\nsubscribe nowhere\n"
			     "unsubscribe ours\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenario),
		cmocka_unit_test_setup_teardown(test_widows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_departed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_prefix_is_taken_off, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_subscriptions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
