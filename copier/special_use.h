/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a folder is for, as servers mark it (RFC 6154, RFC 8457): the word is
 * the same everywhere while names differ ("Sent", "Sent Items", "Gesendet").
 */
#ifndef REHOME_COPIER_SPECIAL_USE_H
#define REHOME_COPIER_SPECIAL_USE_H

#include <stdbool.h>
#include <stddef.h>

enum special_use {
	SPECIAL_USE_NONE = 0,
	SPECIAL_USE_ALL,
	SPECIAL_USE_ARCHIVE,
	SPECIAL_USE_DRAFTS,
	SPECIAL_USE_FLAGGED,
	SPECIAL_USE_IMPORTANT,
	SPECIAL_USE_JUNK,
	SPECIAL_USE_SENT,
	SPECIAL_USE_TRASH,
};

/* "\Sent"; "" for none. */
const char *special_use_name(enum special_use use);
/* Case is ignored. NONE when the word is not one of them. */
enum special_use special_use_parse(const char *word, size_t size);
/* True for those that show messages which are in other folders too. */
bool special_use_is_view(enum special_use use);

#endif
