/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts for the tests of what reads a store: made and changed directly,
 * without the machine. All of them end the test when the store does not do it.
 */
#ifndef REHOME_TESTS_ACCOUNTS_H
#define REHOME_TESTS_ACCOUNTS_H

#include "policyd/store.h"

/* Settled at "old", to go to "new"; alias may be NULL. */
void accounts_add(struct store *store, const char *address, const char *alias);
void accounts_remove(struct store *store, const char *address);
void accounts_remove_alias(struct store *store, const char *alias);
void accounts_systems(struct store *store, const char *address,
	const char *source, const char *destination);
void accounts_mail(
	struct store *store, const char *address, enum account_mail mail);
void accounts_set(struct store *store, const char *address,
	enum account_phase phase, enum account_home home);

/* The freeze and its ends, with what they do to the front. The freeze begins
 * at that instant. */
void accounts_freeze(struct store *store, const char *address, int64_t at);
void accounts_thaw(struct store *store, const char *address);
void accounts_flip(struct store *store, const char *address);
enum account_front accounts_front(struct store *store, const char *address);
/* A front_store_fn without history; the context is the store. */
int accounts_store_front(void *context, const char *address, int64_t frozen_at,
	enum account_front from, enum account_front to, const char *steps,
	struct error *error);
/* The steps that were stored for the account's freeze. */
void accounts_steps(struct store *store, const char *address,
	char steps_r[ACCOUNT_TEXT_SIZE]);

#endif
