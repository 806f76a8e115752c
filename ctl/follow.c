/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of `status --watch` and `move --wait`: one connection carries the
 * events, the session's own one is asked for counts and for what events have
 * not told. What happened while policyd was away is read anew.
 */
#include <config.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/describe.h"
#include "lib/figure.h"
#include "ctl/follow_private.h"
#include "ctl/screen.h"
#include "ctl/text.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* Milliseconds. */
#define FOLLOW_DRAW    100
#define FOLLOW_IDLE    250 /* drawn at least so often: times go on */
#define FOLLOW_REFRESH 2000
#define FOLLOW_RETRY   1000
#define FOLLOW_KEPT    20000 /* what has settled stays on the screen */
/* Accounts asked for at one refresh, so that policyd is not kept busy. */
#define FOLLOW_ASKED 50

static int follow_begin_watch(struct follow *follow, struct error *error)
{
	struct attr_list *request = session_request("watch", NULL);
	const struct attr_list *reply;
	int code;

	if (follow->batch != NULL)
		attr_list_add(request, "batch", follow->batch);
	code = session_connect(follow->session, &follow->watch, error);
	if (code == 0 &&
		control_call(follow->watch, request, &reply, error) < 0)
		code = EX_TEMPFAIL;
	else if (code == 0)
		code = session_status_code(reply, error);
	if (code != 0)
		control_close(&follow->watch);
	attr_list_free(&request);
	return code;
}

int follow_open(
	struct session *session, const char *batch, struct follow **follow_r)
{
	struct follow *follow = xcalloc(1, sizeof(*follow));
	struct error error;
	int code;

	follow->session = session;
	follow->batch = batch != NULL ? xstrdup(batch) : NULL;
	follow->tracker = tracker_new();
	code = follow_begin_watch(follow, &error);
	if (code != 0) {
		session_fail(session, code, NULL, error.text, NULL);
		follow_close(&follow);
	}
	*follow_r = follow;
	return code;
}

void follow_close(struct follow **follow)
{
	if (*follow == NULL)
		return;
	terminal_close(&(*follow)->terminal);
	control_close(&(*follow)->watch);
	tracker_free(&(*follow)->tracker);
	attr_list_free(&(*follow)->status);
	free((*follow)->batch);
	free((*follow)->targets);
	free(*follow);
	*follow = NULL;
}

void follow_print_event(
	const struct session *session, const struct attr_list *event)
{
	const char *address = attr_list_get(event, "address");
	struct attr_list *stamped = attr_list_copy(event);
	struct buffer text = BUFFER_EMPTY;
	char when[FIGURE_SIZE];
	int64_t at = instant_now();

	if (attr_list_get(stamped, "at") == NULL)
		attr_list_add_number(stamped, "at", at);
	attr_list_get_number(stamped, "at", &at, NULL);
	if (session->json) {
		json_print(stdout, stamped);
	} else {
		describe_event(stamped, &text);
		text_print(stdout, "%s  %s%s%s", figure_instant_ms(at, when),
			address != NULL ? address : "",
			address != NULL ? "  " : "", text.data);
		putchar('\n');
	}
	fflush(stdout);
	buffer_free(&text);
	attr_list_free(&stamped);
}

static struct follow_target *follow_find(
	struct follow *follow, const char *address)
{
	size_t low = 0, high = follow->targets_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(follow->targets[middle].address, address);

		if (order == 0)
			return &follow->targets[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- what comes in ---- */

/* why may live in the connection, which is closed here. */
static void follow_lose_watch(struct follow *follow, const char *why)
{
	error_set(&follow->away, "%s", why);
	control_close(&follow->watch);
	if (follow->terminal == NULL)
		session_fail(follow->session, 0, NULL, follow->away.text,
			"trying again until it is back");
	follow->next_refresh = instant_monotonic() + FOLLOW_RETRY;
	follow->dirty = true;
}

static void follow_take_event(
	struct follow *follow, const struct attr_list *event)
{
	const char *name = attr_list_get(event, "event");
	const char *address = attr_list_get(event, "address");
	struct follow_target *target;

	if (name != NULL && strcmp(name, "end") == 0) {
		const char *reason = attr_list_get(event, "reason");

		follow_lose_watch(follow,
			reason != NULL ? reason : "policyd ended the watch");
		return;
	}
	if (address == NULL)
		return;
	target = follow->targets != NULL ? follow_find(follow, address) : NULL;
	if (follow->targets != NULL && target == NULL)
		return;
	follow->dirty = true;
	if (follow->terminal == NULL && !follow->session->quiet &&
		(follow->targets == NULL || !follow->session->json))
		follow_print_event(follow->session, event);
	tracker_take_event(follow->tracker, event, instant_monotonic());
	if (target != NULL)
		follow_judge(follow, target);
}

static void follow_take_events(struct follow *follow)
{
	const struct attr_list *event;
	struct error error;
	int result;

	while (follow->watch != NULL) {
		result = control_next(follow->watch, 0, &event, &error);
		if (result == 0)
			return;
		if (result < 0)
			follow_lose_watch(follow, error.text);
		else
			follow_take_event(follow, event);
	}
}

/* ---- what is asked for ---- */

static bool follow_take_listed(const struct attr_list *message, void *context)
{
	struct follow *follow = context;

	tracker_take_account(follow->tracker, message, instant_monotonic());
	return true;
}

static int follow_list_moving(struct follow *follow, struct error *error)
{
	static const enum account_phase phases[] = { ACCOUNT_FROZEN,
		ACCOUNT_COPYING, ACCOUNT_SWEEPING, ACCOUNT_READY,
		ACCOUNT_REQUESTED };
	int code = 0;

	for (size_t i = 0; i < sizeof(phases) / sizeof(*phases) && code == 0;
		i++) {
		struct attr_list *filter =
			session_request("account-list", NULL);

		attr_list_add(filter, "phase", account_phase_name(phases[i]));
		if (follow->batch != NULL)
			attr_list_add(filter, "batch", follow->batch);
		/* a screen has no room for more, and events bring the rest */
		code = session_list_accounts(follow->session, filter, 1000,
			follow_take_listed, follow, error);
		attr_list_free(&filter);
	}
	return code;
}

static int follow_ask_status(struct follow *follow, struct error *error)
{
	struct attr_list *request = session_request("status", NULL);
	const struct attr_list *reply;
	int code = session_call(follow->session, request, &reply, error);

	attr_list_free(&request);
	if (code == 0) {
		attr_list_free(&follow->status);
		follow->status = attr_list_copy(reply);
	}
	return code;
}

/* It was removed while we did not look. */
static void follow_take_removal(
	struct follow *follow, struct follow_target *target)
{
	struct attr_list *event = attr_list_new();

	attr_list_add(event, "event", "change");
	attr_list_add(event, "what", "remove");
	attr_list_add(event, "address", target->address);
	tracker_take_event(follow->tracker, event, instant_monotonic());
	attr_list_free(&event);
	follow_judge(follow, target);
	if (target->over)
		return;
	/* never seen at all */
	target->over = true;
	follow->targets_open--;
	follow->code = session_worse(
		follow->code, session_fail(follow->session, EXIT_REFUSED,
				      target->address, "removed", NULL));
}

static int follow_ask_target(struct follow *follow,
	struct follow_target *target, struct error *error)
{
	struct attr_list *request =
		session_request("account-get", target->address);
	const struct attr_list *reply;
	int code = session_call(follow->session, request, &reply, error);

	attr_list_free(&request);
	if (code == 0) {
		tracker_take_account(
			follow->tracker, reply, instant_monotonic());
		follow_judge(follow, target);
	} else if (code == EXIT_REFUSED) {
		follow_take_removal(follow, target);
		code = 0;
	}
	return code;
}

/* Some of those that are not over, in turn; all: every one of them. */
static int follow_ask_targets(
	struct follow *follow, bool all, struct error *error)
{
	size_t asked = 0, looked = 0;
	int code = 0;

	while (code == 0 && looked++ < follow->targets_count &&
		follow->targets_open > 0 && (all || asked < FOLLOW_ASKED)) {
		struct follow_target *target =
			&follow->targets[follow->targets_next];

		follow->targets_next =
			(follow->targets_next + 1) % follow->targets_count;
		if (target->over)
			continue;
		asked++;
		code = follow_ask_target(follow, target, error);
	}
	return code;
}

/* all: after a time without events. */
static void follow_refresh(struct follow *follow, bool all)
{
	struct error error;
	int code = 0;

	follow->next_refresh = instant_monotonic() + FOLLOW_REFRESH;
	follow->dirty = true;
	if (follow->targets != NULL) {
		code = follow_ask_targets(follow, all, &error);
	} else if (follow->terminal != NULL) {
		if (all)
			code = follow_list_moving(follow, &error);
		if (code == 0)
			code = follow_ask_status(follow, &error);
		tracker_forget(
			follow->tracker, instant_monotonic(), FOLLOW_KEPT);
	}
	if (code != 0 && follow->watch != NULL)
		follow_lose_watch(follow, error.text);
}

static void follow_try_again(struct follow *follow)
{
	struct error error;

	follow->next_refresh = instant_monotonic() + FOLLOW_RETRY;
	if (follow_begin_watch(follow, &error) != 0)
		return;
	if (follow->terminal == NULL)
		session_fail(follow->session, 0, NULL, "policyd is back", NULL);
	follow->away.text[0] = '\0';
	/* only what it says now is true; those followed are all asked for */
	if (follow->targets == NULL)
		tracker_clear(follow->tracker);
	follow_refresh(follow, true);
}

/* ---- the loop ---- */

static void follow_draw(struct follow *follow)
{
	struct screen_view view = { .now = instant_now(),
		.tracker = follow->tracker,
		.status = follow->status,
		.foot = follow->targets != NULL ? "q leaves, the moves go on"
						: "q quits" };
	struct buffer lines = BUFFER_EMPTY;

	terminal_size(follow->terminal, &view.width, &view.height);
	view.colour = terminal_colour(follow->terminal);
	view.notice = follow->watch == NULL ? follow->away.text : NULL;
	screen_draw(&view, &lines);
	terminal_show(follow->terminal, &lines);
	buffer_free(&lines);
	follow->dirty = false;
	follow->next_draw = instant_monotonic() + FOLLOW_DRAW;
}

static void follow_wait(struct follow *follow)
{
	int fd = follow->watch != NULL ? control_fd(follow->watch) : -1;
	int64_t now = instant_monotonic(), until = follow->next_refresh;

	if (follow->terminal != NULL && until > now + FOLLOW_IDLE)
		until = now + FOLLOW_IDLE;
	if (follow->terminal != NULL && follow->dirty &&
		until > follow->next_draw)
		until = follow->next_draw;
	if (until < now)
		until = now;
	if (follow->terminal == NULL) {
		struct pollfd polled = { fd, POLLIN, 0 };

		poll(&polled, 1, (int)(until - now));
		return;
	}
	switch (terminal_wait(follow->terminal, fd, (int)(until - now))) {
	case TERMINAL_QUIT:
		follow->enough = true;
		break;
	case TERMINAL_REDRAW:
		follow->next_draw = 0;
		break;
	case TERMINAL_NOTHING:
		break;
	}
	follow->dirty = true;
}

static bool follow_goes_on(const struct follow *follow)
{
	return !follow->enough && !ferror(stdout) &&
	       (follow->targets == NULL || follow->targets_open > 0);
}

static void follow_loop(struct follow *follow)
{
	/* whoever reads sees at once what was printed before */
	fflush(stdout);
	follow_refresh(follow, true);
	while (follow_goes_on(follow)) {
		follow_take_events(follow);
		if (!follow_goes_on(follow))
			break;
		if (instant_monotonic() >= follow->next_refresh) {
			if (follow->watch == NULL)
				follow_try_again(follow);
			else
				follow_refresh(follow, false);
		}
		if (follow->terminal != NULL &&
			instant_monotonic() >= follow->next_draw)
			follow_draw(follow);
		follow_wait(follow);
	}
}

bool follow_is_live(const struct follow *follow)
{
	return !follow->session->json && !follow->session->quiet &&
	       terminal_is_able();
}

static void follow_open_screen(struct follow *follow)
{
	if (follow_is_live(follow))
		follow->terminal = terminal_open();
}

int follow_everything(struct follow *follow)
{
	follow_open_screen(follow);
	follow_loop(follow);
	terminal_close(&follow->terminal);
	return 0;
}

static int follow_compare(const void *left, const void *right)
{
	const struct follow_target *one = left, *two = right;

	return strcmp(one->address, two->address);
}

int follow_accounts(struct follow *follow, char *const addresses[],
	size_t count, enum account_home to, struct json_array *array)
{
	char text[FIGURE_SIZE];
	struct error error;
	bool live;

	follow->targets = xcalloc(count, sizeof(*follow->targets));
	follow->targets_count = follow->targets_open = count;
	follow->to = to;
	follow->array = array;
	for (size_t i = 0; i < count; i++)
		follow->targets[i].address = addresses[i];
	qsort(follow->targets, count, sizeof(*follow->targets), follow_compare);
	follow_open_screen(follow);
	live = follow->terminal != NULL;
	follow_loop(follow);
	terminal_close(&follow->terminal);
	if (live)
		follow_tell_all(follow);
	if (follow->targets_open > 0) {
		error_set(&error, "%s not over yet",
			figure_plural(
				(int64_t)follow->targets_open, "move", text));
		session_fail(follow->session, EX_TEMPFAIL, NULL, error.text,
			"`rehome status --watch` shows more");
		follow->code = session_worse(follow->code, EX_TEMPFAIL);
	}
	return follow->code;
}
