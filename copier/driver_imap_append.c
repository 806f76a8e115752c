/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storing messages by APPEND (RFC 3501 section 6.3.11), several in one command
 * where the server has MULTIAPPEND (RFC 3502), many under way where it takes
 * literals unasked (RFC 7888); octets go out as they came in. The server stores
 * the messages when it sees the line end behind the last literal, which
 * append_commit writes.
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Tells the caller how each message of the batch ended, and frees it. words
 * are those of a refusal, or NULL; together is how many were refused. */
static void imap_batch_finish(struct imap_mailbox *imap,
	struct imap_batch *batch, size_t together, const struct error *words,
	struct imap_span code)
{
	uint32_t uids[IMAP_BATCH_MAX], uidvalidity = 0;
	struct imap_span rest;
	size_t i;
	bool told = words == NULL && batch->count > 0 &&
		    imap_code_is(code, "APPENDUID", &rest) &&
		    imap_appenduid_parse(
			    rest, &uidvalidity, uids, batch->count) == 0;

	for (i = 0; i < batch->count; i++) {
		struct mailbox_appended appended = {
			.cookie = batch->cookies[i],
			.refused = words != NULL,
			.batch = together,
			.uidvalidity = told ? uidvalidity : 0,
			.uid = told ? uids[i] : 0,
			.error = words,
		};

		imap->mailbox.appended(
			imap->mailbox.appended_context, &appended);
	}
	free(batch);
}

/* Takes the answer to a command that is under way, or to the open one: a server
 * may refuse before it has got all. */
static int imap_append_answer(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	static const struct error none;
	struct imap_mailbox *imap = context;
	bool ok = imap_span_is(response->word, "OK");
	struct error words = none;
	struct imap_batch *batch;
	size_t i;

	if (!ok)
		imap_session_words(response, &words);
	if (imap->batch != NULL && imap->batch->tag == tag) {
		if (ok) {
			error_set(error, "the server answered an APPEND before "
					 "its end");
			return -1;
		}
		imap->batch_refused = true;
		imap->batch_words = words;
		return 0;
	}
	for (i = 0; i < imap->batches_count; i++)
		if (imap->batches[i]->tag == tag)
			break;
	if (i == imap->batches_count)
		return 0;
	batch = imap->batches[i];
	imap->batches_bytes -= batch->bytes;
	imap->batches_count--;
	memmove(&imap->batches[i], &imap->batches[i + 1],
		(imap->batches_count - i) * sizeof(imap->batches[0]));
	imap_batch_finish(
		imap, batch, batch->count, ok ? NULL : &words, response->code);
	return 0;
}

static const struct imap_handler imap_append_handler = {
	.tagged = imap_append_answer,
};

/*
 * Reads answers until one more batch may be under way. Where literals wait for
 * the server's word anyway nothing is gained by more than one.
 */
static int imap_append_room(struct imap_mailbox *imap, struct error *error)
{
	size_t most = imap->features.append_batch > 1 ? IMAP_BATCHES_MAX
						      : IMAP_COMMANDS_MAX;

	if (!imap_session_can(imap->session, IMAP_CAP_LITERAL_PLUS) &&
		!imap_session_can(imap->session, IMAP_CAP_LITERAL_MINUS))
		most = 1;
	while (imap->batches_count >= most ||
		(imap->batches_count > 1 &&
			imap->batches_bytes >= IMAP_APPEND_BYTES_MAX))
		if (imap_session_step(imap->session, error) < 0)
			return -1;
	return 0;
}

/* The open batch was refused before its end, with so many messages. */
static void imap_append_abandon(
	struct imap_mailbox *imap, size_t together, const struct error *words)
{
	static const struct imap_span none;
	struct imap_batch *batch = imap->batch;

	imap->batch = NULL;
	imap->batch_refused = false;
	imap_batch_finish(imap, batch, together, words, none);
}

int imap_mailbox_append_begin(struct mailbox *mailbox,
	const struct mailbox_append *append, void *cookie, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct error words = { "" };
	int result;

	imap_session_spend(imap->session, 1);
	imap_session_handle(imap->session, &imap_append_handler, imap);
	if (imap->batch_refused &&
		imap_mailbox_append_commit(mailbox, error) < 0)
		return -1;
	if (imap->batch == NULL) {
		imap->batch = xcalloc(1, sizeof(*imap->batch));
		imap->batch->tag = imap_command(imap->session, "APPEND ");
		imap_command_name(imap->session, append->folder);
	}
	if (imap->batch->count == IMAP_BATCH_MAX ||
		(imap->batch->count > 0 && imap->features.append_batch <= 1))
		abort();
	imap_command_bytes(imap->session, " (", 2);
	imap_command_bytes(imap->session, append->flags->text,
		strlen(append->flags->text));
	imap_command_add(imap->session, ") \"%s\" ", append->date);
	result = imap_command_literal(imap->session, append->size, &words);
	imap->cookie = cookie;
	imap->left = append->size;
	if (result > 0) {
		imap->batch->bytes += append->size;
		return 1;
	}
	error_set(error, "%s", words.text);
	if (result == 0)
		imap_append_abandon(imap, imap->batch->count + 1, &words);
	return result;
}

int imap_mailbox_append_data(struct mailbox *mailbox, const char *data,
	size_t size, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);

	if (size > imap->left)
		abort();
	imap->left -= size;
	imap_command_bytes(imap->session, data, size);
	if (!imap_session_broken(imap->session))
		return 1;
	return imap_session_step(imap->session, error);
}

int imap_mailbox_append_end(struct mailbox *mailbox, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);

	if (imap->left != 0)
		abort();
	imap->batch->cookies[imap->batch->count++] = imap->cookie;
	if (!imap_session_broken(imap->session))
		return 1;
	return imap_session_step(imap->session, error);
}

int imap_mailbox_append_commit(struct mailbox *mailbox, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);

	if (imap->batch == NULL)
		return 1;
	/* Of a refused one, too: the server reads up to there. */
	imap_command_end(imap->session);
	if (imap->batch_refused) {
		struct error words = imap->batch_words;

		imap_append_abandon(imap, imap->batch->count, &words);
	} else {
		imap->batches[imap->batches_count++] = imap->batch;
		imap->batches_bytes += imap->batch->bytes;
		imap->batch = NULL;
	}
	/* Now, for nobody knows how long the next message is waited for. */
	if (imap_session_send(imap->session, error) < 0)
		return -1;
	return imap_append_room(imap, error) < 0 ? -1 : 1;
}

int imap_mailbox_append_wait(struct mailbox *mailbox, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);

	imap_session_handle(imap->session, &imap_append_handler, imap);
	while (imap->batches_count > 0)
		if (imap_session_step(imap->session, error) < 0)
			return -1;
	imap_session_handle(imap->session, NULL, NULL);
	return 1;
}

void imap_mailbox_append_clear(struct imap_mailbox *imap)
{
	while (imap->batches_count > 0)
		free(imap->batches[--imap->batches_count]);
	free(imap->batch);
	imap->batch = NULL;
}
