/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys and values of the tables, pure.
 *
 *   accounts            ADDRESS -> account_print, control form
 *   by-phase            PHASE ADDRESS -> HOME HELD FAILING
 *   by-due              PHASE DUE ADDRESS -> nothing
 *   by-batch            BATCH NUL ADDRESS -> nothing
 *   by-front            ADDRESS -> nothing
 *   aliases             ALIAS -> VERSION ADDRESS
 *   aliases-by-account  ADDRESS NUL ALIAS -> nothing
 *   leases              ADDRESS -> VERSION EPOCH EXPIRES WORKER
 *   bounds              ADDRESS NUL FOLDER -> VERSION UIDVALIDITY UIDNEXT
 *   documents           ADDRESS NUL NAME -> VERSION AT TEXT
 *   audit               SERIAL -> VERSION AT ADDRESS NUL DETAIL, control form
 *   audit-by-account    ADDRESS NUL SERIAL -> nothing
 *   meta                "note" NUL NAME -> TEXT, and what an engine keeps
 *
 * PHASE, HOME, HELD, FAILING and VERSION are one byte; numbers are big-endian,
 * instants with the sign bit turned over, so that bytes and numbers have one
 * order.
 */
#ifndef REHOME_STORE_RECORD_H
#define REHOME_STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/attr.h"
#include "lib/buffer.h"
#include "policyd/store.h"
#include "policyd/store_engine.h"

/* ---- accounts ---- */

void store_record_put_account(
	const struct account *account, struct buffer *value);
/* 0, or -1 with an error: damaged, or the record of another address. */
int store_record_get_account(struct store_bytes key, struct store_bytes value,
	struct account *account_r, struct error *error);

/*
 * Appends the account's key in an index (STORE_BY_...), and its value there.
 * False when the account does not stand in that index.
 */
bool store_record_index(enum store_table index, const struct account *account,
	struct buffer *key, struct buffer *value);
/*
 * What all keys begin with of the accounts in that phase, or of that batch;
 * the address stands behind it (in STORE_BY_DUE the due instant and then the
 * address).
 */
void store_record_phase_prefix(enum account_phase phase, struct buffer *prefix);
void store_record_text_prefix(const char *text, struct buffer *prefix);
/* The parts of a key of STORE_BY_DUE; false when it is none. */
bool store_record_get_due(
	struct store_bytes key, int64_t *due_r, struct store_bytes *address_r);

/*
 * Adds (or subtracts) an account to the counts, from itself or from its entry
 * in STORE_BY_PHASE, which is enough for it. scan_counts: false when the entry
 * is none.
 */
void store_record_count(const struct account *account, bool subtract,
	struct store_counts *counts);
bool store_record_count_entry(struct store_bytes key, struct store_bytes value,
	struct store_counts *counts);
/* Adds more, the difference that a transaction makes, to counts; unsigned
 * numbers wrap around, so that differences may be negative. */
void store_record_add_counts(
	struct store_counts *counts, const struct store_counts *more);

/* ---- what belongs to accounts ---- */

/* Copies key bytes that are an address (or an alias); -1 with an error when
 * they are none. */
int store_record_address(
	struct store_bytes bytes, char *address_r, struct error *error);

void store_record_put_alias(const char *address, struct buffer *value);
int store_record_get_alias(
	struct store_bytes value, char *address_r, struct error *error);

void store_record_put_lease(
	const struct store_lease *lease, struct buffer *value);
int store_record_get_lease(struct store_bytes key, struct store_bytes value,
	struct store_lease *lease_r, struct error *error);

/* folder_r is the caller's copy of the folder's name, which bound_r points
 * to. */
void store_record_put_bound(
	const struct store_bound *bound, struct buffer *value);
int store_record_get_bound(struct store_bytes folder, struct store_bytes value,
	struct buffer *folder_r, struct store_bound *bound_r,
	struct error *error);

void store_record_put_document(
	const struct store_document *document, struct buffer *value);
/* Appends the text. 0, or -1 with an error. */
int store_record_get_document(struct store_bytes value, int64_t *at_r,
	struct buffer *text, struct error *error);

/* ADDRESS NUL REST: splits such a key; false when there is no NUL. */
bool store_record_split(struct store_bytes key, struct store_bytes *head_r,
	struct store_bytes *rest_r);

/* ---- audit ---- */

void store_record_put_serial(uint64_t serial, struct buffer *key);
/* False when the bytes are no serial. */
bool store_record_get_serial(struct store_bytes bytes, uint64_t *serial_r);
void store_record_put_audit(int64_t at, const char *address,
	const struct attr_list *detail, struct buffer *value);
/* audit_r->detail is in the parser, until its next use. */
int store_record_get_audit(struct store_bytes key, struct store_bytes value,
	struct attr_parser *parser, struct store_audit *audit_r,
	struct error *error);

#endif
