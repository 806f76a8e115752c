/* SPDX-License-Identifier: BSD-2-Clause */
/* The stand-alone copy: options, the rounds, the report. */
#include "config.h"

#include "copier/copy.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <jansson.h>

#include "copier/digest.h"
#include "copier/location.h"
#include "copier/progress.h"
#include "copier/round.h"

#include "lib/daemon.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* Rounds until what changes meanwhile is carried over too. */
#define COPY_ROUNDS_MAX 3
#define COPY_TIMEOUT	(5 * 60 * 1000)

struct copy {
	struct location source;
	struct location destination;
	const char *state;
	const char *source_password_file;
	const char *destination_password_file;
	const char *ca_file;
	bool starttls;
	bool make_equal;
	bool dry_run;
	bool json;

	struct flagpool *flags;
	struct pass pass;
	struct progress progress;
	struct buffer plan;
	int64_t began;
	uint64_t copied, copied_bytes, adopted, removed, changed;
};

static volatile sig_atomic_t copy_stop;

static void copy_on_signal(int number)
{
	copy_stop = number;
}

void copy_usage(int to_error)
{
	fputs("usage: rehome copy SOURCE DESTINATION\n"
	      "           --source-password-file FILE\n"
	      "           --destination-password-file FILE\n"
	      "           [--state DIRECTORY] [--starttls] [--ca-file FILE]\n"
	      "           [--make-equal] [--dry-run] [--json]\n"
	      "SOURCE and DESTINATION are imap[s]://USER@HOST[:PORT]\n",
		to_error ? stderr : stdout);
}

static int copy_fail(const struct copy *copy, int code, const char *text)
{
	if (copy->json) {
		json_t *report =
			json_pack("{s:b,s:s}", "complete", 0, "error", text);

		json_dumpf(report, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(report);
	}
	fprintf(stderr, "rehome copy: %s\n", text);
	return code;
}

static bool copy_goes_on(void *context, struct error *error)
{
	(void)context;
	if (copy_stop == 0)
		return true;
	error_set(error, "interrupted; the next run goes on from here");
	return false;
}

static void copy_progress(
	void *context, const struct pass *pass, const char *folder)
{
	struct copy *copy = context;

	progress_draw(&copy->progress, pass, folder);
}

/* Makes the directory and those above it. */
static int copy_make_directory(const char *path, struct error *error)
{
	char *part = xstrdup(path), *at = part;
	int result = 0;

	while (result == 0 && at != NULL) {
		at = strchr(at + 1, '/');
		if (at != NULL)
			*at = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST) {
			error_set(error, "make directory %s: %s", part,
				strerror(errno));
			result = -1;
		}
		if (at != NULL)
			*at = '/';
	}
	free(part);
	return result;
}

/* Where journals are when nobody says so: the XDG base directories. */
static char *copy_state_directory(const struct copy *copy)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (copy->state != NULL)
		return xstrdup(copy->state);
	if (state != NULL && state[0] == '/')
		return xasprintf("%s/rehome", state);
	return xasprintf("%s/.local/state/rehome", home != NULL ? home : "");
}

static char *copy_identity(const struct location *location)
{
	return xasprintf("%s@%s:%u", location->login, location->host,
		location->target.port);
}

/* Opens the journal of these two accounts; its name is a digest of both. */
static int copy_open_journal(struct copy *copy, struct error *error)
{
	char *directory = copy_state_directory(copy);
	char *source = copy_identity(&copy->source);
	char *destination = copy_identity(&copy->destination);
	const char *const systems[2] = { source, destination };
	struct digest *digest = digest_new();
	unsigned char sum[JOURNAL_DIGEST];
	char *name;

	digest_begin(digest);
	digest_add(digest, source, strlen(source) + 1);
	digest_add(digest, destination, strlen(destination) + 1);
	digest_end(digest, sum);
	digest_free(&digest);
	name = xasprintf("copy-%02x%02x%02x%02x%02x%02x%02x%02x", sum[0],
		sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]);
	if (copy_make_directory(directory, error) == 0)
		copy->pass.journal = journal_open(
			directory, name, systems, copy->flags, error);
	free(name);
	free(source);
	free(destination);
	free(directory);
	return copy->pass.journal != NULL ? 0 : -1;
}

static struct mailbox *copy_open_mailbox(struct copy *copy,
	const struct location *location, const char *side, int *code_r,
	struct error *error)
{
	bool denied;
	struct mailbox *mailbox =
		mailbox_open(&location->target, copy->flags, &denied, error);

	if (mailbox == NULL) {
		error_prefix(error, "%s %s", side, location->label);
		*code_r = denied ? EX_NOPERM : EX_TEMPFAIL;
	}
	return mailbox;
}

static void copy_add_counts(struct copy *copy)
{
	const struct pass_counts *counts = &copy->pass.counts;

	copy->copied += counts->copied;
	copy->copied_bytes += counts->copied_bytes;
	copy->adopted += counts->adopted;
	copy->removed += counts->removed;
	copy->changed += counts->flags;
}

static int copy_rounds(struct copy *copy, struct error *error)
{
	struct round_options options = {
		.removal = copy->make_equal ? PLAN_REMOVE_COPIED
					    : PLAN_REMOVE_NOTHING,
		.dry_run = copy->dry_run ? &copy->plan : NULL,
	};
	const struct pass_counts *counts = &copy->pass.counts;
	int rounds;

	if (!copy->dry_run && round_settle(&copy->pass, error) < 0)
		return -1;
	for (rounds = 0; rounds < COPY_ROUNDS_MAX; rounds++) {
		int result = round_run(&copy->pass, &options, error);

		copy_add_counts(copy);
		if (result < 0)
			return -1;
		if (copy->dry_run ||
			(counts->missed == 0 && counts->unsettled == 0 &&
				counts->lacking == 0))
			break;
	}
	if (counts->lacking == 0)
		return 0;
	error_set(error,
		"the destination has %" PRIu64 " messages less than it has "
		"said that it stored",
		counts->lacking);
	return -1;
}

/* True when the destination now has all that the source has. */
static bool copy_is_complete(const struct copy *copy)
{
	const struct pass_counts *counts = &copy->pass.counts;

	return counts->refused == 0 && counts->missed == 0 &&
	       counts->unsettled == 0 && counts->keywords_refused == 0;
}

static json_t *copy_json_text(const char *text)
{
	json_t *value = json_string(text);

	/* Folder names and server texts may be no UTF-8. */
	return value != NULL ? value : json_string("?");
}

static void copy_report_json(const struct copy *copy)
{
	const struct pass_counts *counts = &copy->pass.counts;
	json_t *refusals = json_array(), *report;
	size_t i;

	for (i = 0; i < copy->pass.refusals_count; i++) {
		const struct pass_refusal *refusal = &copy->pass.refusals[i];

		json_array_append_new(refusals,
			json_pack("{s:o,s:I,s:o}", "folder",
				copy_json_text(refusal->folder), "uid",
				(json_int_t)refusal->uid, "words",
				copy_json_text(refusal->words.text)));
	}
	report = json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}",
		"complete", copy_is_complete(copy), "messages",
		(json_int_t)counts->messages, "bytes",
		(json_int_t)counts->bytes, "copied", (json_int_t)copy->copied,
		"copied_bytes", (json_int_t)copy->copied_bytes, "adopted",
		(json_int_t)copy->adopted, "removed", (json_int_t)copy->removed,
		"flags", (json_int_t)copy->changed, "foreign",
		(json_int_t)counts->foreign, "keywords_refused",
		(json_int_t)counts->keywords_refused, "duration_ms",
		(json_int_t)(instant_monotonic() - copy->began), "refused",
		refusals);
	if (copy->dry_run) {
		json_object_set_new(report, "plan",
			copy_json_text(copy->plan.data != NULL ? copy->plan.data
							       : ""));
		json_object_set_new(report, "planned",
			json_integer((json_int_t)counts->planned));
	}
	json_dumpf(report, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(report);
}

static void copy_report(const struct copy *copy)
{
	const struct pass_counts *counts = &copy->pass.counts;
	size_t i;

	if (copy->json) {
		copy_report_json(copy);
		return;
	}
	if (copy->dry_run) {
		fputs(copy->plan.data != NULL ? copy->plan.data : "", stdout);
		printf("%" PRIu64 " messages would be copied\n",
			counts->planned);
		return;
	}
	for (i = 0; i < copy->pass.refusals_count; i++) {
		const struct pass_refusal *refusal = &copy->pass.refusals[i];

		fprintf(stderr, "refused: %s uid %" PRIu32 ": %s\n",
			refusal->folder, refusal->uid, refusal->words.text);
	}
	printf("%" PRIu64 " messages, %" PRIu64 " bytes at the destination; "
	       "copied %" PRIu64 " (%" PRIu64 " bytes), adopted %" PRIu64
	       ", removed %" PRIu64 ", flags of %" PRIu64 ", foreign %" PRIu64
	       ", refused %" PRIu64 ", keywords refused %" PRIu64 ", %.1f s\n",
		counts->messages, counts->bytes, copy->copied,
		copy->copied_bytes, copy->adopted, copy->removed, copy->changed,
		counts->foreign, counts->refused, counts->keywords_refused,
		(double)(instant_monotonic() - copy->began) / 1000);
}

static int copy_run(struct copy *copy)
{
	struct error error = { "" };
	int code = EX_TEMPFAIL, result;

	if (copy_open_journal(copy, &error) < 0)
		return copy_fail(copy, EX_CANTCREAT, error.text);
	copy->pass.home =
		copy_open_mailbox(copy, &copy->source, "source", &code, &error);
	if (copy->pass.home != NULL)
		copy->pass.other = copy_open_mailbox(
			copy, &copy->destination, "destination", &code, &error);
	if (copy->pass.other == NULL)
		return copy_fail(copy, code, error.text);
	progress_begin(&copy->progress);
	result = copy_rounds(copy, &error);
	progress_end(&copy->progress);
	if (result < 0)
		return copy_fail(copy, EX_TEMPFAIL, error.text);
	copy_report(copy);
	return copy_is_complete(copy) ? EX_OK : EX_DATAERR;
}

/* Fills what the options leave open. 0 or a code. */
static int copy_prepare(struct copy *copy, char **urls)
{
	struct location *sides[2] = { &copy->source, &copy->destination };
	const char *files[2] = { copy->source_password_file,
		copy->destination_password_file };
	char *source, *destination;
	struct error error;
	bool same;
	int i;

	for (i = 0; i < 2; i++) {
		struct mailbox_target *target = &sides[i]->target;

		if (location_parse(urls[i], true, sides[i], &error) < 0)
			return copy_fail(copy, EX_USAGE, error.text);
		if (location_password(sides[i], files[i], &error) < 0)
			return copy_fail(copy, EX_NOINPUT, error.text);
		if (copy->starttls && target->security == MAILBOX_CLEAR)
			target->security = MAILBOX_STARTTLS;
		target->ca_file = copy->ca_file;
		target->timeout_ms = COPY_TIMEOUT;
	}
	source = copy_identity(&copy->source);
	destination = copy_identity(&copy->destination);
	same = strcmp(source, destination) == 0;
	free(source);
	free(destination);
	if (same)
		return copy_fail(copy, EX_USAGE,
			"source and destination are the same account");
	return 0;
}

static const struct option copy_options[] = {
	{ "source-password-file", required_argument, NULL, 's' },
	{ "destination-password-file", required_argument, NULL, 'd' },
	{ "state", required_argument, NULL, 'S' },
	{ "starttls", no_argument, NULL, 't' },
	{ "ca-file", required_argument, NULL, 'C' },
	{ "make-equal", no_argument, NULL, 'e' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Takes one option; false for those that there are not. */
static bool copy_option(struct copy *copy, int option)
{
	switch (option) {
	case 's':
		copy->source_password_file = optarg;
		return true;
	case 'd':
		copy->destination_password_file = optarg;
		return true;
	case 'S':
		copy->state = optarg;
		return true;
	case 't':
		copy->starttls = true;
		return true;
	case 'C':
		copy->ca_file = optarg;
		return true;
	case 'e':
		copy->make_equal = true;
		return true;
	case 'n':
		copy->dry_run = true;
		return true;
	case 'j':
		copy->json = true;
		return true;
	default:
		return false;
	}
}

static void copy_clear(struct copy *copy)
{
	mailbox_close(&copy->pass.home);
	mailbox_close(&copy->pass.other);
	journal_close(&copy->pass.journal);
	pass_clear(&copy->pass);
	buffer_free(&copy->plan);
	flagpool_free(&copy->flags);
	location_clear(&copy->source);
	location_clear(&copy->destination);
}

int copy_main(int argc, char **argv)
{
	struct copy copy = { .began = instant_monotonic() };
	struct sigaction action = { .sa_handler = copy_on_signal };
	struct error error;
	int option, code;

	while ((option = getopt_long(argc, argv, "h", copy_options, NULL)) !=
		-1) {
		if (option == 'h') {
			copy_usage(0);
			return EX_OK;
		}
		if (!copy_option(&copy, option)) {
			copy_usage(1);
			return EX_USAGE;
		}
	}
	if (argc - optind != 2 || copy.source_password_file == NULL ||
		copy.destination_password_file == NULL) {
		copy_usage(1);
		return EX_USAGE;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* No core and no debugger: passwords are in our memory. */
	if (daemon_drop_privileges(NULL, NULL, NULL, true, &error) < 0)
		return copy_fail(&copy, EX_OSERR, error.text);
	copy.flags = flagpool_new();
	copy.pass.flags = copy.flags;
	copy.pass.side = JOURNAL_SOURCE;
	copy.pass.go_on = copy_goes_on;
	copy.pass.progress = copy_progress;
	copy.pass.context = &copy;
	code = copy_prepare(&copy, argv + optind);
	if (code == 0)
		code = copy_run(&copy);
	copy_clear(&copy);
	return code;
}
