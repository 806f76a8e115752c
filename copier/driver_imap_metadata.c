/* SPDX-License-Identifier: BSD-2-Clause */
/* Annotations of folders: GETMETADATA, SETMETADATA (RFC 5464). */
#include "config.h"

#include "copier/driver_imap_extension.h"

#include "copier/imap_extension.h"

struct imap_metadata_reading {
	extension_metadata_fn *callback;
	void *context;
	struct buffer folder;
};

static void imap_metadata_one(void *context, const char *entry,
	const char *value, size_t size, bool nil)
{
	struct imap_metadata_reading *reading = context;
	const struct extension_metadata metadata = {
		.folder = reading->folder.data,
		.entry = entry,
		.value = value,
		.size = size
	};

	if (!nil)
		reading->callback(reading->context, &metadata);
}

static int imap_metadata_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_metadata_reading *reading = context;

	if (!imap_span_is(response->word, "METADATA"))
		return 0;
	buffer_clear(&reading->folder);
	if (imap_metadata_parse(response->rest, &reading->folder,
		    imap_metadata_one, reading) == 0)
		return 0;
	error_set(
		error, "the server broke the protocol in a METADATA response");
	return -1;
}

static void imap_metadata_refused(
	void *context, const char *folder, const struct error *words)
{
	struct imap_metadata_reading *reading = context;
	const struct extension_metadata metadata = { .folder = folder,
		.refused = words->text };

	reading->callback(reading->context, &metadata);
}

int imap_mailbox_metadata_read(struct mailbox *mailbox,
	const char *const *folders, size_t count,
	extension_metadata_fn *callback, void *context, struct error *error)
{
	struct imap_metadata_reading reading = { callback, context,
		BUFFER_EMPTY };
	/* Longer values than a response may hold are not asked for. */
	struct imap_bulk bulk = {
		.command = "GETMETADATA (DEPTH infinity MAXSIZE 16384)",
		.arguments = " (/private /shared)",
		.data = imap_metadata_data,
		.refused = imap_metadata_refused,
		.context = &reading
	};
	int result = imap_bulk_run(
		imap_mailbox(mailbox), &bulk, folders, count, error);

	buffer_free(&reading.folder);
	return result;
}

int imap_mailbox_metadata_write(struct mailbox *mailbox, const char *folder,
	const char *entry, const char *value, size_t size, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	unsigned tag;
	int result;

	imap_session_handle(imap->session, NULL, NULL);
	tag = imap_command(imap->session, "SETMETADATA ");
	imap_command_name(imap->session, folder);
	imap_command_bytes(imap->session, " (", 2);
	imap_command_name(imap->session, entry);
	imap_command_bytes(imap->session, " ", 1);
	result = imap_command_literal(imap->session, size, error);
	if (result != 1)
		return result;
	imap_command_bytes(imap->session, value, size);
	imap_command_bytes(imap->session, ")", 1);
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}
