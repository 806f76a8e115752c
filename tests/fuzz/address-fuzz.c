/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses: a canonical form is within its limits and is its own canonical
 * form, and the fast way gives what the slow way gives.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_canonical(const struct address *address)
{
	char domain[ADDRESS_DOMAIN_MAX + 1];
	struct address again;
	struct error error;
	size_t size = strlen(address->text), i;

	expect(size < ADDRESS_SIZE);
	expect(address->local_size > 0 &&
		address->local_size <= ADDRESS_LOCAL_MAX);
	expect(address->text[address->local_size] == '@');
	expect(size - address->local_size - 1 <= ADDRESS_DOMAIN_MAX);
	for (i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)address->text[i];

		expect(byte >= 0x20 && byte != 0x7f);
		expect(byte < 'A' || byte > 'Z');
		expect(i <= address->local_size || byte < 0x80);
	}
	expect(address_parse(address->text, &again, &error) == 0);
	expect(strcmp(address->text, again.text) == 0);
	expect(address->local_size == again.local_size);
	expect(address_domain_parse(address_domain(address), domain, &error) ==
		0);
	expect(strcmp(domain, address_domain(address)) == 0);
}

/* Angle brackets make every address take the slow way. */
static void check_slow(const char *text, const struct address *address)
{
	struct address slow;
	char *bracketed = malloc(strlen(text) + 3);

	snprintf(bracketed, strlen(text) + 3, "<%s>", text);
	/* two bytes more may be too long */
	if (text[0] != '<' && address_parse(bracketed, &slow, NULL) == 0)
		expect(strcmp(slow.text, address->text) == 0);
	else
		expect(text[0] == '<' || strlen(text) > 1000);
	free(bracketed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct address address, base;

	memcpy(text, data, size);
	text[size] = '\0';
	if (address_parse(text, &address, NULL) == 0) {
		check_canonical(&address);
		check_slow(text, &address);
		if (address_base(&address, "+-", &base)) {
			check_canonical(&base);
			expect(base.local_size <= address.local_size + 1);
		}
	}
	if (address_parse_unquoted(text, &address, NULL) == 0)
		check_canonical(&address);
	free(text);
	return 0;
}
