/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Maildir driver: local mail of a user's own station, or of a server that
 * is no more. Only read, whoever else is at work in it.
 */
#include "config.h"

#include "copier/driver_maildir_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/readonly.h"

#include "lib/xalloc.h"

static void maildir_mailbox_close(struct mailbox *mailbox)
{
	struct maildir_mailbox *maildir = maildir_mailbox(mailbox);

	maildir_read_clear(maildir);
	maildir_tree_clear(maildir);
	uidmap_close(&maildir->map);
	spool_free(&maildir->spool);
	free(maildir->root);
	free(maildir);
}

static int maildir_mailbox_prepare(struct maildir_mailbox *maildir,
	const struct mailbox_target *target, struct error *error)
{
	char *source = xasprintf("maildir:%s", target->path);

	maildir->map = uidmap_open(target->uidmap, source, error);
	maildir->spool = spool_new_beside(target->uidmap);
	free(source);
	if (maildir->map == NULL)
		return -1;
	return maildir_tree_read(maildir, error);
}

static struct mailbox *maildir_mailbox_open(const struct mailbox_target *target,
	struct flagpool *flags, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct maildir_mailbox *maildir = xcalloc(1, sizeof(*maildir));

	(void)failure_r;
	maildir->root = xstrdup(target->path);
	maildir->flags = flags;
	maildir->features.read_only = true;
	maildir->features.separator = '.';
	maildir->features.prefix = "";
	if (maildir_mailbox_prepare(maildir, target, error) < 0) {
		maildir_mailbox_close(&maildir->mailbox);
		return NULL;
	}
	return &maildir->mailbox;
}

static const struct mailbox_features *maildir_mailbox_features(
	struct mailbox *mailbox)
{
	return &maildir_mailbox(mailbox)->features;
}

static int maildir_mailbox_list(struct mailbox *mailbox,
	mailbox_folder_fn *callback, void *context, struct error *error)
{
	struct maildir_mailbox *maildir = maildir_mailbox(mailbox);
	size_t i;

	/* Only the one who gives UIDs sees all; lanes do not list. */
	if (uidmap_is_reader(maildir->map)) {
		error_set(error, "%s is being copied by somebody else",
			maildir->root);
		return -1;
	}
	if (maildir_tree_read(maildir, error) < 0)
		return -1;
	for (i = 0; i < maildir->folders_count; i++) {
		const struct maildir_folder *folder = &maildir->folders[i];
		struct mailbox_folder told = { .name = folder->name,
			.separator = folder->separator,
			.selectable = true,
			.subscribed = folder->subscribed };
		int result = folder->reason == NULL
				     ? maildir_read(maildir, folder, NULL)
				     : 0;

		/* Why it cannot be read is told to who selects it. */
		if (result == 1) {
			told.has_status = maildir->uids != NULL;
			maildir_read_status(maildir, &told.status);
		}
		if (callback(context, &told) < 0)
			return -1;
	}
	return 1;
}

static int maildir_mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error)
{
	struct maildir_mailbox *maildir = maildir_mailbox(mailbox);
	const struct maildir_folder *found;

	if (uidmap_refresh(maildir->map, error) < 0)
		return -1;
	found = maildir_tree_find(maildir, folder, error);
	if (found == NULL || maildir_read(maildir, found, error) != 1)
		return 0;
	if (maildir->uids == NULL) {
		error_set(error, "%s: not listed yet", folder);
		return 0;
	}
	maildir_read_status(maildir, status_r);
	return 1;
}

static int maildir_mailbox_select(struct mailbox *mailbox, const char *folder,
	bool write, struct mailbox_selected *selected_r, struct error *error)
{
	memset(selected_r, 0, sizeof(*selected_r));
	if (write) {
		error_set(error, "a Maildir is only read");
		return 0;
	}
	return maildir_mailbox_status(
		mailbox, folder, &selected_r->status, error);
}

const struct mailbox_driver mailbox_maildir = {
	.protocol = "maildir",
	.open = maildir_mailbox_open,
	.close = maildir_mailbox_close,
	.features = maildir_mailbox_features,
	.list = maildir_mailbox_list,
	.status = maildir_mailbox_status,
	.select = maildir_mailbox_select,
	.scan = maildir_mailbox_scan,
	.fetch = maildir_mailbox_fetch,
	READONLY_FUNCTIONS,
	.keep_alive = readonly_keep_alive,
};
