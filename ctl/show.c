/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome show`: all about one account, and what to do about it. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/describe.h"
#include "lib/figure.h"
#include "ctl/json.h"
#include "ctl/refused.h"
#include "ctl/text.h"
#include "lib/document.h"
#include "lib/instant.h"

/* Records of history among which the entry into the present phase is looked
 * for: rounds and deferrals may have come since. */
#define SHOW_HISTORY 200

static void show_line(const char *title, const struct buffer *text)
{
	printf("  %-13s", title);
	text_print(stdout, "%s", text->size > 0 ? text->data : "-");
	putchar('\n');
}

/* Prints and empties the buffer; nothing when it is empty. */
static void show_if(const char *title, struct buffer *text)
{
	if (text->size > 0)
		show_line(title, text);
	buffer_clear(text);
}

/* Each line of a document. */
static void show_document(const char *title, const char *text)
{
	struct buffer line = BUFFER_EMPTY;

	while (*text != '\0') {
		size_t size = strcspn(text, "\n");

		buffer_add(&line, text, size);
		show_if(title, &line);
		title = "";
		text += size + (text[size] != '\0');
	}
	buffer_free(&line);
}

static void show_title(
	const struct account *account, const struct attr_list *reply)
{
	struct buffer aliases = BUFFER_EMPTY;

	for (size_t i = 0; i < attr_list_count(reply); i++)
		if (strcmp(attr_list_name(reply, i), "alias") == 0)
			buffer_printf(&aliases, "%s%s",
				aliases.size > 0 ? ", " : "",
				attr_list_value(reply, i));
	text_print(stdout, "%s", account->address);
	putchar('\n');
	show_if("aliases", &aliases);
	buffer_free(&aliases);
}

static void show_served(const struct account *account)
{
	struct buffer text = BUFFER_EMPTY;

	if (account->phase == ACCOUNT_FROZEN)
		buffer_printf(&text,
			"out of service: mail is %s, logins are told to try "
			"later",
			account->mail == ACCOUNT_MAIL_PARK ? "parked"
							   : "deferred");
	else
		buffer_printf(&text, "%s, the %s", account_home_system(account),
			account_home_name(account->home));
	show_line("served by", &text);
	buffer_clear(&text);
	buffer_printf(&text, "%s -> %s", account->source, account->destination);
	show_line("moves", &text);
	buffer_free(&text);
}

static void show_phase(
	const struct account *account, int64_t since, int64_t now)
{
	struct buffer text = BUFFER_EMPTY;
	char when[FIGURE_SIZE], length[FIGURE_SIZE];

	buffer_add_text(&text, account_phase_name(account->phase));
	if (since > 0)
		buffer_printf(&text, " since %s (%s)",
			figure_instant(since, when),
			figure_duration(now > since ? now - since : 0, length));
	show_if("phase", &text);
	if (account->held) {
		buffer_printf(&text, "yes: %s",
			account->hold_reason[0] != '\0' ? account->hold_reason
							: "no reason given");
		show_if("held", &text);
	}
	buffer_free(&text);
}

static void show_request_times(
	const struct account *account, int64_t now, struct buffer *text)
{
	char figure[FIGURE_SIZE];

	if (account->not_before > now)
		buffer_add_text(
			text, figure_instant(account->not_before, figure));
	show_if("not before", text);
	if (account->complete_after == INSTANT_NEVER)
		buffer_add_text(text, "when `rehome complete` says so");
	else if (account->complete_after > now)
		buffer_printf(text, "not before %s",
			figure_instant(account->complete_after, figure));
	else
		buffer_add_text(text, "as soon as it is ready");
	show_if("completes", text);
}

static void show_request(const struct account *account, int64_t now)
{
	struct buffer text = BUFFER_EMPTY;
	char figure[FIGURE_SIZE];

	if (account->batch[0] != '\0')
		buffer_add_text(&text, account->batch);
	show_if("batch", &text);
	if (account->requested_at == 0) {
		buffer_free(&text);
		return;
	}
	buffer_printf(
		&text, "%s", figure_instant(account->requested_at, figure));
	if (account->requested_by[0] != '\0')
		buffer_printf(&text, " by %s", account->requested_by);
	buffer_printf(&text, ", strategy %s, mail %s, ",
		account->strategy->name,
		account->mail == ACCOUNT_MAIL_PARK ? "parked" : "deferred");
	buffer_printf(&text, "freeze budget %s",
		figure_duration(account->freeze_budget, figure));
	show_if(account_is_moving(account) ? "requested" : "last request",
		&text);
	if (account->phase == ACCOUNT_REQUESTED ||
		account->phase == ACCOUNT_COPYING ||
		account->phase == ACCOUNT_READY)
		show_request_times(account, now, &text);
	buffer_free(&text);
}

static void show_progress(
	const struct account *account, const struct attr_list *reply)
{
	const char *worker = attr_list_get(reply, "lease_worker");
	struct buffer text = BUFFER_EMPTY;
	char figure[FIGURE_SIZE];
	int64_t expires;

	if (account->rounds > 0) {
		buffer_printf(&text, "%s, ",
			figure_plural(account->rounds, "round", figure));
		buffer_printf(&text, "%s, ",
			figure_plural(account->messages, "message", figure));
		buffer_add_text(&text, figure_size(account->bytes, figure));
	}
	show_if("progress", &text);
	if (worker != NULL) {
		buffer_add_text(&text, worker);
		if (attr_list_get_number(
			    reply, "lease_expires", &expires, NULL) == 1)
			buffer_printf(&text, ", its lease runs until %s",
				figure_instant(expires, figure));
	}
	show_if("worker", &text);
	buffer_free(&text);
}

static void show_freeze(const struct account *account)
{
	struct buffer text = BUFFER_EMPTY;
	char figure[FIGURE_SIZE];

	if (account->frozen_at == 0)
		return;
	buffer_printf(
		&text, "%s", figure_instant_ms(account->frozen_at, figure));
	if (account->phase == ACCOUNT_FROZEN)
		buffer_printf(&text, ", ends at %s at the latest%s",
			figure_instant_ms(account->frozen_until, figure),
			account->proved ? ", the copy is proved" : "");
	else
		buffer_printf(&text, ", out of service for %s",
			figure_duration(account->freeze_ms, figure));
	if (account->deferred > 0)
		buffer_printf(&text, ", %s deferred",
			figure_plural(account->deferred, "recipient", figure));
	show_if(account->phase == ACCOUNT_FROZEN ? "frozen" : "last freeze",
		&text);
	describe_steps(account->freeze_steps, &text);
	show_if("  by step", &text);
	if (account->flipped_at != 0)
		buffer_add_text(
			&text, figure_instant_ms(account->flipped_at, figure));
	show_if("flipped", &text);
	buffer_free(&text);
}

static void show_failure(const struct account *account, int64_t now)
{
	struct buffer text = BUFFER_EMPTY;
	char *advice = describe_advice(account, now);
	char figure[FIGURE_SIZE];

	if (account->attempts > 0)
		buffer_printf(&text, "%s (%s in a row)",
			account->failure[0] != '\0' ? account->failure
						    : "no reason given",
			figure_count(account->attempts, figure));
	show_if("failure", &text);
	if (advice != NULL)
		buffer_add_text(&text, advice);
	show_if("to do", &text);
	free(advice);
	buffer_free(&text);
}

/* What is told elsewhere at length: a line each, and the command for it. */
static void show_documents(struct session *session, const char *address)
{
	static const struct {
		const char *name;
		const char *title;
	} documents[] = {
		{ DOCUMENT_CERTIFICATE, "certificate" },
		{ DOCUMENT_IDENTITY, "identity" },
		{ DOCUMENT_SHARED, "shared" },
	};
	struct refused_counts refused = { 0 };
	struct buffer text = BUFFER_EMPTY;
	struct error error;
	int code;

	if (refused_look(session, address, &refused, &error) == 0 &&
		refused.open + refused.approved + refused.told > 0)
		buffer_printf(&text,
			"%zu open, %zu approved: `rehome refused %s`",
			refused.open, refused.approved, address);
	show_if("refused", &text);
	if (refused.open > 0)
		buffer_printf(&text,
			"see to the cause, or leave them behind: `rehome "
			"approve %s --all --reason TEXT`",
			address);
	show_if("to do", &text);
	for (size_t i = 0; i < 3; i++) {
		if (refused_document(session, address, documents[i].name, &text,
			    &code, &error) == 1)
			show_document(documents[i].title, text.data);
		buffer_clear(&text);
	}
	buffer_free(&text);
}

/* When it entered its present phase, by its history; 0: it does not say. */
static int64_t show_since(
	struct session *session, const struct account *account)
{
	struct attr_list *request = session_request("why", account->address);
	const char *phase = account_phase_name(account->phase);
	const struct attr_list *reply, *record;
	struct error error;
	int64_t records = 0, since = 0, at;

	attr_list_add_number(request, "limit", SHOW_HISTORY);
	if (session_call(session, request, &reply, &error) == 0)
		attr_list_get_number(reply, "records", &records, NULL);
	attr_list_free(&request);
	while (records-- > 0 && session_next(session, &record, &error) == 0) {
		const char *event = attr_list_get(record, "event");
		const char *to = attr_list_get(record, "to");

		if (event != NULL && to != NULL &&
			strcmp(event, "transition") == 0 &&
			strcmp(to, phase) == 0 &&
			attr_list_get_number(record, "at", &at, NULL) == 1 &&
			at > since)
			since = at;
	}
	return since;
}

static int show_print(struct session *session, const struct attr_list *reply)
{
	struct account account;
	struct error error;
	struct attr_list *kept;
	int64_t now = instant_now(), since;

	if (account_scan(reply, &account, &error) < 0)
		return session_fail(
			session, EX_TEMPFAIL, NULL, error.text, NULL);
	kept = attr_list_copy(reply);
	since = show_since(session, &account);
	show_title(&account, kept);
	show_served(&account);
	show_phase(&account, since, now);
	show_request(&account, now);
	show_progress(&account, kept);
	show_freeze(&account);
	show_failure(&account, now);
	show_documents(session, account.address);
	attr_list_free(&kept);
	account_clear(&account);
	return 0;
}

int show_command(struct session *session, const struct line *line)
{
	const char *address = line_argument(line, 0);
	struct attr_list *request = session_request("account-get", address);
	const struct attr_list *reply;
	struct error error;
	int code = session_call(session, request, &reply, &error);

	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, address,
			session_bare_reason(error.text, address), NULL);
	if (!session->json)
		return show_print(session, reply);
	json_print(stdout, reply);
	return 0;
}
