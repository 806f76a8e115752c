/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directories of Berkeley DB stores: the lock that keeps a second process
 * out, copies, owners. Plain files only; nothing here knows the library.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "policyd/store_bdb.h"

#define BDB_LOCK_FILE "lock"

char *bdb_directory(const char *where, struct error *error)
{
	size_t size = strlen(where);

	while (size > 1 && where[size - 1] == '/')
		size--;
	if (size > 0)
		return xstrndup(where, size);
	error_set(error, "store bdb: no directory is named");
	return NULL;
}

/* ---- the lock ---- */

static void bdb_lock_holder(
	int lock, const char *directory, struct error *error)
{
	char pid[32] = "";
	ssize_t size = pread(lock, pid, sizeof(pid) - 1, 0);

	pid[size > 0 ? size : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	error_set(error, "store bdb:%s: it is in use by process %s", directory,
		pid[0] != '\0' ? pid : "(unknown)");
}

/*
 * flock, not fcntl: it belongs to the open file, so that a second open in this
 * same process is refused too, and closing another descriptor of the file does
 * not lose it. The kernel gives it back when the process dies.
 */
int bdb_lock(const char *directory, struct error *error)
{
	char *path = xasprintf("%s/%s", directory, BDB_LOCK_FILE);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char pid[32];
	int size = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	bool held = false;

	if (lock < 0) {
		error_set(error, "store bdb:%s: open its lock file: %s",
			directory, strerror(errno));
	} else if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		bdb_lock_holder(lock, directory, error);
	} else if (ftruncate(lock, 0) < 0 ||
		   pwrite(lock, pid, (size_t)size, 0) != size) {
		error_set(error, "store bdb:%s: write its lock file: %s",
			directory, strerror(errno));
	} else {
		held = true;
		bdb_adopt(directory);
	}
	free(path);
	if (held || lock < 0)
		return lock;
	close(lock);
	return -1;
}

/* ---- the files of a directory ---- */

/* Returns 0 to go on. */
typedef int bdb_file_fn(
	int directory, const char *file, void *context, struct error *error);

/* Calls back for each plain file; 0, or -1 when the directory cannot be read or
 * the callback failed. */
static int bdb_each_file(const char *path, bdb_file_fn *callback, void *context,
	struct error *error)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	struct stat status;
	int result = 0;

	if (directory == NULL) {
		error_set(
			error, "read directory %s: %s", path, strerror(errno));
		return -1;
	}
	while (result == 0 && (errno = 0, entry = readdir(directory)) != NULL)
		if (fstatat(dirfd(directory), entry->d_name, &status,
			    AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(status.st_mode))
			result = callback(dirfd(directory), entry->d_name,
				context, error);
	if (entry == NULL && errno != 0) {
		error_set(
			error, "read directory %s: %s", path, strerror(errno));
		result = -1;
	}
	closedir(directory);
	return result;
}

static int bdb_adopt_file(
	int directory, const char *file, void *context, struct error *error)
{
	const struct stat *owner = context;
	/* a file that cannot be given away is met by whoever opens it */
	int result = fchownat(directory, file, owner->st_uid, owner->st_gid,
		AT_SYMLINK_NOFOLLOW);

	(void)result;
	(void)error;
	return 0;
}

void bdb_adopt(const char *directory)
{
	struct stat status;

	if (geteuid() == 0 && stat(directory, &status) == 0 &&
		status.st_uid != 0)
		bdb_each_file(directory, bdb_adopt_file, &status, NULL);
}

static int bdb_sync_file(
	int directory, const char *file, void *context, struct error *error)
{
	const char *path = context;
	int descriptor = openat(directory, file, O_RDONLY | O_CLOEXEC);
	int result = descriptor < 0 ? -1 : fsync(descriptor);

	if (result < 0)
		error_set(error, "sync %s/%s: %s", path, file, strerror(errno));
	if (descriptor >= 0)
		close(descriptor);
	return result;
}

static int bdb_sync_directory(const char *path, struct error *error)
{
	int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = descriptor < 0 ? -1 : fsync(descriptor);

	if (result < 0)
		error_set(error, "sync %s: %s", path, strerror(errno));
	if (descriptor >= 0)
		close(descriptor);
	return result;
}

int bdb_sync(const char *directory, struct error *error)
{
	char *parent = xasprintf("%s/..", directory);
	int result = -1;

	if (bdb_each_file(directory, bdb_sync_file, (void *)directory, error) ==
			0 &&
		bdb_sync_directory(directory, error) == 0)
		result = bdb_sync_directory(parent, error);
	free(parent);
	return result;
}

static int bdb_discard_file(
	int directory, const char *file, void *context, struct error *error)
{
	(void)context;
	(void)error;
	unlinkat(directory, file, 0);
	return 0;
}

void bdb_discard(const char *directory)
{
	bdb_each_file(directory, bdb_discard_file, NULL, NULL);
	rmdir(directory);
}

/* ---- copies ---- */

/* The schema that a table's file came with; 0: it is none. */
static unsigned bdb_file_schema(const char *file)
{
	char table_file[64];

	for (int table = 0; table < STORE_TABLES; table++) {
		bdb_file(table, table_file, sizeof(table_file));
		if (strcmp(file, table_file) == 0)
			return bdb_table_schema(table);
	}
	return 0;
}

/* Tables and logs; not the lock, nor what else somebody put there. */
static bool bdb_is_store_file(const char *file)
{
	if (strncmp(file, "log.", 4) == 0)
		return file[4] != '\0' &&
		       file[4 + strspn(file + 4, "0123456789")] == '\0';
	return bdb_file_schema(file) != 0;
}

/* 0 or -1 with errno. */
static int bdb_copy_bytes(int from, int to)
{
	for (;;) {
		ssize_t size =
			copy_file_range(from, NULL, to, NULL, 1 << 30, 0);

		if (size == 0)
			return 0;
		if (size < 0 && errno != EINTR)
			break;
	}
	if (errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
		errno != EOPNOTSUPP)
		return -1;
	for (;;) { /* between file systems of unlike kinds */
		char block[65536];
		ssize_t size = read(from, block, sizeof(block));
		ssize_t done = 0, written = 0;

		if (size == 0)
			return 0;
		if (size < 0 && errno != EINTR)
			return -1;
		for (; done < size; done += written) {
			written =
				write(to, block + done, (size_t)(size - done));
			if (written < 0 && errno != EINTR)
				return -1;
			if (written < 0)
				written = 0;
		}
	}
}

struct bdb_copying {
	const char *from;
	const char *to;
	size_t tables; /* of the first schema, which every store has */
};

static int bdb_copy_file(
	int directory, const char *file, void *context, struct error *error)
{
	struct bdb_copying *copying = context;
	char *target = xasprintf("%s/%s", copying->to, file);
	int from = -1, to = -1, result = -1;

	if (!bdb_is_store_file(file)) {
		free(target);
		return 0;
	}
	from = openat(directory, file, O_RDONLY | O_CLOEXEC);
	to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (from >= 0 && to >= 0)
		result = bdb_copy_bytes(from, to);
	if (result < 0)
		error_set(error, "copy %s/%s to %s: %s", copying->from, file,
			target, strerror(errno));
	else if (bdb_file_schema(file) == 1)
		copying->tables++;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	free(target);
	return result;
}

int bdb_copy(const char *from, const char *to, struct error *error)
{
	struct bdb_copying copying = { .from = from, .to = to };
	size_t first = 0; /* tables of the first schema */

	if (bdb_each_file(from, bdb_copy_file, &copying, error) < 0)
		return -1;
	/* opening it tells whether a later table should be there */
	for (int table = 0; table < STORE_TABLES; table++)
		first += bdb_table_schema(table) == 1;
	if (copying.tables != first) {
		error_set(error,
			"%s: not a whole store: it has %zu of its %zu tables",
			from, copying.tables, first);
		return -1;
	}
	return bdb_sync(to, error);
}
