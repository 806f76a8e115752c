/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents of accounts, approvals, and the proof that waits for them. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/document.h"
#include "lib/instant.h"
#include "lib/xalloc.h"
#include "machine_fixture.h"

#define ANN "ann@example.org"

#define ONE  "item=one\nkind=message\nfolder=INBOX\nuid=1\nwords=NO\n\n"
#define TWO  "item=two\nkind=uidl\nwords=they change\n\n"
#define KEY  "item=key\nkind=keywords\nwords=a\n\n"
#define MORE "item=more\nkind=more\nwords=5 more\n\n"

static enum control_status put(
	struct bench *bench, uint64_t epoch, const char *name, const char *text)
{
	return machine_put_document(
		bench->machine, ANN, epoch, name, text, &bench->error);
}

/* The document, or "none". */
static const char *get(struct bench *bench, const char *name)
{
	static struct buffer text;

	buffer_clear(&text);
	if (store_get_document(bench->store, ANN, name, NULL, &text, NULL) == 0)
		return "none";
	return text.data;
}

struct approving {
	enum control_status status;
	uint64_t approved;
	uint64_t open;
};

/* One item, or all with NULL. */
static struct approving approve(struct bench *bench, const char *item)
{
	struct approving approving = { .approved = 99, .open = 99 };
	bool found[1];
	const struct machine_approval approval = {
		.items = &item,
		.items_count = item != NULL,
		.all = item == NULL,
		.reason = "because",
		.by = "op",
		.found = found,
		.approved_r = &approving.approved,
		.open_r = &approving.open,
	};

	approving.status = machine_approve(
		bench->machine, ANN, &approval, NULL, &bench->error);
	return approving;
}

static enum control_status prove(struct bench *bench, uint64_t epoch)
{
	struct machine_proof proof = { .messages = 1 };

	proof.frozen_at = bench_get(bench, ANN).frozen_at;
	return machine_prove(bench->machine, ANN, epoch, &proof, &bench->error);
}

static void test_put(void **state)
{
	struct bench *bench = bench_new("mem:");
	char *large = xmalloc(DOCUMENT_SIZE_MAX + 2);
	uint64_t epoch;

	(void)state;
	memset(large, 'x', DOCUMENT_SIZE_MAX + 1);
	large[DOCUMENT_SIZE_MAX + 1] = '\0';
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_COPYING);
	assert_int_equal(put(bench, epoch, "identity", "all kept"), CONTROL_OK);
	assert_string_equal(get(bench, "identity"), "all kept");
	assert_int_equal(put(bench, epoch, "identity", ""), CONTROL_OK);
	assert_string_equal(get(bench, "identity"), "none");
	/* what no worker may, what is too much, what is damaged */
	assert_int_equal(put(bench, epoch, "approvals", ONE), CONTROL_ERROR);
	assert_int_equal(put(bench, epoch, "diary", "x"), CONTROL_ERROR);
	assert_int_equal(put(bench, epoch, "shared", large), CONTROL_ERROR);
	assert_int_equal(put(bench, epoch, "refused", "item"), CONTROL_ERROR);
	assert_string_equal(get(bench, "refused"), "none");
	large[DOCUMENT_SIZE_MAX] = '\0';
	assert_int_equal(put(bench, epoch, "shared", large), CONTROL_OK);
	/* a stale worker */
	assert_int_equal(
		put(bench, epoch + 1, "shared", "x"), CONTROL_CONFLICT);
	bench_now += LEASE + 1;
	assert_int_equal(put(bench, epoch, "shared", "x"), CONTROL_CONFLICT);
	free(large);
	bench_free(&bench);
}

static void test_approve(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct approving approving;
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_COPYING);
	assert_int_equal(approve(bench, "one").status, CONTROL_CONFLICT);
	assert_int_equal(put(bench, epoch, "refused", ONE TWO KEY), CONTROL_OK);
	assert_int_equal(machine_release(bench->machine, ANN, epoch, 0,
				 "2 refused", &bench->error),
		CONTROL_OK);
	assert_true(bench_get(bench, ANN).due > bench_now);
	approving = approve(bench, "one");
	assert_int_equal(approving.status, CONTROL_OK);
	assert_int_equal(approving.approved, 1);
	assert_int_equal(approving.open, 1);
	assert_non_null(strstr(get(bench, "approvals"), "by=op"));
	assert_true(bench_get(bench, ANN).due > bench_now);
	approving = approve(bench, "one");
	assert_int_equal(approving.approved, 0);
	assert_int_equal(approve(bench, "three").status, CONTROL_CONFLICT);
	approving = approve(bench, NULL);
	assert_int_equal(approving.approved, 1);
	assert_int_equal(approving.open, 0);
	/* no reason to wait any longer */
	assert_true(bench_get(bench, ANN).due <= bench_now);
	assert_non_null(strstr(bench_history(bench, ANN), "approve approve "));
	bench_free(&bench);
}

/* What is not listed can be approved by nobody. */
static void test_more(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct approving approving;
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_COPYING);
	assert_int_equal(put(bench, epoch, "refused", ONE MORE), CONTROL_OK);
	approving = approve(bench, NULL);
	assert_int_equal(approving.approved, 1);
	assert_int_equal(approving.open, 1);
	approving = approve(bench, "more");
	assert_int_equal(approving.approved, 0);
	assert_int_equal(approving.open, 1);
	bench_free(&bench);
}

static void test_proof_waits(void **state)
{
	struct bench *bench = bench_new("mem:");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	assert_int_equal(put(bench, epoch, "refused", ONE KEY), CONTROL_OK);
	assert_int_equal(
		machine_store_front(bench->machine, ANN,
			bench_get(bench, ANN).frozen_at, ACCOUNT_FRONT_CLOSING,
			ACCOUNT_FRONT_CLOSED, "", &bench->error),
		1);
	bench->barrier = 1;
	assert_int_equal(prove(bench, epoch), CONTROL_CONFLICT);
	assert_non_null(strstr(bench->error.text, "rehome refused"));
	assert_false(bench_get(bench, ANN).proved);
	assert_int_equal(approve(bench, "one").status, CONTROL_OK);
	assert_int_equal(prove(bench, epoch), CONTROL_OK);
	assert_true(bench_get(bench, ANN).proved);
	bench_free(&bench);
}

/* A new move judges anew; the rest stays with the account until its end. */
static void test_forgets(void **state)
{
	struct bench *bench = bench_new("mem:");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_COPYING);
	assert_int_equal(put(bench, epoch, "refused", ONE), CONTROL_OK);
	assert_int_equal(put(bench, epoch, "shared", "x"), CONTROL_OK);
	assert_int_equal(approve(bench, NULL).status, CONTROL_OK);
	assert_int_equal(machine_operate(bench->machine, ANN, MACHINE_CANCEL,
				 false, NULL, "op", NULL, &bench->error),
		CONTROL_OK);
	assert_string_not_equal(get(bench, "approvals"), "none");
	bench_move(bench, ANN);
	assert_string_equal(get(bench, "refused"), "none");
	assert_string_equal(get(bench, "approvals"), "none");
	assert_string_equal(get(bench, "shared"), "x");
	bench_free(&bench);
}

/* A store that cannot tell lets nothing pass. */
static void test_store_fails(void **state)
{
	struct bench *bench = bench_new("fail:all:/nonexistent/switch");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_COPYING);
	assert_int_equal(put(bench, epoch, "refused", ONE), CONTROL_OK);
	bench_free(&bench);
	bench = bench_new("fail:all");
	assert_int_equal(put(bench, 1, "refused", ONE), CONTROL_ERROR);
	assert_int_equal(approve(bench, NULL).status, CONTROL_ERROR);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_approve),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_proof_waits),
		cmocka_unit_test(test_forgets),
		cmocka_unit_test(test_store_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
