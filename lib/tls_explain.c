/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a certificate is refused, in words that name the host, the cause and
 * what can be done; and pins of public keys.
 */
#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/buffer.h"
#include "lib/tls_private.h"
#include "lib/xalloc.h"

#define NAMES_SHOWN 6 /* of a certificate, in an error */
#define DATE_SIZE   32

static void tls_format_date(const ASN1_TIME *date, char text_r[DATE_SIZE])
{
	struct tm parts;

	if (date == NULL || !ASN1_TIME_to_tm(date, &parts) ||
		strftime(text_r, DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) ==
			0)
		snprintf(text_r, DATE_SIZE, "an unknown date");
}

/* A name from a certificate may hold any bytes. */
static void tls_add_name(
	struct buffer *names, const unsigned char *name, int size)
{
	if (names->size > 0)
		buffer_add_text(names, ", ");
	for (int i = 0; i < size; i++)
		buffer_printf(names, "%c",
			name[i] >= 0x20 && name[i] < 0x7f ? name[i] : '?');
}

static void tls_add_common_name(const X509_NAME *subject, struct buffer *names)
{
	int at = X509_NAME_get_index_by_NID(
		(X509_NAME *)subject, NID_commonName, -1);
	const ASN1_STRING *text;

	if (at < 0)
		return;
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	tls_add_name(
		names, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
}

static void tls_add_alternative(const GENERAL_NAME *name, struct buffer *names)
{
	char text[INET6_ADDRSTRLEN];
	const ASN1_OCTET_STRING *bytes;
	int family;

	if (name->type == GEN_DNS) {
		tls_add_name(names, ASN1_STRING_get0_data(name->d.dNSName),
			ASN1_STRING_length(name->d.dNSName));
		return;
	}
	if (name->type != GEN_IPADD)
		return;
	bytes = name->d.iPAddress;
	family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
	if ((family == AF_INET || ASN1_STRING_length(bytes) == 16) &&
		inet_ntop(family, ASN1_STRING_get0_data(bytes), text,
			sizeof(text)) != NULL)
		tls_add_name(
			names, (const unsigned char *)text, (int)strlen(text));
}

/* What the certificate is for: "a.example, 192.0.2.1"; buffer_free it. */
static void tls_list_names(const X509 *certificate, struct buffer *names)
{
	GENERAL_NAMES *list =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int count = sk_GENERAL_NAME_num(list);

	for (int i = 0; i < count && i < NAMES_SHOWN; i++)
		tls_add_alternative(sk_GENERAL_NAME_value(list, i), names);
	if (count > NAMES_SHOWN)
		buffer_add_text(names, ", ...");
	GENERAL_NAMES_free(list);
	/* RFC 6125 section 6.4.4: the common name counts only without them. */
	if (names->size == 0)
		tls_add_common_name(X509_get_subject_name(certificate), names);
	if (names->size == 0)
		buffer_add_text(names, "nobody");
}

static void tls_explain_name(
	struct tls_session *session, const X509 *certificate)
{
	struct buffer names = BUFFER_EMPTY;

	tls_list_names(certificate, &names);
	error_set(session->refusal, "certificate of %s is for %.250s, not %s",
		session->host, names.data, session->host);
	buffer_free(&names);
}

/* What an administrator can do who knows the server to be right. */
static void tls_advise(struct tls_session *session, X509_STORE_CTX *store)
{
	unsigned char pin[PIN_SIZE];
	char text[PIN_TEXT_SIZE];
	struct error refusal = *session->refusal;

	if (tls_pin_of(X509_STORE_CTX_get0_cert(store), pin) < 0)
		return;
	pin_format(pin, text);
	error_set(session->refusal,
		"%s; if that is right, trust it by ca_file (--ca-file), or its "
		"key by the pin %s",
		refusal.text, text);
}

static void tls_explain_issuer(
	struct tls_session *session, const X509 *certificate, int number)
{
	const char *trusted = session->context->ca_file != NULL
				      ? session->context->ca_file
				      : "this host";
	struct buffer issuer = BUFFER_EMPTY;

	if (number == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
		error_set(session->refusal,
			"certificate of %s is signed by itself and not among "
			"the trusted ones of %s",
			session->host, trusted);
		return;
	}
	tls_add_common_name(X509_get_issuer_name(certificate), &issuer);
	error_set(session->refusal,
		"certificate of %s: its issuer \"%.100s\" is not among the "
		"trusted ones of %s",
		session->host, issuer.data != NULL ? issuer.data : "", trusted);
	buffer_free(&issuer);
}

static void tls_explain(
	struct tls_session *session, X509_STORE_CTX *store, int number)
{
	const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	const char *whose = X509_STORE_CTX_get_error_depth(store) == 0
				    ? ""
				    : " (a CA certificate of its chain)";
	char date[DATE_SIZE];

	switch (certificate != NULL ? number : X509_V_ERR_UNSPECIFIED) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		tls_explain_name(session, certificate);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		tls_format_date(X509_get0_notAfter(certificate), date);
		error_set(session->refusal, "certificate of %s%s expired on %s",
			session->host, whose, date);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		tls_format_date(X509_get0_notBefore(certificate), date);
		error_set(session->refusal,
			"certificate of %s%s is not valid before %s",
			session->host, whose, date);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		tls_explain_issuer(session, certificate, number);
		tls_advise(session, store);
		return;
	default:
		error_set(session->refusal, "certificate of %s%s: %s",
			session->host, whose,
			X509_verify_cert_error_string(number));
	}
}

int tls_verified(int fine, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_session *session = SSL_get_app_data(ssl);

	if (!fine && session->refusal == NULL) {
		session->refusal = xcalloc(1, sizeof(*session->refusal));
		tls_explain(session, store, X509_STORE_CTX_get_error(store));
	}
	return fine;
}

/* ---- pins ---- */

int tls_pin_of(const X509 *certificate, unsigned char pin_r[PIN_SIZE])
{
	unsigned char *der = NULL;
	int size = certificate != NULL
			   ? i2d_X509_PUBKEY(
				     X509_get_X509_PUBKEY(certificate), &der)
			   : -1;
	int result = -1;

	if (size > 0 &&
		EVP_Digest(der, (size_t)size, pin_r, NULL, EVP_sha256(), NULL))
		result = 0;
	OPENSSL_free(der);
	return result;
}

bool tls_is_pinned(struct tls_session *session)
{
	X509 *certificate = SSL_get1_peer_certificate(session->ssl);
	unsigned char pin[PIN_SIZE];
	char text[PIN_TEXT_SIZE];
	int result = tls_pin_of(certificate, pin);

	X509_free(certificate);
	if (result == 0 && pin_is_among(session->context->pins, pin))
		return true;
	if (session->refusal == NULL)
		session->refusal = xcalloc(1, sizeof(*session->refusal));
	if (result < 0) {
		error_set(session->refusal,
			"%s shows no certificate that a pin could be compared "
			"with",
			session->host);
		return false;
	}
	pin_format(pin, text);
	error_set(session->refusal,
		"the key of %s has the pin %s, which is not the one that is "
		"expected; add it if the server's key was changed on purpose",
		session->host, text);
	return false;
}
