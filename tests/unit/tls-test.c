/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS handshakes of our client over socket pairs: certificates good and bad in
 * each way, peers that speak old versions, something else, or nothing.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <openssl/ssl.h>
#include <cmocka.h>

#include "lib/instant.h"
#include "lib/tls.h"
#include "tests/unit/certificate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY	     86400L
#define TIMEOUT_MS   500

static char scratch[64] = "/tmp/tls-test.XXXXXX";

struct path {
	char text[128];
};

/* A path below the scratch directory. */
static struct path in_scratch(const char *name, const char *ending)
{
	struct path path;

	snprintf(
		path.text, sizeof(path.text), "%s/%s%s", scratch, name, ending);
	return path;
}

/* ---- certificates ---- */

/* Made, and written as FILE.pem and FILE.key. */
static struct certificate make(const struct certificate *issuer,
	const char *file, const char *common, const char *names, long from,
	long until)
{
	struct certificate made =
		certificate_new(issuer, common, names, from, until);

	certificate_save(&made, in_scratch(file, ".pem").text,
		in_scratch(file, ".key").text);
	return made;
}

static void make_leaf(const struct certificate *issuer, const char *file,
	const char *names, long from, long until)
{
	struct certificate made = make(issuer, file, "x", names, from, until);

	certificate_clear(&made);
}

static int make_all(void **state)
{
	struct certificate ca;
	struct certificate other;
	struct certificate old;
	struct certificate made;

	(void)state;
	if (mkdtemp(scratch) == NULL)
		return -1;
	ca = make(NULL, "ca", "Test CA", NULL, -DAY, 3650 * DAY);
	other = make(NULL, "other", "Other CA", NULL, -DAY, 3650 * DAY);
	old = make(NULL, "old", "Old CA", NULL, -20 * DAY, -2 * DAY);
	make_leaf(&ca, "good",
		"DNS:mail.example.org,DNS:*.wild.example.org,"
		"DNS:par*.example.org",
		-DAY, DAY);
	make_leaf(&ca, "address", "IP:127.0.0.1,IP:::1", -DAY, DAY);
	make_leaf(&ca, "many",
		"DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example,"
		"IP:192.0.2.1,DNS:e.example,DNS:f.example",
		-DAY, DAY);
	made = make(&ca, "common", "mail.example.org", "", -DAY, DAY);
	certificate_clear(&made);
	made = make(&ca, "evil", "x\ny\033[2J", "", -DAY, DAY);
	certificate_clear(&made);
	make_leaf(&ca, "expired", "DNS:mail.example.org", -9 * DAY, -2 * DAY);
	make_leaf(&ca, "early", "DNS:mail.example.org", 2 * DAY, 9 * DAY);
	make_leaf(&old, "old-leaf", "DNS:mail.example.org", -DAY, DAY);
	make_leaf(NULL, "self", "DNS:mail.example.org", -DAY, DAY);
	certificate_clear(&ca);
	certificate_clear(&other);
	certificate_clear(&old);
	return 0;
}

static int remove_all(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", scratch);
	return system(command);
}

/* ---- peers ---- */

struct peer {
	int socket;
	pthread_t thread;
	/* of a TLS peer */
	const char *certificate;
	int newest;	/* version, 0 for any */
	char name[256]; /* that the client asked for */
};

static SSL_CTX *peer_context(const struct peer *peer)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	/* the ciphers of old versions need it */
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, peer->newest);
	SSL_CTX_use_certificate_file(context,
		in_scratch(peer->certificate, ".pem").text, SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(context,
		in_scratch(peer->certificate, ".key").text, SSL_FILETYPE_PEM);
	return context;
}

/* A server by plain OpenSSL; takes all until the end. */
static void *serve_tls(void *argument)
{
	struct peer *peer = argument;
	SSL_CTX *context = peer_context(peer);
	SSL *ssl = SSL_new(context);
	const char *name;
	char data[4096];

	SSL_set_fd(ssl, peer->socket);
	if (SSL_accept(ssl) == 1) {
		name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		snprintf(peer->name, sizeof(peer->name), "%s",
			name != NULL ? name : "none");
		while (SSL_read(ssl, data, sizeof(data)) > 0)
			;
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(peer->socket);
	return NULL;
}

static void *serve_nothing(void *argument)
{
	struct peer *peer = argument;

	close(peer->socket);
	return NULL;
}

/* Takes the ClientHello, then goes. */
static void *serve_half(void *argument)
{
	struct peer *peer = argument;
	char bytes[16];

	if (read(peer->socket, bytes, sizeof(bytes)) > 0)
		usleep(10000);
	close(peer->socket);
	return NULL;
}

static void *serve_silence(void *argument)
{
	struct peer *peer = argument;
	char bytes[4096];

	while (read(peer->socket, bytes, sizeof(bytes)) > 0)
		;
	close(peer->socket);
	return NULL;
}

static void *serve_imap(void *argument)
{
	static const char text[] = "* OK IMAP4rev1 ready\r\n";
	struct peer *peer = argument;

	send(peer->socket, text, sizeof(text) - 1, MSG_NOSIGNAL);
	return serve_silence(peer);
}

static void *serve_zeros(void *argument)
{
	static const char zeros[4096];
	struct peer *peer = argument;

	send(peer->socket, zeros, sizeof(zeros), MSG_NOSIGNAL);
	return serve_silence(peer);
}

/* Starts the peer; returns our socket, which has a time limit. */
static int peer_start(struct peer *peer, void *(*serve)(void *))
{
	struct timeval wait = { 0, TIMEOUT_MS * 1000 };
	int ends[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	peer->socket = ends[1];
	assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
	return ends[0];
}

static struct tls_context *client_context(const char *ca)
{
	struct error error = { "" };
	struct tls_context *context = tls_client_context_new(
		ca != NULL ? in_scratch(ca, ".pem").text : NULL, ca != NULL,
		&error);

	if (context == NULL)
		fail_msg("%s", error.text);
	return context;
}

/* ---- tests ---- */

/* Certificate, what the client trusts, whom it wants. */
static const struct {
	const char *certificate, *ca, *host;
	const char *refusal; /* a part of the error, NULL: accepted */
} handshakes[] = {
	{ "good", "ca", "mail.example.org", NULL },
	{ "good", "ca", "MAIL.example.org", NULL },
	{ "good", "ca", "mail.example.org.", NULL },
	{ "good", "ca", "a.wild.example.org", NULL },
	{ "good", "ca", "a.b.wild.example.org", "is for" },
	{ "good", "ca", "partial.example.org", "is for" },
	{ "good", "ca", "other.example.org",
		"TLS with other.example.org: certificate of "
		"other.example.org is for mail.example.org, "
		"*.wild.example.org, par*.example.org, not "
		"other.example.org" },
	{ "address", "ca", "127.0.0.1", NULL },
	{ "address", "ca", "::1", NULL },
	{ "address", "ca", "127.0.0.2",
		"is for 127.0.0.1, ::1, not 127.0.0.2" },
	{ "address", "ca", "localhost", "not localhost" },
	{ "good", "ca", "127.0.0.1", "not 127.0.0.1" },
	{ "many", "ca", "x.example",
		"is for a.example, b.example, c.example, d.example, "
		"192.0.2.1, e.example, ..., not x.example" },
	{ "common", "ca", "mail.example.org", NULL },
	{ "common", "ca", "x.example", "is for mail.example.org," },
	{ "evil", "ca", "x.example", "is for x?y?[2J, not" },
	{ "expired", "ca", "mail.example.org",
		"certificate of mail.example.org expired on 20" },
	{ "early", "ca", "mail.example.org",
		"certificate of mail.example.org is not valid before "
		"20" },
	{ "old-leaf", "old", "mail.example.org",
		"(a CA certificate of its chain) expired on 20" },
	{ "good", "other", "mail.example.org",
		"its issuer \"Test CA\" is not among the trusted" },
	{ "good", "other", "mail.example.org",
		"; if that is right, trust it by ca_file (--ca-file), or its "
		"key by the pin sha256:" },
	{ "self", "ca", "mail.example.org", "is signed by itself" },
	{ "self", "self", "mail.example.org", NULL },
	/* not verified */
	{ "self", NULL, "x.example", NULL },
	{ "expired", NULL, "127.0.0.1", NULL },
};

static void verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(handshakes); i++) {
		struct tls_context *context = client_context(handshakes[i].ca);
		struct peer peer = { .certificate = handshakes[i].certificate };
		struct tls_session *session;
		struct error error = { "" };
		int socket = peer_start(&peer, serve_tls);

		session = tls_connect(
			context, socket, handshakes[i].host, &error);
		if ((session != NULL) != (handshakes[i].refusal == NULL) ||
			(handshakes[i].refusal != NULL &&
				strstr(error.text, handshakes[i].refusal) ==
					NULL))
			fail_msg("case %zu: %s", i, error.text);
		assert_int_equal(tls_client_refused(context), session == NULL);
		tls_session_free(&session);
		assert_null(session);
		close(socket);
		pthread_join(peer.thread, NULL);
		tls_context_free(&context);
		assert_null(context);
	}
}

/* The pin that the error about a certificate of nobody's trust tells. */
static void find_pin(const char *certificate, struct error *error)
{
	struct tls_context *context = client_context("other");
	struct peer peer = { .certificate = certificate };
	int socket = peer_start(&peer, serve_tls);
	char *at;

	assert_null(tls_connect(context, socket, "mail.example.org", error));
	close(socket);
	pthread_join(peer.thread, NULL);
	tls_context_free(&context);
	at = strstr(error->text, "sha256:");
	assert_non_null(at);
	memmove(error->text, at, strlen(at) + 1);
}

/* The key alone counts: not the issuer, the name, or the dates. */
static void pins_keys(void **state)
{
	static const struct {
		const char *certificate, *of, *host;
	} cases[] = {
		{ "good", "good", "mail.example.org" },
		{ "good", "good", "x.example" },
		{ "self", "self", "192.0.2.1" },
		{ "expired", "expired", "mail.example.org" },
		{ "good", "self", "mail.example.org" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct tls_context *context = client_context("ca");
		struct peer peer = { .certificate = cases[i].certificate };
		struct error pin = { "" }, error = { "" };
		struct tls_session *session;
		int socket;

		find_pin(cases[i].of, &pin);
		assert_int_equal(tls_client_pin(context, "x", &error), -1);
		assert_int_equal(tls_client_pin(context, pin.text, &error), 0);
		socket = peer_start(&peer, serve_tls);
		session = tls_connect(context, socket, cases[i].host, &error);
		if (cases[i].certificate == cases[i].of) {
			assert_non_null(session);
		} else {
			assert_null(session);
			assert_non_null(strstr(error.text,
				"TLS with mail.example.org: the key of "
				"mail.example.org has the pin sha256:"));
		}
		tls_session_free(&session);
		close(socket);
		pthread_join(peer.thread, NULL);
		tls_context_free(&context);
	}
}

static void names_the_trusted_file(void **state)
{
	struct tls_context *context = client_context("other");
	struct peer peer = { .certificate = "good" };
	struct error error;
	int socket = peer_start(&peer, serve_tls);

	(void)state;
	assert_null(tls_connect(context, socket, "mail.example.org", &error));
	assert_non_null(strstr(error.text, in_scratch("other", ".pem").text));
	close(socket);
	pthread_join(peer.thread, NULL);
	tls_context_free(&context);
}

static void sends_the_name(void **state)
{
	static const struct {
		const char *host, *name;
	} cases[] = {
		{ "mail.example.org", "mail.example.org" },
		{ "mail.example.org.", "mail.example.org" },
		{ "127.0.0.1", "none" },
		{ "::1", "none" },
	};
	struct tls_context *context = client_context(NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer peer = { .certificate = "good" };
		int socket = peer_start(&peer, serve_tls);
		struct tls_session *session =
			tls_connect(context, socket, cases[i].host, NULL);

		assert_non_null(session);
		tls_session_free(&session);
		close(socket);
		pthread_join(peer.thread, NULL);
		assert_string_equal(peer.name, cases[i].name);
	}
	tls_context_free(&context);
}

static void tells_what_is_no_tls(void **state)
{
	static const struct {
		void *(*serve)(void *);
		const char *text;
		bool refused; /* no other try could help */
	} cases[] = {
		{ serve_nothing, "the peer closed the connection", false },
		{ serve_half, "the peer closed the connection", false },
		{ serve_imap,
			"TLS with h.example: the peer does not speak TLS here",
			true },
		{ serve_zeros, "the peer does not speak TLS here", true },
		{ serve_silence, "TLS with h.example: timed out", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tls_context *context = client_context(NULL);
		struct peer peer = { 0 };
		struct error error = { "" };
		int socket = peer_start(&peer, cases[i].serve);
		int64_t start = instant_monotonic();

		assert_null(tls_connect(context, socket, "h.example", &error));
		assert_true(instant_monotonic() - start < 5000);
		if (strstr(error.text, cases[i].text) == NULL)
			fail_msg("case %zu: %s", i, error.text);
		assert_non_null(strstr(error.text, "TLS with h.example: "));
		assert_int_equal(tls_client_refused(context), cases[i].refused);
		close(socket);
		pthread_join(peer.thread, NULL);
		tls_context_free(&context);
	}
}

static void refuses_no_name(void **state)
{
	struct tls_context *context = client_context(NULL);

	(void)state;
	assert_null(tls_connect(context, -1, "", NULL));
	tls_context_free(&context);
}

static void refuses_old_versions(void **state)
{
	static const struct {
		int newest;
		bool accepted;
	} cases[] = {
		{ TLS1_VERSION, false },
		{ TLS1_1_VERSION, false },
		{ TLS1_2_VERSION, true },
		{ TLS1_3_VERSION, true },
	};
	struct tls_context *context = client_context("ca");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer peer = { .certificate = "good",
			.newest = cases[i].newest };
		struct error error = { "" };
		int socket = peer_start(&peer, serve_tls);
		struct tls_session *session = tls_connect(
			context, socket, "mail.example.org", &error);

		assert_int_equal(session != NULL, cases[i].accepted);
		if (session == NULL)
			assert_non_null(strstr(
				error.text, "no TLS version from 1.2 on"));
		tls_session_free(&session);
		close(socket);
		pthread_join(peer.thread, NULL);
	}
	tls_context_free(&context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies),
		cmocka_unit_test(pins_keys),
		cmocka_unit_test(names_the_trusted_file),
		cmocka_unit_test(sends_the_name),
		cmocka_unit_test(tells_what_is_no_tls),
		cmocka_unit_test(refuses_no_name),
		cmocka_unit_test(refuses_old_versions),
	};

	/* the peers by plain OpenSSL know no better */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_all, remove_all);
}
