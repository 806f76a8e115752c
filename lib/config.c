/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads rehome.conf. libconfuse does the grammar; values are checked and
 * stored by the table while it reads, so that every error has its line. What
 * concerns several sections is checked at the end.
 */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <confuse.h>

#include "lib/account.h"
#include "lib/address.h"
#include "lib/buffer.h"
#include "lib/config_private.h"
#include "lib/xalloc.h"

#define CONFIG_FILE_MAX (8 << 20)

#define CONFIG_UNSEEN_MS 40000

struct config_reader {
	struct config *config;
	const char *name; /* of the file */
	struct error *error;
	bool failed;
	const cfg_t *section; /* that is being read */
	/* where each option of the section was given; 0: not yet */
	unsigned lines[CONFIG_OPTIONS_MAX];
	unsigned *domain_lines;		  /* of each domain's default */
	bool closed[CONFIG_SECTIONS_MAX]; /* read to its end */
};

/*
 * libconfuse hands no pointer to its callbacks, and its scanner is one for the
 * whole process: one file is read at a time, and this is its reader.
 */
static pthread_mutex_t config_lock = PTHREAD_MUTEX_INITIALIZER;
static struct config_reader *config_reader;

/* The first error is the one to tell; "FILE:LINE: " is put in front. */
static int config_fail(struct config_reader *reader, unsigned line,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

static int config_fail(
	struct config_reader *reader, unsigned line, const char *format, ...)
{
	char text[sizeof(reader->error->text)];
	va_list arguments;

	if (reader->failed)
		return -1;
	reader->failed = true;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	error_set(reader->error, "%s:%u: %s", reader->name, line, text);
	return -1;
}

static void config_on_error(cfg_t *section, const char *format, va_list list)
	__attribute__((format(printf, 2, 0)));

static void config_on_error(cfg_t *section, const char *format, va_list list)
{
	char text[256];

	vsnprintf(text, sizeof(text), format, list);
	if (strcmp(section->name, "root") == 0)
		config_fail(config_reader, (unsigned)section->line, "%s", text);
	else if (section->title == NULL)
		config_fail(config_reader, (unsigned)section->line, "%s: %s",
			section->name, text);
	else
		config_fail(config_reader, (unsigned)section->line,
			"%s \"%.80s\": %s", section->name, section->title,
			text);
}

/* What the options of the section that is being read belong to. */
static void *config_object(struct config_reader *reader, const char *section)
{
	struct config *config = reader->config;

	if (strcmp(section, "system") == 0)
		return &config->systems[config->systems_count - 1];
	if (strcmp(section, "domain") == 0)
		return &config->domains[config->domains_count - 1];
	if (strcmp(section, "listen") == 0)
		return &config->listens[config->listens_count - 1];
	return config;
}

/* The names of systems and of places to listen. 0 or -1. */
static int config_check_title(struct config_reader *reader, const char *section,
	const char *title, unsigned line)
{
	size_t rule = config_option_find("domain", "default");

	if (strcmp(title, "pass") != 0 &&
		config_option_check(&config_options[rule], title, NULL) == 0)
		return 0;
	return config_fail(reader, line,
		"%s \"%.80s\": a name has letters, digits, '.', '-' and '_', "
		"at most %d, and is not \"pass\"",
		section, title, ACCOUNT_NAME_SIZE - 1);
}

static int config_add_listen(
	struct config_reader *reader, const char *title, unsigned line)
{
	struct config *config = reader->config;
	struct config_listen *listen;

	if (config_check_title(reader, "listen", title, line) < 0)
		return -1;
	config->listens = xreallocarray(config->listens,
		config->listens_count + 1, sizeof(config->listens[0]));
	listen = &config->listens[config->listens_count++];
	memset(listen, 0, sizeof(*listen));
	listen->name = xstrdup(title);
	config_option_defaults("listen", listen);
	return 0;
}

static int config_add_system(
	struct config_reader *reader, const char *title, unsigned line)
{
	struct config *config = reader->config;
	struct config_system *system;

	if (config_check_title(reader, "system", title, line) < 0)
		return -1;
	config->systems = xreallocarray(config->systems,
		config->systems_count + 1, sizeof(config->systems[0]));
	system = &config->systems[config->systems_count++];
	memset(system, 0, sizeof(*system));
	system->name = xstrdup(title);
	config_option_defaults("system", system);
	return 0;
}

static int config_add_domain(
	struct config_reader *reader, const char *title, unsigned line)
{
	struct config *config = reader->config;
	char name[ADDRESS_DOMAIN_MAX + 1];
	struct config_domain *domain;
	struct error cause;
	size_t i;

	if (address_domain_parse(title, name, &cause) < 0)
		return config_fail(reader, line, "%s", cause.text);
	for (i = 0; i < config->domains_count; i++) {
		if (strcmp(config->domains[i].name, name) == 0)
			return config_fail(reader, line,
				"domain \"%s\": given twice", name);
	}
	config->domains = xreallocarray(config->domains,
		config->domains_count + 1, sizeof(config->domains[0]));
	reader->domain_lines = xreallocarray(reader->domain_lines,
		config->domains_count + 1, sizeof(reader->domain_lines[0]));
	reader->domain_lines[config->domains_count] = line;
	domain = &config->domains[config->domains_count++];
	memset(domain, 0, sizeof(*domain));
	domain->name = xstrdup(name);
	config_option_defaults("domain", domain);
	return 0;
}

/* Called for everything in a section; acts when it is a new one. */
static int config_enter(struct config_reader *reader, const cfg_t *section)
{
	unsigned line = (unsigned)section->line;
	size_t i;

	if (reader->section == section)
		return 0;
	reader->section = section;
	if (section->title == NULL)
		return 0;
	for (i = 0; config_options[i].name != NULL; i++) {
		if (strcmp(config_options[i].section, section->name) == 0)
			reader->lines[i] = 0;
	}
	if (strcmp(section->name, "system") == 0)
		return config_add_system(reader, section->title, line);
	if (strcmp(section->name, "listen") == 0)
		return config_add_listen(reader, section->title, line);
	return config_add_domain(reader, section->title, line);
}

/* An error of the section that is being read; what may be NULL. */
static int config_refuse(struct config_reader *reader, const cfg_t *section,
	const char *name, const char *text, const char *cause)
{
	bool titled = section->title != NULL;

	return config_fail(reader, (unsigned)section->line,
		"%s%s%.80s%s: %s%s%.100s%s: %s", section->name,
		titled ? " \"" : "", titled ? section->title : "",
		titled ? "\"" : "", name, text != NULL ? " \"" : "",
		text != NULL ? text : "", text != NULL ? "\"" : "", cause);
}

/* libconfuse has read a value, or an item of a list. */
static int config_on_option(cfg_t *section, cfg_opt_t *given)
{
	struct config_reader *reader = config_reader;
	size_t index = config_option_find(section->name, given->name);
	const struct config_option *option = &config_options[index];
	unsigned count = cfg_opt_size(given);
	const char *text = count > 0 ? cfg_opt_getnstr(given, count - 1) : NULL;
	struct error cause;
	int status;

	if (text == NULL) /* the end of an empty list */
		return 0;
	if (config_enter(reader, section) < 0)
		return -1;
	if (option->type->store == CONFIG_STORE_LIST)
		status = config_option_check(option, text, &cause);
	else if (reader->lines[index] != 0)
		return config_refuse(
			reader, section, option->name, NULL, "given twice");
	else
		status = config_option_set(option, text,
			config_object(reader, section->name), &cause);
	if (status < 0)
		return config_refuse(
			reader, section, option->name, text, cause.text);
	reader->lines[index] = (unsigned)section->line;
	return 0;
}

/* A token is no password, and no password is a token. */
static int config_check_mechanism(struct config_reader *reader,
	const cfg_t *section, const struct config_system *system)
{
	bool automatic = strcmp(system->mechanism, "auto") == 0;
	bool token = strcmp(system->mechanism, "xoauth2") == 0 ||
		     strcmp(system->mechanism, "oauthbearer") == 0;

	if (token && system->token_command == NULL)
		return config_refuse(reader, section, "mechanism", NULL,
			"token_command is missing");
	if (!token && !automatic && system->token_command != NULL)
		return config_refuse(reader, section, "mechanism", NULL,
			"it takes no token, but token_command is set");
	return 0;
}

static int config_check_system(
	struct config_reader *reader, const cfg_t *section)
{
	const struct config_system *system =
		config_object(reader, section->name);

	if (system->master != NULL && system->master_password_file == NULL)
		return config_refuse(reader, section, "master", NULL,
			"master_password_file is missing");
	if (system->master == NULL && system->master_password_file != NULL)
		return config_refuse(reader, section, "master_password_file",
			NULL, "master is missing");
	if (system->doveadm == NULL && system->doveadm_password_file != NULL)
		return config_refuse(reader, section, "doveadm_password_file",
			NULL, "doveadm is missing");
	return config_check_mechanism(reader, section, system);
}

static int config_check_listen(
	struct config_reader *reader, const cfg_t *section)
{
	const char *option;
	struct error cause;

	if (config_listen_check(
		    config_object(reader, section->name), &option, &cause) == 0)
		return 0;
	return config_refuse(reader, section, option, NULL, cause.text);
}

static size_t config_section_index(const char *name)
{
	size_t i;

	for (i = 0; strcmp(config_sections[i].name, name) != 0; i++)
		;
	return i;
}

/* Whether an option that must be given is missing: a system whose accounts are
 * read by POP3 needs no IMAP server. */
static bool config_lacks(const struct config_reader *reader, size_t index)
{
	const struct config_option *option = &config_options[index];

	if (option->need != CONFIG_REQUIRED || reader->lines[index] != 0)
		return false;
	return strcmp(option->section, "system") != 0 ||
	       strcmp(option->name, "imap") != 0 ||
	       reader->lines[config_option_find("system", "pop3")] == 0;
}

/* libconfuse has read a section to its end. */
static int config_on_section(cfg_t *root, cfg_opt_t *given)
{
	struct config_reader *reader = config_reader;
	const cfg_t *section = cfg_opt_getnsec(given, cfg_opt_size(given) - 1);
	bool *closed = &reader->closed[config_section_index(given->name)];
	size_t i;

	(void)root;
	if (config_enter(reader, section) < 0)
		return -1;
	if (section->title == NULL && *closed)
		return config_fail(reader, (unsigned)section->line,
			"%s: given twice", section->name);
	*closed = true;
	for (i = 0; config_options[i].name != NULL; i++) {
		if (strcmp(config_options[i].section, section->name) == 0 &&
			config_lacks(reader, i))
			return config_refuse(reader, section,
				config_options[i].name, NULL, "must be given");
	}
	if (strcmp(section->name, "system") == 0)
		return config_check_system(reader, section);
	if (strcmp(section->name, "listen") == 0)
		return config_check_listen(reader, section);
	i = config_option_find("domain", "default");
	if (strcmp(section->name, "domain") == 0 && reader->lines[i] != 0)
		reader->domain_lines[reader->config->domains_count - 1] =
			reader->lines[i];
	return 0;
}

/* libconfuse's form of a section's options. */
static cfg_opt_t *config_section_options(const char *section)
{
	cfg_opt_t *options = xcalloc(CONFIG_OPTIONS_MAX, sizeof(options[0]));
	const struct config_option *option;
	size_t count = 0;

	for (option = config_options; option->name != NULL; option++) {
		cfg_opt_t single = CFG_STR(option->name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(
			option->name, (char *)(uintptr_t)option->fallback, 0);

		if (strcmp(option->section, section) != 0)
			continue;
		options[count] = option->type->store == CONFIG_STORE_LIST
					 ? list
					 : single;
		options[count++].validcb = config_on_option;
	}
	options[count] = (cfg_opt_t)CFG_END();
	return options;
}

static void config_root_free(cfg_opt_t *root)
{
	size_t i;

	for (i = 0; root[i].name != NULL; i++)
		free(root[i].subopts);
	free(root);
}

static cfg_opt_t *config_root_options(void)
{
	cfg_opt_t *root = xcalloc(CONFIG_SECTIONS_MAX, sizeof(root[0]));
	size_t i;

	for (i = 0; config_sections[i].name != NULL; i++) {
		cfg_opt_t section = CFG_SEC(config_sections[i].name,
			config_section_options(config_sections[i].name),
			config_sections[i].title == NULL
				? CFGF_NONE
				: CFGF_MULTI | CFGF_TITLE |
					  CFGF_NO_TITLE_DUPES);

		root[i] = section;
		root[i].validcb = config_on_section;
	}
	root[i] = (cfg_opt_t)CFG_END();
	return root;
}

/* Lists have no single moment at which they are complete but the end. */
static void config_take_lists(struct config_reader *reader, cfg_t *root)
{
	const struct config_option *option;

	for (option = config_options; option->name != NULL; option++) {
		char *field = (char *)reader->config + option->offset;
		cfg_opt_t *list;
		size_t count, i;
		char **items;

		if (option->type->store != CONFIG_STORE_LIST)
			continue;
		list = cfg_getopt(
			cfg_getsec(root, option->section), option->name);
		count = cfg_opt_size(list);
		items = xcalloc(count, sizeof(items[0]));
		for (i = 0; i < count; i++)
			items[i] = xstrdup(cfg_opt_getnstr(list, (unsigned)i));
		*(char ***)field = items;
		*(size_t *)(field + sizeof(items)) = count;
	}
}

/* Without a reload no freeze can be complete before the mail server's processes
 * have forgotten their last answers (trivial-rewrite(8), 10 s and 30 s). */
static int config_check_freeze(struct config_reader *reader)
{
	const struct config *config = reader->config;

	if (config->maps.directory == NULL || config->maps.reload != NULL ||
		config->policyd.freeze_budget > CONFIG_UNSEEN_MS)
		return 0;
	return config_fail(reader,
		reader->lines[config_option_find("maps", "directory")],
		"maps: reload: not set, so that a change of the maps is seen "
		"after up to 40s, longer than policyd.freeze_budget; set "
		"reload, or a longer freeze_budget");
}

/* What only the whole file can tell. */
static int config_finish(struct config_reader *reader)
{
	const struct config *config = reader->config;
	size_t i;

	if (config_check_freeze(reader) < 0)
		return -1;
	if (config->policyd.retry_min > config->policyd.retry_max) {
		size_t min = config_option_find("policyd", "retry_min");
		size_t max = config_option_find("policyd", "retry_max");
		unsigned line = reader->lines[min] > reader->lines[max]
					? reader->lines[min]
					: reader->lines[max];

		return config_fail(reader, line,
			"policyd: retry_min: longer than retry_max");
	}
	for (i = 0; i < config->domains_count; i++) {
		const struct config_domain *domain = &config->domains[i];

		if (domain->default_system != NULL &&
			config_system(config, domain->default_system) == NULL)
			return config_fail(reader, reader->domain_lines[i],
				"domain \"%s\": default \"%s\": no such system",
				domain->name, domain->default_system);
	}
	return 0;
}

static int config_compare_domains(const void *a, const void *b)
{
	const struct config_domain *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Under the lock. text is what config_scan has made. */
static int config_read(struct config_reader *reader, const char *text)
{
	cfg_opt_t *options = config_root_options();
	cfg_t *root;
	int status;

	config_reader = reader;
	root = cfg_init(options, CFGF_NONE);
	if (root == NULL)
		abort(); /* no memory */
	cfg_set_error_function(root, config_on_error);
	status = cfg_parse_buf(root, text);
	if (status != CFG_SUCCESS)
		config_fail(reader, (unsigned)root->line, "syntax error");
	if (!reader->failed)
		config_take_lists(reader, root);
	cfg_free(root);
	config_reader = NULL;
	config_root_free(options);
	return reader->failed ? -1 : config_finish(reader);
}

struct config *config_parse(
	const char *text, size_t size, const char *name, struct error *error)
{
	struct error unwanted;
	struct config_reader reader = {
		.config = xcalloc(1, sizeof(struct config)),
		.name = name,
		.error = error != NULL ? error : &unwanted,
	};
	struct error cause;
	unsigned line = 0;
	size_t i;
	char *clean;

	for (i = 0; config_sections[i].name != NULL; i++) {
		if (config_sections[i].title == NULL)
			config_option_defaults(
				config_sections[i].name, reader.config);
	}
	clean = config_scan(text, size, &line, &cause);
	if (clean == NULL) {
		config_fail(&reader, line, "%s", cause.text);
	} else {
		pthread_mutex_lock(&config_lock);
		config_read(&reader, clean);
		pthread_mutex_unlock(&config_lock);
	}
	free(clean);
	free(reader.domain_lines);
	if (reader.failed)
		config_free(&reader.config);
	else if (reader.config->domains_count > 0)
		qsort(reader.config->domains, reader.config->domains_count,
			sizeof(reader.config->domains[0]),
			config_compare_domains);
	return reader.config;
}

static int config_slurp(
	const char *path, struct buffer *buffer, struct error *error)
{
	FILE *file = fopen(path, "re");
	char piece[16384];
	size_t size;
	int cause = 0;

	if (file == NULL) {
		error_set(error, "open %s: %s", path, strerror(errno));
		return -1;
	}
	while (buffer->size <= CONFIG_FILE_MAX &&
		(size = fread(piece, 1, sizeof(piece), file)) > 0)
		buffer_add(buffer, piece, size);
	if (ferror(file))
		cause = errno;
	else if (buffer->size > CONFIG_FILE_MAX)
		cause = EFBIG;
	fclose(file);
	if (cause != 0)
		error_set(error, "read %s: %s", path, strerror(cause));
	return cause == 0 ? 0 : -1;
}

struct config *config_load(const char *path, struct error *error)
{
	struct buffer buffer = BUFFER_EMPTY;
	struct config *config = NULL;

	if (config_slurp(path, &buffer, error) == 0)
		config = config_parse(buffer.data != NULL ? buffer.data : "",
			buffer.size, path, error);
	buffer_free(&buffer);
	return config;
}

void config_free(struct config **config)
{
	struct config *old = *config;
	size_t i;

	if (old == NULL)
		return;
	for (i = 0; i < old->systems_count; i++) {
		free(old->systems[i].name);
		config_option_free("system", &old->systems[i]);
	}
	for (i = 0; i < old->listens_count; i++) {
		free(old->listens[i].name);
		config_option_free("listen", &old->listens[i]);
	}
	for (i = 0; i < old->domains_count; i++) {
		free(old->domains[i].name);
		config_option_free("domain", &old->domains[i]);
	}
	for (i = 0; config_sections[i].name != NULL; i++) {
		if (config_sections[i].title == NULL)
			config_option_free(config_sections[i].name, old);
	}
	free(old->systems);
	free(old->listens);
	free(old->domains);
	free(old);
	*config = NULL;
}
