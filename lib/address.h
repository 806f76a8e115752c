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
#define ADDRESS_LOCAL_MAX  64
#define ADDRESS_DOMAIN_MAX 255
#define ADDRESS_SIZE	   (ADDRESS_LOCAL_MAX + 1 + ADDRESS_DOMAIN_MAX + 1)

struct address {
	char text[ADDRESS_SIZE]; /* local@domain, NUL-terminated */
	size_t local_size;	 /* text[local_size] is the '@' */
};

/*
 * Canonicalises text, with or without angle brackets, with an optional source
 * route, which is dropped (RFC 5321 appendix F.2). Returns 0, or -1 with an
 * error: no domain, empty or overlong part, bad quoting, bad UTF-8, a domain
 * that IDNA refuses, control characters. Lengths are those of the canonical
 * form. Dots that the grammar does not allow ("a..b") are in use all the same;
 * such a local part is taken and its canonical form is quoted.
 */
int address_parse(
	const char *text, struct address *address_r, struct error *error);

/*
 * The same for the form that Postfix uses inside and sends to a policy server:
 * all in front of the last '@' is the local part, without quotes even where
 * the grammar would want them. No angle brackets, no source route.
 */
int address_parse_unquoted(
	const char *text, struct address *address_r, struct error *error);

/* The domain of an address, inside its text. */
const char *address_domain(const struct address *address);

/*
 * Canonicalises a bare domain into domain_r (ADDRESS_DOMAIN_MAX + 1 bytes).
 * One dot at the end is dropped; an underscore passes, since such domains
 * receive mail; address literals become "[192.0.2.1]" and "[ipv6:2001:db8::1]".
 * Returns 0 or -1 with an error.
 */
int address_domain_parse(const char *text, char *domain_r, struct error *error);

/*
 * Cuts the extension ("ann+lists" -> "ann") at the first delimiter character,
 * as Postfix's recipient_delimiter does: a local part that begins with one,
 * the local parts "postmaster", "mailer-daemon", "double-bounce" and, with '-'
 * among the delimiters, those that begin with "owner-" or end in "-request"
 * are left alone. So are quoted local parts. Returns false when there is no
 * extension, with *base_r untouched. delimiters may be NULL.
 */
bool address_base(const struct address *address, const char *delimiters,
	struct address *base_r);

#endif
