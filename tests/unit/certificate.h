/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates for tests, made when they are needed: P-256, any validity. */
#ifndef REHOME_TESTS_CERTIFICATE_H
#define REHOME_TESTS_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct certificate {
	X509 *x509;
	EVP_PKEY *key;
};

/*
 * A certificate issued by issuer, or by itself when that is NULL. common is its
 * common name. names are its alternative names as in openssl.cnf
 * ("DNS:a.example,IP:::1"), "" for none; NULL makes it a CA's. It is valid from
 * and until so many seconds after now. A failure aborts. certificate_clear it.
 */
struct certificate certificate_new(const struct certificate *issuer,
	const char *common, const char *names, long from, long until);
void certificate_clear(struct certificate *certificate);

/* Writes both as PEM files. */
void certificate_save(const struct certificate *certificate,
	const char *certificate_file, const char *key_file);

#endif
