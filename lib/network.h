/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Networks as Postfix writes them in mynetworks: "127.0.0.0/8", "[::1]/128",
 * or one bare address. They tell our own clients from the outside, in policyd
 * and in the milter by the same rule.
 */
#ifndef REHOME_NETWORK_H
#define REHOME_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/error.h"

struct network {
	int family; /* AF_INET or AF_INET6 */
	unsigned int bits;
	unsigned char bytes[16]; /* network byte order; behind bits all zero */
};

/*
 * Reads one network; IPv6 with or without brackets. Returns 0, or -1 with an
 * error: no address, a prefix too long, or bits set behind the prefix (a typing
 * error more often than not). An IPv4-mapped IPv6 network of 96 bits or more
 * becomes the IPv4 network (RFC 4291 section 2.5.5.2).
 */
int network_parse(
	const char *text, struct network *network_r, struct error *error);

/* A set of networks; not changed after it was made: any thread. */
struct network_list;

/* Reads count networks. Returns NULL with an error that names the bad one. */
struct network_list *network_list_new(
	char *const *texts, size_t count, struct error *error);
void network_list_free(struct network_list **list);

/*
 * Whether an address is in one of the networks. As text it is what mail servers
 * give: "192.0.2.1", "2001:db8::1", also in brackets, with the tag "IPv6:" of
 * RFC 5321 section 4.1.3 or with a zone ("fe80::1%eth0"). What is no IP address
 * (NULL, another family, "unknown") is in none.
 */
bool network_list_has(
	const struct network_list *list, const struct sockaddr *address);
bool network_list_has_text(
	const struct network_list *list, const char *address);

#endif
