/* SPDX-License-Identifier: BSD-2-Clause */
/* policyd as a whole: start, reload, end. */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/service.h"

#define SERVICE_POOL_THREADS  8
#define SERVICE_LOOK_MS	      500
#define SERVICE_CHECKPOINT_MS 10000 /* it acts only when it is due */
#define SERVICE_TELL_MS	      1000

enum service_socket {
	SERVICE_CONTROL,
	SERVICE_POLICY,
	SERVICE_SOCKETMAP,
	SERVICE_GATEWAY,
	SERVICE_SOCKETS,
};

/* Front and gateways in the words of the machine. */
static void service_front_wake(void *context)
{
	front_wake(((struct service *)context)->front);
}

/* Sessions last: they are over for good when they are, for a frozen account
 * gets no new ones. */
static int service_front_barrier(void *context, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error)
{
	struct service *service = context;
	int result = front_barrier(
		service->front, address, waiting_r, entries_r, error);

	if (result > 0)
		result = gateways_barrier(service->gateways, address, waiting_r,
			entries_r, error);
	return result;
}

static void service_changed(void *context, const struct account *account)
{
	gateways_changed(((struct service *)context)->gateways, account);
}

static int service_quiet(
	void *context, const char *address, struct error *error)
{
	return gateways_quiet(
		((struct service *)context)->gateways, address, error);
}

static void service_unlocked(void *context, const char *address)
{
	gateways_unlocked(((struct service *)context)->gateways, address);
}

static const struct machine_front service_front_calls = {
	.wake = service_front_wake,
	.barrier = service_front_barrier,
	.changed = service_changed,
	.quiet = service_quiet,
};

static void service_close_sockets(int sockets[SERVICE_SOCKETS])
{
	for (int i = 0; i < SERVICE_SOCKETS; i++)
		if (sockets[i] >= 0)
			close(sockets[i]);
}

static int service_open_sockets(const struct config *config,
	int sockets_r[SERVICE_SOCKETS], struct error *error)
{
	const mode_t control_mode = (mode_t)config->policyd.control_mode;
	const mode_t policy_mode = (mode_t)config->policyd.policy_mode;
	const char *policy_group = config->policyd.policy_group;

	for (int i = 0; i < SERVICE_SOCKETS; i++)
		sockets_r[i] = -1;
	sockets_r[SERVICE_CONTROL] =
		daemon_socket("control", config->policyd.control, control_mode,
			config->policyd.control_group, error);
	if (sockets_r[SERVICE_CONTROL] < 0)
		return -1;
	sockets_r[SERVICE_POLICY] = daemon_socket("policy",
		config->policyd.policy, policy_mode, policy_group, error);
	if (sockets_r[SERVICE_POLICY] < 0)
		goto fail;
	if (config->policyd.socketmap != NULL) {
		sockets_r[SERVICE_SOCKETMAP] =
			daemon_socket("socketmap", config->policyd.socketmap,
				policy_mode, policy_group, error);
		if (sockets_r[SERVICE_SOCKETMAP] < 0)
			goto fail;
	}
	if (config->policyd.gateway == NULL)
		return 0;
	/* who speaks for sessions must be somebody of this host */
	if (strncmp(config->policyd.gateway, "unix:", 5) != 0) {
		error_set(error, "policyd.gateway %s: not a UNIX socket",
			config->policyd.gateway);
		goto fail;
	}
	sockets_r[SERVICE_GATEWAY] = daemon_socket("gateway",
		config->policyd.gateway, (mode_t)config->policyd.gateway_mode,
		config->policyd.gateway_group, error);
	if (sockets_r[SERVICE_GATEWAY] >= 0)
		return 0;
fail:
	service_close_sockets(sockets_r);
	return -1;
}

static int service_serve(struct service *service, const struct config *config,
	int sockets[SERVICE_SOCKETS], struct error *error)
{
	static const struct server_protocol *const protocols[] = {
		[SERVICE_CONTROL] = &server_control,
		[SERVICE_POLICY] = &server_policy,
		[SERVICE_SOCKETMAP] = &server_socketmap,
		[SERVICE_GATEWAY] = &server_gateway,
	};

	service->pool = pool_new(SERVICE_POOL_THREADS);
	service->server = server_new(service->settings, service->log,
		(size_t)config->policyd.threads, service);
	for (int i = 0; i < SERVICE_SOCKETS; i++) {
		if (sockets[i] >= 0)
			server_listen(
				service->server, sockets[i], protocols[i]);
		sockets[i] = -1;
	}
	return server_start(service->server, error);
}

static int service_open(struct service *service, const struct config *config,
	int sockets[SERVICE_SOCKETS], struct error *error)
{
	service->store_uri = xstrdup(config->policyd.store);
	service->store = store_open(service->store_uri, error);
	if (service->store == NULL)
		return -1;
	service->events = events_new();
	service->parts = parts_new();
	service->machine = machine_new(service->settings, service->store,
		service->events, service->log);
	service->front = front_new(config, service->store, service->log,
		machine_store_front, service->machine);
	service->gateways =
		gateways_new(service->settings, service->store, service->log);
	service->waits = waits_new();
	service->logins = logins_new(service->settings, service->store,
		service->machine, service->gateways, service->log);
	machine_set_front(service->machine, &service_front_calls, service);
	front_set_unlocked(service->front, service_unlocked, service);
	if (gateways_start(service->gateways, error) < 0 ||
		front_start(service->front, error) < 0)
		return -1;
	machine_start(service->machine);
	logins_start(service->logins);
	return service_serve(service, config, sockets, error);
}

/* A connection is a descriptor: as many as the system lets us have. */
static void service_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

struct service *service_start(const char *config_path, struct config *config,
	struct log *log, struct error *error)
{
	struct service *service = xcalloc(1, sizeof(*service));
	int sockets[SERVICE_SOCKETS];

	service->config_path = config_path;
	service->log = log;
	service->started = instant_now();
	pthread_mutex_init(&service->care_lock, NULL);
	service_raise_descriptors();
	service->settings = settings_box_new(config, error);
	if (service->settings == NULL ||
		service_open_sockets(config, sockets, error) < 0) {
		service_stop(&service);
		return NULL;
	}
	if (daemon_drop_privileges(config->policyd.user, config->policyd.group,
		    "postdrop", false, error) < 0 ||
		service_open(service, config, sockets, error) < 0) {
		service_close_sockets(sockets);
		service_stop(&service);
	}
	return service;
}

void service_stop(struct service **service_pointer)
{
	struct service *service = *service_pointer;
	struct error error;

	if (service == NULL)
		return;
	if (service->events != NULL)
		events_end(service->events, "policyd stops");
	/* requests that run are let finish, so the pool goes last */
	server_free(&service->server);
	pool_free(&service->pool);
	logins_free(&service->logins);
	if (service->machine != NULL)
		machine_stop(service->machine);
	front_free(&service->front);
	waits_free(&service->waits);
	gateways_free(&service->gateways);
	machine_free(&service->machine);
	parts_free(&service->parts);
	events_free(&service->events);
	if (service->store != NULL && !store_is_broken(service->store) &&
		store_checkpoint(service->store, &error) < 0)
		log_write(service->log, LOG_ERR, "checkpoint: %s", error.text);
	store_close(&service->store);
	settings_box_free(&service->settings);
	pthread_mutex_destroy(&service->care_lock);
	free(service->store_uri);
	free(service);
	*service_pointer = NULL;
}

void service_cannot_tell(
	struct service *service, const char *address, const struct error *error)
{
	long count;

	if (pace_allows(&service->unknown, SERVICE_TELL_MS, &count))
		log_account(service->log, LOG_WARNING, address,
			"told to try later, cannot tell: %s (%ld such answers)",
			error->text, count);
}

static bool service_differs(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one != other;
	return strcmp(one, other) != 0;
}

/* Sockets, store and threads are made once. */
static bool service_needs_restart(
	const struct config *old, const struct config *new)
{
	return service_differs(old->policyd.control, new->policyd.control) ||
	       service_differs(old->policyd.policy, new->policyd.policy) ||
	       service_differs(
		       old->policyd.socketmap, new->policyd.socketmap) ||
	       service_differs(old->policyd.gateway, new->policyd.gateway) ||
	       old->policyd.gateway_lease != new->policyd.gateway_lease ||
	       service_differs(old->policyd.store, new->policyd.store) ||
	       service_differs(old->policyd.user, new->policyd.user) ||
	       service_differs(old->policyd.group, new->policyd.group) ||
	       old->policyd.threads != new->policyd.threads ||
	       old->log.facility != new->log.facility;
}

static void service_reload(struct service *service)
{
	const struct settings *old = settings_get(service->settings);
	const struct settings *new = NULL;
	struct config *config;
	struct error error;

	daemon_reloading();
	config = config_load(service->config_path, &error);
	if (config == NULL ||
		settings_replace(service->settings, config, &error) < 0) {
		log_write(service->log, LOG_ERR,
			"reload refused, the former configuration stays: %s",
			error.text);
	} else {
		new = settings_get(service->settings);
		log_set_level(service->log, new->config->log.level);
		front_reconfigure(service->front, new->config);
		log_write(service->log, LOG_NOTICE, "configuration reloaded%s",
			service_needs_restart(old->config, new->config)
				? "; some of it takes a restart"
				: "");
	}
	settings_put(service->settings, &old);
	settings_put(service->settings, &new);
	daemon_ready();
}

/* The signal that has come, 0 when none has until then. */
static int service_wait(int signals, int64_t until)
{
	struct pollfd poller = { .fd = signals, .events = POLLIN };
	struct signalfd_siginfo signal;
	int64_t wait = until - instant_monotonic();

	if (wait > 0 && poll(&poller, 1, (int)wait) <= 0)
		return 0;
	if (read(signals, &signal, sizeof(signal)) != sizeof(signal))
		return 0;
	return (int)signal.ssi_signo;
}

/* What the passing of time brings. -1 when there is no going on. */
static int service_look_after(struct service *service, int64_t *checkpoint)
{
	int64_t now = instant_monotonic();
	struct error error;

	if (store_is_broken(service->store)) {
		log_write(service->log, LOG_CRIT,
			"store %s is broken: ending, so that a new start "
			"recovers it",
			service->store_uri);
		return -1;
	}
	if (now < *checkpoint)
		return 0;
	*checkpoint = now + SERVICE_CHECKPOINT_MS;
	if (store_checkpoint(service->store, &error) < 0)
		log_write(service->log, LOG_ERR, "checkpoint: %s", error.text);
	return 0;
}

int service_run(struct service *service, int signals)
{
	int64_t checkpoint = instant_monotonic() + SERVICE_CHECKPOINT_MS;

	for (;;) {
		int signal = service_wait(
			signals, instant_monotonic() + SERVICE_LOOK_MS);

		if (signal == SIGHUP)
			service_reload(service);
		else if (signal != 0)
			return 0;
		if (service_look_after(service, &checkpoint) < 0)
			return -1;
	}
}
