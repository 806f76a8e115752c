/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a watch makes of events (tracker.c), and the live view of it in every
 * size of a terminal (screen.c).
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "ctl/screen.h"
#include "ctl/text.h"
#include "ctl/tracker.h"

#define NOW 1763748000000 /* 2025-11-21 18:00:00 */

/* Attributes parted by '|'. */
static struct attr_list *list_of(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static struct attr_list *list_of(const char *format, ...)
{
	struct attr_list *list = attr_list_new();
	char copy[1024], *rest = copy, *pair;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(copy, sizeof(copy), format, arguments);
	va_end(arguments);
	while ((pair = strsep(&rest, "|")) != NULL) {
		char *value = strchr(pair, '=');

		assert_non_null(value);
		*value++ = '\0';
		attr_list_add(list, pair, value);
	}
	return list;
}

static void take(struct tracker *tracker, const char *address,
	const char *fields, int64_t now)
{
	struct attr_list *list = list_of("event=transition|version=1|"
					 "address=%s|source=old|"
					 "destination=new|%s",
		address, fields);

	tracker_take_event(tracker, list, now);
	attr_list_free(&list);
}

static void progress(struct tracker *tracker, const char *address,
	const char *round, int64_t done, int64_t total, int64_t now)
{
	struct attr_list *list = list_of(
		"event=progress|round=%s|folder=INBOX|messages_done=%lld|"
		"messages_total=%lld|bytes_done=%lld|address=%s|"
		"phase=copying|home=source|batch=",
		round, (long long)done, (long long)total,
		(long long)done * 1000, address);

	tracker_take_event(tracker, list, now);
	attr_list_free(&list);
}

static void event(struct tracker *tracker, const char *text, int64_t now)
{
	struct attr_list *list = list_of("%s", text);

	tracker_take_event(tracker, list, now);
	attr_list_free(&list);
}

static void follows_a_round(void **state)
{
	struct tracker *tracker = tracker_new();
	const struct tracker_item *item;

	(void)state;
	take(tracker, "a@x.org", "home=source|phase=copying|revision=4", 0);
	item = tracker_find(tracker, "a@x.org");
	assert_non_null(item);
	assert_true(tracker_fraction(item) < 0);
	assert_int_equal(tracker_left(item), -1);

	progress(tracker, "a@x.org", "live", 0, 1000, 100);
	assert_true(tracker_fraction(item) == 0);
	assert_int_equal(tracker_left(item), -1);
	progress(tracker, "a@x.org", "live", 250, 1000, 1100);
	assert_true(tracker_fraction(item) == 0.25);
	/* 250 in a second, 750 to go */
	assert_int_equal(tracker_left(item), 3000);
	/* it stands: slower, but not at once without end */
	progress(tracker, "a@x.org", "live", 250, 1000, 2100);
	assert_int_equal(tracker_left(item), 5000);
	progress(tracker, "a@x.org", "live", 1000, 1000, 2600);
	assert_int_equal(tracker_left(item), 0);
	/* more than was announced */
	progress(tracker, "a@x.org", "live", 1200, 1000, 2600);
	assert_true(tracker_fraction(item) == 1);

	/* another round: its rate is its own */
	progress(tracker, "a@x.org", "last", 1300, 2000, 2700);
	assert_int_equal(tracker_left(item), -1);
	progress(tracker, "a@x.org", "last", 1400, 2000, 2800);
	assert_int_equal(tracker_left(item), 600);
	/* the same kind again, from its beginning */
	progress(tracker, "a@x.org", "last", 0, 2000, 2900);
	assert_int_equal(tracker_left(item), -1);
	/* as good as standing still */
	progress(tracker, "a@x.org", "last", 1, 2000000000, 1002900);
	assert_int_equal(tracker_left(item), -1);
	/* where the bytes are known, they tell */
	event(tracker,
		"event=progress|round=x|messages_done=1|messages_total=2|"
		"bytes_done=0|bytes_total=100|address=a@x.org",
		1003000);
	event(tracker,
		"event=progress|round=x|messages_done=1|messages_total=2|"
		"bytes_done=25|bytes_total=100|address=a@x.org",
		1004000);
	assert_true(tracker_fraction(item) == 0.25);
	assert_int_equal(tracker_left(item), 3000);

	event(tracker,
		"event=round|address=a@x.org|kind=live|messages=1200|"
		"bytes=1200000|phase=copying",
		1005000);
	assert_true(tracker_fraction(item) < 0);
	assert_int_equal(item->account.rounds, 1);
	assert_int_equal(item->account.messages, 1200);
	tracker_free(&tracker);
	tracker_free(&tracker);
}

static void forgets_a_round(void **state)
{
	static const char *const ends[] = {
		"event=change|what=release|address=a@x.org",
		"event=transition|version=1|address=a@x.org|source=old|"
		"destination=new|home=source|phase=ready|revision=9",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct tracker *tracker = tracker_new();

		take(tracker, "a@x.org", "home=source|phase=copying", 0);
		progress(tracker, "a@x.org", "live", 10, 100, 100);
		event(tracker, ends[i], 200);
		assert_true(
			tracker_fraction(tracker_find(tracker, "a@x.org")) < 0);
		tracker_free(&tracker);
	}
}

static void keeps_the_newest(void **state)
{
	struct tracker *tracker = tracker_new();
	const struct tracker_item *item;

	(void)state;
	take(tracker, "a@x.org", "home=source|phase=ready|revision=5", 0);
	/* an event that was sent before the account was asked for */
	take(tracker, "a@x.org", "home=source|phase=copying|revision=4", 10);
	item = tracker_find(tracker, "a@x.org");
	assert_int_equal(item->account.phase, ACCOUNT_READY);
	assert_int_equal(item->changed_at, 0);
	take(tracker, "a@x.org", "home=source|phase=frozen|revision=6", 20);
	assert_int_equal(item->account.phase, ACCOUNT_FROZEN);
	assert_int_equal(item->changed_at, 20);
	/* not one account, and what is no record */
	event(tracker, "event=end|reason=x", 30);
	event(tracker, "event=progress|address=unknown@x.org|round=1", 30);
	event(tracker, "event=transition|address=b@x.org|phase=nonsense", 30);
	assert_int_equal(tracker_count(tracker), 1);
	tracker_free(&tracker);
}

static void sorts_and_forgets(void **state)
{
	static const char *const phases[] = { "requested", "settled", "ready",
		"sweeping", "copying", "frozen" };
	static const char expected[] = "f e d c a b ";
	struct tracker *tracker = tracker_new();
	const struct tracker_item **sorted;
	char text[64] = "", fields[64], address[16];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		snprintf(address, sizeof(address), "%c@x.org", (int)('a' + i));
		snprintf(fields, sizeof(fields), "home=source|phase=%s",
			phases[i]);
		take(tracker, address, fields, 0);
	}
	sorted = tracker_sorted(tracker);
	for (size_t i = 0; i < tracker_count(tracker); i++) {
		text[2 * i] = sorted[i]->account.address[0];
		text[2 * i + 1] = ' ';
	}
	free(sorted);
	assert_string_equal(text, expected);
	tracker_forget(tracker, 1000, 1000);
	assert_int_equal(tracker_count(tracker), 6);
	event(tracker, "event=change|what=remove|address=a@x.org", 500);
	tracker_forget(tracker, 1400, 1000);
	assert_null(tracker_find(tracker, "b@x.org"));
	assert_int_equal(tracker_count(tracker), 5);
	tracker_forget(tracker, 1600, 1000);
	assert_null(tracker_find(tracker, "a@x.org"));
	assert_int_equal(tracker_count(tracker), 4);
	tracker_clear(tracker);
	assert_int_equal(tracker_count(tracker), 0);
	tracker_free(&tracker);
}

static struct tracker *some_accounts(void)
{
	struct tracker *tracker = tracker_new();

	take(tracker, "ann@example.org", "home=source|phase=copying", 0);
	progress(tracker, "ann@example.org", "live", 100, 2000, 100);
	progress(tracker, "ann@example.org", "live", 500, 2000, 1100);
	take(tracker, "bob@example.org",
		"home=source|phase=frozen|frozen_at=1763747999700|"
		"freeze_budget=1000",
		0);
	take(tracker, "carol@example.org",
		"home=source|phase=copying|attempts=1|failure=no \033[2J room",
		0);
	take(tracker, "dora@example.org",
		"home=destination|phase=settled|freeze_ms=412|"
		"requested_at=5|flipped_at=6",
		0);
	return tracker;
}

static char *draw(const struct tracker *tracker, size_t width, size_t height)
{
	struct attr_list *status = list_of(
		"accounts=1000|held=2|failing=1|phase-settled-source=900|"
		"phase-settled-destination=96|phase-requested-source=1|"
		"phase-copying-source=2|phase-frozen-source=1");
	struct screen_view view = { .width = width,
		.height = height,
		.now = NOW,
		.tracker = tracker,
		.status = status,
		.notice = NULL,
		.foot = "q quits" };
	struct buffer out = BUFFER_EMPTY;

	screen_draw(&view, &out);
	attr_list_free(&status);
	return out.data;
}

static void draws(void **state)
{
	static const struct {
		size_t width, height;
		const char *screen;
	} cases[] = {
		{ 100, 24,
			"1 requested, 3 moving, 96 of 1,000 moved (9%), 2 "
			"held, 1 failing                            18:00:00\n"
			"\n"
			"ADDRESS            PHASE      ROUND               "
			"           MESSAGES       RATE      LEFT  FOLDER\n"
			"bob@example.org    frozen     [====>        ]  out"
			" of service for 300 ms of 1 s\n"
			"ann@example.org    copying    [===>         ]  25%"
			"          500/2,000   400 kB/s      0:04  INBOX\n"
			"carol@example.org  copying    failed once: no ?[2J"
			" room\n"
			"dora@example.org   settled    at new, was out of s"
			"ervice for 412 ms\n"
			"\n"
			"q quits" },
	};
	struct tracker *tracker = some_accounts();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *screen = draw(tracker, cases[i].width, cases[i].height);
		const char *seen = screen, *wanted = cases[i].screen;

		/* blanks at the ends of lines do not show */
		while (*seen != '\0' || *wanted != '\0') {
			size_t one = strcspn(seen, "\n");
			size_t two = strcspn(wanted, "\n");
			size_t end = one, last = two;

			while (end > 0 && seen[end - 1] == ' ')
				end--;
			while (last > 0 && wanted[last - 1] == ' ')
				last--;
			if (end != last || strncmp(seen, wanted, end) != 0)
				fail_msg("\n%.*s\nis not\n%.*s", (int)one, seen,
					(int)two, wanted);
			seen += one + (seen[one] == '\n');
			wanted += two + (wanted[two] == '\n');
		}
		free(screen);
	}
	tracker_free(&tracker);
}

/* Never wider or higher than the terminal, however small that is. */
static void fits_every_size(void **state)
{
	struct tracker *tracker = some_accounts();

	(void)state;
	for (size_t width = 1; width < 180; width++) {
		for (size_t height = 1; height < 14; height++) {
			char *screen = draw(tracker, width, height);
			char *rest = screen, *line;
			size_t lines = 0;

			while ((line = strsep(&rest, "\n")) != NULL) {
				if (text_width(line) > width)
					fail_msg("%zux%zu: %s", width, height,
						line);
				lines++;
			}
			if (lines > height)
				fail_msg("%zux%zu: %zu lines", width, height,
					lines);
			free(screen);
		}
	}
	tracker_free(&tracker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_a_round),
		cmocka_unit_test(forgets_a_round),
		cmocka_unit_test(keeps_the_newest),
		cmocka_unit_test(sorts_and_forgets),
		cmocka_unit_test(draws),
		cmocka_unit_test(fits_every_size),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
