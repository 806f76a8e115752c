/* SPDX-License-Identifier: BSD-2-Clause */
/* From a fresh connection to a POP3 session that is logged in. */
#include "config.h"

#include "copier/pop3_session_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/xalloc.h"

/* RFC 5034 section 4: an initial response only where the line fits this. */
#define POP3_LOGIN_LINE 255
/* What is written in one line with a password. */
#define POP3_LOGIN_ROOM 3000

static int pop3_login_capability(
	void *context, const char *line, struct error *error)
{
	(void)error;
	pop3_capability_parse(line, context);
	return 0;
}

/*
 * Reads what the server can do now. One that refuses can what it could before;
 * what it has said of expiry and delay holds until it says otherwise.
 */
static int pop3_login_learn(struct pop3_session *session, struct error *error)
{
	static const struct pop3_handler lines = {
		.line = pop3_login_capability
	};
	struct pop3_capabilities before = session->capabilities;
	struct pop3_answer answer;

	pop3_capabilities_clear(&session->capabilities);
	session->capabilities.expire = before.expire;
	session->capabilities.expire_user = before.expire_user;
	session->capabilities.login_delay = before.login_delay;
	pop3_session_command(session, "CAPA");
	if (pop3_session_answer(session, POP3_WIRE_LIST, &lines,
		    &session->capabilities, &answer, error) < 0)
		return -1;
	if (!answer.ok)
		session->capabilities = before;
	return 0;
}

/* A command that must be agreed to. 0, or -1 with the server's words. */
static int pop3_login_must(struct pop3_session *session,
	enum pop3_refusal *refusal_r, const char *what, struct error *error)
{
	struct pop3_answer answer;

	if (pop3_session_answer(
		    session, POP3_WIRE_SHORT, NULL, NULL, &answer, error) < 0) {
		error_prefix(error, "%s", what);
		return -1;
	}
	if (answer.ok)
		return 0;
	*refusal_r = answer.refusal;
	error_set(error, "%s: %s", what, answer.words.text);
	return -1;
}

static int pop3_login_stls(struct pop3_session *session,
	const struct mailbox_target *target, enum pop3_refusal *refusal_r,
	struct error *error)
{
	enum mailbox_failure failure = MAILBOX_LATER;

	if (session->capabilities.known && !session->capabilities.stls) {
		*refusal_r = POP3_REFUSED_UNFIT;
		error_set(error, "STLS: the server does not offer it");
		return -1;
	}
	pop3_session_command(session, "STLS");
	if (pop3_login_must(session, refusal_r, "STLS", error) < 0)
		return -1;
	/* Clear text behind the answer would be read as if it had come by TLS
	 * (RFC 2595 section 4 and what was found since). */
	if (session->in_at != session->in_end) {
		error_set(error, "STLS: bytes came in behind the answer");
		return -1;
	}
	if (imap_stream_encrypt(session->stream, target, &failure, error) < 0) {
		session->broken = true;
		if (failure == MAILBOX_UNFIT)
			*refusal_r = POP3_REFUSED_UNFIT;
		return -1;
	}
	pop3_capabilities_clear(&session->capabilities);
	return pop3_login_learn(session, error);
}

static bool pop3_login_is_word(const char *text)
{
	return text != NULL && text[0] != '\0' && strlen(text) < 1000 &&
	       strpbrk(text, "\r\n") == NULL;
}

/* RFC 4616, in base64; false when it would not fit. */
static bool pop3_login_plain(
	const struct mailbox_target *target, char encoded_r[POP3_LOGIN_ROOM])
{
	const char *authzid = target->authorizer != NULL ? target->login : "";
	const char *authcid =
		target->authorizer != NULL ? target->authorizer : target->login;
	unsigned char message[POP3_LOGIN_ROOM];
	size_t zid = strlen(authzid) + 1, cid = strlen(authcid) + 1;
	size_t size = zid + cid + strlen(target->password);

	if ((size + 2) / 3 * 4 + 1 > POP3_LOGIN_ROOM)
		return false;
	memcpy(message, authzid, zid);
	memcpy(message + zid, authcid, cid);
	memcpy(message + zid + cid, target->password, strlen(target->password));
	EVP_EncodeBlock((unsigned char *)encoded_r, message, (int)size);
	OPENSSL_cleanse(message, sizeof(message));
	return true;
}

static int pop3_login_sasl(struct pop3_session *session,
	const struct mailbox_target *target, struct pop3_answer *answer_r,
	struct error *error)
{
	char encoded[POP3_LOGIN_ROOM];
	int result = 0;

	if (!pop3_login_plain(target, encoded)) {
		error_set(error, "the password is too long");
		return -1;
	}
	if (strlen(encoded) + strlen("AUTH PLAIN \r\n") <= POP3_LOGIN_LINE) {
		pop3_session_command(session, "AUTH PLAIN %s", encoded);
	} else {
		pop3_session_command(session, "AUTH PLAIN");
		result = pop3_session_answer(
			session, POP3_WIRE_SHORT, NULL, NULL, answer_r, error);
		if (result == 0 && answer_r->go_on)
			pop3_session_command(session, "%s", encoded);
		else
			goto out;
	}
	result = pop3_session_answer(
		session, POP3_WIRE_SHORT, NULL, NULL, answer_r, error);
out:
	OPENSSL_cleanse(encoded, sizeof(encoded));
	return result;
}

static int pop3_login_user(struct pop3_session *session,
	const struct mailbox_target *target, struct pop3_answer *answer_r,
	struct error *error)
{
	pop3_session_command(session, "USER %s", target->login);
	if (pop3_session_answer(
		    session, POP3_WIRE_SHORT, NULL, NULL, answer_r, error) < 0)
		return -1;
	if (!answer_r->ok)
		return 0;
	pop3_session_command(session, "PASS %s", target->password);
	return pop3_session_answer(
		session, POP3_WIRE_SHORT, NULL, NULL, answer_r, error);
}

/* The login was refused. Where codes are used for a wrong password, other
 * words without one mean something else (RFC 3206 section 4). */
static enum pop3_refusal pop3_login_judge(
	const struct pop3_session *session, const struct pop3_answer *answer)
{
	if (answer->refusal != POP3_REFUSED)
		return answer->refusal;
	return session->capabilities.auth_codes ? POP3_REFUSED_LATER
						: POP3_REFUSED_DENIED;
}

/* Whether there is a way to log in at all. */
static int pop3_login_judge_target(
	const struct mailbox_target *target, bool sasl, struct error *error)
{
	if (target->password == NULL)
		error_set(error, "POP3 needs a password: tokens are not spoken "
				 "there");
	else if (!pop3_login_is_word(target->login) ||
		 !pop3_login_is_word(target->password))
		error_set(error, "user or password: empty, too long, or with a "
				 "line end in it");
	else if (target->authorizer != NULL && !sasl)
		error_set(error, "the server offers no SASL PLAIN, which a "
				 "master user needs");
	else
		return 0;
	return -1;
}

static int pop3_login_authenticate(struct pop3_session *session,
	const struct mailbox_target *target, enum pop3_refusal *refusal_r,
	struct error *error)
{
	struct pop3_answer answer = { .ok = false };
	bool sasl = session->capabilities.sasl_plain;
	int result;

	if (pop3_login_judge_target(target, sasl, error) < 0) {
		*refusal_r = POP3_REFUSED_UNFIT;
		return -1;
	}
	result = sasl ? pop3_login_sasl(session, target, &answer, error)
		      : pop3_login_user(session, target, &answer, error);
	if (result < 0)
		return -1;
	if (answer.ok)
		return 0;
	*refusal_r = pop3_login_judge(session, &answer);
	error_set(error, "%s", answer.words.text);
	return -1;
}

int pop3_login(struct pop3_session *session,
	const struct mailbox_target *target, enum pop3_refusal *refusal_r,
	struct error *error)
{
	if (pop3_login_must(session, refusal_r, "greeting", error) < 0 ||
		pop3_login_learn(session, error) < 0)
		return -1;
	if (target->security == MAILBOX_STARTTLS &&
		pop3_login_stls(session, target, refusal_r, error) < 0)
		return -1;
	if (pop3_login_authenticate(session, target, refusal_r, error) < 0) {
		error_prefix(error, "login");
		return -1;
	}
	session->logged_in = true;
	/* Some only announce now what holds for this user. */
	return pop3_login_learn(session, error);
}
