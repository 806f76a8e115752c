/* SPDX-License-Identifier: BSD-2-Clause */
/* Idle connections, and who is down. */
#include "config.h"

#include "gateway/delivery_pool.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#include "gateway/home.h"

/* Idle connections that are kept to one home. */
#define DELIVERY_POOL_IDLE 16
/* ms: between tries of a home that is down, doubled from one to the next. */
#define DELIVERY_POOL_RETRY_MIN 500
#define DELIVERY_POOL_RETRY_MAX 15000
#define DELIVERY_POOL_TICK	500
/* ms: for which anybody waits for a home that was never reached. */
#define DELIVERY_POOL_PATIENCE 2000

struct delivery_home {
	struct delivery_pool *pool;
	char *system;
	struct lmtp_offer offer;
	bool learned; /* the offer is what it has said */
	bool tried;
	bool down;
	struct lmtp_reply why;
	int64_t delay, until;	     /* ms; of the next try */
	struct delivery_line *probe; /* that try */
	int64_t probed;		     /* ms; when it began */
	struct delivery_line *idle;
	unsigned idles;
	struct delivery_home *next;
};

struct delivery_pool {
	struct worker *worker;
	struct delivery_home *homes;
	struct loop_timer timer;
	struct delivery *left;
};

struct delivery **delivery_pool_left(struct delivery_pool *pool)
{
	return &pool->left;
}

static void delivery_pool_look(void *context);

/* ---- homes ---- */

static struct delivery_home *delivery_pool_home(
	struct delivery_pool *pool, const char *system)
{
	struct delivery_home *home = pool->homes;

	while (home != NULL && strcmp(home->system, system) != 0)
		home = home->next;
	if (home != NULL)
		return home;
	home = xcalloc(1, sizeof(*home));
	home->pool = pool;
	home->system = xstrdup(system);
	home->next = pool->homes;
	return pool->homes = home;
}

/* The server of a system as it is configured now; NULL: it has none. */
static const struct home *delivery_pool_server(
	const struct delivery_pool *pool, const char *system)
{
	return homes_find(pool->worker->settings->homes, system, HOME_LMTP);
}

/* Takes it out of the list of its home. */
static void delivery_pool_unlist(struct delivery_line *line)
{
	struct delivery_line **at = &line->of->idle;

	while (*at != line)
		at = &(*at)->next;
	*at = line->next;
	line->of->idles--;
}

/* ---- of idle connections ---- */

static void delivery_pool_idle_event(void *context, enum lmtp_home_event event)
{
	/* it was asked nothing: lmtp_home makes every word of its a loss */
	(void)context;
	(void)event;
	abort();
}

static void delivery_pool_idle_room(void *context)
{
	(void)context;
}

static void delivery_pool_idle_lost(
	void *context, const struct lmtp_reply *reply, bool hung)
{
	struct delivery_line *line = context;

	(void)reply;
	delivery_pool_unlist(line);
	if (hung) /* nobody has wanted it */
		delivery_line_quit(&line);
}

static const struct delivery_line_calls delivery_pool_idle_calls = {
	.event = delivery_pool_idle_event,
	.room = delivery_pool_idle_room,
	.lost = delivery_pool_idle_lost,
};

void delivery_pool_give(
	struct delivery_pool *pool, struct delivery_line **line_pointer)
{
	struct delivery_line *line = *line_pointer;
	struct delivery_home *home = line->of;

	*line_pointer = NULL;
	if (home->idles >= DELIVERY_POOL_IDLE || pool->worker->draining ||
		line->home != delivery_pool_server(pool, home->system)) {
		delivery_line_quit(&line);
		return;
	}
	line->reused = true;
	line->calls = &delivery_pool_idle_calls;
	line->context = line;
	line->next = home->idle;
	home->idle = line;
	home->idles++;
	delivery_line_expect(
		line, pool->worker->settings->config->gateway.delivery_idle);
}

/* ---- what is known of them ---- */

void delivery_pool_learn(struct delivery_pool *pool, struct delivery_line *line)
{
	struct delivery_home *home = line->of;

	if (home->down)
		log_write(pool->worker->log, LOG_NOTICE,
			"%s can be reached again", line->home->name);
	home->offer = *lmtp_home_offer(line->talk);
	home->learned = home->tried = true;
	home->down = false;
	home->delay = 0;
}

void delivery_pool_failed(struct delivery_pool *pool,
	struct delivery_line *line, const struct lmtp_reply *reply)
{
	struct delivery_home *home = line->of;

	home->tried = true;
	home->delay =
		home->delay == 0 ? DELIVERY_POOL_RETRY_MIN : home->delay * 2;
	if (home->delay > DELIVERY_POOL_RETRY_MAX)
		home->delay = DELIVERY_POOL_RETRY_MAX;
	home->until = loop_now(pool->worker->loop) + home->delay;
	lmtp_reply_copy(&home->why, reply);
	lmtp_reply_tame(&home->why);
	/* a home that refuses us for good is mended by somebody: not yet */
	if (home->why.code >= 500)
		lmtp_reply_set(&home->why, 451, "4.4.1 the home refuses us");
	if (!home->down)
		log_write(pool->worker->log, LOG_WARNING,
			"%s cannot be reached: %s", line->home->name,
			lmtp_reply_words(reply));
	home->down = true;
}

bool delivery_pool_is_known(struct delivery_pool *pool)
{
	const struct config *config = pool->worker->settings->config;

	for (size_t i = 0; i < config->systems_count; i++) {
		const char *system = config->systems[i].name;

		if (delivery_pool_server(pool, system) != NULL &&
			!delivery_pool_home(pool, system)->tried)
			return false;
	}
	return true;
}

/* What one home can do, as far as anybody knows. */
static struct lmtp_offer delivery_pool_offer_of(
	struct delivery_pool *pool, const struct config_system *system)
{
	const struct delivery_home *home =
		delivery_pool_home(pool, system->name);
	struct lmtp_offer offer = { 0, 0 };
	struct error error;

	if (home->learned)
		return home->offer;
	if (system->lmtp_offers != NULL)
		(void)lmtp_offer_parse(system->lmtp_offers, &offer, &error);
	return offer;
}

struct lmtp_offer delivery_pool_offer(struct delivery_pool *pool)
{
	const struct config *config = pool->worker->settings->config;
	struct lmtp_offer common = { 0, 0 }, offer;
	bool first = true;

	for (size_t i = 0; i < config->systems_count; i++) {
		if (delivery_pool_server(pool, config->systems[i].name) == NULL)
			continue;
		offer = delivery_pool_offer_of(pool, &config->systems[i]);
		if (first)
			common = offer;
		else
			lmtp_offer_limit(&common, &offer);
		first = false;
	}
	return common;
}

/* ---- tries ---- */

static void delivery_pool_probe_event(void *context, enum lmtp_home_event event)
{
	struct delivery_home *home = context;

	if (event != LMTP_HOME_READY)
		return;
	delivery_pool_learn(home->pool, home->probe);
	delivery_pool_give(home->pool, &home->probe);
}

static void delivery_pool_probe_lost(
	void *context, const struct lmtp_reply *reply, bool hung)
{
	struct delivery_home *home = context;

	(void)hung;
	delivery_pool_failed(home->pool, home->probe, reply);
	home->probe = NULL;
}

static const struct delivery_line_calls delivery_pool_probe_calls = {
	.event = delivery_pool_probe_event,
	.room = delivery_pool_idle_room,
	.lost = delivery_pool_probe_lost,
};

static struct delivery_line *delivery_pool_new_line(struct delivery_pool *pool,
	struct delivery_home *home, const struct home *server,
	const char *client, const struct delivery_line_calls *calls,
	void *context)
{
	struct delivery_line *line = delivery_line_new(pool->worker->loop,
		pool->worker->settings, server, client, calls, context);

	line->of = home;
	return line;
}

static void delivery_pool_probe(struct delivery_pool *pool,
	struct delivery_home *home, const struct home *server, int64_t now)
{
	home->probed = now;
	home->probe = delivery_pool_new_line(
		pool, home, server, NULL, &delivery_pool_probe_calls, home);
}

/* Looks at every home that is down, or of which nothing is known. */
static void delivery_pool_look(void *context)
{
	struct delivery_pool *pool = context;
	const struct config *config = pool->worker->settings->config;
	int64_t now = loop_now(pool->worker->loop);

	for (size_t i = 0; i < config->systems_count; i++) {
		const char *system = config->systems[i].name;
		const struct home *server = delivery_pool_server(pool, system);
		struct delivery_home *home;

		if (server == NULL)
			continue;
		home = delivery_pool_home(pool, system);
		if (home->probe == NULL && now >= home->until &&
			(home->down || !home->learned))
			delivery_pool_probe(pool, home, server, now);
	}
	loop_timer_set(pool->worker->loop, &pool->timer, DELIVERY_POOL_TICK,
		delivery_pool_look, pool);
}

/* ---- taking ---- */

static bool delivery_pool_is_same(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

/* An idle one to that server, told that client, or NULL. */
static struct delivery_line *delivery_pool_take_idle(struct delivery_home *home,
	const struct home *server, const char *client)
{
	struct delivery_line *line = home->idle, *next;

	for (; line != NULL; line = next) {
		next = line->next;
		if (line->home != server) { /* of former settings */
			delivery_pool_unlist(line);
			delivery_line_quit(&line);
		} else if (delivery_pool_is_same(line->client, client)) {
			delivery_pool_unlist(line);
			return line;
		}
	}
	return NULL;
}

struct delivery_line *delivery_pool_take(struct delivery_pool *pool,
	const char *system, const char *client, bool fresh,
	const struct delivery_line_calls *calls, void *context,
	struct lmtp_reply *reply_r)
{
	struct delivery_home *home = delivery_pool_home(pool, system);
	const struct home *server = delivery_pool_server(pool, system);
	struct delivery_line *line = NULL;

	if (server == NULL) {
		lmtp_reply_set(
			reply_r, 451, "4.3.5 the home has no delivery server");
		return NULL;
	}
	if (home->down) {
		lmtp_reply_copy(reply_r, &home->why);
		return NULL;
	}
	if (!home->learned && home->probe != NULL &&
		loop_now(pool->worker->loop) - home->probed >=
			DELIVERY_POOL_PATIENCE) {
		lmtp_reply_set(
			reply_r, 451, "4.4.1 the home has not answered yet");
		return NULL;
	}
	if ((server->client_address != CONFIG_CLIENT_XCLIENT &&
		    server->client_address != CONFIG_CLIENT_PROXY) ||
		client[0] == '\0')
		client = NULL;
	if (!fresh)
		line = delivery_pool_take_idle(home, server, client);
	if (line == NULL)
		return delivery_pool_new_line(
			pool, home, server, client, calls, context);
	line->calls = calls;
	line->context = context;
	delivery_line_expect(line, 0);
	return line;
}

/* ---- beginning and end ---- */

struct delivery_pool *delivery_pool_new(struct worker *worker)
{
	struct delivery_pool *pool = xcalloc(1, sizeof(*pool));

	pool->worker = worker;
	delivery_pool_look(pool);
	return pool;
}

void delivery_pool_free(struct delivery_pool **pool_pointer)
{
	struct delivery_pool *pool = *pool_pointer;

	if (pool == NULL)
		return;
	loop_timer_clear(pool->worker->loop, &pool->timer);
	while (pool->homes != NULL) {
		struct delivery_home *home = pool->homes;

		pool->homes = home->next;
		delivery_line_close(&home->probe);
		while (home->idle != NULL) {
			struct delivery_line *line = home->idle;

			home->idle = line->next;
			delivery_line_quit(&line);
		}
		lmtp_reply_clear(&home->why);
		free(home->system);
		free(home);
	}
	free(pool);
	*pool_pointer = NULL;
}
