/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread's accepting. A client whose balancer speaks first is kept here
 * until the header has come; nothing behind the header is taken from it.
 */
#include "config.h"

#include "gateway/listener_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/proxy_header.h"
#include "lib/xalloc.h"

/* Clients in one turn: the others go to other threads. */
#define LISTENER_TURN 8
/* ms that a header may take. */
#define LISTENER_HEADER 5000
/* ms without accepting when the system has no room for more. */
#define LISTENER_PAUSE 1000
/* ms between two lines about clients that were turned away. */
#define LISTENER_SILENCE 10000

/* One section's socket in this thread. */
struct listener_door {
	struct listener_thread *thread;
	const struct listener *listener;
	struct loop_watch *watch;
};

struct listener_thread {
	struct loop *loop;
	struct log *log;
	listener_guest_fn *fn;
	void *context;
	struct listeners *listeners;
	struct listener_door *doors; /* as many as listeners */
	struct loop_timer pause;
	struct listener_visit *waiting; /* for their headers */
	int64_t told_at; /* of clients turned away, ms; 0: never */
	size_t untold;
	char scratch[PROXY_HEADER_MAX];
};

/* A guest, and what it holds. */
struct listener_visit {
	struct listener_guest guest; /* first: what others see of it */
	struct listeners *listeners;
	bool counted; /* for its address */
	/* While its header is waited for. */
	struct listener_thread *thread;
	struct listener_visit *next, **link;
	struct loop_watch *watch;
	struct loop_timer timer;
};

/* ---- the end of a visit ---- */

void listener_leave(void *guest)
{
	struct listener_visit *visit = guest;
	struct limits *limits = listeners_limits(visit->listeners);

	if (visit->counted)
		limits_go_from(limits, visit->guest.client);
	limits_go(limits);
	listeners_leave(&visit->listeners);
	free(visit);
}

static void listener_stop_waiting(struct listener_visit *visit)
{
	if (visit->link == NULL)
		return;
	*visit->link = visit->next;
	if (visit->next != NULL)
		visit->next->link = visit->link;
	visit->link = NULL;
	loop_watch_free(&visit->watch);
	loop_timer_clear(visit->thread->loop, &visit->timer);
}

static void listener_drop(struct listener_visit *visit)
{
	listener_stop_waiting(visit);
	close(visit->guest.socket);
	listener_leave(visit);
}

/* ---- turning away ---- */

/* One line for many: whoever comes too often shall not fill the log. */
static void listener_tell(struct listener_thread *thread,
	const struct listener_visit *visit, const char *why)
{
	int64_t now = loop_now(thread->loop);

	thread->untold++;
	if (thread->told_at != 0 && now - thread->told_at < LISTENER_SILENCE)
		return;
	log_write(thread->log, LOG_WARNING,
		"listen \"%s\": client=%s turned away: %s; %zu since the last "
		"such line",
		visit->guest.terms->name, visit->guest.client, why,
		thread->untold);
	thread->told_at = now;
	thread->untold = 0;
}

/* In clear text only: there is no TLS session yet. */
static void listener_apologize(const struct listener_guest *guest)
{
	static const char *const words[HOME_SERVICES] = {
		[HOME_IMAP] = "* BYE [UNAVAILABLE] too many connections\r\n",
		[HOME_POP3] = "-ERR [SYS/TEMP] too many connections\r\n",
		[HOME_SUBMISSION] = "421 4.3.2 too many connections\r\n",
		[HOME_SIEVE] = "BYE (TRYLATER) \"too many connections\"\r\n",
		[HOME_LMTP] = "421 4.3.2 too many connections\r\n",
	};
	const char *word = words[guest->terms->service];

	if (guest->terms->tls != LISTENER_TLS)
		(void)send(guest->socket, word, strlen(word),
			MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- letting in ---- */

/* The client's address is known: its turn, or not. */
static void listener_admit(
	struct listener_thread *thread, struct listener_visit *visit)
{
	listener_stop_waiting(visit);
	visit->counted = limits_come_from(
		listeners_limits(visit->listeners), visit->guest.client);
	if (visit->counted) {
		thread->fn(thread->context, &visit->guest);
		return;
	}
	listener_tell(thread, visit, "too many connections of its address");
	listener_apologize(&visit->guest);
	listener_drop(visit);
}

/* An IPv4 client of an IPv6 socket is an IPv4 client. */
static void listener_name_client(
	struct listener_guest *guest, const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	const void *octets;
	int family = address->ss_family;

	if (family == AF_INET) {
		octets = &v4->sin_addr;
		guest->port = ntohs(v4->sin_port);
	} else if (family == AF_INET6) {
		octets = &v6->sin6_addr;
		guest->port = ntohs(v6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			octets = &v6->sin6_addr.s6_addr[12];
			family = AF_INET;
		}
	} else {
		return;
	}
	(void)inet_ntop(family, octets, guest->client, sizeof(guest->client));
}

static void listener_take_header(
	struct listener_visit *visit, const struct proxy_header *header)
{
	if (!header->known)
		return;
	memcpy(visit->guest.client, header->client,
		sizeof(visit->guest.client));
	visit->guest.port = header->client_port;
}

static void listener_header_ready(void *context, bool readable, bool writable)
{
	struct listener_visit *visit = context;
	struct listener_thread *thread = visit->thread;
	int descriptor = visit->guest.socket;
	struct proxy_header header;
	size_t size;
	ssize_t got;
	int result;

	(void)writable;
	if (!readable)
		return;
	got = recv(
		descriptor, thread->scratch, sizeof(thread->scratch), MSG_PEEK);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	result = got > 0 ? proxy_header_parse(
				   thread->scratch, (size_t)got, &header, &size)
			 : -1;
	if (result == 0)
		return;
	/* What was seen is there: it comes in one piece. */
	if (result == 1 &&
		recv(descriptor, thread->scratch, size, 0) == (ssize_t)size) {
		listener_take_header(visit, &header);
		listener_admit(thread, visit);
		return;
	}
	if (got > 0)
		listener_tell(thread, visit, "no PROXY header came first");
	listener_drop(visit);
}

static void listener_header_late(void *context)
{
	struct listener_visit *visit = context;

	listener_tell(visit->thread, visit, "its PROXY header did not come");
	listener_drop(visit);
}

static void listener_await_header(
	struct listener_thread *thread, struct listener_visit *visit)
{
	visit->thread = thread;
	visit->next = thread->waiting;
	if (visit->next != NULL)
		visit->next->link = &visit->next;
	visit->link = &thread->waiting;
	thread->waiting = visit;
	visit->watch = loop_watch_new(thread->loop, visit->guest.socket,
		listener_header_ready, visit);
	if (visit->watch == NULL) {
		listener_drop(visit);
		return;
	}
	loop_timer_set(thread->loop, &visit->timer, LISTENER_HEADER,
		listener_header_late, visit);
}

static void listener_receive(struct listener_door *door, int descriptor,
	const struct sockaddr_storage *address)
{
	struct listener_thread *thread = door->thread;
	struct listener_visit *visit = xcalloc(1, sizeof(*visit));

	visit->guest.terms = &door->listener->terms;
	visit->guest.socket = descriptor;
	listener_name_client(&visit->guest, address);
	visit->listeners = listeners_hold(thread->listeners);
	if (!limits_come(listeners_limits(visit->listeners))) {
		listener_tell(thread, visit, "too many connections in all");
		listener_apologize(&visit->guest);
		close(descriptor);
		listeners_leave(&visit->listeners);
		free(visit);
		return;
	}
	if (door->listener->proxy)
		listener_await_header(thread, visit);
	else
		listener_admit(thread, visit);
}

/* ---- the sockets ---- */

static void listener_resume(void *context)
{
	struct listener_thread *thread = context;

	for (size_t i = 0; i < thread->listeners->count; i++)
		loop_watch_resume(thread->doors[i].watch);
}

/* The system has no descriptors or no memory: accepting again and again would
 * only burn the time that sessions need to end. */
static void listener_pause(struct listener_thread *thread, int number)
{
	log_write(thread->log, LOG_ERR, "accept clients: %s; none for %d ms",
		strerror(number), LISTENER_PAUSE);
	for (size_t i = 0; i < thread->listeners->count; i++)
		loop_watch_pause(thread->doors[i].watch);
	loop_timer_set(thread->loop, &thread->pause, LISTENER_PAUSE,
		listener_resume, thread);
}

static void listener_ready(void *context, bool readable, bool writable)
{
	struct listener_door *door = context;
	struct sockaddr_storage address;
	int descriptor;

	(void)readable;
	(void)writable;
	for (int i = 0; i < LISTENER_TURN; i++) {
		socklen_t size = sizeof(address);

		address.ss_family = AF_UNSPEC;
		descriptor = accept4(door->listener->socket->descriptor,
			(struct sockaddr *)&address, &size,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (descriptor >= 0)
			listener_receive(door, descriptor, &address);
		else if (errno == EMFILE || errno == ENFILE ||
			 errno == ENOBUFS || errno == ENOMEM)
			listener_pause(door->thread, errno);
		if (descriptor < 0)
			return; /* the rest are clients that have gone again */
	}
}

static void listener_doors_free(struct listener_door **doors, size_t count)
{
	for (size_t i = 0; *doors != NULL && i < count; i++)
		loop_watch_free(&(*doors)[i].watch);
	free(*doors);
	*doors = NULL;
}

static struct listener_door *listener_doors_new(struct listener_thread *thread,
	const struct listeners *listeners, struct error *error)
{
	struct listener_door *doors =
		xcalloc(listeners->count + 1, sizeof(*doors));

	for (size_t i = 0; i < listeners->count; i++) {
		doors[i].thread = thread;
		doors[i].listener = &listeners->list[i];
		doors[i].watch = loop_watch_level(thread->loop,
			doors[i].listener->socket->descriptor, listener_ready,
			&doors[i]);
		if (doors[i].watch != NULL)
			continue;
		error_set(error, "listen \"%s\": watch its socket: %s",
			doors[i].listener->name, strerror(errno));
		listener_doors_free(&doors, i);
		return NULL;
	}
	return doors;
}

struct listener_thread *listener_thread_new(struct loop *loop,
	struct listeners *listeners, struct log *log, listener_guest_fn *fn,
	void *context, struct error *error)
{
	struct listener_thread *thread = xcalloc(1, sizeof(*thread));

	thread->loop = loop;
	thread->log = log;
	thread->fn = fn;
	thread->context = context;
	thread->listeners = listeners_accept(listeners);
	thread->doors = listener_doors_new(thread, listeners, error);
	if (thread->doors == NULL)
		listener_thread_free(&thread);
	return thread;
}

int listener_thread_reload(struct listener_thread *thread,
	struct listeners *listeners, struct error *error)
{
	struct listener_door *doors;

	loop_timer_clear(thread->loop, &thread->pause);
	/* A socket that is kept cannot be watched twice. */
	listener_doors_free(&thread->doors, thread->listeners->count);
	doors = listener_doors_new(thread, listeners, error);
	if (doors == NULL) {
		thread->doors =
			listener_doors_new(thread, thread->listeners, NULL);
		if (thread->doors == NULL)
			abort(); /* what was just given back is gone */
		return -1;
	}
	thread->doors = doors;
	listeners_release(&thread->listeners);
	thread->listeners = listeners_accept(listeners);
	return 0;
}

void listener_thread_free(struct listener_thread **thread_pointer)
{
	struct listener_thread *thread = *thread_pointer;

	if (thread == NULL)
		return;
	while (thread->waiting != NULL)
		listener_drop(thread->waiting);
	loop_timer_clear(thread->loop, &thread->pause);
	listener_doors_free(&thread->doors, thread->listeners->count);
	listeners_release(&thread->listeners);
	free(thread);
	*thread_pointer = NULL;
}
