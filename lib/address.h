/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mail addresses in the one canonical form that every map, record and
 * comparison uses: local part in lower case (Unicode: NFC and case-folded),
 * unquoted where the quotes are not needed; domain as lower-case A-labels.
 * RFC 5321 section 4.1.2 and 4.5.3.1, RFC 6531 section 3.3, RFC 5890.
 */
#ifndef REHOME_ADDRESS_H
#define REHOME_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

/* Octets: 64 of local part, '@', 255 of domain. */
#define ADDRESS_LOCAL_MAX 64
#define ADDRESS_DOMAIN_MAX 255
#define ADDRESS_SIZE (ADDRESS_LOCAL_MAX + 1 + ADDRESS_DOMAIN_MAX + 1)

struct address {
	char text[ADDRESS_SIZE]; /* local@domain, NUL-terminated */
	size_t local_size;	 /* text[local_size] is the '@' */
};

/*
 * Canonicalises text, with or without angle brackets, with an optional source
 * route, which is dropped (RFC 5321 appendix F.2). Returns 0, or -1 with an
 * error: no domain, empty or overlong part, bad quoting, bad UTF-8, a domain
 * that IDNA refuses, control characters.
 */
int address_parse(const char *text, struct address *address_r,
	struct error *error);

/* The domain of an address, inside its text. */
const char *address_domain(const struct address *address);

/*
 * Canonicalises a bare domain into domain_r (ADDRESS_DOMAIN_MAX + 1 bytes).
 * Returns 0 or -1 with an error.
 */
int address_domain_parse(const char *text, char *domain_r,
	struct error *error);

/*
 * Cuts the extension ("ann+lists" -> "ann") at the first of the delimiter
 * characters that is not the first character of the local part, as Postfix's
 * recipient_delimiter does. Quoted local parts and the local parts
 * "mailer-daemon", "double-bounce" and those that begin with "owner-" or end
 * in "-request" with '-' as the delimiter are left alone. Returns false when
 * there is none, with *base_r untouched.
 */
bool address_base(const struct address *address, const char *delimiters,
	struct address *base_r);

#endif
