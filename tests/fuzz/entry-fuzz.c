/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile homes: the first octet chooses protocol, TLS, mechanism and the size
 * of the pieces in which the rest comes.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "gateway/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct login logins[] = {
		{ .mechanism = LOGIN_PASSWORD,
			.user = (char *)"ann",
			.password = (char *)"secret" },
		{ .mechanism = LOGIN_SCRAM_SHA_256,
			.user = (char *)"ann",
			.initial = (char *)"biws" },
	};
	struct entry_terms terms = { .user = "ann",
		.client_address = "2001:db8::1",
		.client_port = 1,
		.client_name = "c" };
	enum entry_result result = ENTRY_MORE;
	struct buffer out = BUFFER_EMPTY;
	struct entry *entry;
	size_t piece;

	if (size == 0)
		return 0;
	terms.protocol = data[0] & 3;
	terms.starttls = (data[0] & 4) != 0;
	terms.login = &logins[(data[0] & 8) != 0];
	terms.forward = (data[0] >> 4) % 3;
	piece = (data[0] >> 5) + 1u;
	entry = entry_new(&terms);
	data++;
	size--;
	while (size > 0 && result != ENTRY_ACCEPTED && result != ENTRY_LATER &&
		result != ENTRY_DENIED) {
		size_t take = size < piece ? size : piece, used;

		result = entry_input(
			entry, (const char *)data, take, &used, &out);
		if (result == ENTRY_STARTTLS)
			entry_secured(entry, &out);
		if (result == ENTRY_CHALLENGE)
			entry_answer(entry, entry_challenge(entry), &out);
		data += used;
		size -= used;
		buffer_clear(&out);
	}
	if (entry_words(entry) == NULL)
		abort();
	buffer_free(&out);
	entry_free(&entry);
	return 0;
}
