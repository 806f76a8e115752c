/* SPDX-License-Identifier: BSD-2-Clause */
/* Speaking to a doveadm server: connection, log-in, commands, answers. */
#include "config.h"

#include "copier/doveadm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "copier/cutoff.h"
#include "copier/doveadm_wire.h"

#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* What the server gives as its user; there is no other. */
#define DOVEADM_USER "doveadm"

struct doveadm {
	int socket;
	char *endpoint; /* for messages */
	int timeout_ms;
	struct doveadm_wire wire;
	char data[16384]; /* read and not yet taken */
	size_t size, taken;
};

static int doveadm_write(struct doveadm *doveadm, const char *data, size_t size,
	struct error *error)
{
	while (size > 0) {
		ssize_t put = send(doveadm->socket, data, size, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			error_set(error, "write: %s",
				cutoff_is_done()  ? "cut off"
				: errno == EAGAIN ? "timed out"
						  : strerror(errno));
			return -1;
		}
		data += put;
		size -= (size_t)put;
	}
	return 0;
}

static int doveadm_read(struct doveadm *doveadm, struct error *error)
{
	ssize_t got;

	do
		got = recv(doveadm->socket, doveadm->data,
			sizeof(doveadm->data), 0);
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		error_set(error, "read: %s",
			cutoff_is_done()  ? "cut off"
			: got == 0	  ? "closed by the server"
			: errno == EAGAIN ? "timed out"
					  : strerror(errno));
		return -1;
	}
	doveadm->size = (size_t)got;
	doveadm->taken = 0;
	return 0;
}

/* The next line of the handshake, or answer. What the server logs meanwhile is
 * no reason to wait longer. 0 or -1. */
static int doveadm_next(struct doveadm *doveadm, struct doveadm_event *event_r,
	struct error *error)
{
	int64_t ends = instant_monotonic() + doveadm->timeout_ms;

	for (;;) {
		size_t used;
		int result = doveadm_wire_feed(&doveadm->wire,
			doveadm->data + doveadm->taken,
			doveadm->size - doveadm->taken, &used, event_r, error);

		doveadm->taken += used;
		if (result != 0)
			return result < 0 ? -1 : 0;
		if (instant_monotonic() > ends) {
			error_set(error, "read: timed out");
			return -1;
		}
		if (doveadm_read(doveadm, error) < 0)
			return -1;
	}
}

/* PLAIN (RFC 4616) without an authorization identity. */
static int doveadm_authenticate(
	struct doveadm *doveadm, const char *password, struct error *error)
{
	size_t length = strlen(password);
	size_t size = sizeof(DOVEADM_USER) + 1 + length;
	unsigned char *plain = xcalloc(1, size);
	char *line = xcalloc(1, sizeof("PLAIN\t\n") + size / 3 * 4 + 4);
	size_t at = sizeof("PLAIN\t") - 1;
	int result;

	memcpy(plain + 1, DOVEADM_USER, sizeof(DOVEADM_USER));
	memcpy(plain + 1 + sizeof(DOVEADM_USER), password, length);
	memcpy(line, "PLAIN\t", at);
	at += (size_t)EVP_EncodeBlock(
		(unsigned char *)line + at, plain, (int)size);
	line[at++] = '\n';
	result = doveadm_write(doveadm, line, at, error);
	OPENSSL_cleanse(plain, size);
	OPENSSL_cleanse(line, at);
	free(plain);
	free(line);
	return result;
}

/*
 * We speak first. A server of 1.1 or later tells its version and will send
 * packets; then all say whether a password is wanted.
 */
static int doveadm_greet(struct doveadm *doveadm, const char *password,
	enum mailbox_failure *failure_r, struct error *error)
{
	static const char hello[] = "VERSION\tdoveadm-server\t1\t2\n";
	static const char version[] = "VERSION\tdoveadm-client\t1\t";
	struct doveadm_event event;
	bool packets;

	if (doveadm_write(doveadm, hello, sizeof(hello) - 1, error) < 0 ||
		doveadm_next(doveadm, &event, error) < 0)
		return -1;
	packets = strncmp(event.line, version, sizeof(version) - 1) == 0;
	if (packets && doveadm_next(doveadm, &event, error) < 0)
		return -1;
	if (strcmp(event.line, "-") == 0) {
		if (password == NULL) {
			*failure_r = MAILBOX_DENIED;
			error_set(error, "the server asks for a password");
			return -1;
		}
		if (doveadm_authenticate(doveadm, password, error) < 0 ||
			doveadm_next(doveadm, &event, error) < 0)
			return -1;
		if (strcmp(event.line, "-") == 0) {
			*failure_r = MAILBOX_DENIED;
			error_set(error, "the server refuses the password");
			return -1;
		}
	}
	if (strcmp(event.line, "+") != 0) {
		error_set(error, "this is no doveadm server: %s", event.line);
		return -1;
	}
	doveadm_wire_begin(&doveadm->wire, packets);
	return 0;
}

struct doveadm *doveadm_open(const struct doveadm_target *target,
	enum mailbox_failure *failure_r, struct error *error)
{
	struct doveadm *doveadm = xcalloc(1, sizeof(*doveadm));

	*failure_r = MAILBOX_LATER;
	doveadm->endpoint = xstrdup(target->endpoint);
	doveadm->timeout_ms = target->timeout_ms;
	doveadm->socket =
		endpoint_connect(target->endpoint, target->timeout_ms, error);
	if (doveadm->socket >= 0)
		cutoff_add(doveadm->socket);
	if (doveadm->socket < 0) {
		error_prefix(error, "doveadm");
		doveadm_close(&doveadm);
	} else if (doveadm_greet(doveadm, target->password, failure_r, error) <
		   0) {
		error_prefix(error, "doveadm %s", target->endpoint);
		doveadm_close(&doveadm);
	}
	return doveadm;
}

void doveadm_close(struct doveadm **doveadm)
{
	if (*doveadm == NULL)
		return;
	if ((*doveadm)->socket >= 0) {
		cutoff_drop((*doveadm)->socket);
		close((*doveadm)->socket);
	}
	doveadm_wire_clear(&(*doveadm)->wire);
	free((*doveadm)->endpoint);
	free(*doveadm);
	*doveadm = NULL;
}

int doveadm_send(struct doveadm *doveadm, const char *user,
	const char *const *command, struct error *error)
{
	struct buffer line = BUFFER_EMPTY;
	int result;

	/* the flags come first: none */
	buffer_add(&line, "\t", 1);
	doveadm_wire_escape(&line, user);
	for (; *command != NULL; command++) {
		buffer_add(&line, "\t", 1);
		doveadm_wire_escape(&line, *command);
	}
	buffer_add(&line, "\n", 1);
	result = doveadm_write(doveadm, line.data, line.size, error);
	buffer_free(&line);
	if (result < 0)
		error_prefix(error, "doveadm %s", doveadm->endpoint);
	return result < 0 ? -1 : 1;
}

int doveadm_answer(struct doveadm *doveadm, struct error *error)
{
	struct doveadm_event event;

	if (doveadm_next(doveadm, &event, error) < 0) {
		error_prefix(error, "doveadm %s", doveadm->endpoint);
		return -1;
	}
	if (event.ok)
		return 1;
	error_set(error, "%s",
		event.words[0] != '\0'	? event.words
		: event.code[0] != '\0' ? event.code
					: "refused");
	return 0;
}

int doveadm_call(struct doveadm *doveadm, const char *user,
	const char *const *command, struct error *error)
{
	if (doveadm_send(doveadm, user, command, error) < 0)
		return -1;
	return doveadm_answer(doveadm, error);
}
