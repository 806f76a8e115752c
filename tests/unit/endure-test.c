/* SPDX-License-Identifier: BSD-2-Clause */
/* Going on after lost connections: a script of what happens, and its pauses. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

#include "copier/endure.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One letter for each try: '.' all is done; 'c' the connection is lost, 'C' the
 * same after some progress; 'x' the work fails with its connections alive; 'o'
 * it cannot be opened, 'b' it is too busy for that, 'p' the password is wrong;
 * 't' throttled, 'l' a lane's connection is lost, 'n' what nothing helps. The
 * last one goes on for ever. */
struct play {
	const char *script;
	unsigned tries; /* done so far */
	bool open;
	uint64_t progress;
	int64_t now;
	int64_t stop_at; /* go_on says no from then on */
	int64_t longest; /* pause */
	unsigned told;
};

static char play_event(struct play *play)
{
	size_t last = strlen(play->script) - 1;

	return play->script[play->tries < last ? play->tries : last];
}

static enum endure_result play_open(void *context, struct error *error)
{
	struct play *play = context;
	char event = play_event(play);

	if (strchr("obp", event) == NULL) {
		play->open = true;
		return ENDURE_DONE;
	}
	play->tries++;
	error_set(error, "%s",
		event == 'b'   ? "[LIMIT] Too many simultaneous connections"
		: event == 'o' ? "connect: Connection refused"
			       : "[AUTHENTICATIONFAILED] no");
	return event == 'p' ? ENDURE_REFUSED : ENDURE_FAILED;
}

static enum endure_result play_work(void *context, struct error *error)
{
	struct play *play = context;
	char event = play_event(play);

	assert_true(play->open);
	play->tries++;
	play->now += 1000;
	if (event == '.')
		return ENDURE_DONE;
	if (event == 'C')
		play->progress++;
	if (strchr("cCtn", event) != NULL)
		play->open = false;
	error_set(error, "%s",
		event == 'x'   ? "20 messages are lacking"
		: event == 't' ? "Request is throttled. Suggested Backoff "
				 "Time: 7000 milliseconds"
		: event == 'n' ? "certificate of h expired"
			       : "read: connection closed by the server");
	return ENDURE_FAILED;
}

static bool play_drop(void *context)
{
	struct play *play = context;
	bool lost = !play->open;

	play->open = play->open && !lost;
	return lost;
}

static uint64_t play_progress(void *context)
{
	return ((struct play *)context)->progress;
}

static bool play_goes_on(void *context, struct error *error)
{
	struct play *play = context;

	if (play->stop_at == 0 || play->now < play->stop_at)
		return true;
	error_set(error, "told to end");
	return false;
}

static bool play_sleep(void *context, int64_t ms, struct error *error)
{
	struct play *play = context;

	play->now += ms;
	if (ms > play->longest)
		play->longest = ms;
	return play_goes_on(context, error);
}

static void play_told(void *context, const struct error *error, int64_t ms)
{
	struct play *play = context;

	(void)ms;
	assert_string_not_equal(error->text, "");
	play->told++;
}

static int64_t play_now(void *context)
{
	return ((struct play *)context)->now;
}

static const struct {
	const char *script;
	int64_t stop_at;
	int result;
	unsigned tries; /* in all */
	const char *words;
} plays[] = {
	{ ".", 0, 0, 1, NULL },
	{ "c.", 0, 0, 2, NULL },
	{ "cccc.", 0, 0, 5, NULL },
	/* bounded without progress, not with it */
	{ "c", 0, -1, 5, "given up after 5 tries" },
	{ "CCCCCCCCCCCCCCCCCCCC.", 0, 0, 21, NULL },
	{ "ccCccCccCccc.", 0, 0, 13, NULL },
	/* never open: at once, unless it is only busy */
	{ "o", 0, -1, 1, "Connection refused" },
	{ "bb.", 0, 0, 3, NULL },
	{ "p", 0, -1, 1, "AUTHENTICATIONFAILED" },
	/* away in between, for a while or for ever */
	{ "cooooo.", 0, 0, 7, NULL },
	{ "co", 0, -1, 0, "given up after" },
	{ "cp", 0, -1, 2, "AUTHENTICATIONFAILED" },
	/* too busy is no loss */
	{ "ttttttt.", 0, 0, 8, NULL },
	{ "t", 0, -1, 0, "throttled" },
	/* not of the connections */
	{ "x", 0, -1, 1, "20 messages are lacking" },
	{ "cx", 0, -1, 2, "20 messages are lacking" },
	{ "n", 0, -1, 1, "expired" },
	{ "l.", 0, 0, 2, NULL },
	/* told to end */
	{ "c.", 1, -1, 1, "connection closed" },
	{ "cc.", 2200, -1, 2, "told to end" },
};

static void test_plays(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(plays); i++) {
		struct play play = { .script = plays[i].script,
			.stop_at = plays[i].stop_at };
		const struct endure endure = { .open = play_open,
			.work = play_work,
			.drop = play_drop,
			.progress = play_progress,
			.go_on = play_goes_on,
			.told = play_told,
			.sleep = play_sleep,
			.now = play_now,
			.context = &play,
			.tries = 4,
			.patience = 300000,
			.least = 500,
			.most = 60000 };
		struct error error = { "" };
		int result = endure_run(&endure, &error);

		if (result != plays[i].result ||
			(plays[i].tries != 0 && play.tries != plays[i].tries) ||
			(plays[i].words != NULL &&
				strstr(error.text, plays[i].words) == NULL))
			fail_msg("%s: %d after %u tries: %s", plays[i].script,
				result, play.tries, error.text);
		assert_in_range(play.now, 0, 500000);
		assert_in_range(play.longest, 0, 60000);
		assert_in_range(play.told, 0, play.tries);
	}
}

/* What the server suggests is kept to; the first loss is not waited for. */
static void test_pauses(void **state)
{
	static const struct {
		const char *script;
		int64_t from, to;
	} cases[] = { { "t.", 7000, 7000 }, { "c.", 0, 0 },
		{ "cc.", 500, 1000 }, { "b.", 250, 500 } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct play play = { .script = cases[i].script };
		const struct endure endure = { .open = play_open,
			.work = play_work,
			.drop = play_drop,
			.progress = play_progress,
			.go_on = play_goes_on,
			.sleep = play_sleep,
			.now = play_now,
			.context = &play,
			.tries = 4,
			.patience = 300000,
			.least = 500,
			.most = 60000 };

		struct error error;

		assert_int_equal(endure_run(&endure, &error), 0);
		assert_in_range(play.longest, cases[i].from, cases[i].to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plays),
		cmocka_unit_test(test_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
