/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storing messages by APPEND (RFC 3501 section 6.3.11), many under way where
 * the server takes literals unasked (RFC 7888); octets go out as they came in.
 * The server stores a message when it sees the line end behind the literal,
 * which append_end writes.
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <stdlib.h>
#include <string.h>

/* Tells the caller how the append with that place ended, and forgets it. */
static int imap_append_answer(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	struct imap_mailbox *imap = context;
	struct mailbox_appended appended = { .refused = false };
	struct error words = { "" };
	struct imap_span rest;
	size_t i;

	(void)error;
	for (i = 0; i < imap->appends_count; i++)
		if (imap->appends[i].tag == tag)
			break;
	if (i == imap->appends_count)
		return 0;
	appended.cookie = imap->appends[i].cookie;
	appended.error = &words;
	appended.refused = !imap_span_is(response->word, "OK");
	if (appended.refused) {
		imap_session_words(response, &words);
	} else if (!imap_code_is(response->code, "APPENDUID", &rest) ||
		   imap_appenduid_parse(
			   rest, &appended.uidvalidity, &appended.uid) < 0) {
		appended.uidvalidity = 0;
		appended.uid = 0;
	}
	imap->appends_bytes -= imap->appends[i].size;
	imap->appends_count--;
	memmove(&imap->appends[i], &imap->appends[i + 1],
		(imap->appends_count - i) * sizeof(imap->appends[0]));
	imap->mailbox.appended(imap->mailbox.appended_context, &appended);
	return 0;
}

static const struct imap_handler imap_append_handler = {
	.tagged = imap_append_answer,
};

/* Reads answers until there is room for one more of that size. */
static int imap_append_room(
	struct imap_mailbox *imap, uint64_t size, struct error *error)
{
	while (imap->appends_count > 0 &&
		(imap->appends_count >= IMAP_APPENDS_MAX ||
			imap->appends_bytes + size > IMAP_APPEND_BYTES_MAX))
		if (imap_session_step(imap->session, error) < 0)
			return -1;
	return 0;
}

int imap_mailbox_append_begin(struct mailbox *mailbox,
	const struct mailbox_append *append, void *cookie, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	int result;

	imap_session_handle(imap->session, &imap_append_handler, imap);
	if (imap_append_room(imap, append->size, error) < 0)
		return -1;
	imap->current.tag = imap_command(imap->session, "APPEND ");
	imap->current.cookie = cookie;
	imap->current.size = append->size;
	imap->current_left = append->size;
	imap_command_name(imap->session, append->folder);
	imap_command_bytes(imap->session, " (", 2);
	imap_command_bytes(imap->session, append->flags->text,
		strlen(append->flags->text));
	imap_command_add(imap->session, ") \"%s\" ", append->date);
	result = imap_command_literal(imap->session, append->size, error);
	return result;
}

int imap_mailbox_append_data(struct mailbox *mailbox, const char *data,
	size_t size, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);

	if (size > imap->current_left)
		abort();
	imap->current_left -= size;
	imap_command_bytes(imap->session, data, size);
	if (!imap_session_broken(imap->session))
		return 1;
	return imap_session_step(imap->session, error);
}

int imap_mailbox_append_end(struct mailbox *mailbox, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);

	if (imap->current_left != 0)
		abort();
	imap_command_end(imap->session);
	imap->appends[imap->appends_count++] = imap->current;
	imap->appends_bytes += imap->current.size;
	if (!imap_session_broken(imap->session))
		return 1;
	return imap_session_step(imap->session, error);
}

int imap_mailbox_append_wait(struct mailbox *mailbox, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);

	imap_session_handle(imap->session, &imap_append_handler, imap);
	while (imap->appends_count > 0)
		if (imap_session_step(imap->session, error) < 0)
			return -1;
	imap_session_handle(imap->session, NULL, NULL);
	return 1;
}
