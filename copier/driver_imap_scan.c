/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans: flags, sizes and dates of the messages of a folder. A FETCH response
 * is attributed by the UID in it, never by the tag that follows.
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <string.h>

struct imap_scanning {
	struct imap_mailbox *imap;
	const struct mailbox_scan *scan;
	mailbox_message_fn *callback;
	void *context;
	struct uidset told;
	size_t most; /* messages that the folder had at any time of the scan */
};

/* What comes and goes while the scan is under way. */
static void imap_scanning_count(
	struct imap_scanning *scanning, const struct imap_response *response)
{
	struct imap_mailbox *imap = scanning->imap;

	if (imap_span_is(response->word, "EXPUNGE") && imap->exists > 0)
		imap->exists--;
	if (imap_span_is(response->word, "EXISTS") &&
		response->number > imap->exists) {
		scanning->most += response->number - imap->exists;
		imap->came += (uint32_t)response->number - imap->exists;
		imap->exists = (uint32_t)response->number;
	}
}

static int imap_scanning_tell(struct imap_scanning *scanning,
	const struct imap_fetch *fetch, struct error *error)
{
	struct mailbox_message message;

	uidset_add(&scanning->told, fetch->uid);
	if (scanning->told.count > scanning->most) {
		error_set(error, "the server tells of more messages than there "
				 "are");
		return -1;
	}
	imap_fetch_message(scanning->imap, fetch, &message);
	return scanning->callback(scanning->context, &message);
}

static int imap_scanning_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_scanning *scanning = context;
	struct imap_fetch fetch;
	int result = 0;

	if (response->kind != IMAP_DATA)
		return 0;
	imap_scanning_count(scanning, response);
	if (!imap_span_is(response->word, "FETCH"))
		return 0;
	if (imap_fetch_parse(response->rest, false, &fetch) < 0)
		result = imap_fetch_bad(error);
	/* Others are told of their own accord: some flags have changed. */
	else if (fetch.uid != 0 && fetch.uid >= scanning->scan->first &&
		 fetch.has_flags &&
		 (!scanning->scan->measured ||
			 (fetch.has_size && fetch.date[0] != '\0')))
		result = imap_scanning_tell(scanning, &fetch, error);
	buffer_free(&fetch.body);
	return result;
}

static const struct imap_handler imap_scanning_handler = {
	.data = imap_scanning_data,
};

static int imap_scan_set(struct imap_mailbox *imap,
	const struct mailbox_scan *scan, const char *set, size_t size,
	struct error *error)
{
	unsigned tag = imap_command(imap->session, "UID FETCH ");

	imap_command_bytes(imap->session, set, size);
	imap_command_add(imap->session, " (UID FLAGS%s%s)",
		scan->measured ? " RFC822.SIZE INTERNALDATE" : "",
		imap->features.modseq ? " MODSEQ" : "");
	if (scan->changed_since > 0)
		imap_command_add(imap->session, " (CHANGEDSINCE %llu)",
			(unsigned long long)scan->changed_since);
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}

/* Silence about a message does not mean that it is gone: 1, or 0 when one that
 * is there was not told of. */
static int imap_scan_check(
	const struct imap_scanning *scanning, struct error *error)
{
	const struct mailbox_scan *scan = scanning->scan;
	const struct imap_mailbox *imap = scanning->imap;
	size_t least =
		imap->exists > imap->came ? imap->exists - imap->came : 0;

	if (scan->uids != NULL || scan->changed_since > 0 || scan->first > 1 ||
		scanning->told.count >= least)
		return 1;
	error_set(error, "the server tells of %zu messages of %zu",
		scanning->told.count, least);
	return 0;
}

int imap_mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_scanning scanning = { .imap = imap,
		.scan = scan,
		.callback = callback,
		.context = context,
		.most = imap->exists };
	struct buffer set = BUFFER_EMPTY;
	size_t index = 0;
	int result = 1;

	/* Servers differ on "1:*" in an empty folder. */
	if (imap->exists == 0)
		return 1;
	imap_session_handle(imap->session, &imap_scanning_handler, &scanning);
	if (scan->uids == NULL) {
		/* "n:*" is the last message even when that is below n. */
		buffer_printf(&set, "%u:*",
			scan->first > 0 ? (unsigned)scan->first : 1);
		result = imap_scan_set(imap, scan, set.data, set.size, error);
	}
	while (scan->uids != NULL && result == 1 && index < scan->uids->count) {
		buffer_clear(&set);
		index = uidset_print(
			scan->uids, index, IMAP_SET_UIDS, IMAP_SET_ROOM, &set);
		result = imap_scan_set(imap, scan, set.data, set.size, error);
	}
	if (result == 1)
		result = imap_scan_check(&scanning, error);
	imap_session_handle(imap->session, NULL, NULL);
	uidset_free(&scanning.told);
	buffer_free(&set);
	return result;
}
