/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lexical check of a configuration file. It follows libconfuse's own rules
 * of where a word, a string and a comment begin and end, and refuses what
 * libconfuse would silently take for something else.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "lib/config_private.h"
#include "lib/xalloc.h"

/* A section and a list in it. */
#define SCAN_DEPTH_MAX 2

struct config_scan {
	const char *text;
	size_t size;
	size_t at;
	unsigned line;
	char *out; /* as text, comments blanked */
	size_t depth;
	unsigned opened[SCAN_DEPTH_MAX]; /* lines of the open braces */
	bool after_string;
	struct error *error;
};

static int scan_fail(struct config_scan *scan, const char *cause)
{
	error_set(scan->error, "%s", cause);
	return -1;
}

/* The byte at a distance, 0 behind the end; there is no NUL in the text. */
static char scan_peek(const struct config_scan *scan, size_t distance)
{
	return distance < scan->size - scan->at
		       ? scan->text[scan->at + distance]
		       : '\0';
}

static void scan_step(struct config_scan *scan, char out)
{
	if (scan->text[scan->at] == '\n') {
		scan->line++;
		out = '\n';
	}
	scan->out[scan->at++] = out;
}

static void scan_keep(struct config_scan *scan)
{
	scan_step(scan, scan->text[scan->at]);
}

static void scan_line_comment(struct config_scan *scan)
{
	while (scan_peek(scan, 0) != '\0' && scan_peek(scan, 0) != '\n')
		scan_step(scan, ' ');
}

static int scan_block_comment(struct config_scan *scan)
{
	unsigned line = scan->line;

	scan_step(scan, ' ');
	scan_step(scan, ' ');
	while (scan_peek(scan, 0) != '*' || scan_peek(scan, 1) != '/') {
		if (scan_peek(scan, 0) == '\0') {
			scan->line = line;
			return scan_fail(scan, "comment: not closed");
		}
		scan_step(scan, ' ');
	}
	scan_step(scan, ' ');
	scan_step(scan, ' ');
	return 0;
}

/*
 * libconfuse would make control characters, even NUL, of "\n", "\x0" and their
 * like, where no value has a use for them.
 */
static int scan_escape(struct config_scan *scan, char quote)
{
	char escaped = scan_peek(scan, 1);

	if (escaped != quote && escaped != '\\')
		return scan_fail(scan,
			quote == '"'
				? "string: only \\\" and \\\\ may be escaped"
				: "string: only \\' and \\\\ may be escaped");
	scan_keep(scan);
	scan_keep(scan);
	return 0;
}

static int scan_string(struct config_scan *scan)
{
	char quote = scan_peek(scan, 0);

	scan_keep(scan);
	while (scan_peek(scan, 0) != quote) {
		char byte = scan_peek(scan, 0);

		if (byte == '\0' || byte == '\n' || byte == '\r')
			return scan_fail(
				scan, "string: not closed on its line");
		if (byte == '\t')
			return scan_fail(scan, "string: control character");
		if (byte == '\\') {
			if (scan_escape(scan, quote) < 0)
				return -1;
			continue;
		}
		if (quote == '"' && byte == '$' && scan_peek(scan, 1) == '{')
			return scan_fail(
				scan, "string: ${...} is not supported");
		scan_keep(scan);
	}
	scan_keep(scan);
	scan->after_string = true;
	return 0;
}

static int scan_word(struct config_scan *scan)
{
	while (scan_peek(scan, 0) != '\0' &&
		strchr(" #\"'\t\n\r={}()+,*", scan_peek(scan, 0)) == NULL) {
		/* a path of options in libconfuse's own interface */
		if (scan_peek(scan, 0) == '|')
			return scan_fail(scan, "'|' outside quotes");
		if (scan_peek(scan, 0) == '$' && scan_peek(scan, 1) == '{')
			return scan_fail(scan, "${...} is not supported");
		scan_keep(scan);
	}
	scan->after_string = false;
	return 0;
}

static int scan_brace(struct config_scan *scan)
{
	if (scan_peek(scan, 0) == '{') {
		if (scan->depth == SCAN_DEPTH_MAX)
			return scan_fail(scan, "'{': nested too deep");
		scan->opened[scan->depth++] = scan->line;
	} else {
		if (scan->depth == 0)
			return scan_fail(scan, "'}': nothing to close");
		scan->depth--;
	}
	scan_keep(scan);
	return 0;
}

/* "=", "+=" and ","; the rest of the signs have no meaning here. */
static int scan_sign(struct config_scan *scan)
{
	bool append = scan_peek(scan, 0) == '+' && scan_peek(scan, 1) == '=';

	if (scan_peek(scan, 0) != ',' && scan_peek(scan, 0) != '=' && !append) {
		error_set(
			scan->error, "'%c' outside quotes", scan_peek(scan, 0));
		return -1;
	}
	if (scan_peek(scan, 0) != ',' && scan->after_string)
		return scan_fail(scan, "a name stands without quotes");
	if (append)
		scan_keep(scan);
	scan_keep(scan);
	return 0;
}

static int scan_token(struct config_scan *scan)
{
	char byte = scan_peek(scan, 0);

	switch (byte) {
	case ' ':
	case '\t':
	case '\n':
		scan_keep(scan);
		return 0;
	case '\r':
		if (scan_peek(scan, 1) != '\n')
			return scan_fail(scan, "control character");
		scan_step(scan, ' ');
		return 0;
	case '"':
	case '\'':
		return scan_string(scan);
	case '{':
	case '}':
		scan->after_string = false;
		return scan_brace(scan);
	case '=':
	case '+':
	case ',':
	case '(':
	case ')':
	case '*':
		return scan_sign(scan);
	case '#':
		scan_line_comment(scan);
		return 0;
	case '/':
		if (scan_peek(scan, 1) == '*')
			return scan_block_comment(scan);
		if (scan_peek(scan, 1) == '/') {
			scan_line_comment(scan);
			return 0;
		}
		break;
	default:
		break;
	}
	return scan_word(scan);
}

static int scan_controls(struct config_scan *scan)
{
	size_t i;

	for (i = 0; i < scan->size; i++) {
		unsigned char byte = (unsigned char)scan->text[i];

		if ((byte < 0x20 && byte != '\t' && byte != '\n' &&
			    byte != '\r') ||
			byte == 0x7f)
			return scan_fail(scan,
				byte == 0 ? "NUL byte" : "control character");
		if (byte == '\n')
			scan->line++;
	}
	scan->line = 1;
	return 0;
}

char *config_scan(
	const char *text, size_t size, unsigned *line_r, struct error *error)
{
	struct config_scan scan = {
		.text = text,
		.size = size,
		.line = 1,
		.out = xmalloc(size + 2),
		.error = error,
	};
	int status = scan_controls(&scan);

	while (status == 0 && scan.at < size)
		status = scan_token(&scan);
	if (status == 0 && scan.depth > 0) {
		scan.line = scan.opened[scan.depth - 1];
		status = scan_fail(&scan, "'{': not closed");
	}
	/* never empty: some memory streams cannot be */
	scan.out[scan.at] = '\n';
	scan.out[scan.at + 1] = '\0';
	if (status < 0) {
		*line_r = scan.line;
		free(scan.out);
		return NULL;
	}
	return scan.out;
}
