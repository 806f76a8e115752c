/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates for tests. Nothing here is fit for anything else. */
#include <config.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/certificate.h"

static void certificate_check(int fine)
{
	if (!fine)
		abort();
}

static void certificate_extend(const struct certificate *certificate,
	const struct certificate *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509V3_set_ctx(
		&context, issuer->x509, certificate->x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	certificate_check(extension != NULL);
	certificate_check(X509_add_ext(certificate->x509, extension, -1));
	X509_EXTENSION_free(extension);
}

struct certificate certificate_new(const struct certificate *issuer,
	const char *common, const char *names, long from, long until)
{
	static atomic_long serial;
	struct certificate made = { X509_new(), EVP_EC_gen("P-256") };
	const struct certificate *by = issuer != NULL ? issuer : &made;
	X509_NAME *name = X509_get_subject_name(made.x509);

	certificate_check(made.key != NULL);
	X509_set_version(made.x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(made.x509), from);
	X509_gmtime_adj(X509_getm_notAfter(made.x509), until);
	certificate_check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		(const unsigned char *)common, -1, -1, 0));
	X509_set_issuer_name(made.x509, X509_get_subject_name(by->x509));
	X509_set_pubkey(made.x509, made.key);
	certificate_extend(&made, by, NID_basic_constraints,
		names != NULL ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (names != NULL && names[0] != '\0')
		certificate_extend(&made, by, NID_subject_alt_name, names);
	certificate_check(X509_sign(made.x509, by->key, EVP_sha256()) > 0);
	return made;
}

void certificate_clear(struct certificate *certificate)
{
	X509_free(certificate->x509);
	EVP_PKEY_free(certificate->key);
	certificate->x509 = NULL;
	certificate->key = NULL;
}

void certificate_save(const struct certificate *certificate,
	const char *certificate_file, const char *key_file)
{
	FILE *file = fopen(certificate_file, "w");

	certificate_check(file != NULL);
	certificate_check(PEM_write_X509(file, certificate->x509));
	certificate_check(fclose(file) == 0);
	file = fopen(key_file, "w");
	certificate_check(file != NULL);
	certificate_check(PEM_write_PrivateKey(
		file, certificate->key, NULL, NULL, 0, NULL, NULL));
	certificate_check(fclose(file) == 0);
}
