/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes, and what happens to an account between the looks at it: the registry
 * is a double that changes the store when a session is opened.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "machine_fixture.h"
#include "policyd/gateway_route.h"

#define ANN   "ann@example.org"
#define ALIAS "a@example.org"

/* ---- doubles ---- */

static struct bench *bench;
static void (*at_open)(void); /* another one is quicker */
static int opened, ended, opens_fail;
static char opened_address[ADDRESS_SIZE], opened_system[ACCOUNT_NAME_SIZE];
static bool unlocked, patient;
static int untold;

int sessions_open(struct sessions_gateway *gateway, uint64_t number,
	const struct sessions_entry *entry)
{
	void (*other)(void) = at_open;

	(void)gateway;
	assert_int_equal(number, 7);
	if (opens_fail)
		return -1;
	opened++;
	strcpy(opened_address, entry->address);
	strcpy(opened_system, entry->system);
	at_open = NULL;
	if (other != NULL)
		other();
	return 0;
}

int sessions_end(struct sessions_gateway *gateway, uint64_t number,
	size_t *left_r, char *address_r)
{
	(void)gateway;
	(void)left_r;
	(void)address_r;
	assert_int_equal(number, 7);
	ended++;
	return 0;
}

bool front_is_unlocked(struct front *front, const struct account *account)
{
	(void)front;
	assert_string_equal(account->address, ANN);
	return unlocked;
}

void service_cannot_tell(
	struct service *service, const char *address, const struct error *error)
{
	(void)service;
	(void)address;
	assert_true(error->text[0] != '\0');
	untold++;
}

/* ---- the tests' own ---- */

static struct service service;
static struct gateway_answer answer;
static struct error error;

static void open_bench(const char *store)
{
	bench = bench_new(store);
	memset(&service, 0, sizeof(service));
	service.store = bench->store;
	service.waits = waits_new();
	opened = ended = opens_fail = untold = 0;
	at_open = NULL;
	unlocked = patient = false;
}

static void close_bench(void)
{
	waits_free(&service.waits);
	bench_free(&bench);
}

/* The new system has that unlock hook; and there is a gateway. */
static void use_hook(const char *hook)
{
	struct config *config = bench_config("");

	for (size_t i = 0; hook != NULL && i < config->systems_count; i++)
		if (strcmp(config->systems[i].name, "new") == 0)
			config->systems[i].unlock = strdup(hook);
	config->policyd.gateway = strdup("unix:/run/none");
	assert_int_equal(
		settings_replace(bench->settings, config, &bench->error), 0);
}

static enum gateway_verdict route(const char *login, const char *protocol)
{
	const struct settings *settings = settings_get(bench->settings);
	struct gateway_route asked = { .session = 7,
		.login = strdup(login),
		.protocol = strdup(protocol),
		.client = strdup(""),
		.patient = patient };
	enum gateway_verdict verdict = gateway_route(
		&service, settings, NULL, &asked, &answer, &error);

	gateway_route_clear(&asked);
	settings_put(bench->settings, &settings);
	free(answer.user);
	answer.user = NULL;
	return verdict;
}

static void freeze(void)
{
	bench_move(bench, ANN);
	bench_bring(bench, ANN, ACCOUNT_FROZEN);
}

static void flip(void)
{
	uint64_t epoch;

	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	bench_prove(bench, ANN, epoch);
	assert_int_equal(machine_flip(bench->machine, ANN, epoch, NULL, NULL,
				 &bench->error),
		CONTROL_OK);
}

static void add(void)
{
	bench_add(bench, ANN);
}

static void remove_account(void)
{
	assert_int_equal(
		machine_remove(bench->machine, ANN, "ops", &bench->error),
		CONTROL_OK);
}

static void test_home(void **state)
{
	(void)state;
	open_bench("mem:");
	bench_add(bench, ANN);
	machine_add_alias(bench->machine, ANN, ALIAS, "ops", &bench->error);
	assert_int_equal(route("A+x@Example.org", "imap"), GATEWAY_TO_HOME);
	assert_string_equal(opened_address, ANN);
	assert_string_equal(opened_system, "old");
	assert_int_equal(opened - ended, 1);
	opens_fail = 1;
	assert_int_equal(route(ANN, "imap"), GATEWAY_TWICE);
	close_bench();
}

static void test_frozen_between_the_looks(void **state)
{
	(void)state;
	open_bench("mem:");
	bench_add(bench, ANN);
	at_open = freeze;
	assert_int_equal(route(ANN, "imap"), GATEWAY_WAITS);
	assert_string_equal(answer.address, ANN);
	assert_int_equal(opened, 1);
	assert_int_equal(ended, 1);
	close_bench();
}

static void test_flipped_between_the_looks(void **state)
{
	(void)state;
	open_bench("mem:");
	bench_add(bench, ANN);
	at_open = flip;
	assert_int_equal(route(ANN, "lmtp"), GATEWAY_TO_HOME);
	assert_string_equal(opened_system, "new");
	assert_int_equal(opened, 2);
	assert_int_equal(ended, 1);
	close_bench();
}

static void test_removed_and_added_between_the_looks(void **state)
{
	(void)state;
	open_bench("mem:");
	bench_add(bench, ANN);
	at_open = remove_account;
	assert_int_equal(route(ANN, "imap"), GATEWAY_TO_DEFAULT);
	assert_int_equal(opened - ended, 1);
	at_open = add;
	assert_int_equal(route(ANN, "imap"), GATEWAY_TO_HOME);
	assert_int_equal(opened - ended, 2);
	close_bench();
}

static void test_default(void **state)
{
	(void)state;
	open_bench("mem:");
	assert_int_equal(
		route("eve+x@example.org", "imap"), GATEWAY_TO_DEFAULT);
	assert_string_equal(opened_address, "eve@example.org");
	assert_int_equal(route("eve@pass.example", "imap"), GATEWAY_LATER);
	assert_int_equal(route("eve@example.com", "imap"), GATEWAY_LATER);
	assert_int_equal(route("eve", "imap"), GATEWAY_LATER);
	assert_int_equal(route("@example.org", "imap"), GATEWAY_LATER);
	assert_int_equal(opened, 1);
	assert_int_equal(ended, 0);
	close_bench();
}

/* The unlock hook has not let users in yet; mail does not meet its lock. */
static void test_unlocking(void **state)
{
	(void)state;
	open_bench("mem:");
	bench_add(bench, ANN);
	flip();
	/* there is no hook to wait for */
	assert_int_equal(route(ANN, "imap"), GATEWAY_TO_HOME);
	use_hook("/usr/libexec/unlock");
	assert_int_equal(route(ANN, "imap"), GATEWAY_WAITS);
	assert_int_equal(route(ANN, "lmtp"), GATEWAY_TO_HOME);
	unlocked = true;
	assert_int_equal(route(ANN, "imap"), GATEWAY_TO_HOME);
	close_bench();
}

/* Who has time waits with the first login of the account. */
static void test_patience(void **state)
{
	struct account request, account;

	(void)state;
	open_bench("mem:");
	use_hook(NULL);
	bench_add(bench, ANN);
	account_init(&request);
	request.strategy = account_strategy_find("login");
	assert_int_equal(machine_request(bench->machine, ANN, &request,
				 ACCOUNT_DESTINATION, &account, &bench->error),
		CONTROL_OK);
	patient = true;
	assert_int_equal(route(ANN, "imap"), GATEWAY_TO_HOME);
	assert_true(waits_begin(service.waits, &account, 10000,
			    instant_monotonic(), bench_now) > 0);
	assert_int_equal(route(ANN, "imap"), GATEWAY_WAITS);
	patient = false;
	assert_int_equal(route(ANN, "imap"), GATEWAY_TO_HOME);
	close_bench();
}

static void test_a_store_that_cannot_tell(void **state)
{
	(void)state;
	open_bench("fail:lookups");
	assert_int_equal(route(ANN, "imap"), GATEWAY_LATER);
	assert_int_equal(untold, 1);
	assert_int_equal(opened, 0);
	close_bench();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_frozen_between_the_looks),
		cmocka_unit_test(test_flipped_between_the_looks),
		cmocka_unit_test(test_removed_and_added_between_the_looks),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_unlocking),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_a_store_that_cannot_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
