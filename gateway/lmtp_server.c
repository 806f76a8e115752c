/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of a delivery agent, and the order of our answers. */
#include "config.h"

#include "gateway/lmtp_server_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

/* A name in LHLO, and commands without sense in a row. */
#define LMTP_NAME_MAX	  255
#define LMTP_MISTAKES_MAX 20

struct lmtp_server *lmtp_server_new(const char *host, bool starttls)
{
	struct lmtp_server *server = xcalloc(1, sizeof(*server));

	server->host = host;
	server->starttls = starttls;
	return server;
}

/* The transaction is over. */
static void lmtp_server_forget(struct lmtp_server *server)
{
	for (size_t i = 0; i < server->count; i++) {
		lmtp_recipient_clear(&server->slots[i].recipient);
		lmtp_reply_clear(&server->slots[i].reply);
	}
	server->count = server->answered = server->accepted = 0;
	lmtp_mail_clear(&server->mail);
	server->begun = server->chunked = server->last = false;
	buffer_clear(&server->content);
	server->stage = LMTP_AT_COMMAND;
}

void lmtp_server_free(struct lmtp_server **server_pointer)
{
	struct lmtp_server *server = *server_pointer;

	if (server == NULL)
		return;
	lmtp_server_forget(server);
	buffer_free(&server->content);
	buffer_free(&server->line);
	free(server->slots);
	free(server->client);
	free(server);
	*server_pointer = NULL;
}

void lmtp_server_greet(struct lmtp_server *server, struct buffer *out)
{
	buffer_printf(out, "220 %s LMTP rehome ready\r\n", server->host);
}

void lmtp_server_secured(struct lmtp_server *server)
{
	server->starttls = false;
	free(server->client);
	server->client = NULL;
}

void lmtp_server_offer(
	struct lmtp_server *server, const struct lmtp_offer *offer)
{
	server->common = *offer;
}

const struct lmtp_mail *lmtp_server_mail(const struct lmtp_server *server)
{
	return &server->mail;
}

const struct lmtp_recipient *lmtp_server_recipient(
	const struct lmtp_server *server, size_t *number_r)
{
	*number_r = server->count - 1;
	return &server->slots[*number_r].recipient;
}

bool lmtp_server_is_chunked(const struct lmtp_server *server)
{
	return server->chunked;
}

struct buffer *lmtp_server_content(struct lmtp_server *server)
{
	return &server->content;
}

bool lmtp_server_awaits(const struct lmtp_server *server)
{
	return server->stage == LMTP_AT_ANSWERS ||
	       (server->stage == LMTP_AT_COMMAND &&
		       server->answered < server->count);
}

bool lmtp_server_is_idle(const struct lmtp_server *server)
{
	return !server->begun;
}

void lmtp_server_goodbye(
	struct lmtp_server *server, const char *words, struct buffer *out)
{
	(void)server;
	buffer_printf(out, "421 %s\r\n", words);
}

/* ---- answers ---- */

/* Sends those whose turn it is; after the content only the accepted have one.
 */
static void lmtp_server_flush(struct lmtp_server *server, struct buffer *out)
{
	bool last = server->stage == LMTP_AT_ANSWERS;

	while (server->answered < server->count) {
		struct lmtp_slot *slot = &server->slots[server->answered];

		if (!last || slot->accepted) {
			if (!slot->known)
				return;
			lmtp_reply_print(&slot->reply, out);
			slot->known = false;
		}
		server->answered++;
	}
	if (last)
		lmtp_server_forget(server);
}

void lmtp_server_answer(struct lmtp_server *server, size_t number,
	const struct lmtp_reply *reply, struct buffer *out)
{
	struct lmtp_slot *slot = &server->slots[number];

	if (number >= server->count)
		abort(); /* an answer to nobody */
	lmtp_reply_copy(&slot->reply, reply);
	slot->known = true;
	if (server->stage != LMTP_AT_ANSWERS && lmtp_reply_is_good(reply)) {
		slot->accepted = true;
		server->accepted++;
	}
	lmtp_server_flush(server, out);
}

enum lmtp_server_event lmtp_server_say(struct buffer *out, const char *words)
{
	buffer_printf(out, "%s\r\n", words);
	return LMTP_SERVER_MORE;
}

enum lmtp_server_event lmtp_server_bad(
	struct lmtp_server *server, const char *words, struct buffer *out)
{
	lmtp_server_say(out, words);
	if (++server->mistakes < LMTP_MISTAKES_MAX)
		return LMTP_SERVER_MORE;
	lmtp_server_goodbye(server, "4.7.0 too many errors", out);
	return LMTP_SERVER_END;
}

/* ---- commands ---- */

static bool lmtp_server_is_name(const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return false;
	return size > 0 && size <= LMTP_NAME_MAX;
}

static enum lmtp_server_event lmtp_server_lhlo(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	bool begun = server->begun;

	if (!lmtp_server_is_name(rest))
		return lmtp_server_bad(
			server, "501 5.5.4 LHLO takes a host name", out);
	free(server->client);
	server->client = xstrdup(rest);
	server->offer = server->common;
	server->offer.extensions &= LMTP_OF_HOMES;
	server->offer.extensions |=
		LMTP_PIPELINING | LMTP_SIZE | LMTP_CHUNKING | LMTP_ENHANCED;
	if (server->starttls)
		server->offer.extensions |= LMTP_STARTTLS;
	buffer_printf(out, "250-%s\r\n", server->host);
	lmtp_offer_print(&server->offer, out);
	/* the last line has no hyphen, and something must stand there */
	lmtp_server_say(out, "250 HELP");
	lmtp_server_forget(server);
	return begun ? LMTP_SERVER_RESET : LMTP_SERVER_MORE;
}

static enum lmtp_server_event lmtp_server_hello(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	(void)rest;
	/* RFC 2033 section 4.1 */
	return lmtp_server_bad(server, "500 5.5.1 this is LMTP: LHLO", out);
}

static enum lmtp_server_event lmtp_server_mail_command(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	const char *reply;

	if (server->client == NULL)
		return lmtp_server_bad(server, "503 5.5.1 LHLO first", out);
	if (server->begun)
		return lmtp_server_bad(
			server, "503 5.5.1 one MAIL at a time", out);
	if (lmtp_mail_parse(rest, &server->offer, &server->mail, &reply) < 0)
		return lmtp_server_bad(server, reply, out);
	if (server->mail.has_size && server->offer.size > 0 &&
		server->mail.size > server->offer.size) {
		lmtp_mail_clear(&server->mail);
		return lmtp_server_say(
			out, "552 5.3.4 message is too large for this site");
	}
	server->begun = true;
	return lmtp_server_say(out, "250 2.1.0 OK");
}

static struct lmtp_slot *lmtp_server_add_slot(struct lmtp_server *server)
{
	if (server->count == server->room) {
		server->room = server->room == 0 ? 4 : server->room * 2;
		server->slots = xreallocarray(
			server->slots, server->room, sizeof(*server->slots));
	}
	server->slots[server->count] = (struct lmtp_slot){ .accepted = false };
	return &server->slots[server->count++];
}

static enum lmtp_server_event lmtp_server_rcpt(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	struct lmtp_recipient recipient;
	struct lmtp_reply refusal = { 0, BUFFER_EMPTY };
	const char *reply;

	if (!server->begun)
		return lmtp_server_bad(server, "503 5.5.1 MAIL first", out);
	if (server->chunked)
		return lmtp_server_bad(
			server, "503 5.5.1 RCPT comes before BDAT", out);
	if (server->count >= LMTP_RECIPIENTS_MAX)
		return lmtp_server_say(out, "452 4.5.3 too many recipients");
	if (lmtp_recipient_parse(rest, &server->offer, server->mail.utf8,
		    &recipient, &reply) == 0) {
		lmtp_server_add_slot(server)->recipient = recipient;
		return LMTP_SERVER_RCPT;
	}
	/* in its turn, behind those that are not answered yet */
	lmtp_server_add_slot(server);
	lmtp_reply_set(&refusal, atoi(reply), reply + 4);
	lmtp_server_answer(server, server->count - 1, &refusal, out);
	lmtp_reply_clear(&refusal);
	return LMTP_SERVER_MORE;
}

static enum lmtp_server_event lmtp_server_data(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	if (rest[0] != '\0')
		return lmtp_server_bad(
			server, "501 5.5.4 DATA takes no parameter", out);
	if (!server->begun || server->accepted == 0) /* RFC 2033 section 4.2 */
		return lmtp_server_bad(
			server, "503 5.5.1 no valid recipients", out);
	if (server->chunked || server->mail.body == LMTP_BODY_BINARYMIME)
		return lmtp_server_bad(server, "503 5.5.1 go on by BDAT", out);
	server->stage = LMTP_AT_CONTENT;
	server->place = LMTP_LINE_BEGIN;
	lmtp_server_say(out, "354 end with <CRLF>.<CRLF>");
	return LMTP_SERVER_DATA;
}

/* The chunk comes in any case: a refused one must be passed over. */
static enum lmtp_server_event lmtp_server_bdat(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	bool first = !server->chunked;

	if (lmtp_chunk_parse(rest, &server->left, &server->last) < 0) {
		/* nobody can tell where the next command begins */
		lmtp_server_goodbye(server, "4.5.4 bad BDAT", out);
		return LMTP_SERVER_END;
	}
	server->stage = LMTP_AT_CHUNK;
	server->discard = !server->begun || server->accepted == 0;
	if (server->discard || !first)
		return LMTP_SERVER_MORE;
	server->chunked = true;
	return LMTP_SERVER_DATA;
}

static enum lmtp_server_event lmtp_server_rset(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	bool begun = server->begun;

	(void)rest;
	lmtp_server_forget(server);
	lmtp_server_say(out, "250 2.0.0 OK");
	return begun ? LMTP_SERVER_RESET : LMTP_SERVER_MORE;
}

static enum lmtp_server_event lmtp_server_noop(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	(void)server;
	(void)rest;
	return lmtp_server_say(out, "250 2.0.0 OK");
}

static enum lmtp_server_event lmtp_server_help(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	(void)server;
	(void)rest;
	return lmtp_server_say(out, "214 2.0.0 see RFC 2033");
}

static enum lmtp_server_event lmtp_server_vrfy(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	(void)server;
	(void)rest;
	return lmtp_server_say(out, "252 2.1.5 send some mail");
}

static enum lmtp_server_event lmtp_server_quit(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	(void)server;
	(void)rest;
	lmtp_server_say(out, "221 2.0.0 bye");
	return LMTP_SERVER_END;
}

static enum lmtp_server_event lmtp_server_starttls(
	struct lmtp_server *server, const char *rest, struct buffer *out)
{
	if (rest[0] != '\0')
		return lmtp_server_bad(
			server, "501 5.5.4 STARTTLS takes no parameter", out);
	if (!server->starttls)
		return lmtp_server_bad(
			server, "502 5.5.1 STARTTLS is not offered", out);
	lmtp_server_forget(server);
	lmtp_server_say(out, "220 2.0.0 begin TLS now");
	return LMTP_SERVER_STARTTLS;
}

static const struct {
	const char *name;
	enum lmtp_server_event (*run)(struct lmtp_server *server,
		const char *rest, struct buffer *out);
} lmtp_commands[] = {
	{ "LHLO", lmtp_server_lhlo },
	{ "EHLO", lmtp_server_hello },
	{ "HELO", lmtp_server_hello },
	{ "MAIL", lmtp_server_mail_command },
	{ "RCPT", lmtp_server_rcpt },
	{ "DATA", lmtp_server_data },
	{ "BDAT", lmtp_server_bdat },
	{ "RSET", lmtp_server_rset },
	{ "NOOP", lmtp_server_noop },
	{ "HELP", lmtp_server_help },
	{ "VRFY", lmtp_server_vrfy },
	{ "QUIT", lmtp_server_quit },
	{ "STARTTLS", lmtp_server_starttls },
};

enum lmtp_server_event lmtp_server_command(
	struct lmtp_server *server, struct buffer *out)
{
	char *line = server->line.data;
	size_t size = strcspn(line, " "), end = server->line.size;

	if (strlen(line) != end)
		return lmtp_server_bad(
			server, "500 5.5.2 a NUL is no character", out);
	while (end > size && line[end - 1] == ' ')
		line[--end] = '\0';
	for (size_t i = 0; i < sizeof(lmtp_commands) / sizeof(lmtp_commands[0]);
		i++)
		if (strlen(lmtp_commands[i].name) == size &&
			strncasecmp(lmtp_commands[i].name, line, size) == 0)
			return lmtp_commands[i].run(server,
				line[size] != '\0' ? line + size + 1 : "", out);
	return lmtp_server_bad(server, "500 5.5.2 unknown command", out);
}
