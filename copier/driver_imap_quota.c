/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of an account: GETQUOTAROOT, SETQUOTA (RFC 2087, RFC 9208). */
#include "config.h"

#include "copier/driver_imap_extension.h"

#include "copier/imap_extension.h"

struct imap_quota_reading {
	extension_quota_fn *callback;
	void *context;
	struct buffer root;
};

static void imap_quota_one(
	void *context, const char *resource, uint64_t used, uint64_t limit)
{
	struct imap_quota_reading *reading = context;
	const struct extension_quota quota = { .root = reading->root.data,
		.resource = resource,
		.used = used,
		.limit = limit };

	reading->callback(reading->context, &quota);
}

static void imap_quota_root(void *context, const char *root)
{
	struct imap_quota_reading *reading = context;
	/* So that a root without any limit is told of, too. */
	const struct extension_quota quota = { .root = root, .resource = "" };

	reading->callback(reading->context, &quota);
}

static int imap_quota_data(void *context, const struct imap_response *response,
	struct error *error)
{
	struct imap_quota_reading *reading = context;
	int result = 0;

	if (response->kind != IMAP_DATA)
		return 0;
	buffer_clear(&reading->root);
	if (imap_span_is(response->word, "QUOTA"))
		result = imap_quota_parse(response->rest, &reading->root,
			imap_quota_one, reading);
	else if (imap_span_is(response->word, "QUOTAROOT"))
		result = imap_quotaroot_parse(response->rest, &reading->root,
			imap_quota_root, reading);
	if (result < 0)
		error_set(error,
			"the server broke the protocol in a QUOTA response");
	return result;
}

int imap_mailbox_quota_read(struct mailbox *mailbox, const char *folder,
	extension_quota_fn *callback, void *context, struct error *error)
{
	static const struct imap_handler handler = { .data = imap_quota_data };
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_quota_reading reading = { callback, context, BUFFER_EMPTY };
	unsigned tag;
	int result;

	imap_session_handle(imap->session, &handler, &reading);
	tag = imap_command(imap->session, "GETQUOTAROOT ");
	imap_command_name(imap->session, folder);
	imap_command_end(imap->session);
	result = imap_session_wait(imap->session, tag, error);
	imap_session_handle(imap->session, NULL, NULL);
	buffer_free(&reading.root);
	return result;
}

int imap_mailbox_quota_write(struct mailbox *mailbox, const char *root,
	const char *resource, uint64_t limit, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	unsigned tag;

	imap_session_handle(imap->session, NULL, NULL);
	tag = imap_command(imap->session, "SETQUOTA ");
	imap_command_name(imap->session, root);
	imap_command_add(imap->session, " (%.32s %llu)", resource,
		(unsigned long long)limit);
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}
