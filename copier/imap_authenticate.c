/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The login of an IMAP session: AUTHENTICATE with SASL (RFC 3501 section
 * 6.2.2, RFC 4959), or LOGIN. Every copy of a secret is wiped here.
 */
#include "config.h"

#include "copier/imap_session_private.h"

#include <string.h>
#include <strings.h>

#include "copier/access.h"
#include "copier/backoff.h"

#include "lib/xalloc.h"

/* One attempt to log in. */
struct imap_attempt {
	struct imap_session *session;
	const struct mailbox_target *target;
	struct sasl_account account;
	struct secret token;
	unsigned serial; /* of the token */
	struct sasl *sasl;
	struct secret challenge; /* decoded */
	bool malformed;		 /* it was no base64 */
	bool learned;		 /* the capabilities, with the answer */
};

/* Takes the capabilities from an untagged response or the answer's code. */
static int imap_attempt_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_attempt *attempt = context;
	struct imap_span names;

	(void)error;
	if (response->kind == IMAP_DATA &&
		imap_span_is(response->word, "CAPABILITY"))
		imap_session_learn(attempt->session, response->rest);
	else if (response->kind != IMAP_DATA &&
		 imap_code_is(response->code, "CAPABILITY", &names))
		imap_session_learn(attempt->session, names);
	else
		return 0;
	attempt->learned = true;
	return 0;
}

static int imap_attempt_go_on(
	void *context, struct imap_span text, struct error *error)
{
	struct imap_attempt *attempt = context;

	(void)error;
	attempt->malformed =
		secret_decode(text.at, text.size, &attempt->challenge) < 0;
	return 0;
}

static const struct imap_handler imap_attempt_handler = {
	.data = imap_attempt_data,
	.go_on = imap_attempt_go_on,
};

/* Adds a message in base64; "=" stands for an initial one that is empty. */
static void imap_attempt_add(
	struct imap_session *session, const struct secret *message, bool first)
{
	struct secret encoded = SECRET_NONE;

	secret_encode(message, &encoded);
	if (first && encoded.size == 0)
		imap_command_add(session, "=");
	imap_command_bytes(session, encoded.data, encoded.size);
	imap_command_end(session);
	imap_session_flush(session);
	imap_session_wipe(session);
	secret_clear(&encoded);
}

/* The answer to the challenge that has come, or the end of the exchange. */
static int imap_attempt_reply(struct imap_attempt *attempt, struct error *error)
{
	struct secret message = SECRET_NONE;
	int result = -1;

	if (attempt->malformed)
		error_set(error, "the server's challenge is no base64");
	else
		result = sasl_answer(attempt->sasl, attempt->challenge.data,
			attempt->challenge.size, &message, error);
	if (result == 0) {
		imap_attempt_add(attempt->session, &message, false);
	} else {
		imap_command_add(attempt->session, "*");
		imap_command_end(attempt->session);
	}
	secret_clear(&message);
	return result;
}

/* The exchange once the command is out: until the server has answered. Results
 * of imap_session_wait, or -1 when we have ended it. */
static int imap_attempt_exchange(
	struct imap_attempt *attempt, unsigned tag, struct error *error)
{
	struct error ours = { "" };
	int result = 0;

	while (result == 0 && imap_session_prompt(attempt->session, tag) == 1)
		result = imap_attempt_reply(attempt, &ours);
	if (result == 0)
		return imap_session_wait(attempt->session, tag, error);
	*error = ours;
	if (sasl_refusal(attempt->sasl)[0] == '\0')
		return -1;
	/* Our "*" is answered by BAD, which tells nothing; but another attempt
	 * may follow. */
	imap_session_wait(attempt->session, tag, NULL);
	return 0;
}

static int imap_attempt_sasl(struct imap_attempt *attempt,
	enum sasl_mechanism mechanism, struct error *error)
{
	struct imap_session *session = attempt->session;
	struct secret message = SECRET_NONE;
	unsigned tag;
	int result;

	attempt->sasl = sasl_new(mechanism, &attempt->account);
	if (sasl_begin(attempt->sasl, &message, error) < 0) {
		secret_clear(&message);
		return -1;
	}
	tag = imap_command(session, "AUTHENTICATE %s", sasl_name(mechanism));
	if (imap_session_can(session, IMAP_CAP_SASL_IR)) {
		imap_command_add(session, " ");
		imap_attempt_add(session, &message, true);
	} else {
		imap_command_end(session);
		/* What is in a challenge before our first message is nothing.
		 */
		if (imap_session_prompt(session, tag) == 1)
			imap_attempt_add(session, &message, false);
	}
	secret_clear(&message);
	result = imap_attempt_exchange(attempt, tag, error);
	if (result == 1 && sasl_finish(attempt->sasl, error) < 0)
		result = -1;
	if (result == 0 && sasl_refusal(attempt->sasl)[0] != '\0') {
		struct error words = *error;

		error_set(error, "%s (%s)", words.text,
			sasl_refusal(attempt->sasl));
	}
	return result;
}

static int imap_attempt_login(struct imap_attempt *attempt, struct error *error)
{
	struct imap_session *session = attempt->session;
	unsigned tag = imap_command(session, "LOGIN ");

	imap_command_name(session, attempt->account.login);
	imap_command_add(session, " ");
	imap_command_name(session, attempt->account.password);
	imap_command_end(session);
	imap_session_flush(session);
	imap_session_wipe(session);
	return imap_session_wait(session, tag, error);
}

/* What the server says may hold what it was told. */
static void imap_attempt_mask(
	const struct imap_attempt *attempt, struct error *error)
{
	secret_mask(error, attempt->target->password);
	secret_mask(error, attempt->token.data);
}

/* 1 logged in, 0 refused with the server's words, -1 of no further use. */
static int imap_attempt_run(struct imap_attempt *attempt,
	enum sasl_mechanism mechanism, struct error *error)
{
	const struct mailbox_target *target = attempt->target;
	struct access *access = target->access;
	int result;

	attempt->account = (struct sasl_account){ .login = target->login,
		.authorizer = target->authorizer,
		.password = target->password,
		.host = target->host,
		.port = target->port };
	if (access_has_token(access)) {
		if (access_token(access, &attempt->token, &attempt->serial,
			    error) < 0)
			return -1;
		attempt->account.token = attempt->token.data;
	}
	result = mechanism == SASL_LOGIN
			 ? imap_attempt_login(attempt, error)
			 : imap_attempt_sasl(attempt, mechanism, error);
	if (result != 1) {
		error_prefix(error, "%s", sasl_name(mechanism));
		imap_attempt_mask(attempt, error);
	} else if (access_has_token(access)) {
		access_token_good(access, attempt->serial);
		attempt->session->token = attempt->serial;
	}
	return result;
}

/* A NO that says "not now" is not a wrong password (RFC 5530). */
static bool imap_attempt_is_denied(const struct error *words)
{
	return backoff_classify(words->text).kind != BACKOFF_LATER &&
	       strcasestr(words->text, "[SERVERBUG]") == NULL;
}

/*
 * Whether another attempt is worth it after a refusal: with the next token
 * when the one before had been taken, or, where the choice is ours, with the
 * password itself when the server may know it in a form that SCRAM has no use
 * for. *choice goes on accordingly.
 */
static bool imap_attempt_again(const struct imap_attempt *attempt,
	struct sasl_choice *choice, enum sasl_mechanism mechanism)
{
	if (access_has_token(attempt->target->access))
		return access_token_bad(
			attempt->target->access, attempt->serial);
	if (choice->wanted != SASL_AUTO || mechanism != SASL_SCRAM_SHA_256)
		return false;
	choice->failed |= SASL_BIT(mechanism);
	return sasl_choose(choice, NULL) != SASL_AUTO;
}

static void imap_attempt_clear(struct imap_attempt *attempt)
{
	imap_session_handle(attempt->session, NULL, NULL);
	sasl_free(&attempt->sasl);
	secret_clear(&attempt->token);
	secret_clear(&attempt->challenge);
}

/* Attempts until one is taken. 0, or -1. */
static int imap_authenticate_any(struct imap_session *session,
	const struct mailbox_target *target, bool *learned_r,
	enum mailbox_failure *failure_r, struct error *error)
{
	struct sasl_choice choice = {
		.wanted = access_mechanism(target->access),
		.offered = session->mechanisms,
		.failed = access_failed(target->access),
		.token = access_has_token(target->access),
		.authorizer = target->authorizer != NULL,
		.exposed = imap_stream_is_exposed(session->stream),
	};
	bool again = true;
	int result = 0;

	while (result == 0 && again) {
		struct imap_attempt attempt = { .session = session,
			.target = target };
		enum sasl_mechanism mechanism = sasl_choose(&choice, error);
		bool denied;

		if (mechanism == SASL_AUTO) {
			*failure_r = MAILBOX_UNFIT;
			return -1;
		}
		imap_session_handle(session, &imap_attempt_handler, &attempt);
		result = imap_attempt_run(&attempt, mechanism, error);
		denied = result == 0 && imap_attempt_is_denied(error);
		*failure_r = denied ? MAILBOX_DENIED : MAILBOX_LATER;
		again = denied &&
			imap_attempt_again(&attempt, &choice, mechanism);
		*learned_r = attempt.learned;
		imap_attempt_clear(&attempt);
	}
	if (result != 1)
		return -1;
	access_fails(target->access, choice.failed);
	return 0;
}

int imap_authenticate(struct imap_session *session,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct imap_attempt asked = { .session = session, .target = target };
	bool learned = false;
	unsigned tag;
	int result;

	if (imap_authenticate_any(session, target, &learned, failure_r, error) <
		0) {
		error_prefix(error, "login");
		return -1;
	}
	session->logged_in = true;
	/* Not told of its own accord: ask, for they differ after the login. */
	if (learned)
		return 0;
	imap_session_handle(session, &imap_attempt_handler, &asked);
	tag = imap_command(session, "CAPABILITY");
	imap_command_end(session);
	result = imap_session_wait(session, tag, error);
	imap_attempt_clear(&asked);
	return result == 1 ? 0 : -1;
}
