/* SPDX-License-Identifier: BSD-2-Clause */
/* A certificate against the server as it is now. */
#ifndef REHOME_COPIER_CERTIFICATE_CHECK_H
#define REHOME_COPIER_CERTIFICATE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/certificate_read.h"
#include "copier/driver.h"

enum certificate_finding {
	CERTIFICATE_MOVED,   /* it is there, in another place or under another
				UID */
	CERTIFICATE_GONE,    /* it is not there any more */
	CERTIFICATE_CHANGED, /* its UID is there, with other octets */
	CERTIFICATE_FINDINGS,
};

struct certificate_found {
	enum certificate_finding finding;
	const char *folder; /* at the other side, when it was certified */
	const struct certificate_message *message;
	const char *place; /* MOVED: the folder where it is now */
	uint32_t uid;	   /* there */
};

struct certificate_check {
	const struct certificate_text *certificate;
	struct mailbox *mailbox; /* of the other side */
	bool full; /* read every message, not only those that are looked for */
	void (*found)(void *context, const struct certificate_found *found);
	/* Told after each folder; false stops. May be NULL. */
	bool (*progress)(void *context, const char *folder, uint64_t done,
		uint64_t total);
	void *context;

	/* set by the check */
	uint64_t messages; /* certified */
	uint64_t there;	   /* of them, as they were */
	uint64_t counts[CERTIFICATE_FINDINGS];
};

/*
 * Looks for each message by its UID and size, and for those that are not there
 * by size and digest in all folders. 1, or -1 with an error: the mailbox is of
 * no further use, or the certificate is damaged.
 */
int certificate_check_run(struct certificate_check *check, struct error *error);
const char *certificate_finding_name(enum certificate_finding finding);

#endif
