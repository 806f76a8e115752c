/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the parts of a stand-alone copy: copy.c (the run), copy_options.c
 * (the command line), copy_report.c (what is told).
 */
#ifndef REHOME_COPIER_COPY_PRIVATE_H
#define REHOME_COPIER_COPY_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "copier/copy.h"
#include "copier/copy_access.h"
#include "copier/location.h"
#include "copier/pass.h"
#include "copier/plan.h"
#include "copier/progress.h"

#include "lib/error.h"

/* As they stand on the command line; the strings are argv's. */
struct copy_options {
	const char *source; /* URL */
	const char *destination;
	struct copy_urls urls;
	const char *state;
	const char *folder_map;
	const char *certificate;
	const char *list;    /* of accounts, instead of the URLs */
	const char *doveadm; /* endpoint at the destination, or NULL */
	const char *doveadm_password_file;
	bool make_equal;
	bool keep_altered;
	bool retry_altered;
	bool dry_run;
	bool json;
	bool quiet;
	int64_t timeout;  /* ms without a byte */
	int64_t patience; /* ms that a server may be away */
	long lanes;
	long jobs;		      /* accounts of a list at once */
	struct copy_access access[2]; /* of source and destination */
	int argc;
	char **argv; /* as it was given */
};

/* What a dry run has found of one folder. */
struct copy_estimate {
	char *folder;
	uint64_t messages;
	uint64_t bytes;
};

struct copy_logins;

struct copy {
	const struct copy_options *options;
	struct location source;
	struct location destination;
	struct foldermap *map; /* or NULL */
	struct flagpool *flags;
	struct pass pass;
	struct progress progress;
	struct buffer plan;
	int64_t began;
	int code; /* what to end with after a failure (sysexits.h) */
	/* the first logins, while the journal is being read */
	bool logging_in;
	pthread_t logins;
	struct copy_logins *first;
	uint64_t copied, copied_bytes, adopted, removed, changed;

	struct copy_estimate *estimates;
	size_t estimates_count;

	/* of the reports; progress is told by several threads */
	pthread_mutex_t telling;
	char *folder; /* told last */
	int64_t told; /* when, monotonic ms */
};

/* Reads the command line. True; or false: the command ends with *code_r. */
bool copy_read_options(
	int argc, char **argv, struct copy_options *options_r, int *code_r);
/* Where the account of that side is; 0 the source. See copy_side_locate. */
int copy_locate_side(const struct copy_options *options, int side,
	const char *url, struct location *location_r, struct error *error);
/* Fills source and destination. 0, or a code after it was reported. */
int copy_locate(struct copy *copy);
/* The two are not one and the same. 0, or EX_USAGE with an error. */
int copy_check_accounts(const struct location *source,
	const struct location *destination, struct error *error);
/* Opens one side's mailbox, with an error that names the side. */
struct mailbox *copy_open_mailbox(struct copy *copy,
	const struct location *location, const char *side,
	enum mailbox_failure *failure_r, struct error *error);
/* Begins to log in to both sides, for copy_endure to go on with; and waits for
 * that when it has come to nothing. */
void copy_login_begin(struct copy *copy);
void copy_login_end(struct copy *copy);
/* Rounds over open mailboxes until all is carried over. 0 or -1. */
int copy_rounds(struct copy *copy, struct error *error);
/* The same, and opens the mailboxes, again and again when they are lost. 0, or
 * -1 with an error and copy->code. */
int copy_endure(struct copy *copy, struct error *error);

/* Prints "rehome copy: TEXT", and ends the events. Returns code. */
int copy_fail(struct copy *copy, int code, const char *text);
/* A bad command line. */
int copy_misused(const char *text);

/* Opens pass.identity where the options name a doveadm server. 0; or -1 and
 * *failure_r. */
int copy_open_identity(struct copy *copy, enum mailbox_failure *failure_r,
	struct error *error);
/* Adds what IMAP clients will do again. */
void copy_identity_text(const struct copy *copy, struct buffer *text);

/* Copies all accounts of the list. Returns the worst exit code. */
int copy_many(const struct copy_options *options);

/* The reports; each does what the options ask for. */
void copy_tell_start(struct copy *copy);
void copy_tell_progress(
	struct copy *copy, const struct pass *pass, const char *folder);
void copy_tell_refused(struct copy *copy);
/* A connection was lost, and it goes on after so many ms. */
void copy_tell_reconnect(struct copy *copy, const char *why, int64_t ms);
void copy_tell_end(struct copy *copy);
/* What became of folders, and with a dry run what would. */
void copy_tell_notes(struct copy *copy);

/* True when the destination now has all that the source has. */
bool copy_is_complete(const struct copy *copy);

/* Adds what a plan would copy, with its sizes. The round_options.planned of a
 * dry run. */
int copy_estimate(void *context, struct pass *pass, struct plan *plan,
	struct error *error);

#endif
