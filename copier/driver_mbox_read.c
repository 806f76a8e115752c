/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an mbox file: locked as mail programs lock it, taken apart, and each
 * message known by its digest, and by its place among its equals. The digest
 * is of what is sent, so that a new flag makes no new message.
 */
#include "config.h"

#include "copier/driver_mbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "copier/crlf.h"
#include "copier/local_file.h"

#include "lib/hex.h"
#include "lib/xalloc.h"

#define MBOX_PIECE 65536
/* How long writers are waited for, and how often (ms). */
#define MBOX_WAIT_MS  20000
#define MBOX_PAUSE_MS 50
/* A lock file that is older was left behind (s). */
#define MBOX_STALE 600
/* Times that a file may change while it is read. */
#define MBOX_LOOKS 5

/* ---- locks ---- */

static bool mbox_is_dotlocked(const char *path)
{
	char *lock = xasprintf("%s.lock", path);
	struct stat status;
	bool locked = lstat(lock, &status) == 0 &&
		      status.st_mtime > time(NULL) - MBOX_STALE;

	free(lock);
	return locked;
}

static void mbox_pause(void)
{
	const struct timespec pause = { 0, MBOX_PAUSE_MS * 1000000L };

	nanosleep(&pause, NULL);
}

int mbox_open_locked(const char *root, const char *path, struct stat *status_r,
	struct error *error)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int waited, file, cause = 0;

	for (waited = 0; waited < MBOX_WAIT_MS; waited += MBOX_PAUSE_MS) {
		file = local_file_open(root, path, status_r, error);
		if (file < 0)
			return -1;
		cause = EAGAIN;
		if (!mbox_is_dotlocked(path)) {
			if (fcntl(file, F_OFD_SETLK, &lock) == 0 &&
				fstat(file, status_r) == 0)
				return file;
			cause = errno;
		}
		close(file);
		if (cause != EAGAIN && cause != EACCES)
			break;
		mbox_pause();
	}
	error_set(error, "lock %s: %s", path,
		cause == EAGAIN || cause == EACCES
			? "another program has it locked"
			: strerror(cause));
	errno = cause;
	return -1;
}

bool mbox_is_same(int file, const char *path, const struct stat *then)
{
	struct stat now;

	return fstat(file, &now) == 0 && now.st_ino == then->st_ino &&
	       now.st_dev == then->st_dev && now.st_size == then->st_size &&
	       now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == then->st_mtim.tv_nsec &&
	       now.st_ctim.tv_sec == then->st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == then->st_ctim.tv_nsec &&
	       !mbox_is_dotlocked(path);
}

/* ---- taking apart ---- */

/* What stands behind a body of this length ends it: the end of the file, or a
 * From_ line, with or without an empty line before it. */
static bool mbox_is_length(int file, off_t body, int64_t length)
{
	char behind[8];
	off_t at = body + (off_t)length;
	ssize_t got;
	struct stat status;
	size_t skip;

	if (length < 0 || fstat(file, &status) < 0 || at > status.st_size)
		return false;
	got = local_file_read(file, behind, sizeof(behind), at);
	if (got < 0)
		return false;
	skip = got > 1 && memcmp(behind, "\r\n", 2) == 0 ? 2
	       : got > 0 && behind[0] == '\n'		 ? 1
							 : 0;
	if ((size_t)got == skip)
		return true;
	return (size_t)got >= skip + 5 &&
	       memcmp(behind + skip, "From ", 5) == 0;
}

struct mbox_walking {
	int file;
	const struct mbox_walker *walker;
	void *context;
	struct mbox_parser parser;
	off_t at; /* behind what the parser has used */
};

static int mbox_walk_event(struct mbox_walking *walking, enum mbox_event event)
{
	struct mbox_parser *parser = &walking->parser;
	const struct mbox_walker *walker = walking->walker;

	switch (event) {
	case MBOX_BAD:
		return -1;
	case MBOX_MORE:
		return 0;
	case MBOX_BEGIN:
		return walker->begin(walking->context, parser,
			walking->at - (off_t)parser->from_size);
	case MBOX_DATA:
		return walker->data(
			walking->context, parser->data, parser->data_size);
	case MBOX_HEAD:
		if (mbox_is_length(
			    walking->file, walking->at, parser->content_length))
			mbox_parse_trust(
				parser, (uint64_t)parser->content_length);
		return 0;
	case MBOX_END:
		return walker->end(walking->context, parser,
			walking->at - (off_t)parser->line_size);
	}
	return -1;
}

/* Gives the parser what was read. 0 or -1. */
static int mbox_walk_piece(
	struct mbox_walking *walking, const char *piece, size_t size)
{
	size_t from = 0, used;
	enum mbox_event event;

	do {
		event = mbox_parse_feed(
			&walking->parser, piece + from, size - from, &used);
		from += used;
		walking->at += (off_t)used;
		if (mbox_walk_event(walking, event) < 0)
			return -1;
	} while (event != MBOX_MORE || from < size);
	return 0;
}

int mbox_walk(const struct mbox_mailbox *mbox, int file, off_t from, off_t to,
	const struct mbox_walker *walker, void *context, struct error *error)
{
	struct mbox_walking walking = {
		.file = file, .walker = walker, .context = context, .at = from
	};
	char *piece = xmalloc(MBOX_PIECE);
	enum mbox_event event;
	ssize_t got;
	int result = 0;

	error_set(error, "it is no mbox: it does not begin with \"From \"");
	mbox_parse_begin(&walking.parser, mbox->quoting);
	while (result == 0 && from < to) {
		size_t most = to - from < MBOX_PIECE ? (size_t)(to - from)
						     : MBOX_PIECE;

		got = local_file_read(file, piece, most, from);
		if (got <= 0) {
			error_set(error, "read: %s",
				got < 0 ? strerror(errno)
					: "it is shorter now");
			result = -1;
			break;
		}
		result = mbox_walk_piece(&walking, piece, (size_t)got);
		from += got;
	}
	while (result == 0 &&
		(event = mbox_parse_finish(&walking.parser)) != MBOX_MORE)
		result = mbox_walk_event(&walking, event);
	mbox_parse_free(&walking.parser);
	free(piece);
	return result == 0;
}

/* ---- which message is which ---- */

struct mbox_reading {
	struct mbox_mailbox *mbox;
	struct mbox_message *messages;
	size_t count, room;
	struct mbox_message present;
	struct crlf crlf;
};

static int mbox_reading_begin(
	void *context, const struct mbox_parser *parser, off_t at)
{
	struct mbox_reading *reading = context;

	memset(&reading->present, 0, sizeof(reading->present));
	reading->present.from = at;
	memcpy(reading->present.date, parser->date, MAILDATE_SIZE);
	reading->crlf.cr = false;
	digest_begin(reading->mbox->digest);
	return 0;
}

static int mbox_reading_data(void *context, const char *data, size_t size)
{
	struct mbox_reading *reading = context;
	char converted[16384];

	while (size > 0) {
		size_t take = size < sizeof(converted) / 2
				      ? size
				      : sizeof(converted) / 2;
		size_t became =
			crlf_convert(&reading->crlf, data, take, converted);

		digest_add(reading->mbox->digest, converted, became);
		reading->present.size += became;
		data += take;
		size -= take;
	}
	return 0;
}

static int mbox_reading_end(
	void *context, const struct mbox_parser *parser, off_t at)
{
	struct mbox_reading *reading = context;

	if (reading->count == reading->room) {
		reading->room = reading->room > 0 ? 2 * reading->room : 64;
		reading->messages = xreallocarray(reading->messages,
			reading->room, sizeof(*reading->messages));
	}
	digest_end(reading->mbox->digest, reading->present.digest);
	if (parser->deleted || parser->internal)
		return 0;
	reading->present.to = at;
	reading->present.flags = flagpool_get(
		reading->mbox->flags, parser->flags.data, parser->flags.size);
	reading->messages[reading->count++] = reading->present;
	return 0;
}

/* The UID of a message: equal ones are counted. */
static uint32_t mbox_give_uid(struct mbox_mailbox *mbox, struct uidmap *seen,
	struct uidmap_folder *seen_folder, struct uidmap_folder *uids,
	const unsigned char *digest, int64_t *since_r)
{
	char identity[2 * JOURNAL_DIGEST + 16];
	uint32_t place, uid;

	hex_print(digest, JOURNAL_DIGEST, identity);
	for (place = 0;; place++) {
		snprintf(identity + 2 * JOURNAL_DIGEST, 16, " %u",
			(unsigned)place);
		if (uidmap_find(seen, seen_folder, identity, NULL) == 0)
			break;
	}
	uidmap_add(seen, seen_folder, identity, 0);
	uid = uidmap_find(mbox->map, uids, identity, since_r);
	if (uid != 0)
		return uid;
	*since_r = time(NULL);
	return uidmap_add(mbox->map, uids, identity, 0);
}

static int mbox_message_compare(const void *left, const void *right)
{
	const struct mbox_message *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

/* Makes what was read the folder's. 1 or -1. */
static int mbox_reading_take(struct mbox_reading *reading,
	struct mbox_folder *folder, struct error *error)
{
	struct mbox_mailbox *mbox = reading->mbox;
	struct uidmap *seen = uidmap_open(NULL, "", error);
	struct uidmap_folder *seen_folder = uidmap_folder(seen, "", 1);
	size_t i, kept = 0;

	folder->uids = uidmap_folder(mbox->map, folder->name, 0);
	for (i = 0; folder->uids != NULL && i < reading->count; i++) {
		struct mbox_message *message = &reading->messages[i];
		int64_t since;

		message->uid = mbox_give_uid(mbox, seen, seen_folder,
			folder->uids, message->digest, &since);
		if (message->date[0] == '\0')
			maildate_print(since, 0, message->date);
		/* A lane that only reads leaves new ones for later. */
		if (message->uid != 0)
			reading->messages[kept++] = *message;
	}
	uidmap_close(&seen);
	if (kept > 0)
		qsort(reading->messages, kept, sizeof(*reading->messages),
			mbox_message_compare);
	mbox_folder_forget(folder);
	folder->messages = reading->messages;
	folder->count = kept;
	folder->known = true;
	reading->messages = NULL;
	return uidmap_save(mbox->map, error) < 0 ? -1 : 1;
}

/* One look at the file. 1; 0 with an error; 2: it has changed meanwhile. */
static int mbox_look(struct mbox_mailbox *mbox, struct mbox_folder *folder,
	struct error *error)
{
	static const struct mbox_walker walker = { mbox_reading_begin,
		mbox_reading_data, mbox_reading_end };
	struct mbox_reading reading = { .mbox = mbox };
	struct stat status;
	int file = mbox_open_locked(mbox->root, folder->path, &status, error);
	int result;

	if (file < 0)
		return 0;
	if (folder->known &&
		mbox_is_same(file, folder->path, &folder->status)) {
		close(file);
		return 1;
	}
	result = mbox_walk(
		mbox, file, 0, status.st_size, &walker, &reading, error);
	if (!mbox_is_same(file, folder->path, &status))
		result = 2;
	else if (result == 0)
		error_prefix(error, "%s", folder->path);
	close(file);
	if (result == 1) {
		folder->status = status;
		result = mbox_reading_take(&reading, folder, error);
	}
	free(reading.messages);
	return result;
}

int mbox_read(struct mbox_mailbox *mbox, struct mbox_folder *folder,
	struct error *error)
{
	int looks, result = 2;

	for (looks = 0; result == 2 && looks < MBOX_LOOKS; looks++) {
		if (looks > 0)
			mbox_pause();
		result = mbox_look(mbox, folder, error);
	}
	if (result == 2) {
		error_set(error, "%s changes all the time", folder->path);
		result = 0;
	}
	if (result != 1)
		mbox_folder_forget(folder);
	return result;
}

struct mbox_message *mbox_find(const struct mbox_folder *folder, uint32_t uid)
{
	const struct mbox_message key = { .uid = uid };

	if (folder->count == 0)
		return NULL;
	return bsearch(&key, folder->messages, folder->count,
		sizeof(*folder->messages), mbox_message_compare);
}
