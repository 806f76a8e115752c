/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of listen sections: their types, and what they mean together. */
#include <config.h>

#include <string.h>

#include "lib/config_private.h"

static int listen_word(const struct config_option *option, const char *text,
	const char *const *words, struct error *error)
{
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return 0;
	return config_type_refuse(option, error);
}

static int listen_protocol(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const words[] = { "imap", "pop3", "submission",
		"sieve", "lmtp", NULL };

	(void)number_r;
	return listen_word(option, text, words, error);
}

const struct config_type config_type_protocol = {
	.name = "imap, pop3, submission, sieve or lmtp",
	.check = listen_protocol,
};

static int listen_tls(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const words[] = { "none", "start", "implicit",
		NULL };

	(void)number_r;
	return listen_word(option, text, words, error);
}

const struct config_type config_type_tls = {
	.name = "none, start or implicit",
	.check = listen_tls,
};

/* How many words a list has; *relative_r: one is no absolute path. */
static size_t listen_count(const char *list, bool *relative_r)
{
	size_t count = 0;

	for (list += strspn(list, CONFIG_BLANKS); *list != '\0';
		list += strspn(list, CONFIG_BLANKS)) {
		*relative_r = *relative_r || *list != '/';
		list += strcspn(list, CONFIG_BLANKS);
		count++;
	}
	return count;
}

static int listen_paths(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	bool relative = false;

	(void)number_r;
	if (listen_count(text, &relative) > 0 && !relative)
		return 0;
	return config_type_refuse(option, error);
}

const struct config_type config_type_paths = {
	.name = "absolute paths, separated by blanks",
	.check = listen_paths,
};

static int listen_amiss(const char *option, const char **option_r,
	struct error *error, const char *cause)
{
	*option_r = option;
	error_set(error, "%s", cause);
	return -1;
}

int config_listen_check(const struct config_listen *listen,
	const char **option_r, struct error *error)
{
	bool clear = strcmp(listen->tls, "none") == 0;
	bool login = strcmp(listen->protocol, "lmtp") != 0;
	bool relative = false;

	if (!clear && listen->certificate == NULL)
		return listen_amiss("certificate", option_r, error,
			"must be given, unless tls = \"none\"");
	if (clear && listen->certificate != NULL)
		return listen_amiss("certificate", option_r, error,
			"is of no use with tls = \"none\"");
	if (listen->key != NULL &&
		(listen->certificate == NULL ||
			listen_count(listen->key, &relative) !=
				listen_count(listen->certificate, &relative)))
		return listen_amiss("key", option_r, error,
			"as many as certificates must be given");
	if (clear && login && !listen->plaintext)
		return listen_amiss("tls", option_r, error,
			"nobody could log in: without TLS plaintext = yes is "
			"needed");
	return 0;
}
