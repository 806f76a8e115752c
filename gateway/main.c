/* SPDX-License-Identifier: BSD-2-Clause */
/* rehome-gateway: options, and the frame of the service. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/daemon.h"
#include "lib/log.h"

#include "gateway/service.h"

#define MAIN_NAME "rehome-gateway"

struct main_options {
	const char *config;
	bool version;
	bool help;
};

static int main_usage(FILE *out, int status)
{
	fputs("usage: " MAIN_NAME " [-hV] [-c FILE]\n", out);
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

static int main_serve(const char *path, struct config *config)
{
	struct error error;
	bool on_stderr = config->log.facility < 0;
	struct log *log =
		log_open(MAIN_NAME, config->log.facility, config->log.level);
	int signals = daemon_signals(&error);
	struct service *service = NULL;

	if (signals >= 0)
		service = service_start(path, config, log, &error);
	else
		config_free(&config);
	if (service == NULL) {
		log_write(log, LOG_ERR, "not started: %s", error.text);
		if (!on_stderr)
			fprintf(stderr, MAIN_NAME ": %s\n", error.text);
		log_close(&log);
		return EX_UNAVAILABLE;
	}
	log_write(log, LOG_NOTICE, "started, version " PACKAGE_VERSION);
	daemon_ready();
	service_run(service, signals);
	service_stop(&service);
	log_write(log, LOG_NOTICE, "stopped");
	log_close(&log);
	close(signals);
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct main_options options = { .config = REHOME_CONFIG_FILE };
	struct config *config;
	struct error error;

	if (main_parse(argc, argv, &options) < 0)
		return main_usage(stderr, EX_USAGE);
	if (options.help)
		return main_usage(stdout, EX_OK);
	if (options.version) {
		puts(MAIN_NAME " " PACKAGE_VERSION);
		return EX_OK;
	}
	config = config_load(options.config, &error);
	if (config == NULL) {
		fprintf(stderr, MAIN_NAME ": %s\n", error.text);
		return EX_CONFIG;
	}
	return main_serve(options.config, config);
}
