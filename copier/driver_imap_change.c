/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flags and removals: many commands for a folder under way at once. They name
 * messages by UID, so that none can take another's (RFC 3501 section 5.5), and
 * UID EXPUNGE removes none but those that it names (RFC 4315 section 2.1).
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Octets of commands under way: a server that waits until its own answers are
 * read must never keep us from writing. */
#define IMAP_CHANGES_BYTES 16384

struct imap_change_command {
	unsigned tag;
	struct mailbox_change *change;
	size_t size;
};

struct imap_changing {
	struct imap_mailbox *imap;
	struct imap_change_command commands[IMAP_COMMANDS_MAX];
	size_t asked;
	size_t bytes; /* of those */
};

static int imap_changing_tagged(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	struct imap_changing *changing = context;
	size_t i;

	(void)error;
	for (i = 0; i < changing->asked; i++) {
		struct imap_change_command *command = &changing->commands[i];

		if (command->tag != tag)
			continue;
		/* The first refusal tells most: others may follow from it. */
		if (!imap_span_is(response->word, "OK") &&
			command->change->done) {
			command->change->done = false;
			imap_session_words(response, &command->change->words);
		}
		changing->bytes -= command->size;
		*command = changing->commands[--changing->asked];
		break;
	}
	return 0;
}

static const struct imap_handler imap_changing_handler = {
	.tagged = imap_changing_tagged,
};

/* Reads answers until so many octets more may be under way. 0 or -1. */
static int imap_changing_wait(
	struct imap_changing *changing, size_t size, struct error *error)
{
	while (changing->asked == IMAP_COMMANDS_MAX ||
		(changing->asked > 0 &&
			changing->bytes + size > IMAP_CHANGES_BYTES))
		if (imap_session_step(changing->imap->session, error) < 0)
			return -1;
	return 0;
}

/* Gives "COMMAND set ARGUMENT" for the whole set of a change. 0 or -1. */
static int imap_changing_ask(struct imap_changing *changing,
	struct mailbox_change *change, const char *command,
	const char *argument, struct error *error)
{
	struct imap_session *session = changing->imap->session;
	struct buffer set = BUFFER_EMPTY;
	size_t index = 0;
	int result = 0;

	while (result == 0 && index < change->uids->count) {
		struct imap_change_command *next;
		size_t size;

		buffer_clear(&set);
		index = uidset_print(change->uids, index, IMAP_SET_UIDS,
			IMAP_SET_ROOM, &set);
		size = strlen(command) + set.size + strlen(argument);
		result = imap_changing_wait(changing, size, error);
		if (result < 0)
			break;
		next = &changing->commands[changing->asked++];
		next->tag = imap_command(session, "%s ", command);
		imap_command_bytes(session, set.data, set.size);
		imap_command_bytes(session, argument, strlen(argument));
		imap_command_end(session);
		next->change = change;
		next->size = size;
		changing->bytes += size;
	}
	buffer_free(&set);
	return result;
}

static int imap_changing_store(struct imap_changing *changing,
	struct mailbox_change *change, struct error *error)
{
	char *argument = xasprintf(" FLAGS.SILENT (%s)", change->flags->text);
	int result = imap_changing_ask(
		changing, change, "UID STORE", argument, error);

	free(argument);
	return result;
}

/* Reads all answers. 0 or -1. */
static int imap_changing_end(
	struct imap_changing *changing, struct error *error)
{
	while (changing->asked > 0)
		if (imap_session_step(changing->imap->session, error) < 0)
			return -1;
	return 0;
}

/* A Dovecot that is given both at once may not see what it has just stored: it
 * says OK and removes nothing. */
static int imap_changing_expunge(struct imap_changing *changing,
	struct mailbox_change *change, struct error *error)
{
	if (!changing->imap->features.expunge_by_uid) {
		change->done = false;
		error_set(&change->words, "the server cannot remove single "
					  "messages (UIDPLUS)");
		return 0;
	}
	if (imap_changing_ask(changing, change, "UID STORE",
		    " +FLAGS.SILENT (\\Deleted)", error) < 0 ||
		imap_changing_end(changing, error) < 0)
		return -1;
	return imap_changing_ask(changing, change, "UID EXPUNGE", "", error);
}

int imap_mailbox_change(struct mailbox *mailbox, struct mailbox_change *changes,
	size_t count, struct error *error)
{
	struct imap_changing changing = { .imap = imap_mailbox(mailbox) };
	struct imap_session *session = changing.imap->session;
	int result = 0;
	size_t i;

	imap_session_handle(session, &imap_changing_handler, &changing);
	for (i = 0; result == 0 && i < count; i++) {
		changes[i].done = true;
		if (changes[i].flags != NULL)
			result = imap_changing_store(
				&changing, &changes[i], error);
		else
			result = imap_changing_expunge(
				&changing, &changes[i], error);
	}
	if (result == 0)
		result = imap_changing_end(&changing, error);
	imap_session_handle(session, NULL, NULL);
	return result < 0 ? -1 : 1;
}
