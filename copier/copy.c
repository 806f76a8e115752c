/* SPDX-License-Identifier: BSD-2-Clause */
/* The stand-alone copy: the journal, the two mailboxes, the rounds. */
#include "config.h"

#include "copier/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "copier/certificate.h"
#include "copier/copy_private.h"
#include "copier/digest.h"
#include "copier/lanes.h"
#include "copier/folder_notes.h"
#include "copier/foldermap.h"
#include "copier/identity.h"
#include "copier/interrupt.h"
#include "copier/round.h"

#include "lib/daemon.h"
#include "lib/hex.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* Rounds until what changes meanwhile is carried over too. */
#define COPY_ROUNDS_MAX 3
/* Of the digest that a journal is named by. */
#define COPY_NAME_OCTETS 8

static bool copy_goes_on(void *context, struct error *error)
{
	const struct copy *copy = context;

	if (!interrupt_came())
		return pace_goes_on(access_pace(copy->source.access), error) &&
		       pace_goes_on(
			       access_pace(copy->destination.access), error);
	error_set(error, "interrupted; the next run goes on from here");
	return false;
}

static void copy_progress(
	void *context, const struct pass *pass, const char *folder)
{
	copy_tell_progress(context, pass, folder);
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

	if (copy->options->state != NULL)
		return xstrdup(copy->options->state);
	if (state != NULL && state[0] == '/')
		return xasprintf("%s/rehome", state);
	return xasprintf("%s/.local/state/rehome", home != NULL ? home : "");
}

/* Makes the directory of state, and says how the accounts are entered, within
 * limits that are kept there. */
static int copy_prepare(struct copy *copy, struct error *error)
{
	const struct copy_access *access = copy->options->urls.access;
	char *directory = copy_state_directory(copy);
	int result = copy_make_directory(directory, error);

	location_spool(&copy->source, directory);
	location_spool(&copy->destination, directory);
	if (result == 0)
		result = copy_access_limit(
			&access[0], directory, &copy->source, error);
	if (result == 0)
		result = copy_access_limit(
			&access[1], directory, &copy->destination, error);
	free(directory);
	return result;
}

/* Opens the journal of these two accounts; its name is a digest of both. */
static int copy_open_journal(
	struct copy *copy, bool *busy_r, struct error *error)
{
	char *directory = copy_state_directory(copy);
	char *source = location_name(&copy->source);
	char *destination = location_name(&copy->destination);
	const char *const systems[2] = { source, destination };
	struct digest *digest = digest_new();
	unsigned char sum[JOURNAL_DIGEST];
	char hex[2 * COPY_NAME_OCTETS + 1], *name;

	digest_begin(digest);
	digest_add(digest, source, strlen(source) + 1);
	digest_add(digest, destination, strlen(destination) + 1);
	digest_end(digest, sum);
	digest_free(&digest);
	hex_print(sum, COPY_NAME_OCTETS, hex);
	name = xasprintf("copy-%s", hex);
	location_keep_uids(&copy->source, directory, name);
	copy->pass.journal = journal_open(
		directory, name, systems, copy->flags, busy_r, error);
	free(name);
	free(source);
	free(destination);
	free(directory);
	return copy->pass.journal != NULL ? 0 : -1;
}

struct mailbox *copy_open_mailbox(struct copy *copy,
	const struct location *location, const char *side,
	enum mailbox_failure *failure_r, struct error *error)
{
	struct mailbox *mailbox =
		mailbox_open(&location->target, copy->flags, failure_r, error);

	if (mailbox == NULL)
		error_prefix(error, "%s %s", side, location->label);
	return mailbox;
}

/* One of a further pair of connections: 0 the source's. */
struct copy_pair {
	struct copy *copy;
	struct pass_pair *pair;
};

static bool copy_open_side(void *context, int side, struct error *error)
{
	struct copy_pair *opening = context;
	struct copy *copy = opening->copy;
	struct mailbox *mailbox;
	enum mailbox_failure failure;

	mailbox = copy_open_mailbox(copy,
		side == 0 ? &copy->source : &copy->destination,
		side == 0 ? "source" : "destination", &failure, error);
	if (side == 0)
		opening->pair->home = mailbox;
	else
		opening->pair->other = mailbox;
	return mailbox != NULL;
}

/* One more connection to each side, if both let us in. */
static bool copy_open_pair(
	void *context, struct pass_pair *pair, struct error *error)
{
	struct copy_pair opening = { context, pair };

	if (lanes_open_both(copy_open_side, &opening, error))
		return true;
	mailbox_close(&pair->home);
	mailbox_close(&pair->other);
	return false;
}

static void copy_close_pair(void *context, struct pass_pair *pair)
{
	(void)context;
	mailbox_close(&pair->home);
	mailbox_close(&pair->other);
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

int copy_estimate(void *context, struct pass *pass, struct plan *plan,
	struct error *error)
{
	struct copy *copy = context;

	for (size_t i = 0; i < plan->count; i++) {
		struct plan_folder *folder = &plan->folders[i];
		struct copy_estimate *one;

		if (folder->copy.count == 0)
			continue;
		if (view_measure(
			    folder->home, pass->home, &folder->copy, error) < 0)
			return -1;
		copy->estimates = xreallocarray(copy->estimates,
			copy->estimates_count + 1, sizeof(*copy->estimates));
		one = &copy->estimates[copy->estimates_count++];
		*one = (struct copy_estimate){ .folder = xstrdup(
						       folder->home_name) };
		for (size_t j = 0; j < folder->copy.count; j++) {
			const struct view_message *message = view_message_find(
				folder->home, folder->copy.uids[j]);

			one->messages++;
			if (message != NULL && message->measured)
				one->bytes += message->size;
		}
	}
	return 0;
}

int copy_rounds(struct copy *copy, struct error *error)
{
	const struct copy_options *wanted = copy->options;
	struct round_options options = {
		.removal = wanted->make_equal ? PLAN_REMOVE_COPIED
					      : PLAN_REMOVE_NOTHING,
		.dry_run = wanted->dry_run ? &copy->plan : NULL,
		.planned = wanted->dry_run ? copy_estimate : NULL,
		.context = copy,
	};
	const struct pass_counts *counts = &copy->pass.counts;
	int rounds;

	if (!wanted->dry_run && round_settle(&copy->pass, error) < 0)
		return -1;
	for (rounds = 0; rounds < COPY_ROUNDS_MAX; rounds++) {
		int result = round_run(&copy->pass, &options, error);

		copy_add_counts(copy);
		if (result < 0)
			return -1;
		if (wanted->dry_run ||
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

bool copy_is_complete(const struct copy *copy)
{
	const struct pass_counts *counts = &copy->pass.counts;

	return counts->refused == 0 && counts->missed == 0 &&
	       counts->unsettled == 0 && counts->keywords_refused == 0;
}

/* What is at both sides now, whether that is all or not. */
static int copy_certify(struct copy *copy, struct error *error)
{
	struct certificate *certificate =
		certificate_new(copy->options->certificate);
	char *account = location_name(&copy->source);
	const struct certificate_facts facts = {
		.account = account,
		.home = copy->source.label,
		.other = copy->destination.label,
		.at = instant_now(),
		.foreign = copy->pass.counts.foreign,
	};
	int result =
		certificate_finish(certificate, &copy->pass, &facts, error);

	certificate_free(&certificate);
	free(account);
	return result;
}

static int copy_run(struct copy *copy)
{
	struct error error = { "" };
	bool busy;
	int result;

	if (copy_prepare(copy, &error) < 0)
		return copy_fail(copy, EX_CANTCREAT, error.text);
	/* Others keep a file of UIDs, which belongs to who has the journal. */
	if (strcmp(copy->source.target.protocol, "imap") == 0)
		copy_login_begin(copy);
	if (copy_open_journal(copy, &busy, &error) < 0) {
		copy_login_end(copy);
		return copy_fail(
			copy, busy ? EX_TEMPFAIL : EX_CANTCREAT, error.text);
	}
	copy_tell_start(copy);
	result = copy_endure(copy, &error);
	copy_tell_refused(copy);
	copy_tell_notes(copy);
	if (result < 0)
		return copy_fail(copy, copy->code, error.text);
	if (copy->options->certificate != NULL && !copy->options->dry_run &&
		copy_certify(copy, &error) < 0)
		return copy_fail(copy, EX_CANTCREAT, error.text);
	copy_tell_end(copy);
	return copy_is_complete(copy) ? EX_OK : EX_DATAERR;
}

static void copy_clear(struct copy *copy)
{
	mailbox_close(&copy->pass.home);
	mailbox_close(&copy->pass.other);
	identity_free(&copy->pass.identity);
	journal_close(&copy->pass.journal);
	pass_clear(&copy->pass);
	buffer_free(&copy->plan);
	flagpool_free(&copy->flags);
	folder_notes_free(&copy->pass.notes);
	foldermap_free(&copy->map);
	location_clear(&copy->source);
	location_clear(&copy->destination);
	for (size_t i = 0; i < copy->estimates_count; i++)
		free(copy->estimates[i].folder);
	free(copy->estimates);
	free(copy->folder);
	pthread_mutex_destroy(&copy->telling);
}

static int copy_account(const struct copy_options *options)
{
	struct copy copy = { .options = options, .began = instant_monotonic() };
	int code;

	pthread_mutex_init(&copy.telling, NULL);
	copy.flags = flagpool_new();
	copy.pass.flags = copy.flags;
	copy.pass.notes = folder_notes_new();
	copy.pass.side = JOURNAL_SOURCE;
	if (options->keep_altered)
		copy.pass.altered = PASS_ALTERED_KEEP;
	if (options->retry_altered)
		copy.pass.altered_again = instant_now();
	copy.pass.go_on = copy_goes_on;
	copy.pass.progress = copy_progress;
	copy.pass.lanes = (size_t)options->lanes;
	copy.pass.pair_open = copy_open_pair;
	copy.pass.pair_close = copy_close_pair;
	copy.pass.context = &copy;
	code = copy_locate(&copy);
	if (code == 0)
		code = copy_run(&copy);
	copy_clear(&copy);
	return code;
}

int copy_main(int argc, char **argv)
{
	struct copy_options options;
	struct error error;
	int code;

	if (!copy_read_options(argc, argv, &options, &code))
		return code;
	interrupt_catch();
	/* No core and no debugger: passwords are in our memory. */
	if (daemon_drop_privileges(NULL, NULL, NULL, true, &error) < 0) {
		fprintf(stderr, "rehome copy: %s\n", error.text);
		return EX_OSERR;
	}
	return options.list != NULL ? copy_many(&options)
				    : copy_account(&options);
}
