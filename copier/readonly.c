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

int readonly_change(struct mailbox *mailbox, struct mailbox_change *changes,
	size_t count, struct error *error)
{
	size_t i;

	(void)error;
	for (i = 0; i < count; i++) {
		changes[i].done = false;
		readonly_refuse(mailbox, &changes[i].words);
	}
	return 1;
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
