/* SPDX-License-Identifier: BSD-2-Clause */
/* The token and its command; the rest is kept for whoever opens a mailbox. */
#include "config.h"

#include "copier/access.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/buffer.h"
#include "lib/instant.h"
#include "lib/process.h"
#include "lib/xalloc.h"

/* Longer tokens than this are none (Microsoft's are of some 2 KB). */
#define ACCESS_TOKEN_MAX 16384
#define ACCESS_ARGUMENTS 32
/* So often in a row a server may be too busy, by its text or only by a code;
 * after this pause (ms) it is another row. */
#define ACCESS_TURNED_MAX 8
#define ACCESS_TURNED_FEW 4
#define ACCESS_TURNED_AGE (10 * 60 * 1000)

struct access {
	enum sasl_mechanism mechanism;
	char *pins;
	bool impatient;
	struct pace *pace;

	char *command;
	int64_t token_ms;
	char *system;
	char *login;
	char *host;

	pthread_mutex_t mutex; /* guards all below */
	unsigned failed;       /* mechanisms */
	struct secret token;
	unsigned serial; /* of the token */
	bool good;	 /* a server took it */
	unsigned turned; /* answers in a row that say "too busy" */
	int64_t turned_at;
};

static char *access_copy(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

struct access *access_new(const struct access_rules *rules)
{
	struct access *access = xcalloc(1, sizeof(*access));

	pthread_mutex_init(&access->mutex, NULL);
	access->mechanism = rules->mechanism;
	access->pins = access_copy(rules->pins);
	access->impatient = rules->impatient;
	access->command = access_copy(rules->token_command);
	access->token_ms = rules->token_ms;
	access->system = access_copy(rules->system);
	access->login = access_copy(rules->login);
	access->host = access_copy(rules->host);
	return access;
}

int access_limit(struct access *access, const struct pace_limits *limits,
	const char *directory, const char *system, struct error *error)
{
	struct error cause = { "" };

	pace_free(&access->pace);
	access->pace = pace_open(directory, system, limits, &cause);
	if (cause.text[0] == '\0')
		return 0;
	error_set(error, "%s", cause.text);
	return -1;
}

void access_free(struct access **access)
{
	struct access *old = *access;

	if (old == NULL)
		return;
	pace_free(&old->pace);
	secret_clear(&old->token);
	pthread_mutex_destroy(&old->mutex);
	free(old->pins);
	free(old->command);
	free(old->system);
	free(old->login);
	free(old->host);
	free(old);
	*access = NULL;
}

const char *access_pins(const struct access *access)
{
	return access != NULL ? access->pins : NULL;
}

struct pace *access_pace(struct access *access)
{
	return access != NULL ? access->pace : NULL;
}

bool access_has_token(const struct access *access)
{
	return access != NULL && access->command != NULL;
}

enum sasl_mechanism access_mechanism(const struct access *access)
{
	return access != NULL ? access->mechanism : SASL_AUTO;
}

unsigned access_failed(struct access *access)
{
	unsigned failed;

	if (access == NULL)
		return 0;
	pthread_mutex_lock(&access->mutex);
	failed = access->failed;
	pthread_mutex_unlock(&access->mutex);
	return failed;
}

void access_fails(struct access *access, unsigned mechanisms)
{
	if (access == NULL)
		return;
	pthread_mutex_lock(&access->mutex);
	access->failed |= mechanisms;
	pthread_mutex_unlock(&access->mutex);
}

bool access_turned_away(struct access *access, bool plain)
{
	int64_t now = instant_monotonic();
	bool again;

	if (access == NULL || access->impatient)
		return false;
	pthread_mutex_lock(&access->mutex);
	if (access->turned_at + ACCESS_TURNED_AGE < now)
		access->turned = 0;
	access->turned_at = now;
	again = ++access->turned <=
		(plain ? ACCESS_TURNED_MAX : ACCESS_TURNED_FEW);
	if (!again)
		access->turned = 0;
	pthread_mutex_unlock(&access->mutex);
	return again;
}

/* Runs the command; the output has room for all that is kept. */
static int access_run(
	struct access *access, struct buffer *output, struct error *error)
{
	const char *argv[ACCESS_ARGUMENTS + 1] = { NULL };
	char *environment[5] = { xasprintf("REHOME_LOGIN=%s", access->login),
		xasprintf("REHOME_SYSTEM=%s", access->system),
		xasprintf("REHOME_HOST=%s", access->host),
		xstrdup("REHOME_ACTION=token"), NULL };
	struct process_job job = { .argv = argv,
		.environment = (const char *const *)environment,
		.timeout_ms = (int)access->token_ms,
		.output_max = ACCESS_TOKEN_MAX,
		.secret_output = 1 };
	char *words = xstrdup(access->command), *rest = NULL, *word;
	size_t count = 0;
	int result;

	for (word = strtok_r(words, " \t", &rest);
		word != NULL && count < ACCESS_ARGUMENTS;
		word = strtok_r(NULL, " \t", &rest))
		argv[count++] = word;
	result = process_run(&job, output, error);
	for (count = 0; environment[count] != NULL; count++)
		free(environment[count]);
	free(words);
	return result;
}

/* A command that fails may have written its token to both outputs. */
static void access_mask(struct error *error, const struct buffer *output)
{
	size_t size = output->size > 0 ? strcspn(output->data, "\r\n") : 0;
	char *token = xstrndup(output->data, size);

	secret_mask(error, token);
	OPENSSL_cleanse(token, size);
	free(token);
}

/* A new token, under the mutex. */
static int access_renew(struct access *access, struct error *error)
{
	struct secret room = SECRET_NONE;
	struct buffer output;
	size_t size;
	int result;

	/* The buffer never grows, so that nothing is left behind. */
	secret_make(&room, ACCESS_TOKEN_MAX + 1);
	output = (struct buffer){ room.data, 0, ACCESS_TOKEN_MAX + 1 };
	result = access_run(access, &output, error);
	size = result == 0 ? strcspn(output.data, "\r\n") : 0;
	if (result == 0 && size == 0) {
		error_set(error, "it printed no token");
		result = -1;
	}
	if (result == 0) {
		secret_set(&access->token, output.data, size);
		access->serial++;
		access->good = false;
	} else {
		access_mask(error, &output);
		error_prefix(error, "token command");
	}
	secret_clear(&room);
	return result;
}

int access_token(struct access *access, struct secret *token,
	unsigned *serial_r, struct error *error)
{
	int result = 0;

	pthread_mutex_lock(&access->mutex);
	if (access->token.data == NULL)
		result = access_renew(access, error);
	if (result == 0)
		secret_set(token, access->token.data, access->token.size);
	*serial_r = access->serial;
	pthread_mutex_unlock(&access->mutex);
	return result;
}

void access_token_good(struct access *access, unsigned serial)
{
	pthread_mutex_lock(&access->mutex);
	if (access->serial == serial)
		access->good = true;
	pthread_mutex_unlock(&access->mutex);
}

bool access_token_bad(struct access *access, unsigned serial)
{
	bool next;

	pthread_mutex_lock(&access->mutex);
	/* Another thread may have a newer one already. */
	next = access->serial != serial || access->good;
	if (access->serial == serial && access->good)
		secret_clear(&access->token);
	pthread_mutex_unlock(&access->mutex);
	return next;
}
