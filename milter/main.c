/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rehome-milter: defers outside mail for accounts that are out of service.
 * Options, privileges, signals; the filter itself is in filter.c.
 *
 * Signals come to the main thread by handlers that stay unblocked. lib/daemon's
 * signalfd cannot be used here: libmilter has a thread that waits with
 * sigwait(3) for SIGHUP, SIGTERM and SIGINT, and would take any of them as an
 * order to stop. Linux prefers the main thread as long as it wants the signal.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/log.h"
#include "milter/filter.h"
#include "milter/settings.h"

enum main_event {
	MAIN_STOP = 's',
	MAIN_RELOAD = 'r',
	MAIN_ENDED = 'e', /* libmilter gave up */
};

struct main_options {
	const char *config;
	bool version;
};

static int main_pipe[2]; /* events, one byte each */

static void main_tell(enum main_event event)
{
	const char byte = (char)event;
	int saved = errno;

	/* A full pipe has events enough. */
	while (write(main_pipe[1], &byte, 1) < 0 && errno == EINTR)
		;
	errno = saved;
}

static void main_signal(int number)
{
	main_tell(number == SIGHUP ? MAIN_RELOAD : MAIN_STOP);
}

static void main_filter_ended(void)
{
	main_tell(MAIN_ENDED);
}

static int main_usage(void)
{
	fprintf(stderr, "usage: rehome-milter [-V] [-c FILE]\n");
	return EX_USAGE;
}

static int main_parse(int argc, char **argv, struct main_options *options_r)
{
	int option;

	options_r->config = REHOME_CONFIG_FILE;
	options_r->version = false;
	while ((option = getopt(argc, argv, "c:V")) != -1) {
		if (option == 'c')
			options_r->config = optarg;
		else if (option == 'V')
			options_r->version = true;
		else
			return -1;
	}
	return optind == argc ? 0 : -1;
}

/* Each session of the mail server costs a descriptor. */
static void main_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The signals that are ours and not libmilter's. */
static void main_signal_set(sigset_t *set_r)
{
	sigemptyset(set_r);
	sigaddset(set_r, SIGTERM);
	sigaddset(set_r, SIGINT);
	sigaddset(set_r, SIGHUP);
}

/*
 * Starts the filter's threads with the signals blocked and takes the signals
 * here.
 */
static int main_start(
	struct settings *settings, struct log *log, struct error *error)
{
	struct sigaction action = { .sa_handler = main_signal };
	sigset_t set;
	int status;

	if (pipe2(main_pipe, O_CLOEXEC) < 0 ||
		fcntl(main_pipe[1], F_SETFL, O_NONBLOCK) < 0) {
		error_set(error, "pipe: %s", strerror(errno));
		return -1;
	}
	main_signal_set(&set);
	action.sa_mask = set;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	status = filter_start(settings, log, main_filter_ended, error);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return status;
}

static void main_reload(const char *path, struct log *log)
{
	struct settings *settings;
	struct error error;

	daemon_reloading();
	settings = settings_load(path, &error);
	if (settings != NULL) {
		filter_reload(settings);
		settings_release(&settings);
		log_write(log, LOG_INFO, "configuration %s: read again", path);
	} else {
		log_write(log, LOG_ERR, "the old configuration stays: %s",
			error.text);
	}
	daemon_ready();
}

/* Until the end. Returns the exit status. */
static int main_serve(const char *path, struct log *log)
{
	daemon_ready();
	for (;;) {
		char event;
		ssize_t got = read(main_pipe[0], &event, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 1 && event == MAIN_RELOAD) {
			main_reload(path, log);
			continue;
		}
		daemon_stopping();
		filter_close();
		if (got == 1 && event == MAIN_STOP) {
			log_write(log, LOG_INFO, "stopped");
			return EX_OK;
		}
		log_write(log, LOG_ERR, "libmilter has given up");
		return EX_UNAVAILABLE;
	}
}

static const char *main_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

/*
 * Sessions under way end with the process: the mail server answers 451 for
 * them. libmilter's own way to stop closes them too, but only after up to five
 * seconds, when its listening thread looks up again.
 */
static int main_run(const struct main_options *options,
	struct settings *settings, struct log *log)
{
	const struct config *config = settings_config(settings);
	struct error error;

	main_raise_limits();
	if (filter_open(config, &error) < 0 ||
		daemon_drop_privileges(main_or_null(config->milter.user),
			main_or_null(config->milter.group), NULL, false,
			&error) < 0 ||
		main_start(settings, log, &error) < 0) {
		log_write(log, LOG_ERR, "%s", error.text);
		return EX_OSERR;
	}
	log_write(log, LOG_INFO, "%s serves on %s", PACKAGE_STRING,
		config->milter.socket);
	return main_serve(options->config, log);
}

int main(int argc, char **argv)
{
	struct main_options options;
	struct settings *settings;
	struct log *log;
	struct error error;
	int status;

	if (main_parse(argc, argv, &options) < 0)
		return main_usage();
	if (options.version) {
		puts(PACKAGE_STRING);
		return EX_OK;
	}
	settings = settings_load(options.config, &error);
	if (settings == NULL) {
		fprintf(stderr, "rehome-milter: %s\n", error.text);
		return EX_CONFIG;
	}
	log = log_open("rehome-milter", settings_config(settings)->log.facility,
		settings_config(settings)->log.level);
	status = main_run(&options, settings, log);
	settings_release(&settings);
	return status;
}
