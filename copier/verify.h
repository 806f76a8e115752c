/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two accounts compared at full depth: every message of both is read, and
 * digests, flags, dates, folders and subscriptions are compared. Independent of
 * what any journal says about messages; it changes nothing.
 */
#ifndef REHOME_COPIER_VERIFY_H
#define REHOME_COPIER_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"

struct certificate_text;
struct foldermap;
struct journal;

enum verify_kind {
	VERIFY_FOLDER,	     /* a folder is not at the other side */
	VERIFY_MISSING,	     /* a message is not there, or not as it is here */
	VERIFY_EXTRA,	     /* a message is there only: foreign, or altered */
	VERIFY_FLAGS,	     /* the message is there with other flags */
	VERIFY_DATE,	     /* or with another INTERNALDATE */
	VERIFY_SUBSCRIPTION, /* of a folder */
	VERIFY_ALTERED,	     /* it is there with other octets, as certified */
	VERIFY_KINDS,
};

struct verify_difference {
	enum verify_kind kind;
	const char *folder; /* at home; of an extra at the other side */
	uint32_t uid;	    /* at home, 0: none */
	uint32_t other;	    /* at the other side, 0: none */
	uint64_t size;
	const char *words; /* what is there instead, or NULL */
	/* ALTERED: here and there, JOURNAL_DIGEST octets; else NULL */
	const unsigned char *digest, *stored;
};

struct verify {
	struct mailbox *home;
	struct mailbox *other;
	const struct foldermap *map;   /* or NULL */
	const struct journal *journal; /* for the names of folders, or NULL */
	/* Says which messages are kept altered; its home is ours, or, with
	 * backwards, the other side. Each is believed with both digests alone.
	 * Or NULL. */
	const struct certificate_text *certificate;
	bool backwards;
	/* Told of each difference as it is found. */
	void (*differs)(
		void *context, const struct verify_difference *difference);
	/* Told of each message read; may be NULL. False stops. */
	bool (*progress)(void *context, const char *folder, uint64_t read,
		uint64_t total, uint64_t bytes);
	void *context;

	/* set by verify_run */
	uint64_t folders;
	uint64_t messages; /* of home */
	uint64_t bytes;	   /* read on both sides */
	uint64_t same;	   /* messages that are there as they are here */
	uint64_t found[VERIFY_KINDS];
};

/* 1 all was compared; -1 with an error: a mailbox is of no further use. */
int verify_run(struct verify *verify, struct error *error);
/* True when the other side holds all that home has, as it is there. */
bool verify_is_equal(const struct verify *verify);
/* "missing", "flags", ... */
const char *verify_kind_name(enum verify_kind kind);

#endif
