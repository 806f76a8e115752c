/* SPDX-License-Identifier: BSD-2-Clause */
/* The input of a delivery agent: lines, content, chunks; none is taken before
 * its turn. */
#include "config.h"

#include "gateway/lmtp_server_private.h"

#include <string.h>

/* A command: an address and ORCPT, both of them with UTF-8. */
#define LMTP_COMMAND_MAX 4096

/* Takes octets of a line. 1 it is whole, 0 not. */
static int lmtp_server_take_line(
	struct lmtp_server *server, const char *data, size_t size, size_t *used)
{
	const char *end = memchr(data, '\n', size);
	size_t take = end != NULL ? (size_t)(end - data) : size;
	struct buffer *line = &server->line;

	if (line->size + take > LMTP_COMMAND_MAX) {
		server->too_long = true;
		buffer_clear(line);
	}
	if (!server->too_long)
		buffer_add(line, data, take);
	*used += take;
	if (end == NULL)
		return 0;
	++*used;
	if (line->size > 0 && line->data[line->size - 1] == '\r')
		line->data[--line->size] = '\0';
	buffer_add(line, "", 0);
	return 1;
}

/* Whether the next command must wait for answers to those before it: all but
 * RCPT do. */
static bool lmtp_server_must_wait(
	const struct lmtp_server *server, const char *data, size_t size)
{
	static const char rcpt[] = "RCPT ";

	if (server->answered == server->count)
		return false;
	if (server->count >= LMTP_RECIPIENTS_MAX || server->too_long)
		return true;
	for (size_t i = 0; i < sizeof(rcpt) - 1; i++) {
		char c;

		if (i < server->line.size)
			c = server->line.data[i];
		else if (i - server->line.size < size)
			c = data[i - server->line.size];
		else
			return false; /* its beginning is not there */
		if (c != rcpt[i] && (c < 'a' || c - 0x20 != rcpt[i]))
			return true;
	}
	return false;
}

static enum lmtp_server_event lmtp_server_line(struct lmtp_server *server,
	const char *data, size_t size, size_t *used, struct buffer *out)
{
	enum lmtp_server_event event;

	if (!lmtp_server_take_line(server, data, size, used))
		return LMTP_SERVER_MORE;
	if (server->too_long)
		event = lmtp_server_bad(
			server, "500 5.5.2 line is too long", out);
	else
		event = lmtp_server_command(server, out);
	server->too_long = false;
	buffer_clear(&server->line);
	return event;
}

/* All of the message is there: the answers are the homes'. */
static enum lmtp_server_event lmtp_server_complete(struct lmtp_server *server)
{
	server->stage = LMTP_AT_ANSWERS;
	server->answered = 0;
	server->mistakes = 0;
	return LMTP_SERVER_COMPLETE;
}

static enum lmtp_server_event lmtp_server_chunk_end(
	struct lmtp_server *server, struct buffer *out)
{
	server->stage = LMTP_AT_COMMAND;
	if (server->discard)
		return lmtp_server_bad(
			server, "503 5.5.1 no valid recipients", out);
	if (server->last)
		return lmtp_server_complete(server);
	return lmtp_server_say(out, "250 2.0.0 chunk taken");
}

static enum lmtp_server_event lmtp_server_chunk(struct lmtp_server *server,
	const char *data, size_t size, size_t *used, struct buffer *out)
{
	size_t take = size < server->left ? size : (size_t)server->left;

	if (server->left == 0)
		return lmtp_server_chunk_end(server, out);
	server->left -= take;
	*used += take;
	if (server->discard)
		return LMTP_SERVER_MORE;
	buffer_add(&server->content, data, take);
	return LMTP_SERVER_CONTENT;
}

static enum lmtp_server_event lmtp_server_text(
	struct lmtp_server *server, const char *data, size_t size, size_t *used)
{
	size_t took;

	if (lmtp_decode(&server->place, data, size, &took, &server->content) ==
		1)
		server->last = true;
	*used += took;
	if (server->content.size > 0)
		return LMTP_SERVER_CONTENT;
	return LMTP_SERVER_MORE;
}

enum lmtp_server_event lmtp_server_input(struct lmtp_server *server,
	const char *data, size_t size, size_t *used_r, struct buffer *out)
{
	enum lmtp_server_event event = LMTP_SERVER_MORE;
	size_t used = 0;

	while (event == LMTP_SERVER_MORE) {
		const char *at = size > 0 ? data + used : "";
		size_t left = size - used;

		if (server->stage == LMTP_AT_CONTENT && server->last) {
			server->last = false;
			event = lmtp_server_complete(server);
		} else if (server->stage == LMTP_AT_CHUNK &&
			   server->left == 0) {
			event = lmtp_server_chunk_end(server, out);
		} else if (left == 0 || server->stage == LMTP_AT_ANSWERS) {
			break;
		} else if (server->stage == LMTP_AT_CONTENT) {
			event = lmtp_server_text(server, at, left, &used);
		} else if (server->stage == LMTP_AT_CHUNK) {
			event = lmtp_server_chunk(server, at, left, &used, out);
		} else if (lmtp_server_must_wait(server, at, left)) {
			break;
		} else {
			event = lmtp_server_line(server, at, left, &used, out);
		}
	}
	*used_r = used;
	return event;
}
