/* SPDX-License-Identifier: BSD-2-Clause */
/* Between link.c, which keeps the connection, and link_words.c, which knows
 * what is said on it. */
#ifndef REHOME_GATEWAY_LINK_PRIVATE_H
#define REHOME_GATEWAY_LINK_PRIVATE_H

#include "lib/attr.h"
#include "lib/buffer.h"

#include "gateway/dial.h"
#include "gateway/link.h"

enum link_state {
	LINK_DOWN,
	LINK_CONNECTING,
	LINK_HELLO, /* it has been said; policyd's is waited for */
	LINK_UP,
};

/* A question's place; free ones are chained. */
struct link_slot {
	struct link_member *member; /* NULL: free, or nobody waits any more */
	uint64_t turn;		    /* which question of this place */
	bool left;		    /* asked, but nobody waits any more */
	uint64_t number;	    /* of the session that has left */
	size_t next;		    /* free one; SIZE_MAX: none */
};

struct link {
	struct loop *loop;
	struct log *log;
	struct link_settings settings;
	struct dial_target target;
	size_t turn; /* of its addresses */
	enum link_state stage;
	int socket; /* -1: none */
	struct loop_watch *watch;
	bool writable;
	bool told; /* the log knows that it is away */
	int64_t retry;
	struct loop_timer again, expiry;
	struct loop_work flush;
	struct attr_parser *parser;
	struct attr_list *words; /* the request that is being made */
	struct buffer out;
	struct error error;
	int64_t lease, hold; /* ms; as policyd says */
	uint64_t numbers;
	struct link_member *members; /* registered */
	struct link_slot *slots;
	size_t slots_count, slots_free; /* of the chain, or SIZE_MAX */
};

/* Begins the words of a request; link_send adds them to what is written. */
struct attr_list *link_request(struct link *link, const char *request);
void link_send(struct link *link);

/* Takes words of policyd; false: the connection was given up. */
bool link_take(struct link *link, const char *data, size_t size);
/* policyd has said hello: it is told all that runs and all that is asked. */
void link_is_up(struct link *link);
/* Gives the connection up. */
void link_break(struct link *link, const char *why);

void link_tell_member(struct link *link, const struct link_member *member);
void link_tell_question(struct link *link, const struct link_member *member);
/* The answers to questions that nobody waits for do not come any more. */
void link_forget_left(struct link *link);
void link_forget_logins(struct link *link);

#endif
