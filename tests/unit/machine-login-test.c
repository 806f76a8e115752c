/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves that wait for logins and logouts, and the learned password. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "machine_fixture.h"

#define ANN "ann@example.org"

/* A bench whose configuration has a gateway, and one account. */
static struct bench *login_bench(void)
{
	struct bench *bench = bench_new("mem:");
	struct config *config = bench_config("");
	char socket[] = "unix:/run/none";

	config->policyd.gateway = strdup(socket);
	assert_int_equal(
		settings_replace(bench->settings, config, &bench->error), 0);
	bench_add(bench, ANN);
	bench->quiet = 1;
	return bench;
}

static enum control_status request(struct bench *bench, const char *strategy)
{
	struct account wanted;

	account_init(&wanted);
	wanted.strategy = account_strategy_find(strategy);
	strcpy(wanted.requested_by, "ops");
	return machine_request(bench->machine, ANN, &wanted,
		ACCOUNT_DESTINATION, NULL, &bench->error);
}

static void login(struct bench *bench, const char *system, const char *sealed)
{
	const struct machine_login login = { system, sealed };

	assert_int_equal(
		machine_logged_in(bench->machine, ANN, &login, &bench->error),
		CONTROL_OK);
}

static enum control_status lease(struct bench *bench, uint64_t *epoch_r)
{
	struct store_lease lease;
	int64_t next;
	enum control_status status = machine_lease(bench->machine, "w1", NULL,
		NULL, NULL, &lease, &next, &bench->error);

	*epoch_r = status == CONTROL_OK ? lease.epoch : 0;
	return status;
}

static void enter(struct bench *bench, uint64_t epoch, enum account_phase phase)
{
	if (machine_enter(bench->machine, ANN, epoch, phase, NULL, NULL,
		    &bench->error) != CONTROL_OK)
		fail_msg("%s", bench->error.text);
}

/* The secret, "" when there is none. */
static const char *secret(struct bench *bench, uint64_t epoch)
{
	static char text[512];
	struct buffer sealed = BUFFER_EMPTY;
	char system[ACCOUNT_NAME_SIZE];
	enum control_status status = machine_secret(
		bench->machine, ANN, epoch, &sealed, system, &bench->error);

	text[0] = '\0';
	if (status == CONTROL_OK) {
		assert_string_equal(system, "old");
		strcpy(text, sealed.data);
	} else {
		assert_int_equal(status, CONTROL_NOT_FOUND);
	}
	buffer_free(&sealed);
	return text;
}

static void test_the_first_login(void **state)
{
	struct bench *bench = login_bench();
	uint64_t epoch;

	(void)state;
	login(bench, "old", NULL); /* nothing waits for it */
	assert_int_equal(request(bench, "login"), CONTROL_OK);
	assert_int_equal(lease(bench, &epoch), CONTROL_NOT_FOUND);
	assert_true(bench_get(bench, ANN).due == INSTANT_NEVER);
	bench_now += 1000;
	login(bench, "old", NULL);
	assert_int_equal(bench_get(bench, ANN).login_at, bench_now);
	assert_string_equal(bench_history(bench, ANN), "add transition login ");
	bench_now += 1000;
	login(bench, "old", NULL); /* there is but one first */
	assert_int_equal(bench_get(bench, ANN).login_at, bench_now - 1000);
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	bench_free(&bench);
}

/* Nobody but a login, or an operator, begins it. */
static void test_what_is_no_login(void **state)
{
	struct bench *bench = login_bench();
	uint64_t epoch;

	(void)state;
	assert_int_equal(request(bench, "login"), CONTROL_OK);
	machine_hold(bench->machine, ANN, "x", "ops", NULL, &bench->error);
	login(bench, "old", NULL);
	assert_true(bench_get(bench, ANN).due == INSTANT_NEVER);
	machine_resume(bench->machine, ANN, "ops", NULL, &bench->error);
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	assert_int_equal(machine_operate(bench->machine, ANN, MACHINE_CANCEL,
				 false, NULL, "ops", NULL, &bench->error),
		CONTROL_OK);
	bench_now += LEASE;
	assert_int_equal(request(bench, "login"), CONTROL_OK);
	machine_hold(bench->machine, ANN, "x", "ops", NULL, &bench->error);
	machine_resume(bench->machine, ANN, "ops", NULL, &bench->error);
	assert_int_equal(lease(bench, &epoch), CONTROL_NOT_FOUND);
	assert_int_equal(machine_complete(bench->machine, ANN, "ops", NULL,
				 &bench->error),
		CONTROL_OK);
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	bench_free(&bench);
}

static void test_without_a_gateway(void **state)
{
	struct bench *bench = bench_new("mem:");

	(void)state;
	bench_add(bench, ANN);
	assert_int_equal(request(bench, "login"), CONTROL_CONFLICT);
	assert_int_equal(request(bench, "logout"), CONTROL_CONFLICT);
	assert_int_equal(request(bench, "precopy"), CONTROL_OK);
	bench_free(&bench);
}

static void test_the_logout(void **state)
{
	struct bench *bench = login_bench();
	int64_t later = START + 600000;
	bool quiet;
	uint64_t epoch;

	(void)state;
	assert_int_equal(request(bench, "logout"), CONTROL_OK);
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	enter(bench, epoch, ACCOUNT_COPYING);
	enter(bench, epoch, ACCOUNT_READY);
	bench->quiet = 0;
	assert_int_equal(machine_quiet(bench->machine, ANN, epoch, &quiet,
				 &bench->error),
		CONTROL_OK);
	assert_false(quiet);
	assert_int_equal(machine_enter(bench->machine, ANN, epoch,
				 ACCOUNT_FROZEN, NULL, NULL, &bench->error),
		CONTROL_CONFLICT);
	bench->quiet = -1;
	assert_int_equal(machine_quiet(bench->machine, ANN, epoch, &quiet,
				 &bench->error),
		CONTROL_ERROR);
	assert_int_equal(machine_enter(bench->machine, ANN, epoch,
				 ACCOUNT_FROZEN, NULL, NULL, &bench->error),
		CONTROL_ERROR);
	bench->quiet = 0;
	machine_release(bench->machine, ANN, epoch, later, NULL, &bench->error);
	assert_int_equal(bench_get(bench, ANN).due, later);
	/* a word of a logout that is none */
	machine_logged_out(bench->machine, ANN, &bench->error);
	assert_int_equal(bench_get(bench, ANN).due, later);
	bench->quiet = 1;
	machine_logged_out(bench->machine, ANN, &bench->error);
	assert_int_equal(bench_get(bench, ANN).due, bench_now);
	/* given back when the last one has just gone: due at once */
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	machine_release(bench->machine, ANN, epoch, later, NULL, &bench->error);
	assert_int_equal(bench_get(bench, ANN).due, bench_now);
	/* a failure is put off all the same */
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	machine_release(
		bench->machine, ANN, epoch, later, "broken", &bench->error);
	machine_logged_out(bench->machine, ANN, &bench->error);
	assert_int_equal(bench_get(bench, ANN).due, later);
	bench_free(&bench);
}

static void test_the_secret(void **state)
{
	struct bench *bench = login_bench();
	struct buffer text = BUFFER_EMPTY;
	uint64_t epoch;

	(void)state;
	login(bench, "old", "aa"); /* at rest: not kept */
	assert_int_equal(request(bench, "precopy"), CONTROL_OK);
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	assert_string_equal(secret(bench, epoch), "");
	login(bench, "new", "bb"); /* not of its home */
	assert_string_equal(secret(bench, epoch), "");
	login(bench, "old", "cc");
	login(bench, "old", "dd");
	login(bench, "old", NULL);
	assert_string_equal(secret(bench, epoch), "dd");
	assert_string_equal(
		bench_history(bench, ANN), "add transition lease login ");
	assert_int_equal(
		machine_secret(bench->machine, ANN, epoch + 1, &text,
			(char[ACCOUNT_NAME_SIZE]){ "" }, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_operate(bench->machine, ANN, MACHINE_CANCEL,
				 false, NULL, "ops", NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(store_get_document(bench->store, ANN, "secret", NULL,
				 &text, &bench->error),
		0);
	buffer_free(&text);
	bench_free(&bench);
}

/* What failed for want of it is tried at once. */
static void test_a_secret_that_was_wanted(void **state)
{
	struct bench *bench = login_bench();
	uint64_t epoch;

	(void)state;
	assert_int_equal(request(bench, "precopy"), CONTROL_OK);
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	machine_release(
		bench->machine, ANN, epoch, 0, "no password", &bench->error);
	assert_true(bench_get(bench, ANN).due > bench_now);
	login(bench, "old", NULL);
	assert_true(bench_get(bench, ANN).due > bench_now);
	login(bench, "old", "aa");
	assert_int_equal(bench_get(bench, ANN).due, bench_now);
	assert_int_equal(lease(bench, &epoch), CONTROL_OK);
	machine_release(
		bench->machine, ANN, epoch, 0, "no folder", &bench->error);
	login(bench, "old", "bb"); /* it had one */
	assert_true(bench_get(bench, ANN).due > bench_now);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_login),
		cmocka_unit_test(test_what_is_no_login),
		cmocka_unit_test(test_without_a_gateway),
		cmocka_unit_test(test_the_logout),
		cmocka_unit_test(test_the_secret),
		cmocka_unit_test(test_a_secret_that_was_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
