/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protocol messages as JSON: one object, its names those of the attributes.
 * The only file that includes <jansson.h>. Numbers and durations (ms) are
 * numbers, booleans are booleans, an instant is an RFC 3339 string, "never" or,
 * when there is none, null. Attributes that may stand several times (alias)
 * are always arrays; freeze_steps is an object of step and milliseconds.
 */
#ifndef REHOME_JSON_H
#define REHOME_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/attr.h"

/* One object on one line, without the reply's status. An account has all its
 * fields, also those at their default. */
void json_print(FILE *out, const struct attr_list *message);

/* A list: one array, one object per line, printed as it comes. */
struct json_array {
	FILE *out;
	size_t count;
};

void json_array_begin(struct json_array *array, FILE *out);
void json_array_add(struct json_array *array, const struct attr_list *message);
void json_array_end(struct json_array *array);

#endif
