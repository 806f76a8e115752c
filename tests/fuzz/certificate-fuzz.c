/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Certificates whose digests are right and whose text is not: the input is the
 * messages of one block, an empty line, and the trailer, in which "@@" stands
 * for the block with its place and digest.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copier/certificate.h"
#include "copier/certificate_read.h"
#include "copier/digest.h"

#include "lib/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_hex(const char *data, size_t size, struct buffer *text)
{
	struct digest *digest = digest_new();
	unsigned char sum[JOURNAL_DIGEST];

	digest_begin(digest);
	digest_add(digest, data, size);
	digest_end(digest, sum);
	digest_free(&digest);
	for (size_t i = 0; i < sizeof(sum); i++)
		buffer_printf(text, "%02x", sum[i]);
}

/* The trailer with its blocks. */
static void add_trailer(const char *data, size_t size, const char *block,
	size_t block_size, struct buffer *text)
{
	for (size_t i = 0; i < size; i++)
		if (i + 1 < size && data[i] == '@' && data[i + 1] == '@') {
			buffer_printf(text, "block=%zu %zu ",
				strlen(CERTIFICATE_MAGIC), block_size);
			add_hex(block, block_size, text);
			i++;
		} else {
			buffer_add(text, data + i, 1);
		}
}

static void read_all(const struct certificate_text *text)
{
	for (size_t i = 0; i < text->folders_count; i++) {
		struct certificate_message *messages;
		struct error error;
		size_t count;

		if (certificate_messages(text, i, &messages, &count, &error) ==
			0)
			free(messages);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *block = (const char *)data;
	const char *gap = size > 1 ? memmem(block, size, "\n\n", 2) : NULL;
	size_t block_size = gap != NULL ? (size_t)(gap - block) + 1 : 0;
	const char *rest = gap != NULL ? gap + 2 : block;
	struct buffer file = BUFFER_EMPTY, trailer = BUFFER_EMPTY;
	struct buffer hex = BUFFER_EMPTY;
	struct certificate_text text;
	struct error error;
	char end[CERTIFICATE_END_SIZE + 1];

	buffer_add_text(&file, CERTIFICATE_MAGIC);
	buffer_add(&file, block, block_size);
	buffer_add_text(&trailer, "");
	add_trailer(rest, size - (size_t)(rest - block), block, block_size,
		&trailer);
	add_hex(trailer.data, trailer.size, &hex);
	snprintf(end, sizeof(end), CERTIFICATE_END,
		(unsigned long long)file.size, hex.data);
	buffer_add(&file, trailer.data, trailer.size);
	buffer_add_text(&file, end);
	if (certificate_scan(file.data, file.size, &text, &error) == 0)
		read_all(&text);
	certificate_clear(&text);
	buffer_free(&trailer);
	buffer_free(&hex);
	return 0;
}
