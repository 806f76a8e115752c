/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line and the reports of `rehome verify`. */
#include "config.h"

#include "copier/verify_main.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include "copier/account_file.h"
#include "copier/certificate_read.h"
#include "copier/event.h"
#include "copier/foldermap.h"
#include "copier/inspect.h"
#include "copier/interrupt.h"
#include "copier/mutf7.h"
#include "copier/options.h"
#include "copier/progress.h"
#include "copier/verify.h"

#include "lib/daemon.h"
#include "lib/figure.h"
#include "lib/hex.h"
#include "lib/xalloc.h"

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
	"  --certificate FILE     with URLs: what is kept with other octets\n"
	"  --starttls             with URLs: use STARTTLS with imap://\n"
	"  --source-mechanism NAME, --destination-mechanism NAME,\n"
	"  --source-token-command COMMAND, --destination-token-command ...,\n"
	"  --source-pin PIN, --destination-pin PIN\n"
	"                         with URLs: as of `rehome copy`\n"
	"  -c, --config FILE      another configuration\n"
	"  --full                 tell each message that only the destination "
	"has\n"
	"  --json                 one JSON object per line\n"
	"  -q, --quiet            tell only differences\n"
	"  -h, --help             this text\n";

struct verify_options {
	const char *config;
	struct copy_urls urls;
	const char *folder_map;
	const char *certificate;
	bool full;
	bool json;
	bool quiet;
	char **words;
	int count;
};

/* Messages that only the other side has, of one folder: told together. */
struct verify_extra {
	char *folder; /* or NULL: none yet */
	uint64_t messages, bytes;
};

struct verify_command {
	const struct verify_options *options;
	struct flagpool *flags;
	struct foldermap *map;
	struct certificate_text certificate;
	struct inspect_side home;
	struct inspect_side other;
	struct verify verify;
	struct verify_extra extra;
	struct progress progress;
};

static const struct option_row verify_rows[] = {
	OPTION_ROWS_URLS(struct verify_options, urls),
	OPTION_ROW_TEXT(struct verify_options, folder_map, "folder-map", 0),
	OPTION_ROW_TEXT(struct verify_options, certificate, "certificate", 0),
	OPTION_ROW_TEXT(struct verify_options, config, "config", 'c'),
	OPTION_ROW_FLAG(struct verify_options, full, "full", 0),
	OPTION_ROW_FLAG(struct verify_options, json, "json", 0),
	OPTION_ROW_FLAG(struct verify_options, quiet, "quiet", 'q'),
};

static const struct option_table verify_table = { "verify", verify_help,
	verify_rows, sizeof(verify_rows) / sizeof(verify_rows[0]) };

/* True; or false: the command ends with *code_r. */
static bool verify_read_options(
	int argc, char **argv, struct verify_options *options_r, int *code_r)
{
	const char *wrong = NULL;
	int first;

	*options_r = (struct verify_options){ .config = REHOME_CONFIG_FILE };
	first = options_read(&verify_table, argc, argv, options_r, code_r);
	if (first < 0)
		return false;
	options_r->words = argv + first;
	options_r->count = argc - first;
	if (options_r->count == 0)
		wrong = "ADDRESS, or SOURCE and DESTINATION, is missing";
	else if (options_r->count == 1 &&
		 strchr(options_r->words[0], '/') != NULL)
		wrong = "DESTINATION is missing";
	else if (options_r->count > 2)
		wrong = "too many arguments";
	if (wrong != NULL)
		*code_r = options_misused(&verify_table, wrong);
	return wrong == NULL;
}

/* ---- reports ---- */

static void verify_differs_json(const struct verify_difference *difference)
{
	json_t *event = json_pack("{s:s,s:s,s:o,s:I,s:I,s:I}", "event",
		"difference", "kind", verify_kind_name(difference->kind),
		"folder", event_text(difference->folder), "uid",
		(json_int_t)difference->uid, "other",
		(json_int_t)difference->other, "size",
		(json_int_t)difference->size);

	if (difference->words != NULL)
		json_object_set_new(
			event, "there", event_text(difference->words));
	if (difference->digest != NULL) {
		char hex[2 * JOURNAL_DIGEST + 1];

		hex_print(difference->digest, JOURNAL_DIGEST, hex);
		json_object_set_new(event, "sha256", json_string(hex));
		hex_print(difference->stored, JOURNAL_DIGEST, hex);
		json_object_set_new(event, "stored_sha256", json_string(hex));
	}
	event_print(event);
}

/* Tells what was only counted. */
static void verify_end_extra(struct verify_command *command)
{
	struct verify_extra *extra = &command->extra;
	char count[FIGURE_SIZE], size[FIGURE_SIZE];
	struct error folder;

	if (extra->folder == NULL)
		return;
	progress_end(&command->progress);
	mutf7_show(extra->folder, &folder);
	printf("%s: %s, %s, %s\n", verify_kind_name(VERIFY_EXTRA), folder.text,
		figure_plural((int64_t)extra->messages, "message", count),
		figure_size((int64_t)extra->bytes, size));
	free(extra->folder);
	*extra = (struct verify_extra){ .folder = NULL };
}

/* There may be as many as the new mailbox has got by itself. */
static void verify_add_extra(struct verify_command *command,
	const struct verify_difference *difference)
{
	struct verify_extra *extra = &command->extra;

	if (extra->folder == NULL ||
		strcmp(extra->folder, difference->folder) != 0) {
		verify_end_extra(command);
		extra->folder = xstrdup(difference->folder);
	}
	extra->messages++;
	extra->bytes += difference->size;
}

static void verify_digests(const struct verify_difference *difference)
{
	char here[2 * JOURNAL_DIGEST + 1], there[2 * JOURNAL_DIGEST + 1];

	hex_print(difference->digest, JOURNAL_DIGEST, here);
	hex_print(difference->stored, JOURNAL_DIGEST, there);
	printf(": kept so; sha256 %s, there %s", here, there);
}

static void verify_differs(
	void *context, const struct verify_difference *difference)
{
	struct verify_command *command = context;
	struct error folder, words;

	if (command->options->json) {
		verify_differs_json(difference);
		return;
	}
	if (difference->kind == VERIFY_EXTRA && !command->options->full) {
		verify_add_extra(command, difference);
		return;
	}
	verify_end_extra(command);
	progress_end(&command->progress);
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
	if (difference->digest != NULL)
		verify_digests(difference);
	putchar('\n');
}

static bool verify_progress(void *context, const char *folder, uint64_t read,
	uint64_t total, uint64_t bytes)
{
	struct verify_command *command = context;

	progress_draw(&command->progress, folder, read, total, bytes);
	return !interrupt_came();
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
	event_print(event);
}

static void verify_end(const struct verify_command *command)
{
	const struct verify *verify = &command->verify;
	char figure[FIGURE_SIZE], total[FIGURE_SIZE];

	if (command->options->json) {
		verify_end_json(verify);
		return;
	}
	if (command->options->quiet)
		return;
	printf("%s: %s of %s the same",
		verify_is_equal(verify) ? "equal" : "different",
		figure_count((int64_t)verify->same, figure),
		figure_plural((int64_t)verify->messages, "message", total));
	printf(", %s",
		figure_plural((int64_t)verify->folders, "folder", figure));
	printf(", %s read", figure_size((int64_t)verify->bytes, figure));
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
		event_print(json_pack("{s:s,s:b,s:o}", "event", "end", "equal",
			0, "error", event_text(text)));
	fprintf(stderr, "rehome verify: %s\n", text);
	return code;
}

/* ---- the run ---- */

/* 0, or a code: it cannot be read, or is damaged. */
static int verify_read_certificate(
	struct verify_command *command, const char *path, struct error *error)
{
	if (certificate_read(path, &command->certificate, error) < 0)
		return access(path, R_OK) == 0 ? EX_DATAERR : EX_NOINPUT;
	command->verify.certificate = &command->certificate;
	return 0;
}

static int verify_open_urls(struct verify_command *command, struct error *error)
{
	const struct verify_options *options = command->options;
	const struct copy_side source = copy_urls_side(
		&options->urls, 0, options->words[0], INSPECT_TIMEOUT);
	const struct copy_side destination = copy_urls_side(
		&options->urls, 1, options->words[1], INSPECT_TIMEOUT);
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
	if (code == 0 && options->certificate != NULL)
		code = verify_read_certificate(
			command, options->certificate, error);
	return code;
}

/* The certificate of the last proof, where there is one: of the way that is
 * looked at, or of the way back. 0 or a code. */
static int verify_load_certificate(struct verify_command *command,
	const struct config *config, const struct account *account,
	const char *from, struct error *error)
{
	char *name = account_file_name(account->address);
	char *path = xasprintf("%s/%s.certificate", config->copier.state, name);
	const char *home;
	int code = 0;

	free(name);
	if (access(path, F_OK) == 0)
		code = verify_read_certificate(command, path, error);
	free(path);
	home = code == 0 && command->verify.certificate != NULL
		       ? attr_list_get(command->certificate.header, "home")
		       : NULL;
	command->verify.backwards = home != NULL && strcmp(home, from) != 0;
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
		code = verify_load_certificate(
			command, config, account, from, error);
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

	if (code == EX_USAGE)
		return options_misused(&verify_table, error.text);
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
	code = verify_run(verify, &error);
	verify_end_extra(command);
	if (code < 0)
		return verify_fail(command, EX_TEMPFAIL, error.text);
	progress_end(&command->progress);
	verify_end(command);
	return verify_is_equal(verify) ? EX_OK : EX_DATAERR;
}

int verify_main(int argc, char **argv)
{
	struct verify_options options;
	struct verify_command command = { .options = &options };
	struct error error;
	int code;

	if (!verify_read_options(argc, argv, &options, &code))
		return code;
	interrupt_catch();
	if (daemon_drop_privileges(NULL, NULL, NULL, true, &error) < 0)
		return verify_fail(&command, EX_OSERR, error.text);
	command.flags = flagpool_new();
	code = verify_command_run(&command);
	inspect_close(&command.home);
	inspect_close(&command.other);
	foldermap_free(&command.map);
	certificate_clear(&command.certificate);
	flagpool_free(&command.flags);
	return code;
}
