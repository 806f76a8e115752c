/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of logins, whose words are those of mail programs: any text can
 * be read, and what was printed is read again the same. What stands behind the
 * first line of the input is also the name of a mail program.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/seen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void expect_again(const struct seen *seen)
{
	struct buffer text = BUFFER_EMPTY;
	struct seen again;

	buffer_add_text(&text, "");
	seen_print(seen, &text);
	seen_read(&again, text.data);
	expect(again.count == seen->count);
	expect(seen_last(&again) == seen_last(seen));
	for (size_t i = 0; i < seen->count; i++) {
		const struct seen_way *a = &seen->ways[i], *b = &again.ways[i];

		expect(strcmp(a->protocol, b->protocol) == 0 &&
			strcmp(a->mechanism, b->mechanism) == 0 &&
			strcmp(a->client, b->client) == 0 &&
			a->last == b->last);
	}
	buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	const char *line = strchr(text, '\n');
	struct seen_way way;
	struct seen seen;

	seen_read(&seen, text);
	expect(seen.count <= SEEN_WAYS_MAX);
	expect_again(&seen);
	seen_way_set(&way, text, text, line != NULL ? line + 1 : NULL, 7);
	seen_add(&seen, &way, 0);
	expect(seen.count > 0 && seen.count <= SEEN_WAYS_MAX);
	expect_again(&seen);
	free(text);
	return 0;
}
