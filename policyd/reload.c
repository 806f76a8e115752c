/* SPDX-License-Identifier: BSD-2-Clause */
/* The reload of the mail server, by command or by a service's socket. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/endpoint.h"
#include "lib/instant.h"
#include "policyd/command.h"
#include "policyd/reload.h"

#define RELOAD_ANSWER_SIZE 1024
#define RELOAD_BLANKS	   " \t\r\n"

/*
 * Reads until the end of file; what does not fit is dropped. The limit is for
 * all of it, however slowly the bytes come.
 */
static int reload_read(int connection, int timeout_ms,
	char answer_r[RELOAD_ANSWER_SIZE], struct error *error)
{
	int64_t deadline = instant_monotonic() + timeout_ms;
	size_t size = 0;
	char rest[256];

	for (;;) {
		struct pollfd polled = { connection, POLLIN, 0 };
		int64_t left = deadline - instant_monotonic();
		bool full = size == RELOAD_ANSWER_SIZE - 1;
		ssize_t got;

		if (left <= 0 || poll(&polled, 1, (int)left) == 0) {
			error_set(error, "no answer within %d ms", timeout_ms);
			return -1;
		}
		got = read(connection, full ? rest : answer_r + size,
			full ? sizeof(rest) : RELOAD_ANSWER_SIZE - 1 - size);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0) {
			error_set(error, "read: %s", strerror(errno));
			return -1;
		}
		if (got == 0)
			break;
		if (!full)
			size += (size_t)got;
	}
	answer_r[size] = '\0';
	return 0;
}

static int reload_judge(const char *answer, struct error *error)
{
	const char *word = answer + strspn(answer, RELOAD_BLANKS);
	size_t size = strcspn(word, RELOAD_BLANKS);

	if (size == 2 && memcmp(word, "ok", 2) == 0)
		return 0;
	if (size == 0)
		error_set(error, "closed without an answer");
	else
		error_set(error, "answered: %.*s", (int)strcspn(word, "\r\n"),
			word);
	return -1;
}

static int reload_by_service(
	const char *endpoint, int timeout_ms, struct error *error)
{
	char answer[RELOAD_ANSWER_SIZE];
	int connection = endpoint_connect(endpoint, timeout_ms, error);
	int result;

	if (connection < 0)
		return -1;
	/* Nothing will be asked: a service that reads gets its end. */
	shutdown(connection, SHUT_WR);
	result = reload_read(connection, timeout_ms, answer, error);
	close(connection);
	if (result == 0)
		result = reload_judge(answer, error);
	if (result < 0)
		error_prefix(error, "%s", endpoint);
	return result;
}

int reload_run(const char *target, int timeout_ms, struct error *error)
{
	int result =
		strncmp(target, "unix:", 5) == 0
			? reload_by_service(target, timeout_ms, error)
			: command_run(target, NULL, timeout_ms, 0, NULL, error);

	if (result < 0)
		error_prefix(error, "reload");
	return result;
}
