/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads URLs and password files. Passwords are in no other memory than this. */
#include "config.h"

#include "copier/location.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "copier/percent.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* A file of passwords is read in pieces of this; a line fits in it. */
#define LOCATION_LINE 4096
/* The longest time that a URL can name (ms). */
#define LOCATION_DURATION_MAX 86400000

static const struct {
	const char *scheme;
	const char *protocol;
	enum mailbox_security security;
	unsigned port;
} location_schemes[] = {
	{ "imap://", "imap", MAILBOX_CLEAR, 143 },
	{ "imap+starttls://", "imap", MAILBOX_STARTTLS, 143 },
	{ "imaps://", "imap", MAILBOX_TLS, 993 },
	{ "pop3://", "pop3", MAILBOX_CLEAR, 110 },
	{ "pop3+starttls://", "pop3", MAILBOX_STARTTLS, 110 },
	{ "pop3s://", "pop3", MAILBOX_TLS, 995 },
};

/* The piece with its percent-encoding undone, malloc'd; NULL when that cannot
 * be, or holds control characters. */
static char *location_decode(const char *text, size_t size)
{
	char *decoded = xasprintf("%.*s", (int)size, text);
	bool good = percent_decode(decoded) == 0;

	for (const char *at = decoded; good && *at != '\0'; at++)
		good = (unsigned char)*at >= ' ';
	if (good)
		return decoded;
	free(decoded);
	return NULL;
}

static int location_port(const char *text, unsigned *port_r)
{
	unsigned long port = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (!isdigit((unsigned char)*text))
			return -1;
		port = port * 10 + (unsigned long)(*text - '0');
		if (port > 65535)
			return -1;
	}
	*port_r = (unsigned)port;
	return port > 0 ? 0 : -1;
}

/* HOST, HOST:PORT or [ADDRESS]:PORT, with an optional slash behind. */
static int location_host(char *text, struct location *location)
{
	char *port = NULL, *end;
	size_t size = strlen(text);

	if (size > 0 && text[size - 1] == '/')
		text[--size] = '\0';
	if (text[0] == '[') {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return -1;
		*end = '\0';
		port = end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strchr(text, ':');
		if (end != NULL) {
			*end = '\0';
			port = end + 1;
		}
	}
	if (*text == '\0' || strpbrk(text, "/?#@ ") != NULL)
		return -1;
	location->host = xstrdup(text);
	location->target.host = location->host;
	return port != NULL ? location_port(port, &location->target.port) : 0;
}

static int location_scheme(const char **url, struct location *location)
{
	size_t i;

	for (i = 0; i < sizeof(location_schemes) / sizeof(*location_schemes);
		i++) {
		size_t size = strlen(location_schemes[i].scheme);

		if (strncasecmp(*url, location_schemes[i].scheme, size) != 0)
			continue;
		location->target.protocol = location_schemes[i].protocol;
		location->target.security = location_schemes[i].security;
		location->target.port = location_schemes[i].port;
		*url += size;
		return 0;
	}
	return -1;
}

/* One "name=value" behind the '?' of a URL. 0, or -1 when there is none such.
 */
static int location_option(
	const char *name, const char *value, struct mailbox_target *target)
{
	static const char *const words[] = { "none", "mboxrd", "mboxo" };
	int *ms = strcmp(name, "session") == 0 ? &target->session_ms
		  : strcmp(name, "pause") == 0 ? &target->pause_ms
					       : NULL;
	int64_t duration;
	size_t i;

	if (strcmp(target->protocol, "pop3") == 0 && ms != NULL) {
		if (duration_parse(value, &duration, NULL) < 0 ||
			duration < 1 || duration > LOCATION_DURATION_MAX)
			return -1;
		*ms = (int)duration;
		return 0;
	}
	if (strcmp(target->protocol, "mbox") != 0 ||
		strcmp(name, "quoting") != 0)
		return -1;
	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(value, words[i]) == 0) {
			target->quoting = (enum mailbox_quoting)i;
			return 0;
		}
	return -1;
}

/* Takes "?name=value&name=value" off the end of the text. 0 or -1. */
static int location_options(char *text, struct mailbox_target *target)
{
	char *option = strrchr(text, '?'), *next, *value;

	/* A '?' of a path has no '=' behind it. */
	if (option == NULL || strchr(option, '=') == NULL ||
		strcmp(target->protocol, "imap") == 0)
		return 0;
	for (*option++ = '\0'; option != NULL; option = next) {
		next = strchr(option, '&');
		if (next != NULL)
			*next++ = '\0';
		value = strchr(option, '=');
		if (value == NULL)
			return -1;
		*value++ = '\0';
		if (location_option(option, value, target) < 0)
			return -1;
	}
	return 0;
}

/* "maildir:/PATH", "mbox:/PATH": 1; 0 it is none of these; -1 a bad one. */
static int location_local(
	const char *url, struct location *location, struct error *error)
{
	struct mailbox_target *target = &location->target;
	size_t size;

	if (strncmp(url, "maildir:", 8) == 0)
		target->protocol = "maildir";
	else if (strncmp(url, "mbox:", 5) == 0)
		target->protocol = "mbox";
	else
		return 0;
	url += strlen(target->protocol) + 1;
	location->path = xstrdup(url);
	if (location_options(location->path, target) < 0) {
		error_set(error, "%s:%s: not an option that there is",
			target->protocol, url);
		return -1;
	}
	size = strlen(location->path);
	while (size > 1 && location->path[size - 1] == '/')
		location->path[--size] = '\0';
	if (location->path[0] != '/') {
		error_set(error, "%s:%s: the path begins with /",
			target->protocol, url);
		return -1;
	}
	target->path = location->path;
	location->label = xasprintf("%s:%s", target->protocol, target->path);
	target->label = location->label;
	return 1;
}

bool location_is_local(const struct location *location)
{
	return location->path != NULL;
}

int location_check_destination(
	const struct location *location, struct error *error)
{
	const char *protocol = location->target.protocol;

	if (strcmp(protocol, "imap") == 0)
		return 0;
	error_set(error,
		strcmp(protocol, "pop3") == 0
			? "%s: a POP3 server takes no mail; only IMAP can be "
			  "the destination"
			: "%s: is only read; only IMAP can be the destination",
		location->label);
	return -1;
}

char *location_name(const struct location *location)
{
	const struct mailbox_target *target = &location->target;

	if (location_is_local(location))
		return xasprintf("%s:%s", target->protocol, location->path);
	return xasprintf("%s%s@%s:%u",
		strcmp(target->protocol, "pop3") == 0 ? "pop3:" : "",
		location->login, location->host, target->port);
}

void location_spool(struct location *location, const char *directory)
{
	free(location->spool);
	location->spool = xstrdup(directory);
	location->target.spool = location->spool;
}

void location_keep_uids(
	struct location *location, const char *directory, const char *name)
{
	if (strcmp(location->target.protocol, "imap") == 0)
		return;
	free(location->uidmap);
	location->uidmap = xasprintf("%s/%s.uidmap", directory, name);
	location->target.uidmap = location->uidmap;
}

int location_parse(const char *url, bool need_user, struct location *location_r,
	struct error *error)
{
	const char *rest = url, *at;
	char *host;
	int result;

	memset(location_r, 0, sizeof(*location_r));
	location_r->target.verify = true;
	result = location_local(url, location_r, error);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (location_scheme(&rest, location_r) < 0) {
		error_set(error,
			"URL %s: not imap[s]://, pop3[s]://, maildir:/ or "
			"mbox:/",
			url);
		return -1;
	}
	at = strrchr(rest, '@');
	if (at != NULL && memchr(rest, ':', (size_t)(at - rest)) != NULL) {
		error_set(error,
			"URL of %s: a password does not belong in it "
			"(a ':' of the user name is %%3A)",
			at + 1);
		return -1;
	}
	if (at != NULL && at > rest)
		location_r->login = location_decode(rest, (size_t)(at - rest));
	if ((need_user || at != NULL) && location_r->login == NULL) {
		error_set(error, "URL %s: no user", url);
		return -1;
	}
	location_r->target.login = location_r->login;
	host = xstrdup(at != NULL ? at + 1 : rest);
	result = location_options(host, &location_r->target);
	if (result == 0)
		result = location_host(host, location_r);
	free(host);
	if (result < 0) {
		error_set(error, "URL %s: bad host, port or option", url);
		return -1;
	}
	location_r->label = xasprintf("%s", location_r->host);
	location_r->target.label = location_r->label;
	return 0;
}

/*
 * Calls back for each line of the file, without its end, until it returns
 * true. 1 it did, 0 it never did, -1 with an error. The lines are wiped.
 */
static int location_lines(const char *file,
	bool (*callback)(void *context, const char *line), void *context,
	struct error *error)
{
	char text[LOCATION_LINE + 1];
	size_t have = 0;
	ssize_t got = 1;
	int in = open(file, O_RDONLY | O_CLOEXEC), result = 0;

	if (in < 0) {
		error_set(error, "open %s: %s", file, strerror(errno));
		return -1;
	}
	while (result == 0 && (got > 0 || have > 0)) {
		char *end = memchr(text, '\n', have);

		if (end == NULL && got > 0 && have < LOCATION_LINE) {
			got = read(in, text + have, LOCATION_LINE - have);
			if (got < 0)
				result = -1;
			have += got > 0 ? (size_t)got : 0;
			continue;
		}
		if (end == NULL)
			end = text + have;
		*end = '\0';
		if (end > text && end[-1] == '\r')
			end[-1] = '\0';
		result = callback(context, text);
		end += end < text + have;
		have -= (size_t)(end - text);
		memmove(text, end, have);
	}
	if (result < 0)
		error_set(error, "read %s: %s", file, strerror(errno));
	OPENSSL_cleanse(text, sizeof(text));
	close(in);
	return result;
}

static bool location_first(void *context, const char *line)
{
	struct location *location = context;

	location->password = xstrdup(line);
	return true;
}

int location_password(
	struct location *location, const char *file, struct error *error)
{
	int result = location_lines(file, location_first, location, error);

	if (result == 0 || (result > 0 && location->password[0] == '\0')) {
		error_set(error, "password file %s: it is empty", file);
		result = -1;
	}
	location->target.password = location->password;
	return result < 0 ? -1 : 0;
}

struct location_search {
	struct location *location;
	const char *address;
};

static bool location_is_address(void *context, const char *line)
{
	struct location_search *search = context;
	size_t size = strlen(search->address);

	if (strncasecmp(line, search->address, size) != 0 || line[size] != ':')
		return false;
	search->location->password = xstrdup(line + size + 1);
	return true;
}

static int location_account_password(const struct config_system *system,
	const char *address, const char *learned, struct location *location,
	struct error *error)
{
	struct location_search search = { location, address };
	int result = 0;

	if (system->token_command != NULL)
		return 0;
	if (system->master != NULL) {
		location->authorizer = xstrdup(system->master);
		location->target.authorizer = location->authorizer;
		if (system->master_password_file != NULL)
			return location_password(
				location, system->master_password_file, error);
		error_set(error, "master user without master_password_file");
		return -1;
	}
	if (system->passwords == NULL && learned == NULL) {
		error_set(error,
			"neither master user nor passwords are configured, "
			"and the password of %s has not been learned",
			address);
		return -1;
	}
	if (system->passwords != NULL)
		result = location_lines(
			system->passwords, location_is_address, &search, error);
	if (result == 0 && learned == NULL) {
		error_set(error,
			"no password of %s in %s, and it has not been learned",
			address, system->passwords);
		result = -1;
	}
	if (result == 0)
		location->password = xstrdup(learned);
	location->target.password = location->password;
	return result < 0 ? -1 : 0;
}

void location_enter(struct location *location, const struct access_rules *rules)
{
	struct access_rules named = *rules;

	named.system = location->label;
	named.login = location->login;
	named.host = location->host;
	access_free(&location->access);
	location->access = access_new(&named);
	location->target.access = location->access;
}

static void location_enter_system(
	struct location *location, const struct config_system *system)
{
	struct access_rules rules = { .token_command = system->token_command,
		.token_ms = system->hook_timeout,
		.pins = system->pin };

	/* The configuration has been checked. */
	if (sasl_parse(system->mechanism, &rules.mechanism) < 0)
		abort();
	location_enter(location, &rules);
}

int location_limit(struct location *location,
	const struct config_system *system, const char *directory,
	struct error *error)
{
	const struct pace_limits limits = { .bytes = system->rate_bytes,
		.messages = system->rate_messages,
		.day_bytes = system->day_bytes };

	return access_limit(
		location->access, &limits, directory, system->name, error);
}

int location_of_account(const struct config_system *system, const char *address,
	const char *learned, struct location *location_r, struct error *error)
{
	int result = -1;

	memset(location_r, 0, sizeof(*location_r));
	if (system->imap == NULL && system->pop3 == NULL)
		error_set(error, "no imap server is configured");
	else
		result = location_parse(
			system->imap != NULL ? system->imap : system->pop3,
			false, location_r, error);
	if (result == 0) {
		location_r->target.session_ms = (int)system->pop3_session;
		location_r->target.pause_ms = (int)system->pop3_pause;
		free(location_r->label);
		location_r->label = xstrdup(system->name);
		location_r->target.label = location_r->label;
		location_r->login = config_login_name(system, address);
		location_r->target.login = location_r->login;
		if (system->ca_file != NULL)
			location_r->ca_file = xstrdup(system->ca_file);
		location_r->target.ca_file = location_r->ca_file;
		location_r->target.verify = system->verify;
		location_r->target.user_pattern = system->user;
		location_r->target.timeout_ms = (int)system->timeout;
		location_enter_system(location_r, system);
		result = location_account_password(
			system, address, learned, location_r, error);
	}
	if (result < 0)
		error_prefix(error, "system %s", system->name);
	return result;
}

void location_clear(struct location *location)
{
	free(location->label);
	free(location->host);
	free(location->login);
	free(location->authorizer);
	free(location->ca_file);
	free(location->path);
	free(location->uidmap);
	free(location->spool);
	access_free(&location->access);
	if (location->password != NULL) {
		OPENSSL_cleanse(location->password, strlen(location->password));
		free(location->password);
	}
	memset(location, 0, sizeof(*location));
}
