/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Care of Berkeley DB stores: checkpoints, backups, restoring them, and the
 * check of every page.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "policyd/store_bdb.h"
#include "policyd/store_tables.h"

/* A checkpoint is due after so much log (bytes), which is what a recovery has
 * to read, or so much time, so that the logs of a quiet store go as well. */
#define BDB_CHECKPOINT_LOG     (32u << 20)
#define BDB_CHECKPOINT_MINUTES 4

/* ---- checkpoints ---- */

/* With the care lock held: when so much log was written since the last one, or
 * so many minutes have passed; 0 and 0: now. */
static int bdb_prune(struct bdb *bdb, u_int32_t kilobytes, u_int32_t minutes,
	struct error *error)
{
	int code = bdb->env->txn_checkpoint(bdb->env, kilobytes, minutes, 0);

	if (code != 0)
		return bdb_fail(bdb, code, error, "checkpoint");
	code = bdb->env->log_archive(bdb->env, NULL, DB_ARCH_REMOVE);
	if (code != 0)
		return bdb_fail(bdb, code, error, "remove old logs");
	return 0;
}

int bdb_checkpoint(struct store_engine *engine, struct error *error)
{
	struct bdb *bdb = (struct bdb *)engine;
	int result;

	pthread_mutex_lock(&bdb->care);
	result = bdb_prune(
		bdb, BDB_CHECKPOINT_LOG >> 10, BDB_CHECKPOINT_MINUTES, error);
	pthread_mutex_unlock(&bdb->care);
	return result;
}

/* ---- backups ---- */

/*
 * Makes a clean store of the files of a copy, by recovery of all that its logs
 * have: a copy of a store in use has pages from different moments.
 */
static int bdb_settle(const char *directory, struct error *error)
{
	int code;
	struct bdb *bdb = bdb_new(directory, DB_RECOVER_FATAL, &code, error);
	int result;

	if (bdb == NULL)
		return -1;
	result = bdb_open_tables(bdb, error);
	if (result == 0)
		result = bdb_prune(bdb, 0, 0, error);
	bdb_free(bdb);
	return result;
}

/* A new directory beside path, malloc'd; NULL with an error. */
static char *bdb_make_beside(const char *path, struct error *error)
{
	char *made = xasprintf("%s.XXXXXX", path);

	if (mkdtemp(made) != NULL)
		return made;
	error_set(error, "make directory %s: %s", made, strerror(errno));
	free(made);
	return NULL;
}

/* A copy of the files as they are, with the logs that make them one. */
static int bdb_backup_files(
	struct bdb *bdb, const char *directory, struct error *error)
{
	int result, code;

	pthread_mutex_lock(&bdb->care);
	/* the fewer logs, the sooner the copy is recovered */
	result = bdb_prune(bdb, 0, 0, error);
	if (result == 0) {
		code = bdb->env->backup(bdb->env, directory, DB_EXCL);
		if (code != 0)
			result = bdb_fail(
				bdb, code, error, "back up to %s", directory);
	}
	pthread_mutex_unlock(&bdb->care);
	return result;
}

int bdb_backup(
	struct store_engine *engine, const char *directory, struct error *error)
{
	struct bdb *bdb = (struct bdb *)engine;
	char *target = bdb_directory(directory, error);
	char *beside = NULL;
	int result = -1;

	if (target == NULL)
		return -1;
	if (access(target, F_OK) == 0)
		error_set(error, "back up to %s: it exists already", target);
	else
		beside = bdb_make_beside(target, error);
	if (beside != NULL && bdb_backup_files(bdb, beside, error) == 0 &&
		bdb_settle(beside, error) == 0 &&
		bdb_sync(beside, error) == 0) {
		result = renameat2(
			AT_FDCWD, beside, AT_FDCWD, target, RENAME_NOREPLACE);
		if (result < 0)
			error_set(error, "rename %s to %s: %s", beside, target,
				strerror(errno));
		else
			result = bdb_sync(target, error);
	}
	if (result < 0 && beside != NULL)
		bdb_discard(beside);
	free(beside);
	free(target);
	return result;
}

/* ---- verification ---- */

/*
 * Whether the library failed for a reason outside of the store, which says
 * nothing about it. For damage it has many names; these it has not.
 */
static bool bdb_is_outside(int code)
{
	switch (code) {
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
		return true;
	default:
		return false;
	}
}

/* The tables must not be open. 0, 1, -1. */
static int bdb_verify_pages(struct bdb *bdb, struct error *error)
{
	for (int table = 0; table < STORE_TABLES; table++) {
		char file[64];
		DB *db;
		int code;

		/* a store of an older schema lacks it; opening judges that */
		if (bdb_table_schema(table) > 1 && !bdb_has(bdb, table))
			continue;
		code = db_create(&db, bdb->env, 0);
		bdb_file(table, file, sizeof(file));
		if (code == 0) /* it closes the handle */
			code = db->verify(db, file, NULL, NULL, 0);
		if (code != 0) {
			bdb_fail(bdb, code, error, "verify table %s", file);
			return bdb_is_outside(code) ? -1 : 1;
		}
	}
	return 0;
}

/* Opening has made what an older schema lacks. */
static bool bdb_is_whole(const struct bdb *bdb)
{
	for (int table = 0; table < STORE_TABLES; table++)
		if (!bdb_has(bdb, table))
			return false;
	return true;
}

int bdb_verify_directory(
	const char *directory, u_int32_t recovery, struct error *error)
{
	int code, result;
	struct bdb *bdb = bdb_new(directory, recovery, &code, error);
	struct store *store;

	if (bdb == NULL)
		return bdb_is_outside(code) ? -1 : 1;
	result = bdb_verify_pages(bdb, error);
	if (result == 0 && bdb_open_tables(bdb, error) < 0)
		result = bdb_is_whole(bdb) ? -1 : 1;
	if (result != 0) {
		bdb_free(bdb);
		return result;
	}
	store = tables_open(&bdb->engine, error);
	if (store == NULL)
		return 1;
	result = tables_check(store, error);
	store_close(&store);
	return result;
}

int bdb_verify(const char *where, struct error *error)
{
	char *directory = bdb_directory(where, error);
	int lock = directory != NULL ? bdb_lock(directory, error) : -1;
	int result = -1;

	if (lock >= 0) {
		result = bdb_verify_directory(directory, DB_RECOVER, error);
		bdb_adopt(directory);
		close(lock);
	}
	free(directory);
	return result;
}

/* ---- restoring ---- */

/* Gives the new directory the owner and mode of the one in whose place it goes.
 */
static int bdb_inherit(const char *from, const char *to, struct error *error)
{
	struct stat status;

	if (stat(from, &status) < 0)
		return errno == ENOENT ? 0 : -1;
	if (chmod(to, status.st_mode & 07777) == 0 &&
		(geteuid() != 0 ||
			chown(to, status.st_uid, status.st_gid) == 0)) {
		bdb_adopt(to);
		return 0;
	}
	error_set(error, "give %s the owner of %s: %s", to, from,
		strerror(errno));
	return -1;
}

/* A checked copy of the backup beside the store, malloc'd; NULL with an error.
 */
static char *bdb_restore_beside(
	const char *directory, const char *backup, struct error *error)
{
	char *beside = bdb_make_beside(directory, error);

	if (beside == NULL)
		return NULL;
	if (bdb_copy(backup, beside, error) == 0 &&
		bdb_verify_directory(beside, DB_RECOVER_FATAL, error) == 0 &&
		bdb_inherit(directory, beside, error) == 0 &&
		bdb_sync(beside, error) == 0)
		return beside;
	bdb_discard(beside);
	free(beside);
	return NULL;
}

/*
 * Puts the new directory in the place of the old one in a single step: there is
 * no moment without a store, which the next start would take for an empty one.
 */
static int bdb_exchange(const char *directory, const char *beside,
	char **kept_r, struct error *error)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm parts;
	char *kept;

	if (renameat2(AT_FDCWD, beside, AT_FDCWD, directory, RENAME_EXCHANGE) <
		0) {
		error_set(error, "exchange %s and %s: %s", beside, directory,
			strerror(errno));
		return -1;
	}
	gmtime_r(&now, &parts);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts);
	kept = xasprintf("%s.before-%s", directory, stamp);
	if (renameat2(AT_FDCWD, beside, AT_FDCWD, kept, RENAME_NOREPLACE) < 0) {
		/* the name is taken: it keeps the one that it has */
		free(kept);
		kept = xstrdup(beside);
	}
	*kept_r = kept;
	return bdb_sync(directory, error);
}

static int bdb_replace(const char *directory, const char *beside, char **kept_r,
	struct error *error)
{
	struct stat status;

	if (lstat(directory, &status) == 0)
		return bdb_exchange(directory, beside, kept_r, error);
	if (errno != ENOENT || renameat2(AT_FDCWD, beside, AT_FDCWD, directory,
				       RENAME_NOREPLACE) < 0) {
		error_set(error, "rename %s to %s: %s", beside, directory,
			strerror(errno));
		return -1;
	}
	return bdb_sync(directory, error);
}

int bdb_restore(const char *where, const char *backup, char **kept_r,
	struct error *error)
{
	char *directory = bdb_directory(where, error);
	char *beside = NULL;
	int lock = -1;
	int result = -1;

	if (directory == NULL)
		return -1;
	/* nobody may have it open now, nor open it before it is replaced */
	if (access(directory, F_OK) != 0 ||
		(lock = bdb_lock(directory, error)) >= 0)
		beside = bdb_restore_beside(directory, backup, error);
	if (beside != NULL) {
		result = bdb_replace(directory, beside, kept_r, error);
		if (result < 0 && *kept_r == NULL)
			bdb_discard(beside);
	}
	if (result < 0)
		error_prefix(error, "restore %s", backup);
	if (lock >= 0)
		close(lock);
	free(beside);
	free(directory);
	return result;
}
