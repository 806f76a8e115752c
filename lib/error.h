/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The error text that library code hands to its caller. A text says what was
 * tried, on which object, and why it failed: "open store /x: Permission
 * denied". The program that catches it adds account and session and logs it.
 */
#ifndef REHOME_ERROR_H
#define REHOME_ERROR_H

struct error {
	char text[512];
};

/*
 * Replaces the text; a longer one is cut. A NULL error is allowed and means
 * that the caller does not want to know. Control characters and bytes that are
 * not UTF-8 are replaced by '?', and so are marks that reorder a line, so that
 * the text is safe in a log line, in a reply, in JSON and on a terminal. The
 * arguments may point into the present text.
 */
void error_set(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "PREFIX: " in front of the present text. */
void error_prefix(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
