/* SPDX-License-Identifier: BSD-2-Clause */
/* The choice of a mechanism, and the exchanges of the simple ones. */
#include "config.h"

#include "copier/sasl_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "lib/xalloc.h"

#define SASL_OFFER_SIZE 128

struct sasl {
	enum sasl_mechanism mechanism;
	struct sasl_account account;
	struct scram scram;
	struct error refusal; /* what the server says of a token */
};

static const struct {
	const char *option; /* in the configuration */
	const char *name;   /* on the wire */
	bool token;	    /* takes a token, else a password */
	bool authorizer;    /* can log in on another's behalf */
	bool proof;	    /* the secret itself is not sent */
} sasl_mechanisms[SASL_MECHANISMS] = {
	[SASL_AUTO] = { "auto", "", false, false, false },
	[SASL_LOGIN] = { "login", "LOGIN", false, false, false },
	[SASL_PLAIN] = { "plain", "PLAIN", false, true, false },
	[SASL_SCRAM_SHA_256] = { "scram-sha-256", "SCRAM-SHA-256", false, true,
		true },
	[SASL_XOAUTH2] = { "xoauth2", "XOAUTH2", true, true, false },
	[SASL_OAUTHBEARER] = { "oauthbearer", "OAUTHBEARER", true, true,
		false },
};

/* Strongest first. */
static const enum sasl_mechanism sasl_order[] = {
	SASL_OAUTHBEARER,
	SASL_XOAUTH2,
	SASL_SCRAM_SHA_256,
	SASL_PLAIN,
	SASL_LOGIN,
};

#define SASL_ORDER (sizeof(sasl_order) / sizeof(sasl_order[0]))

int sasl_parse(const char *name, enum sasl_mechanism *mechanism_r)
{
	enum sasl_mechanism i;

	for (i = 0; i < SASL_MECHANISMS; i++)
		if (strcasecmp(name, sasl_mechanisms[i].option) == 0) {
			*mechanism_r = i;
			return 0;
		}
	return -1;
}

const char *sasl_name(enum sasl_mechanism mechanism)
{
	return sasl_mechanisms[mechanism].name;
}

/* The names of a set, "PLAIN, LOGIN"; "nothing that we know". */
static void sasl_print_set(unsigned set, char text_r[SASL_OFFER_SIZE])
{
	size_t size = 0, i;

	snprintf(text_r, SASL_OFFER_SIZE, "nothing that we know");
	for (i = 0; i < SASL_ORDER; i++)
		if ((set & SASL_BIT(sasl_order[i])) != 0)
			size += (size_t)snprintf(text_r + size,
				SASL_OFFER_SIZE - size, "%s%s",
				size > 0 ? ", " : "", sasl_name(sasl_order[i]));
}

static enum sasl_mechanism sasl_choose_wanted(
	const struct sasl_choice *choice, struct error *error)
{
	const char *name = sasl_name(choice->wanted);
	char offer[SASL_OFFER_SIZE];

	if (sasl_mechanisms[choice->wanted].token != choice->token) {
		error_set(error,
			"%s: the server does not offer what fits: it "
			"takes %s, and there is %s",
			name, choice->token ? "a password" : "a token",
			choice->token ? "a token command" : "none");
		return SASL_AUTO;
	}
	if (choice->authorizer && !sasl_mechanisms[choice->wanted].authorizer) {
		error_set(error,
			"%s: the server does not offer a master user by it",
			name);
		return SASL_AUTO;
	}
	if ((choice->offered & SASL_BIT(choice->wanted)) != 0)
		return choice->wanted;
	sasl_print_set(choice->offered, offer);
	error_set(error, "the server does not offer %s; it offers %s", name,
		offer);
	return SASL_AUTO;
}

enum sasl_mechanism sasl_choose(
	const struct sasl_choice *choice, struct error *error)
{
	bool exposed = false;
	char offer[SASL_OFFER_SIZE];
	size_t i;

	if (choice->wanted != SASL_AUTO)
		return sasl_choose_wanted(choice, error);
	for (i = 0; i < SASL_ORDER; i++) {
		enum sasl_mechanism one = sasl_order[i];

		if ((choice->offered & ~choice->failed & SASL_BIT(one)) == 0 ||
			sasl_mechanisms[one].token != choice->token ||
			(choice->authorizer &&
				!sasl_mechanisms[one].authorizer))
			continue;
		if (!choice->exposed || sasl_mechanisms[one].proof)
			return one;
		exposed = true;
	}
	sasl_print_set(choice->offered, offer);
	if (exposed)
		error_set(error,
			"the server does not offer a way that keeps the %s "
			"secret on a connection in the clear; use TLS, or name "
			"the mechanism if that is meant (it offers %s)",
			choice->token ? "token" : "password", offer);
	else
		error_set(error,
			"the server does not offer a way to log in%s with a "
			"%s; it offers %s",
			choice->authorizer ? " as a master user" : "",
			choice->token ? "token" : "password", offer);
	return SASL_AUTO;
}

struct sasl *sasl_new(
	enum sasl_mechanism mechanism, const struct sasl_account *account)
{
	struct sasl *sasl = xcalloc(1, sizeof(*sasl));

	sasl->mechanism = mechanism;
	sasl->account = *account;
	return sasl;
}

void sasl_free(struct sasl **sasl)
{
	if (*sasl == NULL)
		return;
	scram_clear(&(*sasl)->scram);
	free(*sasl);
	*sasl = NULL;
}

/* authzid NUL authcid NUL password. */
static void sasl_plain(
	const struct sasl_account *account, struct secret *message)
{
	const char *whose = account->authorizer != NULL ? account->login : "";
	const char *who = account->authorizer != NULL ? account->authorizer
						      : account->login;
	size_t whose_size = strlen(whose), who_size = strlen(who);
	char *at;

	secret_make(message,
		whose_size + 1 + who_size + 1 + strlen(account->password));
	at = message->data;
	memcpy(at, whose, whose_size);
	at += whose_size + 1;
	memcpy(at, who, who_size);
	at += who_size + 1;
	memcpy(at, account->password, strlen(account->password));
}

/* RFC 7628 section 3.1; a "," or "=" of the name as in RFC 5801. */
static void sasl_oauthbearer(
	const struct sasl_account *account, struct secret *message)
{
	char *name = xcalloc(3, strlen(account->login) + 1), *to = name;
	const char *at;
	char port[16];

	for (at = account->login; *at != '\0'; at++) {
		if (*at == ',' || *at == '=') {
			memcpy(to, *at == ',' ? "=2C" : "=3D", 3);
			to += 3;
		} else {
			*to++ = *at;
		}
	}
	snprintf(port, sizeof(port), "%u", account->port);
	secret_join(message, 9,
		(const char *const[]){ "n,a=", name, ",\1host=", account->host,
			"\1port=", port, "\1auth=Bearer ", account->token,
			"\1\1" });
	free(name);
}

/* A token that could be two things in the message is none. RFC 6750 section
 * 2.1 has the characters. */
static int sasl_check_token(const char *token, struct error *error)
{
	for (; *token != '\0'; token++)
		if (*token <= ' ' || *token > '~') {
			error_set(error, "the token command printed what is no "
					 "token");
			return -1;
		}
	return 0;
}

int sasl_begin(struct sasl *sasl, struct secret *message, struct error *error)
{
	const struct sasl_account *account = &sasl->account;

	switch (sasl->mechanism) {
	case SASL_PLAIN:
		sasl_plain(account, message);
		return 0;
	case SASL_SCRAM_SHA_256:
		return scram_begin(&sasl->scram, account, NULL, message, error);
	case SASL_XOAUTH2:
		if (sasl_check_token(account->token, error) < 0)
			return -1;
		secret_join(message, 5,
			(const char *const[]){ "user=", account->login,
				"\1auth=Bearer ", account->token, "\1\1" });
		return 0;
	case SASL_OAUTHBEARER:
		if (sasl_check_token(account->token, error) < 0)
			return -1;
		sasl_oauthbearer(account, message);
		return 0;
	default:
		abort();
	}
}

/* "401", "invalid_token": a word; a server could put anything there, what we
 * have sent among it. */
static bool sasl_is_status(const char *text)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return size > 0 && size < 30 && text[size] == '\0';
}

/*
 * The server tells in JSON why it refuses the token, and wants one more
 * message before it says NO (RFC 7628 section 3.2.3).
 */
static void sasl_oauth_refused(struct sasl *sasl, const char *challenge,
	size_t size, struct secret *message)
{
	json_t *told = json_loadb(challenge, size, 0, NULL);
	const char *status = json_string_value(json_object_get(told, "status"));

	error_set(&sasl->refusal, "%s",
		status != NULL && sasl_is_status(status) ? status
							 : "token refused");
	json_decref(told);
	if (sasl->mechanism == SASL_OAUTHBEARER)
		secret_set(message, "\1", 1);
	else
		secret_make(message, 0);
}

int sasl_answer(struct sasl *sasl, const char *challenge, size_t size,
	struct secret *message, struct error *error)
{
	switch (sasl->mechanism) {
	case SASL_SCRAM_SHA_256:
		return scram_answer(
			&sasl->scram, challenge, size, message, error);
	case SASL_XOAUTH2:
	case SASL_OAUTHBEARER:
		if (sasl->refusal.text[0] != '\0')
			break;
		sasl_oauth_refused(sasl, challenge, size, message);
		return 0;
	default:
		break;
	}
	error_set(error, "%s: the server asks for more than there is",
		sasl_name(sasl->mechanism));
	return -1;
}

int sasl_finish(const struct sasl *sasl, struct error *error)
{
	if (sasl->mechanism != SASL_SCRAM_SHA_256 ||
		sasl->scram.state == SCRAM_DONE)
		return 0;
	error_set(error, "SCRAM: the server has not proved that it knows the "
			 "password");
	return -1;
}

const char *sasl_refusal(const struct sasl *sasl)
{
	return sasl->scram.refused ? "proof refused" : sasl->refusal.text;
}
