/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attribute protocol: "name=value" lines, an empty line ends a message.
 * One parser and one printer for Postfix policy delegation (SMTPD_POLICY
 * README of Postfix), for the control protocol and for stored records.
 */
#ifndef REHOME_ATTR_H
#define REHOME_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"
#include "lib/error.h"

enum attr_form {
	ATTR_POLICY,  /* values are raw, as Postfix sends them */
	ATTR_CONTROL, /* in values "\n" is a newline and "\\" a backslash */
};

/* Hard limits; a message beyond them is refused, never cut. */
#define ATTR_NAME_MAX	 64
#define ATTR_VALUE_MAX	 65536
#define ATTR_COUNT_MAX	 4096
#define ATTR_MESSAGE_MAX (1 << 20)

/* An ordered list; a name may stand several times. */
struct attr_list;

struct attr_list *attr_list_new(void);
void attr_list_free(struct attr_list **list);
void attr_list_clear(struct attr_list *list);
struct attr_list *attr_list_copy(const struct attr_list *list);

/*
 * Adds a pair; name and value are copied. The name must be 1 to ATTR_NAME_MAX
 * characters of [A-Za-z0-9_.-]; anything else is a broken invariant (abort).
 */
void attr_list_add(struct attr_list *list, const char *name, const char *value);
void attr_list_printf(struct attr_list *list, const char *name,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
void attr_list_add_number(
	struct attr_list *list, const char *name, int64_t number);

size_t attr_list_count(const struct attr_list *list);
const char *attr_list_name(const struct attr_list *list, size_t index);
const char *attr_list_value(const struct attr_list *list, size_t index);
/* The first value of that name, or NULL. Valid until the list changes. */
const char *attr_list_get(const struct attr_list *list, const char *name);
/*
 * 1 and the number, 0 when the name is not there (*number_r untouched), -1
 * with an error when the value is no decimal int64_t.
 */
int attr_list_get_number(const struct attr_list *list, const char *name,
	int64_t *number_r, struct error *error);

/*
 * Appends the printed message, its final empty line included. In ATTR_POLICY
 * a newline in a value is printed as a space; other control characters, which
 * no parser would take, are printed as '?' in both forms.
 */
void attr_print(const struct attr_list *list, enum attr_form form,
	struct buffer *buffer);

/*
 * The resumable parser. Feed it any pieces of a stream; it takes as much as it
 * needs. Returns 1 when a message is complete (attr_parser_message gives it;
 * valid until the next feed), 0 when all was taken and more is needed, -1 when
 * the bytes are no message: the stream cannot be used any further. *used_r is
 * how many bytes were taken. NUL and control characters other than TAB are
 * refused; bytes above 127 pass. An empty line alone is a message without
 * attributes.
 */
struct attr_parser *attr_parser_new(enum attr_form form);
void attr_parser_free(struct attr_parser **parser);
int attr_parser_feed(struct attr_parser *parser, const char *data, size_t size,
	size_t *used_r, struct error *error);
const struct attr_list *attr_parser_message(const struct attr_parser *parser);
/* True in the middle of a message (a peer that closes now was cut off). */
bool attr_parser_midway(const struct attr_parser *parser);

#endif
