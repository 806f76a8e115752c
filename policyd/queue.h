/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mail server's queue, as `postqueue -j` of Postfix lists it (postqueue(1),
 * JSON OBJECT FORMAT): one object a line, read with Jansson, which no other
 * file of policyd's front does.
 *
 * What the listing tells (Postfix 3.7): a recipient that was delivered is not
 * listed any more, though its entry may be; a recipient with a delay reason was
 * tried in the present run and is not tried again in it. Files that are still
 * being written are not listed. Entries in maildrop have the recipients of the
 * command line as they were given, and none for `sendmail -t`.
 */
#ifndef REHOME_QUEUE_H
#define REHOME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define QUEUE_ID_SIZE 64
/* A listing that is longer is an error: some 800,000 entries. */
#define QUEUE_LISTING_MAX (256U << 20)

enum queue_where {
	QUEUE_MAILDROP,
	QUEUE_INCOMING,
	QUEUE_ACTIVE, /* also a queue of a name that we do not know */
	QUEUE_DEFERRED,
	QUEUE_HOLD,
};

struct queue_recipient {
	const char *address; /* as listed */
	bool tried;	     /* has a delay reason */
};

struct queue_entry {
	enum queue_where where;
	const char *id;	 /* letters and digits */
	int64_t arrival; /* instant, in whole seconds */
	const struct queue_recipient *recipients;
	size_t recipients_count;
};

/* All that it is given is valid until it returns. 0, or -1 to stop. */
typedef int queue_entry_fn(
	const struct queue_entry *entry, void *context, struct error *error);

/*
 * Reads the lines of a listing. With waiting false the entries that wait for
 * another try (deferred, hold), which may be very many, are left out. Returns
 * 0; -1 with an error that names the line which is no entry, or what the
 * callback told.
 */
int queue_parse(const char *data, size_t size, bool waiting,
	queue_entry_fn *callback, void *context, struct error *error);

/* Runs the command of the listing and reads what it prints. */
int queue_list(const char *command, int timeout_ms, bool waiting,
	queue_entry_fn *callback, void *context, struct error *error);

/* Asks for another try of one entry; "%i" in the command is its id. */
int queue_flush(const char *command, const char *id, int timeout_ms,
	struct error *error);

#endif
