/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights of others to folders: GETACL, SETACL, DELETEACL (RFC 4314). */
#include "config.h"

#include "copier/driver_imap_extension.h"

#include "copier/imap_extension.h"

struct imap_acl_reading {
	extension_acl_fn *callback;
	void *context;
	struct buffer folder;
};

const char *imap_mailbox_rights(struct mailbox *mailbox)
{
	/* RFC 2086 had "c" and "d" where RFC 4314 has "kx" and "te". */
	return imap_session_can(
		       imap_mailbox(mailbox)->session, IMAP_CAP_ACL_RIGHTS)
		       ? "lrswipkxtea"
		       : "lrswipcda";
}

static void imap_acl_one(
	void *context, const char *identifier, const char *rights)
{
	struct imap_acl_reading *reading = context;
	const struct extension_acl acl = { .folder = reading->folder.data,
		.identifier = identifier,
		.rights = rights };

	reading->callback(reading->context, &acl);
}

static int imap_acl_data(void *context, const struct imap_response *response,
	struct error *error)
{
	struct imap_acl_reading *reading = context;

	if (!imap_span_is(response->word, "ACL"))
		return 0;
	buffer_clear(&reading->folder);
	if (imap_acl_parse(response->rest, &reading->folder, imap_acl_one,
		    reading) == 0)
		return 0;
	error_set(error, "the server broke the protocol in an ACL response");
	return -1;
}

static void imap_acl_refused(
	void *context, const char *folder, const struct error *words)
{
	struct imap_acl_reading *reading = context;
	const struct extension_acl acl = { .folder = folder,
		.refused = words->text };

	reading->callback(reading->context, &acl);
}

int imap_mailbox_acl_read(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_acl_fn *callback, void *context,
	struct error *error)
{
	struct imap_acl_reading reading = { callback, context, BUFFER_EMPTY };
	struct imap_bulk bulk = { .command = "GETACL",
		.arguments = "",
		.data = imap_acl_data,
		.refused = imap_acl_refused,
		.context = &reading };
	int result = imap_bulk_run(
		imap_mailbox(mailbox), &bulk, folders, count, error);

	buffer_free(&reading.folder);
	return result;
}

int imap_mailbox_acl_write(struct mailbox *mailbox, const char *folder,
	const char *identifier, const char *rights, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	unsigned tag;

	imap_session_handle(imap->session, NULL, NULL);
	tag = imap_command(
		imap->session, rights != NULL ? "SETACL " : "DELETEACL ");
	imap_command_name(imap->session, folder);
	imap_command_bytes(imap->session, " ", 1);
	imap_command_name(imap->session, identifier);
	if (rights != NULL) {
		imap_command_bytes(imap->session, " ", 1);
		imap_command_name(imap->session, rights);
	}
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}
