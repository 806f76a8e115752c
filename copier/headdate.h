/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a message came in, from its header: for sources that do not keep an
 * INTERNALDATE of their own. Pure.
 */
#ifndef REHOME_COPIER_HEADDATE_H
#define REHOME_COPIER_HEADDATE_H

#include <stddef.h>

#include "copier/maildate.h"

/*
 * Reads a date-time of RFC 5322 section 3.3 with its obsolete forms (section
 * 4.3: years of two digits, named zones, comments, no seconds). A zone that is
 * unknown or missing is taken as UTC. Returns 0, or -1 when it is none.
 */
int headdate_parse(const char *text, size_t size, char date_r[MAILDATE_SIZE]);

/*
 * The date of the topmost Received field, where the last server put it, else
 * that of the Date field. head is the beginning of a message, with as much of
 * its header as there is. 1 found, 0 there is none.
 */
int headdate_find(const char *head, size_t size, char date_r[MAILDATE_SIZE]);

#endif
