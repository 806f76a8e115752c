/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of the command line that are about one account: where it is by
 * its URL, how one gets in, how one stays polite.
 */
#ifndef REHOME_COPIER_COPY_ACCESS_H
#define REHOME_COPIER_COPY_ACCESS_H

#include <stdbool.h>

#include "copier/access.h"
#include "copier/location.h"

#include "lib/error.h"

enum copy_access_option {
	COPY_ACCESS_MECHANISM,
	COPY_ACCESS_TOKEN_COMMAND,
	COPY_ACCESS_PIN,
	COPY_ACCESS_RATE,
	COPY_ACCESS_RATE_MESSAGES,
	COPY_ACCESS_DAY_BYTES,
};

/* Of one side; the strings are argv's. */
struct copy_access {
	struct access_rules rules;
	struct pace_limits limits;
};

/* Takes the value of an option. 0, or -1 with an error about the value. */
int copy_access_set(struct copy_access *access, enum copy_access_option option,
	const char *value, struct error *error);
/* Keeps to the limits; the directory is where they are counted. Of a location
 * by copy_side_locate. 0 or -1. */
int copy_access_limit(const struct copy_access *access, const char *directory,
	struct location *location, struct error *error);

/* What the options say of two URLs: of the source, of the destination. */
struct copy_urls {
	const char *password_files[2]; /* the first lines; NULL: not given */
	const char *ca_file;	       /* or NULL */
	bool starttls;		       /* with imap:// and pop3:// */
	struct copy_access access[2];
};

/* One account by its URL. */
struct copy_side {
	const char *url;
	const char *word;   /* what the URL is called: "SOURCE", "--url" */
	const char *prefix; /* of its options' names: "source-", "" */
	const char *password_file;
	const char *ca_file;
	const struct copy_access *access;
	bool starttls;
	bool destination; /* mail is to be stored there */
	int timeout_ms;	  /* without a byte */
};

/* A file that is named (or NULL) must be there, or no later try can help. 0, or
 * EX_NOINPUT with an error. */
int copy_check_file(const char *path, struct error *error);

/* The side of two URLs: 0 the source, 1 the destination, which is not yet said
 * to be one that mail is stored at. */
struct copy_side copy_urls_side(const struct copy_urls *urls, int side,
	const char *url, int timeout_ms);
/*
 * Finds out where the account is and how it is entered, and reads its password;
 * no limits yet. Returns 0; EX_USAGE with an error about the command line; or
 * EX_NOINPUT about a file that it names. location_clear it in every case.
 */
int copy_side_locate(const struct copy_side *side, struct location *location_r,
	struct error *error);

#endif
