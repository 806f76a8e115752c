/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, and sockets that connect by themselves. */
#include "config.h"

#include "gateway/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/xalloc.h"

int dial_path(
	const char *path, struct dial_target *target_r, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t size = strlen(path);

	memset(target_r, 0, sizeof(*target_r));
	if (size >= sizeof(address.sun_path)) {
		error_set(error, "socket %s: path too long", path);
		return -1;
	}
	memcpy(address.sun_path, path, size + 1);
	memcpy(&target_r->addresses[0].address, &address, sizeof(address));
	target_r->addresses[0].size = sizeof(address);
	target_r->count = 1;
	return 0;
}

int dial_host(const char *host, const char *port, struct dial_target *target_r,
	struct error *error)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG,
	};
	struct addrinfo *found = NULL;
	int result;

	memset(target_r, 0, sizeof(*target_r));
	result = getaddrinfo(host, port, &hints, &found);
	if (result != 0) {
		error_set(error, "host %s: %s", host,
			result == EAI_SYSTEM ? strerror(errno)
					     : gai_strerror(result));
		return -1;
	}
	for (const struct addrinfo *at = found;
		at != NULL && target_r->count < DIAL_ADDRESSES_MAX;
		at = at->ai_next) {
		struct dial_address *address =
			&target_r->addresses[target_r->count];

		if (at->ai_addrlen > sizeof(address->address))
			continue;
		memcpy(&address->address, at->ai_addr, at->ai_addrlen);
		address->size = at->ai_addrlen;
		target_r->count++;
	}
	freeaddrinfo(found);
	return 0;
}

int dial_endpoint(
	const char *endpoint, struct dial_target *target_r, struct error *error)
{
	const char *host = strchr(endpoint, ':') + 1, *port;
	char *name;
	int result;

	if (strncmp(endpoint, "unix:", 5) == 0)
		return dial_path(host, target_r, error);
	port = strrchr(host, ':');
	name = host[0] == '[' ? xstrndup(host + 1, (size_t)(port - host) - 2)
			      : xstrndup(host, (size_t)(port - host));
	result = dial_host(name, port + 1, target_r, error);
	free(name);
	return result;
}

bool dial_equal(
	const struct dial_target *target, const struct dial_target *other)
{
	if (target->count != other->count)
		return false;
	for (size_t i = 0; i < target->count; i++)
		if (target->addresses[i].size != other->addresses[i].size ||
			memcmp(&target->addresses[i].address,
				&other->addresses[i].address,
				target->addresses[i].size) != 0)
			return false;
	return true;
}

int dial_begin(const struct dial_address *address)
{
	const int on = 1;
	int cause;
	int fd = socket(address->address.ss_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* So that a peer that has vanished is found out in the end. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&address->address,
		    address->size) == 0 ||
		errno == EINPROGRESS)
		return fd;
	cause = errno;
	close(fd);
	errno = cause;
	return -1;
}

int dial_result(int socket)
{
	int cause = 0;
	socklen_t size = sizeof(cause);

	if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &cause, &size) < 0)
		return errno;
	return cause;
}
