/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection to a home for deliveries: connecting, TLS, reading and writing
 * for the conversation of lmtp_home. All of it happens in turns of its own:
 * what is put into its output goes out after delivery_line_send.
 */
#ifndef REHOME_GATEWAY_DELIVERY_LINE_H
#define REHOME_GATEWAY_DELIVERY_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buffer.h"

#include "gateway/home.h"
#include "gateway/lmtp_home.h"
#include "gateway/lmtp_reply.h"
#include "gateway/loop.h"
#include "gateway/settings.h"
#include "gateway/stream.h"

/* What its user is told. In each of them the line may be closed or released.
 */
struct delivery_line_calls {
	/* READY, RCPT, GO, ANSWER or FREE, of the conversation. */
	void (*event)(void *context, enum lmtp_home_event event);
	/* All of the output has gone. */
	void (*room)(void *context);
	/* It is of no further use, and is closed behind this call. The reply
	 * (4xx or 5xx) says why; hung: time has run out. */
	void (*lost)(void *context, const struct lmtp_reply *reply, bool hung);
};

struct delivery_home;

struct delivery_line {
	struct loop *loop;
	struct settings *settings; /* held: home is theirs */
	const struct home *home;
	struct lmtp_home *talk;
	struct buffer out;
	char *client; /* told to the home, or NULL */
	bool reused;  /* it had a transaction before */
	bool ready;   /* set-up is done */

	const struct delivery_line_calls *calls;
	void *context;

	/* delivery_line.c's */
	int stage;
	struct stream stream;
	struct loop_watch *watch;
	struct loop_timer timer;
	struct loop_work work;
	size_t sent, turn;
	int64_t limit;
	bool hung;
	bool busy; /* its calls are under way */

	/* delivery_pool.c's */
	struct delivery_home *of;
	struct delivery_line *next;
};

/*
 * Begins to connect; what goes wrong is told in a later turn. client: as in
 * lmtp_home_terms, copied.
 */
struct delivery_line *delivery_line_new(struct loop *loop,
	struct settings *settings, const struct home *home, const char *client,
	const struct delivery_line_calls *calls, void *context);
/* At once, without a word. Sets the caller's pointer to NULL; takes NULL. */
void delivery_line_close(struct delivery_line **line);

/* The same behind a last word, between two transactions. */
void delivery_line_quit(struct delivery_line **line);

/* There is output, or input was left over: has a turn soon. */
void delivery_line_send(struct delivery_line *line);
/* ms that may pass without an octet from now on; 0: any time. */
void delivery_line_expect(struct delivery_line *line, int64_t ms);
/* Says no more and hears no more, but waits for the home's end: lost. */
void delivery_line_linger(struct delivery_line *line, int64_t ms);

#endif
