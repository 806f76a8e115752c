/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cross-check: each record reads back, each index holds the entries that
 * its records make and no others, nothing belongs to an account that is not
 * there, and the counts are what is counted. What an engine can check of its
 * own pages it has checked before.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "policyd/store_record.h"
#include "policyd/store_tables.h"

struct tables_check {
	struct tables *tables;
	struct attr_parser *parser;
	struct store_counts counts;
	uint64_t expected[STORE_TABLES]; /* entries of the indexes */
};

/* 0 right, 1 damaged, -1 could not tell. */
typedef int tables_check_fn(struct tables_check *check, struct store_bytes key,
	struct store_bytes value, struct error *error);

static const struct store_bytes tables_no_bytes = { NULL, 0 };

/* An index must have that entry, with that value. */
static int tables_check_entry(struct tables_check *check,
	enum store_table index, struct store_bytes key,
	struct store_bytes value, struct error *error)
{
	struct buffer present = BUFFER_EMPTY;
	int result = tables_read(check->tables, index, key, &present, error);
	bool same = result > 0 &&
		    store_bytes_compare(value, store_bytes_of(&present)) == 0;

	buffer_free(&present);
	if (result < 0)
		return -1;
	check->expected[index]++;
	if (same)
		return 0;
	error_set(error, "%s index %s",
		result > 0 ? "wrong entry in" : "no entry in",
		store_table_name(index));
	return 1;
}

/* The account that something belongs to must be there. */
static int tables_check_owner(struct tables_check *check,
	struct store_bytes address, struct error *error)
{
	struct buffer value = BUFFER_EMPTY;
	int result = tables_read(
		check->tables, STORE_ACCOUNTS, address, &value, error);

	buffer_free(&value);
	if (result == 0)
		error_set(error, "there is no account %.*s", (int)address.size,
			(const char *)address.data);
	return result < 0 ? -1 : result == 0;
}

static int tables_check_index(struct tables_check *check,
	enum store_table index, const struct account *account,
	struct error *error)
{
	struct buffer key = BUFFER_EMPTY, value = BUFFER_EMPTY;
	int result = 0;

	if (store_record_index(index, account, &key, &value))
		result = tables_check_entry(check, index, store_bytes_of(&key),
			store_bytes_of(&value), error);
	buffer_free(&key);
	buffer_free(&value);
	return result;
}

static int tables_check_account(struct tables_check *check,
	struct store_bytes key, struct store_bytes value, struct error *error)
{
	static const enum store_table indexes[] = { STORE_BY_PHASE,
		STORE_BY_DUE, STORE_BY_BATCH, STORE_BY_FRONT };
	struct account account;
	int result = 0;

	if (store_record_get_account(key, value, &account, error) < 0)
		return 1;
	store_record_count(&account, false, &check->counts);
	for (size_t i = 0; i < 4 && result == 0; i++)
		result = tables_check_index(check, indexes[i], &account, error);
	account_clear(&account);
	return result;
}

static int tables_check_alias(struct tables_check *check,
	struct store_bytes key, struct store_bytes value, struct error *error)
{
	struct buffer entry = BUFFER_EMPTY;
	char address[ADDRESS_SIZE];
	int result;

	if (store_record_get_alias(value, address, error) < 0)
		return 1;
	check->counts.aliases++;
	store_record_text_prefix(address, &entry);
	buffer_add(&entry, key.data, key.size);
	result = tables_check_entry(check, STORE_ALIASES_BY_ACCOUNT,
		store_bytes_of(&entry), tables_no_bytes, error);
	buffer_free(&entry);
	if (result != 0)
		return result;
	return tables_check_owner(
		check, (struct store_bytes){ address, strlen(address) }, error);
}

static int tables_check_lease(struct tables_check *check,
	struct store_bytes key, struct store_bytes value, struct error *error)
{
	struct store_lease lease;

	if (store_record_get_lease(key, value, &lease, error) < 0)
		return 1;
	return tables_check_owner(check, key, error);
}

static int tables_check_bound(struct tables_check *check,
	struct store_bytes key, struct store_bytes value, struct error *error)
{
	struct buffer name = BUFFER_EMPTY;
	struct store_bytes address, folder;
	struct store_bound bound;
	int result;

	if (!store_record_split(key, &address, &folder)) {
		error_set(error, "damaged: no folder in the key");
		return 1;
	}
	result = store_record_get_bound(folder, value, &name, &bound, error);
	buffer_free(&name);
	if (result < 0)
		return 1;
	return tables_check_owner(check, address, error);
}

static int tables_check_document(struct tables_check *check,
	struct store_bytes key, struct store_bytes value, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	struct store_bytes address, name;
	int64_t at;
	int result;

	if (!store_record_split(key, &address, &name) || name.size == 0) {
		error_set(error, "damaged: no name in the key");
		return 1;
	}
	result = store_record_get_document(value, &at, &text, error);
	buffer_free(&text);
	if (result < 0)
		return 1;
	return tables_check_owner(check, address, error);
}

static int tables_check_audit(struct tables_check *check,
	struct store_bytes key, struct store_bytes value, struct error *error)
{
	struct buffer entry = BUFFER_EMPTY;
	struct store_audit line;
	int result;

	if (store_record_get_audit(key, value, check->parser, &line, error) < 0)
		return 1;
	store_record_text_prefix(line.address, &entry);
	buffer_add(&entry, key.data, key.size);
	result = tables_check_entry(check, STORE_AUDIT_BY_ACCOUNT,
		store_bytes_of(&entry), tables_no_bytes, error);
	buffer_free(&entry);
	return result;
}

static int tables_check_table(struct tables_check *check,
	enum store_table table, tables_check_fn *function, struct error *error)
{
	struct store_bytes key, value;
	struct tables_walk walk;
	int result;

	tables_walk_init(
		&walk, check->tables, table, tables_no_bytes, tables_no_bytes);
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0) {
		result = function(check, key, value, error);
		if (result != 0) {
			error_prefix(error, "%s: record %.*s",
				store_table_name(table), (int)key.size,
				(const char *)key.data);
			break;
		}
	}
	tables_walk_free(&walk);
	return result;
}

/* All entries that should be there are, so only their number is left to see. */
static int tables_check_number(
	struct tables_check *check, enum store_table index, struct error *error)
{
	struct store_bytes key, value;
	struct tables_walk walk;
	uint64_t number = 0;
	int result;

	tables_walk_init(
		&walk, check->tables, index, tables_no_bytes, tables_no_bytes);
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0)
		number++;
	tables_walk_free(&walk);
	if (result < 0 || number == check->expected[index])
		return result;
	error_set(error,
		"index %s: %" PRIu64 " entries where %" PRIu64
		" belong to a record",
		store_table_name(index), number, check->expected[index]);
	return 1;
}

static int tables_check_counts(
	const struct tables_check *check, struct error *error)
{
	if (memcmp(&check->counts, &check->tables->counts,
		    sizeof(check->counts)) == 0)
		return 0;
	error_set(error, "the counts are not what is there");
	return 1;
}

static int tables_check_run(struct tables_check *check, struct error *error)
{
	static tables_check_fn *const functions[STORE_TABLES] = {
		[STORE_ACCOUNTS] = tables_check_account,
		[STORE_ALIASES] = tables_check_alias,
		[STORE_LEASES] = tables_check_lease,
		[STORE_BOUNDS] = tables_check_bound,
		[STORE_DOCUMENTS] = tables_check_document,
		[STORE_AUDIT] = tables_check_audit,
	};
	int result = 0;

	for (int table = 0; table < STORE_TABLES && result == 0; table++)
		if (functions[table] != NULL)
			result = tables_check_table(
				check, table, functions[table], error);
	for (int table = 0; table < STORE_META && result == 0; table++)
		if (functions[table] == NULL)
			result = tables_check_number(check, table, error);
	return result != 0 ? result : tables_check_counts(check, error);
}

int tables_check(struct store *store, struct error *error)
{
	struct tables_check check = {
		.tables = (struct tables *)store,
		.parser = attr_parser_new(ATTR_CONTROL),
	};
	int result = tables_check_run(&check, error);

	attr_parser_free(&check.parser);
	if (result != 0)
		error_prefix(
			error, "verify store %s", check.tables->engine->name);
	return result;
}
