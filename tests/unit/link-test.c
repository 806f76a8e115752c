/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection to policyd, whose part the test plays: what is asked and told
 * on it, and what becomes of sessions when it is lost.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/link.h"
#include "lib/buffer.h"
#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#define HELLO_OK "status=ok\nlease=400\nhold=1000\n\n"

/* A session, and what it was told. */
struct caller {
	struct link_member member;
	char told[256];
	bool ends; /* when it is told to close */
	struct link *link;
};

struct bench {
	char directory[32];
	char endpoint[64];
	struct loop *loop;
	struct log *log;
	struct link *link;
	struct loop_work stop;
	int listener, peer;
	struct caller one, two;
};

static void tell(struct caller *caller, const char *text)
{
	strncat(caller->told, text,
		sizeof(caller->told) - strlen(caller->told) - 1);
}

static void routed(void *context, enum link_outcome outcome, const char *reason)
{
	static const char *const words[] = { "routed ", "moved ", "later " };
	struct caller *caller = context;

	tell(caller, words[outcome]);
	if (outcome != LINK_ROUTED)
		tell(caller, reason);
}

static void held(void *context)
{
	tell(context, "held ");
}

static void close_it(void *context, int64_t ms)
{
	struct caller *caller = context;
	char text[32];

	snprintf(text, sizeof(text), "close %d ", (int)ms);
	tell(caller, text);
	if (caller->ends)
		link_leave(caller->link, &caller->member);
}

static void let_in(void *context)
{
	tell(context, "let in ");
}

static void kick(void *context)
{
	tell(context, "kick ");
}

static const struct link_calls calls = {
	.routed = routed,
	.held = held,
	.let_in = let_in,
	.close = close_it,
	.kick = kick,
};

static void caller_init(struct bench *bench, struct caller *caller)
{
	caller->link = bench->link;
	caller->member.number = link_number(bench->link);
	caller->member.protocol = "imap";
	caller->member.client = "192.0.2.1";
	caller->member.calls = &calls;
	caller->member.context = caller;
}

static void stop(void *context)
{
	loop_stop(context);
}

/* A turn of the loop that does not wait. */
static void turn(struct bench *bench)
{
	loop_defer(bench->loop, &bench->stop, stop, bench->loop);
	assert_int_equal(loop_run(bench->loop, NULL), 0);
}

static void turns(struct bench *bench, int64_t ms)
{
	int64_t end = instant_monotonic() + ms;

	do {
		turn(bench);
		usleep(1000);
	} while (instant_monotonic() < end);
}

static int setup(void **state)
{
	struct bench *bench = xcalloc(1, sizeof(*bench));
	struct link_settings settings = { NULL, "gw/0", "abcd", 300 };
	struct error error;

	strcpy(bench->directory, "/tmp/link-test.XXXXXX");
	if (mkdtemp(bench->directory) == NULL)
		return -1;
	snprintf(bench->endpoint, sizeof(bench->endpoint), "unix:%s/policyd",
		bench->directory);
	bench->listener =
		endpoint_listen(bench->endpoint, 0600, (gid_t)-1, &error);
	bench->loop = loop_new(&error);
	bench->log = log_open("link-test", -1, LOG_EMERG);
	settings.endpoint = bench->endpoint;
	bench->link = link_new(bench->loop, &settings, bench->log);
	bench->peer = -1;
	caller_init(bench, &bench->one);
	caller_init(bench, &bench->two);
	*state = bench;
	return bench->listener >= 0 && bench->loop != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	link_leave(bench->link, &bench->one.member);
	link_leave(bench->link, &bench->two.member);
	link_free(&bench->link);
	loop_undefer(bench->loop, &bench->stop);
	loop_free(&bench->loop);
	log_close(&bench->log);
	unlink(bench->endpoint + 5);
	rmdir(bench->directory);
	close(bench->listener);
	if (bench->peer >= 0)
		close(bench->peer);
	free(bench);
	return 0;
}

/* What the link has said since; in test's words ';' is the line end. */
static void expect(struct bench *bench, const char *wanted)
{
	char text[4096];
	ssize_t size;

	turns(bench, 5);
	size = recv(bench->peer, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[size > 0 ? size : 0] = '\0';
	for (char *at = text; *at != '\0'; at++)
		if (*at == '\n')
			*at = ';';
	assert_string_equal(text, wanted);
}

static void say(struct bench *bench, const char *text)
{
	assert_int_equal(send(bench->peer, text, strlen(text), MSG_NOSIGNAL),
		strlen(text));
	turns(bench, 5);
}

/* policyd takes the connection and says hello. */
static void meet(struct bench *bench)
{
	do {
		turn(bench);
		bench->peer = accept(bench->listener, NULL, NULL);
	} while (bench->peer < 0);
	expect(bench, "request=hello;name=gw/0;instance=abcd;;");
	say(bench, HELLO_OK);
}

static void lose(struct bench *bench)
{
	close(bench->peer);
	bench->peer = -1;
	turns(bench, 5);
}

#define ASK(id, session, login)                                                \
	"request=route;id=" id ";session=" session ";login=" login             \
	";protocol=imap;client=192.0.2.1;wait=yes;;"

static void test_route(void **state)
{
	struct bench *bench = *state;

	meet(bench);
	expect(bench, "request=ready;;");
	link_ask(bench->link, &bench->one.member, "ann@a", true);
	link_ask(bench->link, &bench->two.member, "bob@a", true);
	expect(bench,
		ASK("16777216", "1", "ann@a") ASK("16777217", "2", "bob@a"));
	/* in the order of policyd; a user who is not in the directory */
	say(bench, "status=not-found\nid=16777217\nsystem=old\nuser=bob\n\n"
		   "event=held\nid=16777216\n\nevent=held\nid=16777216\n\n");
	assert_string_equal(bench->two.told, "routed ");
	assert_string_equal(bench->two.member.system, "old");
	assert_string_equal(bench->two.member.user, "bob");
	assert_string_equal(bench->two.member.address, "bob@a");
	say(bench, "status=ok\nid=16777216\naddress=ann@a.example\nsystem=new\n"
		   "user=ann\n\n");
	assert_string_equal(bench->one.told, "held routed ");
	assert_string_equal(bench->one.member.address, "ann@a.example");
	link_tell_login(
		bench->link, &bench->one.member, true, "PLAIN", NULL, "00ff");
	link_tell_quiet(bench->link, &bench->one.member, 1234);
	link_tell_quiet(bench->link, &bench->one.member, 0);
	link_leave(bench->link, &bench->one.member);
	expect(bench,
		"request=login;session=1;outcome=ok;mechanism=PLAIN;"
		"sealed=00ff;;request=quiet;session=1;since=1234;;"
		"request=quiet;session=1;busy=yes;;request=end;session=1;;");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *answer, *told;
	} rows[] = {
		{ "status=conflict\nreason=is moved\n", "moved is moved" },
		{ "status=error\nreason=store\n", "later store" },
		{ "status=denied\nreason=no\n", "later no" },
		{ "status=ok\nuser=ann\n",
			"later policyd has named no system" },
		{ "status=perhaps\nsystem=old\nuser=a\n", NULL },
		{ "system=old\nuser=a\n", NULL },
	};
	struct bench *bench = *state;

	meet(bench);
	expect(bench, "request=ready;;");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		bench->one.told[0] = '\0';
		link_ask(bench->link, &bench->one.member, "ann@a", true);
		snprintf(text, sizeof(text), "%sid=%zu\n\n", rows[i].answer,
			(i + 1) << 24);
		say(bench, text);
		assert_int_equal(bench->one.member.stage, LINK_NONE);
		if (rows[i].told != NULL)
			assert_string_equal(bench->one.told, rows[i].told);
		else
			assert_int_equal(
				strncmp(bench->one.told, "later ", 6), 0);
	}
}

/* Nobody waits any more: policyd is told so, twice if its answer crosses. */
static void test_leave_unanswered(void **state)
{
	struct bench *bench = *state;

	meet(bench);
	expect(bench, "request=ready;;");
	link_ask(bench->link, &bench->one.member, "ann@a", true);
	link_leave(bench->link, &bench->one.member);
	expect(bench, ASK("16777216", "1", "ann@a") "request=end;session=1;;");
	/* its place is not given to another question */
	link_ask(bench->link, &bench->two.member, "bob@a", true);
	expect(bench, ASK("16777217", "2", "bob@a"));
	say(bench, "status=ok\nid=16777216\nsystem=old\nuser=ann\n\n");
	expect(bench, "request=end;session=1;;");
	assert_string_equal(bench->one.told, "");
	assert_string_equal(bench->two.told, "");
	/* an answer comes once, and ids of others are nobody's */
	say(bench, "status=ok\nid=16777216\nsystem=old\nuser=ann\n\n"
		   "status=ok\nid=999\nsystem=old\nuser=ann\n\n"
		   "status=ok\nid=-1\nsystem=old\nuser=ann\n\n");
	expect(bench, "");
}

static void test_no_answer(void **state)
{
	struct bench *bench = *state;

	link_ask(bench->link, &bench->two.member, "bob@a", true);
	meet(bench);
	expect(bench, "request=ready;;" ASK("16777216", "2", "bob@a"));
	turns(bench, 700);
	assert_string_equal(bench->two.told, "later policyd has not answered");
	expect(bench, "request=end;session=2;;");
}

/* A new connection is told what runs, and asked what is not answered. */
static void test_again(void **state)
{
	struct bench *bench = *state;
	char wanted[512];

	meet(bench);
	expect(bench, "request=ready;;");
	link_ask(bench->link, &bench->one.member, "ann@a", true);
	expect(bench, ASK("16777216", "1", "ann@a"));
	say(bench, "status=ok\nid=16777216\naddress=ann@a\nsystem=old\n"
		   "user=ann\n\n");
	link_ask(bench->link, &bench->two.member, "bob@a", true);
	lose(bench);
	meet(bench);
	snprintf(wanted, sizeof(wanted),
		"request=session;session=1;address=ann@a;protocol=imap;"
		"system=old;since=%lld;client=192.0.2.1;;request=ready;;" ASK(
			"33554432", "2", "bob@a"),
		(long long)bench->one.member.since);
	expect(bench, wanted);
	turns(bench, 600); /* the lease of before does not count any more */
	assert_string_equal(bench->one.told, "routed ");
}

/* policyd is away for longer than its lease: a flip could happen. */
static void test_lease(void **state)
{
	struct bench *bench = *state;

	bench->one.ends = true;
	meet(bench);
	link_ask(bench->link, &bench->one.member, "ann@a", true);
	turns(bench, 5);
	say(bench, "status=ok\nid=16777216\nsystem=old\nuser=ann\n\n");
	lose(bench);
	close(bench->listener);
	turns(bench, 700);
	assert_string_equal(bench->one.told, "routed close 100 ");
	assert_int_equal(bench->one.member.stage, LINK_NONE);
}

static void test_pushes(void **state)
{
	struct bench *bench = *state;

	bench->one.ends = true;
	meet(bench);
	link_ask(bench->link, &bench->one.member, "ann@a", true);
	link_ask(bench->link, &bench->two.member, "ann@a", true);
	turns(bench, 5);
	say(bench, "status=ok\nid=16777216\naddress=ann@a\nsystem=old\n"
		   "user=ann\n\nstatus=ok\nid=16777217\naddress=ann@a\n"
		   "system=old\nuser=ann\n\n"
		   "event=close\naddress=bob@a\ndeadline=9\n\n"
		   "event=close\naddress=ann@a\ndeadline=70\n\n"
		   "event=kick\nsession=2\n\nevent=kick\nsession=1\n\n");
	assert_string_equal(bench->one.told, "routed close 70 ");
	assert_string_equal(bench->two.told, "routed close 70 kick ");
}

#define LOGIN(id)                                                              \
	"request=login;session=1;outcome=ok;mechanism=PLAIN;id=" id            \
	";wait=yes;;"

/* A login that the home has accepted goes on, or waits for a move. */
static void test_login_waits(void **state)
{
	struct bench *bench = *state;
	struct link_member *member = &bench->one.member;

	meet(bench);
	link_ask(bench->link, member, "ann@a", true);
	turns(bench, 5);
	say(bench, "status=ok\nid=16777216\naddress=ann@a\nsystem=old\n"
		   "user=ann\nwait=yes\n\n");
	assert_true(member->may_wait);
	expect(bench, "request=ready;;" ASK("16777216", "1", "ann@a"));
	link_ask_login(bench->link, member, "PLAIN", NULL, NULL);
	expect(bench, LOGIN("33554432"));
	say(bench, "status=ok\nid=33554432\n\n");
	assert_string_equal(bench->one.told, "routed let in ");
	assert_int_equal(member->stage, LINK_REGISTERED);

	bench->one.told[0] = '\0';
	link_ask_login(bench->link, member, "PLAIN", NULL, NULL);
	expect(bench, LOGIN("50331648"));
	say(bench, "event=held\nid=50331648\n\n");
	link_withdrawn(bench->link, member);
	expect(bench, "request=end;session=1;;");
	say(bench, "status=ok\nid=50331648\naddress=ann@a\nsystem=new\n"
		   "user=ann\n\n");
	assert_string_equal(bench->one.told, "held routed ");
	assert_string_equal(member->system, "new");
	assert_false(member->may_wait);
	link_leave(bench->link, member);
	expect(bench, "request=end;session=1;;");
}

/* policyd is lost while a login waits: it goes on, or asks again. */
static void test_login_waits_alone(void **state)
{
	struct bench *bench = *state;
	struct link_member *member = &bench->one.member;

	meet(bench);
	link_ask(bench->link, member, "ann@a", true);
	turns(bench, 5);
	say(bench, "status=ok\nid=16777216\naddress=ann@a\nsystem=old\n"
		   "user=ann\nwait=yes\n\n");
	link_ask_login(bench->link, member, "PLAIN", NULL, NULL);
	turns(bench, 5);
	lose(bench);
	assert_string_equal(bench->one.told, "routed let in ");
	link_ask_login(bench->link, member, "PLAIN", NULL, NULL);
	turns(bench, 250);
	assert_string_equal(bench->one.told, "routed let in let in ");

	meet(bench);
	link_ask_login(bench->link, member, "PLAIN", NULL, NULL);
	turns(bench, 5);
	say(bench, "event=held\nid=67108864\n\n");
	lose(bench);
	link_withdrawn(bench->link, member);
	assert_int_equal(member->stage, LINK_ASKING);
	assert_null(member->address);
	meet(bench);
	turns(bench, 5);
	say(bench, "event=held\nid=83886080\n\n");
	say(bench, "status=ok\nid=83886080\nsystem=new\nuser=ann\n\n");
	assert_string_equal(
		bench->one.told, "routed let in let in held routed ");
}

/* A policyd that makes no sense, or gives no lease, is none. */
static void test_bad_hello(void **state)
{
	static const char *const hellos[] = { "status=ok\n\n",
		"status=denied\nreason=no\n\n", "status=ok\nlease=0\n\n",
		"no message\n\n" };
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
		char end;

		do {
			turn(bench);
			bench->peer = accept(bench->listener, NULL, NULL);
		} while (bench->peer < 0);
		expect(bench, "request=hello;name=gw/0;instance=abcd;;");
		say(bench, hellos[i]);
		assert_int_equal(recv(bench->peer, &end, 1, MSG_DONTWAIT), 0);
		close(bench->peer);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_route, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_leave_unanswered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pushes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_login_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_login_waits_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_bad_hello, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
