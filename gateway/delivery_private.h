/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between delivery.c (the transaction), delivery_recipient.c (one recipient's
 * states) and delivery_leg.c (what goes to one home).
 */
#ifndef REHOME_GATEWAY_DELIVERY_PRIVATE_H
#define REHOME_GATEWAY_DELIVERY_PRIVATE_H

#include "gateway/delivery.h"
#include "gateway/delivery_spool.h"

enum delivery_state {
	DELIVERY_ROUTE,	   /* policyd is asked */
	DELIVERY_OFFERED,  /* the home is asked */
	DELIVERY_ACCEPTED, /* it takes mail for this one, so far */
	DELIVERY_ENDING,   /* it may have the message, or not */
	DELIVERY_DONE,	   /* the reply is final */
	DELIVERY_STATES
};

struct delivery_leg;

struct delivery_recipient {
	struct delivery *delivery;
	size_t number;
	struct lmtp_recipient to; /* its strings are not ours */
	char *name;		  /* for the log */
	enum delivery_state state;
	bool accepted; /* the client was told so: a second answer is due */
	bool told;     /* it has had it */
	struct lmtp_reply reply; /* the last one */
	struct link_member member;
	struct delivery_leg *leg;
	struct loop_timer cut; /* the end of a freeze's patience */
	struct delivery_recipient *next;
};

/* What goes to one home. */
struct delivery_leg {
	struct delivery *delivery;
	char *system;
	struct delivery_line *line;		/* NULL: it is over */
	struct delivery_recipient **recipients; /* as the home numbers them */
	size_t count, room;
	size_t offered;	 /* recipients of whom the home was told */
	size_t answered; /* RCPTs */
	size_t accepted;
	bool flowing; /* the home takes content */
	bool ended;   /* it has all of it, as far as we know */
	bool lingers; /* it has not answered in time: its end is awaited */
	uint64_t at;  /* octets of the content that it has had */
	struct delivery_leg *next;
};

struct delivery {
	struct worker *worker;
	struct delivery_pool *pool;
	const struct lmtp_mail *mail; /* NULL: the client has left */
	char *client, *sender;
	const struct delivery_calls *calls;
	void *context;
	struct delivery_recipient *recipients, **last;
	struct delivery_leg *legs;
	struct delivery_spool *spool;
	bool data, chunked, complete, full;
	struct delivery *next, **before; /* those that were left */
};

/* ---- delivery_recipient.c ---- */

void delivery_recipient_begin(struct delivery *delivery, size_t number,
	const struct lmtp_recipient *recipient);
/* A final reply, or that of RCPT; tells the client when it is time. */
void delivery_recipient_reply(
	struct delivery_recipient *recipient, const struct lmtp_reply *reply);
/* The same with words of our own. */
void delivery_recipient_refuse(
	struct delivery_recipient *recipient, int code, const char *words);
/* Its home is asked. */
void delivery_recipient_offered(struct delivery_recipient *recipient);
/* The home may have the message now. */
void delivery_recipient_ending(struct delivery_recipient *recipient);
/* Nothing can happen for it at the home any more. */
void delivery_recipient_leave(struct delivery_recipient *recipient);
/* After the content: answers that were known before. */
void delivery_recipient_tell(struct delivery_recipient *recipient);
void delivery_recipient_free(struct delivery_recipient **recipient);

/* ---- delivery_leg.c ---- */

/* The recipient was routed. */
void delivery_leg_add(struct delivery_recipient *recipient);
/* Content may go. */
void delivery_leg_data(struct delivery_leg *leg);
/* There is more of it, or that was all. */
void delivery_leg_pump(struct delivery_leg *leg);
/* Gives up what the home does not have yet: its recipients are answered. */
void delivery_leg_cut(struct delivery_leg *leg, const char *words);
/* The client has left. Whether there is still something to wait for. */
bool delivery_leg_leave(struct delivery_leg *leg);
void delivery_leg_free(struct delivery_leg **leg);

/* ---- delivery.c ---- */

/* A leg has moved on: there may be room, or nothing left to wait for. The
 * delivery may be gone behind it. */
void delivery_moved(struct delivery *delivery);

#endif
