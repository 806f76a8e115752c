/* SPDX-License-Identifier: BSD-2-Clause */
/* The preview of folders: the command line, both mailboxes, what they say. */
#include "config.h"

#include "copier/folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "copier/copy_access.h"
#include "copier/extension.h"
#include "copier/folder_quota.h"
#include "copier/folders_private.h"
#include "copier/location.h"
#include "copier/options.h"
#include "copier/shared.h"

#include "lib/config.h"
#include "lib/daemon.h"
#include "lib/xalloc.h"

#define FOLDERS_TIMEOUT (60 * 1000)

struct folders {
	const char *config; /* with systems */
	const char *systems[2];
	const char *folder_map;
	struct copy_urls urls;
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

static const struct option_row folders_rows[] = {
	OPTION_ROWS_URLS(struct folders, urls),
	OPTION_ROW_TEXT(struct folders, systems[0], "source-system", 0),
	OPTION_ROW_TEXT(struct folders, systems[1], "destination-system", 0),
	OPTION_ROW_TEXT(struct folders, config, "config", 0),
	OPTION_ROW_TEXT(struct folders, folder_map, "folder-map", 0),
	OPTION_ROW_FLAG(struct folders, json, "json", 0),
};

static const struct option_table folders_table = { "folders", folders_help,
	folders_rows, sizeof(folders_rows) / sizeof(folders_rows[0]) };

static int folders_misused(const char *text)
{
	return options_misused(&folders_table, text);
}

/* Both sides from URLs. 0, or a code after it was reported. */
static int folders_locate_urls(struct folders *folders, char *const urls[2])
{
	struct error error;

	for (int i = 0; i < 2; i++) {
		struct copy_side side = copy_urls_side(
			&folders->urls, i, urls[i], FOLDERS_TIMEOUT);
		int code;

		side.destination = i == 1;
		code = copy_side_locate(&side, &folders->sides[i], &error);
		if (code == EX_USAGE)
			return folders_misused(error.text);
		if (code != 0)
			return folders_fail(code, error.text);
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
	int code, first;

	first = options_read(&folders_table, argc, argv, &folders, &code);
	if (first < 0)
		return code;
	if (argc - first < 1 || argc - first > 2)
		return folders_misused("give an ADDRESS, or SOURCE and "
				       "DESTINATION");
	/* No core and no debugger: passwords are in our memory. */
	if (daemon_drop_privileges(NULL, NULL, NULL, true, &error) < 0)
		return folders_fail(EX_OSERR, error.text);
	folders.flags = flagpool_new();
	folders.pass.notes = folder_notes_new();
	code = argc - first == 2
		       ? folders_locate_urls(&folders, argv + first)
		       : folders_locate_address(&folders, argv[first]);
	if (code == 0)
		code = folders_open(&folders);
	if (code == 0)
		code = folders_run(&folders);
	folders_clear(&folders);
	return code;
}
