/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folder names: whatever a server calls a folder, it gets a name that another
 * server reads as that name again, and the tamer names come to an end.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copier/mutf7.h"
#include "copier/naming.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const others[] = { "shared/", "#users/" };
static const struct mailbox_features sides[] = {
	{ .separator = '/', .prefix = "", .others = others, .others_count = 2 },
	{ .separator = '.', .prefix = "INBOX." },
	{ .separator = '/', .prefix = "", .utf8 = true },
	{ .prefix = "" },
};

/* A name of from at to, read and written there once more. */
static void check(const char *name, const struct mailbox_features *from,
	const struct mailbox_features *to)
{
	struct naming_path path, again;
	unsigned changes = 0, none = 0, step = 0, steps = 0;
	char *mapped, *same;

	naming_split(name, from->separator, from, &path, &changes);
	mapped = naming_join(&path, to, &changes);
	if (*mapped == '\0' || path.count == 0)
		abort();
	naming_split(mapped, to->separator, to, &again, &none);
	same = naming_join(&again, to, &none);
	if (strcmp(mapped, same) != 0 || none != 0)
		abort();
	while ((step = naming_tame(&path, step)) != 0)
		if (++steps > 3)
			abort();
	free(mapped);
	free(same);
	naming_path_free(&path);
	naming_path_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer text = BUFFER_EMPTY, name = BUFFER_EMPTY,
		      again = BUFFER_EMPTY;
	size_t i, j, count = sizeof(sides) / sizeof(*sides);
	char *copy = malloc(size + 1);

	memcpy(copy, data, size);
	copy[size] = '\0';
	if (mutf7_decode(copy, size, &text) == 0 && text.size > 0) {
		mutf7_encode(text.data, text.size, &name);
		if (mutf7_decode(name.data, name.size, &again) < 0 ||
			again.size != text.size ||
			memcmp(again.data, text.data, text.size) != 0)
			abort();
	}
	for (i = 0; copy[0] != '\0' && i < count; i++)
		for (j = 0; j < count; j++)
			check(copy, &sides[i], &sides[j]);
	buffer_free(&text);
	buffer_free(&name);
	buffer_free(&again);
	free(copy);
	return 0;
}
