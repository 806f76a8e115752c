/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header by which a balancer tells whose connection it hands on (the PROXY
 * protocol, versions 1 and 2, haproxy's doc/proxy-protocol.txt). Pure.
 */
#ifndef REHOME_GATEWAY_PROXY_HEADER_H
#define REHOME_GATEWAY_PROXY_HEADER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* Longest header that is taken: what follows the addresses of version 2 is
 * passed over. */
#define PROXY_HEADER_MAX 4096
/* Longest one that is made. */
#define PROXY_HEADER_MADE 108

struct proxy_header {
	/* False: of the balancer itself (a health check), or of a client whose
	 * address is unknown. Then the rest says nothing. */
	bool known;
	char client[INET6_ADDRSTRLEN]; /* an IPv4 address is written as such */
	unsigned client_port;
	char server[INET6_ADDRSTRLEN];
	unsigned server_port;
};

/*
 * Reads the beginning of a connection. 1: a header of *size_r octets, 0: there
 * must be more, -1: it is none.
 */
int proxy_header_parse(const void *data, size_t size,
	struct proxy_header *header_r, size_t *size_r);

/* Writes it in that version, 1 or 2. Addresses that are none are "unknown". The
 * octets; no NUL follows. */
size_t proxy_header_make(const struct proxy_header *header, int version,
	char header_r[PROXY_HEADER_MADE]);

#endif
