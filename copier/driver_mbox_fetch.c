/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading messages of an mbox: the file is locked for one message at a time, so
 * that mail can come in, and looked at again when it is not as it was.
 */
#include "config.h"

#include "copier/driver_mbox_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "copier/crlf.h"

#define MBOX_TRIES 5

struct mbox_fetching {
	struct mbox_mailbox *mbox;
	struct mbox_folder *folder;
	const struct mailbox_sink *sink;
	void *context;
	struct error *error; /* the caller's: the sink has written there */
	struct crlf crlf;
	bool full; /* the disk: error says so */
	uint64_t refused;
	struct error words; /* of the first refused */
};

static int mbox_fetching_begin(
	void *context, const struct mbox_parser *parser, off_t at)
{
	struct mbox_fetching *fetching = context;

	(void)parser;
	(void)at;
	fetching->crlf.cr = false;
	digest_begin(fetching->mbox->digest);
	return 0;
}

static int mbox_fetching_data(void *context, const char *data, size_t size)
{
	struct mbox_fetching *fetching = context;
	char converted[16384];

	while (size > 0) {
		size_t take = size < sizeof(converted) / 2
				      ? size
				      : sizeof(converted) / 2;
		size_t became =
			crlf_convert(&fetching->crlf, data, take, converted);

		digest_add(fetching->mbox->digest, converted, became);
		if (spool_add(fetching->mbox->spool, converted, became,
			    fetching->error) < 0) {
			fetching->full = true;
			return -1;
		}
		data += take;
		size -= take;
	}
	return 0;
}

static int mbox_fetching_end(
	void *context, const struct mbox_parser *parser, off_t at)
{
	(void)context;
	(void)parser;
	(void)at;
	return 0;
}

/*
 * Puts the message into the spool. 1; 0 with words; 2: it is not where it was,
 * for the file has changed; 3: it is gone. That the file has changed elsewhere
 * is no matter.
 */
static int mbox_spool(
	struct mbox_fetching *fetching, uint32_t uid, struct error *words)
{
	static const struct mbox_walker walker = { mbox_fetching_begin,
		mbox_fetching_data, mbox_fetching_end };
	struct mbox_folder *folder = fetching->folder;
	const struct mbox_message *message = mbox_find(folder, uid);
	unsigned char digest[JOURNAL_DIGEST];
	struct stat status;
	int file, result;

	if (message == NULL)
		return 3;
	file = mbox_open_locked(
		fetching->mbox->root, folder->path, &status, words);
	if (file < 0)
		return errno == ENOENT ? 3 : 0;
	spool_clear(fetching->mbox->spool);
	digest_begin(fetching->mbox->digest);
	result = mbox_walk(fetching->mbox, file, message->from, message->to,
		&walker, fetching, words);
	digest_end(fetching->mbox->digest, digest);
	if (result == 1 &&
		memcmp(digest, message->digest, sizeof(digest)) != 0) {
		error_set(words, "it cannot be read twice alike");
		result = 0;
	}
	if (result == 0 && !mbox_is_same(file, folder->path, &folder->status))
		result = 2;
	close(file);
	return result;
}

/* Gives the spooled message to the sink. 0 or -1. */
static int mbox_give(
	struct mbox_fetching *fetching, const struct mbox_message *message)
{
	const struct mailbox_sink *sink = fetching->sink;
	struct mailbox_message told = { .uid = message->uid,
		.flags = message->flags,
		.size = message->size };
	int result;

	memcpy(told.date, message->date, MAILDATE_SIZE);
	result = sink->begin(fetching->context, &told);
	if (result > 0 && spool_replay(fetching->mbox->spool, sink->data,
				  fetching->context, fetching->error) != 1)
		result = -1;
	if (result > 0 && sink->end(fetching->context) < 0)
		result = -1;
	return result < 0 ? -1 : 0;
}

static int mbox_fetch_one(struct mbox_fetching *fetching, uint32_t uid)
{
	struct error words = { "the file changes all the time" };
	int tries, result = 2;

	for (tries = 0; result == 2 && tries < MBOX_TRIES; tries++) {
		result = mbox_spool(fetching, uid, &words);
		if (result == 2 && mbox_read(fetching->mbox, fetching->folder,
					   &words) != 1)
			result = 0;
	}
	if (fetching->full)
		return -1;
	if (result == 3)
		return 0;
	if (result == 1)
		return mbox_give(fetching, mbox_find(fetching->folder, uid));
	if (fetching->refused++ == 0)
		fetching->words = words;
	return 0;
}

int mbox_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error)
{
	struct mbox_mailbox *mbox = mbox_mailbox(mailbox);
	struct error local = { "" };
	struct mbox_fetching fetching = { .mbox = mbox,
		.folder = mbox->selected,
		.sink = sink,
		.context = context,
		.error = error != NULL ? error : &local };
	size_t i;

	for (i = 0; fetching.folder != NULL && i < uids->count; i++)
		if (mbox_fetch_one(&fetching, uids->uids[i]) < 0)
			return -1;
	if (fetching.refused == 0)
		return 1;
	error_set(fetching.error,
		"%" PRIu64 " messages cannot be read; first: %s",
		fetching.refused, fetching.words.text);
	return 0;
}

int mbox_mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error)
{
	const struct mbox_folder *folder = mbox_mailbox(mailbox)->selected;
	size_t i;

	(void)error;
	for (i = 0; folder != NULL && i < folder->count; i++) {
		const struct mbox_message *message = &folder->messages[i];
		struct mailbox_message told = { .uid = message->uid,
			.flags = message->flags };

		if (scan->uids != NULL ? !uidset_has(scan->uids, told.uid)
				       : told.uid < scan->first)
			continue;
		if (scan->measured) {
			told.size = message->size;
			memcpy(told.date, message->date, MAILDATE_SIZE);
		}
		if (callback(context, &told) < 0)
			return -1;
	}
	return 1;
}
