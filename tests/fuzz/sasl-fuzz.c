/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What servers say in a SASL exchange: each line is a challenge. Only a server
 * that knows the password can bring SCRAM to its end, and no error tells it.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copier/sasl_private.h"

#define SECRET "hush-hush-hush"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sasl_account account = {
	.login = "ann@example.org",
	.password = SECRET,
	.token = SECRET,
	.host = "h",
	.port = 1,
};

static void check(int result, const struct error *error, bool told)
{
	if (result < 0 && error->text[0] == '\0')
		abort();
	/* A server that says it itself is masked by who prints its words. */
	if (!told && strstr(error->text, SECRET) != NULL)
		abort();
}

/* Gives each line to the exchange until it has had enough. */
static void play(
	struct scram *scram, struct sasl *sasl, const char *data, size_t size)
{
	struct secret message = SECRET_NONE;
	struct error error = { "" };
	bool told = memmem(data, size, SECRET, strlen(SECRET)) != NULL;
	int result = 0;

	while (result == 0 && size > 0) {
		const char *end = memchr(data, '\n', size);
		size_t line = end != NULL ? (size_t)(end - data) : size;

		result = scram != NULL ? scram_answer(scram, data, line,
						 &message, &error)
				       : sasl_answer(sasl, data, line, &message,
						 &error);
		check(result, &error, told);
		line += end != NULL;
		data += line;
		size -= line;
	}
	/* The proof for that is 256 bits. */
	if (scram != NULL && scram->state == SCRAM_DONE)
		abort();
	secret_clear(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct scram scram = { .state = SCRAM_FIRST };
	struct secret message = SECRET_NONE, decoded = SECRET_NONE;
	struct sasl *sasl;

	scram_begin(&scram, &account, "rOprNGfwEbeRWgbNEkqO", &message, NULL);
	play(&scram, NULL, text, size);
	scram_clear(&scram);
	sasl = sasl_new(SASL_OAUTHBEARER, &account);
	play(NULL, sasl, text, size);
	sasl_free(&sasl);
	if (secret_decode(text, size, &decoded) == 0 &&
		decoded.size > size / 4 * 3)
		abort();
	secret_clear(&decoded);
	secret_clear(&message);
	return 0;
}
