/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of directory and machine share. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "machine_fixture.h"

int64_t bench_now;

static const char bench_text[] =
	"policyd {\n"
	"    user = \"\"\n"
	"    group = \"\"\n"
	"    lease = \"9s\"\n"
	"    freeze_budget = \"4s\"\n"
	"    retry_min = \"2s\"\n"
	"    retry_max = \"5s\"\n"
	"    own_networks = { \"192.0.2.0/24\" }\n"
	"}\n"
	"domain \"example.org\" { default = \"old\" }\n"
	"domain \"complete.example\" { default = \"old\" complete = yes }\n"
	"domain \"pass.example\" { default = \"pass\" }\n"
	"system \"old\" { imap = \"imap://127.0.0.1:1\"\n"
	"    deliver = \"smtp:[127.0.0.1]:2\" }\n"
	"system \"new\" { imap = \"imap://127.0.0.1:3\"\n"
	"    deliver = \"lmtp:unix:/run/new\" }\n";

struct config *bench_config(const char *extra)
{
	char path[] = "/tmp/rehome-bench-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct config *config;
	struct error error = { "" };

	assert_non_null(file);
	fprintf(file, "%s%s", bench_text, extra);
	fclose(file);
	config = config_load(path, &error);
	unlink(path);
	if (config == NULL)
		fail_msg("%s", error.text);
	return config;
}

static int64_t bench_clock(void)
{
	return bench_now;
}

static void bench_wake(void *context)
{
	((struct bench *)context)->wakes++;
}

static int bench_barrier(void *context, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error)
{
	struct bench *bench = context;

	(void)address;
	*waiting_r = "queue";
	*entries_r = 2;
	if (bench->barrier < 0)
		error_set(error, "no queue can be seen");
	return bench->barrier;
}

static void bench_changed(void *context, const struct account *account)
{
	((struct bench *)context)->changes++;
	assert_true(account->address[0] != '\0');
}

static int bench_quiet(void *context, const char *address, struct error *error)
{
	struct bench *bench = context;

	assert_true(address[0] != '\0');
	if (bench->quiet < 0)
		error_set(error, "no gateway has told");
	return bench->quiet;
}

static const struct machine_front bench_front = {
	.wake = bench_wake,
	.quiet = bench_quiet,
	.changed = bench_changed,
	.barrier = bench_barrier,
};

struct bench *bench_new(const char *store_uri)
{
	struct bench *bench = xcalloc(1, sizeof(*bench));

	bench_now = START;
	bench->log = log_open("test", -1, LOG_ERR - 1);
	bench->settings = settings_box_new(bench_config(""), &bench->error);
	assert_non_null(bench->settings);
	bench->store = store_open(store_uri, &bench->error);
	assert_non_null(bench->store);
	bench->events = events_new();
	bench->machine = machine_new(
		bench->settings, bench->store, bench->events, bench->log);
	bench->machine->clock = bench_clock;
	machine_set_front(bench->machine, &bench_front, bench);
	return bench;
}

void bench_free(struct bench **bench)
{
	machine_free(&(*bench)->machine);
	events_free(&(*bench)->events);
	store_close(&(*bench)->store);
	settings_box_free(&(*bench)->settings);
	log_close(&(*bench)->log);
	free(*bench);
	*bench = NULL;
}

static void bench_ok(struct bench *bench, enum control_status status)
{
	if (status != CONTROL_OK)
		fail_msg("%s", bench->error.text);
}

void bench_add(struct bench *bench, const char *address)
{
	const struct machine_add add = {
		.address = address,
		.source = "old",
		.destination = "new",
	};

	bench_ok(bench,
		machine_add(bench->machine, &add, "ops", NULL, &bench->error));
}

void bench_move(struct bench *bench, const char *address)
{
	struct account request;

	account_init(&request);
	request.freeze_budget = BUDGET;
	strcpy(request.requested_by, "ops");
	bench_ok(bench, machine_request(bench->machine, address, &request,
				ACCOUNT_DESTINATION, NULL, &bench->error));
}

uint64_t bench_bring(
	struct bench *bench, const char *address, enum account_phase phase)
{
	static const enum account_phase way[] = { ACCOUNT_COPYING,
		ACCOUNT_READY, ACCOUNT_FROZEN };
	struct store_lease lease;
	int64_t next;

	bench_ok(bench, machine_lease(bench->machine, "w1", address, NULL, NULL,
				&lease, &next, &bench->error));
	for (size_t i = 0; i < 3 && phase != ACCOUNT_REQUESTED; i++) {
		bench_ok(bench,
			machine_enter(bench->machine, address, lease.epoch,
				way[i], NULL, NULL, &bench->error));
		if (way[i] == phase)
			break;
	}
	return lease.epoch;
}

void bench_prove(struct bench *bench, const char *address, uint64_t epoch)
{
	const struct store_bound bounds[] = { { "INBOX", 7, 11 },
		{ "Sent", 8, 3 } };
	struct machine_proof proof = {
		.messages = 12,
		.bytes = 3400,
		.bounds = bounds,
		.bounds_count = 2,
	};
	struct account account = bench_get(bench, address);

	proof.frozen_at = account.frozen_at;
	if (account.front == ACCOUNT_FRONT_CLOSING)
		assert_int_equal(
			machine_store_front(bench->machine, address,
				account.frozen_at, ACCOUNT_FRONT_CLOSING,
				ACCOUNT_FRONT_CLOSED, "publish=3 lock=4",
				&bench->error),
			1);
	bench->barrier = 1;
	bench_ok(bench, machine_prove(bench->machine, address, epoch, &proof,
				&bench->error));
	bench->barrier = 0;
}

struct account bench_get(struct bench *bench, const char *address)
{
	struct account account;

	assert_int_equal(store_get_account(bench->store, address, &account,
				 &bench->error),
		1);
	account_clear(&account);
	account.unknown = NULL;
	return account;
}

static bool bench_history_line(const struct store_audit *audit, void *context)
{
	assert_string_equal(attr_list_name(audit->detail, 0), "event");
	for (size_t i = 1; i < attr_list_count(audit->detail); i++)
		assert_string_not_equal(
			attr_list_name(audit->detail, i), "event");
	strcat(context, attr_list_value(audit->detail, 0));
	strcat(context, " ");
	return true;
}

const char *bench_history(struct bench *bench, const char *address)
{
	static char text[4096];

	text[0] = '\0';
	assert_int_equal(store_scan_audit(bench->store, address,
				 bench_history_line, text, &bench->error),
		0);
	return text;
}
