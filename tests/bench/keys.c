/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys by pattern or from a file, picked by a small generator of our own, so
 * that all servers of a comparison are asked for the same ones. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tests/bench/keys.h"

struct keys {
	uint64_t random;
	uint64_t count;
	char **lines; /* of a file, or NULL */
	char text[ADDRESS_SIZE];
};

void keys_address(uint64_t number, char address_r[ADDRESS_SIZE])
{
	snprintf(address_r, ADDRESS_SIZE, "user%07" PRIu64 "@example.org",
		number);
}

static void keys_read(struct keys *keys, const char *file)
{
	FILE *in = fopen(file, "r");
	size_t room = 0;
	char *line = NULL;
	ssize_t size;

	if (in == NULL) {
		perror(file);
		exit(1);
	}
	while ((size = getline(&line, &room, in)) > 0) {
		if (line[size - 1] == '\n')
			line[size - 1] = '\0';
		keys->lines = xreallocarray(
			keys->lines, keys->count + 1, sizeof(keys->lines[0]));
		keys->lines[keys->count++] = xstrdup(line);
	}
	free(line);
	fclose(in);
}

struct keys *keys_new(const char *file, uint64_t accounts)
{
	struct keys *keys = xcalloc(1, sizeof(*keys));

	keys->random = 88172645463325252u;
	keys->count = accounts;
	if (file != NULL) {
		keys->count = 0;
		keys_read(keys, file);
	}
	if (keys->count == 0) {
		fprintf(stderr, "%s: no keys\n", file != NULL ? file : "load");
		exit(1);
	}
	return keys;
}

void keys_free(struct keys **keys)
{
	if (*keys == NULL)
		return;
	for (uint64_t i = 0; (*keys)->lines != NULL && i < (*keys)->count; i++)
		free((*keys)->lines[i]);
	free((*keys)->lines);
	free(*keys);
	*keys = NULL;
}

const char *keys_next(struct keys *keys)
{
	uint64_t index;

	keys->random ^= keys->random << 13;
	keys->random ^= keys->random >> 7;
	keys->random ^= keys->random << 17;
	index = keys->random % keys->count;
	if (keys->lines != NULL)
		return keys->lines[index];
	keys_address(index, keys->text);
	return keys->text;
}
