/* SPDX-License-Identifier: BSD-2-Clause */
/* What the journal says of UIDs: kept, other ones, or mistaken ones. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "copier/identity.h"
#include "copier/identity_judge.h"

#include "lib/xalloc.h"

#define PAIRS_MAX 6

struct fixture {
	char directory[64];
	struct flagpool *flags;
	struct journal *journal;
};

static int set_up(void **state)
{
	static const char *const systems[2] = { "old", "new" };
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	bool busy;
	struct error error;

	strcpy(fixture->directory, "/tmp/identity-test.XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	fixture->flags = flagpool_new();
	fixture->journal = journal_open(fixture->directory, "ann", systems,
		fixture->flags, &busy, &error);
	assert_non_null(fixture->journal);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char *command = xasprintf("rm -r %s", fixture->directory);

	journal_close(&fixture->journal);
	flagpool_free(&fixture->flags);
	assert_int_equal(system(command), 0);
	free(command);
	free(fixture);
	return 0;
}

/* A folder of the journal, as the source sees the destination. */
struct folder_case {
	const char *what;
	uint32_t validity[2];
	uint32_t pairs[PAIRS_MAX][2];
	uint32_t foreign; /* at the destination, or 0 */
	uint32_t uidnext; /* of the source */
	enum identity_fate fate;
	size_t other_uid;
};

static const struct folder_case folder_cases[] = {
	{ "the same", { 7, 7 }, { { 1, 1 }, { 9, 9 } }, 0, 10, IDENTITY_KEPT,
		0 },
	{ "empty", { 7, 7 }, { { 0, 0 } }, 0, 1, IDENTITY_KEPT, 0 },
	{ "another UIDVALIDITY", { 7, 8 }, { { 1, 1 } }, 0, 2, IDENTITY_ANEW,
		0 },
	{ "not told yet", { 7, 0 }, { { 0, 0 } }, 0, 2, IDENTITY_ANEW, 0 },
	{ "mistaken", { 7, 7 }, { { 1, 1 }, { 2, 3 } }, 0, 4, IDENTITY_CLASH,
		1 },
	{ "beyond what home gave", { 7, 7 }, { { 1, 1 }, { 2, 30 } }, 0, 4,
		IDENTITY_PARTLY, 1 },
	{ "a UID that home had once", { 7, 7 }, { { 1, 1 }, { 9, 5 } }, 0, 10,
		IDENTITY_CLASH, 1 },
	{ "a straggler, on the way back", { 7, 7 },
		{ { 4, 4 }, { 5 + IDENTITY_GAP, 5 } }, 0, 6 + IDENTITY_GAP,
		IDENTITY_PARTLY, 1 },
	{ "foreign in home's place", { 7, 7 }, { { 1, 1 }, { 9, 9 } }, 4, 10,
		IDENTITY_CLASH, 0 },
	{ "foreign above", { 7, 7 }, { { 1, 1 } }, 40, 10, IDENTITY_KEPT, 0 },
};

static void judges(void **state)
{
	struct fixture *fixture = *state;
	size_t i, j;

	for (i = 0; i < sizeof(folder_cases) / sizeof(folder_cases[0]); i++) {
		const struct folder_case *one = &folder_cases[i];
		const char *const names[2] = { one->what, one->what };
		const struct mailbox_status status = {
			.uidvalidity = one->validity[0], .uidnext = one->uidnext
		};
		struct journal_folder *folder =
			journal_add(fixture->journal, names);
		struct identity_verdict verdict;

		for (j = 0; j < 2; j++)
			journal_uidvalidity(fixture->journal, folder,
				(enum journal_side)j, one->validity[j]);
		for (j = 0; j < PAIRS_MAX && one->pairs[j][0] != 0; j++) {
			struct journal_pair pair = { .origin = JOURNAL_COPIED,
				.flags = flagpool_get(fixture->flags, "", 0) };

			memcpy(pair.uid, one->pairs[j], sizeof(pair.uid));
			journal_pair(fixture->journal, folder, &pair);
		}
		if (one->foreign != 0)
			journal_foreign(fixture->journal, folder,
				JOURNAL_DESTINATION, one->foreign, true);
		journal_seen(fixture->journal, folder, JOURNAL_SOURCE, &status);
		verdict = identity_judge(folder, JOURNAL_SOURCE);
		if (verdict.fate != one->fate ||
			verdict.other_uid != one->other_uid)
			fail_msg("%s: %d, %zu", one->what, (int)verdict.fate,
				verdict.other_uid);
	}
}

static void reports(void **state)
{
	struct fixture *fixture = *state;
	struct buffer text = BUFFER_EMPTY;

	identity_report(fixture->journal, JOURNAL_SOURCE, true, &text);
	assert_non_null(strstr(text.data, "5 of 10 folders keep UIDVALIDITY"));
	assert_non_null(strstr(text.data,
		"folder another UIDVALIDITY: IMAP clients download it anew (1 "
		"message): it had been in use there\n"));
	assert_non_null(strstr(text.data,
		"folder mistaken: UIDs there stand for other messages"));
	assert_null(strstr(text.data, "folder the same"));
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges),
		cmocka_unit_test(reports),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
