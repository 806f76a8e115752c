/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of what IMAP servers may offer beside messages, and its small
 * parts: sizes, whether a folder is there, special use, folders of others.
 */
#include "config.h"

#include "copier/driver_imap_extension.h"

#include <stdlib.h>
#include <string.h>

#include "copier/imap_extension.h"

#include "lib/xalloc.h"

static int imap_bulk_data(void *context, const struct imap_response *response,
	struct error *error)
{
	struct imap_bulk *bulk = context;

	/* The answer that is waited for comes here, too. */
	if (response->kind == IMAP_TAGGED || response->kind == IMAP_STATUS)
		return 0;
	return bulk->data(bulk->context, response, error);
}

static int imap_bulk_tagged(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	struct imap_bulk *bulk = context;
	struct error words;

	(void)error;
	if (imap_span_is(response->word, "OK") || tag < bulk->first ||
		tag - bulk->first >= bulk->asked)
		return 0;
	imap_session_words(response, &words);
	bulk->refused(bulk->context, bulk->folders[tag - bulk->first], &words);
	return 0;
}

static const struct imap_handler imap_bulk_handler = {
	.data = imap_bulk_data,
	.tagged = imap_bulk_tagged,
};

/* Waits for the newest command; all before it are answered then, too. */
static int imap_bulk_wait(
	struct imap_mailbox *imap, struct imap_bulk *bulk, struct error *error)
{
	struct error words;
	int result = imap_session_wait(
		imap->session, bulk->first + (unsigned)bulk->asked - 1, &words);

	if (result == 0)
		bulk->refused(
			bulk->context, bulk->folders[bulk->asked - 1], &words);
	if (result < 0)
		error_set(error, "%s", words.text);
	return result < 0 ? -1 : 0;
}

int imap_bulk_run(struct imap_mailbox *imap, struct imap_bulk *bulk,
	const char *const *folders, size_t count, struct error *error)
{
	int result = 0;
	size_t i;

	imap_session_handle(imap->session, &imap_bulk_handler, bulk);
	bulk->folders = folders;
	bulk->asked = 0;
	for (i = 0; result == 0 && i < count; i++) {
		unsigned tag =
			imap_command(imap->session, "%s ", bulk->command);

		if (i == 0)
			bulk->first = tag;
		bulk->asked = i + 1;
		imap_command_name(imap->session, folders[i]);
		imap_command_bytes(imap->session, bulk->arguments,
			strlen(bulk->arguments));
		imap_command_end(imap->session);
		if (i + 1 == count || (i + 1) % IMAP_COMMANDS_MAX == 0)
			result = imap_bulk_wait(imap, bulk, error);
	}
	imap_session_handle(imap->session, NULL, NULL);
	return result < 0 ? -1 : 1;
}

static unsigned imap_mailbox_can(struct mailbox *mailbox)
{
	static const struct {
		enum imap_capability capability;
		enum extension extension;
	} table[] = {
		{ IMAP_CAP_ACL, EXTENSION_ACL },
		{ IMAP_CAP_QUOTA, EXTENSION_QUOTA },
		{ IMAP_CAP_METADATA, EXTENSION_METADATA },
		{ IMAP_CAP_STATUS_SIZE, EXTENSION_SIZES },
		{ IMAP_CAP_CREATE_SPECIAL_USE, EXTENSION_CREATE_USE },
	};
	unsigned can = 0;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (imap_session_can(imap_mailbox(mailbox)->session,
			    table[i].capability))
			can |= table[i].extension;
	return can;
}

struct imap_sizing {
	extension_size_fn *callback;
	void *context;
};

static int imap_sizing_data(void *context, const struct imap_response *response,
	struct error *error)
{
	struct imap_sizing *sizing = context;
	struct buffer name = BUFFER_EMPTY;
	struct extension_size size;

	(void)error;
	if (imap_span_is(response->word, "STATUS") &&
		imap_size_parse(response->rest, &name, &size.messages,
			&size.octets) == 0) {
		size.folder = name.data;
		sizing->callback(sizing->context, &size);
	}
	buffer_free(&name);
	return 0;
}

static void imap_sizing_refused(
	void *context, const char *folder, const struct error *words)
{
	(void)context;
	(void)folder;
	(void)words;
}

static int imap_mailbox_sizes(struct mailbox *mailbox,
	const char *const *folders, size_t count, extension_size_fn *callback,
	void *context, struct error *error)
{
	struct imap_sizing sizing = { callback, context };
	struct imap_bulk bulk = { .command = "STATUS",
		.arguments = " (MESSAGES SIZE)",
		.data = imap_sizing_data,
		.refused = imap_sizing_refused,
		.context = &sizing };

	return imap_bulk_run(
		imap_mailbox(mailbox), &bulk, folders, count, error);
}

struct imap_looking {
	const char *folder;
	bool found;
};

static int imap_looking_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_looking *looking = context;
	struct buffer name = BUFFER_EMPTY;
	struct imap_list list;

	(void)error;
	if (response->kind == IMAP_DATA &&
		imap_span_is(response->word, "LIST") &&
		imap_list_parse(response->rest, &list, &name) == 0 &&
		list.exists && strcmp(name.data, looking->folder) == 0)
		looking->found = true;
	buffer_free(&name);
	return 0;
}

static int imap_mailbox_exists(
	struct mailbox *mailbox, const char *folder, struct error *error)
{
	static const struct imap_handler handler = {
		.data = imap_looking_data
	};
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_looking looking = { .folder = folder };
	unsigned tag;
	int result;

	imap_session_handle(imap->session, &handler, &looking);
	tag = imap_command(imap->session, "LIST \"\" ");
	imap_command_name(imap->session, folder);
	imap_command_end(imap->session);
	result = imap_session_wait(imap->session, tag, error);
	imap_session_handle(imap->session, NULL, NULL);
	if (result == 1 && !looking.found) {
		error_set(error,
			"the server takes it for another folder, whose name "
			"is like it");
		return 0;
	}
	return result;
}

static int imap_mailbox_create_use(struct mailbox *mailbox, const char *folder,
	enum special_use use, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	unsigned tag;

	imap_session_handle(imap->session, NULL, NULL);
	tag = imap_command(imap->session, "CREATE ");
	imap_command_name(imap->session, folder);
	imap_command_add(imap->session, " (USE (%s))", special_use_name(use));
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}

struct imap_seeing {
	extension_other_fn *callback;
	void *context;
	const char *prefix;
	int kind;
};

static int imap_seeing_data(void *context, const struct imap_response *response,
	struct error *error)
{
	struct imap_seeing *seeing = context;
	struct buffer name = BUFFER_EMPTY;
	struct imap_list list;

	(void)error;
	if (response->kind == IMAP_DATA &&
		imap_span_is(response->word, "LIST") &&
		imap_list_parse(response->rest, &list, &name) == 0 &&
		list.selectable &&
		strncmp(name.data, seeing->prefix, strlen(seeing->prefix)) == 0)
		seeing->callback(seeing->context, name.data, seeing->prefix,
			seeing->kind);
	buffer_free(&name);
	return 0;
}

static int imap_mailbox_others(struct mailbox *mailbox,
	extension_other_fn *callback, void *context, struct error *error)
{
	static const struct imap_handler handler = { .data = imap_seeing_data };
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_seeing seeing = { callback, context, NULL, 0 };
	int result = 1;
	size_t i;

	for (i = 0; result >= 0 && i < imap->others_count; i++) {
		char *pattern = xasprintf("%s*", imap->others[i]);
		unsigned tag;

		seeing.prefix = imap->others[i];
		seeing.kind = imap->others_kinds[i];
		imap_session_handle(imap->session, &handler, &seeing);
		tag = imap_command(imap->session, "LIST \"\" ");
		imap_command_name(imap->session, pattern);
		imap_command_end(imap->session);
		free(pattern);
		result = imap_session_wait(imap->session, tag, error);
	}
	imap_session_handle(imap->session, NULL, NULL);
	return result < 0 ? -1 : 1;
}

const struct extension_driver extension_imap = {
	.can = imap_mailbox_can,
	.rights = imap_mailbox_rights,
	.exists = imap_mailbox_exists,
	.create_use = imap_mailbox_create_use,
	.sizes = imap_mailbox_sizes,
	.others = imap_mailbox_others,
	.acl_read = imap_mailbox_acl_read,
	.acl_write = imap_mailbox_acl_write,
	.quota_read = imap_mailbox_quota_read,
	.quota_write = imap_mailbox_quota_write,
	.metadata_read = imap_mailbox_metadata_read,
	.metadata_write = imap_mailbox_metadata_write,
};
