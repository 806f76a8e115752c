/* SPDX-License-Identifier: BSD-2-Clause */
/* Two small machines: one gathers lines, one unstuffs dots (RFC 1939 sec. 3).
 */
#include "config.h"

#include "copier/pop3_wire.h"

#include <string.h>

enum pop3_wire_state {
	POP3_STATUS,	 /* inside the status line */
	POP3_LIST,	 /* inside a line of a list */
	POP3_BODY_START, /* of a message, at the start of a line */
	POP3_BODY_DOT,	 /* behind a dot at the start of a line */
	POP3_BODY_DOT_CR,
	POP3_BODY_INSIDE,
	POP3_BODY_CR,
	POP3_OVER,
};

void pop3_wire_expect(struct pop3_wire *wire, enum pop3_wire_shape shape)
{
	wire->shape = shape;
	wire->state = POP3_STATUS;
	wire->line_size = 0;
	wire->lines = 0;
	wire->ok = false;
}

bool pop3_wire_is_inside(const struct pop3_wire *wire)
{
	return wire->state != POP3_OVER && wire->state != POP3_LIST &&
	       (wire->state != POP3_STATUS || wire->line_size > 0);
}

static enum pop3_wire_event pop3_wire_bad(
	struct error *error, const char *reason)
{
	error_set(error, "the server does not speak POP3: %s", reason);
	return POP3_WIRE_BAD;
}

/* Gathers a line: LINE when it is whole. */
static enum pop3_wire_event pop3_wire_line(struct pop3_wire *wire,
	const char *data, size_t size, size_t *used_r, struct error *error)
{
	const char *end = memchr(data, '\n', size);
	size_t take = end != NULL ? (size_t)(end - data) : size;

	if (take > POP3_WIRE_LINE_MAX - wire->line_size)
		return pop3_wire_bad(error, "an endless line");
	memcpy(wire->line + wire->line_size, data, take);
	wire->line_size += take;
	*used_r = take;
	if (end == NULL)
		return POP3_WIRE_MORE;
	*used_r = take + 1;
	if (wire->line_size == 0 || wire->line[wire->line_size - 1] != '\r')
		return pop3_wire_bad(error, "a line that ends in LF alone");
	wire->line[--wire->line_size] = '\0';
	if (strlen(wire->line) != wire->line_size)
		return pop3_wire_bad(error, "a NUL in a line");
	return POP3_WIRE_LINE;
}

static enum pop3_wire_event pop3_wire_status(
	struct pop3_wire *wire, struct error *error)
{
	bool go_on = wire->line[0] == '+' &&
		     (wire->line[1] == ' ' || wire->line[1] == '\0');

	wire->ok = strncmp(wire->line, "+OK", 3) == 0 &&
		   (wire->line[3] == ' ' || wire->line[3] == '\0');
	if (!wire->ok && !go_on && strncmp(wire->line, "-ERR", 4) != 0) {
		error_set(error, "the server does not speak POP3: %.80s",
			wire->line);
		return POP3_WIRE_BAD;
	}
	if (!wire->ok || wire->shape == POP3_WIRE_SHORT)
		wire->state = POP3_OVER;
	else if (wire->shape == POP3_WIRE_LIST)
		wire->state = POP3_LIST;
	else
		wire->state = POP3_BODY_START;
	return POP3_WIRE_REPLY;
}

static enum pop3_wire_event pop3_wire_listed(
	struct pop3_wire *wire, struct error *error)
{
	if (strcmp(wire->line, ".") == 0) {
		wire->state = POP3_OVER;
		return POP3_WIRE_END;
	}
	if (++wire->lines > POP3_WIRE_LIST_MAX)
		return pop3_wire_bad(error, "an endless list");
	if (wire->line[0] == '.')
		memmove(wire->line, wire->line + 1, wire->line_size--);
	return POP3_WIRE_LINE;
}

/*
 * How much of the octets goes out in one piece: up to their end or up to a dot
 * at the start of a line, which must be looked at. Sets the state behind it.
 */
static size_t pop3_wire_piece(
	struct pop3_wire *wire, const char *data, size_t size)
{
	bool cr = wire->state == POP3_BODY_CR;
	size_t at = 0;

	while (at < size) {
		const char *end = memchr(data + at, '\n', size - at);

		if (end == NULL) {
			wire->state = data[size - 1] == '\r' ? POP3_BODY_CR
							     : POP3_BODY_INSIDE;
			return size;
		}
		if (end > data)
			cr = end[-1] == '\r';
		at = (size_t)(end - data) + 1;
		wire->state = cr ? POP3_BODY_START : POP3_BODY_INSIDE;
		if (cr && at < size && data[at] == '.')
			return at;
	}
	return size;
}

/* The dot and what may stand behind it; MORE also when the octets that follow
 * are those of a message. */
static enum pop3_wire_event pop3_wire_dot(
	struct pop3_wire *wire, const char *data, size_t size, size_t *at)
{
	if (wire->state == POP3_BODY_START && data[*at] == '.') {
		wire->state = POP3_BODY_DOT;
		++*at;
	}
	if (wire->state == POP3_BODY_DOT && *at < size) {
		if (data[*at] != '\r') {
			wire->state = POP3_BODY_INSIDE;
			return POP3_WIRE_MORE;
		}
		wire->state = POP3_BODY_DOT_CR;
		++*at;
	}
	if (wire->state == POP3_BODY_DOT_CR && *at < size) {
		if (data[*at] == '\n') {
			++*at;
			wire->state = POP3_OVER;
			return POP3_WIRE_END;
		}
		/* It was a stuffed dot, and that CR is of the message. */
		wire->state = POP3_BODY_CR;
		wire->data = "\r";
		wire->data_size = 1;
		return POP3_WIRE_DATA;
	}
	return POP3_WIRE_MORE;
}

static enum pop3_wire_event pop3_wire_body(
	struct pop3_wire *wire, const char *data, size_t size, size_t *used_r)
{
	enum pop3_wire_event event = pop3_wire_dot(wire, data, size, used_r);

	if (event != POP3_WIRE_MORE || *used_r == size)
		return event;
	wire->data = data + *used_r;
	wire->data_size = pop3_wire_piece(wire, wire->data, size - *used_r);
	*used_r += wire->data_size;
	return POP3_WIRE_DATA;
}

enum pop3_wire_event pop3_wire_feed(struct pop3_wire *wire, const char *data,
	size_t size, size_t *used_r, struct error *error)
{
	enum pop3_wire_event event;

	*used_r = 0;
	if (wire->state == POP3_OVER)
		return POP3_WIRE_END;
	if (size == 0)
		return POP3_WIRE_MORE;
	if (wire->state != POP3_STATUS && wire->state != POP3_LIST)
		return pop3_wire_body(wire, data, size, used_r);
	event = pop3_wire_line(wire, data, size, used_r, error);
	if (event != POP3_WIRE_LINE)
		return event;
	event = wire->state == POP3_STATUS ? pop3_wire_status(wire, error)
					   : pop3_wire_listed(wire, error);
	wire->line_size = 0;
	return event;
}
