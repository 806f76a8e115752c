/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans over an engine. Records are read a page at a time and nothing is held
 * while the callback runs, so that it may call the store, and may take its
 * time. Through an index a scan reads keys and then each account by itself:
 * the account is looked at again, since it may have changed meanwhile.
 */
#include "config.h"

#include <string.h>

#include "policyd/store_record.h"
#include "policyd/store_tables.h"

static const struct store_bytes tables_no_bytes = { NULL, 0 };

/* ---- accounts ---- */

struct tables_scan {
	struct tables *tables;
	const struct store_filter *filter;
	enum store_table table; /* STORE_ACCOUNTS or the index that leads */
	struct buffer prefix;	/* of the index's keys */
	struct buffer from;
	store_account_fn *callback;
	void *context;
};

static bool tables_filter_passes(
	const struct store_filter *filter, const struct account *account)
{
	if (filter->by_phase && account->phase != filter->phase)
		return false;
	if (filter->due_before != 0 && account->due > filter->due_before)
		return false;
	if (filter->batch != NULL && strcmp(account->batch, filter->batch) != 0)
		return false;
	if (filter->after != NULL &&
		strcmp(account->address, filter->after) <= 0)
		return false;
	return !filter->front_busy || account->front != ACCOUNT_FRONT_OPEN ||
	       account_is_frozen(account);
}

/* The index that leads to the fewest accounts, in the order that is asked. */
static void tables_scan_choose(struct tables_scan *scan)
{
	const struct store_filter *filter = scan->filter;

	if (filter->by_phase && filter->due_before != 0) {
		scan->table = STORE_BY_DUE;
		store_record_phase_prefix(filter->phase, &scan->prefix);
	} else if (filter->front_busy) {
		scan->table = STORE_BY_FRONT;
	} else if (filter->batch != NULL && filter->batch[0] != '\0') {
		scan->table = STORE_BY_BATCH;
		store_record_text_prefix(filter->batch, &scan->prefix);
	} else if (filter->by_phase) {
		scan->table = STORE_BY_PHASE;
		store_record_phase_prefix(filter->phase, &scan->prefix);
	} else {
		scan->table = STORE_ACCOUNTS;
	}
	buffer_add(&scan->from, scan->prefix.data, scan->prefix.size);
	if (filter->after != NULL && scan->table != STORE_BY_DUE)
		buffer_add(
			&scan->from, filter->after, strlen(filter->after) + 1);
}

/*
 * The account that a record of the leading table is or leads to. 1, 0 when it
 * is not there any more, 2 when nothing behind it can match, -1.
 */
static int tables_scan_account(struct tables_scan *scan, struct store_bytes key,
	struct store_bytes value, struct account *account_r,
	struct error *error)
{
	struct store_bytes address = { (const char *)key.data +
					       scan->prefix.size,
		key.size - scan->prefix.size };
	int64_t due;

	if (scan->table == STORE_ACCOUNTS)
		return store_record_get_account(key, value, account_r, error) <
				       0
			       ? -1
			       : 1;
	if (scan->table == STORE_BY_DUE) {
		if (!store_record_get_due(key, &due, &address)) {
			error_set(error, "index %s: damaged key",
				store_table_name(scan->table));
			return -1;
		}
		if (due > scan->filter->due_before)
			return 2;
	}
	return tables_read_account(scan->tables, address, account_r, error);
}

static int tables_scan_run(
	struct tables_scan *scan, struct tables_walk *walk, struct error *error)
{
	struct store_bytes key, value;
	struct account account;
	int result;

	while ((result = tables_walk_next(walk, &key, &value, error)) > 0) {
		bool go_on = true;

		result = tables_scan_account(scan, key, value, &account, error);
		if (result < 0)
			return -1;
		if (result == 2)
			return 0;
		if (result == 0)
			continue;
		if (tables_filter_passes(scan->filter, &account))
			go_on = scan->callback(&account, scan->context);
		account_clear(&account);
		if (!go_on)
			return 1;
	}
	return result;
}

int tables_scan_accounts(struct store *store, const struct store_filter *filter,
	store_account_fn *callback, void *context, struct error *error)
{
	struct tables_scan scan = {
		.tables = (struct tables *)store,
		.filter = filter,
		.callback = callback,
		.context = context,
	};
	struct tables_walk walk;
	int result;

	tables_scan_choose(&scan);
	tables_walk_init(&walk, scan.tables, scan.table,
		store_bytes_of(&scan.from), store_bytes_of(&scan.prefix));
	result = tables_scan_run(&scan, &walk, error);
	tables_walk_free(&walk);
	buffer_free(&scan.prefix);
	buffer_free(&scan.from);
	if (result < 0)
		error_prefix(error, "scan accounts");
	return result;
}

/* ---- aliases ---- */

static int tables_scan_all_aliases(struct tables *tables,
	store_alias_fn *callback, void *context, struct error *error)
{
	char alias[ADDRESS_SIZE], address[ADDRESS_SIZE];
	struct store_bytes key, value;
	struct tables_walk walk;
	int result;

	tables_walk_init(
		&walk, tables, STORE_ALIASES, tables_no_bytes, tables_no_bytes);
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0) {
		if (store_record_address(key, alias, error) < 0 ||
			store_record_get_alias(value, address, error) < 0) {
			result = -1;
			break;
		}
		if (!callback(alias, address, context))
			break;
	}
	tables_walk_free(&walk);
	return result;
}

/* An entry of the index is true only if the alias still leads there. 1 or 0,
 * -1. */
static int tables_alias_leads(struct tables *tables, struct store_bytes alias,
	const char *address, struct error *error)
{
	struct buffer value = BUFFER_EMPTY;
	char target[ADDRESS_SIZE];
	int result = tables_read(tables, STORE_ALIASES, alias, &value, error);

	if (result > 0) {
		result = store_record_get_alias(
			store_bytes_of(&value), target, error);
		if (result == 0)
			result = strcmp(target, address) == 0;
	}
	buffer_free(&value);
	return result;
}

static int tables_scan_account_aliases(struct tables *tables,
	const char *address, store_alias_fn *callback, void *context,
	struct error *error)
{
	struct store_bytes key, value, rest;
	struct buffer prefix = BUFFER_EMPTY;
	char alias[ADDRESS_SIZE];
	struct tables_walk walk;
	int result;

	store_record_text_prefix(address, &prefix);
	tables_walk_init(&walk, tables, STORE_ALIASES_BY_ACCOUNT,
		store_bytes_of(&prefix), store_bytes_of(&prefix));
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0) {
		rest.data = (const char *)key.data + prefix.size;
		rest.size = key.size - prefix.size;
		result = tables_alias_leads(tables, rest, address, error);
		if (result > 0 && store_record_address(rest, alias, error) < 0)
			result = -1;
		if (result < 0)
			break;
		if (result > 0 && !callback(alias, address, context))
			break;
	}
	tables_walk_free(&walk);
	buffer_free(&prefix);
	return result;
}

int tables_scan_aliases(struct store *store, const char *address,
	store_alias_fn *callback, void *context, struct error *error)
{
	struct tables *tables = (struct tables *)store;
	int result = address == NULL
			     ? tables_scan_all_aliases(
				       tables, callback, context, error)
			     : tables_scan_account_aliases(tables, address,
				       callback, context, error);

	if (result < 0)
		error_prefix(error, "scan aliases");
	return result;
}

/* ---- leases and bounds ---- */

int tables_scan_leases(struct store *store, store_lease_fn *callback,
	void *context, struct error *error)
{
	struct store_bytes key, value;
	struct store_lease lease;
	struct tables_walk walk;
	int result;

	tables_walk_init(&walk, (struct tables *)store, STORE_LEASES,
		tables_no_bytes, tables_no_bytes);
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0) {
		if (store_record_get_lease(key, value, &lease, error) < 0) {
			result = -1;
			break;
		}
		if (!callback(&lease, context))
			break;
	}
	tables_walk_free(&walk);
	if (result < 0)
		error_prefix(error, "scan leases");
	return result;
}

int tables_scan_bounds(struct store *store, const char *address,
	store_bound_fn *callback, void *context, struct error *error)
{
	struct store_bytes key, value, head, folder;
	struct buffer prefix = BUFFER_EMPTY;
	struct buffer name = BUFFER_EMPTY;
	struct store_bound bound;
	struct tables_walk walk;
	int result;

	store_record_text_prefix(address, &prefix);
	tables_walk_init(&walk, (struct tables *)store, STORE_BOUNDS,
		store_bytes_of(&prefix), store_bytes_of(&prefix));
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0) {
		if (!store_record_split(key, &head, &folder) ||
			store_record_get_bound(
				folder, value, &name, &bound, error) < 0) {
			result = -1;
			break;
		}
		if (!callback(&bound, context))
			break;
	}
	tables_walk_free(&walk);
	buffer_free(&prefix);
	buffer_free(&name);
	if (result < 0)
		error_prefix(error, "scan bounds of %s", address);
	return result;
}

/* ---- documents ---- */

/* The document that a record is; 0 or -1. */
static int tables_scan_document(struct store_bytes key,
	struct store_bytes value, struct buffer *name, struct buffer *text,
	struct store_document *document_r, struct error *error)
{
	struct store_bytes head, rest;

	buffer_clear(name);
	buffer_clear(text);
	if (!store_record_split(key, &head, &rest)) {
		error_set(error, "damaged: not the key of a document");
		return -1;
	}
	buffer_add(name, rest.data, rest.size);
	if (store_record_get_document(value, &document_r->at, text, error) < 0)
		return -1;
	document_r->name = name->data;
	document_r->text = text->data;
	return 0;
}

int tables_scan_documents(struct store *store, const char *address,
	store_document_fn *callback, void *context, struct error *error)
{
	struct buffer prefix = BUFFER_EMPTY;
	struct buffer name = BUFFER_EMPTY, text = BUFFER_EMPTY;
	struct store_document document;
	struct store_bytes key, value;
	struct tables_walk walk;
	int result;

	store_record_text_prefix(address, &prefix);
	tables_walk_init(&walk, (struct tables *)store, STORE_DOCUMENTS,
		store_bytes_of(&prefix), store_bytes_of(&prefix));
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0) {
		result = tables_scan_document(
			key, value, &name, &text, &document, error);
		if (result < 0)
			break;
		result = 1;
		if (!callback(&document, context))
			break;
	}
	tables_walk_free(&walk);
	buffer_free(&prefix);
	buffer_free(&name);
	buffer_free(&text);
	if (result < 0)
		error_prefix(error, "scan documents of %s", address);
	return result;
}

/* ---- audit ---- */

struct tables_audit {
	struct tables *tables;
	const char *address; /* or NULL */
	struct buffer prefix;
	struct buffer value;
	struct attr_parser *parser;
};

/* The line that a record of the walk is or leads to. 1, 0 when it is not
 * durable yet, -1. */
static int tables_audit_line(struct tables_audit *audit, struct store_bytes key,
	struct store_bytes value, struct store_audit *line_r,
	struct error *error)
{
	int result;

	if (audit->address != NULL) {
		key.data = (const char *)key.data + audit->prefix.size;
		key.size -= audit->prefix.size;
		buffer_clear(&audit->value);
		result = tables_read(
			audit->tables, STORE_AUDIT, key, &audit->value, error);
		if (result <= 0)
			return result;
		value = store_bytes_of(&audit->value);
	}
	result = store_record_get_audit(
		key, value, audit->parser, line_r, error);
	return result < 0 ? -1 : 1;
}

static int tables_audit_run(struct tables_audit *audit,
	store_audit_fn *callback, void *context, struct error *error)
{
	enum store_table table =
		audit->address != NULL ? STORE_AUDIT_BY_ACCOUNT : STORE_AUDIT;
	struct store_bytes prefix = store_bytes_of(&audit->prefix);
	struct store_bytes key, value;
	struct store_audit line;
	struct tables_walk walk;
	int result;

	tables_walk_init(&walk, audit->tables, table, prefix, prefix);
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0) {
		result = tables_audit_line(audit, key, value, &line, error);
		if (result < 0)
			break;
		if (result > 0 && !callback(&line, context))
			break;
	}
	tables_walk_free(&walk);
	return result;
}

int tables_scan_audit(struct store *store, const char *address,
	store_audit_fn *callback, void *context, struct error *error)
{
	struct tables_audit audit = {
		.tables = (struct tables *)store,
		.address = address,
		.parser = attr_parser_new(ATTR_CONTROL),
	};
	int result;

	if (address != NULL)
		store_record_text_prefix(address, &audit.prefix);
	result = tables_audit_run(&audit, callback, context, error);
	attr_parser_free(&audit.parser);
	buffer_free(&audit.prefix);
	buffer_free(&audit.value);
	if (result < 0)
		error_prefix(error, "scan audit");
	return result;
}
