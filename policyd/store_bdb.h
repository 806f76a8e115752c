/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the Berkeley DB engine, for its own files. One private
 * transactional environment in one directory, one file for each table, one
 * process: with several, one that is killed hangs or breaks the others.
 */
#ifndef REHOME_STORE_BDB_H
#define REHOME_STORE_BDB_H

#include <db.h>
#include <pthread.h>
#include <stdatomic.h>

#include "policyd/store_engine.h"

/*
 * Of the accounts and indexes of 1,000,000 accounts (about 500 MB) this holds
 * half, and all of the accounts' own table. It is a limit: memory is taken as
 * it is used.
 */
#define BDB_CACHE_SIZE (256u << 20)
/* A log file; a checkpoint removes the files before the last one needed. */
#define BDB_LOG_SIZE	    (16u << 20)
#define BDB_LOG_BUFFER_SIZE (2u << 20)
/*
 * Below this much free space (bytes) nothing is written any more: a full disk
 * in the middle of the log would end in the loss of the whole environment, and
 * with it of every lookup, until somebody makes room.
 */
#define BDB_SPACE_RESERVE (64u << 20)

/* What the tables and records are; bdb_upgrades leads here from older ones. */
#define BDB_SCHEMA 2

struct bdb {
	struct store_engine engine;
	char *directory;
	char *name; /* "bdb:DIRECTORY" */
	int lock;   /* descriptor of the lock file, or -1 */
	DB_ENV *env;
	DB *tables[STORE_TABLES];
	pthread_mutex_t care; /* a backup needs the logs that a checkpoint
				 would remove */
	atomic_bool broken;   /* the library has given up */
	pthread_mutex_t words_lock;
	struct error words; /* the library's own about the last failure */
};

extern const struct store_engine_ops bdb_ops;

/* ---- store_bdb.c: environment and tables ---- */

/*
 * Opens the environment in a directory that exists, after recovery of the kind
 * DB_RECOVER or DB_RECOVER_FATAL; no tables yet and no lock. *code_r is the
 * library's code when NULL comes back with an error.
 */
struct bdb *bdb_new(const char *directory, u_int32_t recovery, int *code_r,
	struct error *error);
/* Opens the tables; makes them in a directory that has none. */
int bdb_open_tables(struct bdb *bdb, struct error *error);
/* Closes whatever is open, with a checkpoint, and frees. */
void bdb_free(struct bdb *bdb);
void bdb_close(struct store_engine *engine);
bool bdb_is_broken(const struct store_engine *engine);
/* The schema that a table came with: a store of an older one lacks it. */
unsigned bdb_table_schema(enum store_table table);
/* The file of a table, below the directory. */
void bdb_file(enum store_table table, char *file_r, size_t size);

/* Whether the directory has that table. */
bool bdb_has(const struct bdb *bdb, enum store_table table);

/* Fills the error: "store NAME: WHAT: the library's words", and notes when the
 * library has given up. Returns -1. */
int bdb_fail(struct bdb *bdb, int code, struct error *error, const char *what,
	...) __attribute__((format(printf, 4, 5)));

/* ---- store_bdb_table.c: the engine's operations ---- */

int bdb_get(struct store_engine *engine, enum store_table table,
	struct store_bytes key, struct buffer *value, struct error *error);
int bdb_read(struct store_engine *engine, enum store_table table,
	struct store_bytes from, struct store_bytes prefix, size_t wanted,
	struct store_page *page, struct error *error);
int bdb_last(struct store_engine *engine, enum store_table table,
	struct buffer *key, struct error *error);
enum store_commit bdb_apply(struct store_engine *engine,
	const struct store_write *writes, size_t count, struct error *error);
int bdb_flush(struct store_engine *engine, struct error *error);

/* ---- store_bdb_care.c ---- */

int bdb_backup(struct store_engine *engine, const char *directory,
	struct error *error);
int bdb_checkpoint(struct store_engine *engine, struct error *error);
int bdb_restore(const char *where, const char *directory, char **kept_r,
	struct error *error);
/* Of a directory that nobody else uses; recovery as in bdb_new. As
 * store_verify. */
int bdb_verify_directory(
	const char *directory, u_int32_t recovery, struct error *error);
int bdb_verify(const char *where, struct error *error);

/* ---- store_bdb_files.c: directories and files ---- */

/* The directory of a URI without a '/' at its end, malloc'd; NULL with an
 * error when there is none. */
char *bdb_directory(const char *where, struct error *error);
/*
 * Takes the lock of a directory: a descriptor to be closed, or -1 with an
 * error that names the process that has it.
 */
int bdb_lock(const char *directory, struct error *error);
/* Root working on another user's store leaves no file that this user could not
 * open. */
void bdb_adopt(const char *directory);
/* Copies all tables and logs of a store into an empty directory, durably. */
int bdb_copy(const char *from, const char *to, struct error *error);
/* Makes the files of a directory, and the directory itself, durable. */
int bdb_sync(const char *directory, struct error *error);
/* Removes a directory of plain files; silent. */
void bdb_discard(const char *directory);

#endif
