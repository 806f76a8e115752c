/* SPDX-License-Identifier: BSD-2-Clause */
/* The suite of the store: documents of accounts, and notes of none. */
#include "config.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/store_suite.h"

static bool see_document(const struct store_document *document, void *context)
{
	buffer_printf(context, "%s:%d:%s ", document->name, (int)document->at,
		document->text);
	return true;
}

static void documents_of(
	struct store *store, const char *address, struct buffer *text_r)
{
	buffer_clear(text_r);
	buffer_add_text(text_r, "");
	assert_int_equal(store_scan_documents(
				 store, address, see_document, text_r, NULL),
		0);
}

static void put_document(struct store *store, const char *address,
	const char *name, int64_t at, const char *put)
{
	const struct store_document document = { name, at, put };
	struct store_txn *txn = fixture_begin(store);

	assert_int_equal(
		store_txn_put_document(txn, address, &document, NULL), 0);
	fixture_commit(txn);
}

void test_documents(void **state)
{
	struct store *store = subject_store(state);
	const struct store_document lost = { "refused", 9, "nobody's" };
	struct buffer text = BUFFER_EMPTY, own = BUFFER_EMPTY;
	struct store_txn *txn;
	int64_t at;

	fixture_add(store, "ann@example.org");
	fixture_add(store, "ann@example.org.uk");
	put_document(store, "ann@example.org", "refused", 1, "line\nline\\\n");
	put_document(store, "ann@example.org", "approvals", 2, "x");
	put_document(store, "ann@example.org.uk", "refused", 3, "y");
	documents_of(store, "ann@example.org", &text);
	assert_string_equal(
		text.data, "approvals:2:x refused:1:line\nline\\\n ");
	put_document(store, "ann@example.org", "approvals", 4, "second");
	assert_int_equal(store_get_document(store, "ann@example.org",
				 "approvals", &at, &own, NULL),
		1);
	assert_string_equal(own.data, "second");
	assert_int_equal(at, 4);
	assert_int_equal(store_get_document(store, "ann@example.org", "shared",
				 NULL, &own, NULL),
		0);
	/* gone with an empty text, and with the account */
	put_document(store, "ann@example.org", "approvals", 5, "");
	put_document(store, "ann@example.org", "shared", 5, NULL);
	documents_of(store, "ann@example.org", &text);
	assert_string_equal(text.data, "refused:1:line\nline\\\n ");
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_delete_account(txn, "ann@example.org", NULL), 0);
	buffer_clear(&own);
	assert_int_equal(store_txn_get_document(
				 txn, "ann@example.org", "refused", &own, NULL),
		0);
	fixture_commit(txn);
	documents_of(store, "ann@example.org", &text);
	assert_string_equal(text.data, "");
	documents_of(store, "ann@example.org.uk", &text);
	assert_string_equal(text.data, "refused:3:y ");
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_put_document(txn, "ann@example.org", &lost, NULL), 0);
	assert_int_equal(store_commit(&txn, NULL), STORE_FAILED);
	buffer_free(&text);
	buffer_free(&own);
}

static void put_note(struct store *store, const char *name, const char *text)
{
	struct store_txn *txn = fixture_begin(store);

	assert_int_equal(store_txn_put_note(txn, name, text, NULL), 0);
	fixture_commit(txn);
}

void test_notes(void **state)
{
	struct store *store = subject_store(state);
	struct buffer text = BUFFER_EMPTY;

	assert_int_equal(store_get_note(store, "one", &text, NULL), 0);
	put_note(store, "one", "first\nline");
	put_note(store, "one.more", "another");
	assert_int_equal(store_get_note(store, "one", &text, NULL), 1);
	assert_string_equal(text.data, "first\nline");
	put_note(store, "one", "second");
	buffer_clear(&text);
	assert_int_equal(store_get_note(store, "one", &text, NULL), 1);
	assert_string_equal(text.data, "second");
	put_note(store, "one", "");
	assert_int_equal(store_get_note(store, "one", &text, NULL), 0);
	assert_int_equal(store_get_note(store, "one.more", &text, NULL), 1);
	buffer_free(&text);
}

/* As large as they may be: many pages. */
void test_large_document(void **state)
{
	struct store *store = subject_store(state);
	struct buffer text = BUFFER_EMPTY;
	char *large = xmalloc((480u << 10) + 1);

	memset(large, 'x', 480u << 10);
	large[480u << 10] = '\0';
	fixture_add(store, "ann@example.org");
	for (int i = 0; i < 3; i++)
		put_document(store, "ann@example.org", "shared", i, large);
	assert_int_equal(store_get_document(store, "ann@example.org", "shared",
				 NULL, &text, NULL),
		1);
	assert_string_equal(text.data, large);
	put_document(store, "ann@example.org", "shared", 4, "small");
	buffer_clear(&text);
	assert_int_equal(store_get_document(store, "ann@example.org", "shared",
				 NULL, &text, NULL),
		1);
	assert_string_equal(text.data, "small");
	buffer_free(&text);
	free(large);
}
