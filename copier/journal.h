/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the copier knows of one account between rounds: which message here is
 * which there, what it looked like when it was last carried over, and what was
 * under way. One file, only appended to; a line that a crash has torn is left
 * out. The two sides are equal, so that the way back uses it mirrored.
 *
 * Several threads may change a journal, each folders of its own, and flush it;
 * all else belongs to one thread at a time.
 */
#ifndef REHOME_COPIER_JOURNAL_H
#define REHOME_COPIER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"

#define JOURNAL_DIGEST 32 /* octets of SHA-256 */

enum journal_side {
	JOURNAL_SOURCE = 0,
	JOURNAL_DESTINATION = 1,
};

static inline enum journal_side journal_other(enum journal_side side)
{
	return side == JOURNAL_SOURCE ? JOURNAL_DESTINATION : JOURNAL_SOURCE;
}

/* How the two messages of a pair came to be one. */
enum journal_origin {
	JOURNAL_COPIED,	 /* we put the other there */
	JOURNAL_ADOPTED, /* both were there, with the same octets */
};

/* What a server may store otherwise than it was sent (altered.h). */
enum journal_risk {
	JOURNAL_NO_RISK,
	JOURNAL_RISK_NUL,
	JOURNAL_RISK_LINES,  /* CR or LF alone, or no last line end */
	JOURNAL_RISK_HEADER, /* octets beyond ASCII before the empty line */
};

struct journal_pair {
	uint32_t uid[2]; /* 0: void on that side, its UIDVALIDITY changed */
	bool gone;	 /* no pair any more */
	/* Why it is to be read back before it counts, enum journal_risk. */
	unsigned char risk;
	enum journal_origin origin;
	uint64_t size;
	const struct flagset *flags; /* as last carried over */
	unsigned char digest[JOURNAL_DIGEST];
};

/*
 * Written before the server is told to store a message: should we die before
 * its answer, the next round looks for a message with this digest. One that was
 * answered with OK, but not with a UID, is never stored again: it stays until
 * it is found, or its message is gone.
 */
struct journal_intent {
	enum journal_side from;
	uint32_t uid;	  /* at from; 0: void, its UIDVALIDITY changed */
	uint32_t uidnext; /* at the other side before, or 0; it is not below */
	bool answered;
	int64_t at; /* instant */
	uint64_t size;
	unsigned char digest[JOURNAL_DIGEST];
	const struct flagset *flags;
	/* With a risk: what is left of it when it is altered. */
	unsigned char risk; /* enum journal_risk */
	uint64_t skeleton;  /* altered_skeleton */
	int64_t date;	    /* INTERNALDATE, seconds since 1970 */
};

/*
 * The other side has stored other octets than it was sent. With a pair of that
 * UID the altered message is there and kept; without one it was taken out
 * again, and the message is not to be tried a second time.
 */
struct journal_verdict {
	enum journal_side from; /* where it is as it was written */
	uint32_t uid;		/* at from; 0: void, its UIDVALIDITY changed */
	unsigned char risk;	/* what it has, enum journal_risk */
	int64_t at;		/* instant */
	uint64_t size, stored_size;
	unsigned char digest[JOURNAL_DIGEST]; /* of what was sent */
	unsigned char stored[JOURNAL_DIGEST]; /* of what is there instead */
};

struct journal_folder {
	unsigned id;
	bool gone;
	char *name[2];
	bool made[2];		 /* we created it */
	bool subscribed[2];	 /* we subscribed it */
	uint32_t uidvalidity[2]; /* of the UIDs below; 0: none yet */
	/* The status at which pairs and foreign were all that was there;
	 * uidvalidity 0: not known, look again. */
	struct mailbox_status seen[2];
	struct journal_pair *pairs; /* an index stays valid until compaction;
				       changed by the functions below alone */
	size_t pairs_count, pairs_room;
	size_t live;	  /* pairs that count: valid on both sides */
	size_t risky;	  /* of those, to be read back */
	uint64_t bytes;	  /* of those */
	size_t known[2];  /* pairs that are valid on that side */
	uint32_t next[2]; /* above every UID that a pair had there; 0 none */
	/* UIDNEXT as last heard of there, or 0; not kept: for intents that are
	 * written when the folder is no longer as it was seen */
	uint32_t heard[2];
	/* UIDNEXT there before a round that has done all it was to do, and has
	 * not looked what came of it; or 0. Not kept */
	uint32_t done_from[2];
	struct uidset foreign[2]; /* not ours and not to be paired */
	struct journal_intent *intents;
	struct journal_verdict *verdicts;
	size_t verdicts_count, verdicts_room;
	size_t intents_count, intents_room;
	/* The journal's own: places of intents and verdicts from 1 on, by UID;
	 * and of pairs. */
	size_t *intents_heads, *intents_next;
	size_t *verdicts_heads, *verdicts_next;
	struct journal_paired *paired;
};

struct journal;

/*
 * Opens or begins DIRECTORY/NAME.journal and locks it against other copiers.
 * The systems name the two sides; a journal of other systems is put aside as
 * NAME.journal.old. Flag sets live in the pool. NULL with an error; *busy_r
 * tells that it is only another copier which works on the account now.
 */
struct journal *journal_open(const char *directory, const char *name,
	const char *const systems[2], struct flagpool *flags, bool *busy_r,
	struct error *error);
/* Closes without writing what was not flushed. */
void journal_close(struct journal **journal);

/* Lines in the middle of the file that were not what was written. */
size_t journal_damaged(const struct journal *journal);
/* True when it knows of no pair. */
bool journal_is_empty(const struct journal *journal);

/* Folders in the order of their ids, gone ones too. */
size_t journal_count(const struct journal *journal);
struct journal_folder *journal_at(const struct journal *journal, size_t index);
/* The folder of that name on that side, or NULL. */
struct journal_folder *journal_find(const struct journal *journal,
	enum journal_side side, const char *name);

/* A new folder with its names on both sides. */
struct journal_folder *journal_add(
	struct journal *journal, const char *const names[2]);
/* The folder has other names now. */
void journal_rename(struct journal *journal, struct journal_folder *folder,
	const char *const names[2]);
/* The same in memory only, for what is to be thrown away. */
void journal_rename_unwritten(struct journal *journal,
	struct journal_folder *folder, const char *const names[2]);
void journal_drop(struct journal *journal, struct journal_folder *folder);
void journal_made(struct journal *journal, struct journal_folder *folder,
	enum journal_side side);
void journal_subscribed(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, bool on);
/* A changed UIDVALIDITY makes all UIDs of that side void. */
void journal_uidvalidity(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, uint32_t uidvalidity);
/* NULL: not known any more. */
void journal_seen(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, const struct mailbox_status *status);

/* Adds a pair and ends the intent that it answers. Returns its index. */
size_t journal_pair(struct journal *journal, struct journal_folder *folder,
	const struct journal_pair *pair);
void journal_unpair(
	struct journal *journal, struct journal_folder *folder, size_t index);
/* It was read back, and is what was sent. */
void journal_assure(
	struct journal *journal, struct journal_folder *folder, size_t index);
/* Its message is gone on that side: as if the UID there were void. */
void journal_widow(struct journal *journal, struct journal_folder *folder,
	size_t index, enum journal_side side);
void journal_flags(struct journal *journal, struct journal_folder *folder,
	size_t index, const struct flagset *flags);
void journal_foreign(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, uint32_t uid, bool on);

/* To be flushed before the server can store it: then it outlives our death, if
 * not that of the machine. */
void journal_intend(struct journal *journal, struct journal_folder *folder,
	const struct journal_intent *intent);
/* The server says that it has stored it, but not as what. */
void journal_answer(struct journal *journal, struct journal_folder *folder,
	enum journal_side from, uint32_t uid);
/* The intents of that message one after the other, the newest first: the one
 * behind after, which is NULL for the first; NULL when there are no more. */
const struct journal_intent *journal_intent_next(
	const struct journal_folder *folder, enum journal_side from,
	uint32_t uid, const struct journal_intent *after);
/* The answered intent of that message, or NULL. */
const struct journal_intent *journal_answered(
	const struct journal_folder *folder, enum journal_side from,
	uint32_t uid);
/* The server refused it: nothing will come of it. */
void journal_unintend(struct journal *journal, struct journal_folder *folder,
	enum journal_side from, uint32_t uid);
/* The intents of the folder that are older than the instant and not answered
 * are over. */
void journal_forget_intents(
	struct journal *journal, struct journal_folder *folder, int64_t before);

/* Writes down what the server has made of a message, instead of what was
 * written of it before. */
void journal_judge(struct journal *journal, struct journal_folder *folder,
	const struct journal_verdict *verdict);
/* Forgets that: it is gone, or to be tried again. */
void journal_acquit(struct journal *journal, struct journal_folder *folder,
	enum journal_side from, uint32_t uid);
/* What was judged of the message with that UID at from; or of a pair. NULL:
 * nothing. Valid until the next call that changes the folder. */
const struct journal_verdict *journal_verdict(
	const struct journal_folder *folder, enum journal_side from,
	uint32_t uid);
const struct journal_verdict *journal_pair_verdict(
	const struct journal_folder *folder, const struct journal_pair *pair);
/* The index of the pair that keeps what was altered, or SIZE_MAX: none. */
size_t journal_verdict_pair(const struct journal_folder *folder,
	const struct journal_verdict *verdict);
/* What the pair's message is on that side: its digest and octets. */
const unsigned char *journal_pair_digest(const struct journal_folder *folder,
	const struct journal_pair *pair, enum journal_side side);
uint64_t journal_pair_size(const struct journal_folder *folder,
	const struct journal_pair *pair, enum journal_side side);

/* Pairs that are not gone and not void on that side, by UID; malloc'd array
 * of indexes. */
size_t *journal_sorted(const struct journal_folder *folder,
	enum journal_side side, size_t *count_r);
/* The lowest UID that the next message may get on that side, or 0. */
static inline uint32_t journal_uidnext(
	const struct journal_folder *folder, enum journal_side side)
{
	return folder->heard[side] > folder->seen[side].uidnext
		       ? folder->heard[side]
		       : folder->seen[side].uidnext;
}

/* How many messages the folder has on that side by what the journal says. */
static inline size_t journal_known(
	const struct journal_folder *folder, enum journal_side side)
{
	return folder->known[side] + folder->foreign[side].count;
}
/* Whether a pair has this size, this digest. */
bool journal_has_size(const struct journal *journal, uint64_t size);
bool journal_has_digest(
	const struct journal *journal, const unsigned char *digest);

/* Hands all to the system; journal_sync waits until it is on the disk. */
int journal_flush(struct journal *journal, struct error *error);
int journal_sync(struct journal *journal, struct error *error);
/*
 * Rewrites the file without what is over, when that is worth it, and syncs.
 * Indexes of pairs change; gone folders are freed.
 */
int journal_compact(struct journal *journal, struct error *error);

#endif
