/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome refused`: what a server refused, in its own words, and what to do. */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/mutf7.h"
#include "ctl/action.h"
#include "ctl/commands.h"
#include "lib/figure.h"
#include "ctl/json.h"
#include "ctl/refused.h"
#include "ctl/text.h"
#include "lib/document.h"
#include "lib/refusal.h"

int refused_document(struct session *session, const char *address,
	const char *name, struct buffer *text, int *code_r, struct error *error)
{
	struct attr_list *request = session_request("document-get", address);
	const struct attr_list *reply;
	const char *status;

	attr_list_add(request, "name", name);
	*code_r = session_call(session, request, &reply, error);
	attr_list_free(&request);
	if (*code_r == 0) {
		document_get_text(reply, text);
		return 1;
	}
	status = reply != NULL ? attr_list_get(reply, "status") : NULL;
	if (status != NULL &&
		strcmp(status, control_status_name(CONTROL_NOT_FOUND)) == 0)
		return 0;
	return -1;
}

/* ---- both documents of one account ---- */

struct refused_view {
	const char *address;
	struct buffer listed;
	struct buffer approved;
	struct approvals *approvals;
	struct refused_counts counts;
	struct json_array *array; /* with --json */
};

static void refused_view_clear(struct refused_view *view)
{
	buffer_free(&view->listed);
	buffer_free(&view->approved);
	approvals_free(&view->approvals);
}

static bool refused_count_listed(const struct attr_list *item, void *context)
{
	struct refused_view *view = context;

	if (!refusal_blocks(item))
		view->counts.told++;
	else if (!approvals_has(view->approvals, attr_list_get(item, "item")))
		view->counts.open++;
	return true;
}

static bool refused_count_approved(const struct attr_list *item, void *context)
{
	struct refused_view *view = context;

	view->counts.approved++;
	view->counts.kept += refusal_is_altered(item);
	return true;
}

/* 0 or the exit code. */
static int refused_load(struct session *session, const char *address,
	struct refused_view *view, struct error *error)
{
	int code;

	view->address = address;
	buffer_add_text(&view->listed, "");
	buffer_add_text(&view->approved, "");
	if (refused_document(session, address, DOCUMENT_REFUSED, &view->listed,
		    &code, error) < 0 ||
		refused_document(session, address, DOCUMENT_APPROVALS,
			&view->approved, &code, error) < 0)
		return code;
	view->approvals = approvals_new(view->approved.data, error);
	if (view->approvals == NULL ||
		refusal_each(view->listed.data, refused_count_listed, view,
			error) < 0 ||
		refusal_each(view->approved.data, refused_count_approved, view,
			error) < 0)
		return EX_TEMPFAIL;
	return 0;
}

int refused_look(struct session *session, const char *address,
	struct refused_counts *counts_r, struct error *error)
{
	struct refused_view view = { .address = address };
	int code = refused_load(session, address, &view, error);

	*counts_r = view.counts;
	refused_view_clear(&view);
	return code;
}

/* ---- for people ---- */

static int64_t refused_number(const struct attr_list *item, const char *name)
{
	int64_t number = 0;

	attr_list_get_number(item, name, &number, NULL);
	return number;
}

/* "INBOX uid 17, 12.3 MB, 21-Nov-2026 18:00:00 +0100" */
static void refused_add_where(const struct attr_list *item, struct buffer *text)
{
	const char *folder = attr_list_get(item, "folder");
	const char *date = attr_list_get(item, "date");
	const char *kind = attr_list_get(item, "kind");
	int64_t uid = refused_number(item, "uid");
	int64_t size = refused_number(item, "size");
	char figure[FIGURE_SIZE];
	struct error shown;

	mutf7_show(folder != NULL ? folder : "", &shown);
	if (folder == NULL)
		buffer_add_text(text, kind != NULL ? kind : "");
	else if (uid == 0)
		buffer_printf(text, "%s %s",
			kind != NULL && strcmp(kind, "keywords") == 0
				? "keywords in"
				: "folder",
			shown.text);
	else
		buffer_printf(text, "%s uid %" PRId64, shown.text, uid);
	if (size > 0)
		buffer_printf(text, ", %s", figure_size(size, figure));
	if (date != NULL && date[0] != '\0')
		buffer_printf(text, ", %s", date);
}

static void refused_print_text(const char *label, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	text_print(stdout, "%18s%s%s", "", label, text);
	putchar('\n');
}

static void refused_print_item(const struct attr_list *item)
{
	struct buffer where = BUFFER_EMPTY;
	char when[FIGURE_SIZE];

	refused_add_where(item, &where);
	text_print(stdout, "    %-12s  %s", attr_list_get(item, "item"),
		where.data);
	putchar('\n');
	buffer_free(&where);
	refused_print_text("subject: ", attr_list_get(item, "subject"));
	refused_print_text("message: ", attr_list_get(item, "message_id"));
	refused_print_text("refused: ", attr_list_get(item, "words"));
	refused_print_text("sha256:  ", attr_list_get(item, "sha256"));
	refused_print_text("there:   ", attr_list_get(item, "stored_sha256"));
	if (refused_number(item, "since") > 0)
		refused_print_text("since:   ",
			figure_instant(refused_number(item, "since"), when));
}

static bool refused_print_open(const struct attr_list *item, void *context)
{
	struct refused_view *view = context;

	if (refusal_blocks(item) &&
		!approvals_has(view->approvals, attr_list_get(item, "item")))
		refused_print_item(item);
	return true;
}

static bool refused_print_told(const struct attr_list *item, void *context)
{
	(void)context;
	if (!refusal_blocks(item))
		refused_print_item(item);
	return true;
}

static void refused_print_approved(const struct attr_list *item)
{
	struct buffer by = BUFFER_EMPTY;
	const char *who = attr_list_get(item, "by");
	const char *reason = attr_list_get(item, "reason");
	char when[FIGURE_SIZE];

	refused_print_item(item);
	buffer_printf(&by, "%s on %s: %s", who != NULL ? who : "somebody",
		figure_instant(refused_number(item, "at"), when),
		reason != NULL ? reason : "");
	refused_print_text("by ", by.data);
	buffer_free(&by);
}

static bool refused_print_left(const struct attr_list *item, void *context)
{
	(void)context;
	if (!refusal_is_altered(item))
		refused_print_approved(item);
	return true;
}

static bool refused_print_kept(const struct attr_list *item, void *context)
{
	(void)context;
	if (refusal_is_altered(item))
		refused_print_approved(item);
	return true;
}

static void refused_print(struct refused_view *view)
{
	const struct refused_counts *counts = &view->counts;

	text_print(stdout, "%s: ", view->address);
	if (counts->open + counts->approved + counts->told == 0) {
		puts("nothing was refused");
		return;
	}
	printf("%zu refused, %zu approved\n", counts->open, counts->approved);
	if (counts->open > 0) {
		puts("  not carried over; the account stays where it is until "
		     "they are, or are approved:");
		refusal_each(view->listed.data, refused_print_open, view, NULL);
		puts("  see to the cause, it is tried again in each round; or "
		     "leave them behind,");
		puts("  and keep what is altered as the other side has it:");
		text_print(stdout, "    rehome approve %s --all --reason TEXT",
			view->address);
		putchar('\n');
	}
	if (counts->approved > counts->kept) {
		puts("  approved to be left behind:");
		refusal_each(
			view->approved.data, refused_print_left, view, NULL);
	}
	if (counts->kept > 0) {
		puts("  approved to be kept as the other side has altered "
		     "them:");
		refusal_each(
			view->approved.data, refused_print_kept, view, NULL);
	}
	if (counts->told > 0) {
		puts("  not kept by the other side, which stops nothing:");
		refusal_each(view->listed.data, refused_print_told, view, NULL);
	}
}

/* ---- JSON ---- */

static void refused_json_item(const struct refused_view *view,
	const struct attr_list *item, const char *state)
{
	struct attr_list *line = attr_list_new();

	attr_list_add(line, "address", view->address);
	attr_list_add(line, "state", state);
	for (size_t i = 0; i < attr_list_count(item); i++)
		attr_list_add(line, attr_list_name(item, i),
			attr_list_value(item, i));
	json_array_add(view->array, line);
	attr_list_free(&line);
}

static bool refused_json_listed(const struct attr_list *item, void *context)
{
	struct refused_view *view = context;

	if (!refusal_blocks(item))
		refused_json_item(view, item, "told");
	else if (!approvals_has(view->approvals, attr_list_get(item, "item")))
		refused_json_item(view, item, "open");
	return true;
}

static bool refused_json_approved(const struct attr_list *item, void *context)
{
	refused_json_item(context, item, "approved");
	return true;
}

static void refused_json(struct refused_view *view)
{
	refusal_each(view->listed.data, refused_json_listed, view, NULL);
	refusal_each(view->approved.data, refused_json_approved, view, NULL);
}

/* ---- the command ---- */

static int refused_one(struct session *session, const char *address, bool batch,
	struct json_array *array)
{
	struct refused_view view = { .array = array };
	struct account account;
	struct error error;
	/* no document and no account look alike to the requests */
	int code = session_get_account(session, address, &account, &error);

	if (code == 0) {
		code = refused_load(session, account.address, &view, &error);
		if (code == 0 && session->json)
			refused_json(&view);
		else if (code == 0 &&
			 (!batch || view.counts.open + view.counts.approved +
						    view.counts.told >
					    0))
			refused_print(&view);
		account_clear(&account);
	}
	refused_view_clear(&view);
	if (code == 0)
		return 0;
	return session_fail(session, code, address,
		session_bare_reason(error.text, address), NULL);
}

static bool refused_concerns(const struct account *account)
{
	(void)account;
	return true;
}

int refused_command(struct session *session, const struct line *line)
{
	static const struct action action = { "document-get", refused_concerns,
		NULL };
	struct action_targets targets = { 0 };
	struct json_array array;
	int code = action_find(session, line, &action, &targets);

	if (code != 0)
		return code;
	if (session->json)
		json_array_begin(&array, stdout);
	for (size_t i = 0; i < targets.count; i++)
		code = session_worse(
			code, refused_one(session, targets.addresses[i],
				      line_has(line, "batch"), &array));
	if (session->json)
		json_array_end(&array);
	action_targets_clear(&targets);
	return code;
}

/* ---- approving ---- */

static bool approve_concerns(const struct account *account)
{
	return account_is_moving(account);
}

static void approve_report(const struct session *session, const char *address,
	const struct attr_list *reply)
{
	int64_t approved = refused_number(reply, "approved");
	int64_t left = refused_number(reply, "left");
	struct attr_list *line = attr_list_new();

	if (session->json) {
		attr_list_add(line, "address", address);
		attr_list_add_number(line, "approved", approved);
		attr_list_add_number(line, "left", left);
		json_print(stdout, line);
	} else if (!session->quiet) {
		text_print(stdout, "%s: %" PRId64 " approved, %" PRId64 " left",
			address, approved, left);
		if (approved > 0 && left == 0)
			printf("; the move goes on");
		putchar('\n');
	}
	attr_list_free(&line);
}

/* ---- once more ---- */

static void retry_report(const struct session *session, const char *address,
	const struct attr_list *reply)
{
	int64_t again = refused_number(reply, "approved");
	struct attr_list *line = attr_list_new();

	if (session->json) {
		attr_list_add(line, "address", address);
		attr_list_add_number(line, "again", again);
		json_print(stdout, line);
	} else if (!session->quiet) {
		text_print(stdout, "%s: %" PRId64 " to be tried once more",
			address, again);
		putchar('\n');
	}
	attr_list_free(&line);
}

/* ---- both ---- */

/* Items of one account. */
static int approve_items(struct session *session, const struct line *line,
	const char *reason, bool again)
{
	const char *address = line_argument(line, 0);
	struct attr_list *request = session_request("approve", address);
	const struct attr_list *reply;
	struct error error;
	int code;

	attr_list_add(request, "reason", reason);
	if (line_has(line, "all"))
		attr_list_add(request, "all", "yes");
	if (again)
		attr_list_add(request, "again", "yes");
	for (size_t i = 1; i < line_count(line); i++)
		attr_list_add(request, "item", line_argument(line, i));
	session_add_by(request);
	code = session_call(session, request, &reply, &error);
	attr_list_free(&request);
	if (code == 0 && again)
		retry_report(session, address, reply);
	else if (code == 0)
		approve_report(session, address, reply);
	else
		session_fail(session, code, address,
			session_bare_reason(error.text, address),
			strstr(error.text, "no refused item") != NULL
				? "`rehome refused` lists them"
				: NULL);
	return code;
}

static int approve_batch(struct session *session, const struct line *line,
	const char *reason, bool again)
{
	static const struct action action = { "approve", approve_concerns,
		NULL };
	struct action_targets targets = { 0 };
	struct attr_list *details = attr_list_new();
	int code = action_find(session, line, &action, &targets);

	attr_list_add(details, "reason", reason);
	attr_list_add(details, "all", "yes");
	if (again)
		attr_list_add(details, "again", "yes");
	if (code == 0)
		code = action_run(
			session, &action, details, &targets, NULL, NULL);
	attr_list_free(&details);
	action_targets_clear(&targets);
	return code;
}

static int approve_or_retry(
	struct session *session, const struct line *line, bool again)
{
	const char *reason = line_option(line, "reason");
	bool all = line_has(line, "all");

	if (reason == NULL || reason[0] == '\0')
		return session_misused(session, "--reason TEXT is required");
	if (line_has(line, "batch"))
		return all ? approve_batch(session, line, reason, again)
			   : session_misused(
				     session, "--batch takes --all with it");
	if (line_count(line) == 0)
		return session_misused(session, "which account? ADDRESS");
	if (all == (line_count(line) > 1))
		return session_misused(session,
			"which items? ITEM... as `rehome refused` names them, "
			"or --all");
	return approve_items(session, line, reason, again);
}

int approve_command(struct session *session, const struct line *line)
{
	return approve_or_retry(session, line, false);
}

int retry_command(struct session *session, const struct line *line)
{
	return approve_or_retry(session, line, true);
}
