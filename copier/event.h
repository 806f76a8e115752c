/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands print with --json: one object per line. */
#ifndef REHOME_COPIER_EVENT_H
#define REHOME_COPIER_EVENT_H

#include <jansson.h>

/* Folder names and server texts may be no UTF-8: then they are made so. */
json_t *event_text(const char *text);
/* Prints the object, at once, and drops it. */
void event_print(json_t *object);

#endif
