/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line and the reports of `rehome verify`. */
#include "config.h"

#include "copier/verify_main.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "copier/foldermap.h"
#include "copier/inspect.h"
#include "copier/mutf7.h"
#include "copier/progress.h"
#include "copier/verify.h"

#include "lib/daemon.h"

static const char verify_help[] =
	"usage: rehome verify ADDRESS [OPTION...]\n"
	"       rehome verify SOURCE DESTINATION [OPTION...]\n"
	"\n"
	"Reads every message on both sides and compares octets, flags, dates, "
	"folders\n"
	"and subscriptions. Changes nothing. ADDRESS is an account of the "
	"directory,\n"
	"SOURCE and DESTINATION are URLs as of `rehome copy`.\n"
	"\n"
	"  --source-password-file FILE       with URLs: the password\n"
	"  --destination-password-file FILE\n"
	"  --ca-file FILE         with URLs: authorities of certificates\n"
	"  --folder-map FILE      with URLs: which folder became which\n"
	"  --starttls             with URLs: use STARTTLS with imap://\n"
	"  --source-mechanism NAME, --destination-mechanism NAME,\n"
	"  --source-token-command COMMAND, --destination-token-command ...,\n"
	"  --source-pin PIN, --destination-pin PIN\n"
	"                         with URLs: as of `rehome copy`\n"
	"  -c, --config FILE      another configuration\n"
	"  --json                 one JSON object per line\n"
	"  -q, --quiet            tell only differences\n"
	"  -h, --help             this text\n";

struct verify_options {
	const char *config;
	const char *source_password_file;
	const char *destination_password_file;
	const char *ca_file;
	const char *folder_map;
	struct copy_access access[2]; /* source, destination */
	bool starttls;
	bool json;
	bool quiet;
	bool help;
	char **words;
	int count;
};

struct verify_command {
	const struct verify_options *options;
	struct flagpool *flags;
	struct foldermap *map;
	struct inspect_side home;
	struct inspect_side other;
	struct verify verify;
	struct progress progress;
};

static volatile sig_atomic_t verify_stop;

static void verify_on_signal(int number)
{
	verify_stop = number;
}

static int verify_misused(const char *text)
{
	fprintf(stderr, "rehome verify: %s; see `rehome verify --help`\n",
		text);
	return EX_USAGE;
}

static const struct option verify_longs[] = {
	{ "source-password-file", required_argument, NULL, 's' },
	{ "destination-password-file", required_argument, NULL, 'd' },
	{ "ca-file", required_argument, NULL, 'C' },
	{ "folder-map", required_argument, NULL, 'f' },
	{ "starttls", no_argument, NULL, 't' },
	COPY_ACCESS_LOGIN_ROWS("source", 0),
	COPY_ACCESS_LOGIN_ROWS("destination", 1),
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool verify_option(struct verify_options *options, int option)
{
	const char **text = option == 's' ? &options->source_password_file
			    : option == 'd'
				    ? &options->destination_password_file
			    : option == 'C' ? &options->ca_file
			    : option == 'f' ? &options->folder_map
			    : option == 'c' ? &options->config
					    : NULL;
	bool *flag = option == 'j'   ? &options->json
		     : option == 't' ? &options->starttls
		     : option == 'q' ? &options->quiet
		     : option == 'h' ? &options->help
				     : NULL;

	if (text != NULL)
		*text = optarg;
	if (flag != NULL)
		*flag = true;
	return text != NULL || flag != NULL;
}

static int verify_read_options(
	int argc, char **argv, struct verify_options *options_r)
{
	struct error error;
	int option;

	*options_r = (struct verify_options){ .config = REHOME_CONFIG_FILE };
	opterr = 0;
	while ((option = getopt_long(
			argc, argv, ":c:hq", verify_longs, NULL)) != -1) {
		int taken = copy_access_take(
			options_r->access, option, optarg, &error);

		if (taken < 0)
			return verify_misused(error.text);
		if (taken == 0 && !verify_option(options_r, option)) {
			error_set(&error,
				option == ':' ? "option %.60s needs a value"
					      : "unknown option %.60s",
				argv[optind - 1]);
			return verify_misused(error.text);
		}
	}
	for (int side = 0; side < 2; side++)
		if (copy_access_check(
			    &options_r->access[side], side == 0, &error) < 0)
			return verify_misused(error.text);
	options_r->words = argv + optind;
	options_r->count = argc - optind;
	if (options_r->help)
		return 0;
	if (options_r->count == 0)
		return verify_misused("ADDRESS, or SOURCE and DESTINATION, is "
				      "missing");
	if (options_r->count == 1 && strchr(options_r->words[0], '/') != NULL)
		return verify_misused("DESTINATION is missing");
	return options_r->count > 2 ? verify_misused("too many arguments") : 0;
}

/* ---- reports ---- */

static void verify_json(json_t *event)
{
	json_dumpf(event, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(event);
}

static json_t *verify_text(const char *text)
{
	json_t *value = json_string(text);
	struct error clean;

	if (value != NULL)
		return value;
	error_set(&clean, "%s", text);
	return json_string(clean.text);
}

static void verify_differs_json(const struct verify_difference *difference)
{
	json_t *event = json_pack("{s:s,s:s,s:o,s:I,s:I,s:I}", "event",
		"difference", "kind", verify_kind_name(difference->kind),
		"folder", verify_text(difference->folder), "uid",
		(json_int_t)difference->uid, "other",
		(json_int_t)difference->other, "size",
		(json_int_t)difference->size);

	if (difference->words != NULL)
		json_object_set_new(
			event, "there", verify_text(difference->words));
	verify_json(event);
}

static void verify_differs(
	void *context, const struct verify_difference *difference)
{
	struct verify_command *command = context;
	struct error folder, words;

	progress_end(&command->progress);
	if (command->options->json) {
		verify_differs_json(difference);
		return;
	}
	mutf7_show(difference->folder, &folder);
	error_set(&words, "%s",
		difference->words != NULL ? difference->words : "");
	printf("%s: %s", verify_kind_name(difference->kind), folder.text);
	if (difference->uid != 0)
		printf(" uid %" PRIu32, difference->uid);
	if (difference->other != 0)
		printf("%s uid %" PRIu32, difference->uid != 0 ? ", there" : "",
			difference->other);
	if (difference->kind == VERIFY_MISSING ||
		difference->kind == VERIFY_EXTRA)
		printf(", %" PRIu64 " octets", difference->size);
	if (difference->words != NULL)
		printf(": there %s",
			words.text[0] != '\0' ? words.text : "none");
	putchar('\n');
}

static bool verify_progress(void *context, const char *folder, uint64_t read,
	uint64_t total, uint64_t bytes)
{
	struct verify_command *command = context;

	progress_draw(&command->progress, folder, read, total, bytes);
	return verify_stop == 0;
}

static void verify_end_json(const struct verify *verify)
{
	json_t *event = json_pack(
		"{s:s,s:b}", "event", "end", "equal", verify_is_equal(verify));

	json_object_set_new(
		event, "folders", json_integer((json_int_t)verify->folders));
	json_object_set_new(
		event, "messages", json_integer((json_int_t)verify->messages));
	json_object_set_new(
		event, "bytes", json_integer((json_int_t)verify->bytes));
	json_object_set_new(
		event, "same", json_integer((json_int_t)verify->same));
	for (int kind = 0; kind < VERIFY_KINDS; kind++)
		json_object_set_new(event, verify_kind_name(kind),
			json_integer((json_int_t)verify->found[kind]));
	verify_json(event);
}

static void verify_end(const struct verify_command *command)
{
	const struct verify *verify = &command->verify;

	if (command->options->json) {
		verify_end_json(verify);
		return;
	}
	if (command->options->quiet)
		return;
	printf("%s: %" PRIu64 " of %" PRIu64 " message%s the same, %" PRIu64
	       " folder%s, %.1f MB read",
		verify_is_equal(verify) ? "equal" : "different", verify->same,
		verify->messages, verify->messages == 1 ? "" : "s",
		verify->folders, verify->folders == 1 ? "" : "s",
		(double)verify->bytes / 1e6);
	for (int kind = 0; kind < VERIFY_KINDS; kind++)
		if (verify->found[kind] > 0)
			printf(", %" PRIu64 " %s", verify->found[kind],
				verify_kind_name(kind));
	putchar('\n');
}

static int verify_fail(
	struct verify_command *command, int code, const char *text)
{
	progress_end(&command->progress);
	if (command->options->json)
		verify_json(json_pack("{s:s,s:b,s:o}", "event", "end", "equal",
			0, "error", verify_text(text)));
	fprintf(stderr, "rehome verify: %s\n", text);
	return code;
}

/* ---- the run ---- */

static int verify_open_urls(struct verify_command *command, struct error *error)
{
	const struct verify_options *options = command->options;
	const struct inspect_url source = {
		.url = options->words[0],
		.password_file = options->source_password_file,
		.ca_file = options->ca_file,
		.access = &options->access[0],
		.starttls = options->starttls,
	};
	const struct inspect_url destination = {
		.url = options->words[1],
		.password_file = options->destination_password_file,
		.ca_file = options->ca_file,
		.access = &options->access[1],
		.starttls = options->starttls,
	};
	int code = 0;

	if (options->folder_map != NULL) {
		command->map = foldermap_load(options->folder_map, error);
		if (command->map == NULL)
			return EX_CONFIG;
	}
	code = inspect_open_url(
		&source, command->map, command->flags, &command->home, error);
	if (code == 0)
		code = inspect_open_url(&destination, NULL, command->flags,
			&command->other, error);
	return code;
}

/* Before a flip from home, after it from what was home before. */
static bool verify_goes_back(const struct account *account)
{
	bool flipped = account->phase == ACCOUNT_SWEEPING;

	if (account->phase == ACCOUNT_SETTLED ||
		account->phase == ACCOUNT_RETIRED)
		return false;
	return (account->home == ACCOUNT_DESTINATION) != flipped;
}

/* The folder map of the system that the account leaves. 0 or a code. */
static int verify_load_map(struct verify_command *command,
	const struct config *config, const char *name, struct error *error)
{
	const struct config_system *system = config_system(config, name);

	if (system == NULL || system->folders == NULL)
		return 0;
	command->map = foldermap_load(system->folders, error);
	return command->map != NULL ? 0 : EX_CONFIG;
}

static int verify_open_systems(struct verify_command *command,
	const struct config *config, const struct account *account,
	struct error *error)
{
	bool back = verify_goes_back(account);
	const char *from = back ? account->destination : account->source;
	const char *to = back ? account->source : account->destination;
	int code = verify_load_map(command, config, from, error);

	if (code == 0)
		code = inspect_open_system(config, from, account->address,
			command->map, command->flags, &command->home, error);
	if (code == 0)
		code = inspect_open_system(config, to, account->address, NULL,
			command->flags, &command->other, error);
	return code;
}

static int verify_open_account(
	struct verify_command *command, struct error *error)
{
	struct config *config = config_load(command->options->config, error);
	struct account account;
	int code;

	if (config == NULL)
		return EX_CONFIG;
	code = inspect_account(
		config, command->options->words[0], &account, error);
	if (code == 0) {
		code = verify_open_systems(command, config, &account, error);
		account_clear(&account);
	}
	config_free(&config);
	return code;
}

static int verify_command_run(struct verify_command *command)
{
	struct verify *verify = &command->verify;
	struct error error = { "" };
	int code = command->options->count == 2
			   ? verify_open_urls(command, &error)
			   : verify_open_account(command, &error);

	if (code != 0)
		return verify_fail(command, code, error.text);
	verify->home = command->home.mailbox;
	verify->other = command->other.mailbox;
	verify->map = command->map;
	verify->differs = verify_differs;
	verify->progress = verify_progress;
	verify->context = command;
	if (!command->options->quiet && !command->options->json)
		progress_begin(&command->progress);
	if (verify_run(verify, &error) < 0)
		return verify_fail(command, EX_TEMPFAIL, error.text);
	progress_end(&command->progress);
	verify_end(command);
	return verify_is_equal(verify) ? EX_OK : EX_DATAERR;
}

int verify_main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = verify_on_signal };
	struct verify_options options;
	struct verify_command command = { .options = &options };
	struct error error;
	int code = verify_read_options(argc, argv, &options);

	if (code != 0)
		return code;
	if (options.help) {
		fputs(verify_help, stdout);
		return EX_OK;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (daemon_drop_privileges(NULL, NULL, NULL, true, &error) < 0)
		return verify_misused(error.text);
	command.flags = flagpool_new();
	code = verify_command_run(&command);
	inspect_close(&command.home);
	inspect_close(&command.other);
	foldermap_free(&command.map);
	flagpool_free(&command.flags);
	return code;
}
