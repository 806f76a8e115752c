/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mbox driver: a file, or a directory tree of them, as mail programs of a
 * user's own station have them. Only read; mail may come in meanwhile.
 */
#include "config.h"

#include "copier/driver_mbox_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/readonly.h"

#include "lib/xalloc.h"

static void mbox_mailbox_close(struct mailbox *mailbox)
{
	struct mbox_mailbox *mbox = mbox_mailbox(mailbox);

	mbox_tree_clear(mbox);
	uidmap_close(&mbox->map);
	spool_free(&mbox->spool);
	digest_free(&mbox->digest);
	free(mbox->root);
	free(mbox);
}

static int mbox_mailbox_prepare(struct mbox_mailbox *mbox,
	const struct mailbox_target *target, struct error *error)
{
	char *source = xasprintf(
		"mbox:%s quoting %d", target->path, (int)target->quoting);

	mbox->map = uidmap_open(target->uidmap, source, error);
	mbox->spool = spool_new_beside(target->uidmap);
	free(source);
	return mbox->map != NULL ? mbox_tree_read(mbox, error) : -1;
}

static struct mailbox *mbox_mailbox_open(const struct mailbox_target *target,
	struct flagpool *flags, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct mbox_mailbox *mbox = xcalloc(1, sizeof(*mbox));

	(void)failure_r;
	mbox->root = xstrdup(target->path);
	mbox->quoting = target->quoting;
	mbox->flags = flags;
	mbox->digest = digest_new();
	mbox->features.read_only = true;
	mbox->features.separator = '/';
	mbox->features.prefix = "";
	if (mbox_mailbox_prepare(mbox, target, error) < 0) {
		mbox_mailbox_close(&mbox->mailbox);
		return NULL;
	}
	return &mbox->mailbox;
}

static const struct mailbox_features *mbox_mailbox_features(
	struct mailbox *mailbox)
{
	return &mbox_mailbox(mailbox)->features;
}

static void mbox_mailbox_tell(
	const struct mbox_folder *folder, struct mailbox_status *status_r)
{
	memset(status_r, 0, sizeof(*status_r));
	status_r->uidvalidity = folder->uids->uidvalidity;
	status_r->uidnext = folder->uids->uidnext;
	status_r->messages = (uint32_t)folder->count;
}

static int mbox_mailbox_list(struct mailbox *mailbox,
	mailbox_folder_fn *callback, void *context, struct error *error)
{
	struct mbox_mailbox *mbox = mbox_mailbox(mailbox);
	size_t i;

	/* Only the one who gives UIDs sees all; lanes do not list. */
	if (uidmap_is_reader(mbox->map)) {
		error_set(error, "%s is being copied by somebody else",
			mbox->root);
		return -1;
	}
	if (mbox_tree_read(mbox, error) < 0)
		return -1;
	for (i = 0; i < mbox->folders_count; i++) {
		struct mbox_folder *folder = mbox->folders[i];
		struct mailbox_folder told = { .name = folder->name,
			.separator = '/',
			.selectable = true,
			.subscribed = folder->subscribed };

		/* Why it cannot be read is told to who selects it. */
		if (folder->reason == NULL &&
			mbox_read(mbox, folder, NULL) == 1 &&
			folder->uids != NULL) {
			told.has_status = true;
			mbox_mailbox_tell(folder, &told.status);
		}
		if (callback(context, &told) < 0)
			return -1;
	}
	return 1;
}

static int mbox_mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error)
{
	struct mbox_mailbox *mbox = mbox_mailbox(mailbox);
	struct mbox_folder *found;
	int result;

	mbox->selected = NULL;
	if (uidmap_refresh(mbox->map, error) < 0)
		return -1;
	found = mbox_tree_find(mbox, folder, error);
	result = found != NULL ? mbox_read(mbox, found, error) : 0;
	if (result != 1)
		return result;
	if (found->uids == NULL) {
		error_set(error, "%s: not listed yet", folder);
		return 0;
	}
	mbox->selected = found;
	mbox_mailbox_tell(found, status_r);
	return 1;
}

static int mbox_mailbox_select(struct mailbox *mailbox, const char *folder,
	bool write, struct mailbox_selected *selected_r, struct error *error)
{
	memset(selected_r, 0, sizeof(*selected_r));
	if (write) {
		error_set(error, "an mbox is only read");
		return 0;
	}
	return mbox_mailbox_status(mailbox, folder, &selected_r->status, error);
}

const struct mailbox_driver mailbox_mbox = {
	.protocol = "mbox",
	.open = mbox_mailbox_open,
	.close = mbox_mailbox_close,
	.features = mbox_mailbox_features,
	.list = mbox_mailbox_list,
	.status = mbox_mailbox_status,
	.select = mbox_mailbox_select,
	.scan = mbox_mailbox_scan,
	.fetch = mbox_mailbox_fetch,
	READONLY_FUNCTIONS,
	.keep_alive = readonly_keep_alive,
};
