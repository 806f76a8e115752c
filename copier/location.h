/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an account is: read from a URL of the command line or from the
 * configuration of a system, with the password that belongs to it.
 */
#ifndef REHOME_COPIER_LOCATION_H
#define REHOME_COPIER_LOCATION_H

#include "lib/config.h"
#include "lib/error.h"

#include "copier/access.h"
#include "copier/driver.h"

/* Owns the strings that its target points at. */
struct location {
	struct mailbox_target target;
	char *label;
	char *host;
	char *login;
	char *authorizer;
	char *password;
	char *ca_file;
	char *path;
	char *uidmap;
	char *spool;
	struct access *access;
};

/*
 * Reads imap[s]://USER@HOST[:PORT] (RFC 5092, without path), imap+starttls:
 * too, and the same of pop3. user may be left out only when need_user is false.
 * Percent-encoding is undone; a password in the URL is an error, for it would
 * be in argv. "?session=DURATION&pause=DURATION" behind one of pop3. Or local
 * mail, "maildir:/PATH" or "mbox:/PATH[?quoting=none|mboxrd|mboxo]". Returns 0
 * or -1.
 */
int location_parse(const char *url, bool need_user, struct location *location_r,
	struct error *error);
/* Nobody logs in to it: it needs no password. */
bool location_is_local(const struct location *location);
/* Mail can be stored there, not only read; the error says why not. 0 or -1. */
int location_check_destination(
	const struct location *location, struct error *error);
/* Names the account for good, among all others; malloc'd. */
char *location_name(const struct location *location);
/*
 * The UIDs of a source that has none are kept in DIRECTORY/NAME.uidmap, beside
 * the journal of that name, which the caller has open.
 */
void location_keep_uids(
	struct location *location, const char *directory, const char *name);
/* Temporary files of its mailboxes are made there. Before the first one. */
void location_spool(struct location *location, const char *directory);
/* Reads the first line of a file as the password. 0 or -1. */
int location_password(
	struct location *location, const char *file, struct error *error);

/*
 * The account's place at a configured system: host (of its IMAP server, or of
 * its POP3 server when it has no other), login name, and the password of the
 * master user or of the address: from the passwords file, else the learned one,
 * which may be NULL and is copied.
 */
int location_of_account(const struct config_system *system, const char *address,
	const char *learned, struct location *location_r, struct error *error);

/*
 * Says how the account is entered; of the rules the names are filled in here.
 * location_of_account has done it, without limits.
 */
void location_enter(
	struct location *location, const struct access_rules *rules);
/*
 * Keeps to the limits that the configuration has for the system, together with
 * all others who use the directory. 0 or -1.
 */
int location_limit(struct location *location,
	const struct config_system *system, const char *directory,
	struct error *error);

/* Wipes the password and frees all; the mailboxes are closed by then. */
void location_clear(struct location *location);

#endif
