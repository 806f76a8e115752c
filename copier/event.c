/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects on lines of their own, see event.h. */
#include "config.h"

#include "copier/event.h"

#include <stdio.h>

#include "lib/error.h"

json_t *event_text(const char *text)
{
	json_t *value = json_string(text);
	struct error clean;

	if (value != NULL)
		return value;
	error_set(&clean, "%s", text);
	return json_string(clean.text);
}

void event_print(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}
