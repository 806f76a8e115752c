/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gateways that are expected, waited for and forgotten, the barrier by all the
 * names of an account, and what is pushed: to connections that only write down
 * what they are given.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/instant.h"
#include "machine_fixture.h"
#include "policyd/gateway_link.h"
#include "policyd/gateways.h"

#define ANN   "ann@example.org"
#define ALIAS "a@example.org"

/* The double of a connection. */
struct gateway_link {
	struct buffer told;
	struct buffer noted;
};

void gateway_link_push(
	struct gateway_link *link, const struct attr_list *message)
{
	buffer_printf(&link->told, "%s %s;", attr_list_get(message, "event"),
		attr_list_get(message, "address"));
	assert_non_null(attr_list_get(message, "deadline"));
}

void gateway_link_note(struct gateway_link *link, const char *address)
{
	buffer_printf(&link->noted, "%s;", address);
}

struct field {
	struct bench *bench;
	struct gateways *gateways;
	struct gateway_link links[2];
	struct sessions_gateway *joined[2];
};

static void field_start(struct field *field)
{
	struct bench *bench = field->bench;

	field->gateways =
		gateways_new(bench->settings, bench->store, bench->log);
	if (gateways_start(field->gateways, &bench->error) < 0)
		fail_msg("%s", bench->error.text);
}

static void field_open(struct field *field)
{
	memset(field, 0, sizeof(*field));
	field->bench = bench_new("mem:");
	bench_add(field->bench, ANN);
	assert_int_equal(machine_add_alias(field->bench->machine, ANN, ALIAS,
				 "ops", &field->bench->error),
		CONTROL_OK);
	field_start(field);
}

static void field_leave(struct field *field)
{
	for (size_t i = 0; i < 2; i++)
		sessions_leave(&field->joined[i], instant_monotonic());
}

static void field_close(struct field *field)
{
	field_leave(field);
	gateways_free(&field->gateways);
	bench_free(&field->bench);
	for (size_t i = 0; i < 2; i++) {
		buffer_free(&field->links[i].told);
		buffer_free(&field->links[i].noted);
	}
}

static struct sessions_identity who(const char *name)
{
	struct sessions_identity identity = { .pid = getpid() };

	snprintf(identity.name, sizeof(identity.name), "%s", name);
	snprintf(identity.instance, sizeof(identity.instance), "i");
	return identity;
}

/* It is admitted, and has told all when it is ready. */
static void come(
	struct field *field, size_t index, const char *name, bool ready)
{
	const struct sessions_identity identity = who(name);

	assert_int_equal(gateways_admit(field->gateways, &identity,
				 &field->bench->error),
		0);
	assert_true(gateways_knows(field->gateways, &identity));
	field->joined[index] = sessions_join(gateways_sessions(field->gateways),
		&identity, &field->links[index]);
	if (ready)
		sessions_ready(field->joined[index], instant_monotonic());
}

static void begin(
	struct field *field, size_t index, uint64_t number, const char *address)
{
	const struct sessions_entry entry = { .address = address,
		.protocol = "imap",
		.system = "old",
		.client = "",
		.since = 1 };

	assert_int_equal(
		sessions_open(field->joined[index], number, &entry), 0);
}

/* "" when the barrier has passed. */
static const char *waiting(struct field *field, size_t entries)
{
	const char *what = "";
	size_t count = 0;
	int passed = gateways_barrier(
		field->gateways, ANN, &what, &count, &field->bench->error);

	assert_true(passed >= 0);
	assert_int_equal(count, entries);
	return passed > 0 ? "" : what;
}

static void test_barrier(void **state)
{
	struct field field;

	(void)state;
	field_open(&field);
	assert_string_equal(waiting(&field, 0), "");
	come(&field, 0, "one", false);
	assert_string_equal(waiting(&field, 0), "gateways");
	sessions_ready(field.joined[0], instant_monotonic());
	assert_string_equal(waiting(&field, 0), "");
	begin(&field, 0, 1, ANN);
	/* from before it was in the directory */
	begin(&field, 0, 2, ALIAS);
	begin(&field, 0, 3, "bob@example.org");
	assert_string_equal(waiting(&field, 2), "sessions");
	sessions_end(field.joined[0], 1, NULL, NULL);
	assert_string_equal(waiting(&field, 1), "sessions");
	sessions_end(field.joined[0], 2, NULL, NULL);
	assert_string_equal(waiting(&field, 0), "");
	field_close(&field);
}

static void test_a_store_that_cannot_tell(void **state)
{
	struct error error = { "" };
	const char *what;
	size_t count;
	struct bench *bench = bench_new("fail:lookups");
	struct gateways *gateways =
		gateways_new(bench->settings, bench->store, bench->log);

	(void)state;
	assert_int_equal(gateways_start(gateways, &error), -1);
	assert_int_equal(
		gateways_barrier(gateways, ANN, &what, &count, &error), -1);
	assert_int_equal(gateways_quiet(gateways, ANN, &error), -1);
	gateways_free(&gateways);
	bench_free(&bench);
}

static void test_expected_ones(void **state)
{
	struct sessions_identity one = who("one");
	struct field field;

	(void)state;
	field_open(&field);
	come(&field, 0, "one", true);
	come(&field, 1, "two", true);
	field_leave(&field);
	gateways_free(&field.gateways);
	/* another run of policyd */
	field_start(&field);
	assert_true(gateways_knows(field.gateways, &one));
	assert_string_equal(waiting(&field, 0), "gateways");
	come(&field, 0, "one", true);
	assert_string_equal(waiting(&field, 0), "gateways");
	come(&field, 1, "two", true);
	assert_string_equal(waiting(&field, 0), "");
	field_close(&field);
}

/* Somebody was there, whoever it was. */
static void test_a_damaged_note(void **state)
{
	struct store_txn *txn;
	struct field field;

	(void)state;
	field_open(&field);
	gateways_free(&field.gateways);
	assert_int_equal(store_begin(field.bench->store, &txn, NULL), 0);
	store_txn_put_note(txn, "gateways", "nonsense\n", NULL);
	assert_int_equal(store_commit(&txn, NULL), STORE_DONE);
	field_start(&field);
	assert_string_equal(waiting(&field, 0), "gateways");
	field_close(&field);
}

static void test_pushes(void **state)
{
	struct field field;
	struct account account;

	(void)state;
	field_open(&field);
	come(&field, 0, "one", true);
	come(&field, 1, "two", true);
	begin(&field, 0, 1, ANN);
	begin(&field, 0, 2, ANN);
	begin(&field, 1, 1, ALIAS);
	/* in service: nothing is closed */
	gateways_close(field.gateways, ANN);
	assert_int_equal(field.links[0].told.size, 0);
	bench_move(field.bench, ANN);
	bench_bring(field.bench, ANN, ACCOUNT_FROZEN);
	account = bench_get(field.bench, ANN);
	gateways_changed(field.gateways, &account);
	assert_string_equal(field.links[0].told.data, "close " ANN ";");
	assert_string_equal(field.links[1].told.data, "close " ALIAS ";");
	assert_string_equal(field.links[0].noted.data, ANN ";");
	assert_string_equal(field.links[1].noted.data, ANN ";");
	field_close(&field);
}

static void test_quiet(void **state)
{
	struct field field;
	struct error error;
	int64_t long_ago = instant_now() - 3600000;

	(void)state;
	field_open(&field);
	come(&field, 0, "one", true);
	assert_int_equal(gateways_quiet(field.gateways, ANN, &error), 1);
	begin(&field, 0, 1, ALIAS);
	assert_int_equal(gateways_quiet(field.gateways, ANN, &error), 0);
	sessions_set_quiet(field.joined[0], 1, instant_now(), NULL, NULL);
	assert_int_equal(gateways_quiet(field.gateways, ANN, &error), 0);
	sessions_set_quiet(field.joined[0], 1, long_ago, NULL, NULL);
	assert_int_equal(gateways_quiet(field.gateways, ANN, &error), 1);
	come(&field, 1, "two", false);
	assert_int_equal(gateways_quiet(field.gateways, ANN, &error), -1);
	field_close(&field);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_barrier),
		cmocka_unit_test(test_a_store_that_cannot_tell),
		cmocka_unit_test(test_expected_ones),
		cmocka_unit_test(test_a_damaged_note),
		cmocka_unit_test(test_pushes),
		cmocka_unit_test(test_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
