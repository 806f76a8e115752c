/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening and connecting at the places that a configuration names. The care
 * here goes to UNIX sockets: what a crash left behind is replaced, what another
 * process serves never is.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/endpoint.h"
#include "lib/instant.h"

#define UNIX_PREFIX   "unix:"
#define INET_PREFIX   "inet:"
#define HOST_SIZE     256 /* a domain name has at most 253 octets */
#define PORT_SIZE     6
#define LOCK_WAIT_MS  5000
#define LOCK_PAUSE_MS 20

struct endpoint {
	bool is_unix;
	struct sockaddr_un path; /* UNIX */
	char host[HOST_SIZE];	 /* inet */
	char port[PORT_SIZE];
};

static int endpoint_parse_unix(
	const char *path, struct endpoint *endpoint_r, struct error *error)
{
	size_t length = strlen(path);

	if (path[0] != '/' || path[length - 1] == '/') {
		error_set(error, "the path of a socket must be absolute");
		return -1;
	}
	if (length >= sizeof(endpoint_r->path.sun_path)) {
		error_set(error,
			"the path of a socket has at most %zu characters, this "
			"one has %zu",
			sizeof(endpoint_r->path.sun_path) - 1, length);
		return -1;
	}
	endpoint_r->is_unix = true;
	endpoint_r->path.sun_family = AF_UNIX;
	memcpy(endpoint_r->path.sun_path, path, length + 1);
	return 0;
}

static int endpoint_parse_port(
	const char *text, struct endpoint *endpoint_r, struct error *error)
{
	size_t length = strlen(text);
	unsigned port = 0;

	for (size_t i = 0; i < length && i < PORT_SIZE; i++)
		port = text[i] >= '0' && text[i] <= '9'
			       ? 10 * port + (unsigned)(text[i] - '0')
			       : 65536 * 10;
	if (length == 0 || length >= PORT_SIZE || port == 0 || port > 65535) {
		error_set(error, "a port is a number from 1 to 65535");
		return -1;
	}
	memcpy(endpoint_r->port, text, length + 1);
	return 0;
}

static int endpoint_parse_inet(
	const char *text, struct endpoint *endpoint_r, struct error *error)
{
	bool bracketed = text[0] == '[';
	const char *host = text + bracketed;
	const char *end = bracketed ? strstr(host, "]:") : strchr(host, ':');
	size_t length;

	if (end == NULL || end == host ||
		(size_t)(end - host) >= sizeof(endpoint_r->host)) {
		error_set(error, "HOST:PORT or [IPV6]:PORT is expected");
		return -1;
	}
	length = (size_t)(end - host);
	memcpy(endpoint_r->host, host, length);
	endpoint_r->host[length] = '\0';
	if (strspn(endpoint_r->host,
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789.-_:%") != length) {
		error_set(error, "bad host name \"%s\"", endpoint_r->host);
		return -1;
	}
	return endpoint_parse_port(
		end + (bracketed ? 2 : 1), endpoint_r, error);
}

static int endpoint_parse(
	const char *text, struct endpoint *endpoint_r, struct error *error)
{
	int result = -1;

	memset(endpoint_r, 0, sizeof(*endpoint_r));
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		result = endpoint_parse_unix(
			text + strlen(UNIX_PREFIX), endpoint_r, error);
	else if (strncmp(text, INET_PREFIX, strlen(INET_PREFIX)) == 0)
		result = endpoint_parse_inet(
			text + strlen(INET_PREFIX), endpoint_r, error);
	else
		error_set(error,
			"\"unix:/PATH\" or \"inet:HOST:PORT\" is expected");
	if (result < 0)
		error_prefix(error, "endpoint \"%s\"", text);
	return result;
}

int endpoint_check(const char *endpoint, struct error *error)
{
	struct endpoint parsed;

	return endpoint_parse(endpoint, &parsed, error);
}

/* The addresses of the host; freeaddrinfo the list. Returns 0 or -1. */
static int endpoint_resolve(const struct endpoint *endpoint, int flags,
	struct addrinfo **list_r, struct error *error)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags | AI_NUMERICSERV,
	};
	int result =
		getaddrinfo(endpoint->host, endpoint->port, &hints, list_r);

	if (result == 0)
		return 0;
	error_set(error, "host %s: %s", endpoint->host,
		result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
	return -1;
}

/* Closes the socket and keeps errno; returns -1. */
static int endpoint_close(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

/* ---- listening ---- */

/*
 * Holds off every other program of ours that would replace a socket in this
 * directory: between one's look whether a socket is stale and its unlink, the
 * other could have put a live one there. Returns the lock's descriptor.
 */
static int endpoint_lock(const char *path, struct error *error)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	int64_t deadline = instant_monotonic() + LOCK_WAIT_MS;
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int fd;

	snprintf(directory, sizeof(directory), "%.*s",
		(int)(strrchr(path, '/') - path + 1), path);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		error_set(
			error, "directory %s: %s", directory, strerror(errno));
		return -1;
	}
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EINTR && (errno != EWOULDBLOCK ||
					      instant_monotonic() > deadline)) {
			error_set(error, "lock directory %s: %s", directory,
				strerror(errno));
			close(fd);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

/* 1: nobody listens there, 0: somebody does, -1: it cannot be told. */
static int endpoint_is_stale(
	const struct sockaddr_un *address, struct error *error)
{
	struct stat status;
	int result;
	int fd;

	if (lstat(address->sun_path, &status) < 0) {
		error_set(error, "look at it: %s", strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(status.st_mode)) {
		error_set(error, "something that is no socket stands there");
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		error_set(error, "socket: %s", strerror(errno));
		return -1;
	}
	result =
		connect(fd, (const struct sockaddr *)address, sizeof(*address));
	if (result < 0 && errno == ECONNREFUSED) {
		result = 1;
	} else if (result < 0 && errno != EAGAIN && errno != EPROTOTYPE) {
		error_set(error, "ask who listens: %s", strerror(errno));
	} else {
		error_set(error, "another process listens there");
		result = 0;
	}
	close(fd);
	return result;
}

/* Binds at the path, in the place of a stale socket. Under the lock. */
static int endpoint_bind_unix(
	int fd, const struct sockaddr_un *address, struct error *error)
{
	const struct sockaddr *generic = (const struct sockaddr *)address;

	if (bind(fd, generic, sizeof(*address)) == 0)
		return 0;
	if (errno == EADDRINUSE) {
		if (endpoint_is_stale(address, error) != 1)
			return -1;
		if (unlink(address->sun_path) == 0 &&
			bind(fd, generic, sizeof(*address)) == 0)
			return 0;
	}
	error_set(error, "bind: %s", strerror(errno));
	return -1;
}

static int endpoint_open_unix(int fd, const struct sockaddr_un *address,
	mode_t mode, gid_t group, struct error *error)
{
	const char *what = NULL;

	/* The file takes its first mode from the descriptor: nobody gets in
	 * before it has its group. */
	if (fchmod(fd, 0) < 0) {
		error_set(error, "fchmod: %s", strerror(errno));
		return -1;
	}
	if (endpoint_bind_unix(fd, address, error) < 0)
		return -1;
	if (listen(fd, SOMAXCONN) < 0)
		what = "listen";
	else if (group != (gid_t)-1 &&
		 lchown(address->sun_path, (uid_t)-1, group) < 0)
		what = "change its group";
	else if (chmod(address->sun_path, mode) < 0)
		what = "change its mode";
	if (what == NULL)
		return 0;
	error_set(error, "%s: %s", what, strerror(errno));
	unlink(address->sun_path);
	return -1;
}

static int endpoint_listen_unix(const struct endpoint *endpoint, mode_t mode,
	gid_t group, struct error *error)
{
	int lock = endpoint_lock(endpoint->path.sun_path, error);
	int fd;

	if (lock < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		error_set(error, "socket: %s", strerror(errno));
	else if (endpoint_open_unix(fd, &endpoint->path, mode, group, error) <
		 0)
		fd = endpoint_close(fd);
	close(lock);
	return fd;
}

/* Returns the listening socket, or -1 with errno. */
static int endpoint_listen_at(const struct addrinfo *address)
{
	int on = 1;
	int off = 0;
	int fd = socket(address->ai_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		/* Accepted sockets inherit it. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return endpoint_close(fd);
	/* "[::]" takes IPv4 too, however the host is configured. */
	if (address->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) <
			0)
		return endpoint_close(fd);
	if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 ||
		listen(fd, SOMAXCONN) < 0)
		return endpoint_close(fd);
	return fd;
}

static int endpoint_listen_inet(
	const struct endpoint *endpoint, struct error *error)
{
	struct addrinfo *list;
	int fd = -1;

	if (endpoint_resolve(endpoint, AI_PASSIVE, &list, error) < 0)
		return -1;
	for (struct addrinfo *each = list; each != NULL && fd < 0;
		each = each->ai_next)
		fd = endpoint_listen_at(each);
	if (fd < 0)
		error_set(error, "%s", strerror(errno));
	freeaddrinfo(list);
	return fd;
}

int endpoint_listen(
	const char *endpoint, mode_t mode, gid_t group, struct error *error)
{
	struct endpoint parsed;
	int fd;

	if (endpoint_parse(endpoint, &parsed, error) < 0)
		return -1;
	if (parsed.is_unix)
		fd = endpoint_listen_unix(&parsed, mode, group, error);
	else
		fd = endpoint_listen_inet(&parsed, error);
	if (fd < 0)
		error_prefix(error, "listen at %s", endpoint);
	return fd;
}

/* ---- connecting ---- */

static int endpoint_set_timeout(int fd, int64_t timeout_ms)
{
	struct timeval wait = { 0, 0 };

	if (timeout_ms > 0) {
		wait.tv_sec = timeout_ms / 1000;
		wait.tv_usec = timeout_ms % 1000 * 1000;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

/*
 * Connects within the time that is left. On Linux SO_SNDTIMEO bounds
 * connect(2) too, and a connect(2) that a signal interrupted goes on by calling
 * it again.
 */
static int endpoint_finish(int fd, const struct sockaddr *address,
	socklen_t size, int64_t deadline)
{
	int64_t left = 0;

	do {
		if (deadline != INSTANT_NEVER) {
			left = deadline - instant_monotonic();
			if (left <= 0) {
				errno = ETIMEDOUT;
				return -1;
			}
		}
		if (endpoint_set_timeout(fd, left) < 0)
			return -1;
		if (connect(fd, address, size) == 0)
			return 0;
	} while (errno == EINTR);
	if (errno == EINPROGRESS || errno == EALREADY || errno == EAGAIN)
		errno = ETIMEDOUT;
	return -1;
}

/* Returns the connected socket, or -1 with errno. */
static int endpoint_connect_at(int family, const struct sockaddr *address,
	socklen_t size, int timeout_ms, int64_t deadline)
{
	int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (endpoint_finish(fd, address, size, deadline) < 0 ||
		endpoint_set_timeout(fd, timeout_ms) < 0)
		return endpoint_close(fd);
	if (family != AF_UNIX &&
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return endpoint_close(fd);
	return fd;
}

static int endpoint_connect_inet(const struct endpoint *endpoint,
	int timeout_ms, int64_t deadline, struct error *error)
{
	struct addrinfo *list;
	int fd = -1;

	if (endpoint_resolve(endpoint, 0, &list, error) < 0)
		return -1;
	for (struct addrinfo *each = list; each != NULL && fd < 0;
		each = each->ai_next)
		fd = endpoint_connect_at(each->ai_family, each->ai_addr,
			each->ai_addrlen, timeout_ms, deadline);
	if (fd < 0)
		error_set(error, "%s", strerror(errno));
	freeaddrinfo(list);
	return fd;
}

int endpoint_connect(const char *endpoint, int timeout_ms, struct error *error)
{
	int64_t deadline = timeout_ms > 0 ? instant_monotonic() + timeout_ms
					  : INSTANT_NEVER;
	struct endpoint parsed;
	int fd;

	if (endpoint_parse(endpoint, &parsed, error) < 0)
		return -1;
	if (parsed.is_unix) {
		fd = endpoint_connect_at(AF_UNIX,
			(const struct sockaddr *)&parsed.path,
			sizeof(parsed.path), timeout_ms, deadline);
		if (fd < 0)
			error_set(error, "%s", strerror(errno));
	} else {
		fd = endpoint_connect_inet(
			&parsed, timeout_ms, deadline, error);
	}
	if (fd < 0)
		error_prefix(error, "connect to %s", endpoint);
	return fd;
}
