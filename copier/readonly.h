/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half of a driver that changes a mailbox, for sources that are only read:
 * each function refuses. Nobody calls them who looks at features.read_only.
 */
#ifndef REHOME_COPIER_READONLY_H
#define REHOME_COPIER_READONLY_H

#include "copier/driver.h"

int readonly_append_begin(struct mailbox *mailbox,
	const struct mailbox_append *append, void *cookie, struct error *error);
int readonly_append_data(struct mailbox *mailbox, const char *data, size_t size,
	struct error *error);
int readonly_append(struct mailbox *mailbox, struct error *error);
int readonly_change(struct mailbox *mailbox, struct mailbox_change *changes,
	size_t count, struct error *error);
int readonly_folder(
	struct mailbox *mailbox, const char *folder, struct error *error);
int readonly_subscribe(struct mailbox *mailbox, const char *folder, bool on,
	struct error *error);
/* Local mail is always there. */
int readonly_keep_alive(struct mailbox *mailbox, struct error *error);

/* These, for the table of a driver. */
#define READONLY_FUNCTIONS                                                     \
	.append_begin = readonly_append_begin,                                 \
	.append_data = readonly_append_data, .append_end = readonly_append,    \
	.append_commit = readonly_append, .append_wait = readonly_append,      \
	.change = readonly_change, .create = readonly_folder,                  \
	.subscribe = readonly_subscribe, .remove = readonly_folder

#endif
