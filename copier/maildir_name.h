/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names and small files of a Maildir: what a file name tells of a message,
 * a directory name of a folder, and the lists that servers keep beside. Pure.
 */
#ifndef REHOME_COPIER_MAILDIR_NAME_H
#define REHOME_COPIER_MAILDIR_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

/* dovecot-keywords: a letter of a file name stands for each. */
#define MAILDIR_KEYWORDS 26

struct maildir_keywords {
	char *names[MAILDIR_KEYWORDS]; /* or NULL */
};

/*
 * What a message is known by, whatever its flags: the file name without
 * ":2,FLAGS" and without the sizes ",S=" and ",W=" that servers add or drop.
 * Returns malloc'd text; NULL for a name that no message has.
 */
char *maildir_base(const char *file);
/* Adds the flags behind ":2," as IMAP has them, with a blank behind each. */
void maildir_flags(const char *file, const struct maildir_keywords *keywords,
	struct buffer *flags);
/* The seconds that the name begins with, when it came in; 0: none. */
int64_t maildir_seconds(const char *base);

/* Takes a line "NUMBER NAME" of dovecot-keywords; others are left alone. */
void maildir_keyword_line(struct maildir_keywords *keywords, const char *line);
void maildir_keywords_clear(struct maildir_keywords *keywords);

/* The first line of dovecot-uidlist or courierimapuiddb: 0 or -1. */
int maildir_uidlist_head(const char *line, uint32_t *uidvalidity_r);
/* A later line; *file_r points into it. 0 or -1. */
int maildir_uidlist_line(
	const char *line, uint32_t *uid_r, const char **file_r);

#endif
