/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal on disk: opening, replaying, flushing, rewriting. */
#include "config.h"

#include "copier/journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "copier/percent.h"

#include "lib/xalloc.h"

#define JOURNAL_MAGIC "rehome-journal 1"

/* Rewriting pays when this many lines are over. */
#define JOURNAL_WASTE 1000

/* Read at once. */
#define JOURNAL_PIECE (256 * 1024)

static char *journal_header(const struct journal *journal)
{
	char *source = percent_encode(journal->systems[0]);
	char *destination = percent_encode(journal->systems[1]);
	char *header =
		xasprintf("%s %s %s\n", JOURNAL_MAGIC, source, destination);

	free(source);
	free(destination);
	return header;
}

static int journal_fail(
	struct journal *journal, struct error *error, const char *what)
{
	if (!journal->failed)
		error_set(&journal->failure, "%s journal %s: %s", what,
			journal->path, strerror(errno));
	journal->failed = true;
	error_set(error, "%s", journal->failure.text);
	return -1;
}

/* Makes a new or renamed file last. */
static int journal_sync_directory(struct journal *journal, struct error *error)
{
	int directory =
		open(journal->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = 0;

	if (directory < 0 || fsync(directory) < 0)
		result = journal_fail(journal, error, "sync directory of");
	if (directory >= 0)
		close(directory);
	return result;
}

static int journal_write(int file, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t put = write(file, data, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		data += put;
		size -= (size_t)put;
	}
	return 0;
}

int journal_flush(struct journal *journal, struct error *error)
{
	int result = 0;

	pthread_mutex_lock(&journal->mutex);
	if (journal->failed) {
		error_set(error, "%s", journal->failure.text);
		result = -1;
	} else if (journal->out.size > 0 &&
		   journal_write(journal->file, journal->out.data,
			   journal->out.size) < 0) {
		result = journal_fail(journal, error, "write");
	} else {
		buffer_clear(&journal->out);
	}
	pthread_mutex_unlock(&journal->mutex);
	return result;
}

int journal_sync(struct journal *journal, struct error *error)
{
	if (journal_flush(journal, error) < 0)
		return -1;
	if (fdatasync(journal->file) < 0)
		return journal_fail(journal, error, "sync");
	return 0;
}

static int journal_lock(struct journal *journal, const char *name, bool *busy_r,
	struct error *error)
{
	char *path = xasprintf("%s/%s.lock", journal->directory, name);
	int result = 0;

	journal->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (journal->lock < 0) {
		error_set(error, "open lock %s: %s", path, strerror(errno));
		result = -1;
	} else if (flock(journal->lock, LOCK_EX | LOCK_NB) < 0) {
		*busy_r = errno == EWOULDBLOCK;
		error_set(error, "lock %s: %s", path,
			*busy_r ? "another copier works on it"
				: strerror(errno));
		result = -1;
	}
	free(path);
	return result;
}

/* Reads the lines behind the header. What follows the last whole line is torn
 * and cut off. */
static int journal_replay(
	struct journal *journal, FILE *in, struct error *error)
{
	off_t good = ftello(in);
	char *line = NULL;
	size_t room = 0;
	ssize_t size;

	while ((size = getline(&line, &room, in)) > 0 &&
		line[size - 1] == '\n') {
		line[--size] = '\0';
		journal->lines++;
		journal->replayed += (size_t)size + 1;
		if (!journal_scan_line(journal, line, (size_t)size))
			journal->damaged++;
		good += size + 1;
	}
	free(line);
	if (ferror(in))
		return journal_fail(journal, error, "read");
	if (ftruncate(journal->file, good) < 0)
		return journal_fail(journal, error, "cut");
	return 0;
}

/* 1: the file has our header, 0: it is empty or torn in it, -1: it belongs to
 * other systems. */
static int journal_check(struct journal *journal, FILE *in)
{
	char *header = journal_header(journal);
	char *line = NULL;
	size_t room = 0;
	ssize_t size = getline(&line, &room, in);
	int result = -1;

	if (size <= 0 || (line[size - 1] != '\n' &&
				 strncmp(line, header, (size_t)size) == 0))
		result = 0;
	else if (strcmp(line, header) == 0)
		result = 1;
	free(line);
	free(header);
	return result;
}

static int journal_begin(struct journal *journal, struct error *error)
{
	char *header = journal_header(journal);
	int result = 0;

	if (ftruncate(journal->file, 0) < 0 ||
		journal_write(journal->file, header, strlen(header)) < 0 ||
		fsync(journal->file) < 0)
		result = journal_fail(journal, error, "begin");
	free(header);
	return result < 0 ? -1 : journal_sync_directory(journal, error);
}

static int journal_open_file(struct journal *journal, struct error *error)
{
	journal->file = open(
		journal->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (journal->file < 0)
		return journal_fail(journal, error, "open");
	return 0;
}

static int journal_set_aside(struct journal *journal, struct error *error)
{
	char *old = xasprintf("%s.old", journal->path);
	int result = 0;

	close(journal->file);
	journal->file = -1;
	if (rename(journal->path, old) < 0)
		result = journal_fail(journal, error, "rename");
	free(old);
	return result < 0 ? -1 : journal_open_file(journal, error);
}

static int journal_load(struct journal *journal, struct error *error)
{
	int copy = dup(journal->file);
	FILE *in = copy < 0 ? NULL : fdopen(copy, "r");
	int result;

	if (in == NULL)
		return journal_fail(journal, error, "read");
	setvbuf(in, NULL, _IOFBF, JOURNAL_PIECE);
	result = journal_check(journal, in);
	if (result > 0) {
		result = journal_replay(journal, in, error);
		fclose(in);
		return result;
	}
	fclose(in);
	if (result < 0 && journal_set_aside(journal, error) < 0)
		return -1;
	return journal_begin(journal, error);
}

struct journal *journal_open(const char *directory, const char *name,
	const char *const systems[2], struct flagpool *flags, bool *busy_r,
	struct error *error)
{
	struct journal *journal = xcalloc(1, sizeof(*journal));

	journal->directory = xstrdup(directory);
	journal->path = xasprintf("%s/%s.journal", directory, name);
	journal->systems[0] = xstrdup(systems[0]);
	journal->systems[1] = xstrdup(systems[1]);
	journal->flags = flags;
	journal->file = -1;
	journal->lock = -1;
	pthread_mutex_init(&journal->mutex, NULL);
	*busy_r = false;
	if (journal_lock(journal, name, busy_r, error) < 0 ||
		journal_open_file(journal, error) < 0 ||
		journal_load(journal, error) < 0)
		journal_close(&journal);
	return journal;
}

static void journal_free_folders(struct journal *journal)
{
	size_t i;

	for (i = 0; i < journal->folders_count; i++)
		journal_folder_free(journal->folders[i]);
	free(journal->folders);
	journal->folders = NULL;
	journal->folders_count = journal->folders_room = 0;
	namehash_free(&journal->names[0]);
	namehash_free(&journal->names[1]);
}

void journal_close(struct journal **journal)
{
	struct journal *old = *journal;

	if (old == NULL)
		return;
	journal_free_folders(old);
	if (old->file >= 0)
		close(old->file);
	if (old->lock >= 0)
		close(old->lock);
	pthread_mutex_destroy(&old->mutex);
	buffer_free(&old->out);
	free(old->path);
	free(old->directory);
	free(old->systems[0]);
	free(old->systems[1]);
	free(old);
	*journal = NULL;
}

/* Drops what is over from memory. */
static void journal_squeeze(struct journal *journal)
{
	size_t i, j, kept = 0;

	for (i = 0; i < journal->folders_count; i++) {
		struct journal_folder *folder = journal->folders[i];
		size_t pairs = 0;

		if (folder->gone) {
			journal_folder_free(folder);
			continue;
		}
		for (j = 0; j < folder->pairs_count; j++)
			if (!folder->pairs[j].gone)
				folder->pairs[pairs++] = folder->pairs[j];
		folder->pairs_count = pairs;
		journal_forget_paired(folder);
		journal->folders[kept++] = folder;
	}
	journal->folders_count = kept;
	journal_index(journal);
}

static void journal_print_side(struct journal *journal,
	const struct journal_folder *folder, enum journal_side side)
{
	size_t i;

	if (folder->made[side])
		journal_line(journal, "M %u %d", folder->id, (int)side);
	if (folder->subscribed[side])
		journal_line(journal, "B %u %d 1", folder->id, (int)side);
	journal_print_uidvalidity(journal, folder, side);
	for (i = 0; i < folder->foreign[side].count; i++)
		journal_line(journal, "O %u %d %u", folder->id, (int)side,
			(unsigned)folder->foreign[side].uids[i]);
	if (folder->seen[side].uidvalidity != 0)
		journal_print_seen(journal, folder, side);
}

static void journal_print_all(struct journal *journal)
{
	size_t i, j;

	journal->lines = 0;
	for (i = 0; i < journal->folders_count; i++) {
		const struct journal_folder *folder = journal->folders[i];

		journal_print_folder(journal, folder);
		journal_print_side(journal, folder, JOURNAL_SOURCE);
		journal_print_side(journal, folder, JOURNAL_DESTINATION);
		for (j = 0; j < folder->pairs_count; j++)
			journal_print_pair(journal, folder, j);
		for (j = 0; j < folder->intents_count; j++)
			journal_print_intent(
				journal, folder, &folder->intents[j]);
		for (j = 0; j < folder->verdicts_count; j++)
			journal_print_verdict(
				journal, folder, &folder->verdicts[j]);
	}
}

/* Writes all anew beside the old file and puts it in its place. */
static int journal_rewrite(struct journal *journal, struct error *error)
{
	char *path = xasprintf("%s.new", journal->path);
	char *header = journal_header(journal);
	int file = open(
		path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	int result = 0;

	journal_print_all(journal);
	if (file < 0 || journal_write(file, header, strlen(header)) < 0 ||
		journal_write(file, journal->out.data, journal->out.size) < 0 ||
		fsync(file) < 0 || rename(path, journal->path) < 0) {
		result = journal_fail(journal, error, "rewrite");
		if (file >= 0)
			close(file);
		/* Half of it would only fill the disk further. */
		unlink(path);
	} else {
		close(journal->file);
		journal->file = file;
		buffer_free(&journal->out);
		result = journal_sync_directory(journal, error);
	}
	free(header);
	free(path);
	return result;
}

int journal_compact(struct journal *journal, struct error *error)
{
	size_t needed = 0, i;

	if (journal_sync(journal, error) < 0)
		return -1;
	for (i = 0; i < journal->folders_count; i++) {
		const struct journal_folder *folder = journal->folders[i];

		if (!folder->gone)
			needed += folder->known[0] + folder->known[1] -
				  folder->live + folder->foreign[0].count +
				  folder->foreign[1].count;
	}
	/* A copied message is two lines, intent and pair. */
	if (journal->lines <= 3 * needed + JOURNAL_WASTE)
		return 0;
	journal_squeeze(journal);
	return journal_rewrite(journal, error);
}
