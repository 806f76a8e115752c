/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of an mbox, one after the other. */
#include "config.h"

#include "copier/mbox_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum mbox_state {
	MBOX_FILE,	 /* before the first message */
	MBOX_FROM,	 /* a From_ line is in line, and to be taken */
	MBOX_FIELD,	 /* in a line of the header */
	MBOX_FIELD_PASS, /* in the rest of a long one */
	MBOX_FIELD_DROP, /* the same, left out */
	MBOX_FIELD_END,	 /* behind the header */
	MBOX_BODY,	 /* at the start of a line of the body */
	MBOX_BODY_PASS,	 /* inside one that is not looked at */
	MBOX_TRUST,	 /* in a body whose length is known */
	MBOX_STOP,	 /* the last message has ended */
};

void mbox_parse_begin(struct mbox_parser *parser, enum mailbox_quoting quoting)
{
	memset(parser, 0, sizeof(*parser));
	parser->quoting = quoting;
	parser->state = MBOX_FILE;
}

void mbox_parse_free(struct mbox_parser *parser)
{
	buffer_free(&parser->flags);
}

/* Gathers a line with its end. True when it is whole, or too long. */
static bool mbox_gather(struct mbox_parser *parser, const char *data,
	size_t size, size_t *used_r)
{
	size_t room = MBOX_LINE - parser->line_size;
	size_t most = size < room ? size : room;
	const char *end = memchr(data, '\n', most);
	size_t take = end != NULL ? (size_t)(end - data) + 1 : most;

	memcpy(parser->line + parser->line_size, data, take);
	parser->line_size += take;
	*used_r += take;
	return end != NULL || parser->line_size == MBOX_LINE;
}

static bool mbox_is_whole(const struct mbox_parser *parser)
{
	return parser->line_size > 0 &&
	       parser->line[parser->line_size - 1] == '\n';
}

static bool mbox_is_empty(const struct mbox_parser *parser)
{
	return (parser->line_size == 1 && parser->line[0] == '\n') ||
	       (parser->line_size == 2 && memcmp(parser->line, "\r\n", 2) == 0);
}

/* Hands out the line that was gathered. */
static enum mbox_event mbox_give(struct mbox_parser *parser)
{
	parser->data = parser->line;
	parser->data_size = parser->line_size;
	parser->line_size = 0;
	return MBOX_DATA;
}

/* The From_ line in line begins a message. */
static enum mbox_event mbox_open(struct mbox_parser *parser)
{
	mbox_from_date(parser->line, parser->line_size, parser->date);
	buffer_clear(&parser->flags);
	buffer_add(&parser->flags, "", 0);
	parser->deleted = parser->internal = parser->hiding = false;
	parser->subject_internal = parser->keywords = false;
	parser->content_length = -1;
	parser->from_size = parser->line_size;
	parser->line_size = 0;
	parser->state = MBOX_FIELD;
	return MBOX_BEGIN;
}

static enum mbox_event mbox_file(struct mbox_parser *parser, const char *data,
	size_t size, size_t *used_r)
{
	char date[MAILDATE_SIZE];
	size_t known;

	while (*used_r < size) {
		bool whole = mbox_gather(
			parser, data + *used_r, size - *used_r, used_r);

		known = parser->line_size < 5 ? parser->line_size : 5;
		if (whole && mbox_is_empty(parser)) {
			parser->line_size = 0;
			continue;
		}
		if (parser->line[0] != '\r' &&
			memcmp(parser->line, "From ", known) != 0)
			return MBOX_BAD;
		if (!whole)
			continue;
		if (!mbox_is_whole(parser) || parser->line[0] == '\r')
			return MBOX_BAD;
		parser->lenient = mbox_from_date(parser->line,
					  parser->line_size, date) == 0;
		return mbox_open(parser);
	}
	return MBOX_MORE;
}

/* ---- the header ---- */

static void mbox_flag(struct mbox_parser *parser, const char *flag, size_t size)
{
	if (parser->flags.size + size + 1 > MBOX_FLAGS_MAX)
		return;
	buffer_add(&parser->flags, flag, size);
	buffer_add(&parser->flags, " ", 1);
}

static void mbox_letters(struct mbox_parser *parser, const char *value,
	size_t size, const char *letters, const char *const *flags)
{
	const char *found;
	size_t i;

	for (i = 0; i < size; i++) {
		found = value[i] != '\0' ? strchr(letters, value[i]) : NULL;
		if (found != NULL)
			mbox_flag(parser, flags[found - letters],
				strlen(flags[found - letters]));
	}
}

/* Words that are IMAP atoms; no other can be a keyword. */
static void mbox_take_keywords(
	struct mbox_parser *parser, const char *value, size_t size)
{
	size_t at = 0, from, i;

	while (at < size) {
		bool atom = true;

		for (from = at; at < size && (unsigned char)value[at] > ' ';)
			at++;
		for (i = from; i < at; i++)
			atom = atom && value[i] < 127 &&
			       strchr("(){%*\"\\]", value[i]) == NULL;
		if (atom && at > from)
			mbox_flag(parser, value + from, at - from);
		at++;
	}
}

/* X-Mozilla-Status: four hexadecimal digits. */
static void mbox_mozilla(
	struct mbox_parser *parser, const char *value, size_t size)
{
	char text[16];
	unsigned long bits;

	size = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	memcpy(text, value, size);
	text[size] = '\0';
	bits = strtoul(text, NULL, 16);
	if (bits & 0x0001)
		mbox_flag(parser, "\\Seen", 5);
	if (bits & 0x0002)
		mbox_flag(parser, "\\Answered", 9);
	if (bits & 0x0004)
		mbox_flag(parser, "\\Flagged", 8);
	if (bits & 0x1000)
		mbox_flag(parser, "$Forwarded", 10);
	parser->deleted = parser->deleted || (bits & 0x0008) != 0;
}

static void mbox_content_length(
	struct mbox_parser *parser, const char *value, size_t size)
{
	int64_t length = 0;
	size_t i;

	while (size > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		size--;
	}
	for (i = 0; i < size && value[i] >= '0' && value[i] <= '9' && i < 15;
		i++)
		length = length * 10 + (value[i] - '0');
	if (i > 0 && (i == size || value[i] == '\r' || value[i] == '\n'))
		parser->content_length = length;
}

enum mbox_field {
	MBOX_OTHER,
	MBOX_STATUS,
	MBOX_X_STATUS,
	MBOX_KEYWORDS,
	MBOX_MOZILLA,
	MBOX_LENGTH,
	MBOX_IMAP,
	MBOX_HIDDEN,
};

static enum mbox_field mbox_which(const char *name, size_t size)
{
	static const struct {
		const char *name;
		enum mbox_field field;
	} fields[] = { { "Status", MBOX_STATUS }, { "X-Status", MBOX_X_STATUS },
		{ "X-Keywords", MBOX_KEYWORDS },
		{ "X-Mozilla-Keys", MBOX_KEYWORDS },
		{ "X-Mozilla-Status", MBOX_MOZILLA },
		{ "X-Mozilla-Status2", MBOX_HIDDEN },
		{ "Content-Length", MBOX_LENGTH }, { "X-IMAP", MBOX_IMAP },
		{ "X-IMAPbase", MBOX_HIDDEN }, { "X-UID", MBOX_HIDDEN } };
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (strlen(fields[i].name) == size &&
			strncasecmp(name, fields[i].name, size) == 0)
			return fields[i].field;
	return MBOX_OTHER;
}

static void mbox_take_field(struct mbox_parser *parser)
{
	static const char *const read[] = { "\\Seen" };
	static const char *const states[] = { "\\Answered", "\\Flagged",
		"\\Draft", "\\Deleted" };
	static const char internal[] = "Subject: DON'T DELETE THIS MESSAGE";
	const char *colon = memchr(parser->line, ':', parser->line_size);
	const char *value = colon != NULL ? colon + 1 : "";
	size_t size =
		colon != NULL
			? (size_t)(parser->line + parser->line_size - value)
			: 0;
	enum mbox_field field =
		colon == NULL ? MBOX_OTHER
			      : mbox_which(parser->line,
					(size_t)(colon - parser->line));

	parser->hiding = field != MBOX_OTHER;
	parser->keywords = field == MBOX_KEYWORDS;
	if (parser->line_size >= sizeof(internal) - 1 &&
		memcmp(parser->line, internal, sizeof(internal) - 1) == 0)
		parser->subject_internal = true;
	if (field == MBOX_STATUS)
		mbox_letters(parser, value, size, "R", read);
	else if (field == MBOX_X_STATUS)
		mbox_letters(parser, value, size, "AFTD", states);
	else if (field == MBOX_KEYWORDS)
		mbox_take_keywords(parser, value, size);
	else if (field == MBOX_MOZILLA)
		mbox_mozilla(parser, value, size);
	else if (field == MBOX_LENGTH)
		mbox_content_length(parser, value, size);
	else if (field == MBOX_IMAP)
		parser->internal = true;
}

/* A whole line of the header, or as much as fits of a long one. */
static enum mbox_event mbox_field_line(struct mbox_parser *parser)
{
	bool whole = mbox_is_whole(parser);
	bool folded = parser->line[0] == ' ' || parser->line[0] == '\t';

	if (mbox_is_empty(parser)) {
		parser->internal = parser->internal && parser->subject_internal;
		parser->state = MBOX_FIELD_END;
		return mbox_give(parser);
	}
	if (!folded)
		mbox_take_field(parser);
	else if (parser->keywords)
		mbox_take_keywords(parser, parser->line, parser->line_size);
	if (!whole)
		parser->state =
			parser->hiding ? MBOX_FIELD_DROP : MBOX_FIELD_PASS;
	if (!parser->hiding)
		return mbox_give(parser);
	parser->line_size = 0;
	return MBOX_MORE;
}

/* The rest of a long line of the header. */
static enum mbox_event mbox_field_rest(struct mbox_parser *parser,
	const char *data, size_t size, size_t *used_r)
{
	const char *end = memchr(data, '\n', size);
	bool pass = parser->state == MBOX_FIELD_PASS;

	parser->data = data;
	parser->data_size = end != NULL ? (size_t)(end - data) + 1 : size;
	*used_r += parser->data_size;
	if (end != NULL)
		parser->state = MBOX_FIELD;
	return pass ? MBOX_DATA : MBOX_MORE;
}

/* ---- the body ---- */

static bool mbox_is_from(const struct mbox_parser *parser)
{
	char date[MAILDATE_SIZE];
	int result;

	if (!parser->parts || !mbox_is_whole(parser))
		return false;
	result = mbox_from_date(parser->line, parser->line_size, date);
	return result == 1 || (result == 0 && parser->lenient);
}

/* Takes one '>' off a line that was hidden by it. */
static void mbox_unquote(struct mbox_parser *parser)
{
	size_t depth = 0;

	while (depth < parser->line_size && parser->line[depth] == '>')
		depth++;
	if (depth == 0 || parser->quoting == MAILBOX_QUOTING_NONE ||
		(parser->quoting == MAILBOX_QUOTING_MBOXO && depth > 1) ||
		parser->line_size < depth + 5 ||
		memcmp(parser->line + depth, "From ", 5) != 0)
		return;
	memmove(parser->line, parser->line + 1, --parser->line_size);
}

/* Puts the empty line that was kept back in front of the line. */
static void mbox_restore(struct mbox_parser *parser)
{
	memmove(parser->line + parser->empty_size, parser->line,
		parser->line_size);
	memcpy(parser->line, parser->empty, parser->empty_size);
	parser->line_size += parser->empty_size;
	parser->empty_size = 0;
}

/* A line of the body that had to be looked at. */
static enum mbox_event mbox_body_line(struct mbox_parser *parser)
{
	if (mbox_is_empty(parser)) {
		char empty[2];
		size_t size = parser->line_size;

		memcpy(empty, parser->line, size);
		parser->line_size = 0;
		mbox_restore(parser);
		memcpy(parser->empty, empty, size);
		parser->empty_size = size;
		parser->parts = true;
		return parser->line_size > 0 ? mbox_give(parser) : MBOX_MORE;
	}
	if (mbox_is_from(parser)) {
		parser->empty_size = 0;
		parser->state = MBOX_FROM;
		return MBOX_END;
	}
	mbox_unquote(parser);
	parser->state = mbox_is_whole(parser) ? MBOX_BODY : MBOX_BODY_PASS;
	mbox_restore(parser);
	parser->parts = false;
	return mbox_give(parser);
}

/* Lines that need no look go out together. */
static enum mbox_event mbox_body_piece(struct mbox_parser *parser,
	const char *data, size_t size, size_t *used_r)
{
	size_t at = 0;

	parser->state = MBOX_BODY_PASS;
	while (at < size) {
		const char *end = memchr(data + at, '\n', size - at);

		at = end != NULL ? (size_t)(end - data) + 1 : size;
		if (end == NULL)
			break;
		if (at == size || strchr("F>\r\n", data[at]) != NULL) {
			parser->state = MBOX_BODY;
			break;
		}
	}
	parser->parts = false;
	parser->data = data;
	parser->data_size = at;
	*used_r += at;
	return MBOX_DATA;
}

static enum mbox_event mbox_body(struct mbox_parser *parser, const char *data,
	size_t size, size_t *used_r)
{
	while (*used_r < size) {
		enum mbox_event event;
		char first = data[*used_r];

		if (parser->line_size == 0 &&
			(first == '\0' || strchr("F>\r\n", first) == NULL)) {
			if (parser->empty_size == 0)
				return mbox_body_piece(parser, data + *used_r,
					size - *used_r, used_r);
			mbox_restore(parser);
			return mbox_give(parser);
		}
		if (!mbox_gather(
			    parser, data + *used_r, size - *used_r, used_r))
			return MBOX_MORE;
		event = mbox_body_line(parser);
		if (event != MBOX_MORE)
			return event;
	}
	return MBOX_MORE;
}

void mbox_parse_trust(struct mbox_parser *parser, uint64_t size)
{
	parser->trusted = size;
	parser->state = size > 0 ? MBOX_TRUST : MBOX_BODY;
}

static enum mbox_event mbox_trust(struct mbox_parser *parser, const char *data,
	size_t size, size_t *used_r)
{
	size_t take = size < parser->trusted ? size : (size_t)parser->trusted;

	parser->trusted -= take;
	if (parser->trusted == 0) {
		parser->state = MBOX_BODY;
		parser->parts = true;
	}
	parser->data = data;
	parser->data_size = take;
	*used_r += take;
	return MBOX_DATA;
}

static enum mbox_event mbox_field(struct mbox_parser *parser, const char *data,
	size_t size, size_t *used_r)
{
	while (*used_r < size && parser->state == MBOX_FIELD) {
		enum mbox_event event;

		if (!mbox_gather(
			    parser, data + *used_r, size - *used_r, used_r))
			return MBOX_MORE;
		event = mbox_field_line(parser);
		if (event != MBOX_MORE)
			return event;
	}
	return MBOX_MORE;
}

enum mbox_event mbox_parse_feed(struct mbox_parser *parser, const char *data,
	size_t size, size_t *used_r)
{
	enum mbox_event event = MBOX_MORE;

	*used_r = 0;
	if (parser->state == MBOX_FROM)
		return mbox_open(parser);
	if (parser->state == MBOX_FIELD_END) {
		parser->state = MBOX_BODY;
		parser->parts = true;
		return MBOX_HEAD;
	}
	/* What is left out makes no event: go on with what is behind it. */
	while (event == MBOX_MORE && *used_r < size) {
		const char *at = data + *used_r;
		size_t left = size - *used_r, used = 0;

		if (parser->state == MBOX_FILE)
			event = mbox_file(parser, at, left, &used);
		else if (parser->state == MBOX_FIELD)
			event = mbox_field(parser, at, left, &used);
		else if (parser->state == MBOX_FIELD_PASS ||
			 parser->state == MBOX_FIELD_DROP)
			event = mbox_field_rest(parser, at, left, &used);
		else if (parser->state == MBOX_BODY)
			event = mbox_body(parser, at, left, &used);
		else if (parser->state == MBOX_BODY_PASS)
			event = mbox_body_piece(parser, at, left, &used);
		else if (parser->state == MBOX_TRUST)
			event = mbox_trust(parser, at, left, &used);
		else
			return MBOX_BAD;
		*used_r += used;
	}
	return event;
}

enum mbox_event mbox_parse_finish(struct mbox_parser *parser)
{
	enum mbox_event event = MBOX_MORE;

	switch ((enum mbox_state)parser->state) {
	case MBOX_FILE:
		parser->state = MBOX_STOP;
		return parser->line_size > 0 ? MBOX_BAD : MBOX_MORE;
	case MBOX_STOP:
		return MBOX_MORE;
	case MBOX_FROM:
		return mbox_open(parser);
	case MBOX_FIELD_END:
		parser->state = MBOX_BODY;
		return MBOX_HEAD;
	case MBOX_FIELD:
		if (parser->line_size > 0)
			event = mbox_field_line(parser);
		if (event == MBOX_MORE)
			break;
		/* A line without its end stays one of the header. */
		if (parser->state != MBOX_FIELD_END)
			parser->state = MBOX_FIELD;
		return event;
	case MBOX_BODY:
		/* The last line has no end; an empty one is the file's. */
		parser->parts = false;
		if (parser->line_size > 0) {
			event = mbox_body_line(parser);
			parser->state = MBOX_BODY;
			parser->empty_size = 0;
			return event == MBOX_MORE ? mbox_parse_finish(parser)
						  : event;
		}
		break;
	case MBOX_FIELD_PASS:
	case MBOX_FIELD_DROP:
	case MBOX_BODY_PASS:
	case MBOX_TRUST:
		break;
	}
	parser->state = MBOX_STOP;
	return MBOX_END;
}
