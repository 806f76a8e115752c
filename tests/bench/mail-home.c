/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mail server that costs next to nothing, for gateways to stand in front of:
 * every password is right, message 1 is large, message 2 is the name of its
 * user over and over, and each answer to NOOP tells whose session it is. LMTP
 * takes every mail and forgets it. Usage: mail-home imap|lmtp PORT [MB]
 */
#include "config.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/loop.h"
#include "gateway/stream.h"
#include "lib/buffer.h"
#include "lib/endpoint.h"
#include "lib/xalloc.h"

#define HOME_CAPABILITY "IMAP4rev1 IDLE ID SASL-IR LITERAL+ AUTH=PLAIN"
#define HOME_BLOCK	262144
#define HOME_OWN	65536 /* octets of message 2 */
#define HOME_TURN	(1 << 20)
#define HOME_USER	128
#define HOME_TAG	32

struct home_client {
	struct stream stream;
	struct loop_watch *watch;
	struct loop_work again;
	struct buffer in, out;
	size_t scanned; /* of in: literals that belong to the command */
	size_t left;	/* of message 1, behind out */
	bool streams;	/* a FETCH of message 1 is under way */
	bool closing, data, authenticates;
	unsigned recipients;
	char user[HOME_USER];
	char tag[HOME_TAG];
};

static struct loop *home_loop;
static size_t home_size = 16 << 20;
static char home_block[HOME_BLOCK];
static bool home_is_lmtp;

static void home_free(struct home_client *client)
{
	loop_undefer(home_loop, &client->again);
	loop_watch_free(&client->watch);
	stream_close(&client->stream);
	buffer_free(&client->in);
	buffer_free(&client->out);
	free(client);
}

/* ---- answers ---- */

/* 1: all is written, 0: not yet, -1: the client is gone. */
static int home_flush(struct home_client *client)
{
	size_t turn = 0;

	while (client->out.size > 0 || client->left > 0) {
		bool text = client->out.size > 0;
		size_t size = text			  ? client->out.size
			      : client->left < HOME_BLOCK ? client->left
							  : HOME_BLOCK;
		ssize_t put;

		if (turn > HOME_TURN)
			return 0;
		put = stream_write(&client->stream,
			text ? client->out.data : home_block, size);
		if (put == STREAM_BROKEN)
			return -1;
		if (put == STREAM_WAIT)
			return 0;
		turn += (size_t)put;
		if (text)
			buffer_drop(&client->out, (size_t)put);
		else
			client->left -= (size_t)put;
		if (client->streams && client->left == 0) {
			client->streams = false;
			buffer_printf(&client->out, ")\r\n%s OK done\r\n",
				client->tag);
		}
	}
	return 1;
}

static void home_fetch_own(struct home_client *client)
{
	size_t size = strlen(client->user) + 1;
	size_t count = HOME_OWN / size;

	buffer_printf(
		&client->out, "* 2 FETCH (BODY[] {%zu}\r\n", count * size);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&client->out, "%s\n", client->user);
	buffer_printf(&client->out, ")\r\n%s OK done\r\n", client->tag);
}

/* ---- who it is ---- */

static void home_take_user(
	struct home_client *client, const char *user, size_t size)
{
	snprintf(client->user, sizeof(client->user), "%.*s", (int)size, user);
}

/* An atom, a quoted string or a literal. */
static void home_login(struct home_client *client, const char *text)
{
	const char *begin = text;

	if (*text == '{') {
		begin = strstr(text, "\r\n") + 2;
		home_take_user(client, begin, (size_t)atoi(text + 1));
	} else if (*text == '"') {
		home_take_user(client, text + 1, strcspn(text + 1, "\""));
	} else {
		home_take_user(client, text, strcspn(text, " \r\n"));
	}
}

/* PLAIN: authorization, NUL, authentication, NUL, password. */
static void home_plain(struct home_client *client, const char *text)
{
	unsigned char plain[1024];
	size_t size = strcspn(text, "\r\n");
	const char *user;
	int got;

	if (size > sizeof(plain))
		return;
	got = EVP_DecodeBlock(plain, (const unsigned char *)text, (int)size);
	if (got <= 0)
		return;
	user = memchr(plain, '\0', (size_t)got);
	if (user != NULL)
		home_take_user(client, user + 1, strlen(user + 1));
}

/* ---- IMAP ---- */

static bool home_is(const char *word, const char *name)
{
	return strncasecmp(word, name, strlen(name)) == 0;
}

static void home_entered(struct home_client *client)
{
	buffer_printf(&client->out,
		"%s OK [CAPABILITY " HOME_CAPABILITY "] %s\r\n", client->tag,
		client->user);
}

static void home_authenticate(struct home_client *client, const char *text)
{
	const char *initial = strchr(text, ' ');

	if (initial == NULL) {
		client->authenticates = true;
		buffer_add_text(&client->out, "+ \r\n");
		return;
	}
	home_plain(client, initial + 1);
	home_entered(client);
}

static void home_fetch(struct home_client *client, const char *text)
{
	if (*text == '2') {
		home_fetch_own(client);
		return;
	}
	buffer_printf(&client->out, "* 1 FETCH (BODY[] {%zu}\r\n", home_size);
	client->left = home_size;
	client->streams = true;
}

/* A whole command, NUL behind it. */
static void home_imap(struct home_client *client, char *command)
{
	struct buffer *out = &client->out;
	char *word = strchr(command, ' ');

	if (client->authenticates) {
		client->authenticates = false;
		home_plain(client, command);
		home_entered(client);
		return;
	}
	if (word == NULL)
		return;
	snprintf(client->tag, sizeof(client->tag), "%.*s",
		(int)(word - command), command);
	word++;
	if (home_is(word, "LOGIN ")) {
		home_login(client, word + 6);
		home_entered(client);
	} else if (home_is(word, "AUTHENTICATE ")) {
		home_authenticate(client, word + 13);
	} else if (home_is(word, "FETCH ")) {
		home_fetch(client, word + 6);
	} else if (home_is(word, "NOOP")) {
		buffer_printf(out, "%s OK %s\r\n", client->tag, client->user);
	} else if (home_is(word, "CAPABILITY")) {
		buffer_printf(out,
			"* CAPABILITY " HOME_CAPABILITY "\r\n%s OK done\r\n",
			client->tag);
	} else if (home_is(word, "LOGOUT")) {
		buffer_printf(out, "* BYE\r\n%s OK done\r\n", client->tag);
		client->closing = true;
	} else {
		buffer_printf(out, "%s OK done\r\n", client->tag);
	}
}

/* The octets of a literal that the line asks for; 0: none. *waits_r: the
 * client has to be told to go on. */
static size_t home_literal(const char *line, size_t size, bool *waits_r)
{
	size_t at = size - 3; /* before "}\r\n" */

	*waits_r = true;
	if (size < 5 || memcmp(line + size - 3, "}\r\n", 3) != 0)
		return 0;
	if (line[at - 1] == '+') {
		*waits_r = false;
		at--;
	}
	while (at > 0 && isdigit((unsigned char)line[at - 1]))
		at--;
	return (size_t)atoi(line + at);
}

/* Takes one command if it is whole. */
static bool home_take_imap(struct home_client *client)
{
	struct buffer *in = &client->in;
	const char *end;
	size_t size, literal;
	bool waits;

	if (in->size <= client->scanned)
		return false;
	end = memchr(
		in->data + client->scanned, '\n', in->size - client->scanned);
	if (end == NULL)
		return false;
	size = (size_t)(end + 1 - in->data);
	literal = home_literal(
		in->data + client->scanned, size - client->scanned, &waits);
	if (literal > 0) {
		if (waits)
			buffer_add_text(&client->out, "+ OK\r\n");
		client->scanned = size + literal;
		return true;
	}
	in->data[size - 1] = '\0';
	if (size > 1 && in->data[size - 2] == '\r')
		in->data[size - 2] = '\0';
	home_imap(client, in->data);
	buffer_drop(in, size);
	client->scanned = 0;
	return true;
}

/* ---- LMTP ---- */

static void home_lmtp(struct home_client *client, const char *line)
{
	struct buffer *out = &client->out;

	if (home_is(line, "LHLO") || home_is(line, "EHLO")) {
		buffer_add_text(out, "250-home\r\n250-PIPELINING\r\n"
				     "250-8BITMIME\r\n"
				     "250 ENHANCEDSTATUSCODES\r\n");
	} else if (home_is(line, "DATA")) {
		client->data = true;
		buffer_add_text(out, "354 go\r\n");
	} else if (home_is(line, "QUIT")) {
		buffer_add_text(out, "221 2.0.0 bye\r\n");
		client->closing = true;
	} else {
		client->recipients =
			home_is(line, "RCPT") ? client->recipients + 1 : 0;
		buffer_add_text(out, "250 2.0.0 ok\r\n");
	}
}

static bool home_take_lmtp(struct home_client *client)
{
	struct buffer *in = &client->in;
	char *end;
	size_t size;

	if (in->size == 0)
		return false;
	if (client->data) {
		end = memmem(in->data, in->size, "\r\n.\r\n", 5);
		if (end == NULL)
			return false;
		for (; client->recipients > 0; client->recipients--)
			buffer_add_text(&client->out, "250 2.0.0 taken\r\n");
		client->data = false;
		buffer_drop(in, (size_t)(end + 5 - in->data));
		return true;
	}
	end = memchr(in->data, '\n', in->size);
	if (end == NULL)
		return false;
	size = (size_t)(end + 1 - in->data);
	*end = '\0';
	home_lmtp(client, in->data);
	buffer_drop(in, size);
	return true;
}

/* ---- connections ---- */

static void home_again(void *context);

/* False: the client is gone. */
static bool home_read(struct home_client *client)
{
	static char data[65536];
	ssize_t got;

	while (client->stream.readable) {
		got = stream_read(&client->stream, data, sizeof(data));
		if (got < 0)
			return false;
		if (got == 0)
			break;
		buffer_add(&client->in, data, (size_t)got);
		if ((size_t)got < sizeof(data))
			break;
	}
	return true;
}

static void home_serve(struct home_client *client)
{
	bool there = home_read(client);
	int flushed;

	while (!client->streams && !client->closing &&
		(home_is_lmtp ? home_take_lmtp(client)
			      : home_take_imap(client)))
		;
	flushed = client->stream.writable ? home_flush(client) : 0;
	if (flushed < 0 || !there || (flushed == 1 && client->closing)) {
		home_free(client);
		return;
	}
	if (client->stream.writable && flushed == 0)
		loop_defer(home_loop, &client->again, home_again, client);
	else if (flushed == 1 && client->in.size > 0 &&
		 client->in.size > client->scanned && !client->data &&
		 memchr(client->in.data + client->scanned, '\n',
			 client->in.size - client->scanned) != NULL)
		loop_defer(home_loop, &client->again, home_again, client);
}

static void home_again(void *context)
{
	home_serve(context);
}

static void home_ready(void *context, bool readable, bool writable)
{
	struct home_client *client = context;

	stream_ready(&client->stream, readable, writable);
	home_serve(client);
}

static void home_accept(void *context, bool readable, bool writable)
{
	const int *listener = context;
	struct home_client *client;
	int fd;

	(void)readable;
	(void)writable;
	while ((fd = accept4(*listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		client = xcalloc(1, sizeof(*client));
		stream_open(&client->stream, fd);
		client->stream.readable = false;
		client->watch =
			loop_watch_new(home_loop, fd, home_ready, client);
		buffer_add_text(&client->out,
			home_is_lmtp ? "220 home\r\n"
				     : "* OK [CAPABILITY " HOME_CAPABILITY
				       "] home\r\n");
		if (client->watch == NULL || home_flush(client) < 0)
			home_free(client);
	}
}

static void home_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	char endpoint[64];
	struct error error;
	int listener;

	if (argc < 3)
		return 2;
	home_is_lmtp = strcmp(argv[1], "lmtp") == 0;
	if (argc > 3)
		home_size = (size_t)(atof(argv[3]) * (1 << 20));
	memset(home_block, 'x', sizeof(home_block));
	for (size_t i = 77; i < sizeof(home_block); i += 78)
		home_block[i] = '\n';
	home_raise_descriptors();
	home_loop = loop_new(&error);
	snprintf(endpoint, sizeof(endpoint), "inet:127.0.0.1:%s", argv[2]);
	listener = endpoint_listen(endpoint, 0, (gid_t)-1, &error);
	if (home_loop == NULL || listener < 0 ||
		loop_watch_level(home_loop, listener, home_accept, &listener) ==
			NULL ||
		loop_run(home_loop, &error) < 0) {
		fprintf(stderr, "mail-home: %s\n", error.text);
		return 1;
	}
	return 0;
}
