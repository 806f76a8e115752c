/* SPDX-License-Identifier: BSD-2-Clause */
/* Options about getting in and staying polite: their values. */
#include "config.h"

#include "copier/copy_access.h"

#include <stdlib.h>
#include <string.h>

#include "lib/pin.h"
#include "lib/size.h"
#include "lib/xalloc.h"

/* So long a token command may run (ms). */
#define COPY_TOKEN_MS 30000
#define COPY_RATE_MAX 1000000

static int copy_access_mechanism(
	struct copy_access *access, const char *value, struct error *error)
{
	if (sasl_parse(value, &access->rules.mechanism) == 0)
		return 0;
	error_set(error,
		"%.60s: not auto, login, plain, scram-sha-256, "
		"xoauth2 or oauthbearer",
		value);
	return -1;
}

static int copy_access_command(
	struct copy_access *access, const char *value, struct error *error)
{
	access->rules.token_command = value;
	if (value[0] == '/')
		return 0;
	error_set(error, "%.60s: not an absolute path", value);
	return -1;
}

static int copy_access_messages(
	struct copy_access *access, const char *value, struct error *error)
{
	size_t size = strlen(value);

	if (size > 0 && size < 8 && strspn(value, "0123456789") == size) {
		access->limits.messages = atol(value);
		if (access->limits.messages <= COPY_RATE_MAX)
			return 0;
	}
	error_set(error, "%.60s: not a number up to %d", value, COPY_RATE_MAX);
	return -1;
}

static int copy_access_value(struct copy_access *access,
	enum copy_access_option option, const char *value, struct error *error)
{
	switch (option) {
	case COPY_ACCESS_MECHANISM:
		return copy_access_mechanism(access, value, error);
	case COPY_ACCESS_TOKEN_COMMAND:
		return copy_access_command(access, value, error);
	case COPY_ACCESS_PIN:
		access->rules.pins = value;
		return pin_check(value, error);
	case COPY_ACCESS_RATE:
		return size_parse(value, &access->limits.bytes, error);
	case COPY_ACCESS_RATE_MESSAGES:
		return copy_access_messages(access, value, error);
	case COPY_ACCESS_DAY_BYTES:
		return size_parse(value, &access->limits.day_bytes, error);
	default:
		abort();
	}
}

int copy_access_take(struct copy_access sides[2], int option, const char *value,
	struct error *error)
{
	static const char *const names[] = { "mechanism", "token-command",
		"pin", "rate", "rate-messages", "day-bytes" };
	int number = option - COPY_ACCESS_FIRST;
	int side = number / COPY_ACCESS_OPTIONS;

	if (number < 0 || side > 1)
		return 0;
	number %= COPY_ACCESS_OPTIONS;
	if (copy_access_value(&sides[side], (enum copy_access_option)number,
		    value, error) == 0)
		return 1;
	error_prefix(error, "--%s-%s", side == 0 ? "source" : "destination",
		names[number]);
	return -1;
}

int copy_access_check(
	const struct copy_access *access, bool source, struct error *error)
{
	enum sasl_mechanism mechanism = access->rules.mechanism;
	bool token = access->rules.token_command != NULL;
	const char *side = source ? "source" : "destination";

	if (mechanism == SASL_AUTO ||
		(mechanism == SASL_XOAUTH2 || mechanism == SASL_OAUTHBEARER) ==
			token)
		return 0;
	if (token)
		error_set(error, "--%s-mechanism %s takes no token", side,
			sasl_name(mechanism));
	else
		error_set(error, "--%s-mechanism %s needs --%s-token-command",
			side, sasl_name(mechanism), side);
	return -1;
}

void copy_access_enter(
	const struct copy_access *access, struct location *location)
{
	struct access_rules rules = access->rules;

	/* Local mail has nothing to be entered. */
	if (location->host == NULL)
		return;
	rules.token_ms = COPY_TOKEN_MS;
	location_enter(location, &rules);
}

int copy_access_apply(const struct copy_access *access, const char *directory,
	struct location *location, struct error *error)
{
	char *system;
	int result;

	if (location->host == NULL)
		return 0;
	copy_access_enter(access, location);
	system = xasprintf("%s-%u", location->host, location->target.port);
	result = access_limit(
		location->access, &access->limits, directory, system, error);
	free(system);
	return result;
}
