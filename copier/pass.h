/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass over an account: the two mailboxes, the journal, and what the pass
 * counts. Shared by rounds, sweeps and transfers.
 */
#ifndef REHOME_COPIER_PASS_H
#define REHOME_COPIER_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"
#include "copier/journal.h"

/* Of what a server refused, this many are kept with its words. */
#define PASS_REFUSALS_MAX 1000
/* So many refusals in a row are no longer about single messages. An account may
 * have hundreds that are too large, which each run meets again with nothing
 * else to be stored between them. */
#define PASS_REFUSALS_IN_A_ROW 1000

struct pass_refusal {
	char *folder; /* at home */
	uint32_t uid; /* 0: the folder itself */
	struct error words;
	bool altered; /* the other side stores it otherwise: */
	unsigned char digest[JOURNAL_DIGEST]; /* of what was sent */
	unsigned char stored[JOURNAL_DIGEST]; /* of what is stored instead */
};

/* What becomes of what the other side stores otherwise than it was sent, unless
 * an operator has approved it: then it is kept. */
enum pass_altered {
	PASS_ALTERED_REMOVE, /* taken out again */
	PASS_ALTERED_HOLD,   /* it stays for now, and stops the flip */
	PASS_ALTERED_KEEP,   /* as if approved */
};

struct folder_notes;
struct foldermap;
struct identity;
struct refused;

struct pass_counts {
	uint64_t messages; /* at home, that have their like over there */
	uint64_t bytes;
	uint64_t planned; /* copies that the pass set out to make */
	uint64_t copied;
	uint64_t copied_bytes;
	uint64_t adopted;
	uint64_t removed;
	uint64_t flags;	  /* messages whose flags were carried over */
	uint64_t foreign; /* all on the list, not only new ones */
	uint64_t folders_made;
	uint64_t folders_removed;
	uint64_t keywords_refused; /* flags that the server cannot keep */
	uint64_t left_out;	   /* of a sweep: known by their digest */
	uint64_t refused;	   /* messages and folders */
	uint64_t missed;	   /* gone at home before they could be read */
	uint64_t unsettled; /* stored, but the server did not say as what */
	uint64_t lacking; /* stored, by its word, but not in its folder then */
	uint64_t uids_changed; /* identity was wanted, the UID is another */
	uint64_t sent;	       /* octets handed to the other side so far */
};

/* One more connection to each side. */
struct pass_pair {
	struct mailbox *home;
	struct mailbox *other;
	void *own; /* of the opener */
};

struct pass {
	struct mailbox *home;
	struct mailbox *other;
	struct journal *journal;
	struct flagpool *flags;
	enum journal_side side;	     /* which side home is */
	struct identity *identity;   /* NULL: plain IMAP */
	struct refused *refused;     /* the list of them; NULL: none is kept */
	const struct foldermap *map; /* of the source's folders; NULL: none */
	struct folder_notes *notes; /* what became of folders; NULL: not kept */
	bool prepared; /* rights, quota and the like were seen to */
	bool misfit;   /* it is certain that not all fits at the other side */
	enum pass_altered altered;
	/* Instant: what was altered before it is tried once more. */
	int64_t altered_again;
	/* Flags that new messages can have at the other side; NULL: all. */
	const struct flagset *permanent;

	/* Asked between messages and pieces, by all lanes; false with an error
	 * stops the pass: the lease is lost, or the process is told to end. */
	bool (*go_on)(void *context, struct error *error);
	/* Told after each message, one lane at a time; may be NULL. */
	void (*progress)(
		void *context, const struct pass *pass, const char *folder);
	/* Told when home has nothing more to send for a folder, while the other
	 * side is still at work on it: mailbox_ahead may be called. True when
	 * it was: no folder is selected now. May be NULL. */
	bool (*idle)(void *context, struct pass *pass);
	/* Opens and closes further pairs, as many as make lanes with home and
	 * other (lanes.h); called by their threads. False: there is no more to
	 * be had now, with the reason. May be NULL. */
	size_t lanes;
	bool (*pair_open)(
		void *context, struct pass_pair *pair, struct error *error);
	void (*pair_close)(void *context, struct pass_pair *pair);
	void *context;

	struct pass_counts counts;
	struct pass_refusal *refusals;
	size_t refusals_count;
	unsigned refused_in_a_row;
	/* The other side has refused a batch: each is waited for now, so that
	 * none behind it is stored first. */
	bool careful;
	/* So many messages are stored together at most, since connections are
	 * lost before more are through; 0: as many as the driver takes. */
	size_t batch_most;
};

/* Empties counts and refusals for the next pass. */
void pass_clear(struct pass *pass);
/* Adds what another pass of the same account has counted and met. */
void pass_add(struct pass *pass, const struct pass *part);
/* After a connection was lost and nothing got through before. */
void pass_shrink(struct pass *pass);
bool pass_goes_on(const struct pass *pass, struct error *error);
/* Writes down that the server refused a message (or, uid 0, a folder). */
void pass_refuse(struct pass *pass, const char *folder, uint32_t uid,
	const struct error *words);
/* The same of one that the server stores otherwise; it does not count as one
 * more in a row, for many of these are not a sign that it refuses all. */
void pass_refuse_altered(struct pass *pass, const char *folder,
	const struct journal_verdict *verdict, const struct error *words);
/* The same of a message that the other side has, by its own word, but that is
 * not to be found there; it does not count as one more in a row. */
void pass_refuse_unsettled(struct pass *pass, const char *folder, uint32_t uid);
/* "3 refused: FOLDER uid 7: words" for a failure; empty when none was. */
void pass_refusal_text(const struct pass *pass, struct error *text_r);

#endif
