/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes accounts in a store by hand. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"

static void accounts_fail(const char *what, const struct error *error)
{
	fprintf(stderr, "%s: %s\n", what, error->text);
	abort();
}

static struct store_txn *accounts_begin(struct store *store)
{
	struct store_txn *txn;
	struct error error;

	if (store_begin(store, &txn, &error) < 0)
		accounts_fail("begin", &error);
	return txn;
}

static void accounts_commit(struct store_txn *txn)
{
	struct error error;

	if (store_commit(&txn, &error) != STORE_DONE)
		accounts_fail("commit", &error);
}

/* Begins a change of the account. */
static struct store_txn *accounts_get(
	struct store *store, const char *address, struct account *account_r)
{
	struct store_txn *txn = accounts_begin(store);
	struct error error = { "not there" };

	if (store_txn_get_account(txn, address, account_r, &error) != 1)
		accounts_fail(address, &error);
	return txn;
}

static void accounts_put(struct store_txn *txn, struct account *account)
{
	struct error error;

	if (store_txn_put_account(txn, account, &error) < 0)
		accounts_fail(account->address, &error);
	accounts_commit(txn);
	account_clear(account);
}

void accounts_add(struct store *store, const char *address, const char *alias)
{
	struct store_txn *txn = accounts_begin(store);
	struct account account;
	struct error error;

	account_init(&account);
	snprintf(account.address, sizeof(account.address), "%s", address);
	strcpy(account.source, "old");
	strcpy(account.destination, "new");
	if (alias != NULL &&
		store_txn_put_alias(txn, alias, address, &error) < 0)
		accounts_fail(alias, &error);
	accounts_put(txn, &account);
}

void accounts_remove(struct store *store, const char *address)
{
	struct store_txn *txn = accounts_begin(store);
	struct error error;

	if (store_txn_delete_account(txn, address, &error) < 0)
		accounts_fail(address, &error);
	accounts_commit(txn);
}

void accounts_remove_alias(struct store *store, const char *alias)
{
	struct store_txn *txn = accounts_begin(store);
	struct error error;

	if (store_txn_delete_alias(txn, alias, &error) < 0)
		accounts_fail(alias, &error);
	accounts_commit(txn);
}

void accounts_systems(struct store *store, const char *address,
	const char *source, const char *destination)
{
	struct account account;
	struct store_txn *txn = accounts_get(store, address, &account);

	snprintf(account.source, sizeof(account.source), "%s", source);
	snprintf(account.destination, sizeof(account.destination), "%s",
		destination);
	accounts_put(txn, &account);
}

void accounts_mail(
	struct store *store, const char *address, enum account_mail mail)
{
	struct account account;
	struct store_txn *txn = accounts_get(store, address, &account);

	account.mail = mail;
	accounts_put(txn, &account);
}

void accounts_set(struct store *store, const char *address,
	enum account_phase phase, enum account_home home)
{
	struct account account;
	struct store_txn *txn = accounts_get(store, address, &account);

	account.phase = phase;
	account.home = home;
	accounts_put(txn, &account);
}

void accounts_freeze(struct store *store, const char *address, int64_t at)
{
	struct account account;
	struct store_txn *txn = accounts_get(store, address, &account);

	account.phase = ACCOUNT_FROZEN;
	account.front = ACCOUNT_FRONT_CLOSING;
	account.frozen_at = at;
	account.freeze_steps[0] = '\0';
	accounts_put(txn, &account);
}

void accounts_thaw(struct store *store, const char *address)
{
	struct account account;
	struct store_txn *txn = accounts_get(store, address, &account);

	account.phase = ACCOUNT_COPYING;
	account.front = ACCOUNT_FRONT_OPENING;
	accounts_put(txn, &account);
}

void accounts_flip(struct store *store, const char *address)
{
	struct account account;
	struct store_txn *txn = accounts_get(store, address, &account);

	account.phase = ACCOUNT_SWEEPING;
	account.front = ACCOUNT_FRONT_OPENING;
	account.home = !account.home;
	accounts_put(txn, &account);
}

enum account_front accounts_front(struct store *store, const char *address)
{
	struct error error = { "not there" };
	enum account_front front;
	struct account account;

	if (store_get_account(store, address, &account, &error) != 1)
		accounts_fail(address, &error);
	front = account.front;
	account_clear(&account);
	return front;
}

void accounts_steps(struct store *store, const char *address,
	char steps_r[ACCOUNT_TEXT_SIZE])
{
	struct error error = { "not there" };
	struct account account;

	if (store_get_account(store, address, &account, &error) != 1)
		accounts_fail(address, &error);
	memcpy(steps_r, account.freeze_steps, ACCOUNT_TEXT_SIZE);
	account_clear(&account);
}

int accounts_store_front(void *context, const char *address, int64_t frozen_at,
	enum account_front from, enum account_front to, const char *steps,
	struct error *error)
{
	size_t used;
	struct account account;
	struct store_txn *txn = accounts_get(context, address, &account);

	(void)error;
	if (account.front != from || account.frozen_at != frozen_at) {
		account_clear(&account);
		store_abort(&txn);
		return 0;
	}
	used = strlen(account.freeze_steps);
	snprintf(account.freeze_steps + used,
		sizeof(account.freeze_steps) - used, "%s%s",
		used > 0 ? " " : "", steps);
	account.front = to;
	accounts_put(txn, &account);
	return 1;
}
