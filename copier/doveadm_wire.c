/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doveadm server's side of the conversation. A packet is one octet that
 * names the channel (0 the answer, 'L' the log), four of its length in network
 * order, and that many octets.
 */
#include "config.h"

#include "copier/doveadm_wire.h"

#include <stdint.h>
#include <string.h>

#define DOVEADM_CHANNEL_ANSWER 0
#define DOVEADM_CHANNEL_LOG    'L'

/* Of the log only the end of a line is told, and no line is kept that is
 * longer. */
#define DOVEADM_LOG_MAX 4096

void doveadm_wire_clear(struct doveadm_wire *wire)
{
	buffer_free(&wire->line);
	buffer_free(&wire->output);
	buffer_free(&wire->status);
	buffer_free(&wire->log);
	memset(wire, 0, sizeof(*wire));
}

void doveadm_wire_begin(struct doveadm_wire *wire, bool packets)
{
	wire->place = DOVEADM_OUTPUT;
	wire->packets = packets;
}

static const char *doveadm_wire_text(const struct buffer *buffer)
{
	return buffer->data != NULL ? buffer->data : "";
}

/* What the server logged: a type, a prefix that ends in ">: " or "): ", and the
 * message. */
static void doveadm_wire_logged(struct doveadm_wire *wire)
{
	const char *text = doveadm_wire_text(&wire->log);
	const char *message = strstr(text, ">: ");

	if (message == NULL)
		message = strstr(text, "): ");
	if (message != NULL)
		text = message + 3;
	else if (wire->log.size > 0)
		text++;
	error_set(&wire->words, "%s", text);
	buffer_clear(&wire->log);
}

static void doveadm_wire_log(
	struct doveadm_wire *wire, const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (data[i] == '\n')
			doveadm_wire_logged(wire);
		else if (wire->log.size < DOVEADM_LOG_MAX)
			buffer_add(&wire->log, data + i, 1);
	}
}

/* Moves the line that has ended to where it stays until the next one. */
static const char *doveadm_wire_take(
	struct doveadm_wire *wire, struct buffer *place)
{
	struct buffer old = *place;

	*place = wire->line;
	wire->line = old;
	buffer_clear(&wire->line);
	return doveadm_wire_text(place);
}

/* A line has ended. 1 it ends an event, 0 not, -1 it is bad. */
static int doveadm_wire_line(struct doveadm_wire *wire,
	struct doveadm_event *event_r, struct error *error)
{
	const char *line;

	if (wire->place == DOVEADM_OUTPUT) {
		doveadm_wire_take(wire, &wire->output);
		wire->place = DOVEADM_STATUS;
		return 0;
	}
	line = doveadm_wire_take(wire, &wire->status);
	if (wire->place == DOVEADM_HANDSHAKE) {
		event_r->line = line;
		return 1;
	}
	if (line[0] != '+' && line[0] != '-') {
		error_set(error, "answer that is none: %s", line);
		return -1;
	}
	event_r->ok = line[0] == '+';
	event_r->code = line + 1;
	event_r->output = doveadm_wire_text(&wire->output);
	wire->told = wire->words;
	event_r->words = wire->told.text;
	wire->words.text[0] = '\0';
	wire->place = DOVEADM_OUTPUT;
	return 1;
}

/* Octets of the answer; *used_r of them were needed. */
static int doveadm_wire_answer(struct doveadm_wire *wire, const char *data,
	size_t size, size_t *used_r, struct doveadm_event *event_r,
	struct error *error)
{
	const char *end = memchr(data, '\n', size);
	size_t part = end != NULL ? (size_t)(end - data) : size;

	*used_r = part + (end != NULL);
	if (wire->line.size + part > DOVEADM_LINE_MAX) {
		error_set(
			error, "line of more than %d octets", DOVEADM_LINE_MAX);
		return -1;
	}
	if (memchr(data, '\0', part) != NULL) {
		error_set(error, "line with a NUL");
		return -1;
	}
	buffer_add(&wire->line, data, part);
	return end != NULL ? doveadm_wire_line(wire, event_r, error) : 0;
}

/* Octets of a packet's head. 0, or -1 when no such packet exists. */
static int doveadm_wire_head(struct doveadm_wire *wire, const char *data,
	size_t size, size_t *used_r, struct error *error)
{
	const unsigned char *head = wire->head;
	size_t part = sizeof(wire->head) - wire->head_size;

	if (part > size)
		part = size;
	memcpy(wire->head + wire->head_size, data, part);
	wire->head_size += part;
	*used_r = part;
	if (wire->head_size < sizeof(wire->head))
		return 0;
	if (head[0] != DOVEADM_CHANNEL_ANSWER &&
		head[0] != DOVEADM_CHANNEL_LOG) {
		error_set(error, "packet of unknown kind %u", head[0]);
		return -1;
	}
	wire->left = ((size_t)head[1] << 24) | ((size_t)head[2] << 16) |
		     ((size_t)head[3] << 8) | head[4];
	if (wire->left == 0)
		wire->head_size = 0;
	return 0;
}

static int doveadm_wire_step(struct doveadm_wire *wire, const char *data,
	size_t size, size_t *used_r, struct doveadm_event *event_r,
	struct error *error)
{
	int result = 0;

	if (!wire->packets)
		return doveadm_wire_answer(
			wire, data, size, used_r, event_r, error);
	if (wire->left == 0)
		return doveadm_wire_head(wire, data, size, used_r, error);
	if (size > wire->left)
		size = wire->left;
	if (wire->head[0] == DOVEADM_CHANNEL_LOG) {
		doveadm_wire_log(wire, data, size);
		*used_r = size;
	} else {
		result = doveadm_wire_answer(
			wire, data, size, used_r, event_r, error);
	}
	wire->left -= *used_r;
	if (wire->left == 0)
		wire->head_size = 0;
	return result;
}

int doveadm_wire_feed(struct doveadm_wire *wire, const char *data, size_t size,
	size_t *used_r, struct doveadm_event *event_r, struct error *error)
{
	int result = 0;

	*used_r = 0;
	memset(event_r, 0, sizeof(*event_r));
	while (result == 0 && *used_r < size) {
		size_t used = 0;

		result = doveadm_wire_step(wire, data + *used_r, size - *used_r,
			&used, event_r, error);
		*used_r += used;
	}
	return result;
}

void doveadm_wire_escape(struct buffer *command, const char *field)
{
	for (; *field != '\0'; field++) {
		switch (*field) {
		case '\001':
			buffer_add(command, "\0011", 2);
			break;
		case '\t':
			buffer_add(command, "\001t", 2);
			break;
		case '\n':
			buffer_add(command, "\001n", 2);
			break;
		case '\r':
			buffer_add(command, "\001r", 2);
			break;
		default:
			buffer_add(command, field, 1);
			break;
		}
	}
}
