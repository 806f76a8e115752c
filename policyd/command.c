/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits a command line of the configuration and runs it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/process.h"
#include "lib/xalloc.h"
#include "policyd/command.h"

#define COMMAND_BLANKS " \t"

static void command_add_word(
	struct buffer *text, const char *word, size_t size, const char *id)
{
	for (size_t i = 0; i < size; i++)
		if (word[i] == '%' && i + 1 < size && word[i + 1] == '%') {
			buffer_add(text, "%", 1);
			i++;
		} else if (word[i] == '%' && i + 1 < size &&
			   word[i + 1] == 'i' && id != NULL) {
			buffer_add_text(text, id);
			i++;
		} else {
			buffer_add(text, &word[i], 1);
		}
	buffer_add(text, "", 1);
}

/* The vector and behind it the words, each with its NUL. */
static char **command_pack(const struct buffer *text, size_t count)
{
	size_t vector = (count + 1) * sizeof(char *);
	char **words = xmalloc(vector + text->size);
	char *word = (char *)words + vector;

	memcpy(word, text->data, text->size);
	for (size_t i = 0; i < count; i++) {
		words[i] = word;
		word += strlen(word) + 1;
	}
	words[count] = NULL;
	return words;
}

char **command_split(const char *line, const char *id)
{
	struct buffer text = BUFFER_EMPTY;
	size_t count = 0;
	char **words = NULL;

	for (;;) {
		size_t size;

		line += strspn(line, COMMAND_BLANKS);
		size = strcspn(line, COMMAND_BLANKS);
		if (size == 0)
			break;
		command_add_word(&text, line, size, id);
		line += size;
		count++;
	}
	if (count > 0)
		words = command_pack(&text, count);
	buffer_free(&text);
	return words;
}

int command_run(const char *line, const char *id, int timeout_ms,
	size_t output_max, struct buffer *output, struct error *error)
{
	char **words = command_split(line, id);
	int result = -1;

	if (words == NULL) {
		error_set(error, "the command is empty");
	} else {
		struct process_job job = {
			.argv = (const char *const *)words,
			.timeout_ms = timeout_ms,
			.output_max = output_max,
			.strict_output = output != NULL,
		};

		result = process_run(&job, output, error);
	}
	free(words);
	return result;
}
