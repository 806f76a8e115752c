/* SPDX-License-Identifier: BSD-2-Clause */
/* Accounts and events in words, and what an operator is told to do. */
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

#include "ctl/describe.h"

#define NOW   1763748000000 /* 2025-11-21 18:00:00 */
#define START "version=1|address=a@x.org|source=old|destination=new|"

/* Attributes parted by '|'. */
static struct attr_list *list_of(const char *text)
{
	struct attr_list *list = attr_list_new();
	char copy[1024], *rest = copy, *pair;

	assert_true(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	while ((pair = strsep(&rest, "|")) != NULL) {
		char *value = strchr(pair, '=');

		if (*pair == '\0')
			continue;
		assert_non_null(value);
		*value++ = '\0';
		attr_list_add(list, pair, value);
	}
	return list;
}

static void account_of(const char *text, struct account *account_r)
{
	struct attr_list *list = list_of(text);
	struct error error;

	if (account_scan(list, account_r, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	attr_list_free(&list);
}

static void tells_states(void **state)
{
	static const struct {
		const char *account, *state, *note;
	} cases[] = {
		{ "home=source|phase=settled", "at old", "" },
		{ "home=destination|phase=settled", "at new", "" },
		{ "home=source|phase=requested",
			"at old, move to new requested", "" },
		{ "home=source|phase=requested|not_before=1763755200000|"
		  "complete_after=never",
			"at old, move to new requested, not before "
			"2025-11-21 20:00:00, waits for `rehome complete`",
			"not before 2025-11-21 20:00:00" },
		{ "home=source|phase=requested|not_before=1763744400000|"
		  "complete_after=never",
			"at old, move to new requested, waits for `rehome "
			"complete`",
			"waits for `rehome complete`" },
		{ "home=destination|phase=copying|"
		  "complete_after=1763755200000",
			"at new, copying to old, completes after 2025-11-21 "
			"20:00:00",
			"completes after 2025-11-21 20:00:00" },
		{ "home=source|phase=ready", "at old, ready to move to new",
			"" },
		{ "home=source|phase=requested|strategy=login",
			"at old, move to new requested, waits for the first "
			"login",
			"waits for the first login" },
		{ "home=source|phase=requested|strategy=login|"
		  "login_at=1763747000000",
			"at old, move to new requested", "" },
		{ "home=source|phase=ready|strategy=logout",
			"at old, ready to move to new, waits until nobody is "
			"logged in",
			"waits until nobody is logged in" },
		{ "home=source|phase=ready|strategy=login|complete_after=never",
			"at old, ready to move to new, waits for `rehome "
			"complete`",
			"waits for `rehome complete`" },
		{ "home=source|phase=frozen|frozen_at=1763747999588",
			"out of service for 412 ms, from old to new",
			"out of service for 412 ms" },
		/* the other host's clock is ahead */
		{ "home=source|phase=frozen|frozen_at=1763748000100",
			"out of service for 0 ms, from old to new",
			"out of service for 0 ms" },
		{ "home=destination|phase=sweeping",
			"at new, late mail is fetched from old", "" },
		{ "home=destination|phase=retired",
			"at new, the mailbox at old is retired", "" },
		{ "home=source|phase=copying|held=yes|hold_reason=slow|"
		  "due=never",
			"at old, copying to new", "held: slow" },
		{ "home=source|phase=copying|attempts=1|failure=no room|"
		  "due=1763748180000",
			"at old, copying to new",
			"failed once, again in 3 min: no room" },
		{ "home=source|phase=copying|attempts=2|failure=no room",
			"at old, copying to new", "failed twice: no room" },
		{ "home=source|phase=copying|attempts=12|held=yes|due=never",
			"at old, copying to new",
			"held: no reason given; failed 12 times: no reason "
			"given" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer out = BUFFER_EMPTY;
		struct account account;
		char text[1024];

		snprintf(text, sizeof(text), START "%s", cases[i].account);
		account_of(text, &account);
		describe_state(&account, NOW, &out);
		assert_string_equal(out.data, cases[i].state);
		buffer_clear(&out);
		describe_note(&account, NOW, &out);
		assert_string_equal(
			out.size > 0 ? out.data : "", cases[i].note);
		buffer_free(&out);
		account_clear(&account);
	}
}

static void tells_steps(void **state)
{
	static const struct {
		const char *steps, *text;
	} cases[] = {
		{ "", "" },
		{ "lock=3", "lock 3 ms" },
		{ "publish=1 lock=3 open=5 flush=7",
			"publish 1 ms, lock 3 ms; then open 5 ms, flush 7 ms" },
		{ "open=5", "open 5 ms" },
		{ "  nonsense  lock=3 ", "lock 3 ms" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer out = BUFFER_EMPTY;

		buffer_add_text(&out, "");
		describe_steps(cases[i].steps, &out);
		assert_string_equal(out.data, cases[i].text);
		buffer_free(&out);
	}
}

static void tells_events(void **state)
{
	static const struct {
		const char *event, *text;
	} cases[] = {
		{ "event=transition|from=settled|to=requested|home=source|"
		  "by=root|strategy=precopy|mail=park|freeze_budget=30000|"
		  "complete_after=never|batch=sales",
			"settled -> requested by root: strategy precopy, mail "
			"parked, freeze budget 30 s, waits for `rehome "
			"complete`, batch sales" },
		{ "event=transition|from=copying|to=ready|worker=h/1|epoch=3",
			"copying -> ready by worker h/1" },
		{ "event=transition|from=frozen|to=sweeping|home=destination|"
		  "worker=h/1|freeze_ms=412|freeze_steps=lock=3 "
		  "round=400|deferred=1",
			"frozen -> sweeping, flipped: now at the destination "
			"by worker h/1; out of service for 412 ms (lock 3 ms, "
			"round 400 ms), 1 recipient deferred" },
		{ "event=transition|from=frozen|to=sweeping|home=destination|"
		  "by=root|force=yes|reason=must be|freeze_ms=9000|"
		  "deferred=0",
			"frozen -> sweeping, flipped: now at the destination "
			"by root, forced: must be; out of service for 9 s" },
		{ "event=transition|from=frozen|to=copying|by=policyd|"
		  "reason=over budget|freeze_ms=30000",
			"frozen -> copying, thawed by policyd: over budget; "
			"out of service for 30 s" },
		{ "event=transition|from=ready|to=settled|by=root",
			"ready -> settled, cancelled by root" },
		{ "event=transition|from=sweeping|to=settled|worker=h/1",
			"sweeping -> settled by worker h/1" },
		{ "event=round|kind=live|messages=1200|bytes=5000000|"
		  "copied=12|removed=0|flags=3|duration_ms=2500",
			"live round of 2.5 s: 1,200 messages, 5.0 MB, copied "
			"12, flags changed 3" },
		{ "event=progress|round=live|folder=Sent|messages_done=10|"
		  "messages_total=1200|bytes_done=5000",
			"live round under way, 10 of 1,200 messages, 5.0 kB, "
			"in Sent" },
		{ "event=progress|round=last|messages_done=1|bytes_done=5|"
		  "bytes_total=2000",
			"last round under way, 1 message, 5 B of 2.0 kB" },
		{ "event=deferral|recipient=a@x.org|deferred=7",
			"mail deferred for a@x.org, so far 7" },
		{ "event=front|from=closing|to=closed|steps=publish=3",
			"front closed: no mail, no logins (publish 3 ms)" },
		{ "event=release|worker=h/1|due=1763748000000|"
		  "at=1763748000000",
			"given back by worker h/1" },
		{ "event=release|worker=h/1|failure=no|due=1763748060000|"
		  "at=1763748000000",
			"given back by worker h/1, failed: no, goes on at "
			"2025-11-21 18:01:00" },
		{ "event=prove|messages=2|bytes=10|foreign=1|folders=3",
			"the copy is proved: 2 messages, 10 B, 3 folders, "
			"foreign 1" },
		{ "event=lease|worker=h/1|epoch=3", "taken by worker h/1" },
		{ "event=add|by=root|source=old|destination=new|home=source|"
		  "alias=b@x.org|alias=c@x.org",
			"added to the directory by root: source old, "
			"destination new, at the source, alias b@x.org, alias "
			"c@x.org" },
		{ "event=remove|by=root", "removed from the directory by "
					  "root" },
		{ "event=alias-add|alias=b@x.org|by=root",
			"alias b@x.org added by root" },
		{ "event=alias-remove|alias=b@x.org|by=root",
			"alias b@x.org removed by root" },
		{ "event=hold|by=root|reason=slow", "held by root: slow" },
		{ "event=resume|by=root", "resumed by root" },
		{ "event=complete|by=root", "completion asked for by root" },
		{ "event=login|system=old|begins=yes|learned=no",
			"login at old: the move begins" },
		{ "event=login|system=old|begins=no|learned=yes",
			"login at old: the password is learned" },
		{ "event=login|system=old|begins=yes|learned=yes",
			"login at old: the move begins, the password is "
			"learned" },
		{ "event=logout", "nobody is logged in any more" },
		{ "event=end|reason=policyd stops",
			"the watch has ended: policyd stops" },
		/* a watch wraps what is no transition */
		{ "event=change|what=resume|by=root|" START
		  "home=source|phase=copying|revision=7",
			"resumed by root" },
		/* nothing of an event that we do not know is hidden */
		{ "event=new-thing|serial=7|at=5|address=a@x.org|by=root|x=y",
			"new-thing by=root x=y" },
		{ "event=change|what=new-thing|" START
		  "home=source|phase=copying|revision=7|x=y",
			"new-thing x=y" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct attr_list *event = list_of(cases[i].event);
		struct buffer out = BUFFER_EMPTY;

		describe_event(event, &out);
		assert_string_equal(out.data, cases[i].text);
		buffer_free(&out);
		attr_list_free(&event);
	}
}

static void knows_ways_out(void **state)
{
	static const struct {
		const char *command, *account, *way;
	} cases[] = {
		{ "move", "home=destination|phase=settled",
			"`rehome return a@x.org` moves it back" },
		{ "move", "home=source|phase=copying",
			"`rehome cancel a@x.org` ends the present move" },
		{ "move", "home=source|phase=frozen",
			"`rehome thaw a@x.org` ends the freeze, then cancel "
			"it" },
		{ "move", "home=destination|phase=sweeping",
			"it is at new already, wait until it has settled" },
		{ "move", "home=destination|phase=retired", NULL },
		{ "return", "home=source|phase=settled",
			"`rehome move a@x.org` moves it there" },
		{ "cancel", "home=source|phase=frozen",
			"`rehome thaw a@x.org` ends the freeze first" },
		{ "cancel", "home=destination|phase=sweeping",
			"`rehome return a@x.org` moves it back once it has "
			"settled" },
		{ "cancel", "home=source|phase=settled",
			"there is nothing to cancel" },
		{ "freeze", "home=source|phase=settled",
			"`rehome move a@x.org` comes first" },
		{ "freeze", "home=destination|phase=settled",
			"`rehome return a@x.org` comes first" },
		{ "freeze", "home=source|phase=requested",
			"wait until it is copying or ready" },
		{ "freeze", "home=source|phase=ready|held=yes",
			"`rehome resume a@x.org` lets it go on" },
		{ "thaw", "home=source|phase=ready",
			"it is in service, at old" },
		{ "in-service", "home=source|phase=ready",
			"it is in service, at old" },
		{ "in-service", "home=source|phase=frozen",
			"wait for the proof of the last round, or give --force "
			"and --reason" },
		{ "in-service", "home=source|phase=frozen|proved=yes", NULL },
		{ "complete", "home=source|phase=settled",
			"`rehome move a@x.org` comes first" },
		{ "remove", "home=source|phase=ready",
			"`rehome cancel a@x.org` ends the present move" },
		{ "settle", "home=source|phase=ready",
			"only the sweep after a flip can be settled" },
		{ "retire", "home=source|phase=ready",
			"`rehome cancel a@x.org` ends the present move" },
		{ "add", "home=source|phase=settled",
			"`rehome show a@x.org` tells what is known of it" },
		{ "list", "home=source|phase=settled", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct account account;
		char text[1024], *way;

		snprintf(text, sizeof(text), START "%s", cases[i].account);
		account_of(text, &account);
		way = describe_way_out(cases[i].command, &account);
		if (cases[i].way == NULL)
			assert_null(way);
		else
			assert_string_equal(way, cases[i].way);
		free(way);
		account_clear(&account);
	}
}

static void advises(void **state)
{
	static const struct {
		const char *account, *advice;
	} cases[] = {
		{ "home=source|phase=settled", NULL },
		{ "home=source|phase=copying", NULL },
		/* done with: what failed once does not matter */
		{ "home=source|phase=settled|attempts=1|failure=x", NULL },
		{ "home=source|phase=copying|held=yes",
			"`rehome resume a@x.org` lets it go on" },
		{ "home=source|phase=ready|complete_after=never",
			"`rehome complete a@x.org` moves it now" },
		{ "home=source|phase=ready|complete_after=1763744400000",
			NULL },
		{ "home=source|phase=copying|attempts=1|failure=odd",
			"it is tried again by the next worker, `rehome cancel "
			"a@x.org` gives up" },
		{ "home=source|phase=copying|attempts=1|"
		  "failure=new: certificate has expired|due=1763748060000",
			"see ca_file and verify of the system in the "
			"configuration; it is tried again at 2025-11-21 "
			"18:01:00, `rehome cancel a@x.org` gives up" },
		{ "home=source|phase=copying|attempts=1|"
		  "failure=2 refused; first: INBOX uid 1: quota",
			"`rehome refused` lists them and says what helps; it "
			"is tried again by the next worker, `rehome cancel "
			"a@x.org` gives up" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct account account;
		char text[1024], *advice;

		snprintf(text, sizeof(text), START "%s", cases[i].account);
		account_of(text, &account);
		advice = describe_advice(&account, NOW);
		if (cases[i].advice == NULL)
			assert_null(advice);
		else
			assert_string_equal(advice, cases[i].advice);
		free(advice);
		account_clear(&account);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_states),
		cmocka_unit_test(tells_steps),
		cmocka_unit_test(tells_events),
		cmocka_unit_test(knows_ways_out),
		cmocka_unit_test(advises),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
