/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How one account of one system is entered, and how the system is spared:
 * mechanism, token, pins, limits. Shared by all the mailboxes of the account
 * there, which may be in several threads; what one login has learned serves
 * the next one.
 */
#ifndef REHOME_COPIER_ACCESS_H
#define REHOME_COPIER_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/pace.h"
#include "copier/sasl.h"

struct access;

/* Strings are the caller's and copied; NULL for what there is not. */
struct access_rules {
	enum sasl_mechanism mechanism;
	const char *token_command; /* split at blanks; argv[0] absolute */
	int64_t token_ms;	   /* how long it may run */
	const char *pins;	   /* lib/pin.h */
	bool impatient; /* nobody comes again when the server is too busy */
	/* for the command's environment */
	const char *system;
	const char *login;
	const char *host;
};

struct access *access_new(const struct access_rules *rules);
/*
 * Limits what is moved, together with all others who name the same directory
 * and system. Before the first mailbox. 0, or -1 with an error.
 */
int access_limit(struct access *access, const struct pace_limits *limits,
	const char *directory, const char *system, struct error *error);
/* After the last mailbox that was opened by it; takes NULL. */
void access_free(struct access **access);

/* All of these take NULL: the defaults. Any thread. */

const char *access_pins(const struct access *access);
struct pace *access_pace(struct access *access);
/* True when a token takes the place of the password. */
bool access_has_token(const struct access *access);

enum sasl_mechanism access_mechanism(const struct access *access);
/* The set of mechanisms that a server offered and then refused, while another
 * one has let us in. */
unsigned access_failed(struct access *access);
void access_fails(struct access *access, unsigned mechanisms);

/*
 * Asked when a server has refused a command because it is too busy: true when
 * it is worth to come again later. False without patience, and now and then in
 * a row of such answers, which is longer when the server's text is plain: then
 * it is taken for what the server means for good.
 */
bool access_turned_away(struct access *access, bool plain);

/*
 * A copy of the token; runs the command when there is none yet. *serial_r names
 * it. 0, or -1 with an error when the command failed.
 */
int access_token(struct access *access, struct secret *token,
	unsigned *serial_r, struct error *error);
/* The server took the token with that serial. */
void access_token_good(struct access *access, unsigned serial);
/*
 * The server refuses the token with that serial. True: a next one may be had,
 * since this one was taken before. False: it was fresh, another one will be no
 * better.
 */
bool access_token_bad(struct access *access, unsigned serial);

#endif
