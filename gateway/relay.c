/* SPDX-License-Identifier: BSD-2-Clause */
/* Two flows and the pipes that they borrow. */
#include "config.h"

#include "gateway/relay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"

#define RELAY_SCRATCH	65536
#define RELAY_PIPE_SIZE (256 << 10)
/* Octets in one direction before others have their turn. */
#define RELAY_TURN (1 << 20)

struct relay_pool {
	char scratch[RELAY_SCRATCH];
	int (*pipes)[2]; /* those that nobody has */
	size_t free, open, most;
};

struct relay_pool *relay_pool_new(size_t pipes)
{
	struct relay_pool *pool = xcalloc(1, sizeof(*pool));

	pool->pipes = xcalloc(pipes + 1, sizeof(*pool->pipes));
	pool->most = pipes;
	return pool;
}

void relay_pool_free(struct relay_pool **pool_pointer)
{
	struct relay_pool *pool = *pool_pointer;

	if (pool == NULL)
		return;
	while (pool->free > 0) {
		close(pool->pipes[--pool->free][0]);
		close(pool->pipes[pool->free][1]);
	}
	free(pool->pipes);
	free(pool);
	*pool_pointer = NULL;
}

/* ---- pipes ---- */

/* Borrows a pipe; false: there is none to be had. */
static bool relay_take_pipe(struct relay_pool *pool, struct relay_flow *flow)
{
	if (flow->pipe[0] >= 0)
		return true;
	if (pool->free > 0) {
		memcpy(flow->pipe, pool->pipes[--pool->free],
			sizeof(flow->pipe));
		return true;
	}
	if (pool->open == pool->most ||
		pipe2(flow->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	pool->open++;
	/* Where the system allows it; the pipe is good as it is, too. */
	(void)fcntl(flow->pipe[0], F_SETPIPE_SZ, RELAY_PIPE_SIZE);
	return true;
}

/* Gives an empty pipe back; one that is not is of no use to others. */
static void relay_give_pipe(struct relay_pool *pool, struct relay_flow *flow)
{
	if (flow->pipe[0] < 0)
		return;
	if (flow->piped == 0) {
		memcpy(pool->pipes[pool->free++], flow->pipe,
			sizeof(flow->pipe));
	} else {
		close(flow->pipe[0]);
		close(flow->pipe[1]);
		pool->open--;
	}
	flow->pipe[0] = flow->pipe[1] = -1;
	flow->piped = 0;
}

/* ---- one direction ---- */

static void relay_flow_keep(
	struct relay_flow *flow, const char *data, size_t size)
{
	if (size == 0)
		return;
	flow->kept = xreallocarray(flow->kept, flow->kept_size + size, 1);
	memcpy(flow->kept + flow->kept_size, data, size);
	flow->kept_size += size;
}

/* Writes what waits. Octets, or as stream_write. */
static ssize_t relay_flow_flush(struct relay_flow *flow)
{
	ssize_t put;

	if (flow->piped > 0) {
		put = stream_write_pipe(flow->to, flow->pipe[0], flow->piped);
		if (put > 0)
			flow->piped -= (size_t)put;
		return put;
	}
	put = stream_write(flow->to, flow->kept + flow->kept_at,
		flow->kept_size - flow->kept_at);
	if (put <= 0)
		return put;
	flow->kept_at += (size_t)put;
	if (flow->kept_at == flow->kept_size) {
		free(flow->kept);
		flow->kept = NULL;
		flow->kept_at = flow->kept_size = 0;
	}
	return put;
}

static bool relay_flow_waits(const struct relay_flow *flow)
{
	return flow->kept != NULL || flow->piped > 0;
}

/* What was read is noted for the question whether it is quiet. */
static void relay_note(struct relay *relay, const struct relay_flow *flow,
	int64_t now, bool line_end)
{
	relay->active_at = now;
	relay->from_home = flow == &relay->down;
	relay->line_end = line_end;
}

static void relay_show(struct relay *relay, const struct relay_flow *flow,
	const char *data, size_t size)
{
	if (flow == &relay->up && relay->observe != NULL)
		relay->observe(relay->context, data, size);
}

/* Reads once, and writes what can be written at once. As stream_read. */
static ssize_t relay_flow_copy(
	struct relay *relay, struct relay_flow *flow, int64_t now)
{
	char *scratch = relay->pool->scratch;
	ssize_t got = stream_read(flow->from, scratch, RELAY_SCRATCH);
	ssize_t put = 0;

	if (got <= 0)
		return got;
	relay_note(relay, flow, now, scratch[got - 1] == '\n');
	relay_show(relay, flow, scratch, (size_t)got);
	flow->bulk = got == RELAY_SCRATCH && !flow->copy;
	if (flow->to->writable)
		put = stream_write(flow->to, scratch, (size_t)got);
	if (put < 0)
		return STREAM_BROKEN;
	relay_flow_keep(flow, scratch + put, (size_t)(got - put));
	return got;
}

/* The same through the pipe: what the octets are nobody sees. */
static ssize_t relay_flow_splice(
	struct relay *relay, struct relay_flow *flow, int64_t now)
{
	ssize_t got =
		stream_read_pipe(flow->from, flow->pipe[1], RELAY_PIPE_SIZE);

	flow->bulk = got > 0;
	if (got <= 0)
		return got;
	relay_note(relay, flow, now, true);
	relay_show(relay, flow, NULL, (size_t)got);
	flow->piped += (size_t)got;
	return got;
}

/* The from side has ended. What was read is handed on, but for what TLS still
 * has: the end follows it. */
static void relay_flow_end(struct relay *relay, struct relay_flow *flow)
{
	if (stream_unsent(flow->to) > 0)
		return;
	flow->over = true;
	if (flow == &relay->up || !relay->stopped)
		stream_shut(flow->to);
}

/* Octets that TLS hides cannot go through a pipe. */
static bool relay_flow_is_clear(const struct relay_flow *flow)
{
	return flow->from->tls == NULL && flow->to->tls == NULL;
}

/* One step. Octets that moved; 0 nothing can be done now; STREAM_BROKEN. */
static ssize_t relay_flow_step(
	struct relay *relay, struct relay_flow *flow, int64_t now)
{
	ssize_t moved;

	if (relay_flow_waits(flow))
		return flow->to->writable ? relay_flow_flush(flow) : 0;
	if (flow->from->ended) {
		relay_flow_end(relay, flow);
		return 0;
	}
	if (!flow->from->readable || stream_unsent(flow->to) > 0)
		return 0;
	if (flow->bulk && relay_flow_is_clear(flow) &&
		relay_take_pipe(relay->pool, flow))
		moved = relay_flow_splice(relay, flow, now);
	else
		moved = relay_flow_copy(relay, flow, now);
	if (moved == STREAM_END)
		relay_flow_end(relay, flow);
	return moved == STREAM_END ? 0 : moved;
}

/* Returns whether there is more; *broken_r when there cannot be. */
static bool relay_flow_run(struct relay *relay, struct relay_flow *flow,
	int64_t now, bool *broken_r)
{
	size_t turn = 0;
	ssize_t moved = 1;

	while (!flow->over && moved > 0 && turn < RELAY_TURN) {
		moved = relay_flow_step(relay, flow, now);
		turn += moved > 0 ? (size_t)moved : 0;
	}
	if (flow->piped == 0)
		relay_give_pipe(relay->pool, flow);
	*broken_r = *broken_r || moved == STREAM_BROKEN;
	return turn >= RELAY_TURN;
}

/* ---- both ---- */

void relay_begin(struct relay *relay, struct relay_pool *pool,
	struct stream *client, struct stream *home, int64_t now)
{
	*relay = (struct relay){
		.pool = pool,
		.up = { .from = client, .to = home, .pipe = { -1, -1 } },
		.down = { .from = home, .to = client, .pipe = { -1, -1 } },
		.active_at = now,
	};
}

void relay_clear(struct relay *relay)
{
	struct relay_flow *flows[] = { &relay->up, &relay->down };

	for (size_t i = 0; i < 2; i++) {
		relay_give_pipe(relay->pool, flows[i]);
		free(flows[i]->kept);
		flows[i]->kept = NULL;
	}
}

void relay_observe(
	struct relay *relay, relay_observe_fn *observe, void *context, bool all)
{
	relay->observe = observe;
	relay->context = context;
	relay->up.copy = all;
}

void relay_add_up(struct relay *relay, const void *data, size_t size)
{
	if (size == 0)
		return;
	relay_show(relay, &relay->up, data, size);
	relay->from_home = false;
	relay_flow_keep(&relay->up, data, size);
}

void relay_add_down(struct relay *relay, const void *data, size_t size)
{
	if (size == 0)
		return;
	relay->from_home = true;
	relay->line_end = ((const char *)data)[size - 1] == '\n';
	relay_flow_keep(&relay->down, data, size);
}

enum relay_result relay_run(struct relay *relay, int64_t now)
{
	bool broken = false;
	bool more = relay_flow_run(relay, &relay->up, now, &broken);

	more = relay_flow_run(relay, &relay->down, now, &broken) || more;
	if (relay->down.over)
		return RELAY_OVER;
	if (broken)
		return RELAY_BROKEN;
	return more ? RELAY_AGAIN : RELAY_WAIT;
}

bool relay_is_quiet(const struct relay *relay, int64_t now, int64_t ms)
{
	return relay->from_home && relay->line_end &&
	       now - relay->active_at >= ms && !relay_flow_waits(&relay->up) &&
	       !relay_flow_waits(&relay->down) &&
	       stream_unsent(relay->up.to) == 0 &&
	       stream_unsent(relay->down.to) == 0;
}

void relay_stop(struct relay *relay)
{
	relay->stopped = true;
	relay->up.from->ended = true;
}
