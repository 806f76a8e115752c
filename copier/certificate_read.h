/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a certificate (certificate.h). Nothing is told of a file whose
 * digests are not those that it says.
 */
#ifndef REHOME_COPIER_CERTIFICATE_READ_H
#define REHOME_COPIER_CERTIFICATE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/error.h"

#include "copier/journal.h"

struct certificate_message {
	uint32_t uid; /* at home */
	uint32_t other;
	uint64_t size;
	unsigned char digest[JOURNAL_DIGEST];
	/* The other side has other octets: */
	bool altered;
	/* what it has, the same as above unless altered */
	uint64_t stored_size;
	unsigned char stored[JOURNAL_DIGEST];
};

/* A certificate in memory, whole. */
struct certificate_text {
	char *data;
	size_t size;
	struct attr_list *header;
	struct attr_list **folders;
	size_t folders_count;
	struct attr_list **approvals;
	size_t approvals_count;
	struct attr_list **excluded;
	size_t excluded_count;
};

/*
 * Reads it and checks every digest in it. 0, or -1 with an error: it cannot be
 * read, it is none, or it is damaged. Clear it in every case.
 */
int certificate_read(const char *path, struct certificate_text *certificate_r,
	struct error *error);
/* The same of octets; data is malloc'd and becomes its own. */
int certificate_scan(char *data, size_t size,
	struct certificate_text *certificate_r, struct error *error);
void certificate_clear(struct certificate_text *certificate);

/* The messages of a folder, malloc'd. 0, or -1: a line is none. */
int certificate_messages(const struct certificate_text *certificate,
	size_t folder, struct certificate_message **messages_r, size_t *count_r,
	struct error *error);
/* A number of a line of the trailer, 0 when it is not there. */
uint64_t certificate_number(const struct attr_list *line, const char *name);

#endif
