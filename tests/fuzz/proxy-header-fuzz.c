/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PROXY header: the decision does not depend on what comes later, and what
 * was understood is understood again when it is made anew.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* With a copy of just these octets, so that a read beyond them shows. */
static int parse(const uint8_t *data, size_t size,
	struct proxy_header *header_r, size_t *used_r)
{
	uint8_t *part = malloc(size > 0 ? size : 1);
	int result;

	memcpy(part, data, size);
	result = proxy_header_parse(part, size, header_r, used_r);
	free(part);
	return result;
}

static void expect_again(const struct proxy_header *header, int version)
{
	struct proxy_header again;
	char made[PROXY_HEADER_MADE];
	size_t size = proxy_header_make(header, version, made);
	size_t used;

	expect(size < sizeof(made));
	expect(proxy_header_parse(made, size, &again, &used) == 1);
	expect(used == size && again.known);
	expect(strcmp(again.client, header->client) == 0 &&
		strcmp(again.server, header->server) == 0);
	expect(again.client_port == header->client_port &&
		again.server_port == header->server_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header, early;
	size_t used, early_used;
	int result = parse(data, size, &header, &used);

	for (size_t i = 0; i < size && i < 300; i++) {
		int before = parse(data, i, &early, &early_used);

		/* Once it is decided it stays so. */
		expect(before == 0 || before == result);
		expect(before != 1 || early_used == used);
	}
	if (result != 1)
		return 0;
	expect(used > 0 && used <= size && used <= PROXY_HEADER_MAX);
	if (header.known) {
		expect_again(&header, 1);
		expect_again(&header, 2);
	}
	return 0;
}
