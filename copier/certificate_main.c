/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line and the reports of `rehome certificate`. */
#include "config.h"

#include "copier/certificate_main.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include "copier/account_file.h"
#include "copier/certificate_check.h"
#include "copier/certificate_print.h"
#include "copier/certificate_read.h"
#include "copier/event.h"
#include "copier/inspect.h"
#include "copier/interrupt.h"
#include "copier/mutf7.h"
#include "copier/options.h"
#include "copier/progress.h"

#include "lib/daemon.h"
#include "lib/hex.h"
#include "lib/xalloc.h"

/* Messages are gone: their users may have deleted them. */
#define CERTIFICATE_EXIT_GONE 1

static const char certificate_help[] =
	"usage: rehome certificate ADDRESS|FILE [OPTION...]\n"
	"\n"
	"Prints what was where when the copy of an account was proved.\n"
	"\n"
	"  --full                 every folder and message; with --check: "
	"read\n"
	"                         every message again\n"
	"  --check                look whether all of it is there now\n"
	"  --url URL              --check: the server, as of `rehome copy`;\n"
	"                         else that of the configuration\n"
	"  --password-file FILE   with --url: its first line is the password\n"
	"  --ca-file FILE         with --url: authorities of its certificate\n"
	"  --starttls, --pin PIN, --mechanism NAME, --token-command COMMAND\n"
	"                         with --url: as of `rehome copy`\n"
	"  -c, --config FILE      another configuration\n"
	"  --json                 one JSON object per line\n"
	"  -q, --quiet            with --check: tell only what is not there\n"
	"  -h, --help             this text\n";

struct certificate_options {
	const char *config_path;
	const char *url;
	const char *password_file;
	const char *ca_file;
	struct copy_access access;
	bool starttls;
	bool full;
	bool check;
	bool json;
	bool quiet;
	const char *word;
};

struct certificate_command {
	const struct certificate_options *options;
	struct config *config;
	struct certificate_text text;
	struct progress progress;
	struct flagpool *flags;
	struct inspect_side side;
};

static const struct option_row certificate_rows[] = {
	OPTION_ROW_FLAG(struct certificate_options, full, "full", 0),
	OPTION_ROW_FLAG(struct certificate_options, check, "check", 0),
	OPTION_ROW_TEXT(struct certificate_options, url, "url", 0),
	OPTION_ROW_TEXT(
		struct certificate_options, password_file, "password-file", 0),
	OPTION_ROW_TEXT(struct certificate_options, ca_file, "ca-file", 0),
	OPTION_ROW_FLAG(struct certificate_options, starttls, "starttls", 0),
	OPTION_ROWS_LOGIN(struct certificate_options, access, ""),
	OPTION_ROW_TEXT(struct certificate_options, config_path, "config", 'c'),
	OPTION_ROW_FLAG(struct certificate_options, json, "json", 0),
	OPTION_ROW_FLAG(struct certificate_options, quiet, "quiet", 'q'),
};

static const struct option_table certificate_table = { "certificate",
	certificate_help, certificate_rows,
	sizeof(certificate_rows) / sizeof(certificate_rows[0]) };

/* True; or false: the command ends with *code_r. */
static bool certificate_read_options(int argc, char **argv,
	struct certificate_options *options_r, int *code_r)
{
	int first;

	*options_r = (struct certificate_options){ .config_path =
							   REHOME_CONFIG_FILE };
	first = options_read(&certificate_table, argc, argv, options_r, code_r);
	if (first < 0)
		return false;
	if (argc - first != 1) {
		*code_r = options_misused(&certificate_table,
			argc == first ? "ADDRESS or FILE is missing"
				      : "too many arguments");
		return false;
	}
	options_r->word = argv[first];
	return true;
}

/* ---- the file ---- */

static int certificate_load_config(
	struct certificate_command *command, struct error *error)
{
	if (command->config == NULL)
		command->config =
			config_load(command->options->config_path, error);
	return command->config != NULL ? 0 : EX_CONFIG;
}

/* Of an account, in the state directory; malloc'd. */
static int certificate_find(
	struct certificate_command *command, char **path_r, struct error *error)
{
	char address[ADDRESS_SIZE];
	char *name;
	int code = certificate_load_config(command, error);

	if (code != 0)
		return code;
	if (inspect_address(command->options->word, address, error) < 0)
		return EX_USAGE;
	name = account_file_name(address);
	*path_r = xasprintf(
		"%s/%s.certificate", command->config->copier.state, name);
	free(name);
	return 0;
}

static int certificate_load(
	struct certificate_command *command, struct error *error)
{
	const char *word = command->options->word;
	char *path = NULL;
	int code = 0;

	if (strchr(word, '/') != NULL || strchr(word, '@') == NULL ||
		access(word, F_OK) == 0)
		path = xstrdup(word);
	else
		code = certificate_find(command, &path, error);
	if (code == 0 && certificate_read(path, &command->text, error) < 0)
		code = access(path, R_OK) == 0 ? EX_DATAERR : EX_NOINPUT;
	free(path);
	return code;
}

/* ---- JSON ---- */

/* The attributes of a line but its blocks; figures are numbers. */
static json_t *certificate_line_json(const struct attr_list *line)
{
	json_t *object = json_object();

	for (size_t i = 0; i < attr_list_count(line); i++) {
		const char *name = attr_list_name(line, i);
		const char *value = attr_list_value(line, i);
		size_t digits = strspn(value, "0123456789");

		if (strcmp(name, "block") == 0)
			continue;
		json_object_set_new(object, name,
			digits > 0 && digits < 19 && value[digits] == '\0' &&
					strcmp(name, "folder") != 0 &&
					strcmp(name, "other") != 0 &&
					strcmp(name, "approval") != 0
				? json_integer(strtoll(value, NULL, 10))
				: event_text(value));
	}
	return object;
}

static json_t *certificate_message_json(
	const struct certificate_message *message)
{
	char hex[2 * JOURNAL_DIGEST + 1];
	json_t *object;

	hex_print(message->digest, JOURNAL_DIGEST, hex);
	object = json_pack("{s:I,s:I,s:I,s:s}", "uid", (json_int_t)message->uid,
		"other", (json_int_t)message->other, "size",
		(json_int_t)message->size, "sha256", hex);
	if (!message->altered)
		return object;
	hex_print(message->stored, JOURNAL_DIGEST, hex);
	json_object_set_new(object, "stored_size",
		json_integer((json_int_t)message->stored_size));
	json_object_set_new(object, "stored_sha256", json_string(hex));
	return object;
}

static void certificate_print_json(const struct certificate_command *command)
{
	const struct certificate_text *text = &command->text;

	event_print(certificate_line_json(text->header));
	for (size_t i = 0; i < text->approvals_count; i++)
		event_print(certificate_line_json(text->approvals[i]));
	for (size_t i = 0; i < text->excluded_count; i++)
		event_print(certificate_line_json(text->excluded[i]));
	for (size_t i = 0; command->options->full && i < text->folders_count;
		i++) {
		struct certificate_message *messages;
		struct error error;
		size_t count;

		event_print(certificate_line_json(text->folders[i]));
		if (certificate_messages(text, i, &messages, &count, &error) <
			0)
			continue;
		for (size_t j = 0; j < count; j++)
			event_print(certificate_message_json(&messages[j]));
		free(messages);
	}
}

/* ---- the check ---- */

static void certificate_found(
	void *context, const struct certificate_found *found)
{
	struct certificate_command *command = context;
	const char *name = certificate_finding_name(found->finding);
	struct error folder, place;
	json_t *event;

	progress_end(&command->progress);
	if (command->options->json) {
		event = certificate_message_json(found->message);
		json_object_set_new(event, "event", json_string("difference"));
		json_object_set_new(event, "kind", json_string(name));
		json_object_set_new(event, "folder", event_text(found->folder));
		if (found->place != NULL)
			json_object_set_new(
				event, "place", event_text(found->place));
		event_print(event);
		return;
	}
	mutf7_show(found->folder, &folder);
	printf("%s: %s uid %" PRIu32 ", %" PRIu64 " octets", name, folder.text,
		found->message->other, found->message->size);
	if (found->place != NULL) {
		mutf7_show(found->place, &place);
		printf(", now %s uid %" PRIu32, place.text, found->uid);
	}
	putchar('\n');
}

static bool certificate_progress(
	void *context, const char *folder, uint64_t done, uint64_t total)
{
	struct certificate_command *command = context;

	progress_draw(&command->progress, folder, done, total, 0);
	return !interrupt_came();
}

static void certificate_report(const struct certificate_command *command,
	const struct certificate_check *check)
{
	json_t *event;

	if (command->options->json) {
		event = json_pack("{s:s,s:I,s:I}", "event", "end", "messages",
			(json_int_t)check->messages, "there",
			(json_int_t)check->there);
		for (int i = 0; i < CERTIFICATE_FINDINGS; i++)
			json_object_set_new(event, certificate_finding_name(i),
				json_integer((json_int_t)check->counts[i]));
		event_print(event);
		return;
	}
	if (command->options->quiet)
		return;
	printf("%" PRIu64 " message%s certified on %s: %" PRIu64
	       " in place, %" PRIu64 " moved, %" PRIu64
	       " gone (deleted since, or lost), %" PRIu64 " changed\n",
		check->messages, check->messages == 1 ? " was" : "s were",
		certificate_get(command->text.header, "at"), check->there,
		check->counts[CERTIFICATE_MOVED],
		check->counts[CERTIFICATE_GONE],
		check->counts[CERTIFICATE_CHANGED]);
}

static int certificate_open(
	struct certificate_command *command, struct error *error)
{
	const struct certificate_options *options = command->options;
	const struct attr_list *header = command->text.header;
	const struct copy_side url = {
		.url = options->url,
		.word = "--url",
		.prefix = "",
		.password_file = options->password_file,
		.ca_file = options->ca_file,
		.access = &options->access,
		.starttls = options->starttls,
		.timeout_ms = INSPECT_TIMEOUT,
	};
	char address[ADDRESS_SIZE];
	int code;

	if (options->url != NULL)
		return inspect_open_url(
			&url, NULL, command->flags, &command->side, error);
	if (inspect_address(
		    certificate_get(header, "account"), address, error) < 0) {
		error_set(error,
			"this is a certificate of rehome copy, which names no "
			"system of the configuration: say by --url where to "
			"look");
		return EX_USAGE;
	}
	code = certificate_load_config(command, error);
	if (code != 0)
		return code;
	return inspect_open_system(command->config,
		certificate_get(header, "other"),
		certificate_get(header, "account"), NULL, command->flags,
		&command->side, error);
}

static int certificate_verify(
	struct certificate_command *command, struct error *error)
{
	struct certificate_check check = {
		.certificate = &command->text,
		.full = command->options->full,
		.found = certificate_found,
		.progress = certificate_progress,
		.context = command,
	};
	int code = certificate_open(command, error);

	if (code != 0)
		return code;
	check.mailbox = command->side.mailbox;
	if (!command->options->quiet && !command->options->json)
		progress_begin(&command->progress);
	if (certificate_check_run(&check, error) < 0)
		return EX_TEMPFAIL;
	progress_end(&command->progress);
	certificate_report(command, &check);
	if (check.counts[CERTIFICATE_CHANGED] > 0)
		return EX_DATAERR;
	return check.counts[CERTIFICATE_GONE] > 0 ? CERTIFICATE_EXIT_GONE
						  : EX_OK;
}

static int certificate_run(struct certificate_command *command)
{
	struct error error = { "" };
	int code = certificate_load(command, &error);

	if (code == 0 && command->options->check)
		code = certificate_verify(command, &error);
	else if (code == 0 && command->options->json)
		certificate_print_json(command);
	else if (code == 0)
		certificate_print(&command->text, command->options->full);
	progress_end(&command->progress);
	if (code == EX_USAGE)
		return options_misused(&certificate_table, error.text);
	if (error.text[0] != '\0' && code != 0 && code != CERTIFICATE_EXIT_GONE)
		fprintf(stderr, "rehome certificate: %s\n", error.text);
	return code;
}

int certificate_main(int argc, char **argv)
{
	struct certificate_options options;
	struct certificate_command command = { .options = &options };
	struct error error;
	int code;

	if (!certificate_read_options(argc, argv, &options, &code))
		return code;
	interrupt_catch();
	if (daemon_drop_privileges(NULL, NULL, NULL, true, &error) < 0) {
		fprintf(stderr, "rehome certificate: %s\n", error.text);
		return EX_OSERR;
	}
	command.flags = flagpool_new();
	code = certificate_run(&command);
	inspect_close(&command.side);
	certificate_clear(&command.text);
	config_free(&command.config);
	flagpool_free(&command.flags);
	return code;
}
