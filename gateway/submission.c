/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands by their first word; a mail's content up to its lone dot. */
#include "config.h"

#include "gateway/submission.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool submission_is_open(const struct submission *submission)
{
	return submission->open;
}

static bool submission_is(const char *line, const char *word)
{
	size_t size = strlen(word);

	return strncasecmp(line, word, size) == 0 &&
	       (line[size] == '\0' || line[size] == ' ');
}

/* "BDAT 86 LAST" */
static void submission_chunk(struct submission *submission)
{
	char *behind;

	submission->chunk = strtoul(submission->line + 4, &behind, 10);
	submission->last = submission_is(behind + strspn(behind, " "), "LAST");
	if (submission->chunk > 0)
		submission->place = SUBMISSION_CHUNK;
	else if (submission->last)
		submission->open = false;
}

static void submission_command(struct submission *submission)
{
	static const char *const ends[] = { "RSET", "EHLO", "HELO", "QUIT" };
	const char *line = submission->line;

	if (submission_is(line, "MAIL"))
		submission->open = true;
	else if (submission_is(line, "DATA"))
		submission->place = SUBMISSION_CONTENT;
	else if (submission_is(line, "BDAT"))
		submission_chunk(submission);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (submission_is(line, ends[i]))
			submission->open = false;
}

/* A line is complete, without its end. */
static void submission_line(struct submission *submission)
{
	size_t size = submission->size;

	if (size >= sizeof(submission->line))
		size = sizeof(submission->line) - 1;
	else if (size > 0 && submission->line[size - 1] == '\r')
		size--;
	submission->line[size] = '\0';
	if (submission->place == SUBMISSION_COMMAND) {
		submission_command(submission);
	} else if (strcmp(submission->line, ".") == 0) {
		submission->place = SUBMISSION_COMMAND;
		submission->open = false;
	}
	submission->size = 0;
}

/* Octets of a chunk. Returns how many. */
static size_t submission_skip(struct submission *submission, size_t size)
{
	if (size > submission->chunk)
		size = submission->chunk;
	submission->chunk -= size;
	if (submission->chunk > 0)
		return size;
	submission->place = SUBMISSION_COMMAND;
	if (submission->last)
		submission->open = false;
	return size;
}

/* Octets of a line and perhaps its end. Returns how many. */
static size_t submission_add(
	struct submission *submission, const char *data, size_t size)
{
	const char *end = memchr(data, '\n', size);
	size_t take = end != NULL ? (size_t)(end - data) : size;
	size_t room = sizeof(submission->line) - 1;

	if (submission->size < room)
		memcpy(submission->line + submission->size, data,
			take < room - submission->size
				? take
				: room - submission->size);
	submission->size += take;
	if (end == NULL)
		return take;
	submission_line(submission);
	return take + 1;
}

void submission_take(
	struct submission *submission, const char *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		if (submission->place == SUBMISSION_CHUNK)
			at += submission_skip(submission, size - at);
		else
			at += submission_add(submission, data + at, size - at);
	}
}
