/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs of the workers: leases and what is done under them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/server_control.h"

/* The account and lease that a request names. Workers name the account by the
 * address that they were given. */
struct control_work {
	char address[ADDRESS_SIZE];
	uint64_t epoch;
};

static enum control_status control_work(const struct control_request *request,
	struct control_work *work_r, struct error *error)
{
	int64_t epoch = 0;

	if (control_number(request, "epoch", 0, &epoch, error) < 0)
		return CONTROL_ERROR;
	work_r->epoch = (uint64_t)epoch;
	return control_account(request, work_r->address, NULL, error);
}

static void control_lease(struct control_request *request)
{
	const char *worker = control_text(request, "worker");
	char address[ADDRESS_SIZE];
	int64_t next_due = INSTANT_NEVER;
	struct account account;
	struct store_lease lease;
	struct error error = { "" };
	enum control_status status = CONTROL_OK;
	bool named = control_text(request, "address") != NULL;
	struct attr_list *reply;

	if (strlen(worker) >= sizeof(lease.worker)) {
		error_set(&error, "worker %.40s...: longer than %zu bytes",
			worker, sizeof(lease.worker) - 1);
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	if (named)
		status = control_account(request, address, NULL, &error);
	if (status == CONTROL_OK)
		status = machine_lease(request->service->machine, worker,
			named ? address : NULL, control_text(request, "batch"),
			&account, &lease, &next_due, &error);
	if (status != CONTROL_OK && status != CONTROL_NOT_FOUND) {
		control_fail(request, status, &error);
		return;
	}
	if (status == CONTROL_NOT_FOUND) {
		reply = attr_list_new();
		attr_list_add(reply, "status", control_status_name(status));
		attr_list_add(reply, "reason", error.text);
		control_add_instant(reply, "next_due", next_due);
	} else {
		reply = control_ok();
		account_print(&account, true, reply);
		account_clear(&account);
		attr_list_add_number(reply, "lease_expires", lease.expires);
		attr_list_add_number(reply, "lease_ms",
			request->settings->config->policyd.lease);
	}
	control_send(request, &reply);
}

/* What is told of a round under way; NULL when nothing is. */
static struct attr_list *control_progress(const struct control_request *request)
{
	static const char *const names[] = { "round", "folder", "messages_done",
		"messages_total", "bytes_done", "bytes_total" };
	struct attr_list *progress = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = control_text(request, names[i]);

		if (value == NULL)
			continue;
		if (progress == NULL)
			progress = attr_list_new();
		attr_list_add(progress, names[i], value);
	}
	return progress;
}

/* A first login waits for the move no longer than it may take. */
static void control_predict(
	const struct control_request *request, const char *address)
{
	struct service *service = request->service;
	int64_t done = 0, total = -1, bytes = 0, bytes_total = -1;

	if (attr_list_get_number(
		    request->attrs, "messages_total", &total, NULL) <= 0 ||
		attr_list_get_number(
			request->attrs, "messages_done", &done, NULL) < 0 ||
		attr_list_get_number(
			request->attrs, "bytes_done", &bytes, NULL) < 0 ||
		attr_list_get_number(
			request->attrs, "bytes_total", &bytes_total, NULL) < 0)
		return;
	if (waits_progress(service->waits, address, done, total, bytes,
		    bytes_total, instant_monotonic()))
		gateways_unlocked(service->gateways, address);
}

static void control_renew(struct control_request *request)
{
	struct attr_list *progress = control_progress(request);
	struct control_work work;
	struct account account;
	struct store_lease lease;
	struct error error = { "" };
	enum control_status status = control_work(request, &work, &error);
	struct attr_list *reply;

	if (status == CONTROL_OK)
		status = machine_renew(request->service->machine, work.address,
			work.epoch, progress, &account, &lease, &error);
	attr_list_free(&progress);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	control_predict(request, work.address);
	reply = control_ok();
	attr_list_add_number(reply, "lease_expires", lease.expires);
	attr_list_add_number(reply, "lease_ms", lease.expires - instant_now());
	attr_list_add(reply, "phase", account_phase_name(account.phase));
	attr_list_add(reply, "held", account.held ? "yes" : "no");
	account_clear(&account);
	control_send(request, &reply);
}

static void control_release(struct control_request *request)
{
	struct control_work work;
	int64_t due = 0;
	struct error error = { "" };
	enum control_status status = control_work(request, &work, &error);

	if (status == CONTROL_OK &&
		control_instant(request, "due", &due, &error) < 0)
		status = CONTROL_ERROR;
	if (status == CONTROL_OK)
		status = machine_release(request->service->machine,
			work.address, work.epoch, due,
			control_text(request, "failure"), &error);
	control_answer(request, status, &error);
}

static void control_enter(struct control_request *request)
{
	const char *phase = control_text(request, "phase");
	const char *reason = control_text(request, "failure");
	enum account_phase to = ACCOUNT_SETTLED;
	struct control_work work;
	struct account account;
	struct error error = { "" };
	enum control_status status = control_work(request, &work, &error);

	if (reason == NULL)
		reason = control_text(request, "reason");
	if (status == CONTROL_OK && account_phase_parse(phase, &to) < 0) {
		error_set(
			&error, "phase %.100s: there is no such phase", phase);
		status = CONTROL_ERROR;
	}
	if (status == CONTROL_OK)
		status = machine_enter(request->service->machine, work.address,
			work.epoch, to, reason, &account, &error);
	control_answer_account(request, status, &account, &error);
}

static void control_barrier(struct control_request *request)
{
	struct control_work work;
	struct machine_barrier barrier;
	struct error error = { "" };
	enum control_status status = control_work(request, &work, &error);
	struct attr_list *reply;

	if (status == CONTROL_OK)
		status = machine_barrier(request->service->machine,
			work.address, work.epoch, &barrier, &error);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	reply = control_ok();
	attr_list_add(reply, "passed", barrier.passed ? "yes" : "no");
	if (!barrier.passed && barrier.waiting != NULL) {
		attr_list_add(reply, "waiting", barrier.waiting);
		attr_list_printf(reply, "entries", "%zu", barrier.entries);
	}
	attr_list_add_number(reply, "remaining", barrier.remaining);
	attr_list_add_number(reply, "frozen_at", barrier.frozen_at);
	control_send(request, &reply);
}

/* "UIDVALIDITY UIDNEXT FOLDER"; the folder may have blanks in it. */
static int control_read_bound(
	const char *text, struct store_bound *bound_r, struct error *error)
{
	uint32_t *numbers[2] = { &bound_r->uidvalidity, &bound_r->uidnext };
	const char *at = text;

	for (size_t i = 0; i < 2; i++) {
		uint64_t value = 0;
		size_t digits = strspn(at, "0123456789");

		if (digits == 0 || digits > 10 || at[digits] != ' ')
			goto bad;
		for (size_t j = 0; j < digits; j++)
			value = value * 10 + (uint64_t)(at[j] - '0');
		if (value > UINT32_MAX)
			goto bad;
		*numbers[i] = (uint32_t)value;
		at += digits + 1;
	}
	if (*at == '\0')
		goto bad;
	bound_r->folder = at;
	return 0;
bad:
	error_set(error, "bound \"%.100s\": not UIDVALIDITY UIDNEXT FOLDER",
		text);
	return -1;
}

/* All bounds; *bounds_r is to be freed, the folders belong to the request. */
static int control_read_bounds(const struct control_request *request,
	struct store_bound **bounds_r, size_t *count_r, struct error *error)
{
	size_t total = attr_list_count(request->attrs);
	struct store_bound *bounds = xcalloc(total, sizeof(bounds[0]));
	size_t count = 0;

	*bounds_r = bounds;
	for (size_t i = 0; i < total; i++) {
		if (strcmp(attr_list_name(request->attrs, i), "bound") != 0)
			continue;
		if (control_read_bound(attr_list_value(request->attrs, i),
			    &bounds[count], error) < 0)
			return -1;
		count++;
	}
	*count_r = count;
	return 0;
}

/* A proof as it came: its own bounds, and how many came before them. */
struct control_proof {
	struct machine_proof proof;
	struct store_bound *bounds; /* the folders are the request's */
	int64_t at;
	bool more;
};

static int control_read_proof(const struct control_request *request,
	struct control_proof *read_r, struct error *error)
{
	struct machine_proof *proof = &read_r->proof;

	if (control_number(request, "messages", 0, &proof->messages, error) <
			0 ||
		control_number(request, "bytes", 0, &proof->bytes, error) < 0 ||
		control_number(request, "foreign", 0, &proof->foreign, error) <
			0 ||
		control_number(request, "frozen_at", 0, &proof->frozen_at,
			error) < 0 ||
		control_number(request, "at", 0, &read_r->at, error) < 0 ||
		control_switch(request, "more", &read_r->more, error) < 0)
		return -1;
	return control_read_bounds(
		request, &read_r->bounds, &proof->bounds_count, error);
}

/* Proves with the bounds of this request and those that came before it. */
static enum control_status control_prove_all(
	const struct control_request *request, const struct control_work *work,
	struct control_proof *read, struct error *error)
{
	struct service *service = request->service;
	struct machine_proof *proof = &read->proof;
	size_t before = (size_t)read->at, count = proof->bounds_count;
	struct store_bound *earlier, *all;
	enum control_status status;

	if (parts_take(service->parts, work->address, proof->frozen_at, before,
		    &earlier, error) < 0)
		return CONTROL_CONFLICT;
	all = xcalloc(before + count + 1, sizeof(*all));
	if (before > 0)
		memcpy(all, earlier, before * sizeof(*all));
	if (count > 0)
		memcpy(all + before, read->bounds, count * sizeof(*all));
	proof->bounds = all;
	proof->bounds_count = before + count;
	status = machine_prove(
		service->machine, work->address, work->epoch, proof, error);
	free(all);
	parts_clear(earlier, before);
	return status;
}

static void control_prove(struct control_request *request)
{
	struct control_proof read = { .more = false };
	struct control_work work;
	struct error error = { "" };
	enum control_status status = control_work(request, &work, &error);
	struct attr_list *reply;

	if (status == CONTROL_OK &&
		control_read_proof(request, &read, &error) < 0)
		status = CONTROL_ERROR;
	/* What is kept of a proof is not for others to add to, or to drop. */
	if (status == CONTROL_OK)
		status = machine_may_prove(request->service->machine,
			work.address, work.epoch, &read.proof, &error);
	if (status == CONTROL_OK && !read.more)
		status = control_prove_all(request, &work, &read, &error);
	else if (status == CONTROL_OK &&
		 parts_add(request->service->parts, work.address,
			 read.proof.frozen_at, (size_t)read.at, read.bounds,
			 read.proof.bounds_count, &error) < 0)
		status = CONTROL_CONFLICT;
	free(read.bounds);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	reply = control_ok();
	attr_list_add(reply, "proved", read.more ? "no" : "yes");
	control_send(request, &reply);
}

static void control_flip(struct control_request *request)
{
	struct control_work work;
	struct account account;
	struct error error = { "" };
	enum control_status status = control_work(request, &work, &error);

	if (status == CONTROL_OK)
		status = machine_flip(request->service->machine, work.address,
			work.epoch, control_text(request, "steps"), &account,
			&error);
	control_answer_account(request, status, &account, &error);
}

static bool control_add_bound(const struct store_bound *bound, void *context)
{
	struct attr_list *attrs = attr_list_new();

	attr_list_add_number(attrs, "uidvalidity", bound->uidvalidity);
	attr_list_add_number(attrs, "uidnext", bound->uidnext);
	attr_list_add(attrs, "folder", bound->folder);
	control_records_add(context, &attrs);
	return true;
}

static void control_bounds(struct control_request *request)
{
	struct control_records bounds = { .count = 0 };
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK &&
		store_scan_bounds(request->service->store, address,
			control_add_bound, &bounds, &error) < 0)
		status = CONTROL_ERROR;
	control_records_send(request, &bounds, status, &error);
}

/* How fast copies go. */
static void control_learn(const struct control_request *request)
{
	int64_t copied = 0, bytes = 0, ms = 0;

	if (attr_list_get_number(request->attrs, "copied", &copied, NULL) > 0 &&
		attr_list_get_number(request->attrs, "duration_ms", &ms, NULL) >
			0 &&
		attr_list_get_number(
			request->attrs, "copied_bytes", &bytes, NULL) >= 0)
		waits_learn(request->service->waits, copied, bytes, ms);
}

static void control_round(struct control_request *request)
{
	const char *kind = control_text(request, "kind");
	int64_t messages = 0, bytes = 0;
	struct control_work work;
	struct error error = { "" };
	enum control_status status = control_work(request, &work, &error);

	if (status == CONTROL_OK && strcmp(kind, "live") != 0 &&
		strcmp(kind, "last") != 0 && strcmp(kind, "sweep") != 0) {
		error_set(&error, "kind %.100s: not live, last or sweep", kind);
		status = CONTROL_ERROR;
	}
	if (status == CONTROL_OK && (control_number(request, "messages", 0,
					     &messages, &error) < 0 ||
					    control_number(request, "bytes", 0,
						    &bytes, &error) < 0))
		status = CONTROL_ERROR;
	if (status == CONTROL_OK)
		status = machine_round(request->service->machine, work.address,
			work.epoch, messages, bytes, request->attrs, &error);
	if (status == CONTROL_OK)
		control_learn(request);
	control_answer(request, status, &error);
}

const struct control_verb control_worker_verbs[] = {
	{ "lease", control_lease, "worker", "address batch",
		CONTROL_EVERYBODY },
	{ "renew", control_renew, "address epoch",
		"worker round folder messages_done messages_total bytes_done "
		"bytes_total",
		CONTROL_EVERYBODY },
	{ "release", control_release, "address epoch", "worker due failure",
		CONTROL_EVERYBODY },
	{ "enter", control_enter, "address epoch phase",
		"worker reason failure", CONTROL_EVERYBODY },
	{ "barrier", control_barrier, "address epoch", "worker",
		CONTROL_EVERYBODY },
	{ "prove", control_prove,
		"address epoch messages bytes foreign frozen_at",
		"worker at more bound*", CONTROL_EVERYBODY },
	{ "flip", control_flip, "address epoch", "worker steps",
		CONTROL_EVERYBODY },
	{ "bounds", control_bounds, "address", "epoch worker",
		CONTROL_EVERYBODY },
	{ "round", control_round, "address epoch kind messages bytes", "...",
		CONTROL_EVERYBODY },
	{ .name = NULL },
};
