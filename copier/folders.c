/* SPDX-License-Identifier: BSD-2-Clause */
/* The preview of folders: the command line, both mailboxes, what they say. */
#include "config.h"

#include "copier/folders.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "copier/copy_access.h"
#include "copier/extension.h"
#include "copier/folder_quota.h"
#include "copier/folders_private.h"
#include "copier/location.h"
#include "copier/shared.h"

#include "lib/config.h"
#include "lib/daemon.h"
#include "lib/xalloc.h"

#define FOLDERS_TIMEOUT (60 * 1000)

struct folders {
	const char *config; /* with systems */
	const char *systems[2];
	const char *passwords[2];
	const char *folder_map;
	const char *ca_file;
	struct copy_access access[2]; /* of URLs: source, destination */
	bool starttls;
	bool json;

	struct config *loaded;
	struct location sides[2]; /* source, destination */
	struct foldermap *map;
	struct flagpool *flags;
	struct pass pass;
	struct view home, other;
	struct namehash sizes;
};

static const char folders_help[] =
	"usage: rehome folders ADDRESS [OPTION...]\n"
	"       rehome folders SOURCE DESTINATION [OPTION...]\n"
	"\n"
	"Shows which folder would become which at the destination, by what "
	"rule,\n"
	"what is left out, whether it fits, and what is shared with others. "
	"Nothing\n"
	"is changed. SOURCE and DESTINATION are as in rehome copy.\n"
	"\n"
	"  --source-password-file FILE       its first line is the password\n"
	"  --destination-password-file FILE  the same of the destination\n"
	"  --folder-map FILE      which folder becomes which, and which is "
	"left out\n"
	"  --starttls             use STARTTLS with imap://\n"
	"  --ca-file FILE         the authorities of the servers' "
	"certificates\n"
	"  --source-mechanism NAME, --destination-mechanism NAME,\n"
	"  --source-token-command COMMAND, --destination-token-command ...,\n"
	"  --source-pin PIN, --destination-pin PIN\n"
	"                         with URLs: as of `rehome copy`\n"
	"  --json                 print JSON\n"
	"  -h, --help             this text\n";

static int folders_fail(int code, const char *text)
{
	fprintf(stderr, "rehome folders: %s\n", text);
	return code;
}

static int folders_misused(const char *text)
{
	fprintf(stderr, "rehome folders: %s; see `rehome folders --help`\n",
		text);
	return EX_USAGE;
}

static const struct option folders_options[] = {
	{ "source-password-file", required_argument, NULL, 's' },
	{ "destination-password-file", required_argument, NULL, 'd' },
	{ "source-system", required_argument, NULL, 'S' },
	{ "destination-system", required_argument, NULL, 'D' },
	{ "config", required_argument, NULL, 'c' },
	{ "folder-map", required_argument, NULL, 'm' },
	{ "starttls", no_argument, NULL, 't' },
	{ "ca-file", required_argument, NULL, 'C' },
	COPY_ACCESS_LOGIN_ROWS("source", 0),
	COPY_ACCESS_LOGIN_ROWS("destination", 1),
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Takes one option; false for those that there are not. */
static bool folders_option(struct folders *folders, int option)
{
	const char **text = option == 's'   ? &folders->passwords[0]
			    : option == 'd' ? &folders->passwords[1]
			    : option == 'S' ? &folders->systems[0]
			    : option == 'D' ? &folders->systems[1]
			    : option == 'c' ? &folders->config
			    : option == 'm' ? &folders->folder_map
			    : option == 'C' ? &folders->ca_file
					    : NULL;

	if (text != NULL)
		*text = optarg;
	else if (option == 't')
		folders->starttls = true;
	else if (option == 'j')
		folders->json = true;
	else
		return false;
	return true;
}

/* Both sides from URLs. 0, or a code after it was reported. */
static int folders_locate_urls(struct folders *folders, char *const urls[2])
{
	static const char *const names[] = { "SOURCE", "DESTINATION" };
	struct error error;
	size_t i;

	for (i = 0; i < 2; i++) {
		struct location *side = &folders->sides[i];

		if (location_parse(urls[i], true, side, &error) < 0 ||
			(i == 1 &&
				location_check_destination(side, &error) < 0)) {
			error_prefix(&error, "%s", names[i]);
			return folders_misused(error.text);
		}
		if (folders->starttls && side->target.security == MAILBOX_CLEAR)
			side->target.security = MAILBOX_STARTTLS;
		side->target.ca_file = folders->ca_file;
		side->target.timeout_ms = FOLDERS_TIMEOUT;
		if (location_is_local(side))
			continue;
		if (copy_access_check(&folders->access[i], i == 0, &error) < 0)
			return folders_misused(error.text);
		copy_access_enter(&folders->access[i], side);
		if (folders->passwords[i] == NULL &&
			folders->access[i].rules.token_command != NULL)
			continue;
		if (folders->passwords[i] == NULL)
			return folders_misused(i == 0 ? "--source-password-"
							"file FILE is missing"
						      : "--destination-"
							"password-file FILE "
							"is missing");
		if (location_password(side, folders->passwords[i], &error) < 0)
			return folders_fail(EX_NOINPUT, error.text);
	}
	return 0;
}

/* Both sides from the configuration. 0, or a code after it was reported. */
static int folders_locate_address(struct folders *folders, const char *address)
{
	struct error error;
	size_t i;

	if (folders->config == NULL || folders->systems[0] == NULL ||
		folders->systems[1] == NULL)
		return folders_misused("DESTINATION is missing");
	folders->loaded = config_load(folders->config, &error);
	if (folders->loaded == NULL)
		return folders_fail(EX_CONFIG, error.text);
	for (i = 0; i < 2; i++) {
		const struct config_system *system =
			config_system(folders->loaded, folders->systems[i]);

		if (system == NULL) {
			error_set(&error, "system %s is not configured",
				folders->systems[i]);
			return folders_fail(EX_CONFIG, error.text);
		}
		if (i == 0 && folders->folder_map == NULL)
			folders->folder_map = system->folders;
		if (location_of_account(system, address, NULL,
			    &folders->sides[i], &error) < 0)
			return folders_fail(EX_NOINPUT, error.text);
	}
	return 0;
}

static int folders_open(struct folders *folders)
{
	struct mailbox **const mailboxes[] = { &folders->pass.home,
		&folders->pass.other };
	struct error error;
	enum mailbox_failure failure;
	size_t i;

	if (folders->folder_map != NULL) {
		folders->map = foldermap_load(folders->folder_map, &error);
		if (folders->map == NULL)
			return folders_fail(EX_CONFIG, error.text);
	}
	folders->sides[0].target.map = folders->map;
	folders->sides[0].target.notes = folders->pass.notes;
	for (i = 0; i < 2; i++) {
		*mailboxes[i] = mailbox_open(&folders->sides[i].target,
			folders->flags, &failure, &error);
		if (*mailboxes[i] != NULL)
			continue;
		error_prefix(&error, "%s %s", i == 0 ? "source" : "destination",
			folders->sides[i].label);
		return folders_fail(mailbox_failure_code(failure), error.text);
	}
	return 0;
}

static void folders_sized(void *context, const struct extension_size *size)
{
	namehash_set(context, size->folder, (size_t)size->octets + 1);
}

/* The octets of home's folders, as far as they are told. Result as in
 * driver.h. */
static int folders_measure(struct folders *folders, struct error *error)
{
	const struct view *home = &folders->home;
	const char **names =
		xreallocarray(NULL, home->count + 1, sizeof(*names));
	size_t i, count = 0;
	int result;

	for (i = 0; i < home->count; i++)
		if (home->folders[i].selectable)
			names[count++] = home->folders[i].name;
	result = extension_sizes(folders->pass.home, names, count,
		folders_sized, &folders->sizes, error);
	free(names);
	return result;
}

/* Looks at both sides; misfit_r says why it does not fit. 0, or a code after it
 * was reported. */
static int folders_look(
	struct folders *folders, struct buffer *shared, struct error *misfit_r)
{
	struct error error;

	misfit_r->text[0] = '\0';
	if (shared_list(folders->pass.home, shared, &error) < 0 ||
		view_list(&folders->home, folders->pass.home, &error) != 1 ||
		folders_measure(folders, &error) < 0) {
		error_prefix(&error, "source");
		return folders_fail(EX_TEMPFAIL, error.text);
	}
	if (view_list(&folders->other, folders->pass.other, &error) != 1) {
		error_prefix(&error, "destination");
		return folders_fail(EX_TEMPFAIL, error.text);
	}
	folder_quota_check(&folders->pass, &folders->home, &folders->other,
		true, misfit_r);
	return 0;
}

static int folders_run(struct folders *folders)
{
	struct buffer shared = BUFFER_EMPTY;
	struct folder_table table = { NULL, 0 };
	const struct folder_table_input input = { .home = &folders->home,
		.other = &folders->other,
		.side = JOURNAL_SOURCE,
		.map = folders->map };
	struct folders_preview preview = { .table = &table,
		.other = &folders->other,
		.sizes = &folders->sizes,
		.notes = folders->pass.notes };
	struct error misfit;
	int code;

	buffer_add(&shared, "", 0);
	code = folders_look(folders, &shared, &misfit);
	if (code == 0) {
		folder_table_make(&input, &table);
		preview.shared = shared.data;
		preview.misfit = misfit.text[0] != '\0' ? misfit.text : NULL;
		if (folders->json)
			folders_print_json(&preview);
		else
			folders_print(&preview);
		folder_table_clear(&table);
	}
	buffer_free(&shared);
	return code;
}

static void folders_clear(struct folders *folders)
{
	mailbox_close(&folders->pass.home);
	mailbox_close(&folders->pass.other);
	view_clear(&folders->home);
	view_clear(&folders->other);
	namehash_free(&folders->sizes);
	folder_notes_free(&folders->pass.notes);
	foldermap_free(&folders->map);
	flagpool_free(&folders->flags);
	location_clear(&folders->sides[0]);
	location_clear(&folders->sides[1]);
	config_free(&folders->loaded);
}

int folders_main(int argc, char **argv)
{
	struct folders folders = { .config = NULL };
	struct error error;
	int option, code = 0;

	opterr = 0;
	while ((option = getopt_long(
			argc, argv, ":h", folders_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(folders_help, stdout);
			return EX_OK;
		}
		code = copy_access_take(folders.access, option, optarg, &error);
		if (code < 0)
			return folders_misused(error.text);
		if (code == 0 && !folders_option(&folders, option)) {
			error_set(&error,
				option == ':' ? "option %.60s needs a value"
					      : "unknown option %.60s",
				argv[optind - 1]);
			return folders_misused(error.text);
		}
	}
	if (argc - optind < 1 || argc - optind > 2)
		return folders_misused("give an ADDRESS, or SOURCE and "
				       "DESTINATION");
	/* No core and no debugger: passwords are in our memory. */
	if (daemon_drop_privileges(NULL, NULL, NULL, true, &error) < 0)
		return folders_fail(EX_OSERR, error.text);
	folders.flags = flagpool_new();
	folders.pass.notes = folder_notes_new();
	code = argc - optind == 2
		       ? folders_locate_urls(&folders, argv + optind)
		       : folders_locate_address(&folders, argv[optind]);
	if (code == 0)
		code = folders_open(&folders);
	if (code == 0)
		code = folders_run(&folders);
	folders_clear(&folders);
	return code;
}
