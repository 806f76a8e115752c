/* SPDX-License-Identifier: BSD-2-Clause */
/* Options about one account: their values, and what they amount to. */
#include "config.h"

#include "copier/copy_access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

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

int copy_access_set(struct copy_access *access, enum copy_access_option option,
	const char *value, struct error *error)
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
	}
	abort();
}

int copy_access_limit(const struct copy_access *access, const char *directory,
	struct location *location, struct error *error)
{
	char *system;
	int result;

	/* Local mail has nothing to be entered. */
	if (location_is_local(location))
		return 0;
	system = xasprintf("%s-%u", location->host, location->target.port);
	result = access_limit(
		location->access, &access->limits, directory, system, error);
	free(system);
	return result;
}

/* ---- an account by its URL ---- */

struct copy_side copy_urls_side(
	const struct copy_urls *urls, int side, const char *url, int timeout_ms)
{
	return (struct copy_side){
		.url = url,
		.word = side == 0 ? "SOURCE" : "DESTINATION",
		.prefix = side == 0 ? "source-" : "destination-",
		.password_file = urls->password_files[side],
		.ca_file = urls->ca_file,
		.access = &urls->access[side],
		.starttls = urls->starttls,
		.timeout_ms = timeout_ms,
	};
}

/* A token goes with mechanisms that take one. */
static int copy_side_check_mechanism(
	const struct copy_side *side, struct error *error)
{
	const struct access_rules *rules = &side->access->rules;
	bool token = rules->token_command != NULL;
	bool takes = rules->mechanism == SASL_XOAUTH2 ||
		     rules->mechanism == SASL_OAUTHBEARER;

	if (rules->mechanism == SASL_AUTO || takes == token)
		return 0;
	if (token)
		error_set(error, "--%smechanism %s takes no token",
			side->prefix, sasl_name(rules->mechanism));
	else
		error_set(error, "--%smechanism %s needs --%stoken-command",
			side->prefix, sasl_name(rules->mechanism),
			side->prefix);
	return EX_USAGE;
}

int copy_check_file(const char *path, struct error *error)
{
	if (path == NULL || access(path, R_OK) == 0)
		return 0;
	error_set(error, "open %s: %s", path, strerror(errno));
	return EX_NOINPUT;
}

static int copy_side_read_password(const struct copy_side *side,
	struct location *location, struct error *error)
{
	if (side->password_file != NULL)
		return location_password(location, side->password_file, error) <
				       0
			       ? EX_NOINPUT
			       : 0;
	if (side->access->rules.token_command != NULL)
		return 0;
	error_set(error,
		"--%spassword-file FILE is missing: its first line is the "
		"password of %s at %s",
		side->prefix, location->login, location->label);
	return EX_USAGE;
}

static int copy_side_enter(const struct copy_side *side,
	struct location *location, struct error *error)
{
	struct access_rules rules = side->access->rules;
	int code = copy_side_check_mechanism(side, error);

	if (code == 0)
		code = copy_check_file(side->ca_file, error);
	if (code == 0)
		code = copy_side_read_password(side, location, error);
	if (code != 0)
		return code;
	rules.token_ms = COPY_TOKEN_MS;
	location_enter(location, &rules);
	if (side->starttls && location->target.security == MAILBOX_CLEAR)
		location->target.security = MAILBOX_STARTTLS;
	location->target.ca_file = side->ca_file;
	location->target.timeout_ms = side->timeout_ms;
	return 0;
}

int copy_side_locate(const struct copy_side *side, struct location *location_r,
	struct error *error)
{
	memset(location_r, 0, sizeof(*location_r));
	if (location_parse(side->url, true, location_r, error) < 0 ||
		(side->destination &&
			location_check_destination(location_r, error) < 0)) {
		error_prefix(error, "%s", side->word);
		return EX_USAGE;
	}
	if (location_is_local(location_r))
		return copy_check_file(location_r->path, error);
	return copy_side_enter(side, location_r, error);
}
