/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rehome-milter: defers outside mail for accounts that are out of service.
 * Options, privileges, signals; the filter itself is in filter.c.
 */
#include "config.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/log.h"
#include "milter/filter.h"
#include "milter/settings.h"

struct main_options {
	const char *config;
	bool version;
	bool help;
};

static int main_usage(FILE *out, int status)
{
	fputs("usage: rehome-milter [-hV] [-c FILE]\n", out);
	return status;
}

static int main_parse(int argc, char **argv, struct main_options *options_r)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	options_r->config = REHOME_CONFIG_FILE;
	options_r->version = options_r->help = false;
	while ((option = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1) {
		if (option == 'c')
			options_r->config = optarg;
		else if (option == 'V')
			options_r->version = true;
		else if (option == 'h')
			options_r->help = true;
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

/* The next signal; 0 when libmilter has given up. */
static int main_wait(int signals, int filter)
{
	struct pollfd items[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = filter, .events = POLLIN },
	};
	struct signalfd_siginfo signal;

	for (;;) {
		if (poll(items, 2, -1) < 0)
			continue;
		if (items[0].revents != 0 &&
			read(signals, &signal, sizeof(signal)) ==
				sizeof(signal))
			return (int)signal.ssi_signo;
		if (items[1].revents != 0)
			return 0;
	}
}

/* Until the end. Returns the exit status. */
static int main_serve(
	const char *path, struct log *log, int signals, int filter)
{
	int signal;

	daemon_ready();
	while ((signal = main_wait(signals, filter)) == SIGHUP)
		main_reload(path, log);
	daemon_stopping();
	filter_close();
	if (signal == 0) {
		log_write(log, LOG_ERR, "libmilter has given up");
		return EX_UNAVAILABLE;
	}
	log_write(log, LOG_INFO, "stopped");
	return EX_OK;
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
	int signals, filter;

	main_raise_limits();
	if (filter_open(config, &error) < 0 ||
		daemon_drop_privileges(main_or_null(config->milter.user),
			main_or_null(config->milter.group), NULL, false,
			&error) < 0 ||
		(signals = daemon_signals(&error)) < 0 ||
		(filter = filter_start(settings, log, &error)) < 0) {
		log_write(log, LOG_ERR, "%s", error.text);
		return EX_OSERR;
	}
	log_write(log, LOG_INFO, "%s serves on %s", PACKAGE_STRING,
		config->milter.socket);
	return main_serve(options->config, log, signals, filter);
}

int main(int argc, char **argv)
{
	struct main_options options;
	struct settings *settings;
	struct log *log;
	struct error error;
	int status;

	if (main_parse(argc, argv, &options) < 0)
		return main_usage(stderr, EX_USAGE);
	if (options.help)
		return main_usage(stdout, EX_OK);
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
