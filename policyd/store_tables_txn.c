/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a transaction over an engine reads and writes: records, and the index
 * entries and counts that follow from them, all in its write set.
 */
#include "config.h"

#include <string.h>

#include "policyd/store_record.h"
#include "policyd/store_tables.h"

static const enum store_table tables_indexes[] = {
	STORE_BY_PHASE,
	STORE_BY_DUE,
	STORE_BY_BATCH,
	STORE_BY_FRONT,
};

static struct store_bytes tables_key(const char *text)
{
	return (struct store_bytes){ text, strlen(text) };
}

/* Every call on a transaction ends here: after a failure nothing of it may be
 * stored. */
static int tables_txn_end(struct tables_txn *txn, int result,
	const struct error *failure, struct error *error)
{
	if (result >= 0)
		return result;
	if (!txn->doomed)
		txn->doom = *failure;
	txn->doomed = true;
	error_set(error, "%s", failure->text);
	return -1;
}

/* ---- gets ---- */

static int tables_txn_read_account(struct tables_txn *txn, const char *address,
	struct account *account_r, struct error *error)
{
	struct store_bytes key = tables_key(address);
	struct store_bytes value;
	int result = store_writes_get(
		&txn->writes, STORE_ACCOUNTS, key, &value, error);

	if (result > 0 &&
		store_record_get_account(key, value, account_r, error) < 0)
		result = -1;
	if (result < 0)
		error_prefix(error, "read account %s", address);
	return result;
}

int tables_txn_get_account(struct store_txn *base, const char *address,
	struct account *account_r, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct error failure;
	int result = tables_txn_read_account(txn, address, account_r, &failure);

	return tables_txn_end(txn, result, &failure, error);
}

int tables_txn_get_alias(struct store_txn *base, const char *alias,
	char *address_r, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct store_bytes value;
	struct error failure;
	int result = store_writes_get(&txn->writes, STORE_ALIASES,
		tables_key(alias), &value, &failure);

	if (result > 0 &&
		store_record_get_alias(value, address_r, &failure) < 0)
		result = -1;
	if (result < 0)
		error_prefix(&failure, "read alias %s", alias);
	return tables_txn_end(txn, result, &failure, error);
}

int tables_txn_get_lease(struct store_txn *base, const char *address,
	struct store_lease *lease_r, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct store_bytes key = tables_key(address);
	struct store_bytes value;
	struct error failure;
	int result = store_writes_get(
		&txn->writes, STORE_LEASES, key, &value, &failure);

	if (result > 0 &&
		store_record_get_lease(key, value, lease_r, &failure) < 0)
		result = -1;
	if (result < 0)
		error_prefix(&failure, "read lease of %s", address);
	return tables_txn_end(txn, result, &failure, error);
}

/* ---- accounts and their indexes ---- */

/* Moves the account's entry in an index from where it stood (before, or NULL)
 * to where it stands now (after, or NULL). */
static int tables_txn_index(struct tables_txn *txn, enum store_table index,
	const struct account *before, const struct account *after,
	struct error *error)
{
	struct buffer old_key = BUFFER_EMPTY, old_value = BUFFER_EMPTY;
	struct buffer key = BUFFER_EMPTY, value = BUFFER_EMPTY;
	bool was = before != NULL &&
		   store_record_index(index, before, &old_key, &old_value);
	bool is =
		after != NULL && store_record_index(index, after, &key, &value);
	bool same_key = was && is &&
			store_bytes_compare(store_bytes_of(&old_key),
				store_bytes_of(&key)) == 0;
	bool same_value = store_bytes_compare(store_bytes_of(&old_value),
				  store_bytes_of(&value)) == 0;
	int result = 0;

	if (was && !same_key)
		result = store_writes_remove(
			&txn->writes, index, store_bytes_of(&old_key), error);
	if (result == 0 && is && !(same_key && same_value))
		result = store_writes_put(&txn->writes, index,
			store_bytes_of(&key), store_bytes_of(&value), error);
	buffer_free(&old_key);
	buffer_free(&old_value);
	buffer_free(&key);
	buffer_free(&value);
	return result;
}

static int tables_txn_index_all(struct tables_txn *txn,
	const struct account *before, const struct account *after,
	struct error *error)
{
	size_t count = sizeof(tables_indexes) / sizeof(tables_indexes[0]);

	for (size_t i = 0; i < count; i++)
		if (tables_txn_index(
			    txn, tables_indexes[i], before, after, error) < 0)
			return -1;
	if (before != NULL)
		store_record_count(before, true, &txn->counts);
	if (after != NULL)
		store_record_count(after, false, &txn->counts);
	return 0;
}

static int tables_txn_write_account(struct tables_txn *txn,
	const struct account *account, struct error *error)
{
	struct buffer value = BUFFER_EMPTY;
	struct account before;
	struct account after = *account; /* shares what account owns */
	int existed, result;

	if (account->address[0] == '\0') {
		error_set(error, "put account: it has no address");
		return -1;
	}
	existed =
		tables_txn_read_account(txn, account->address, &before, error);
	if (existed < 0)
		return -1;
	after.revision = existed > 0 ? before.revision + 1 : 1;
	store_record_put_account(&after, &value);
	result = store_writes_put(&txn->writes, STORE_ACCOUNTS,
		tables_key(account->address), store_bytes_of(&value), error);
	if (result == 0)
		result = tables_txn_index_all(
			txn, existed > 0 ? &before : NULL, &after, error);
	if (existed > 0)
		account_clear(&before);
	buffer_free(&value);
	return result;
}

int tables_txn_put_account(struct store_txn *base,
	const struct account *account, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct error failure;
	int result = tables_txn_write_account(txn, account, &failure);

	return tables_txn_end(txn, result, &failure, error);
}

/* ---- aliases ---- */

static int tables_txn_index_alias(struct tables_txn *txn, const char *alias,
	const char *address, bool remove, struct error *error)
{
	struct store_bytes none = { NULL, 0 };
	struct buffer key = BUFFER_EMPTY;
	int result;

	store_record_text_prefix(address, &key);
	buffer_add_text(&key, alias);
	result = remove ? store_writes_remove(&txn->writes,
				  STORE_ALIASES_BY_ACCOUNT,
				  store_bytes_of(&key), error)
			: store_writes_put(&txn->writes,
				  STORE_ALIASES_BY_ACCOUNT,
				  store_bytes_of(&key), none, error);
	buffer_free(&key);
	return result;
}

/* Address NULL removes the alias. */
static int tables_txn_write_alias(struct tables_txn *txn, const char *alias,
	const char *address, struct error *error)
{
	struct store_bytes key = tables_key(alias);
	struct buffer value = BUFFER_EMPTY;
	struct store_bytes former;
	char target[ADDRESS_SIZE];
	int result;
	int existed = store_writes_get(
		&txn->writes, STORE_ALIASES, key, &former, error);

	if (existed < 0 || (existed > 0 && store_record_get_alias(
						   former, target, error) < 0))
		return -1;
	if (existed > 0 &&
		tables_txn_index_alias(txn, alias, target, true, error) < 0)
		return -1;
	txn->counts.aliases += (uint64_t)(address != NULL) - (uint64_t)existed;
	if (address == NULL)
		return store_writes_remove(
			&txn->writes, STORE_ALIASES, key, error);
	store_record_put_alias(address, &value);
	result = store_writes_put(&txn->writes, STORE_ALIASES, key,
		store_bytes_of(&value), error);
	buffer_free(&value);
	if (result < 0)
		return -1;
	return tables_txn_index_alias(txn, alias, address, false, error);
}

int tables_txn_put_alias(struct store_txn *base, const char *alias,
	const char *address, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct error failure;
	int result = tables_txn_write_alias(txn, alias, address, &failure);

	if (result < 0)
		error_prefix(&failure, "put alias %s", alias);
	return tables_txn_end(txn, result, &failure, error);
}

int tables_txn_delete_alias(
	struct store_txn *base, const char *alias, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct error failure;
	int result = tables_txn_write_alias(txn, alias, NULL, &failure);

	if (result < 0)
		error_prefix(&failure, "delete alias %s", alias);
	return tables_txn_end(txn, result, &failure, error);
}

/* ---- leases and bounds ---- */

int tables_txn_put_lease(struct store_txn *base,
	const struct store_lease *lease, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct buffer value = BUFFER_EMPTY;
	struct error failure;
	int result;

	store_record_put_lease(lease, &value);
	result = store_writes_put(&txn->writes, STORE_LEASES,
		tables_key(lease->address), store_bytes_of(&value), &failure);
	buffer_free(&value);
	if (result < 0)
		error_prefix(&failure, "put lease of %s", lease->address);
	return tables_txn_end(txn, result, &failure, error);
}

int tables_txn_delete_lease(
	struct store_txn *base, const char *address, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct error failure;
	int result = store_writes_remove(
		&txn->writes, STORE_LEASES, tables_key(address), &failure);

	if (result < 0)
		error_prefix(&failure, "delete lease of %s", address);
	return tables_txn_end(txn, result, &failure, error);
}

/* All records of a table whose keys begin with the address. */
static int tables_txn_remove_all(struct tables_txn *txn, enum store_table table,
	const char *address, struct error *error)
{
	struct store_page keys = STORE_PAGE_EMPTY;
	struct buffer prefix = BUFFER_EMPTY;
	int result;

	store_record_text_prefix(address, &prefix);
	result = store_writes_keys(
		&txn->writes, table, store_bytes_of(&prefix), &keys, error);
	for (size_t i = 0; result == 0 && i < keys.count; i++)
		result = store_writes_remove(
			&txn->writes, table, store_page_key(&keys, i), error);
	store_page_free(&keys);
	buffer_free(&prefix);
	return result;
}

static int tables_txn_write_bound(struct tables_txn *txn, const char *address,
	const struct store_bound *bound, struct error *error)
{
	struct buffer key = BUFFER_EMPTY, value = BUFFER_EMPTY;
	int result;

	store_record_text_prefix(address, &key);
	buffer_add_text(&key, bound->folder);
	store_record_put_bound(bound, &value);
	result = store_writes_put(&txn->writes, STORE_BOUNDS,
		store_bytes_of(&key), store_bytes_of(&value), error);
	buffer_free(&key);
	buffer_free(&value);
	return result;
}

int tables_txn_put_bounds(struct store_txn *base, const char *address,
	const struct store_bound *bounds, size_t count, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct error failure;
	int result =
		tables_txn_remove_all(txn, STORE_BOUNDS, address, &failure);

	for (size_t i = 0; result == 0 && i < count; i++)
		result = tables_txn_write_bound(
			txn, address, &bounds[i], &failure);
	if (result < 0)
		error_prefix(&failure, "put bounds of %s", address);
	return tables_txn_end(txn, result, &failure, error);
}

/* ---- documents ---- */

int tables_txn_get_document(struct store_txn *base, const char *address,
	const char *name, struct buffer *text, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct buffer key = BUFFER_EMPTY;
	struct store_bytes value;
	struct error failure;
	int64_t at;
	int result;

	tables_document_key(address, name, &key);
	result = store_writes_get(&txn->writes, STORE_DOCUMENTS,
		store_bytes_of(&key), &value, &failure);
	if (result > 0 &&
		store_record_get_document(value, &at, text, &failure) < 0)
		result = -1;
	buffer_free(&key);
	if (result < 0)
		error_prefix(&failure, "read document %s of %s", name, address);
	return tables_txn_end(txn, result, &failure, error);
}

int tables_txn_put_document(struct store_txn *base, const char *address,
	const struct store_document *document, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct buffer key = BUFFER_EMPTY, value = BUFFER_EMPTY;
	struct error failure;
	int result;

	tables_document_key(address, document->name, &key);
	if (document->text == NULL || document->text[0] == '\0') {
		result = store_writes_remove(&txn->writes, STORE_DOCUMENTS,
			store_bytes_of(&key), &failure);
	} else {
		store_record_put_document(document, &value);
		result = store_writes_put(&txn->writes, STORE_DOCUMENTS,
			store_bytes_of(&key), store_bytes_of(&value), &failure);
	}
	buffer_free(&key);
	buffer_free(&value);
	if (result < 0)
		error_prefix(&failure, "put document %s of %s", document->name,
			address);
	return tables_txn_end(txn, result, &failure, error);
}

/* ---- notes ---- */

int tables_txn_put_note(struct store_txn *base, const char *name,
	const char *text, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct buffer key = BUFFER_EMPTY;
	struct error failure;
	int result;

	tables_note_key(name, &key);
	if (text[0] == '\0')
		result = store_writes_remove(&txn->writes, STORE_META,
			store_bytes_of(&key), &failure);
	else
		result = store_writes_put(&txn->writes, STORE_META,
			store_bytes_of(&key), tables_key(text), &failure);
	buffer_free(&key);
	if (result < 0)
		error_prefix(&failure, "put note %s", name);
	return tables_txn_end(txn, result, &failure, error);
}

/* ---- the end of an account ---- */

static int tables_txn_remove_aliases(
	struct tables_txn *txn, const char *address, struct error *error)
{
	struct store_page keys = STORE_PAGE_EMPTY;
	struct buffer prefix = BUFFER_EMPTY;
	char alias[ADDRESS_SIZE];
	int result;

	store_record_text_prefix(address, &prefix);
	result = store_writes_keys(&txn->writes, STORE_ALIASES_BY_ACCOUNT,
		store_bytes_of(&prefix), &keys, error);
	for (size_t i = 0; result == 0 && i < keys.count; i++) {
		struct store_bytes key = store_page_key(&keys, i);
		struct store_bytes rest = { (const char *)key.data +
						    prefix.size,
			key.size - prefix.size };

		result = store_record_address(rest, alias, error);
		if (result == 0)
			result =
				tables_txn_write_alias(txn, alias, NULL, error);
	}
	store_page_free(&keys);
	buffer_free(&prefix);
	return result;
}

static int tables_txn_remove_account(
	struct tables_txn *txn, const char *address, struct error *error)
{
	struct store_bytes key = tables_key(address);
	struct account before;
	int result = tables_txn_read_account(txn, address, &before, error);

	if (result <= 0)
		return result;
	result = tables_txn_index_all(txn, &before, NULL, error);
	account_clear(&before);
	if (result < 0 || tables_txn_remove_aliases(txn, address, error) < 0 ||
		tables_txn_remove_all(txn, STORE_BOUNDS, address, error) < 0 ||
		tables_txn_remove_all(txn, STORE_DOCUMENTS, address, error) <
			0 ||
		store_writes_remove(&txn->writes, STORE_LEASES, key, error) < 0)
		return -1;
	return store_writes_remove(&txn->writes, STORE_ACCOUNTS, key, error);
}

int tables_txn_delete_account(
	struct store_txn *base, const char *address, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct error failure;
	int result = tables_txn_remove_account(txn, address, &failure);

	if (result < 0)
		error_prefix(&failure, "delete account %s", address);
	return tables_txn_end(txn, result, &failure, error);
}

/* ---- audit ---- */

int tables_txn_add_audit(struct store_txn *base, int64_t at,
	const char *address, const struct attr_list *detail,
	struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct store_bytes none = { NULL, 0 };
	struct buffer key = BUFFER_EMPTY, value = BUFFER_EMPTY;
	struct buffer by_account = BUFFER_EMPTY;
	struct error failure;
	int result;

	store_record_put_serial(++txn->serial, &key);
	store_record_put_audit(at, address, detail, &value);
	store_record_text_prefix(address, &by_account);
	buffer_add(&by_account, key.data, key.size);
	result = store_writes_put(&txn->writes, STORE_AUDIT,
		store_bytes_of(&key), store_bytes_of(&value), &failure);
	if (result == 0)
		result = store_writes_put(&txn->writes, STORE_AUDIT_BY_ACCOUNT,
			store_bytes_of(&by_account), none, &failure);
	buffer_free(&key);
	buffer_free(&value);
	buffer_free(&by_account);
	if (result < 0)
		error_prefix(&failure, "add audit line of %s", address);
	return tables_txn_end(txn, result, &failure, error);
}
