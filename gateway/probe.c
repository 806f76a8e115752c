/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of a few words, which blocks. */
#include "config.h"

#include "gateway/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/xalloc.h"

#include "gateway/proxy_header.h"

#define PROBE_SECONDS	2
#define PROBE_LINE_MAX	4096
#define PROBE_LINES_MAX 200

struct probe {
	const struct home *home;
	const char *host;
	int socket;
	struct tls_session *tls;
	char data[PROBE_LINE_MAX];
	size_t at, size;
	char line[PROBE_LINE_MAX];
	unsigned lines;
	struct error error;
};

/* ---- lines ---- */

static int probe_fail(struct probe *probe, const char *cause)
{
	error_set(&probe->error, "%s: %s", probe->home->name, cause);
	return -1;
}

static ssize_t probe_read(struct probe *probe)
{
	if (probe->tls != NULL)
		return tls_read(probe->tls, probe->data, sizeof(probe->data));
	return recv(probe->socket, probe->data, sizeof(probe->data), 0);
}

/* The next line, without its end. */
static int probe_line(struct probe *probe)
{
	size_t size = 0;

	if (++probe->lines > PROBE_LINES_MAX)
		return probe_fail(probe, "says too much");
	for (;;) {
		char c;

		if (probe->at == probe->size) {
			ssize_t got = probe_read(probe);

			if (got <= 0)
				return probe_fail(probe, "no answer");
			probe->at = 0;
			probe->size = (size_t)got;
		}
		c = probe->data[probe->at++];
		if (c == '\n')
			break;
		if (size + 1 == sizeof(probe->line))
			return probe_fail(probe, "line too long");
		probe->line[size++] = c;
	}
	if (size > 0 && probe->line[size - 1] == '\r')
		size--;
	probe->line[size] = '\0';
	return 0;
}

static int probe_say(struct probe *probe, const char *words)
{
	size_t size = strlen(words);
	ssize_t put = probe->tls != NULL
			      ? tls_write(probe->tls, words, size)
			      : send(probe->socket, words, size, MSG_NOSIGNAL);

	return put == (ssize_t)size ? 0 : probe_fail(probe, "takes no words");
}

static bool probe_begins(const struct probe *probe, const char *front)
{
	return strncasecmp(probe->line, front, strlen(front)) == 0;
}

static int probe_secure(struct probe *probe)
{
	/* What was said in the clear counts no more. */
	if (probe->at != probe->size)
		return probe_fail(probe, "says more behind STARTTLS");
	probe->tls = tls_connect(probe->home->context, probe->socket,
		probe->home->host, &probe->error);
	if (probe->tls != NULL)
		return 0;
	error_prefix(&probe->error, "%s", probe->home->name);
	return -1;
}

/* ---- protocols ---- */

static int probe_imap_until(struct probe *probe, const char *tag)
{
	do {
		if (probe_line(probe) < 0)
			return -1;
	} while (probe_begins(probe, "* ") &&
		 strncasecmp(probe->line, tag, strlen(tag)) != 0);
	return probe_begins(probe, tag) ? 0 : probe_fail(probe, probe->line);
}

static int probe_imap(struct probe *probe, struct offer *offer)
{
	char *words, *rest = NULL;

	if (probe_imap_until(probe, "* OK") < 0)
		return -1;
	if (probe->home->tls == HOME_STARTTLS &&
		(probe_say(probe, "S STARTTLS\r\n") < 0 ||
			probe_imap_until(probe, "S OK") < 0 ||
			probe_secure(probe) < 0))
		return -1;
	if (probe_say(probe, "C CAPABILITY\r\n") < 0 ||
		probe_imap_until(probe, "* CAPABILITY ") < 0)
		return -1;
	words = probe->line + strlen("* CAPABILITY ");
	for (char *word = strtok_r(words, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest))
		offer_learn(offer, word);
	if (probe_imap_until(probe, "C OK") < 0)
		return -1;
	return probe_say(probe, "L LOGOUT\r\n");
}

static int probe_pop3_ok(struct probe *probe)
{
	if (probe_line(probe) < 0)
		return -1;
	return probe_begins(probe, "+OK") ? 0 : probe_fail(probe, probe->line);
}

static int probe_pop3(struct probe *probe, struct offer *offer)
{
	if (probe_pop3_ok(probe) < 0)
		return -1;
	if (probe->home->tls == HOME_STARTTLS &&
		(probe_say(probe, "STLS\r\n") < 0 || probe_pop3_ok(probe) < 0 ||
			probe_secure(probe) < 0))
		return -1;
	if (probe_say(probe, "CAPA\r\n") < 0 || probe_pop3_ok(probe) < 0)
		return -1;
	do {
		if (probe_line(probe) < 0)
			return -1;
		offer_learn(offer, probe->line);
	} while (strcmp(probe->line, ".") != 0);
	return probe_say(probe, "QUIT\r\n");
}

/* An answer of one line or more; the texts are learned when wanted. */
static int probe_smtp_answer(struct probe *probe, struct offer *offer)
{
	do {
		if (probe_line(probe) < 0)
			return -1;
		if (probe->line[0] != '2' || strlen(probe->line) < 3)
			return probe_fail(probe, probe->line);
		if (offer != NULL && probe->line[3] != '\0')
			offer_learn(offer, probe->line + 4);
	} while (probe->line[3] == '-');
	return 0;
}

static int probe_smtp_ehlo(struct probe *probe, struct offer *offer)
{
	char *words = xasprintf("EHLO %s\r\n", probe->host);
	int result = probe_say(probe, words);

	free(words);
	return result == 0 ? probe_smtp_answer(probe, offer) : -1;
}

static int probe_smtp(struct probe *probe, struct offer *offer)
{
	bool starttls = probe->home->tls == HOME_STARTTLS;

	if (probe_smtp_answer(probe, NULL) < 0)
		return -1;
	if (starttls && (probe_smtp_ehlo(probe, NULL) < 0 ||
				probe_say(probe, "STARTTLS\r\n") < 0 ||
				probe_smtp_answer(probe, NULL) < 0 ||
				probe_secure(probe) < 0))
		return -1;
	if (probe_smtp_ehlo(probe, offer) < 0)
		return -1;
	return probe_say(probe, "QUIT\r\n");
}

static int probe_sieve_until_ok(struct probe *probe, struct offer *offer)
{
	for (;;) {
		if (probe_line(probe) < 0)
			return -1;
		if (probe_begins(probe, "OK"))
			return 0;
		if (probe->line[0] != '"')
			return probe_fail(probe, probe->line);
		if (offer != NULL)
			offer_learn(offer, probe->line);
	}
}

static int probe_sieve(struct probe *probe, struct offer *offer)
{
	bool starttls = probe->home->tls == HOME_STARTTLS;

	if (probe_sieve_until_ok(probe, starttls ? NULL : offer) < 0)
		return -1;
	if (starttls && (probe_say(probe, "STARTTLS\r\n") < 0 ||
				probe_sieve_until_ok(probe, NULL) < 0 ||
				probe_secure(probe) < 0 ||
				probe_sieve_until_ok(probe, offer) < 0))
		return -1;
	return probe_say(probe, "LOGOUT\r\n");
}

/* ---- the connection ---- */

static int probe_wait(int socket)
{
	struct pollfd poller = { .fd = socket, .events = POLLOUT };

	if (poll(&poller, 1, PROBE_SECONDS * 1000) <= 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	errno = dial_result(socket);
	return errno == 0 ? 0 : -1;
}

static int probe_connect(struct probe *probe)
{
	const struct timeval patience = { .tv_sec = PROBE_SECONDS };

	errno = EHOSTUNREACH;
	for (size_t i = 0; i < probe->home->target.count; i++) {
		int fd = dial_begin(&probe->home->target.addresses[i]);

		if (fd < 0)
			continue;
		probe->socket = fd;
		if (probe_wait(fd) == 0) {
			(void)fcntl(fd, F_SETFL, 0);
			(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				sizeof(patience));
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
				sizeof(patience));
			return 0;
		}
		close(fd);
		probe->socket = -1;
	}
	return probe_fail(probe, strerror(errno));
}

/* A home that wants to be told of clients: it is ourselves. */
static int probe_say_proxy(struct probe *probe)
{
	const struct proxy_header header = { .known = false };
	char text[PROXY_HEADER_MADE];
	ssize_t size = (ssize_t)proxy_header_make(&header, 2, text);

	if (send(probe->socket, text, (size_t)size, MSG_NOSIGNAL) == size)
		return 0;
	return probe_fail(probe, "takes no words");
}

int probe_home(const struct home *home, const char *host, struct offer *offer_r,
	struct error *error)
{
	static int (*const protocols[])(
		struct probe * probe, struct offer * offer) = {
		[DIALOG_IMAP] = probe_imap,
		[DIALOG_POP3] = probe_pop3,
		[DIALOG_SMTP] = probe_smtp,
		[DIALOG_SIEVE] = probe_sieve,
	};
	struct probe *probe = xcalloc(1, sizeof(*probe));
	int result;

	probe->home = home;
	probe->host = host;
	probe->socket = -1;
	result = probe_connect(probe);
	if (result == 0 && home->client_address == CONFIG_CLIENT_PROXY)
		result = probe_say_proxy(probe);
	if (result == 0 && home->tls == HOME_TLS)
		result = probe_secure(probe);
	if (result == 0)
		result = protocols[offer_r->protocol](probe, offer_r);
	if (result < 0)
		*error = probe->error;
	tls_session_free(&probe->tls);
	if (probe->socket >= 0)
		close(probe->socket);
	free(probe);
	return result;
}
