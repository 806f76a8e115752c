/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folder map: whatever the file, it is read or refused with its line, and
 * what it says of a folder is a name that can be written down again.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copier/foldermap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct foldermap *map, const char *text, size_t size,
	enum special_use use)
{
	struct naming_path path = { NULL, 0 }, back;
	struct foldermap_answer answer;
	size_t at = 0;

	while (at < size && path.count < 8) {
		size_t length = strcspn(text + at, "/\n");

		if (length > 0)
			naming_path_add(&path, text + at, length);
		at += length + 1;
	}
	if (path.count == 0)
		naming_path_add(&path, "x", 1);
	foldermap_find(map, &path, use, &answer);
	if (answer.verdict == FOLDERMAP_NAME) {
		char *name = naming_text(&answer.path);

		if (answer.path.count == 0)
			abort();
		free(name);
		if (foldermap_reverse(map, &answer.path, &back))
			naming_path_free(&back);
		naming_path_free(&answer.path);
	}
	naming_path_free(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = { "" };
	struct foldermap *map =
		foldermap_parse((const char *)data, size, "map", &error);
	char *text;

	if (map == NULL) {
		if (strncmp(error.text, "map:", 4) != 0)
			abort();
		return 0;
	}
	/* The file itself is as good a name as any. */
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	ask(map, text, strlen(text), SPECIAL_USE_NONE);
	ask(map, text, strlen(text), SPECIAL_USE_SENT);
	ask(map, "INBOX", 5, SPECIAL_USE_NONE);
	free(text);
	foldermap_free(&map);
	return 0;
}
