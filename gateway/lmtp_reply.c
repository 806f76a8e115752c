/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies: read from homes, made fit for clients, printed. */
#include "config.h"

#include "gateway/lmtp_reply.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void lmtp_reply_set(struct lmtp_reply *reply, int code, const char *words)
{
	reply->code = code;
	buffer_clear(&reply->text);
	buffer_add_text(&reply->text, words);
}

void lmtp_reply_copy(struct lmtp_reply *reply, const struct lmtp_reply *from)
{
	lmtp_reply_set(reply, from->code, lmtp_reply_words(from));
}

void lmtp_reply_clear(struct lmtp_reply *reply)
{
	reply->code = 0;
	buffer_free(&reply->text);
}

const char *lmtp_reply_words(const struct lmtp_reply *reply)
{
	return reply->text.data != NULL ? reply->text.data : "";
}

/* Octets of "2.1.5 " at the beginning, 0 when there is none of that class. */
static size_t lmtp_reply_enhanced(const char *text, char class)
{
	size_t size = 2, digits;

	if (text[0] != class || text[1] != '.')
		return 0;
	for (int i = 0; i < 2; i++) {
		digits = strspn(text + size, "0123456789");
		if (digits < 1 || digits > 3)
			return 0;
		size += digits;
		if (i == 0 && text[size++] != '.')
			return 0;
	}
	if (text[size] == ' ')
		return size + 1;
	return text[size] == '\0' || text[size] == '\n' ? size : 0;
}

/* A client must not see control characters, nor UTF-8 (RFC 6531 3.7.4.2). */
static void lmtp_reply_add_plain(
	struct buffer *out, const char *text, size_t size)
{
	size_t from = out->size;

	buffer_add(out, text, size);
	for (size_t i = from; i < out->size; i++)
		if ((unsigned char)out->data[i] < ' ' ||
			(unsigned char)out->data[i] > '~')
			out->data[i] = '?';
}

void lmtp_reply_tame(struct lmtp_reply *reply)
{
	struct buffer words = BUFFER_EMPTY;
	const char *line = lmtp_reply_words(reply);
	char class, enhanced[16] = "";
	int code = reply->code;

	if (code >= 200 && code < 300)
		code = 250;
	else if (code < 400 || code == 421 || code > 599)
		code = 451;
	class = (char)('0' + code / 100);
	for (;;) {
		size_t size = strcspn(line, "\n"), skip;

		skip = lmtp_reply_enhanced(line, class);
		/* the first line's code counts; without one: none in detail */
		if (enhanced[0] == '\0' && skip > 0)
			snprintf(enhanced, sizeof(enhanced), "%.*s",
				(int)strcspn(line, " \n"), line);
		else if (enhanced[0] == '\0')
			snprintf(enhanced, sizeof(enhanced), "%c.0.0", class);
		buffer_printf(
			&words, "%s%s ", words.size > 0 ? "\n" : "", enhanced);
		lmtp_reply_add_plain(&words, line + skip, size - skip);
		line += size;
		if (*line++ == '\0' || words.size > LMTP_REPLY_WORDS_MAX)
			break;
	}
	reply->code = code;
	buffer_free(&reply->text);
	reply->text = words;
}

void lmtp_reply_print(const struct lmtp_reply *reply, struct buffer *out)
{
	const char *line = lmtp_reply_words(reply), *end;

	while ((end = strchr(line, '\n')) != NULL) {
		buffer_printf(out, "%03d-%.*s\r\n", reply->code,
			(int)(end - line), line);
		line = end + 1;
	}
	buffer_printf(out, "%03d %s\r\n", reply->code, line);
}

/* A line is there. 1 it was the last of a reply, 0 not, -1 nonsense. */
static int lmtp_reply_line(struct lmtp_reply_parser *parser)
{
	struct lmtp_reply *reply = &parser->reply;
	struct buffer *line = &parser->line;
	int code;

	if (line->size > 0 && line->data[line->size - 1] == '\r')
		line->data[--line->size] = '\0';
	if (line->size < 3 || strlen(line->data) != line->size ||
		strspn(line->data, "0123456789") != 3)
		return -1;
	code = (line->data[0] - '0') * 100 + (line->data[1] - '0') * 10 +
	       (line->data[2] - '0');
	if (code < 200 || code > 599 ||
		(reply->code != 0 && reply->code != code) ||
		(line->size > 3 && line->data[3] != ' ' &&
			line->data[3] != '-'))
		return -1;
	if (reply->code != 0)
		buffer_add(&reply->text, "\n", 1);
	reply->code = code;
	if (line->size > 4)
		buffer_add(&reply->text, line->data + 4, line->size - 4);
	return reply->text.size > LMTP_REPLY_MAX ? -1 : line->data[3] != '-';
}

int lmtp_reply_feed(struct lmtp_reply_parser *parser, const char *data,
	size_t size, size_t *used_r)
{
	size_t used = 0;
	int result = 0;

	if (parser->complete) {
		parser->reply.code = 0;
		buffer_clear(&parser->reply.text);
		parser->complete = false;
	}
	while (result == 0 && used < size) {
		const char *end = memchr(data + used, '\n', size - used);
		size_t take =
			end != NULL ? (size_t)(end - data) - used : size - used;

		if (parser->line.size + take > LMTP_REPLY_LINE_MAX) {
			result = -1;
			break;
		}
		buffer_add(&parser->line, data + used, take);
		used += take;
		if (end == NULL)
			break;
		used++;
		result = lmtp_reply_line(parser);
		buffer_clear(&parser->line);
	}
	parser->complete = result == 1;
	*used_r = used;
	return result;
}

void lmtp_reply_parser_clear(struct lmtp_reply_parser *parser)
{
	buffer_free(&parser->line);
	lmtp_reply_clear(&parser->reply);
	parser->complete = false;
}
