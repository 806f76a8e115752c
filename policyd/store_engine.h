/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an embedded store stands on: tables of byte keys in ascending order,
 * and sets of writes that are applied as a whole or not at all. An engine knows
 * nothing of accounts; store_tables.h makes a store of it.
 */
#ifndef REHOME_STORE_ENGINE_H
#define REHOME_STORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"
#include "lib/error.h"
#include "policyd/store.h"

/* What keys and values are: store_record.h. */
enum store_table {
	STORE_ACCOUNTS,
	STORE_BY_PHASE, /* index of accounts by phase and address */
	STORE_BY_DUE,	/* by phase, due and address */
	STORE_BY_BATCH, /* by batch and address; those that have one */
	STORE_BY_FRONT, /* by address; those whose front is busy */
	STORE_ALIASES,
	STORE_ALIASES_BY_ACCOUNT,
	STORE_LEASES,
	STORE_BOUNDS,
	STORE_DOCUMENTS,
	STORE_AUDIT,
	STORE_AUDIT_BY_ACCOUNT,
	STORE_META,
	STORE_TABLES,
};

/* The name of a table, for files and errors. */
const char *store_table_name(enum store_table table);

/* Bytes that somebody else owns. */
struct store_bytes {
	const void *data;
	size_t size;
};

struct store_bytes store_bytes_of(const struct buffer *buffer);
/* The order of the tables: bytewise, a prefix before what is longer. */
int store_bytes_compare(struct store_bytes left, struct store_bytes right);
bool store_bytes_begin(struct store_bytes bytes, struct store_bytes prefix);
/* Sets after_r to the first key that is above that one. key may not point into
 * after_r. */
void store_key_after(struct store_bytes key, struct buffer *after_r);

struct store_write {
	enum store_table table;
	struct store_bytes key;
	bool remove; /* else put */
	struct store_bytes value;
};

/* Some records of a table that follow each other, copied. */
struct store_page_record {
	size_t key; /* offsets into bytes */
	size_t key_size;
	size_t value;
	size_t value_size;
};

struct store_page {
	struct buffer bytes;
	struct store_page_record *records;
	size_t count;
	size_t room;
	bool last; /* no more records behind these */
};

#define STORE_PAGE_EMPTY                                                       \
	{                                                                      \
		.bytes = BUFFER_EMPTY                                          \
	}

void store_page_add(struct store_page *page, struct store_bytes key,
	struct store_bytes value);
struct store_bytes store_page_key(const struct store_page *page, size_t index);
struct store_bytes store_page_value(
	const struct store_page *page, size_t index);
/* Empties it and keeps its memory. */
void store_page_clear(struct store_page *page);
void store_page_free(struct store_page *page);

/* An open engine. An engine's own struct begins with this one. */
struct store_engine {
	const struct store_engine_ops *ops;
	const char *name; /* "bdb:/directory", for errors */
};

/*
 * All but apply and close may be called from any thread at any time; of apply
 * one call runs at a time. Errors name the engine.
 */
struct store_engine_ops {
	/* Appends the value. 1 found, 0 not there, -1 could not tell. Sees
	 * what was applied, durable or not. */
	int (*get)(struct store_engine *engine, enum store_table table,
		struct store_bytes key, struct buffer *value,
		struct error *error);
	/*
	 * Fills the page anew with records in order, the first one not below
	 * from, all of them beginning with prefix: about wanted of them, one
	 * at least if there is one. Holds nothing when it has returned. 0 or
	 * -1.
	 */
	int (*read)(struct store_engine *engine, enum store_table table,
		struct store_bytes from, struct store_bytes prefix,
		size_t wanted, struct store_page *page, struct error *error);
	/* Appends the greatest key of a table. 1, 0 when it is empty, -1. */
	int (*last)(struct store_engine *engine, enum store_table table,
		struct buffer *key, struct error *error);
	/*
	 * Applies the writes, sorted by table and key, as a whole. Removing
	 * what is not there is no error. DONE means visible, not yet durable.
	 */
	enum store_commit (*apply)(struct store_engine *engine,
		const struct store_write *writes, size_t count,
		struct error *error);
	/*
	 * Makes everything durable that was applied before. 0, or -1: then it
	 * is unknown what is.
	 */
	int (*flush)(struct store_engine *engine, struct error *error);
	int (*backup)(struct store_engine *engine, const char *directory,
		struct error *error);
	int (*checkpoint)(struct store_engine *engine, struct error *error);
	/* Whether every operation fails until the engine is opened anew. */
	bool (*is_broken)(const struct store_engine *engine);
	/* Frees the engine. */
	void (*close)(struct store_engine *engine);
};

/* The engine of "mem:", empty. */
struct store_engine *store_mem_engine(void);

#endif
