/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One IMAP session: set up with libetpan (greeting, capabilities, STARTTLS),
 * then logged in and spoken to by our own code, which pipelines, streams and
 * has hard limits. Commands are written without waiting; answers are read by
 * imap_session_wait. Write errors are kept and told by the next wait.
 */
#ifndef REHOME_COPIER_IMAP_SESSION_H
#define REHOME_COPIER_IMAP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"
#include "copier/imap_parse.h"

/* Capabilities that the copier makes use of. */
enum imap_capability {
	IMAP_CAP_SASL_IR = 1 << 0,
	IMAP_CAP_LITERAL_PLUS = 1 << 3,
	IMAP_CAP_LITERAL_MINUS = 1 << 4, /* non-synchronising up to 4096 */
	IMAP_CAP_UIDPLUS = 1 << 5,
	IMAP_CAP_CONDSTORE = 1 << 6,
	IMAP_CAP_LIST_STATUS = 1 << 7,
	IMAP_CAP_NAMESPACE = 1 << 8,
	IMAP_CAP_UNSELECT = 1 << 9,
	IMAP_CAP_MULTIAPPEND = 1 << 10,
	IMAP_CAP_QRESYNC = 1 << 11,
	IMAP_CAP_ENABLE = 1 << 12,
	IMAP_CAP_SPECIAL_USE = 1 << 20,
	IMAP_CAP_CREATE_SPECIAL_USE = 1 << 21,
	IMAP_CAP_ACL = 1 << 22,
	IMAP_CAP_ACL_RIGHTS = 1 << 23, /* RFC 4314, not only RFC 2086 */
	IMAP_CAP_QUOTA = 1 << 24,
	IMAP_CAP_METADATA = 1 << 25,
	IMAP_CAP_STATUS_SIZE = 1 << 26,
	IMAP_CAP_UTF8_ONLY = 1 << 27,
};

/*
 * Who is told what comes in; each may be NULL. They return 0, or -1 to end the
 * session, with a reason in the error. Bodies: body with what stands before it
 * in its FETCH, then pieces, then data for the whole response.
 */
struct imap_handler {
	int (*data)(void *context, const struct imap_response *response,
		struct error *error);
	int (*body)(void *context, const struct imap_response *before,
		uint64_t size, struct error *error);
	int (*piece)(void *context, const char *data, size_t size,
		struct error *error);
	/* A continuation request, with its text. */
	int (*go_on)(void *context, struct imap_span text, struct error *error);
	/* A tagged response that nobody waits for just now. */
	int (*tagged)(void *context, unsigned tag,
		const struct imap_response *response, struct error *error);
};

struct imap_session;

/*
 * Connects and logs in. NULL with an error and *failure_r.
 */
struct imap_session *imap_session_open(const struct mailbox_target *target,
	enum mailbox_failure *failure_r, struct error *error);
/* Says LOGOUT without waiting for an answer, and closes. */
void imap_session_free(struct imap_session **session);

bool imap_session_can(
	const struct imap_session *session, enum imap_capability capability);
/* Octets that one APPEND may have (RFC 7889), or 0: the server does not say. */
uint64_t imap_session_append_limit(const struct imap_session *session);
/* Spends messages of the system's limit, and waits for it; bytes are spent as
 * they are read and written. */
void imap_session_spend(struct imap_session *session, unsigned messages);
/* True once the connection is lost or the server has broken the protocol. */
bool imap_session_broken(const struct imap_session *session);

/* Sets the handler of all that comes from now on; NULL for none. */
void imap_session_handle(struct imap_session *session,
	const struct imap_handler *handler, void *context);

/* Begins a command; the text behind the tag is as in printf. Returns the tag.
 */
unsigned imap_command(struct imap_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void imap_command_add(struct imap_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds a folder's name, quoted or as a literal as need be. */
void imap_command_name(struct imap_session *session, const char *name);
void imap_command_bytes(
	struct imap_session *session, const char *data, size_t size);
/* Ends the command's line. */
void imap_command_end(struct imap_session *session);
/* Sends what is buffered, without waiting for an answer. 0 or -1. */
int imap_session_send(struct imap_session *session, struct error *error);

/*
 * Announces a literal. 1: its octets can be written; 0: the server refused the
 * command (words in the error), which is over; -1 broken.
 */
int imap_command_literal(
	struct imap_session *session, uint64_t size, struct error *error);

/*
 * Sends what is buffered and reads until the command of that tag is answered.
 * 1 OK, 0 NO or BAD with the server's words, -1 broken.
 */
int imap_session_wait(
	struct imap_session *session, unsigned tag, struct error *error);
/* Sends what is buffered and reads one response, whatever it is. 0 or -1. */
int imap_session_step(struct imap_session *session, struct error *error);

/* The words of a NO or BAD, for people: "[CODE] text". */
void imap_session_words(
	const struct imap_response *response, struct error *error);

#endif
