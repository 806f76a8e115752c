/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificates of a listen section. */
#ifndef REHOME_GATEWAY_CERTIFICATE_H
#define REHOME_GATEWAY_CERTIFICATE_H

#include "lib/error.h"
#include "lib/tls.h"

/*
 * A server's context with all the files, which are lists of paths separated by
 * blanks: the first certificate is shown to clients who ask for no name or for
 * an unknown one. keys NULL: each key is in the file of its certificate. NULL
 * with an error.
 */
struct tls_context *certificate_load(
	const char *certificates, const char *keys, struct error *error);

#endif
