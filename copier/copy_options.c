/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of a stand-alone copy: what is missing, what is wrong. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "copier/copy_private.h"
#include "copier/foldermap.h"

#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

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

void copy_usage(int to_error)
{
	fputs(copy_help, to_error ? stderr : stdout);
}

int copy_misused(const char *text)
{
	fprintf(stderr, "rehome copy: %s; see `rehome copy --help`\n", text);
	return EX_USAGE;
}

static const struct option copy_options[] = {
	{ "source-password-file", required_argument, NULL, 's' },
	{ "destination-password-file", required_argument, NULL, 'd' },
	{ "destination-doveadm", required_argument, NULL, 'a' },
	{ "destination-doveadm-password-file", required_argument, NULL, 'A' },
	{ "state", required_argument, NULL, 'S' },
	{ "starttls", no_argument, NULL, 't' },
	{ "ca-file", required_argument, NULL, 'C' },
	{ "folder-map", required_argument, NULL, 'm' },
	{ "certificate", required_argument, NULL, 'c' },
	{ "make-equal", no_argument, NULL, 'e' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "list", required_argument, NULL, 'L' },
	{ "jobs", required_argument, NULL, 'J' },
	{ "json", no_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "timeout", required_argument, NULL, 'T' },
	{ "lanes", required_argument, NULL, 'l' },
	{ "patience", required_argument, NULL, 'P' },
	COPY_ACCESS_ROWS("source", 0),
	COPY_ACCESS_ROWS("destination", 1),
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Those that take a text or nothing. False for the others. */
static bool copy_plain_option(struct copy_options *options, int option)
{
	const char **text = option == 's' ? &options->source_password_file
			    : option == 'd'
				    ? &options->destination_password_file
			    : option == 'S' ? &options->state
			    : option == 'C' ? &options->ca_file
			    : option == 'm' ? &options->folder_map
			    : option == 'c' ? &options->certificate
			    : option == 'L' ? &options->list
			    : option == 'a' ? &options->doveadm
			    : option == 'A' ? &options->doveadm_password_file
					    : NULL;
	bool *flag = option == 't'   ? &options->starttls
		     : option == 'e' ? &options->make_equal
		     : option == 'n' ? &options->dry_run
		     : option == 'j' ? &options->json
		     : option == 'q' ? &options->quiet
		     : option == 'h' ? &options->help
				     : NULL;

	if (text != NULL)
		*text = optarg;
	if (flag != NULL)
		*flag = true;
	return text != NULL || flag != NULL;
}

/* 0, or a code after it was reported. */
static int copy_access_option(struct copy_options *options, int option)
{
	struct error error;

	return copy_access_take(options->access, option, optarg, &error) < 0
		       ? copy_misused(error.text)
		       : 0;
}

/* 0, or a code after it was reported. */
static int copy_timeout_option(struct copy_options *options)
{
	struct error error;

	if (duration_parse(optarg, &options->timeout, &error) < 0) {
		error_prefix(&error, "--timeout");
		return copy_misused(error.text);
	}
	if (options->timeout < 1000 || options->timeout > 86400000)
		return copy_misused("--timeout: between 1s and 1d");
	return 0;
}

static int copy_jobs_option(struct copy_options *options)
{
	char *end;

	options->jobs = strtol(optarg, &end, 10);
	if (end == optarg || *end != '\0' || options->jobs < 1 ||
		options->jobs > COPY_JOBS_MAX)
		return copy_misused("--jobs: a number between 1 and 100");
	return 0;
}

static int copy_lanes_option(struct copy_options *options)
{
	char *end;

	options->lanes = strtol(optarg, &end, 10);
	if (end == optarg || *end != '\0' || options->lanes < 1 ||
		options->lanes > COPY_LANES_MAX)
		return copy_misused("--lanes: a number between 1 and 64");
	return 0;
}

/* 0, or a code after it was reported. */
static int copy_patience_option(struct copy_options *options)
{
	struct error error;

	if (duration_parse(optarg, &options->patience, &error) == 0) {
		options->access[0].rules.impatient =
			options->access[1].rules.impatient =
				options->patience == 0;
		return 0;
	}
	error_prefix(&error, "--patience");
	return copy_misused(error.text);
}

/* What getopt_long has complained of: it sets optopt for those it knows. */
static int copy_unknown(int option, char **argv)
{
	const char *word = argv[optind - 1];
	struct error error;

	if (option == ':')
		error_set(&error, "option %.60s needs a value", word);
	else
		error_set(&error, "unknown option %.60s", word);
	return copy_misused(error.text);
}

/* The two URLs, or none with a list. */
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
	if (options->list != NULL)
		return 0;
	if (count > 2) {
		error_set(&error, "unexpected argument %.100s", words[2]);
		return copy_misused(error.text);
	}
	if (count < 2)
		return copy_misused(
			count == 0 ? "SOURCE and DESTINATION are missing"
				   : "DESTINATION is missing");
	if (options->doveadm != NULL &&
		endpoint_check(options->doveadm, &error) < 0) {
		error_prefix(&error, "--destination-doveadm");
		return copy_misused(error.text);
	}
	options->source = words[0];
	options->destination = words[1];
	return 0;
}

int copy_read_options(int argc, char **argv, struct copy_options *options_r)
{
	int option, code;

	*options_r = (struct copy_options){ .timeout = COPY_TIMEOUT,
		.patience = COPY_PATIENCE,
		.lanes = COPY_LANES,
		.jobs = COPY_JOBS,
		.argc = argc,
		.argv = argv };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":hnq", copy_options, NULL)) !=
		-1) {
		if (option == ':' || option == '?')
			return copy_unknown(option, argv);
		if (copy_plain_option(options_r, option))
			continue;
		code = option >= COPY_ACCESS_FIRST
			       ? copy_access_option(options_r, option)
		       : option == 'P' ? copy_patience_option(options_r)
		       : option == 'l' ? copy_lanes_option(options_r)
		       : option == 'J' ? copy_jobs_option(options_r)
				       : copy_timeout_option(options_r);
		if (code != 0)
			return code;
	}
	if (options_r->help)
		return 0;
	return copy_take_urls(options_r, argc - optind, argv + optind);
}

/* ---- where the two accounts are ---- */

char *copy_identity(const struct location *location)
{
	return location_name(location);
}

static int copy_parse_side(
	const char *url, const char *side, struct location *location)
{
	struct error error;

	if (location_parse(url, true, location, &error) == 0)
		return 0;
	error_prefix(&error, "%s", side);
	return copy_misused(error.text);
}

/* A file that is named must be there, or no later try can help. */
static int copy_check_file(struct copy *copy, const char *path)
{
	struct error error;

	if (path == NULL || access(path, R_OK) == 0)
		return 0;
	error_set(&error, "open %s: %s", path, strerror(errno));
	return copy_fail(copy, EX_NOINPUT, error.text);
}

static int copy_enter_side(struct copy *copy, bool source)
{
	const struct copy_options *options = copy->options;
	struct location *location = source ? &copy->source : &copy->destination;
	const char *file = source ? options->source_password_file
				  : options->destination_password_file;
	const struct copy_access *access = &options->access[source ? 0 : 1];
	struct mailbox_target *target = &location->target;
	struct error error;

	if (!source && location_check_destination(location, &error) < 0)
		return copy_misused(error.text);
	if (location_is_local(location))
		return copy_check_file(copy, location->path);
	if (copy_check_file(copy, options->ca_file) != 0)
		return EX_NOINPUT;
	if (copy_access_check(access, source, &error) < 0)
		return copy_misused(error.text);
	if (file == NULL && access->rules.token_command == NULL) {
		error_set(&error,
			"--%s-password-file FILE is missing: its first line is "
			"the password of %s",
			source ? "source" : "destination", location->label);
		return copy_misused(error.text);
	}
	if (file != NULL && location_password(location, file, &error) < 0)
		return copy_fail(copy, EX_NOINPUT, error.text);
	if (options->starttls && target->security == MAILBOX_CLEAR)
		target->security = MAILBOX_STARTTLS;
	target->ca_file = options->ca_file;
	target->timeout_ms = (int)options->timeout;
	return 0;
}

/* Reads the folder map; both sides note what becomes of folders. */
static int copy_read_map(struct copy *copy)
{
	struct error error;

	copy->source.target.notes = copy->pass.notes;
	copy->destination.target.notes = copy->pass.notes;
	if (copy->options->folder_map == NULL)
		return 0;
	copy->map = foldermap_load(copy->options->folder_map, &error);
	if (copy->map == NULL)
		return copy_fail(copy, EX_CONFIG, error.text);
	copy->pass.map = copy->map;
	copy->source.target.map = copy->map;
	return 0;
}

int copy_locate(struct copy *copy)
{
	const struct copy_options *options = copy->options;
	char *source, *destination;
	int code = copy_parse_side(options->source, "SOURCE", &copy->source);
	bool same;

	if (code == 0)
		code = copy_parse_side(options->destination, "DESTINATION",
			&copy->destination);
	if (code == 0)
		code = copy_enter_side(copy, true);
	if (code == 0)
		code = copy_enter_side(copy, false);
	if (code == 0)
		code = copy_read_map(copy);
	if (code != 0)
		return code;
	source = copy_identity(&copy->source);
	destination = copy_identity(&copy->destination);
	same = strcmp(source, destination) == 0;
	free(source);
	free(destination);
	return same ? copy_misused(
			      "source and destination are the same account")
		    : 0;
}
