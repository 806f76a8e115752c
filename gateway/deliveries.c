/* SPDX-License-Identifier: BSD-2-Clause */
/* Mail servers' connections: bytes to lmtp_server and back. */
#include "config.h"

#include "gateway/deliveries.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#include "gateway/delivery.h"
#include "gateway/delivery_pool.h"
#include "gateway/lmtp_server.h"
#include "gateway/stream.h"

#define DELIVERIES_READ 32768
/* Octets of answers that a client leaves unread before it is read no more. */
#define DELIVERIES_OUT 65536
/* ms: of silence (RFC 5321 section 4.5.3.2.7), for the handshake, and how long
 * the first greeting waits for what the homes can do. */
#define DELIVERIES_SILENCE   300000
#define DELIVERIES_HANDSHAKE 30000
#define DELIVERIES_LEARN     2000

enum deliveries_stage {
	DELIVERIES_SHAKE,
	DELIVERIES_GREET, /* the greeting is not out */
	DELIVERIES_TALK,
	DELIVERIES_ASKED_TLS, /* when the answer to STARTTLS is out */
	DELIVERIES_FAREWELL,  /* when all is out */
};

struct deliveries_client {
	struct deliveries *deliveries;
	struct deliveries_origin origin;
	enum deliveries_stage stage;
	struct stream stream;
	struct loop_watch *watch;
	struct loop_timer timer;
	struct loop_work work;
	struct settings *settings; /* held: our name is theirs */
	struct lmtp_server *server;
	struct delivery *delivery; /* of the transaction, or NULL */
	struct buffer in, out;
	size_t used, sent;
	int64_t since; /* ms */
	bool input;    /* it should look at what came, or at nothing */
	struct deliveries_client *next, **before;
};

struct deliveries {
	struct worker *worker;
	struct delivery_pool *pool;
	struct deliveries_client *clients;
	bool draining;
};

static void deliveries_run(void *context);

/* ---- beginning and end ---- */

static void deliveries_end(struct deliveries_client *client)
{
	struct loop *loop = client->deliveries->worker->loop;

	if (client->delivery != NULL)
		delivery_leave(&client->delivery);
	loop_timer_clear(loop, &client->timer);
	loop_undefer(loop, &client->work);
	loop_watch_free(&client->watch);
	stream_close(&client->stream);
	*client->before = client->next;
	if (client->next != NULL)
		client->next->before = client->before;
	if (client->origin.over != NULL)
		client->origin.over(client->origin.over_context);
	lmtp_server_free(&client->server);
	settings_release(&client->settings);
	buffer_free(&client->in);
	buffer_free(&client->out);
	free(client);
}

static void deliveries_log(
	struct deliveries_client *client, int level, const char *words)
{
	log_write(client->deliveries->worker->log, level,
		"protocol=lmtp client=%s: %s", client->origin.client, words);
}

static void deliveries_wake(struct deliveries_client *client)
{
	client->input = true;
	loop_defer(client->deliveries->worker->loop, &client->work,
		deliveries_run, client);
}

static void deliveries_farewell(
	struct deliveries_client *client, const char *words)
{
	if (client->stage == DELIVERIES_GREET ||
		client->stage == DELIVERIES_TALK)
		lmtp_server_goodbye(client->server, words, &client->out);
	client->stage = DELIVERIES_FAREWELL;
	deliveries_wake(client);
}

static void deliveries_late(void *context)
{
	struct deliveries_client *client = context;
	struct loop *loop = client->deliveries->worker->loop;

	/* it waits for homes: these have their own time */
	if (client->stage == DELIVERIES_TALK &&
		(lmtp_server_awaits(client->server) ||
			client->used < client->in.size))
		loop_timer_set(loop, &client->timer, DELIVERIES_SILENCE,
			deliveries_late, client);
	else if (client->stage == DELIVERIES_TALK)
		deliveries_farewell(client, "4.4.2 it was silent for too long");
	else
		deliveries_end(client);
}

/* ---- the transaction ---- */

static void deliveries_answer(
	void *context, size_t number, const struct lmtp_reply *reply)
{
	struct deliveries_client *client = context;

	lmtp_server_answer(client->server, number, reply, &client->out);
	deliveries_wake(client);
}

static void deliveries_room(void *context)
{
	deliveries_wake(context);
}

static const struct delivery_calls deliveries_calls = {
	.answer = deliveries_answer,
	.room = deliveries_room,
};

static void deliveries_recipient(struct deliveries_client *client)
{
	struct deliveries *deliveries = client->deliveries;
	const struct lmtp_recipient *recipient;
	size_t number;

	if (client->delivery == NULL)
		client->delivery = delivery_new(deliveries->worker,
			deliveries->pool, lmtp_server_mail(client->server),
			client->origin.client, &deliveries_calls, client);
	recipient = lmtp_server_recipient(client->server, &number);
	delivery_recipient(client->delivery, number, recipient);
}

static void deliveries_event(
	struct deliveries_client *client, enum lmtp_server_event event)
{
	struct buffer *content;

	switch (event) {
	case LMTP_SERVER_RCPT:
		deliveries_recipient(client);
		break;
	case LMTP_SERVER_DATA:
		delivery_data(client->delivery,
			lmtp_server_is_chunked(client->server));
		break;
	case LMTP_SERVER_CONTENT:
		content = lmtp_server_content(client->server);
		delivery_content(
			client->delivery, content->data, content->size);
		buffer_clear(content);
		break;
	case LMTP_SERVER_COMPLETE:
		delivery_complete(client->delivery);
		break;
	case LMTP_SERVER_RESET:
		if (client->delivery != NULL)
			delivery_leave(&client->delivery);
		break;
	case LMTP_SERVER_STARTTLS:
		if (client->delivery != NULL)
			delivery_leave(&client->delivery);
		client->stage = DELIVERIES_ASKED_TLS;
		break;
	case LMTP_SERVER_END:
		client->stage = DELIVERIES_FAREWELL;
		break;
	case LMTP_SERVER_MORE:
		break;
	}
}

/* Hands what came to the server as far as that can go on now. */
static void deliveries_hear(struct deliveries_client *client)
{
	enum lmtp_server_event event = LMTP_SERVER_CONTENT;
	struct lmtp_offer offer = delivery_pool_offer(client->deliveries->pool);
	size_t used;

	lmtp_server_offer(client->server, &offer);
	client->input = false;
	while (event != LMTP_SERVER_MORE && client->stage == DELIVERIES_TALK) {
		if (client->delivery != NULL &&
			lmtp_server_is_idle(client->server))
			delivery_leave(&client->delivery);
		if (client->delivery != NULL &&
			delivery_is_full(client->delivery))
			break;
		event = lmtp_server_input(client->server,
			client->in.size > 0 ? client->in.data + client->used
					    : "",
			client->in.size - client->used, &used, &client->out);
		client->used += used;
		deliveries_event(client, event);
	}
	if (client->used == client->in.size) {
		buffer_clear(&client->in);
		client->used = 0;
	}
}

/* ---- octets ---- */

/* 1 all is out, 0 not, -1 the client is lost. */
static int deliveries_flush(struct deliveries_client *client)
{
	while (client->sent < client->out.size) {
		ssize_t put = stream_write(&client->stream,
			client->out.data + client->sent,
			client->out.size - client->sent);

		if (put < 0)
			return -1;
		if (put == STREAM_WAIT)
			return 0;
		client->sent += (size_t)put;
	}
	buffer_clear(&client->out);
	client->sent = 0;
	return 1;
}

/* Reads when what came before was used. STREAM_WAIT when there is nothing to
 * do, else as stream_read. */
static ssize_t deliveries_read(struct deliveries_client *client)
{
	char data[DELIVERIES_READ];
	ssize_t got;

	if (client->in.size > 0 || client->out.size > DELIVERIES_OUT)
		return STREAM_WAIT;
	got = stream_read(&client->stream, data, sizeof(data));
	if (got > 0) {
		buffer_add(&client->in, data, (size_t)got);
		loop_timer_set(client->deliveries->worker->loop, &client->timer,
			DELIVERIES_SILENCE, deliveries_late, client);
	}
	return got;
}

static int deliveries_begin_tls(
	struct deliveries_client *client, struct error *error)
{
	client->stage = DELIVERIES_SHAKE;
	return stream_begin_tls_server(
		&client->stream, client->origin.context, error);
}

/* 1 it is done, 0 not yet, -1 never. */
static int deliveries_shake(struct deliveries_client *client)
{
	struct error error = { "it has closed" };
	int done = stream_handshake(&client->stream, &error);

	if (done < 0)
		deliveries_log(client, LOG_NOTICE, error.text);
	if (done <= 0)
		return done;
	lmtp_server_secured(client->server);
	client->stage =
		client->origin.implicit ? DELIVERIES_GREET : DELIVERIES_TALK;
	return 1;
}

/* What the homes can do is told behind the greeting: it is worth a moment. */
static bool deliveries_greet(struct deliveries_client *client)
{
	struct deliveries *deliveries = client->deliveries;
	struct loop *loop = deliveries->worker->loop;

	if (!delivery_pool_is_known(deliveries->pool) &&
		loop_now(loop) - client->since < DELIVERIES_LEARN) {
		loop_timer_set(loop, &client->timer, LOOP_TICK, deliveries_run,
			client);
		return false;
	}
	client->stage = DELIVERIES_TALK;
	lmtp_server_greet(client->server, &client->out);
	loop_timer_set(loop, &client->timer, DELIVERIES_SILENCE,
		deliveries_late, client);
	return true;
}

/* Talks as long as there is something to do. -1: the client is lost. */
static int deliveries_talk(struct deliveries_client *client)
{
	ssize_t got = STREAM_WAIT;

	do {
		if (client->input || client->used < client->in.size)
			deliveries_hear(client);
		if (client->stage != DELIVERIES_TALK)
			break;
		got = deliveries_read(client);
		if (got > 0)
			client->input = true;
	} while (got > 0);
	if (got < 0)
		return -1;
	if (client->deliveries->draining && client->stage == DELIVERIES_TALK &&
		lmtp_server_is_idle(client->server))
		deliveries_farewell(client, "4.3.2 we are closing");
	return deliveries_flush(client) < 0 ? -1 : 0;
}

/* The answer to STARTTLS is out; what else came before TLS was injected. */
static int deliveries_start_tls(struct deliveries_client *client)
{
	struct error error = { "it says too much before TLS" };
	int done = deliveries_flush(client);

	if (done <= 0)
		return done;
	if (client->in.size > 0 || deliveries_begin_tls(client, &error) < 0) {
		deliveries_log(client, LOG_WARNING, error.text);
		return -1;
	}
	deliveries_wake(client);
	return 0;
}

/* Returns -1 when it is over. */
static int deliveries_turn(struct deliveries_client *client)
{
	if (client->stage == DELIVERIES_SHAKE) {
		int done = deliveries_shake(client);

		if (done <= 0)
			return done;
	}
	if (client->stage == DELIVERIES_GREET && !deliveries_greet(client))
		return 0;
	if (client->stage == DELIVERIES_TALK && deliveries_talk(client) < 0)
		return -1;
	if (client->stage == DELIVERIES_ASKED_TLS)
		return deliveries_start_tls(client);
	if (client->stage == DELIVERIES_FAREWELL)
		return deliveries_flush(client) == 0 ? 0 : -1;
	return 0;
}

static void deliveries_run(void *context)
{
	struct deliveries_client *client = context;

	if (deliveries_turn(client) < 0)
		deliveries_end(client);
}

static void deliveries_ready(void *context, bool readable, bool writable)
{
	struct deliveries_client *client = context;

	stream_ready(&client->stream, readable, writable);
	deliveries_run(client);
}

/* ---- for the worker ---- */

struct deliveries *deliveries_new(struct worker *worker)
{
	struct deliveries *deliveries = xcalloc(1, sizeof(*deliveries));

	deliveries->worker = worker;
	deliveries->pool = delivery_pool_new(worker);
	return deliveries;
}

void deliveries_free(struct deliveries **deliveries_pointer)
{
	struct deliveries *deliveries = *deliveries_pointer;

	if (deliveries == NULL)
		return;
	while (deliveries->clients != NULL)
		deliveries_end(deliveries->clients);
	delivery_abandon_all(deliveries->pool);
	delivery_pool_free(&deliveries->pool);
	free(deliveries);
	*deliveries_pointer = NULL;
}

void deliveries_begin(struct deliveries *deliveries, int socket,
	const struct deliveries_origin *origin)
{
	struct deliveries_client *client = xcalloc(1, sizeof(*client));
	struct loop *loop = deliveries->worker->loop;
	struct error error = { "no more descriptors can be watched" };

	client->deliveries = deliveries;
	client->origin = *origin;
	client->since = loop_now(loop);
	client->stage = DELIVERIES_GREET;
	client->settings = settings_hold(deliveries->worker->settings);
	client->server = lmtp_server_new(
		client->settings->name, origin->starttls && !origin->implicit);
	client->next = deliveries->clients;
	client->before = &deliveries->clients;
	if (client->next != NULL)
		client->next->before = &client->next;
	deliveries->clients = client;
	stream_open(&client->stream, socket);
	client->watch = loop_watch_new(loop, socket, deliveries_ready, client);
	if (client->watch == NULL ||
		(origin->implicit &&
			deliveries_begin_tls(client, &error) < 0)) {
		deliveries_log(client, LOG_ERR, error.text);
		deliveries_end(client);
		return;
	}
	loop_timer_set(loop, &client->timer, DELIVERIES_HANDSHAKE,
		deliveries_late, client);
	deliveries_wake(client);
}

void deliveries_drain(struct deliveries *deliveries)
{
	deliveries->draining = true;
	for (struct deliveries_client *client = deliveries->clients;
		client != NULL; client = client->next)
		deliveries_wake(client);
}

bool deliveries_are_over(const struct deliveries *deliveries)
{
	return deliveries->clients == NULL &&
	       *delivery_pool_left(deliveries->pool) == NULL;
}
