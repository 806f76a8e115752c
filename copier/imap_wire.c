/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state machine over the server's bytes: lines, literals, bodies. What the
 * words of a response mean is the business of imap_parse.c.
 */
#include "config.h"

#include "copier/imap_wire.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum imap_wire_state {
	IMAP_WIRE_LINE,	     /* collecting up to a line end */
	IMAP_WIRE_LITERAL,   /* collecting a small literal */
	IMAP_WIRE_PASS,	     /* passing on a body */
	IMAP_WIRE_DELIVERED, /* text was given out; clear it */
};

void imap_wire_init(struct imap_wire *wire)
{
	memset(wire, 0, sizeof(*wire));
	wire->state = IMAP_WIRE_LINE;
}

bool imap_wire_is_inside(const struct imap_wire *wire)
{
	return wire->state != IMAP_WIRE_DELIVERED && wire->text.size > 0;
}

void imap_wire_free(struct imap_wire *wire)
{
	buffer_free(&wire->text);
}

/*
 * Responses that end in free text for people: OK, NO, BAD, BYE, PREAUTH and
 * "+". In them "{5}" at the end of a line announces nothing.
 */
static bool imap_wire_is_text(const struct imap_wire *wire)
{
	static const char *const words[] = { "OK", "NO", "BAD", "BYE",
		"PREAUTH" };
	const char *text = wire->text.data;
	const char *blank = memchr(text, ' ', wire->text.size);
	size_t i;

	if (wire->text.size > 0 && text[0] == '+')
		return true;
	if (blank == NULL)
		return true;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = strlen(words[i]);

		if (strncasecmp(blank + 1, words[i], size) == 0 &&
			!isalnum((unsigned char)blank[1 + size]))
			return true;
	}
	return false;
}

/*
 * Looks for a literal's announcement, "{5}" or "~{5}", at the end of the line.
 * 1 with its size and place, 0 none, -1 the number is too large.
 */
static int imap_wire_announced(
	const struct imap_wire *wire, uint64_t *octets_r, size_t *at_r)
{
	const char *text = wire->text.data;
	size_t at = wire->text.size, first;

	if (at < 3 || text[at - 1] != '}' || imap_wire_is_text(wire))
		return 0;
	first = --at;
	if (text[first - 1] == '+')
		first--;
	at = first;
	while (at > 0 && isdigit((unsigned char)text[at - 1]))
		at--;
	/* The braces may be the last octets of a literal, too. */
	if (at <= wire->line || at == first || text[at - 1] != '{')
		return 0;
	if (first - at > 18)
		return -1;
	*octets_r = 0;
	*at_r = at - 1;
	for (; at < first; at++)
		*octets_r = *octets_r * 10 + (uint64_t)(text[at] - '0');
	return 1;
}

/* A body is what follows "BODY[] " in a FETCH response. */
static bool imap_wire_is_body(const struct imap_wire *wire, size_t at)
{
	static const char item[] = "BODY[] ";
	const char *text = wire->text.data;
	size_t size = sizeof(item) - 1, i = 2;

	if (at < size || strncasecmp(text + at - size, item, size) != 0 ||
		strncmp(text, "* ", 2) != 0)
		return false;
	while (isdigit((unsigned char)text[i]))
		i++;
	return i > 2 && strncasecmp(text + i, " FETCH (", 8) == 0;
}

/* The line is complete: is it the end of the response? */
static enum imap_wire_event imap_wire_line_end(
	struct imap_wire *wire, struct error *error)
{
	uint64_t octets;
	size_t at;
	int found;

	if (wire->text.size > 0 && wire->text.data[wire->text.size - 1] == '\r')
		wire->text.data[--wire->text.size] = '\0';
	found = imap_wire_announced(wire, &octets, &at);
	if (found < 0) {
		error_set(error, "the server announced an impossible literal");
		return IMAP_WIRE_BAD;
	}
	if (found == 0) {
		wire->state = IMAP_WIRE_DELIVERED;
		return IMAP_WIRE_RESPONSE;
	}
	wire->left = octets;
	if (imap_wire_is_body(wire, at)) {
		wire->body = octets;
		wire->announced = at;
		wire->state = IMAP_WIRE_PASS;
		return IMAP_WIRE_BODY;
	}
	if (octets > IMAP_WIRE_LITERAL_MAX) {
		error_set(error,
			"the server announced a literal of %llu octets"
			" where none belongs",
			(unsigned long long)octets);
		return IMAP_WIRE_BAD;
	}
	buffer_add(&wire->text, "\r\n", 2);
	wire->state = IMAP_WIRE_LITERAL;
	return IMAP_WIRE_MORE;
}

static enum imap_wire_event imap_wire_line(struct imap_wire *wire,
	const char *data, size_t size, size_t *used_r, struct error *error)
{
	const char *end = memchr(data, '\n', size);
	size_t take = end != NULL ? (size_t)(end - data) : size;

	if (wire->text.size + take > IMAP_WIRE_RESPONSE_MAX) {
		error_set(error, "the server's response is too long");
		return IMAP_WIRE_BAD;
	}
	buffer_add(&wire->text, data, take);
	*used_r += take + (end != NULL);
	return end != NULL ? imap_wire_line_end(wire, error) : IMAP_WIRE_MORE;
}

static enum imap_wire_event imap_wire_literal(struct imap_wire *wire,
	const char *data, size_t size, size_t *used_r, struct error *error)
{
	size_t take = size < wire->left ? size : (size_t)wire->left;

	if (wire->text.size + take > IMAP_WIRE_RESPONSE_MAX) {
		error_set(error, "the server's response is too long");
		return IMAP_WIRE_BAD;
	}
	buffer_add(&wire->text, data, take);
	*used_r += take;
	wire->left -= take;
	wire->line = wire->text.size;
	if (wire->left == 0)
		wire->state = IMAP_WIRE_LINE;
	return IMAP_WIRE_MORE;
}

static enum imap_wire_event imap_wire_pass(
	struct imap_wire *wire, const char *data, size_t size, size_t *used_r)
{
	if (wire->left == 0) {
		wire->text.size = wire->announced;
		buffer_add(&wire->text, "NIL", 3);
		wire->state = IMAP_WIRE_LINE;
		return IMAP_WIRE_BODY_END;
	}
	if (size == 0)
		return IMAP_WIRE_MORE;
	wire->data = data;
	wire->data_size = size < wire->left ? size : (size_t)wire->left;
	wire->left -= wire->data_size;
	*used_r += wire->data_size;
	return IMAP_WIRE_DATA;
}

enum imap_wire_event imap_wire_feed(struct imap_wire *wire, const char *data,
	size_t size, size_t *used_r, struct error *error)
{
	enum imap_wire_event event = IMAP_WIRE_MORE;

	*used_r = 0;
	if (wire->state == IMAP_WIRE_DELIVERED) {
		buffer_clear(&wire->text);
		wire->line = 0;
		wire->state = IMAP_WIRE_LINE;
	}
	while (event == IMAP_WIRE_MORE) {
		const char *at = data + *used_r;
		size_t left = size - *used_r;

		if (wire->state == IMAP_WIRE_PASS)
			return imap_wire_pass(wire, at, left, used_r);
		if (wire->state == IMAP_WIRE_LITERAL && wire->left == 0)
			wire->state = IMAP_WIRE_LINE;
		if (left == 0)
			break;
		if (wire->state == IMAP_WIRE_LITERAL)
			event = imap_wire_literal(
				wire, at, left, used_r, error);
		else
			event = imap_wire_line(wire, at, left, used_r, error);
	}
	return event;
}
