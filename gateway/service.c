/* SPDX-License-Identifier: BSD-2-Clause */
/* The main thread: it waits for signals, and looks names up anew. */
#include "config.h"

#include "gateway/service.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/hex.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#include "gateway/listener.h"
#include "gateway/settings.h"
#include "gateway/worker.h"

#define SERVICE_INSTANCE 8 /* octets */
/* Between two looks at the names of homes. */
#define SERVICE_NAMES_MS 60000
/* Between two looks whether all threads have ended. */
#define SERVICE_END_MS 50

struct service {
	const char *config_path;
	struct log *log;
	struct settings *settings;
	struct listeners *listeners;
	char instance[2 * SERVICE_INSTANCE + 1];
	struct worker **workers;
	size_t count;
};

static size_t service_threads(const struct config *config)
{
	cpu_set_t processors;

	if (config->gateway.threads > 0)
		return (size_t)config->gateway.threads;
	if (sched_getaffinity(0, sizeof(processors), &processors) < 0)
		return 1;
	return (size_t)CPU_COUNT(&processors);
}

/* Two for each session: as many as the system lets us have. */
static void service_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int service_instance(struct service *service, struct error *error)
{
	unsigned char octets[SERVICE_INSTANCE];

	if (getrandom(octets, sizeof(octets), 0) != sizeof(octets)) {
		error_set(error, "random numbers: none");
		return -1;
	}
	hex_print(octets, sizeof(octets), service->instance);
	return 0;
}

static int service_start_workers(struct service *service, struct error *error)
{
	service->count = service_threads(service->settings->config);
	service->workers = xcalloc(service->count, sizeof(*service->workers));
	for (size_t i = 0; i < service->count; i++) {
		service->workers[i] = worker_new((unsigned)i, service->settings,
			service->listeners, service->instance, service->log,
			error);
		if (service->workers[i] == NULL)
			return -1;
	}
	for (size_t i = 0; i < service->count; i++)
		if (worker_start(service->workers[i], error) < 0)
			return -1;
	return 0;
}

struct service *service_start(const char *config_path, struct config *config,
	struct log *log, struct error *error)
{
	struct service *service = xcalloc(1, sizeof(*service));
	char *user = config->gateway.user, *group = config->gateway.group;

	service->config_path = config_path;
	service->log = log;
	service_raise_descriptors();
	service->settings = settings_new(config, NULL, log, error);
	if (service->settings != NULL)
		service->listeners = listeners_open(config, error);
	if (service->listeners == NULL ||
		service_instance(service, error) < 0 ||
		daemon_drop_privileges(user, group, NULL, true, error) < 0 ||
		service_start_workers(service, error) < 0)
		service_stop(&service);
	return service;
}

void service_stop(struct service **service_pointer)
{
	struct service *service = *service_pointer;

	if (service == NULL)
		return;
	for (size_t i = 0; i < service->count; i++)
		if (service->workers[i] != NULL)
			worker_stop(service->workers[i]);
	for (size_t i = 0; i < service->count; i++) {
		if (service->workers[i] != NULL)
			worker_join(service->workers[i]);
		worker_free(&service->workers[i]);
	}
	free(service->workers);
	listeners_release(&service->listeners);
	settings_release(&service->settings);
	free(service);
	*service_pointer = NULL;
}

/* ---- the main thread ---- */

/* Until all threads have taken what was sent before. */
static void service_settle(const struct service *service)
{
	for (size_t i = 0; i < service->count; i++)
		while (!worker_has_reloaded(service->workers[i]))
			usleep(1000);
}

/* All threads go by these from now on. */
static void service_take(struct service *service, struct settings *settings,
	struct listeners *listeners)
{
	settings_release(&service->settings);
	service->settings = settings;
	for (size_t i = 0; i < service->count; i++)
		worker_reload(service->workers[i], settings, listeners);
}

/* What is made once. */
static bool service_needs_restart(
	const struct settings *old, const struct settings *new)
{
	return strcmp(old->name, new->name) != 0 ||
	       service_threads(old->config) != service_threads(new->config) ||
	       old->config->log.facility != new->config->log.facility;
}

/* The sockets of a configuration read anew. */
static int service_reopen(
	struct service *service, struct settings *settings, struct error *error)
{
	struct listeners *listeners =
		listeners_reopen(service->listeners, settings->config, error);

	if (listeners == NULL)
		return -1;
	service_settle(service);
	listeners_release(&service->listeners);
	service->listeners = listeners;
	return 0;
}

static void service_reload(struct service *service)
{
	struct settings *settings = NULL;
	struct config *config;
	struct error error;

	daemon_reloading();
	config = config_load(service->config_path, &error);
	if (config != NULL)
		settings = settings_new(
			config, service->settings, service->log, &error);
	if (settings == NULL || service_reopen(service, settings, &error) < 0) {
		log_write(service->log, LOG_ERR,
			"reload refused, the former configuration stays: %s",
			error.text);
		settings_release(&settings);
	} else {
		log_set_level(service->log, settings->config->log.level);
		log_write(service->log, LOG_NOTICE, "configuration reloaded%s",
			service_needs_restart(service->settings, settings)
				? "; some of it takes a restart"
				: "");
		service_take(service, settings, service->listeners);
	}
	daemon_ready();
}

/* The addresses of homes may have changed. */
static void service_look_up(struct service *service)
{
	struct settings *settings =
		settings_look_up(service->settings, service->log);

	if (settings == NULL)
		return;
	log_write(service->log, LOG_NOTICE,
		"the systems have other addresses, or can do more");
	service_take(service, settings, NULL);
}

/* The signal that has come, 0 when none has within ms. */
static int service_wait(int signals, int ms)
{
	struct pollfd poller = { .fd = signals, .events = POLLIN };
	struct signalfd_siginfo signal;

	if (poll(&poller, 1, ms) <= 0 ||
		read(signals, &signal, sizeof(signal)) != sizeof(signal))
		return 0;
	return (int)signal.ssi_signo;
}

static bool service_has_ended(struct service *service)
{
	bool ended = true;

	for (size_t i = 0; i < service->count; i++)
		ended = worker_has_ended(service->workers[i]) && ended;
	return ended;
}

static void service_drain(struct service *service, int signals)
{
	log_write(service->log, LOG_NOTICE,
		"stopping: sessions have %lld s to end",
		(long long)service->settings->config->gateway.drain / 1000);
	daemon_stopping();
	for (size_t i = 0; i < service->count; i++)
		worker_drain(service->workers[i]);
	service_settle(service);
	listeners_release(&service->listeners);
	while (!service_has_ended(service)) {
		int signal = service_wait(signals, SERVICE_END_MS);

		if (signal != 0 && signal != SIGHUP)
			return;
	}
}

void service_run(struct service *service, int signals)
{
	int signal;

	do {
		signal = service_wait(signals, SERVICE_NAMES_MS);
		if (signal == SIGHUP)
			service_reload(service);
		else if (signal == 0)
			service_look_up(service);
	} while (signal == 0 || signal == SIGHUP);
	service_drain(service, signals);
}
