/* SPDX-License-Identifier: BSD-2-Clause */
/* Between sasl.c, which knows all mechanisms, and the files of single ones. */
#ifndef REHOME_COPIER_SASL_PRIVATE_H
#define REHOME_COPIER_SASL_PRIVATE_H

#include "copier/sasl.h"

/* Bounds of what a server may ask for: fewer iterations than RFC 7677 section
 * 4 allows, or so many that the login would not end. */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 2000000
#define SCRAM_NONCE_BYTES    18 /* random ones of ours, 24 in base64 */

enum scram_state {
	SCRAM_FIRST, /* the server's first message is to come */
	SCRAM_FINAL, /* its last one */
	SCRAM_DONE,
};

struct scram {
	enum scram_state state;
	char nonce[SCRAM_NONCE_BYTES / 3 * 4 + 1]; /* ours */
	struct secret header;			   /* "n,a=...," */
	struct secret first;	/* client-first-message-bare */
	struct secret password; /* prepared */
	unsigned char server_signature[32];
	bool refused; /* the server says that the proof is wrong */
};

/*
 * RFC 5802 section 5. The nonce is random when it is NULL (tests give one).
 * Each returns 0, or -1 with an error.
 */
int scram_begin(struct scram *scram, const struct sasl_account *account,
	const char *nonce, struct secret *message, struct error *error);
int scram_answer(struct scram *scram, const char *challenge, size_t size,
	struct secret *message, struct error *error);
void scram_clear(struct scram *scram);

#endif
