/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests of a worker, repeated over broken connections. */
#include "config.h"

#include "copier/worker.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/document.h"
#include "lib/instant.h"

#define WORKER_TIMEOUT 10000 /* ms to wait for an answer */
#define WORKER_RETRY   50    /* ms between attempts to connect */

void worker_close(struct worker *worker)
{
	control_close(&worker->client);
}

struct attr_list *worker_request(const struct worker *worker, const char *verb)
{
	struct attr_list *request = attr_list_new();

	attr_list_add(request, "request", verb);
	attr_list_add(request, "address", worker->account->address);
	attr_list_printf(request, "epoch", "%" PRIu64, worker->epoch);
	return request;
}

static void worker_pause(void)
{
	const struct timespec pause = { 0, WORKER_RETRY * 1000000L };

	nanosleep(&pause, NULL);
}

/* One attempt: 0 answered, -1 not. */
static int worker_try(struct worker *worker, const struct attr_list *request,
	const struct attr_list **reply_r, struct error *error)
{
	if (worker->client == NULL)
		worker->client =
			control_connect(worker->control, WORKER_TIMEOUT, error);
	if (worker->client == NULL)
		return -1;
	if (control_call(worker->client, request, reply_r, error) == 0)
		return 0;
	control_close(&worker->client);
	return -1;
}

int worker_call(struct worker *worker, struct attr_list **request,
	const struct attr_list **reply_r, enum control_status *status_r,
	struct error *error)
{
	int result;

	*status_r = CONTROL_ERROR;
	while ((result = worker_try(worker, *request, reply_r, error)) < 0 &&
		lease_is_held(worker->lease, NULL))
		worker_pause();
	if (result == 0) {
		*status_r = control_status(*reply_r, error);
		result = *status_r == CONTROL_OK ? 0 : -1;
	}
	attr_list_free(request);
	return result;
}

static int worker_take_account(struct worker *worker,
	const struct attr_list *reply, struct error *error)
{
	struct account account;

	account_init(&account);
	if (account_scan(reply, &account, error) < 0)
		return -1;
	account_clear(worker->account);
	*worker->account = account;
	lease_set_phase(worker->lease, account.phase);
	return 0;
}

/* Reads the account anew. */
static int worker_look(struct worker *worker, struct error *error)
{
	struct attr_list *request = attr_list_new();
	const struct attr_list *reply;
	enum control_status status;

	attr_list_add(request, "request", "account-get");
	attr_list_add(request, "address", worker->account->address);
	if (worker_call(worker, &request, &reply, &status, error) < 0)
		return -1;
	return worker_take_account(worker, reply, error);
}

/*
 * A change of phase is not simply repeated: the first request may have been
 * carried out though its answer was lost, and the second would be refused.
 */
static int worker_change(struct worker *worker, struct attr_list *request,
	enum account_phase phase, struct error *error)
{
	const struct attr_list *reply;
	enum control_status status;
	struct error first;
	int result = worker_try(worker, request, &reply, error);

	if (result < 0) {
		while (result < 0 && lease_is_held(worker->lease, NULL)) {
			worker_pause();
			result = worker_look(worker, error);
		}
		if (result < 0 || worker->account->phase == phase) {
			attr_list_free(&request);
			return result;
		}
		return worker_call(worker, &request, &reply, &status, error) < 0
			       ? -1
			       : worker_take_account(worker, reply, error);
	}
	attr_list_free(&request);
	if (control_status(reply, &first) == CONTROL_OK)
		return worker_take_account(worker, reply, error);
	*error = first;
	return -1;
}

int worker_enter(struct worker *worker, enum account_phase phase,
	const char *reason, struct error *error)
{
	struct attr_list *request = worker_request(worker, "enter");

	attr_list_add(request, "phase", account_phase_name(phase));
	if (reason != NULL)
		attr_list_add(request, "reason", reason);
	if (worker_change(worker, request, phase, error) == 0)
		return 0;
	error_prefix(error, "enter %s", account_phase_name(phase));
	return -1;
}

int worker_flip(struct worker *worker, const char *steps, struct error *error)
{
	struct attr_list *request = worker_request(worker, "flip");

	attr_list_add(request, "steps", steps);
	if (worker_change(worker, request, ACCOUNT_SWEEPING, error) == 0)
		return 0;
	error_prefix(error, "flip");
	return -1;
}

int worker_barrier(struct worker *worker, bool *queue_r, struct error *error)
{
	struct attr_list *request = worker_request(worker, "barrier");
	const struct attr_list *reply;
	enum control_status status;
	const char *passed, *waiting;

	*queue_r = false;
	if (worker_call(worker, &request, &reply, &status, error) < 0) {
		/* "Could not tell" may pass; policyd ends the freeze if not. */
		if (status == CONTROL_ERROR &&
			lease_is_held(worker->lease, NULL))
			return 0;
		error_prefix(error, "barrier");
		return -1;
	}
	if (attr_list_get_number(
		    reply, "frozen_at", &worker->frozen_at, error) < 1) {
		error_prefix(error, "barrier");
		return -1;
	}
	passed = attr_list_get(reply, "passed");
	waiting = attr_list_get(reply, "waiting");
	*queue_r = waiting != NULL && strcmp(waiting, "queue") == 0;
	return passed != NULL && passed[0] == 'y';
}

int worker_document(struct worker *worker, const char *name, const char *text,
	struct error *error)
{
	struct attr_list *request = worker_request(worker, "document-put");
	const struct attr_list *reply;
	enum control_status status;

	attr_list_add(request, "name", name);
	document_add_text(request, text);
	if (worker_call(worker, &request, &reply, &status, error) == 0)
		return 0;
	error_prefix(error, "document %s", name);
	return -1;
}

int worker_read_document(struct worker *worker, const char *name,
	struct buffer *text, struct error *error)
{
	struct attr_list *request = attr_list_new();
	const struct attr_list *reply;
	enum control_status status;

	attr_list_add(request, "request", "document-get");
	attr_list_add(request, "address", worker->account->address);
	attr_list_add(request, "name", name);
	if (worker_call(worker, &request, &reply, &status, error) == 0) {
		document_get_text(reply, text);
		return 1;
	}
	if (status == CONTROL_NOT_FOUND)
		return 0;
	error_prefix(error, "document %s", name);
	return -1;
}

int worker_secret(struct worker *worker, const char **sealed_r,
	const char **system_r, struct error *error)
{
	struct attr_list *request = worker_request(worker, "secret");
	const struct attr_list *reply;
	enum control_status status;

	if (worker_call(worker, &request, &reply, &status, error) < 0) {
		error_prefix(error, "learned password");
		return status == CONTROL_NOT_FOUND ? 0 : -1;
	}
	*sealed_r = attr_list_get(reply, "sealed");
	*system_r = attr_list_get(reply, "system");
	if (*sealed_r != NULL && *system_r != NULL)
		return 1;
	error_set(error, "learned password: policyd's answer lacks it");
	return -1;
}

int worker_is_quiet(struct worker *worker, struct error *error)
{
	struct attr_list *request = worker_request(worker, "quiet");
	const struct attr_list *reply;
	enum control_status status;
	const char *quiet;

	if (worker_call(worker, &request, &reply, &status, error) < 0) {
		error_prefix(error, "who is logged in");
		return -1;
	}
	quiet = attr_list_get(reply, "quiet");
	return quiet != NULL && strcmp(quiet, "yes") == 0;
}

int worker_release(struct worker *worker, int64_t due, const char *failure,
	struct error *error)
{
	struct attr_list *request = worker_request(worker, "release");
	const struct attr_list *reply;
	enum control_status status;

	attr_list_add_number(request, "due", due);
	if (failure != NULL)
		attr_list_add(request, "failure", failure);
	return worker_call(worker, &request, &reply, &status, error);
}
