/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients coming in at real sockets: who is let in and under which terms, the
 * balancer's header, certificates by name, and a reload under way.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/listener.h"
#include "gateway/stream.h"
#include "lib/buffer.h"
#include "tests/unit/certificate.h"

#define DAY  86400L
#define MOST 16

static char scratch[] = "/tmp/listener-test.XXXXXX";

struct bench {
	struct loop *loop;
	struct log *log;
	struct listeners *listeners;
	struct listener_thread *thread;
	struct listener_guest *guests[MOST];
	size_t count, expected;
	int clients[MOST];
	size_t clients_count;
};

static void save_certificate(const char *name)
{
	struct certificate made;
	char names[64], pem[64], key[64];

	snprintf(names, sizeof(names), "DNS:%s", name);
	snprintf(pem, sizeof(pem), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	made = certificate_new(NULL, name, names, -DAY, DAY);
	certificate_save(&made, pem, key);
	certificate_clear(&made);
}

static int set_up_files(void **state)
{
	(void)state;
	if (mkdtemp(scratch) == NULL || chdir(scratch) < 0)
		return -1;
	save_certificate("a.example");
	save_certificate("b.example");
	return 0;
}

static int tear_down_files(void **state)
{
	static const char *const files[] = { "a.example.pem", "a.example.key",
		"b.example.pem", "b.example.key", "s", "t", "u" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	return rmdir(scratch);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->loop = loop_new(NULL);
	bench->log = log_open("listener-test", -1, LOG_EMERG);
	*state = bench;
	return bench->loop != NULL ? 0 : -1;
}

static void leave_all(struct bench *bench)
{
	while (bench->count > 0) {
		struct listener_guest *guest = bench->guests[--bench->count];

		close(guest->socket);
		listener_leave(guest);
	}
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	leave_all(bench);
	listener_thread_free(&bench->thread);
	listeners_release(&bench->listeners);
	loop_free(&bench->loop);
	log_close(&bench->log);
	while (bench->clients_count > 0)
		close(bench->clients[--bench->clients_count]);
	free(bench);
	return 0;
}

/* The sections, in which $ stands for the scratch directory. */
static struct config *configure(const char *text)
{
	struct buffer whole = BUFFER_EMPTY;
	struct config *config;
	struct error error;

	for (; *text != '\0'; text++) {
		if (*text == '$')
			buffer_add_text(&whole, scratch);
		else
			buffer_add(&whole, text, 1);
	}
	config = config_parse(whole.data, whole.size, "test", &error);
	if (config == NULL)
		fail_msg("%s", error.text);
	buffer_free(&whole);
	return config;
}

static void take(void *context, struct listener_guest *guest)
{
	struct bench *bench = context;

	bench->guests[bench->count++] = guest;
	if (bench->count == bench->expected)
		loop_stop(bench->loop);
}

static void begin(struct bench *bench, const char *text)
{
	struct config *config = configure(text);
	struct error error;

	bench->listeners = listeners_open(config, &error);
	if (bench->listeners == NULL)
		fail_msg("%s", error.text);
	config_free(&config);
	bench->thread = listener_thread_new(
		bench->loop, bench->listeners, bench->log, take, bench, NULL);
	assert_non_null(bench->thread);
}

static void stop_run(void *context)
{
	loop_stop(context);
}

/* Until so many guests are there in all, or it takes too long. */
static void await(struct bench *bench, size_t count)
{
	struct loop_timer end = { 0 };

	if (bench->count < count) {
		bench->expected = count;
		loop_timer_set(bench->loop, &end, 3000, stop_run, bench->loop);
		assert_int_equal(loop_run(bench->loop, NULL), 0);
		loop_timer_clear(bench->loop, &end);
	}
	assert_int_equal(bench->count, count);
}

/* For whatever happens now, and no guest. */
static void await_nobody(struct bench *bench)
{
	struct loop_timer end = { 0 };
	size_t count = bench->count;

	bench->expected = MOST + 1;
	loop_timer_set(bench->loop, &end, 1, stop_run, bench->loop);
	assert_int_equal(loop_run(bench->loop, NULL), 0);
	assert_int_equal(bench->count, count);
}

static int come(struct bench *bench, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	assert_int_equal(
		connect(client, (struct sockaddr *)&address, sizeof(address)),
		0);
	bench->clients[bench->clients_count++] = client;
	return client;
}

static void say(int client, const char *text)
{
	assert_int_equal(write(client, text, strlen(text)), strlen(text));
}

static void hears(int client, const char *text)
{
	char heard[128] = "";

	assert_int_equal(recv(client, heard, sizeof(heard) - 1, MSG_DONTWAIT),
		strlen(text));
	assert_string_equal(heard, text);
}

/* ---- terms ---- */

static void test_terms(void **state)
{
	struct bench *bench = *state;
	const struct listener_terms *terms;

	begin(bench, "listen \"one\" { protocol = \"imap\" "
		     "address = \"unix:$/s\" tls = \"none\" plaintext = yes }\n"
		     "listen \"two\" { protocol = \"sieve\" "
		     "address = \"unix:$/t\" "
		     "certificate = \"$/a.example.pem\" "
		     "key = \"$/a.example.key\" }\n"
		     "listen \"three\" { protocol = \"lmtp\" "
		     "address = \"unix:$/u\" tls = \"implicit\" "
		     "certificate = \"$/a.example.pem\" "
		     "key = \"$/a.example.key\" }\n");
	come(bench, "s");
	await(bench, 1);
	come(bench, "t");
	await(bench, 2);
	come(bench, "u");
	await(bench, 3);
	terms = bench->guests[0]->terms;
	assert_string_equal(terms->name, "one");
	assert_int_equal(terms->service, HOME_IMAP);
	assert_int_equal(terms->tls, LISTENER_CLEAR);
	assert_true(terms->plaintext);
	assert_null(terms->context);
	terms = bench->guests[1]->terms;
	assert_int_equal(terms->service, HOME_SIEVE);
	assert_int_equal(terms->tls, LISTENER_STARTTLS);
	assert_false(terms->plaintext);
	assert_non_null(terms->context);
	terms = bench->guests[2]->terms;
	assert_int_equal(terms->service, HOME_LMTP);
	assert_int_equal(terms->tls, LISTENER_TLS);
	assert_string_equal(bench->guests[0]->client, "");
	assert_int_equal(bench->guests[0]->port, 0);
	assert_true(fcntl(bench->guests[0]->socket, F_GETFL) & O_NONBLOCK);
}

/* Both families at one socket; an IPv4 client has an IPv4 address. */
static void test_addresses(void **state)
{
	struct bench *bench = *state;
	char text[256];
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	int first, second;

	if (bind(probe, (struct sockaddr *)&address, sizeof(address)) < 0)
		skip(); /* no IPv6 here */
	getsockname(probe, (struct sockaddr *)&address, &size);
	close(probe);
	snprintf(text, sizeof(text),
		"listen \"one\" { protocol = \"imap\" tls = \"none\" "
		"address = \"inet:[::]:%d\" plaintext = yes }\n",
		ntohs(address.sin6_port));
	begin(bench, text);
	first = socket(AF_INET6, SOCK_STREAM, 0);
	second = socket(AF_INET, SOCK_STREAM, 0);
	bench->clients[bench->clients_count++] = first;
	bench->clients[bench->clients_count++] = second;
	assert_int_equal(
		connect(first, (struct sockaddr *)&address, sizeof(address)),
		0);
	await(bench, 1);
	v4.sin_port = address.sin6_port;
	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(
		connect(second, (struct sockaddr *)&v4, sizeof(v4)), 0);
	await(bench, 2);
	assert_string_equal(bench->guests[0]->client, "::1");
	assert_string_equal(bench->guests[1]->client, "127.0.0.1");
	size = sizeof(v4);
	getsockname(second, (struct sockaddr *)&v4, &size);
	assert_int_equal(bench->guests[1]->port, ntohs(v4.sin_port));
}

static void test_refused_configuration(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "listen \"x\" { protocol = \"imap\" "
		  "address = \"unix:$/s\" "
		  "certificate = \"$/none.pem\" }\n",
			"listen \"x\": certificate file " },
		{ "listen \"x\" { protocol = \"imap\" "
		  "address = \"unix:$/s\" "
		  "certificate = \"$/a.example.pem $/b.example.pem\" "
		  "key = \"$/a.example.key $/a.example.key\" }\n",
			"listen \"x\": key file " },
		{ "listen \"x\" { protocol = \"imap\" "
		  "address = \"unix:$/none/s\" tls = \"none\" "
		  "plaintext = yes }\n",
			"listen \"x\": listen at unix:" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config = configure(cases[i].text);
		struct error error = { "" };

		assert_null(listeners_open(config, &error));
		if (strncmp(error.text, cases[i].error,
			    strlen(cases[i].error)) != 0)
			fail_msg("%s", error.text);
		config_free(&config);
	}
}

/* ---- limits ---- */

#define CLEAR                                                                  \
	"protocol = \"pop3\" address = \"unix:$/s\" tls = \"none\" "           \
	"plaintext = yes"

static void test_too_many(void **state)
{
	struct bench *bench = *state;
	int third;

	begin(bench, "gateway { sessions = 2 }\nlisten \"x\" { " CLEAR " }\n");
	come(bench, "s");
	come(bench, "s");
	await(bench, 2);
	third = come(bench, "s");
	await_nobody(bench);
	hears(third, "-ERR [SYS/TEMP] too many connections\r\n");
	hears(third, "");
	leave_all(bench);
	come(bench, "s");
	await(bench, 1);
}

/* The place in all is given back, too, to whom his address keeps out. */
static void test_too_many_of_one(void **state)
{
	struct bench *bench = *state;
	int client;

	begin(bench, "gateway { sessions = 3 per_address = 2 }\n"
		     "listen \"x\" { proxy = yes " CLEAR " }\n");
	for (int i = 0; i < 2; i++)
		say(come(bench, "s"),
			"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n");
	await(bench, 2);
	for (int i = 0; i < 5; i++) {
		client = come(bench, "s");
		say(client, "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\n");
		await_nobody(bench);
		hears(client, "-ERR [SYS/TEMP] too many connections\r\n");
	}
	say(come(bench, "s"), "PROXY TCP4 192.0.2.2 198.51.100.1 1 2\r\n");
	await(bench, 3);
}

/* No descriptors: who waits is let in when there are some again. */
static void test_no_descriptors(void **state)
{
	struct bench *bench = *state;
	struct rlimit limit, none;
	int spare;

	begin(bench, "listen \"x\" { " CLEAR " }\n");
	come(bench, "s");
	spare = dup(0);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = (rlim_t)spare;
	close(spare);
	setrlimit(RLIMIT_NOFILE, &none);
	await_nobody(bench);
	setrlimit(RLIMIT_NOFILE, &limit);
	await(bench, 1);
}

/* ---- the balancer's header ---- */

static void test_header(void **state)
{
	struct bench *bench = *state;
	char heard[64] = "";
	int client;

	begin(bench, "listen \"x\" { proxy = yes " CLEAR " }\n");
	client = come(bench, "s");
	await_nobody(bench);
	say(client, "PROXY TCP4 192.0.2.1 198.51");
	await_nobody(bench);
	say(client, ".100.1 4000 110\r\nUSER x\r\n");
	await(bench, 1);
	assert_string_equal(bench->guests[0]->client, "192.0.2.1");
	assert_int_equal(bench->guests[0]->port, 4000);
	assert_int_equal(
		read(bench->guests[0]->socket, heard, sizeof(heard) - 1), 8);
	assert_string_equal(heard, "USER x\r\n");
	say(come(bench, "s"), "PROXY UNKNOWN\r\n");
	await(bench, 2);
	assert_string_equal(bench->guests[1]->client, "");
}

static void test_no_header(void **state)
{
	struct bench *bench = *state;
	int liar, gone;

	begin(bench, "gateway { sessions = 1 }\n"
		     "listen \"x\" { proxy = yes " CLEAR " }\n");
	liar = come(bench, "s");
	say(liar, "USER x\r\n");
	await_nobody(bench);
	assert_int_equal(recv(liar, (char[1]){ 0 }, 1, MSG_DONTWAIT), -1);
	gone = come(bench, "s");
	await_nobody(bench);
	shutdown(gone, SHUT_RDWR);
	await_nobody(bench);
	/* Neither has kept the only place. */
	say(come(bench, "s"), "PROXY UNKNOWN\r\n");
	await(bench, 1);
}

/* Who says nothing is not waited for; nor by a thread that ends. */
static void test_late_header(void **state)
{
	struct bench *bench = *state;
	struct loop_timer end = { 0 };
	int client;

	begin(bench, "listen \"x\" { proxy = yes " CLEAR " }\n");
	client = come(bench, "s");
	loop_timer_set(bench->loop, &end, 5400, stop_run, bench->loop);
	assert_int_equal(loop_run(bench->loop, NULL), 0);
	hears(client, "");
	client = come(bench, "s");
	await_nobody(bench);
	listener_thread_free(&bench->thread);
	hears(client, "");
}

/* ---- certificates ---- */

/* Whose certificate a client is shown that asks for that name. */
static void shown(struct bench *bench, const char *asked, const char *expected)
{
	struct tls_context *context = tls_client_context_new(
		strcmp(expected, "a.example") == 0 ? "a.example.pem"
						   : "b.example.pem",
		strcmp(asked, expected) == 0, NULL);
	struct stream client = { 0 }, server = { 0 };
	struct error error = { "" };
	int done = 0;

	stream_open(&client, dup(come(bench, "s")));
	await(bench, 1);
	stream_open(&server, dup(bench->guests[0]->socket));
	assert_int_equal(stream_begin_tls_server(&server,
				 bench->guests[0]->terms->context, NULL),
		0);
	assert_int_equal(
		stream_begin_tls_client(&client, context, asked, NULL), 0);
	for (int i = 0; i < 5 && done >= 0; i++) {
		stream_ready(&client, true, true);
		stream_ready(&server, true, true);
		done = stream_handshake(&client, &error);
		(void)stream_handshake(&server, NULL);
	}
	if (done != 1)
		fail_msg("%s: %s", asked, error.text);
	stream_close(&client);
	/* The context is the session's until its end. */
	leave_all(bench);
	tls_context_free(&context);
	stream_close(&server);
}

static void test_certificates(void **state)
{
	struct bench *bench = *state;

	begin(bench, "listen \"x\" { protocol = \"imap\" tls = \"implicit\" "
		     "address = \"unix:$/s\" "
		     "certificate = \"$/a.example.pem  $/b.example.pem\" "
		     "key = \"$/a.example.key $/b.example.key\" }\n");
	shown(bench, "a.example", "a.example");
	shown(bench, "b.example", "b.example");
	shown(bench, "B.Example", "b.example");
	shown(bench, "c.example", "a.example");
}

/* ---- reload ---- */

static void reload(struct bench *bench, const char *text)
{
	struct config *config = configure(text);
	struct listeners *listeners =
		listeners_reopen(bench->listeners, config, NULL);

	assert_non_null(listeners);
	config_free(&config);
	assert_int_equal(
		listener_thread_reload(bench->thread, listeners, NULL), 0);
	listeners_release(&bench->listeners);
	bench->listeners = listeners;
}

/* Who connected before the reload is not lost; sections go and come. */
static void test_reload(void **state)
{
	struct bench *bench = *state;

	begin(bench, "gateway { sessions = 3 }\n"
		     "listen \"x\" { " CLEAR " }\n"
		     "listen \"old\" { protocol = \"imap\" tls = \"none\" "
		     "plaintext = yes address = \"unix:$/t\" }\n");
	come(bench, "t");
	await(bench, 1);
	come(bench, "s");
	reload(bench, "gateway { sessions = 3 }\n"
		      "listen \"x\" { protocol = \"imap\" tls = \"none\" "
		      "plaintext = yes address = \"unix:$/s\" }\n"
		      "listen \"new\" { protocol = \"imap\" tls = \"none\" "
		      "plaintext = yes address = \"unix:$/u\" }\n");
	await(bench, 2);
	assert_int_equal(bench->guests[1]->terms->service, HOME_IMAP);
	/* The first one still has its terms, and counts. */
	assert_string_equal(bench->guests[0]->terms->name, "old");
	come(bench, "u");
	await(bench, 3);
	come(bench, "u");
	await_nobody(bench);
	assert_int_equal(
		connect(come(bench, "s"),
			(struct sockaddr *)&(struct sockaddr_un){
				.sun_family = AF_UNIX, .sun_path = "t" },
			sizeof(struct sockaddr_un)),
		-1);
}

static void test_reload_refused(void **state)
{
	struct bench *bench = *state;
	struct config *config;
	struct error error = { "" };

	begin(bench, "listen \"x\" { " CLEAR " }\n");
	config = configure("listen \"x\" { " CLEAR " }\n"
			   "listen \"y\" { protocol = \"imap\" "
			   "address = \"unix:$/none/t\" tls = \"none\" "
			   "plaintext = yes }\n");
	assert_null(listeners_reopen(bench->listeners, config, &error));
	assert_non_null(strstr(error.text, "listen \"y\""));
	config_free(&config);
	come(bench, "s");
	await(bench, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_terms),
		TEST(test_addresses),
		TEST(test_refused_configuration),
		TEST(test_too_many),
		TEST(test_too_many_of_one),
		TEST(test_no_descriptors),
		TEST(test_header),
		TEST(test_no_header),
		TEST(test_late_header),
		TEST(test_certificates),
		TEST(test_reload),
		TEST(test_reload_refused),
	};

	return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}
