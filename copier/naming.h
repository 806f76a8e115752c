/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name that a folder of one server gets on another: separators and the
 * prefix of the personal namespace differ, INBOX is INBOX everywhere.
 */
#ifndef REHOME_COPIER_NAMING_H
#define REHOME_COPIER_NAMING_H

#include "copier/driver.h"

/*
 * Names are as servers write them, modified UTF-7. separator is the folder's
 * own at from (0: it has no levels). The prefix of from is taken off, that of
 * to put on; a separator of to inside a level becomes '_', since no server
 * would take it. The result is malloc'd.
 */
char *naming_map(const char *name, char separator,
	const struct mailbox_features *from, const struct mailbox_features *to);

#endif
