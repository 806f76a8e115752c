/* SPDX-License-Identifier: BSD-2-Clause */
/* The IMAP driver: its table, its session, and the commands without data. */
#include "config.h"

#include "copier/driver_imap_private.h"
#include "copier/extension.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

int imap_mailbox_simple(
	struct imap_mailbox *imap, struct error *error, const char *format, ...)
{
	va_list arguments;
	char text[64];
	unsigned tag;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	imap_session_handle(imap->session, NULL, NULL);
	tag = imap_command(imap->session, "%s", text);
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}

/* A command whose only argument is a folder. */
static int imap_mailbox_on_folder(struct imap_mailbox *imap,
	const char *command, const char *folder, struct error *error)
{
	unsigned tag;

	imap_session_handle(imap->session, NULL, NULL);
	tag = imap_command(imap->session, "%s ", command);
	imap_command_name(imap->session, folder);
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}

static void imap_mailbox_prefix(
	char ***list, size_t *count, const char *text, size_t size)
{
	*list = xreallocarray(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = xstrndup(text, size);
}

static void imap_mailbox_namespace(
	void *context, int kind, struct imap_span prefix, char separator)
{
	struct imap_mailbox *imap = context;

	/* The first is where new folders belong, unless one has no prefix. */
	if (kind == 0 && (imap->prefix == NULL || prefix.size == 0)) {
		if (imap->prefix != NULL)
			imap_mailbox_prefix(&imap->more, &imap->more_count,
				imap->prefix, strlen(imap->prefix));
		free(imap->prefix);
		imap->prefix = xstrndup(prefix.at, prefix.size);
		imap->features.separator = separator;
	} else if (kind == 0) {
		imap_mailbox_prefix(
			&imap->more, &imap->more_count, prefix.at, prefix.size);
	} else if (prefix.size > 0) {
		imap_mailbox_prefix(&imap->others, &imap->others_count,
			prefix.at, prefix.size);
		imap->others_kinds = xreallocarray(imap->others_kinds,
			imap->others_count, sizeof(*imap->others_kinds));
		imap->others_kinds[imap->others_count - 1] = kind;
	}
}

static int imap_mailbox_root(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_mailbox *imap = context;
	struct buffer name = BUFFER_EMPTY;
	struct imap_list list;

	(void)error;
	if (response->kind == IMAP_DATA &&
		imap_span_is(response->word, "NAMESPACE"))
		imap_namespace_parse(
			response->rest, imap_mailbox_namespace, imap);
	/* The name of the root may be "": the separator is read all the same */
	if (response->kind == IMAP_DATA &&
		imap_span_is(response->word, "LIST")) {
		list.separator = '\0';
		imap_list_parse(response->rest, &list, &name);
		imap->features.separator = list.separator;
	}
	buffer_free(&name);
	return 0;
}

/* The answer to ENABLE, which nobody waits for. */
static int imap_mailbox_enabled(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	struct imap_mailbox *imap = context;

	(void)tag;
	(void)error;
	imap->resync = imap_span_is(response->word, "OK");
	return 0;
}

static const struct imap_handler imap_mailbox_root_handler = {
	.data = imap_mailbox_root,
	.tagged = imap_mailbox_enabled,
};

/* Learns prefix and separator of the personal namespace. */
static int imap_mailbox_learn(struct imap_mailbox *imap, struct error *error)
{
	unsigned tag;
	int result = 0;

	imap_session_handle(imap->session, &imap_mailbox_root_handler, imap);
	if (imap_session_can(imap->session, IMAP_CAP_QRESYNC) &&
		imap_session_can(imap->session, IMAP_CAP_ENABLE)) {
		imap_command(imap->session, "ENABLE QRESYNC");
		imap_command_end(imap->session);
	}
	if (imap_session_can(imap->session, IMAP_CAP_NAMESPACE)) {
		tag = imap_command(imap->session, "NAMESPACE");
		imap_command_end(imap->session);
		result = imap_session_wait(imap->session, tag, error);
	}
	if (result >= 0 && imap->prefix == NULL) {
		tag = imap_command(imap->session, "LIST \"\" \"\"");
		imap_command_end(imap->session);
		result = imap_session_wait(imap->session, tag, error);
	}
	if (imap->prefix == NULL)
		imap->prefix = xstrdup("");
	imap->features.prefix = imap->prefix;
	imap->features.others = (const char *const *)imap->others;
	imap->features.others_count = imap->others_count;
	return result < 0 ? -1 : 0;
}

/* A server that speaks UTF-8 only wants to hear so first (RFC 6855 section 6);
 * names are UTF-8 from then on. */
static int imap_mailbox_enable(struct imap_mailbox *imap, struct error *error)
{
	int result;

	if (!imap_session_can(imap->session, IMAP_CAP_UTF8_ONLY))
		return 0;
	result = imap_mailbox_simple(imap, error, "ENABLE UTF8=ACCEPT");
	imap->features.utf8 = result == 1;
	return result < 0 ? -1 : 0;
}

static void imap_mailbox_close(struct mailbox *mailbox)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	size_t i;

	imap_session_free(&imap->session);
	imap_mailbox_append_clear(imap);
	free(imap->ahead.folder);
	for (i = 0; i < imap->others_count; i++)
		free(imap->others[i]);
	for (i = 0; i < imap->more_count; i++)
		free(imap->more[i]);
	free(imap->others);
	free(imap->others_kinds);
	free(imap->more);
	free(imap->prefix);
	free(imap->selected);
	free(imap->spool_directory);
	spool_free(&imap->spool);
	free(imap);
}

static struct mailbox *imap_mailbox_open(const struct mailbox_target *target,
	struct flagpool *flags, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct imap_mailbox *imap = xcalloc(1, sizeof(*imap));

	imap->flags = flags;
	if (target->spool != NULL)
		imap->spool_directory = xstrdup(target->spool);
	imap->session = imap_session_open(target, failure_r, error);
	if (imap->session == NULL || imap_mailbox_enable(imap, error) < 0 ||
		imap_mailbox_learn(imap, error) < 0) {
		imap_mailbox_close(&imap->mailbox);
		return NULL;
	}
	imap->features.append_uid = imap->features.expunge_by_uid =
		imap_session_can(imap->session, IMAP_CAP_UIDPLUS);
	imap->features.append_batch =
		imap_session_can(imap->session, IMAP_CAP_MULTIAPPEND)
			? IMAP_BATCH_MAX
			: 1;
	imap->features.append_limit = imap_session_append_limit(imap->session);
	imap->features.modseq =
		imap_session_can(imap->session, IMAP_CAP_CONDSTORE);
	imap->features.vanished = imap->resync;
	return &imap->mailbox;
}

static const struct mailbox_features *imap_mailbox_features(
	struct mailbox *mailbox)
{
	return &imap_mailbox(mailbox)->features;
}

static int imap_mailbox_create(
	struct mailbox *mailbox, const char *folder, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct mailbox_status status;
	int result = imap_mailbox_on_folder(imap, "CREATE", folder, error);

	/* RFC 5530's ALREADYEXISTS is not sent by all. */
	if (result == 0 &&
		imap_mailbox_status(mailbox, folder, &status, NULL) == 1)
		result = 1;
	if (result == 0 && imap_session_broken(imap->session))
		result = -1;
	return result;
}

static int imap_mailbox_subscribe(struct mailbox *mailbox, const char *folder,
	bool on, struct error *error)
{
	return imap_mailbox_on_folder(imap_mailbox(mailbox),
		on ? "SUBSCRIBE" : "UNSUBSCRIBE", folder, error);
}

static int imap_mailbox_rename(struct mailbox *mailbox, const char *from,
	const char *to, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	unsigned tag;

	/* What is selected cannot be renamed everywhere. */
	if (imap_mailbox_deselect(imap, error) < 0)
		return -1;
	imap_session_handle(imap->session, NULL, NULL);
	tag = imap_command(imap->session, "RENAME ");
	imap_command_name(imap->session, from);
	imap_command_add(imap->session, " ");
	imap_command_name(imap->session, to);
	imap_command_end(imap->session);
	return imap_session_wait(imap->session, tag, error);
}

static int imap_mailbox_remove(
	struct mailbox *mailbox, const char *folder, struct error *error)
{
	return imap_mailbox_on_folder(
		imap_mailbox(mailbox), "DELETE", folder, error);
}

static int imap_mailbox_keep_alive(struct mailbox *mailbox, struct error *error)
{
	return imap_mailbox_simple(imap_mailbox(mailbox), error, "NOOP");
}

const struct mailbox_driver mailbox_imap = {
	.protocol = "imap",
	.extension = &extension_imap,
	.open = imap_mailbox_open,
	.close = imap_mailbox_close,
	.features = imap_mailbox_features,
	.list = imap_mailbox_list,
	.status = imap_mailbox_status,
	.select = imap_mailbox_select,
	.scan = imap_mailbox_scan,
	.look = imap_mailbox_look,
	.fetch = imap_mailbox_fetch,
	.ahead = imap_mailbox_ahead,
	.append_begin = imap_mailbox_append_begin,
	.append_data = imap_mailbox_append_data,
	.append_end = imap_mailbox_append_end,
	.append_commit = imap_mailbox_append_commit,
	.append_wait = imap_mailbox_append_wait,
	.change = imap_mailbox_change,
	.create = imap_mailbox_create,
	.subscribe = imap_mailbox_subscribe,
	.prepare = imap_mailbox_prepare,
	.rename = imap_mailbox_rename,
	.remove = imap_mailbox_remove,
	.keep_alive = imap_mailbox_keep_alive,
};
