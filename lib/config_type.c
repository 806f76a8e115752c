/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of options: what each takes and how it is stored. A check looks at
 * the form only; whether files, hosts and users exist is another question.
 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/account.h"
#include "lib/config_private.h"
#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/network.h"
#include "lib/pin.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define ALNUM                                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                 \
	"0123456789"

bool config_type_begins(const char *text, const char *front)
{
	return strncmp(text, front, strlen(front)) == 0;
}

int config_type_refuse(const struct config_option *option, struct error *error)
{
	error_set(error, "give %s", option->type->name);
	return -1;
}

static int type_text(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)number_r;
	return text[0] != '\0' ? 0 : config_type_refuse(option, error);
}

const struct config_type config_type_text = {
	.name = "a text",
	.check = type_text,
};

static int type_path(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)number_r;
	return text[0] == '/' ? 0 : config_type_refuse(option, error);
}

const struct config_type config_type_path = {
	.name = "an absolute path",
	.check = type_path,
};

const struct config_type config_type_command = {
	.name = "a command that begins with an absolute path",
	.check = type_path,
};

static int type_flush(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)number_r;
	if (text[0] == '/' && strstr(text, "%i") != NULL)
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_flush = {
	.name = "a command that begins with an absolute path and has %i for "
		"the queue id",
	.check = type_flush,
};

static int type_reload(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	if (config_type_begins(text, "unix:"))
		return endpoint_check(text, error);
	return type_path(option, text, number_r, error);
}

const struct config_type config_type_reload = {
	.name = "a command that begins with an absolute path, or unix:/PATH",
	.check = type_reload,
};

static int type_endpoint(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)option;
	(void)number_r;
	return endpoint_check(text, error);
}

const struct config_type config_type_endpoint = {
	.name = "unix:/PATH or inet:HOST:PORT",
	.check = type_endpoint,
};

static int type_milter(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	const char *port = strchr(text, ':');
	const char *at = port != NULL ? strchr(port, '@') : NULL;

	(void)number_r;
	if (config_type_begins(text, "unix:/") ||
		config_type_begins(text, "local:/"))
		return 0;
	if ((config_type_begins(text, "inet:") ||
		    config_type_begins(text, "inet6:")) &&
		at != NULL && at[1] != '\0' &&
		config_type_is_port(port + 1, (size_t)(at - port - 1)))
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_milter = {
	.name = "unix:/PATH, inet:PORT@HOST or inet6:PORT@HOST",
	.check = type_milter,
};

static int type_store(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)number_r;
	/* the last two forget and fail; they are there to be tested with */
	if (config_type_begins(text, "bdb:/") || strcmp(text, "mem:") == 0 ||
		config_type_begins(text, "fail:"))
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_store = {
	.name = "bdb:/DIRECTORY",
	.check = type_store,
};

/* The index of a word in a list that ends with NULL, or -1. */
static int type_find_word(const char *const *words, const char *text)
{
	int i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static int type_client_address(const struct config_option *option,
	const char *text, int64_t *number_r, struct error *error)
{
	static const char *const words[] = {
		[CONFIG_CLIENT_NONE] = "none",
		[CONFIG_CLIENT_ID] = "id",
		[CONFIG_CLIENT_XCLIENT] = "xclient",
		[CONFIG_CLIENT_PROXY] = "proxy",
		NULL,
	};

	*number_r = type_find_word(words, text);
	return *number_r >= 0 ? 0 : config_type_refuse(option, error);
}

const struct config_type config_type_client_address = {
	.name = "none, id, xclient or proxy",
	.store = CONFIG_STORE_INT,
	.check = type_client_address,
};

static int type_mechanisms(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const words[] = { "PLAIN", "LOGIN", "XOAUTH2",
		"OAUTHBEARER", "SCRAM-SHA-1", "SCRAM-SHA-256", NULL };

	(void)number_r;
	return type_find_word(words, text) >= 0
		       ? 0
		       : config_type_refuse(option, error);
}

const struct config_type config_type_mechanisms = {
	.name = "a list of PLAIN, LOGIN, XOAUTH2, OAUTHBEARER, SCRAM-SHA-1 and "
		"SCRAM-SHA-256",
	.store = CONFIG_STORE_LIST,
	.check = type_mechanisms,
};

static int type_next_hop(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	size_t size = strspn(text, ALNUM "-_");

	(void)number_r;
	/* of these two mail does not come back */
	if (config_type_begins(text, "error:") ||
		config_type_begins(text, "discard:") || size == 0 ||
		text[size] != ':' || text[size + 1] == '\0' ||
		strchr(text, ' ') != NULL)
		return config_type_refuse(option, error);
	return 0;
}

const struct config_type config_type_next_hop = {
	.name = "TRANSPORT:NEXTHOP as in Postfix's transport(5), such as "
		"smtp:[HOST]:PORT or lmtp:unix:/PATH",
	.check = type_next_hop,
};

static int type_retry(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)number_r;
	/* "error:4.x" would be answered with 550 */
	if (config_type_begins(text, "retry:4.") &&
		text[strlen("retry:4.")] != '\0')
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_retry = {
	.name = "\"retry:4.X.Y TEXT\"",
	.check = type_retry,
};

static int type_login(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	bool personal = false;
	const char *sign;

	(void)number_r;
	for (sign = strchr(text, '%'); sign != NULL;
		sign = strchr(sign + 2, '%')) {
		if (sign[1] == '\0' || strchr("und%", sign[1]) == NULL)
			return config_type_refuse(option, error);
		personal = personal || sign[1] == 'u' || sign[1] == 'n';
	}
	/* else all accounts of a domain would log in as the same user */
	return personal ? 0 : config_type_refuse(option, error);
}

const struct config_type config_type_login = {
	.name = "a text with %u (the address) or %n (its local part), and "
		"perhaps %d (its domain)",
	.check = type_login,
};

static int type_name(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)number_r;
	if (text[0] != '\0' && text[0] != '-' &&
		text[strspn(text, ALNUM ".-_")] == '\0')
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_name = {
	.name = "a name of letters, digits, '.', '-' and '_'",
	.check = type_name,
};

static int type_system(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	if (strlen(text) >= ACCOUNT_NAME_SIZE)
		return config_type_refuse(option, error);
	return type_name(option, text, number_r, error);
}

const struct config_type config_type_system = {
	.name = "the name of a system, or \"pass\"",
	.off = "pass",
	.check = type_system,
};

static int type_delimiters(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)number_r;
	if (text[0] != '\0' &&
		text[strspn(text, "!#$%&'*+-/=?^_`{|}~")] == '\0')
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_delimiters = {
	.name = "one or more of !#$%&'*+-/=?^_`{|}~",
	.check = type_delimiters,
};

static int type_networks(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	struct network network;

	(void)option;
	(void)number_r;
	return network_parse(text, &network, error);
}

const struct config_type config_type_networks = {
	.name = "a list of networks like { \"127.0.0.0/8\", \"[::1]/128\" }",
	.store = CONFIG_STORE_LIST,
	.check = type_networks,
};

static int type_pins(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	(void)option;
	(void)number_r;
	return pin_check(text, error);
}

const struct config_type config_type_pins = {
	.name = "pins like sha256:BASE64, separated by blanks",
	.check = type_pins,
};

static int type_mechanism(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const words[] = { "auto", "login", "plain",
		"scram-sha-256", "xoauth2", "oauthbearer", NULL };
	size_t i;

	(void)number_r;
	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_mechanism = {
	.name = "auto, login, plain, scram-sha-256, xoauth2 or oauthbearer",
	.check = type_mechanism,
};

static void type_format_number(int64_t number, char *text_r)
{
	snprintf(text_r, CONFIG_BOUND_SIZE, "%" PRId64, number);
}

static int type_number(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	size_t size = strlen(text);

	/* 18 digits fit in any case */
	if (size > 0 && size <= 18 && strspn(text, "0123456789") == size) {
		*number_r = strtoll(text, NULL, 10);
		if (*number_r >= option->min && *number_r <= option->max)
			return 0;
	}
	error_set(error, "give a whole number from %" PRId64 " to %" PRId64,
		option->min, option->max);
	return -1;
}

const struct config_type config_type_number = {
	.name = "a whole number",
	.store = CONFIG_STORE_NUMBER,
	.check = type_number,
	.format = type_format_number,
};

/* In the largest unit that divides it. */
static void type_format_size(int64_t size, char *text_r)
{
	static const char units[] = { 'k', 'M', 'G', 'T' };
	size_t i = 0;

	while (size != 0 && size % 1024 == 0 && i < sizeof(units)) {
		size /= 1024;
		i++;
	}
	snprintf(text_r, CONFIG_BOUND_SIZE, "%" PRId64 "%.*s", size, i > 0,
		i > 0 ? &units[i - 1] : "");
}

static int type_size(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	char max[CONFIG_BOUND_SIZE];

	if (size_parse(text, number_r, NULL) == 0 && *number_r >= option->min &&
		*number_r <= option->max)
		return 0;
	type_format_size(option->max, max);
	error_set(error, "give %s, at most %s", option->type->name, max);
	return -1;
}

const struct config_type config_type_size = {
	.name = "a number of bytes like 500k, 10M or 2G",
	.store = CONFIG_STORE_NUMBER,
	.check = type_size,
	.format = type_format_size,
};

static int type_mode(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	size_t size = strlen(text);

	if (size < 3 || size > 4 || strspn(text, "01234567") != size ||
		(size == 4 && text[0] != '0'))
		return config_type_refuse(option, error);
	*number_r = strtoll(text, NULL, 8);
	return 0;
}

const struct config_type config_type_mode = {
	.name = "a file mode like 0660",
	.store = CONFIG_STORE_NUMBER,
	.check = type_mode,
};

/* In the largest unit that divides it. */
static void type_format_duration(int64_t ms, char *text_r)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = {
		{ INT64_C(86400000), "d" },
		{ 3600000, "h" },
		{ 60000, "m" },
		{ 1000, "s" },
		{ 1, "ms" },
	};
	size_t i = 0;

	while (ms % units[i].ms != 0)
		i++;
	snprintf(text_r, CONFIG_BOUND_SIZE, "%" PRId64 "%s", ms / units[i].ms,
		units[i].name);
}

static int type_duration(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	char min[CONFIG_BOUND_SIZE], max[CONFIG_BOUND_SIZE];

	if (duration_parse(text, number_r, NULL) == 0 &&
		*number_r >= option->min && *number_r <= option->max)
		return 0;
	type_format_duration(option->min, min);
	type_format_duration(option->max, max);
	error_set(
		error, "give %s, from %s to %s", option->type->name, min, max);
	return -1;
}

const struct config_type config_type_duration = {
	.name = "a duration like 250ms, 30s, 15m, 2h or 3d",
	.store = CONFIG_STORE_NUMBER,
	.check = type_duration,
	.format = type_format_duration,
};

/* The index in a list of words that ends with NULL. */
static int type_word(const struct config_option *option, const char *text,
	const char *const *words, int64_t *number_r, struct error *error)
{
	int64_t i;

	for (i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], text) == 0) {
			*number_r = i;
			return 0;
		}
	}
	return config_type_refuse(option, error);
}

static int type_switch(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false",
		"true", NULL };

	if (type_word(option, text, words, number_r, error) < 0)
		return -1;
	*number_r &= 1;
	return 0;
}

const struct config_type config_type_switch = {
	.name = "yes or no",
	.store = CONFIG_STORE_BOOL,
	.check = type_switch,
};

static int type_frozen(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const words[] = { "park", "follow", NULL };

	return type_word(option, text, words, number_r, error);
}

const struct config_type config_type_frozen = {
	.name = "park or follow",
	.store = CONFIG_STORE_BOOL,
	.check = type_frozen,
};

static int type_uidl(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	*number_r = strcmp(text, "check") == 0;
	if (*number_r != 0 || strcmp(text, "ignore") == 0)
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_uidl = {
	.name = "check or ignore",
	.store = CONFIG_STORE_BOOL,
	.check = type_uidl,
};

static int type_facility(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	int facility = log_facility_parse(text);

	if (facility == -2)
		return config_type_refuse(option, error);
	*number_r = facility;
	return 0;
}

const struct config_type config_type_facility = {
	.name = "stderr, or a facility of syslog(3) such as mail, daemon or "
		"local0",
	.store = CONFIG_STORE_INT,
	.check = type_facility,
};

static int type_level(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	int level = log_level_parse(text);

	if (level == -1)
		return config_type_refuse(option, error);
	*number_r = level;
	return 0;
}

const struct config_type config_type_level = {
	.name = "error, warning, notice, info "
		"or debug",
	.store = CONFIG_STORE_INT,
	.check = type_level,
};
