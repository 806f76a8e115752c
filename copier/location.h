/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an account is: read from a URL of the command line or from the
 * configuration of a system, with the password that belongs to it.
 */
#ifndef REHOME_COPIER_LOCATION_H
#define REHOME_COPIER_LOCATION_H

#include "lib/config.h"
#include "lib/error.h"

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
};

/*
 * Reads imap[s]://USER@HOST[:PORT] (RFC 5092, without path); imap+starttls:
 * too. user may be left out only when need_user is false. Percent-encoding is
 * undone; a password in the URL is an error, for it would be in argv. Returns
 * 0 or -1.
 */
int location_parse(const char *url, bool need_user, struct location *location_r,
	struct error *error);
/* Reads the first line of a file as the password. 0 or -1. */
int location_password(
	struct location *location, const char *file, struct error *error);

/*
 * The account's place at a configured system: host, login name, and the
 * password of the master user or, from the passwords file, of the address.
 */
int location_of_account(const struct config_system *system, const char *address,
	struct location *location_r, struct error *error);

/* Wipes the password and frees all. */
void location_clear(struct location *location);

#endif
