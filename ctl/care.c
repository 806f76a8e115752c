/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other programs, the store and the configuration. What must not run beside
 * policyd (restore, verify of its store) is policyd's own code: the store has
 * one owner, so we become that program.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "lib/figure.h"
#include "ctl/json.h"
#include "ctl/text.h"
#include "lib/xalloc.h"

/* A backup of a large store takes a while, in ms. */
#define CARE_TIMEOUT 3600000

/* Becomes the program: the one named in the environment (a build that is not
 * installed), else the installed one. Returns only when that fails. */
static int care_become(const struct session *session, const char *variable,
	const char *installed, const char *argv[])
{
	const char *named = getenv(variable);
	const char *reason;
	char *advice;

	argv[0] = named != NULL && *named != '\0' ? named : installed;
	fflush(stdout);
	execv(argv[0], (char *const *)argv);
	reason = strerror(errno);
	advice = xasprintf(
		"is rehome installed completely? %s may name it", variable);
	session_fail(session, EX_UNAVAILABLE, argv[0], reason, advice);
	free(advice);
	return EX_UNAVAILABLE;
}

int care_engine(struct session *session, const struct line *line)
{
	const char *command = session->command->name;
	const char **argv = xcalloc(line_count(line) + 7, sizeof(*argv));
	size_t count = 1;
	int code;

	argv[count++] = command;
	for (size_t i = 0; i < line_count(line); i++)
		argv[count++] = line_argument(line, i);
	/* said before the command, it is meant for it */
	if (session->json)
		argv[count++] = "--json";
	if (session->quiet)
		argv[count++] = "--quiet";
	if (line_has(line, "config") && strcmp(command, "copy") != 0) {
		argv[count++] = "--config";
		argv[count++] = session->config_path;
	}
	code = care_become(session, "REHOME_COPIER",
		REHOME_LIBEXECDIR "/rehome-copier", argv);
	free(argv);
	return code;
}

/* Where the directory says that the address is and goes, as options. False
 * after it was reported, with the code. */
static bool care_add_systems(struct session *session, const char *address,
	const char **argv, size_t *count, struct account *account_r,
	int *code_r)
{
	struct error error;

	*code_r = session_get_account(session, address, account_r, &error);
	if (*code_r != 0) {
		session_fail(session, *code_r, address, error.text, NULL);
		return false;
	}
	argv[(*count)++] = "--config";
	argv[(*count)++] = session->config_path;
	argv[(*count)++] = "--source-system";
	argv[(*count)++] = account_r->source;
	argv[(*count)++] = "--destination-system";
	argv[(*count)++] = account_r->destination;
	return true;
}

int care_folders(struct session *session, const struct line *line)
{
	const char **argv = xcalloc(line_count(line) + 10, sizeof(*argv));
	const char *first = line_argument(line, 0);
	struct account account;
	size_t count = 1;
	int code = 0;

	memset(&account, 0, sizeof(account));
	argv[count++] = "folders";
	/* An address is none of the copier's options, nor has it a colon. */
	if (first != NULL && strchr(first, '@') != NULL &&
		strchr(first, ':') == NULL &&
		!care_add_systems(
			session, first, argv, &count, &account, &code))
		goto out;
	for (size_t i = 0; i < line_count(line); i++)
		argv[count++] = line_argument(line, i);
	if (session->json)
		argv[count++] = "--json";
	code = care_become(session, "REHOME_COPIER",
		REHOME_LIBEXECDIR "/rehome-copier", argv);
	account_clear(&account);
out:
	free(argv);
	return code;
}

/* policyd's working directory is not ours, and a name that begins with a dash
 * is no option. malloc'd. */
static char *care_absolute(const char *path)
{
	char *here, *whole;

	if (*path == '/')
		return xstrdup(path);
	here = getcwd(NULL, 0);
	if (here == NULL)
		return xstrdup(path);
	whole = xasprintf("%s/%s", here, path);
	free(here);
	return whole;
}

/* policyd itself, on a store that no other one has open; directory: a backup,
 * or NULL. */
static int care_policyd(
	const struct session *session, const char *what, const char *directory)
{
	char *whole = directory != NULL ? care_absolute(directory) : NULL;
	const char *argv[] = { NULL, "-c", session->config_path, what, whole,
		NULL };
	int code = care_become(session, "REHOME_POLICYD",
		REHOME_SBINDIR "/rehome-policyd", argv);

	free(whole);
	return code;
}

static void care_report(const struct session *session,
	const struct attr_list *reply, const char *object, const char *done)
{
	if (session->json) {
		json_print(stdout, reply);
	} else if (!session->quiet) {
		text_print(stdout, "%s: %s", object, done);
		putchar('\n');
	}
}

int care_backup(struct session *session, const struct line *line)
{
	char *directory = care_absolute(line_argument(line, 0));
	struct attr_list *request = session_request("db-backup", NULL);
	const struct attr_list *reply;
	struct error error;
	int code;

	attr_list_add(request, "directory", directory);
	session->timeout = CARE_TIMEOUT;
	code = session_call(session, request, &reply, &error);
	if (code == 0)
		care_report(session, reply, directory, "backup is complete");
	else
		session_fail(session, code, directory, error.text, NULL);
	attr_list_free(&request);
	free(directory);
	return code;
}

/* Whether a policyd answers; then the store is not ours to touch. */
static bool care_is_running(struct session *session)
{
	struct control_client *client;
	struct error error;
	int code = session_connect(session, &client, &error);

	control_close(&client);
	return code == 0;
}

int care_restore(struct session *session, const struct line *line)
{
	if (session_config(session) == NULL)
		return EX_CONFIG;
	if (care_is_running(session))
		return session_fail(session, EXIT_REFUSED, NULL,
			"policyd is running", "stop it first");
	return care_policyd(session, "--restore", line_argument(line, 0));
}

int care_verify(struct session *session, const struct line *line)
{
	const char *directory = line_argument(line, 0);
	struct attr_list *request;
	const struct attr_list *reply;
	struct error error;
	int code;

	if (session_config(session) == NULL)
		return EX_CONFIG;
	if (directory != NULL || !care_is_running(session))
		return care_policyd(session, "--verify", directory);
	request = session_request("db-verify", NULL);
	session->timeout = CARE_TIMEOUT;
	code = session_call(session, request, &reply, &error);
	if (code == 0)
		care_report(session, reply, session->config->policyd.store,
			"the store is sound");
	else
		session_fail(session, code, session->config->policyd.store,
			error.text, NULL);
	attr_list_free(&request);
	return code;
}

int care_maps_rebuild(struct session *session, const struct line *line)
{
	struct attr_list *request = session_request("maps-rebuild", NULL);
	const struct attr_list *reply;
	struct error error;
	int code = session_call(session, request, &reply, &error);

	(void)line;
	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, NULL, error.text, NULL);
	care_report(session, reply, "maps", "published anew in a moment");
	return 0;
}

/* So many errors of a file are told. */
#define CARE_ERRORS_MAX 20

struct care_check {
	const char *file;
	struct error errors[CARE_ERRORS_MAX];
	size_t count; /* also those that are not kept */
};

static void care_add_error(struct care_check *check, const struct error *error)
{
	if (check->count < CARE_ERRORS_MAX)
		check->errors[check->count] = *error;
	check->count++;
}

/*
 * The line that an error names as "FILE:LINE: ", when it is one of a single
 * option: without it the rest can be read, which is not so with the lines that
 * begin or end a section. NULL when there is none.
 */
static char *care_bad_line(
	char *text, const char *file, const struct error *error)
{
	size_t size = strlen(file);
	unsigned long line;
	char *at = text, *end;

	if (strncmp(error->text, file, size) != 0 || error->text[size] != ':')
		return NULL;
	line = strtoul(error->text + size + 1, NULL, 10);
	for (; line > 1 && at != NULL; line--) {
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	if (at == NULL || line == 0)
		return NULL;
	end = at + strcspn(at, "\n");
	return strcspn(at, "{}") < (size_t)(end - at) ||
			       strcspn(at, "=") >= (size_t)(end - at)
		       ? NULL
		       : at;
}

/* Reads it again without each line that was wrong. */
static struct config *care_parse(struct care_check *check, struct buffer *text)
{
	struct config *config = NULL, *first = NULL;
	struct error error;
	char *bad;

	while (check->count < CARE_ERRORS_MAX) {
		config = config_parse(
			text->data, text->size, check->file, &error);
		if (config != NULL)
			break;
		care_add_error(check, &error);
		bad = care_bad_line(text->data, check->file, &error);
		if (bad == NULL)
			break;
		memset(bad, ' ', strcspn(bad, "\n"));
	}
	if (check->count == 0)
		first = config;
	else
		config_free(&config);
	return first;
}

static void care_amiss(void *context, const struct error *error)
{
	struct care_check *check = context;
	struct error whole = *error;

	error_prefix(&whole, "%s", check->file);
	care_add_error(check, &whole);
}

/* The file itself, and what it points at. NULL when it cannot be used. */
static struct config *care_load_config(struct care_check *check)
{
	struct buffer text = BUFFER_EMPTY;
	struct error error;
	struct config *config = config_load(check->file, &error);
	FILE *file;
	char piece[4096];
	size_t size;

	if (config != NULL) {
		config_check_all_files(config, care_amiss, check);
		return config;
	}
	file = fopen(check->file, "r");
	while (file != NULL &&
		(size = fread(piece, 1, sizeof(piece), file)) > 0)
		buffer_add(&text, piece, size);
	if (file != NULL)
		fclose(file);
	if (text.size > 0 && memchr(text.data, 0, text.size) == NULL)
		config = care_parse(check, &text);
	buffer_free(&text);
	if (check->count == 0)
		care_add_error(check, &error);
	config_free(&config);
	return NULL;
}

static void care_print_config(const struct session *session,
	const struct config *config, const struct care_check *check)
{
	struct attr_list *result = attr_list_new();
	char systems[FIGURE_SIZE], domains[FIGURE_SIZE];
	bool valid = check->count == 0;

	attr_list_add(result, "file", check->file);
	attr_list_add(result, "valid", valid ? "yes" : "no");
	for (size_t i = 0; i < check->count && i < CARE_ERRORS_MAX; i++)
		attr_list_add(result, "reasons", check->errors[i].text);
	if (valid) {
		attr_list_add_number(
			result, "systems", (int64_t)config->systems_count);
		attr_list_add_number(
			result, "domains", (int64_t)config->domains_count);
	}
	if (session->json) {
		json_print(stdout, result);
	} else if (valid && !session->quiet) {
		text_print(stdout, "%s: correct, %s, %s", check->file,
			figure_plural((int64_t)config->systems_count, "system",
				systems),
			figure_plural((int64_t)config->domains_count, "domain",
				domains));
		putchar('\n');
	}
	attr_list_free(&result);
}

int care_config_check(struct session *session, const struct line *line)
{
	const char *named = line_argument(line, 0);
	struct care_check *check = xcalloc(1, sizeof(*check));
	struct config *config;
	int code = 0;

	check->file = named != NULL ? named : session->config_path;
	config = care_load_config(check);
	care_print_config(session, config, check);
	for (size_t i = 0; i < check->count && i < CARE_ERRORS_MAX; i++)
		code = session_fail(
			session, EX_CONFIG, NULL, check->errors[i].text, NULL);
	config_free(&config);
	free(check);
	return code;
}

int care_config_describe(struct session *session, const struct line *line)
{
	struct config_description option;
	struct json_array array;

	(void)line;
	if (!session->json) {
		config_describe(stdout);
		return 0;
	}
	json_array_begin(&array, stdout);
	for (size_t i = 0; config_describe_at(i, &option); i++) {
		struct attr_list *message = attr_list_new();

		attr_list_add(message, "section", option.section);
		attr_list_add(message, "name", option.name);
		attr_list_add(message, "takes", option.takes);
		attr_list_add(message, "required",
			option.standard == NULL ? "yes" : "no");
		attr_list_add(message, "default",
			option.standard != NULL ? option.standard : "");
		attr_list_add(message, "help", option.help);
		json_array_add(&array, message);
		attr_list_free(&message);
	}
	json_array_end(&array);
	return 0;
}
