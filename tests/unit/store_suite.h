/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The suite of the store: its state is the backend that it runs against, with a
 * store that is new for each test.
 */
#ifndef REHOME_TEST_STORE_SUITE_H
#define REHOME_TEST_STORE_SUITE_H

#include <stdbool.h>

#include "policyd/store.h"

/* A backend, and the store of the test that runs. */
struct subject {
	const char *name;
	const char *form; /* of the URI; %s is a scratch directory */
	bool checks;	  /* its tables can be cross-checked */
	char *directory;
	char *uri;
	struct store *store;
};

struct store *subject_store(void **state);

/* Tests, in the other files of the suite. */
void test_documents(void **state);
void test_notes(void **state);
void test_large_document(void **state);
void test_filters(void **state);
void test_long_scans(void **state);
void test_large_transaction(void **state);
void test_threads(void **state);

#endif
