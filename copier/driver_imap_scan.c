/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans: flags, sizes and dates of the messages of a folder, all of them or
 * what has changed (RFC 7162). A FETCH response is attributed by the UID in it,
 * never by the tag that follows; in a look at several folders by the SELECT
 * that has been answered last.
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/uidmarks.h"

/* Looks under way at once. */
#define IMAP_LOOKS_MAX 16
/* VANISHED is one line: with more gaps among the UIDs it is not asked for. */
#define IMAP_LOOK_GAPS_MAX 50000

struct imap_scanning {
	struct imap_mailbox *imap;
	const struct mailbox_scan *scan;
	mailbox_message_fn *callback;
	mailbox_vanished_fn *vanished; /* NULL: all are told of */
	void *context;
	/* what the selection tells, while the folder is being selected */
	struct mailbox_selected *selecting;
	bool counted; /* EXISTS has come of it */
	struct uidmarks told;
	size_t most; /* messages that the folder had at any time of the scan */
	uint64_t left; /* UIDs that have vanished meanwhile */
};

static void imap_scanning_vanished(void *context, uint32_t first, uint32_t last)
{
	struct imap_scanning *scanning = context;

	scanning->left += (uint64_t)last - first + 1;
	if (scanning->vanished != NULL)
		scanning->vanished(scanning->context, first, last);
}

/* What comes and goes while the scan is under way. */
static int imap_scanning_count(struct imap_scanning *scanning,
	const struct imap_response *response, struct error *error)
{
	struct imap_mailbox *imap = scanning->imap;
	bool earlier;

	if (imap_span_is(response->word, "EXPUNGE") && imap->exists > 0)
		imap->exists--;
	if (imap_span_is(response->word, "EXISTS") &&
		response->number > imap->exists) {
		scanning->most += response->number - imap->exists;
		imap->came += (uint32_t)response->number - imap->exists;
		imap->exists = (uint32_t)response->number;
	}
	if (!imap_span_is(response->word, "VANISHED"))
		return 0;
	scanning->left = 0;
	if (imap_vanished_parse(response->rest, &earlier,
		    imap_scanning_vanished, scanning) < 0) {
		error_set(error,
			"the server broke the protocol in a VANISHED response");
		return -1;
	}
	if (!earlier)
		imap->exists -= scanning->left < imap->exists
					? (uint32_t)scanning->left
					: imap->exists;
	return 0;
}

static int imap_scanning_tell(struct imap_scanning *scanning,
	const struct imap_fetch *fetch, struct error *error)
{
	struct mailbox_message message;

	uidmarks_add(&scanning->told, fetch->uid);
	if (scanning->told.count > scanning->most) {
		error_set(error, "the server tells of more messages than there "
				 "are");
		return -1;
	}
	imap_fetch_message(scanning->imap, fetch, &message);
	return scanning->callback(scanning->context, &message);
}

static int imap_scanning_fetched(struct imap_scanning *scanning,
	const struct imap_response *response, struct error *error)
{
	struct imap_fetch fetch;
	int result = 0;

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

/* Data of the folder that is being selected; until its EXISTS and UIDVALIDITY
 * have come it may be of the one before. True when that is all. */
static bool imap_scanning_selects(
	struct imap_scanning *scanning, const struct imap_response *response)
{
	struct imap_mailbox *imap = scanning->imap;
	struct imap_span rest;

	if (scanning->selecting == NULL)
		return false;
	if (response->kind == IMAP_STATUS &&
		imap_code_is(response->code, "CLOSED", &rest)) {
		memset(scanning->selecting, 0, sizeof(*scanning->selecting));
		scanning->counted = false;
	}
	if (!scanning->counted ||
		scanning->selecting->status.uidvalidity == 0) {
		imap_select_take(imap, response, scanning->selecting);
		if (response->kind == IMAP_DATA &&
			imap_span_is(response->word, "EXISTS")) {
			scanning->counted = true;
			scanning->most = imap->exists =
				(uint32_t)response->number;
			imap->came = 0;
		}
		return true;
	}
	if (response->kind == IMAP_STATUS)
		imap_select_take(imap, response, scanning->selecting);
	return response->kind != IMAP_DATA;
}

static int imap_scanning_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_scanning *scanning = context;

	if (imap_scanning_selects(scanning, response) ||
		response->kind != IMAP_DATA)
		return 0;
	if (imap_span_is(response->word, "FETCH"))
		return imap_scanning_fetched(scanning, response, error);
	return imap_scanning_count(scanning, response, error);
}

static const struct imap_handler imap_scanning_handler = {
	.data = imap_scanning_data,
};

static unsigned imap_scan_ask(struct imap_mailbox *imap,
	const struct mailbox_scan *scan, const char *set, size_t size)
{
	unsigned tag = imap_command(imap->session, "UID FETCH ");

	imap_command_bytes(imap->session, set, size);
	imap_command_add(imap->session, " (UID FLAGS%s%s)",
		scan->measured ? " RFC822.SIZE INTERNALDATE" : "",
		imap->features.modseq ? " MODSEQ" : "");
	return tag;
}

static int imap_scan_set(struct imap_mailbox *imap,
	const struct mailbox_scan *scan, const char *set, size_t size,
	struct error *error)
{
	unsigned tag = imap_scan_ask(imap, scan, set, size);

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

	if (scan->uids != NULL || scan->first > 1 ||
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
	uidmarks_free(&scanning.told);
	buffer_free(&set);
	return result;
}

/* The commands of a look; fetch is 0 when the selection tells all. */
struct imap_look_tags {
	unsigned select, fetch;
};

static const struct mailbox_scan imap_look_scan = { .uids = NULL };

/* Whether a line could hold all gaps that the folder may have got. */
static bool imap_look_fits(const struct mailbox_status *since)
{
	return since->messages <= IMAP_LOOK_GAPS_MAX ||
	       since->uidnext - since->messages <= IMAP_LOOK_GAPS_MAX;
}

static struct imap_look_tags imap_look_ask(
	struct imap_mailbox *imap, const struct mailbox_look *look)
{
	const struct mailbox_status *since = &look->since;
	bool resync =
		imap->resync && since->modseq > 0 && imap_look_fits(since);
	struct imap_look_tags tags = { .fetch = 0 };

	tags.select = imap_command(
		imap->session, look->write ? "SELECT " : "EXAMINE ");
	imap_command_name(imap->session, look->folder);
	if (resync)
		imap_command_add(imap->session,
			" (QRESYNC (%" PRIu32 " %" PRIu64 "))",
			since->uidvalidity, since->modseq);
	else if (imap->features.modseq)
		imap_command_add(imap->session, " (CONDSTORE)");
	imap_command_end(imap->session);
	if (resync)
		return tags;
	tags.fetch = imap_scan_ask(imap, &imap_look_scan, "1:*", 3);
	if (since->modseq > 0)
		imap_command_add(imap->session, " (CHANGEDSINCE %" PRIu64 ")",
			since->modseq);
	imap_command_end(imap->session);
	return tags;
}

/* Reads what one look has brought. 1, or -1. */
static int imap_look_read(struct imap_mailbox *imap, struct mailbox_look *look,
	const struct imap_look_tags *tags, struct imap_scanning *scanning,
	struct error *error)
{
	struct error words = { "" };
	int fetched = 1, result;

	look->whole = look->since.modseq == 0;
	result = imap_session_wait(imap->session, tags->select, &look->words);
	scanning->selecting = NULL;
	if (result == 1)
		result = imap_select_done(imap, look->folder, look->write,
			&look->selected, &look->words);
	if (result >= 0 && tags->fetch != 0)
		fetched = imap_session_wait(imap->session, tags->fetch, &words);
	if (result < 0 || fetched < 0) {
		error_set(error, "%s",
			result < 0 ? look->words.text : words.text);
		return -1;
	}
	/* Servers differ on "1:*" in an empty folder. */
	if (result == 1 && fetched == 0 && imap->exists > 0) {
		look->words = words;
		result = 0;
	}
	if (result == 1 && look->whole)
		result = imap_scan_check(scanning, &look->words);
	look->result = result;
	return 1;
}

/* Answers come in the order of the commands: each selects another folder. */
static int imap_look_tagged(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	(void)context;
	(void)tag;
	(void)response;
	error_set(error, "the server answers commands out of their order");
	return -1;
}

static const struct imap_handler imap_look_handler = {
	.data = imap_scanning_data,
	.tagged = imap_look_tagged,
};

/* A name that goes as a literal may have to wait for the server: what came
 * meanwhile of other looks would be taken for this one's. */
static bool imap_look_waits(
	const struct imap_mailbox *imap, const struct mailbox_look *look)
{
	const char *at = look->folder;

	while (*at >= ' ' && *at <= '~')
		at++;
	return *at != '\0' &&
	       !imap_session_can(imap->session, IMAP_CAP_LITERAL_PLUS);
}

/* Asks ahead. Returns how many have been asked then. */
static size_t imap_look_ahead(struct imap_mailbox *imap,
	const struct mailbox_look *looks, size_t count, size_t at, size_t asked,
	struct imap_look_tags *tags)
{
	while (asked < count && asked < at + IMAP_LOOKS_MAX &&
		(asked == at || (!imap_look_waits(imap, &looks[asked]) &&
					!imap_look_waits(imap, &looks[at])))) {
		tags[asked % IMAP_LOOKS_MAX] =
			imap_look_ask(imap, &looks[asked]);
		asked++;
	}
	return asked;
}

int imap_mailbox_look(struct mailbox *mailbox, struct mailbox_look *looks,
	size_t count, mailbox_message_fn *message,
	mailbox_vanished_fn *vanished, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_look_tags tags[IMAP_LOOKS_MAX];
	size_t asked = 0, i;
	int result = 1;

	free(imap->selected);
	imap->selected = NULL;
	for (i = 0; result == 1 && i < count; i++) {
		struct imap_scanning scanning = { .imap = imap,
			.scan = &imap_look_scan,
			.callback = message,
			.vanished = vanished,
			.context = looks[i].context,
			.selecting = &looks[i].selected };

		memset(&looks[i].selected, 0, sizeof(looks[i].selected));
		imap_session_handle(
			imap->session, &imap_look_handler, &scanning);
		asked = imap_look_ahead(imap, looks, count, i, asked, tags);
		result = imap_look_read(imap, &looks[i],
			&tags[i % IMAP_LOOKS_MAX], &scanning, error);
		imap_session_handle(imap->session, NULL, NULL);
		uidmarks_free(&scanning.told);
	}
	return result;
}
