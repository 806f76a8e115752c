/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks: text to prefix, and whether an address lies in one. No name is ever
 * looked up.
 */
#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/network.h"
#include "lib/xalloc.h"

#define NETWORK_MAPPED_BITS 96u

struct network_list {
	size_t count;
	struct network networks[];
};

static unsigned int network_width(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* An IPv4-mapped IPv6 address is the IPv4 address that it stands for. */
static void network_unmap(struct network *network)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (network->family != AF_INET6 || network->bits < NETWORK_MAPPED_BITS)
		return;
	if (memcmp(network->bytes, mapped, sizeof(mapped)) != 0)
		return;
	memmove(network->bytes, network->bytes + 12, 4);
	memset(network->bytes + 4, 0, 12);
	network->family = AF_INET;
	network->bits -= NETWORK_MAPPED_BITS;
}

/* One address, as a network of that address alone. 0 or -1. */
static int network_host(const char *text, struct network *host_r)
{
	size_t size = strlen(text);
	char bare[INET6_ADDRSTRLEN + 1];
	char *zone;

	if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
		text++;
		size -= 2;
	}
	if (size > 5 && strncasecmp(text, "IPv6:", 5) == 0) {
		text += 5;
		size -= 5;
	}
	if (size >= sizeof(bare))
		return -1;
	memcpy(bare, text, size);
	bare[size] = '\0';
	zone = strchr(bare, '%');
	if (zone != NULL && strchr(bare, ':') != NULL)
		*zone = '\0';
	memset(host_r, 0, sizeof(*host_r));
	host_r->family = strchr(bare, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(host_r->family, bare, host_r->bytes) != 1)
		return -1;
	host_r->bits = network_width(host_r->family);
	return 0;
}

/* The number behind the slash. 0 or -1. */
static int network_prefix(
	const char *text, unsigned int most, unsigned int *bits_r)
{
	unsigned int bits = 0;

	if (*text == '\0' || strlen(text) > 3)
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		bits = bits * 10 + (unsigned int)(*text - '0');
	}
	if (bits > most)
		return -1;
	*bits_r = bits;
	return 0;
}

/* The bits of a byte that a prefix of that many bits covers. */
static unsigned char network_mask(unsigned int bits, size_t byte)
{
	if (bits >= 8 * (byte + 1))
		return 0xff;
	if (bits <= 8 * byte)
		return 0;
	return (unsigned char)(0xff << (8 - (bits - 8 * byte)));
}

static bool network_is_clean(const struct network *network)
{
	size_t i;

	for (i = 0; i < sizeof(network->bytes); i++) {
		if ((network->bytes[i] & ~network_mask(network->bits, i)) != 0)
			return false;
	}
	return true;
}

int network_parse(
	const char *text, struct network *network_r, struct error *error)
{
	const char *slash = strrchr(text, '/');
	char *host;
	int result;

	host = slash != NULL ? xstrndup(text, (size_t)(slash - text))
			     : xstrdup(text);
	result = network_host(host, network_r);
	free(host);
	if (result < 0) {
		error_set(error, "network \"%s\": not an IP address", text);
		return -1;
	}
	if (slash != NULL && network_prefix(slash + 1, network_r->bits,
				     &network_r->bits) < 0) {
		error_set(error, "network \"%s\": the prefix is not 0 to %u",
			text, network_r->bits);
		return -1;
	}
	if (!network_is_clean(network_r)) {
		error_set(error,
			"network \"%s\": address bits are set behind the "
			"prefix",
			text);
		return -1;
	}
	network_unmap(network_r);
	return 0;
}

struct network_list *network_list_new(
	char *const *texts, size_t count, struct error *error)
{
	struct network_list *list;
	size_t i;

	list = xmalloc(sizeof(*list) + count * sizeof(list->networks[0]));
	list->count = count;
	for (i = 0; i < count; i++) {
		if (network_parse(texts[i], &list->networks[i], error) < 0) {
			network_list_free(&list);
			return NULL;
		}
	}
	return list;
}

void network_list_free(struct network_list **list)
{
	free(*list);
	*list = NULL;
}

static bool network_covers(
	const struct network *network, const struct network *host)
{
	size_t i;

	if (network->family != host->family)
		return false;
	for (i = 0; i < sizeof(host->bytes); i++) {
		if (((network->bytes[i] ^ host->bytes[i]) &
			    network_mask(network->bits, i)) != 0)
			return false;
	}
	return true;
}

static bool network_list_covers(
	const struct network_list *list, struct network *host)
{
	size_t i;

	network_unmap(host);
	for (i = 0; i < list->count; i++) {
		if (network_covers(&list->networks[i], host))
			return true;
	}
	return false;
}

bool network_list_has(
	const struct network_list *list, const struct sockaddr *address)
{
	struct network host = { 0 };

	if (address == NULL)
		return false;
	host.family = address->sa_family;
	if (host.family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		memcpy(host.bytes, &in->sin_addr, sizeof(in->sin_addr));
	} else if (host.family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		memcpy(host.bytes, &in6->sin6_addr, sizeof(in6->sin6_addr));
	} else {
		return false;
	}
	host.bits = network_width(host.family);
	return network_list_covers(list, &host);
}

bool network_list_has_text(const struct network_list *list, const char *address)
{
	struct network host;

	if (address == NULL || network_host(address, &host) < 0)
		return false;
	return network_list_covers(list, &host);
}
