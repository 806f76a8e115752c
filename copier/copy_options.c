/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of a stand-alone copy: what is missing, what is wrong. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "copier/copy_private.h"
#include "copier/foldermap.h"
#include "copier/options.h"

#include "lib/endpoint.h"

#define COPY_JOBS     4
#define COPY_JOBS_MAX 100
#define COPY_TIMEOUT  (5 * 60 * 1000)
/* A server that is started anew may be away for minutes. */
#define COPY_PATIENCE (5 * 60 * 1000)

/* Connections to each server. */
#define COPY_LANES     4
#define COPY_LANES_MAX 64

static const char copy_help[] =
	"usage: rehome copy SOURCE DESTINATION [OPTION...]\n"
	"       rehome copy --list FILE [OPTION...]\n"
	"\n"
	"SOURCE and DESTINATION are imap[s]://USER@HOST[:PORT]; in USER an '@' "
	"is\n"
	"written %40. Run it again: it carries over what has changed since.\n"
	"SOURCE may also be pop3[s]://USER@HOST[:PORT], or mail on this "
	"machine,\n"
	"which needs no password: maildir:/PATH, "
	"mbox:/PATH[?quoting=mboxrd]\n"
	"\n"
	"  --source-password-file FILE       its first line is the password\n"
	"  --destination-password-file FILE  the same of the destination\n"
	"  --destination-doveadm ENDPOINT    unix:/PATH or inet:HOST:PORT of "
	"its\n"
	"                         doveadm server: IMAP clients keep what they "
	"have\n"
	"  --destination-doveadm-password-file FILE\n"
	"  --starttls             use STARTTLS with imap://\n"
	"  --folder-map FILE      which folder becomes which, and which is "
	"left out\n"
	"  --ca-file FILE         the authorities of the servers' "
	"certificates\n"
	"  --timeout DURATION     give up on a server silent so long (5m)\n"
	"  --lanes N              connections to each server, at most (4)\n"
	"  --patience DURATION    a server may be away so long; 0: not at all "
	"(5m)\n"
	"  --keep-altered         keep what the destination stores with "
	"other octets\n"
	"  --retry-altered        try once more what it has altered before\n"
	"  --make-equal           remove what was copied and is deleted since\n"
	"  -n, --dry-run          say what would be copied, and how long it "
	"takes\n"
	"  --certificate FILE     write down what is where, with digests\n"
	"  --source-mechanism NAME, --destination-mechanism NAME\n"
	"                         login, plain, scram-sha-256, xoauth2,\n"
	"                         oauthbearer or auto, the strongest (auto)\n"
	"  --source-token-command COMMAND, --destination-token-command ...\n"
	"                         prints an OAuth token; no password then\n"
	"  --source-pin PIN, --destination-pin PIN\n"
	"                         sha256:... of the server's public key\n"
	"  --source-rate SIZE, --destination-rate SIZE\n"
	"                         bytes a second at most, like 500k or 2M\n"
	"  --source-rate-messages N, --destination-rate-messages N\n"
	"                         messages a second at most\n"
	"  --source-day-bytes SIZE, --destination-day-bytes SIZE\n"
	"                         bytes a day at most (UTC)\n"
	"  --state DIRECTORY      where the journal is kept\n"
	"  --list FILE            many accounts: CSV with the columns source,\n"
	"                         destination, source_password_file and\n"
	"                         destination_password_file\n"
	"  --jobs N               accounts of a list at once (4)\n"
	"  --json                 one JSON object per line\n"
	"  -q, --quiet            tell only what failed\n"
	"  -h, --help             this text\n";

static const struct option_row copy_rows[] = {
	OPTION_ROWS_URLS(struct copy_options, urls),
	OPTION_ROWS_LIMITS(struct copy_options, urls.access[0], "source-"),
	OPTION_ROWS_LIMITS(struct copy_options, urls.access[1], "destination-"),
	OPTION_ROW_TEXT(struct copy_options, doveadm, "destination-doveadm", 0),
	OPTION_ROW_TEXT(struct copy_options, doveadm_password_file,
		"destination-doveadm-password-file", 0),
	OPTION_ROW_TEXT(struct copy_options, state, "state", 0),
	OPTION_ROW_TEXT(struct copy_options, folder_map, "folder-map", 0),
	OPTION_ROW_TEXT(struct copy_options, certificate, "certificate", 0),
	OPTION_ROW_FLAG(struct copy_options, make_equal, "make-equal", 0),
	OPTION_ROW_FLAG(struct copy_options, keep_altered, "keep-altered", 0),
	OPTION_ROW_FLAG(struct copy_options, retry_altered, "retry-altered", 0),
	OPTION_ROW_FLAG(struct copy_options, dry_run, "dry-run", 'n'),
	OPTION_ROW_TEXT(struct copy_options, list, "list", 0),
	OPTION_ROW_FLAG(struct copy_options, json, "json", 0),
	OPTION_ROW_FLAG(struct copy_options, quiet, "quiet", 'q'),
	{ "jobs", 0, OPTION_NUMBER, offsetof(struct copy_options, jobs), 1,
		COPY_JOBS_MAX, "from 1 to 100" },
	{ "lanes", 0, OPTION_NUMBER, offsetof(struct copy_options, lanes), 1,
		COPY_LANES_MAX, "from 1 to 64" },
	{ "timeout", 0, OPTION_DURATION, offsetof(struct copy_options, timeout),
		1000, 86400000, "between 1s and 1d" },
	{ "patience", 0, OPTION_DURATION,
		offsetof(struct copy_options, patience), 0, INT64_MAX, "" },
};

static const struct option_table copy_table = { "copy", copy_help, copy_rows,
	sizeof(copy_rows) / sizeof(copy_rows[0]) };

int copy_misused(const char *text)
{
	return options_misused(&copy_table, text);
}

/* The two URLs, or none with a list. 0, or a code after it was reported. */
static int copy_take_urls(
	struct copy_options *options, int count, char *const words[])
{
	struct error error;

	if (options->list != NULL && count > 0)
		return copy_misused("SOURCE and DESTINATION, or --list: both "
				    "are given");
	if (options->list != NULL && options->certificate != NULL)
		return copy_misused("--certificate is of one account, --list "
				    "of many");
	if (options->list == NULL && count > 2) {
		error_set(&error, "unexpected argument %.100s", words[2]);
		return copy_misused(error.text);
	}
	if (options->list == NULL && count < 2)
		return copy_misused(
			count == 0 ? "SOURCE and DESTINATION are missing"
				   : "DESTINATION is missing");
	if (options->doveadm != NULL &&
		endpoint_check(options->doveadm, &error) < 0) {
		error_prefix(&error, "--destination-doveadm");
		return copy_misused(error.text);
	}
	options->source = options->list == NULL ? words[0] : NULL;
	options->destination = options->list == NULL ? words[1] : NULL;
	return 0;
}

bool copy_read_options(
	int argc, char **argv, struct copy_options *options_r, int *code_r)
{
	int first;

	*options_r = (struct copy_options){ .timeout = COPY_TIMEOUT,
		.patience = COPY_PATIENCE,
		.lanes = COPY_LANES,
		.jobs = COPY_JOBS,
		.argc = argc,
		.argv = argv };
	first = options_read(&copy_table, argc, argv, options_r, code_r);
	if (first < 0)
		return false;
	for (int side = 0; side < 2; side++)
		options_r->urls.access[side].rules.impatient =
			options_r->patience == 0;
	*code_r = copy_take_urls(options_r, argc - first, argv + first);
	return *code_r == 0;
}

/* ---- where the two accounts are ---- */

int copy_locate_side(const struct copy_options *options, int side,
	const char *url, struct location *location_r, struct error *error)
{
	struct copy_side wanted = copy_urls_side(
		&options->urls, side, url, (int)options->timeout);

	wanted.destination = side == 1;
	return copy_side_locate(&wanted, location_r, error);
}

/* Reads the folder map; both sides note what becomes of folders. */
static int copy_read_map(struct copy *copy, struct error *error)
{
	copy->source.target.notes = copy->pass.notes;
	copy->destination.target.notes = copy->pass.notes;
	if (copy->options->folder_map == NULL)
		return 0;
	copy->map = foldermap_load(copy->options->folder_map, error);
	copy->pass.map = copy->map;
	copy->source.target.map = copy->map;
	return copy->map != NULL ? 0 : EX_CONFIG;
}

int copy_check_accounts(const struct location *source,
	const struct location *destination, struct error *error)
{
	char *from = location_name(source);
	char *to = location_name(destination);
	bool same = strcmp(from, to) == 0;

	free(from);
	free(to);
	if (!same)
		return 0;
	error_set(error, "source and destination are the same account");
	return EX_USAGE;
}

int copy_locate(struct copy *copy)
{
	const struct copy_options *options = copy->options;
	struct error error;
	int code = copy_locate_side(
		options, 0, options->source, &copy->source, &error);

	if (code == 0)
		code = copy_locate_side(options, 1, options->destination,
			&copy->destination, &error);
	if (code == 0)
		code = copy_check_accounts(
			&copy->source, &copy->destination, &error);
	if (code == 0)
		code = copy_check_file(options->doveadm_password_file, &error);
	if (code == 0)
		code = copy_read_map(copy, &error);
	if (code == EX_USAGE)
		return copy_misused(error.text);
	return code == 0 ? 0 : copy_fail(copy, code, error.text);
}
