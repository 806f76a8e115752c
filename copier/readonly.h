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
int readonly_store(struct mailbox *mailbox, const struct uidset *uids,
	const struct flagset *flags, struct error *error);
int readonly_expunge(struct mailbox *mailbox, const struct uidset *uids,
	struct error *error);
int readonly_folder(
	struct mailbox *mailbox, const char *folder, struct error *error);
int readonly_subscribe(struct mailbox *mailbox, const char *folder, bool on,
	struct error *error);

#endif
