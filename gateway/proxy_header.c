/* SPDX-License-Identifier: BSD-2-Clause */
/* The PROXY protocol: a line of text, or its form in octets. */
#include "config.h"

#include "gateway/proxy_header.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PROXY_LINE_MAX	     107 /* with CR LF; section 2.1 */
#define PROXY_SIGNATURE	     "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_SIGNATURE_SIZE 12
#define PROXY_FIXED	     16 /* signature, command, family, length */

/* ---- addresses ---- */

/* As text; what IPv6 stands for an IPv4 address is that address. */
static void proxy_print(int family, const void *address, char *text_r)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (family == AF_INET6 &&
		memcmp(address, mapped, sizeof(mapped)) == 0) {
		family = AF_INET;
		address = (const char *)address + sizeof(mapped);
	}
	/* It cannot fail with these families and this room. */
	(void)inet_ntop(family, address, text_r, INET6_ADDRSTRLEN);
}

static unsigned proxy_port(const unsigned char *octets)
{
	return (unsigned)octets[0] << 8 | octets[1];
}

/* ---- version 1 ---- */

/* The next word of the line, up to one blank or the end. False: there is none.
 */
static bool proxy_word(
	const char **at, const char *end, char *word_r, size_t room)
{
	const char *blank = memchr(*at, ' ', (size_t)(end - *at));
	size_t size = (size_t)((blank != NULL ? blank : end) - *at);

	if (size == 0 || size >= room)
		return false;
	memcpy(word_r, *at, size);
	word_r[size] = '\0';
	*at += size + (blank != NULL);
	return strlen(word_r) == size;
}

static bool proxy_line_address(
	const char **at, const char *end, int family, char *text_r)
{
	unsigned char address[sizeof(struct in6_addr)];
	char word[INET6_ADDRSTRLEN];

	if (!proxy_word(at, end, word, sizeof(word)) ||
		inet_pton(family, word, address) != 1)
		return false;
	proxy_print(family, address, text_r);
	return true;
}

static bool proxy_line_port(const char **at, const char *end, unsigned *port_r)
{
	char word[6];

	*port_r = 0;
	if (!proxy_word(at, end, word, sizeof(word)) ||
		(word[0] == '0' && word[1] != '\0'))
		return false;
	for (const char *digit = word; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9')
			return false;
		*port_r = 10 * *port_r + (unsigned)(*digit - '0');
	}
	return *port_r <= 65535;
}

/* What stands between "PROXY " and CR LF. 1 or -1. */
static int proxy_line(
	const char *at, const char *end, struct proxy_header *header_r)
{
	char word[sizeof("UNKNOWN")];
	int family;

	if (!proxy_word(&at, end, word, sizeof(word)))
		return -1;
	if (strcmp(word, "UNKNOWN") == 0)
		return 1; /* whatever follows: section 2.1 */
	if (strcmp(word, "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(word, "TCP6") == 0)
		family = AF_INET6;
	else
		return -1;
	if (!proxy_line_address(&at, end, family, header_r->client) ||
		!proxy_line_address(&at, end, family, header_r->server) ||
		!proxy_line_port(&at, end, &header_r->client_port) ||
		!proxy_line_port(&at, end, &header_r->server_port) ||
		at != end || end[-1] == ' ')
		return -1;
	header_r->known = true;
	return 1;
}

static int proxy_parse_line(const char *data, size_t size,
	struct proxy_header *header_r, size_t *size_r)
{
	static const char begin[] = "PROXY ";
	size_t compared = size < sizeof(begin) - 1 ? size : sizeof(begin) - 1;
	const char *end;

	if (memcmp(data, begin, compared) != 0)
		return -1;
	end = memchr(data, '\n', size < PROXY_LINE_MAX ? size : PROXY_LINE_MAX);
	if (end == NULL)
		return size < PROXY_LINE_MAX ? 0 : -1;
	if (end[-1] != '\r')
		return -1;
	*size_r = (size_t)(end + 1 - data);
	return proxy_line(data + sizeof(begin) - 1, end - 1, header_r);
}

/* ---- version 2 ---- */

static int proxy_octets_addresses(const unsigned char *octets, size_t size,
	int family, struct proxy_header *header_r)
{
	size_t each = family == AF_INET ? sizeof(struct in_addr)
					: sizeof(struct in6_addr);

	if (size < 2 * each + 4)
		return -1;
	proxy_print(family, octets, header_r->client);
	proxy_print(family, octets + each, header_r->server);
	header_r->client_port = proxy_port(octets + 2 * each);
	header_r->server_port = proxy_port(octets + 2 * each + 2);
	header_r->known = true;
	return 1;
}

static int proxy_parse_octets(const unsigned char *data, size_t size,
	struct proxy_header *header_r, size_t *size_r)
{
	size_t compared =
		size < PROXY_SIGNATURE_SIZE ? size : PROXY_SIGNATURE_SIZE;
	size_t length;

	if (memcmp(data, PROXY_SIGNATURE, compared) != 0 ||
		(size > PROXY_SIGNATURE_SIZE &&
			data[PROXY_SIGNATURE_SIZE] >> 4 != 2))
		return -1;
	if (size < PROXY_FIXED)
		return 0;
	length = proxy_port(data + 14);
	if (PROXY_FIXED + length > PROXY_HEADER_MAX)
		return -1;
	if (size < PROXY_FIXED + length)
		return 0;
	*size_r = PROXY_FIXED + length;
	if ((data[12] & 0xf) > 1)
		return -1;
	if ((data[12] & 0xf) == 0)
		return 1; /* LOCAL */
	switch (data[13]) {
	case 0x11:
		return proxy_octets_addresses(
			data + PROXY_FIXED, length, AF_INET, header_r);
	case 0x21:
		return proxy_octets_addresses(
			data + PROXY_FIXED, length, AF_INET6, header_r);
	default: /* a UNIX socket, or unspecified; datagrams are not ours */
		return (data[13] & 0xf) == 2 ? -1 : 1;
	}
}

int proxy_header_parse(const void *data, size_t size,
	struct proxy_header *header_r, size_t *size_r)
{
	const unsigned char *octets = data;

	*header_r = (struct proxy_header){ .known = false };
	*size_r = 0;
	if (size == 0)
		return 0;
	if (octets[0] == 'P')
		return proxy_parse_line(data, size, header_r, size_r);
	return proxy_parse_octets(data, size, header_r, size_r);
}

/* ---- making one ---- */

/* Both addresses in the family that has room for both; false: unknown. */
static bool proxy_read(const char *text, unsigned char address_r[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET6, text, address_r) == 1)
		return true;
	memcpy(address_r, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, address_r + sizeof(mapped)) == 1;
}

static bool proxy_is_v4(const char *text)
{
	return strchr(text, ':') == NULL;
}

static size_t proxy_make_line(const struct proxy_header *header, bool known,
	char header_r[PROXY_HEADER_MADE])
{
	bool v4 = proxy_is_v4(header->client) && proxy_is_v4(header->server);
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];
	unsigned char address[16];

	if (!known)
		return (size_t)snprintf(
			header_r, PROXY_HEADER_MADE, "PROXY UNKNOWN\r\n");
	if (v4)
		return (size_t)snprintf(header_r, PROXY_HEADER_MADE,
			"PROXY TCP4 %s %s %u %u\r\n", header->client,
			header->server, header->client_port,
			header->server_port);
	(void)proxy_read(header->client, address);
	(void)inet_ntop(AF_INET6, address, client, sizeof(client));
	(void)proxy_read(header->server, address);
	(void)inet_ntop(AF_INET6, address, server, sizeof(server));
	return (size_t)snprintf(header_r, PROXY_HEADER_MADE,
		"PROXY TCP6 %s %s %u %u\r\n", client, server,
		header->client_port, header->server_port);
}

static size_t proxy_make_octets(const struct proxy_header *header, bool known,
	char header_r[PROXY_HEADER_MADE])
{
	bool v4 = proxy_is_v4(header->client) && proxy_is_v4(header->server);
	size_t each = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	size_t length = known ? 2 * each + 4 : 0;
	unsigned char address[16];
	unsigned char *octets = (unsigned char *)header_r;

	memcpy(octets, PROXY_SIGNATURE, PROXY_SIGNATURE_SIZE);
	octets[12] = 0x20 | known;
	octets[13] = !known ? 0x00 : v4 ? 0x11 : 0x21;
	octets[14] = 0;
	octets[15] = (unsigned char)length;
	octets += PROXY_FIXED;
	if (!known)
		return PROXY_FIXED;
	(void)proxy_read(header->client, address);
	memcpy(octets, address + sizeof(address) - each, each);
	(void)proxy_read(header->server, address);
	memcpy(octets + each, address + sizeof(address) - each, each);
	octets[2 * each] = (unsigned char)(header->client_port >> 8);
	octets[2 * each + 1] = (unsigned char)header->client_port;
	octets[2 * each + 2] = (unsigned char)(header->server_port >> 8);
	octets[2 * each + 3] = (unsigned char)header->server_port;
	return PROXY_FIXED + length;
}

size_t proxy_header_make(const struct proxy_header *header, int version,
	char header_r[PROXY_HEADER_MADE])
{
	unsigned char address[16];
	bool known = header->known && proxy_read(header->client, address) &&
		     proxy_read(header->server, address);

	return version == 1 ? proxy_make_line(header, known, header_r)
			    : proxy_make_octets(header, known, header_r);
}
