/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands share that only look at accounts (verify, certificate):
 * where an account is, by configuration or by URL, and all its messages with
 * their digests. Nothing is ever changed.
 */
#ifndef REHOME_COPIER_INSPECT_H
#define REHOME_COPIER_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/config.h"
#include "lib/error.h"

#include "copier/driver.h"
#include "copier/journal.h"
#include "copier/copy_access.h"
#include "copier/location.h"

struct foldermap;

/* A server that is silent so long is given up (ms). */
#define INSPECT_TIMEOUT (5 * 60 * 1000)

/* One account, open. */
struct inspect_side {
	struct location location;
	struct mailbox *mailbox;
	const char *name; /* of the system, or the host */
};

/*
 * Opens the account's mailbox at a configured system, or at a URL. What the
 * folder map (or NULL) leaves out is not seen. 0, or a code of sysexits.h with
 * an error.
 */
int inspect_open_system(const struct config *config, const char *system,
	const char *address, const struct foldermap *map,
	struct flagpool *flags, struct inspect_side *side_r,
	struct error *error);
int inspect_open_url(const struct copy_side *side, const struct foldermap *map,
	struct flagpool *flags, struct inspect_side *side_r,
	struct error *error);
void inspect_close(struct inspect_side *side);

/* Asks policyd for the account. 0 or a code; account_clear it with 0. */
int inspect_account(const struct config *config, const char *address,
	struct account *account_r, struct error *error);
/* The address as the directory writes it. 0 or -1. */
int inspect_address(
	const char *text, char address_r[ADDRESS_SIZE], struct error *error);

struct inspect_message {
	uint32_t uid;
	const struct flagset *flags;
	uint64_t size;
	int64_t date; /* seconds since 1970 */
	bool read;    /* the digest is there; else it was gone by then */
	unsigned char digest[JOURNAL_DIGEST];
};

struct inspect_folder {
	struct mailbox_status status;	  /* as selected */
	struct inspect_message *messages; /* by UID */
	size_t count, room;
};

/*
 * Opens the folder and reads what messages it has: their flags, sizes, dates.
 * 1, 0 the folder is not there, -1 as in driver.h. Clear it in every case.
 */
int inspect_list(struct mailbox *mailbox, const char *name,
	struct inspect_folder *folder_r, struct error *error);
/*
 * Reads the digests of the messages of that folder for which wanted answers
 * true (NULL: all); progress is told of each, and may end it by false.
 */
typedef bool inspect_wanted_fn(
	const struct inspect_message *message, const void *context);
typedef bool inspect_progress_fn(
	void *context, const struct inspect_message *message);
struct inspect_reading {
	inspect_wanted_fn *wanted;
	const void *wanted_context;
	inspect_progress_fn *progress; /* or NULL */
	void *progress_context;
};
int inspect_read(struct mailbox *mailbox, const char *name,
	struct inspect_folder *folder, const struct inspect_reading *reading,
	struct error *error);
void inspect_clear(struct inspect_folder *folder);
/* NULL when there is none. */
struct inspect_message *inspect_find(
	const struct inspect_folder *folder, uint32_t uid);

#endif
