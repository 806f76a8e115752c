/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The certificate of an account: what was where when its copy was proved, each
 * message with its digest, in a text file that outlives the move. Most of it is
 * written while the account is in service; in the freeze only what has changed
 * since is added, whatever the size of the account.
 *
 * The file begins with CERTIFICATE_MAGIC. Then come blocks of lines
 *   m UID-AT-HOME UID-AT-OTHER OCTETS SHA256
 * and for a message that the other side keeps with other octets
 *   a UID-AT-HOME UID-AT-OTHER OCTETS SHA256 OCTETS-AT-OTHER SHA256-AT-OTHER
 * some of which may have been replaced by later ones. The trailer tells which
 * count, in messages in control form (lib/attr.h): the first of the account,
 * then one for each folder, with its blocks as "OFFSET OCTETS SHA256", then one
 * for each item that was approved (to be left behind, or, of the kind altered,
 * to be kept so), and for each folder that the folder map leaves out. The last
 * line is end OFFSET-OF-TRAILER SHA256-OF-TRAILER in CERTIFICATE_END_SIZE
 * octets.
 */
#ifndef REHOME_COPIER_CERTIFICATE_H
#define REHOME_COPIER_CERTIFICATE_H

#include <stdint.h>

#include "lib/buffer.h"
#include "lib/error.h"

#include "copier/pass.h"

#define CERTIFICATE_MAGIC    "rehome certificate 1\n"
#define CERTIFICATE_END	     "end %016llx %s\n"
#define CERTIFICATE_END_SIZE 86

struct certificate;

/* What the file says of the account besides its messages. */
struct certificate_facts {
	const char *account;
	const char *home; /* names of the systems, or hosts */
	const char *other;
	int64_t at;
	uint64_t foreign;
};

/* Begins a certificate that will be at that path. It touches nothing yet. */
struct certificate *certificate_new(const char *path);
/* What was not finished leaves no file. */
void certificate_free(struct certificate **certificate);

/*
 * Writes down what the journal pairs by now and makes it durable. May be called
 * again and again; only what has changed is written. 0, or -1 with an error.
 */
int certificate_prepare(struct certificate *certificate,
	const struct pass *pass, struct error *error);
/*
 * The same, then the trailer, and the file takes its place, durably. The
 * certificate is begun anew after that. 0 or -1.
 */
int certificate_finish(struct certificate *certificate, const struct pass *pass,
	const struct certificate_facts *facts, struct error *error);
/* A summary for people of what was finished last; "" before. */
const char *certificate_summary(const struct certificate *certificate);

#endif
