/* SPDX-License-Identifier: BSD-2-Clause */
/* Refuses whatever would change a source. */
#include "config.h"

#include "copier/readonly.h"

static int readonly_refuse(struct mailbox *mailbox, struct error *error)
{
	error_set(error, "%s is only read, never changed",
		mailbox->driver->protocol);
	return 0;
}

int readonly_append_begin(struct mailbox *mailbox,
	const struct mailbox_append *append, void *cookie, struct error *error)
{
	(void)append;
	(void)cookie;
	return readonly_refuse(mailbox, error);
}

int readonly_append_data(struct mailbox *mailbox, const char *data, size_t size,
	struct error *error)
{
	(void)data;
	(void)size;
	return readonly_refuse(mailbox, error);
}

int readonly_append(struct mailbox *mailbox, struct error *error)
{
	return readonly_refuse(mailbox, error);
}

int readonly_store(struct mailbox *mailbox, const struct uidset *uids,
	const struct flagset *flags, struct error *error)
{
	(void)uids;
	(void)flags;
	return readonly_refuse(mailbox, error);
}

int readonly_expunge(
	struct mailbox *mailbox, const struct uidset *uids, struct error *error)
{
	(void)uids;
	return readonly_refuse(mailbox, error);
}

int readonly_folder(
	struct mailbox *mailbox, const char *folder, struct error *error)
{
	(void)folder;
	return readonly_refuse(mailbox, error);
}

int readonly_subscribe(struct mailbox *mailbox, const char *folder, bool on,
	struct error *error)
{
	(void)folder;
	(void)on;
	return readonly_refuse(mailbox, error);
}

int readonly_keep_alive(struct mailbox *mailbox, struct error *error)
{
	(void)mailbox;
	(void)error;
	return 1;
}
