/* SPDX-License-Identifier: BSD-2-Clause */
/* Orders in a row, sent as far as the home allows, and whose reply is next. */
#include "config.h"

#include "gateway/lmtp_home.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#include "gateway/lmtp_content.h"

/* What the home's next reply is to. */
enum lmtp_step {
	LMTP_STEP_GREETING,
	LMTP_STEP_HELLO,
	LMTP_STEP_STARTTLS,
	LMTP_STEP_HANDSHAKE,
	LMTP_STEP_XCLIENT,
	LMTP_STEP_UP, /* set-up is over: the orders tell */
};

enum lmtp_order_kind {
	LMTP_ORDER_MAIL,
	LMTP_ORDER_RCPT,
	LMTP_ORDER_DATA,
	LMTP_ORDER_CHUNK,
	LMTP_ORDER_END, /* one reply each accepted recipient, by SMTP: one */
	LMTP_ORDER_RSET,
	LMTP_ORDER_QUIT,
};

struct lmtp_order {
	enum lmtp_order_kind kind;
	size_t number; /* of a recipient */
	char *line;    /* until it is sent; NULL: it is content */
};

struct lmtp_home {
	struct lmtp_home_terms terms;
	enum lmtp_step step;
	struct lmtp_offer offer;
	struct lmtp_reply_parser parser;
	bool secure, forwarded;

	struct lmtp_order *orders; /* replied, sent, then waiting */
	size_t count, room, sent, replied;

	struct lmtp_reply mail; /* that of MAIL, when it was refused */
	bool *accepted;		/* by recipient */
	size_t recipients, recipients_room;
	bool chunked, ending, answered;
	enum lmtp_place place;

	/* One reply that is for all accepted recipients from this one on. */
	bool fan;
	size_t next; /* the recipient that is answered next */
	size_t number;
	struct lmtp_reply reply;
};

struct lmtp_home *lmtp_home_new(const struct lmtp_home_terms *terms)
{
	struct lmtp_home *home = xcalloc(1, sizeof(*home));

	home->terms = *terms;
	home->step = LMTP_STEP_GREETING;
	return home;
}

/* The transaction is over; the connection goes on. */
static void lmtp_home_forget(struct lmtp_home *home)
{
	for (size_t i = 0; i < home->count; i++)
		free(home->orders[i].line);
	home->count = home->sent = home->replied = 0;
	lmtp_reply_clear(&home->mail);
	home->recipients = home->next = 0;
	home->chunked = home->ending = false;
	home->answered = home->fan = false;
	home->place = LMTP_LINE_BEGIN;
}

void lmtp_home_free(struct lmtp_home **home_pointer)
{
	struct lmtp_home *home = *home_pointer;

	if (home == NULL)
		return;
	lmtp_home_forget(home);
	lmtp_reply_parser_clear(&home->parser);
	lmtp_reply_clear(&home->reply);
	free(home->orders);
	free(home->accepted);
	free(home);
	*home_pointer = NULL;
}

const struct lmtp_offer *lmtp_home_offer(const struct lmtp_home *home)
{
	return &home->offer;
}

size_t lmtp_home_number(const struct lmtp_home *home)
{
	return home->number;
}

const struct lmtp_reply *lmtp_home_reply(const struct lmtp_home *home)
{
	return &home->reply;
}

bool lmtp_home_is_ending(const struct lmtp_home *home)
{
	return home->ending;
}

bool lmtp_home_has_answered(const struct lmtp_home *home)
{
	return home->answered;
}

/* ---- set-up ---- */

static void lmtp_home_hello(struct lmtp_home *home, struct buffer *out)
{
	/* what was offered before TLS counts no more (RFC 3207 4.2) */
	home->offer = (struct lmtp_offer){ 0, 0 };
	buffer_printf(out, "%s %s\r\n", home->terms.smtp ? "EHLO" : "LHLO",
		home->terms.host);
	home->step = LMTP_STEP_HELLO;
}

void lmtp_home_secured(struct lmtp_home *home, struct buffer *out)
{
	home->secure = true;
	lmtp_home_hello(home, out);
}

static void lmtp_home_learn(struct lmtp_home *home)
{
	char *line = xstrdup(lmtp_reply_words(&home->reply)), *at = line, *end;

	for (unsigned count = 0; at != NULL; at = end, count++) {
		end = strchr(at, '\n');
		if (end != NULL)
			*end++ = '\0';
		if (count > 0) /* the first has the home's name */
			lmtp_offer_learn(&home->offer, at);
	}
	free(line);
}

/* "192.0.2.1", "IPV6:2001:db8::1". */
static void lmtp_home_xclient(struct lmtp_home *home, struct buffer *out)
{
	const char *address = home->terms.client_address;

	buffer_printf(out, "XCLIENT ADDR=%s%s\r\n",
		strchr(address, ':') != NULL ? "IPV6:" : "", address);
	home->forwarded = true;
	home->step = LMTP_STEP_XCLIENT;
}

static enum lmtp_home_event lmtp_home_greeted(
	struct lmtp_home *home, struct buffer *out)
{
	lmtp_home_learn(home);
	if (home->terms.starttls && !home->secure) {
		if ((home->offer.extensions & LMTP_STARTTLS) == 0) {
			lmtp_reply_set(&home->reply, 451,
				"4.7.4 STARTTLS is not offered");
			return LMTP_HOME_LOST;
		}
		buffer_add_text(out, "STARTTLS\r\n");
		home->step = LMTP_STEP_STARTTLS;
		return LMTP_HOME_MORE;
	}
	if (home->terms.client_address != NULL && !home->forwarded &&
		(home->offer.extensions & LMTP_XCLIENT) != 0) {
		lmtp_home_xclient(home, out);
		return LMTP_HOME_MORE;
	}
	home->step = LMTP_STEP_UP;
	return LMTP_HOME_READY;
}

/* A reply before the first transaction. */
static enum lmtp_home_event lmtp_home_set_up(
	struct lmtp_home *home, struct buffer *out)
{
	if (!lmtp_reply_is_good(&home->reply))
		return LMTP_HOME_LOST;
	switch (home->step) {
	case LMTP_STEP_GREETING:
	case LMTP_STEP_XCLIENT: /* greets again */
		lmtp_home_hello(home, out);
		return LMTP_HOME_MORE;
	case LMTP_STEP_HELLO:
		return lmtp_home_greeted(home, out);
	case LMTP_STEP_STARTTLS:
		home->step = LMTP_STEP_HANDSHAKE;
		return LMTP_HOME_STARTTLS;
	case LMTP_STEP_HANDSHAKE:
	case LMTP_STEP_UP:
		break;
	}
	return LMTP_HOME_LOST;
}

/* ---- orders ---- */

/*
 * Sends what may be sent: without PIPELINING one order at a time. DATA ends a
 * group (RFC 2920 section 3.1), and content needs the home's word first.
 */
static void lmtp_home_flush(struct lmtp_home *home, struct buffer *out)
{
	bool pipelining = (home->offer.extensions & LMTP_PIPELINING) != 0;

	while (home->sent < home->count) {
		struct lmtp_order *order = &home->orders[home->sent];

		if (!pipelining && home->sent > home->replied)
			return;
		if (order->line != NULL)
			buffer_add_text(out, order->line);
		free(order->line);
		order->line = NULL;
		home->sent++;
	}
}

static struct lmtp_order *lmtp_home_order(
	struct lmtp_home *home, enum lmtp_order_kind kind, char *line)
{
	if (home->count == home->room) {
		home->room = home->room == 0 ? 8 : home->room * 2;
		home->orders = xreallocarray(
			home->orders, home->room, sizeof(*home->orders));
	}
	home->orders[home->count] = (struct lmtp_order){ kind, 0, line };
	return &home->orders[home->count++];
}

void lmtp_home_mail(struct lmtp_home *home, const struct lmtp_mail *mail,
	struct buffer *out)
{
	struct buffer line = BUFFER_EMPTY;

	lmtp_mail_print(mail, &home->offer, &line);
	lmtp_home_order(home, LMTP_ORDER_MAIL, line.data);
	lmtp_home_flush(home, out);
}

void lmtp_home_recipient(struct lmtp_home *home,
	const struct lmtp_recipient *recipient, struct buffer *out)
{
	struct buffer line = BUFFER_EMPTY;

	if (home->recipients == home->recipients_room) {
		home->recipients_room = home->recipients_room * 2 + 4;
		home->accepted = xreallocarray(home->accepted,
			home->recipients_room, sizeof(*home->accepted));
	}
	home->accepted[home->recipients] = false;
	lmtp_recipient_print(recipient, &line);
	lmtp_home_order(home, LMTP_ORDER_RCPT, line.data)->number =
		home->recipients++;
	lmtp_home_flush(home, out);
}

bool lmtp_home_data(struct lmtp_home *home, bool chunked, struct buffer *out)
{
	const unsigned both = LMTP_CHUNKING | LMTP_PIPELINING;

	home->chunked = chunked && (home->offer.extensions & both) == both;
	home->next = 0;
	if (home->chunked)
		return true;
	lmtp_home_order(home, LMTP_ORDER_DATA, xstrdup("DATA\r\n"));
	lmtp_home_flush(home, out);
	return false;
}

void lmtp_home_content(struct lmtp_home *home, const char *data, size_t size,
	struct buffer *out)
{
	if (!home->chunked) {
		lmtp_encode(&home->place, data, size, out);
		return;
	}
	if (size == 0)
		return;
	if (home->replied == home->count)
		home->count = home->sent = home->replied = 0;
	/* replies to chunks are awaited, but the next is sent meanwhile */
	buffer_printf(out, "BDAT %zu\r\n", size);
	buffer_add(out, data, size);
	lmtp_home_order(home, LMTP_ORDER_CHUNK, NULL);
	home->sent = home->count;
}

void lmtp_home_end(struct lmtp_home *home, struct buffer *out)
{
	if (home->chunked)
		buffer_add_text(out, "BDAT 0 LAST\r\n");
	else
		lmtp_encode_end(&home->place, out);
	lmtp_home_order(home, LMTP_ORDER_END, NULL);
	home->sent = home->count;
	home->ending = true;
}

void lmtp_home_reset(struct lmtp_home *home, struct buffer *out)
{
	lmtp_home_order(home, LMTP_ORDER_RSET, xstrdup("RSET\r\n"));
	lmtp_home_flush(home, out);
}

void lmtp_home_quit(struct lmtp_home *home, struct buffer *out)
{
	lmtp_home_order(home, LMTP_ORDER_QUIT, xstrdup("QUIT\r\n"));
	lmtp_home_flush(home, out);
}

/* ---- replies ---- */

/* The next accepted recipient that has no answer, or false. */
static bool lmtp_home_next(struct lmtp_home *home)
{
	while (home->next < home->recipients && !home->accepted[home->next])
		home->next++;
	if (home->next == home->recipients)
		return false;
	home->number = home->next++;
	return true;
}

/* Whether somebody behind that one is still to be answered. */
static bool lmtp_home_has_next(const struct lmtp_home *home)
{
	for (size_t i = home->next; i < home->recipients; i++)
		if (home->accepted[i])
			return true;
	return false;
}

static enum lmtp_home_event lmtp_home_rcpt(
	struct lmtp_home *home, const struct lmtp_order *order)
{
	home->number = order->number;
	/* the cause of the refusal was MAIL: "552 too large" */
	if (home->mail.code != 0)
		lmtp_reply_copy(&home->reply, &home->mail);
	home->accepted[order->number] = lmtp_reply_is_good(&home->reply);
	return LMTP_HOME_RCPT;
}

/* Content is refused: that holds for every recipient. */
static enum lmtp_home_event lmtp_home_refused(struct lmtp_home *home)
{
	home->fan = true;
	return lmtp_home_next(home) ? LMTP_HOME_ANSWER : LMTP_HOME_LOST;
}

static enum lmtp_home_event lmtp_home_chunk_reply(struct lmtp_home *home)
{
	if (lmtp_reply_is_good(&home->reply))
		return LMTP_HOME_MORE;
	/* chunks behind it are under way, and their replies: too late to
	 * mend, and the end of data may be among them */
	return LMTP_HOME_LOST;
}

/* An answer to the end of data. */
static enum lmtp_home_event lmtp_home_ended(struct lmtp_home *home)
{
	if (!lmtp_home_next(home))
		return LMTP_HOME_LOST;
	home->fan = home->terms.smtp;
	if (home->terms.smtp || !lmtp_home_has_next(home))
		home->ending = false;
	return LMTP_HOME_ANSWER;
}

/* Whether the order has had all of its replies. */
static bool lmtp_home_is_replied(
	const struct lmtp_home *home, const struct lmtp_order *order)
{
	return order->kind != LMTP_ORDER_END || !home->ending;
}

static enum lmtp_home_event lmtp_home_order_reply(
	struct lmtp_home *home, const struct lmtp_order *order)
{
	switch (order->kind) {
	case LMTP_ORDER_MAIL:
		if (!lmtp_reply_is_good(&home->reply))
			lmtp_reply_copy(&home->mail, &home->reply);
		return LMTP_HOME_MORE;
	case LMTP_ORDER_RCPT:
		return lmtp_home_rcpt(home, order);
	case LMTP_ORDER_DATA:
		if (home->reply.code < 400 && home->reply.code != 354)
			return LMTP_HOME_LOST;
		if (home->reply.code != 354)
			return lmtp_home_refused(home);
		return LMTP_HOME_GO;
	case LMTP_ORDER_CHUNK:
		return lmtp_home_chunk_reply(home);
	case LMTP_ORDER_END:
		return lmtp_home_ended(home);
	case LMTP_ORDER_RSET:
		return lmtp_reply_is_good(&home->reply) ? LMTP_HOME_MORE
							: LMTP_HOME_LOST;
	case LMTP_ORDER_QUIT:
		break;
	}
	return LMTP_HOME_LOST;
}

/* A reply is complete, in home->reply. */
static enum lmtp_home_event lmtp_home_take(
	struct lmtp_home *home, struct buffer *out)
{
	struct lmtp_order *order;
	enum lmtp_home_event event;

	lmtp_reply_copy(&home->reply, &home->parser.reply);
	if (home->step != LMTP_STEP_UP)
		return lmtp_home_set_up(home, out);
	/* words without a question: 421, or nonsense */
	if (home->replied == home->sent)
		return LMTP_HOME_LOST;
	order = &home->orders[home->replied];
	home->answered = true;
	/* 354 is an answer to DATA alone */
	if (home->reply.code / 100 == 3 && order->kind != LMTP_ORDER_DATA)
		return LMTP_HOME_LOST;
	event = lmtp_home_order_reply(home, order);
	if (lmtp_home_is_replied(home, order))
		home->replied++;
	lmtp_home_flush(home, out);
	return event;
}

/* After the last reply of a transaction that was answered or given up. */
static bool lmtp_home_is_over(const struct lmtp_home *home)
{
	enum lmtp_order_kind last;

	if (home->count == 0 || home->replied < home->count || home->fan)
		return false;
	last = home->orders[home->count - 1].kind;
	return last == LMTP_ORDER_END || last == LMTP_ORDER_RSET;
}

enum lmtp_home_event lmtp_home_input(struct lmtp_home *home, const char *data,
	size_t size, size_t *used_r, struct buffer *out)
{
	enum lmtp_home_event event = LMTP_HOME_MORE;
	size_t used = 0, took;
	int result;

	*used_r = 0;
	if (home->fan && lmtp_home_next(home))
		return LMTP_HOME_ANSWER;
	if (home->fan) {
		home->fan = false;
		/* DATA was refused: the transaction is still open there */
		if (home->orders[home->count - 1].kind == LMTP_ORDER_DATA)
			lmtp_home_reset(home, out);
	}
	if (lmtp_home_is_over(home)) {
		lmtp_home_forget(home);
		return LMTP_HOME_FREE;
	}
	while (event == LMTP_HOME_MORE && used < size) {
		result = lmtp_reply_feed(
			&home->parser, data + used, size - used, &took);
		used += took;
		if (result == 0)
			break;
		if (result < 0) {
			lmtp_reply_set(
				&home->reply, 451, "4.3.0 its reply is none");
			event = LMTP_HOME_LOST;
			break;
		}
		event = lmtp_home_take(home, out);
		if (event == LMTP_HOME_MORE && lmtp_home_is_over(home)) {
			lmtp_home_forget(home);
			event = LMTP_HOME_FREE;
		}
	}
	*used_r = used;
	/* good words in the wrong place acknowledge nothing */
	if (event == LMTP_HOME_LOST && home->reply.code < 400)
		lmtp_reply_set(&home->reply, 451, "4.3.0 no sensible reply");
	return event;
}
