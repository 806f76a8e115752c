/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store in Berkeley DB: its environment, tables and schema. The files
 * store_bdb*.c are the only ones that know the library.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "policyd/store_bdb.h"
#include "policyd/store_tables.h"

/*
 * Pages as large as the file system's blocks, so that a crash of the machine
 * tears none of them, with checksums, so that a disk's lie is found out.
 */
#define BDB_PAGE_SIZE 4096

/* Locks of the largest transaction: an account with thousands of aliases and
 * bounds goes at once. */
#define BDB_LOCKS 20000

#define BDB_SCHEMA_KEY "schema"

const struct store_engine_ops bdb_ops = {
	.get = bdb_get,
	.read = bdb_read,
	.last = bdb_last,
	.apply = bdb_apply,
	.flush = bdb_flush,
	.backup = bdb_backup,
	.checkpoint = bdb_checkpoint,
	.is_broken = bdb_is_broken,
	.close = bdb_close,
};

void bdb_file(enum store_table table, char *file_r, size_t size)
{
	snprintf(file_r, size, "%s.db", store_table_name(table));
}

unsigned bdb_table_schema(enum store_table table)
{
	return table == STORE_DOCUMENTS ? 2 : 1;
}

/* ---- errors ---- */

/* The library calls this from any thread. */
static void bdb_listen(
	const DB_ENV *env, const char *prefix, const char *message)
{
	struct bdb *bdb = env->app_private;

	(void)prefix;
	pthread_mutex_lock(&bdb->words_lock);
	error_set(&bdb->words, "%s", message);
	pthread_mutex_unlock(&bdb->words_lock);
}

static void bdb_take_words(struct bdb *bdb, struct error *words_r)
{
	pthread_mutex_lock(&bdb->words_lock);
	*words_r = bdb->words;
	bdb->words.text[0] = '\0';
	pthread_mutex_unlock(&bdb->words_lock);
}

int bdb_fail(
	struct bdb *bdb, int code, struct error *error, const char *what, ...)
{
	struct error words;
	char tried[128];
	va_list arguments;

	va_start(arguments, what);
	vsnprintf(tried, sizeof(tried), what, arguments);
	va_end(arguments);
	bdb_take_words(bdb, &words);
	if (code == DB_RUNRECOVERY)
		atomic_store(&bdb->broken, true);
	if (code == DB_RUNRECOVERY)
		error_set(error,
			"store %s: %s: the environment is broken: restart "
			"rehome-policyd, which recovers it; if that does not "
			"help, restore a backup%s%s%s",
			bdb->name, tried, words.text[0] != '\0' ? " (" : "",
			words.text, words.text[0] != '\0' ? ")" : "");
	else
		error_set(error, "store %s: %s: %s%s%s%s", bdb->name, tried,
			db_strerror(code), words.text[0] != '\0' ? " (" : "",
			words.text, words.text[0] != '\0' ? ")" : "");
	return -1;
}

/* ---- the environment ---- */

static int bdb_configure(struct bdb *bdb)
{
	DB_ENV *env = bdb->env;
	int code;

	env->app_private = bdb;
	env->set_errcall(env, bdb_listen);
	if ((code = env->set_cachesize(env, 0, BDB_CACHE_SIZE, 1)) != 0 ||
		(code = env->set_lg_max(env, BDB_LOG_SIZE)) != 0 ||
		(code = env->set_lg_bsize(env, BDB_LOG_BUFFER_SIZE)) != 0 ||
		(code = env->set_lk_max_locks(env, BDB_LOCKS)) != 0 ||
		(code = env->set_lk_max_objects(env, BDB_LOCKS)) != 0)
		return code;
	/* a reader and the writer may meet head on in a tree; readers hold no
	 * write locks and can always try again */
	return env->set_lk_detect(env, DB_LOCK_MINWRITE);
}

struct bdb *bdb_new(const char *directory, u_int32_t recovery, int *code_r,
	struct error *error)
{
	struct bdb *bdb = xcalloc(1, sizeof(*bdb));
	int code;

	bdb->engine.ops = &bdb_ops;
	bdb->directory = xstrdup(directory);
	bdb->name = xasprintf("bdb:%s", directory);
	bdb->engine.name = bdb->name;
	bdb->lock = -1;
	if (pthread_mutex_init(&bdb->care, NULL) != 0 ||
		pthread_mutex_init(&bdb->words_lock, NULL) != 0)
		abort();
	code = db_env_create(&bdb->env, 0);
	if (code == 0)
		code = bdb_configure(bdb);
	if (code == 0)
		code = bdb->env->open(bdb->env, directory,
			DB_CREATE | DB_PRIVATE | DB_THREAD | DB_INIT_LOCK |
				DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_TXN |
				recovery,
			0600);
	*code_r = code;
	if (code == 0)
		return bdb;
	bdb_fail(bdb, code, error, "open the environment");
	if (bdb->env != NULL)
		bdb->env->close(bdb->env, 0);
	bdb->env = NULL;
	bdb_free(bdb);
	return NULL;
}

void bdb_free(struct bdb *bdb)
{
	for (int table = 0; table < STORE_TABLES; table++)
		if (bdb->tables[table] != NULL)
			bdb->tables[table]->close(bdb->tables[table], 0);
	if (bdb->env != NULL) {
		/* spares the next start the recovery; it can do without */
		bdb->env->txn_checkpoint(bdb->env, 0, 0, 0);
		bdb->env->close(bdb->env, 0);
		bdb_adopt(bdb->directory);
	}
	if (bdb->lock >= 0)
		close(bdb->lock);
	pthread_mutex_destroy(&bdb->care);
	pthread_mutex_destroy(&bdb->words_lock);
	free(bdb->directory);
	free(bdb->name);
	free(bdb);
}

void bdb_close(struct store_engine *engine)
{
	bdb_free((struct bdb *)engine);
}

bool bdb_is_broken(const struct store_engine *engine)
{
	return atomic_load(&((const struct bdb *)engine)->broken);
}

/* ---- tables ---- */

static int bdb_open_table(struct bdb *bdb, enum store_table table, bool create,
	struct error *error)
{
	u_int32_t flags = DB_AUTO_COMMIT | DB_THREAD | (create ? DB_CREATE : 0);
	char file[64];
	DB *db;
	int code = db_create(&db, bdb->env, 0);

	if (code != 0)
		return bdb_fail(bdb, code, error, "open a table");
	bdb_file(table, file, sizeof(file));
	if ((code = db->set_pagesize(db, BDB_PAGE_SIZE)) != 0 ||
		(code = db->set_flags(db, DB_CHKSUM)) != 0 ||
		(code = db->open(
			 db, NULL, file, NULL, DB_BTREE, flags, 0600)) != 0) {
		db->close(db, 0);
		return bdb_fail(bdb, code, error, "open table %s", file);
	}
	bdb->tables[table] = db;
	return 0;
}

/* Writes the schema's version, durably. */
static int bdb_put_schema(struct bdb *bdb, unsigned schema, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	struct store_write write = {
		.table = STORE_META,
		.key = { BDB_SCHEMA_KEY, strlen(BDB_SCHEMA_KEY) },
	};
	int result = -1;

	buffer_printf(&text, "%u", schema);
	write.value = store_bytes_of(&text);
	if (bdb_apply(&bdb->engine, &write, 1, error) == STORE_DONE)
		result = bdb_flush(&bdb->engine, error);
	buffer_free(&text);
	return result;
}

/* 1 and the version; 0 when the store is only being made; -1. */
static int bdb_get_schema(
	struct bdb *bdb, unsigned *schema_r, struct error *error)
{
	struct store_bytes key = { BDB_SCHEMA_KEY, strlen(BDB_SCHEMA_KEY) };
	struct buffer text = BUFFER_EMPTY;
	int result = bdb_get(&bdb->engine, STORE_META, key, &text, error);
	char *end;

	*schema_r = 0;
	if (result > 0) {
		*schema_r = (unsigned)strtoul(text.data, &end, 10);
		if (*schema_r == 0 || *end != '\0') {
			error_set(error, "store %s: damaged schema version",
				bdb->name);
			result = -1;
		}
	}
	buffer_free(&text);
	return result;
}

/* Schema 0 is a store that is being made: it cannot hold anything yet. */
static int bdb_upgrade_nothing(struct bdb *bdb, struct error *error)
{
	struct buffer key = BUFFER_EMPTY;
	int found = bdb_last(&bdb->engine, STORE_ACCOUNTS, &key, error);

	buffer_free(&key);
	if (found > 0)
		error_set(error,
			"store %s: it has accounts but no schema version: "
			"restore a backup",
			bdb->name);
	return found == 0 ? 0 : -1;
}

/* Documents came with schema 2; their table is made before the steps. */
static int bdb_upgrade_documents(struct bdb *bdb, struct error *error)
{
	(void)bdb;
	(void)error;
	return 0;
}

/* The step at N leads from schema N to N + 1. A step may be killed and come
 * again. */
typedef int bdb_upgrade_fn(struct bdb *bdb, struct error *error);

static bdb_upgrade_fn *const bdb_upgrades[BDB_SCHEMA] = {
	bdb_upgrade_nothing,
	bdb_upgrade_documents,
};

static int bdb_upgrade(struct bdb *bdb, unsigned schema, struct error *error)
{
	for (; schema < BDB_SCHEMA; schema++)
		if (bdb_upgrades[schema](bdb, error) < 0 ||
			bdb_put_schema(bdb, schema + 1, error) < 0)
			return -1;
	return 0;
}

bool bdb_has(const struct bdb *bdb, enum store_table table)
{
	char file[64];
	char *path;
	bool has;

	bdb_file(table, file, sizeof(file));
	path = xasprintf("%s/%s", bdb->directory, file);
	has = access(path, F_OK) == 0;
	free(path);
	return has;
}

/*
 * A table is made only in a store of a schema from before it: one that is
 * missing later was lost, and an empty one in its place would answer "not
 * there" for all that was in it.
 */
int bdb_open_tables(struct bdb *bdb, struct error *error)
{
	bool create = !bdb_has(bdb, STORE_ACCOUNTS);
	unsigned schema;
	int found;

	if (bdb_open_table(bdb, STORE_META, create, error) < 0)
		return -1;
	found = bdb_get_schema(bdb, &schema, error);
	if (found < 0)
		return -1;
	if (schema > BDB_SCHEMA) {
		error_set(error,
			"store %s: its schema is %u, and this rehome-policyd "
			"knows up to %d: install the version that made it, or "
			"a later one",
			bdb->name, schema, BDB_SCHEMA);
		return -1;
	}
	for (int table = 0; table < STORE_TABLES; table++)
		if (table != STORE_META &&
			bdb_open_table(bdb, table,
				schema < bdb_table_schema(table), error) < 0)
			return -1;
	return bdb_upgrade(bdb, schema, error);
}

/* ---- the backend ---- */

static struct bdb *bdb_open_directory(
	const char *directory, struct error *error)
{
	int lock = bdb_lock(directory, error);
	struct bdb *bdb;
	int code;

	if (lock < 0)
		return NULL;
	bdb = bdb_new(directory, DB_RECOVER, &code, error);
	if (bdb == NULL) {
		close(lock);
		return NULL;
	}
	bdb->lock = lock;
	if (bdb_open_tables(bdb, error) == 0)
		return bdb;
	bdb_free(bdb);
	return NULL;
}

static struct store *bdb_open(const char *where, struct error *error)
{
	char *directory = bdb_directory(where, error);
	struct bdb *bdb = NULL;

	if (directory == NULL)
		return NULL;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		error_set(error, "store bdb:%s: make its directory: %s",
			directory, strerror(errno));
	else
		bdb = bdb_open_directory(directory, error);
	free(directory);
	return bdb != NULL ? tables_open(&bdb->engine, error) : NULL;
}

const struct store_backend store_bdb_backend = {
	.scheme = "bdb",
	.open = bdb_open,
	.restore = bdb_restore,
	.verify = bdb_verify,
};
