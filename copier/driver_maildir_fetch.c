/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading messages of a Maildir. A file that is not where it was has been
 * renamed, for its flags have changed, or is gone: the folder is looked at
 * again. What is no file, or no message, is refused and the others are read.
 */
#include "config.h"

#include "copier/driver_maildir_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copier/crlf.h"
#include "copier/local_file.h"

#include "lib/xalloc.h"

#define MAILDIR_PIECE 65536
/* Looks at the folder during one fetch; what is not found then is gone. */
#define MAILDIR_LOOKS_AGAIN 20

struct maildir_fetching {
	struct maildir_mailbox *maildir;
	const struct mailbox_sink *sink;
	void *context;
	struct error *error; /* the caller's: the sink has written there */
	int looks;
	uint64_t refused;
	struct error words; /* of the first refused */
};

/* Converts the file into the spool. 1; 0 refused with words; -1. */
static int maildir_spool(struct spool *spool, int file, const char *path,
	struct error *words, struct error *error)
{
	char *piece = xmalloc(3 * MAILDIR_PIECE);
	char *converted = piece + MAILDIR_PIECE;
	struct crlf crlf = { false };
	const char *fault;
	off_t at = 0;
	ssize_t got;
	int result = 1;

	spool_clear(spool);
	while (result == 1 &&
		(got = local_file_read(file, piece, MAILDIR_PIECE, at)) != 0) {
		fault = got < 0	  ? strerror(errno)
			: at == 0 ? local_file_fault(piece, (size_t)got)
				  : NULL;
		if (fault != NULL) {
			error_set(words, "%s: %s", path, fault);
			result = 0;
			break;
		}
		at += got;
		if (spool_add(spool, converted,
			    crlf_convert(&crlf, piece, (size_t)got, converted),
			    error) < 0)
			result = -1;
	}
	free(piece);
	return result;
}

/* Opens the file of a message, wherever it is now. The descriptor; -1 with
 * words, or with *gone_r. */
static int maildir_open_message(struct maildir_fetching *fetching, uint32_t uid,
	struct stat *status_r, bool *gone_r, struct error *words)
{
	struct maildir_mailbox *maildir = fetching->maildir;
	const struct maildir_message *message = maildir_find(maildir, uid);
	struct maildir_folder folder = { .path = NULL };
	int file = -1, tries;

	for (tries = 0; message != NULL; tries++) {
		char *path = xasprintf("%s/%s", maildir->path, message->file);

		file = local_file_open(maildir->root, path, status_r, words);
		free(path);
		if (file >= 0 || errno != ENOENT || tries > 0 ||
			fetching->looks++ > MAILDIR_LOOKS_AGAIN)
			break;
		folder.path = xstrdup(maildir->path);
		folder.name = xstrdup(maildir->name);
		if (maildir_read(maildir, &folder, words) != 1)
			errno = ENOENT;
		free(folder.path);
		free(folder.name);
		message = maildir_find(maildir, uid);
	}
	*gone_r = message == NULL || (file < 0 && errno == ENOENT);
	return file;
}

/* Gives the spooled message to the sink. 0 or -1. */
static int maildir_give(struct maildir_fetching *fetching, uint32_t uid,
	const struct stat *status)
{
	const struct mailbox_sink *sink = fetching->sink;
	struct spool *spool = fetching->maildir->spool;
	struct mailbox_message told = { .uid = uid,
		.flags = maildir_find(fetching->maildir, uid)->flags,
		.size = spool_size(spool) };
	int result;

	maildate_print(status->st_mtim.tv_sec, 0, told.date);
	result = sink->begin(fetching->context, &told);
	if (result > 0 && spool_replay(spool, sink->data, fetching->context,
				  fetching->error) != 1)
		result = -1;
	if (result > 0 && sink->end(fetching->context) < 0)
		result = -1;
	return result < 0 ? -1 : 0;
}

static int maildir_fetch_one(struct maildir_fetching *fetching, uint32_t uid)
{
	struct error words = { "" };
	struct stat status;
	bool gone;
	int file = maildir_open_message(fetching, uid, &status, &gone, &words);
	int result = file >= 0;

	if (gone)
		return 0;
	if (file >= 0) {
		result = maildir_spool(fetching->maildir->spool, file,
			maildir_find(fetching->maildir, uid)->file, &words,
			fetching->error);
		close(file);
	}
	if (result == 1)
		return maildir_give(fetching, uid, &status);
	if (result == 0 && fetching->refused++ == 0)
		fetching->words = words;
	return result;
}

int maildir_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error)
{
	struct error local = { "" };
	struct maildir_fetching fetching = { .maildir =
						     maildir_mailbox(mailbox),
		.sink = sink,
		.context = context,
		.error = error != NULL ? error : &local };
	size_t i;

	for (i = 0; i < uids->count; i++)
		if (maildir_fetch_one(&fetching, uids->uids[i]) < 0)
			return -1;
	if (fetching.refused == 0)
		return 1;
	error_set(fetching.error,
		"%" PRIu64 " messages cannot be read; first: %s",
		fetching.refused, fetching.words.text);
	return 0;
}

/* A scan with sizes reads the files as a fetch does. */
struct maildir_scanning {
	mailbox_message_fn *callback;
	void *context;
};

static int maildir_scanning_begin(
	void *context, const struct mailbox_message *message)
{
	const struct maildir_scanning *scanning = context;

	return scanning->callback(scanning->context, message) < 0 ? -1 : 0;
}

static int maildir_scan_measured(struct mailbox *mailbox,
	const struct uidset *uids, mailbox_message_fn *callback, void *context,
	struct error *error)
{
	static const struct mailbox_sink sink = {
		.begin = maildir_scanning_begin
	};
	struct maildir_scanning scanning = { callback, context };

	return maildir_mailbox_fetch(mailbox, uids, &sink, &scanning, error);
}

int maildir_mailbox_scan(struct mailbox *mailbox,
	const struct mailbox_scan *scan, mailbox_message_fn *callback,
	void *context, struct error *error)
{
	struct maildir_mailbox *maildir = maildir_mailbox(mailbox);
	struct uidset uids = UIDSET_EMPTY;
	int result = 1;
	size_t i;

	for (i = 0; i < maildir->count && result == 1; i++) {
		struct mailbox_message told = { .uid = maildir->messages[i].uid,
			.flags = maildir->messages[i].flags };

		if (scan->uids != NULL ? !uidset_has(scan->uids, told.uid)
				       : told.uid < scan->first)
			continue;
		if (scan->measured)
			uidset_add(&uids, told.uid);
		else if (callback(context, &told) < 0)
			result = -1;
	}
	if (uids.count > 0)
		result = maildir_scan_measured(
			mailbox, &uids, callback, context, error);
	uidset_free(&uids);
	return result;
}
