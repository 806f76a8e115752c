/* SPDX-License-Identifier: BSD-2-Clause */
/* rehome-policyd: options, and the modes that look after a store offline. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/daemon.h"
#include "lib/xalloc.h"
#include "policyd/service.h"

#define MAIN_NAME "rehome-policyd"

enum main_mode {
	MAIN_SERVE,
	MAIN_TEST,
	MAIN_VERIFY,
	MAIN_RESTORE,
	MAIN_VERSION,
	MAIN_HELP,
};

struct main_options {
	enum main_mode mode;
	const char *config_path;
	const char *directory; /* of a backup, or NULL */
};

static int main_options(int argc, char **argv, struct main_options *options_r)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "test", no_argument, NULL, 't' },
		{ "verify", no_argument, NULL, 'y' },
		{ "restore", required_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:htV", longs, NULL)) != -1)
		switch (option) {
		case 'c':
			options_r->config_path = optarg;
			break;
		case 't':
			options_r->mode = MAIN_TEST;
			break;
		case 'y':
			options_r->mode = MAIN_VERIFY;
			break;
		case 'r':
			options_r->mode = MAIN_RESTORE;
			options_r->directory = optarg;
			break;
		case 'V':
			options_r->mode = MAIN_VERSION;
			break;
		case 'h':
			options_r->mode = MAIN_HELP;
			break;
		default:
			return -1;
		}
	if (options_r->mode == MAIN_VERIFY && optind < argc)
		options_r->directory = argv[optind++];
	return optind == argc ? 0 : -1;
}

static int main_usage(FILE *out, int status)
{
	fputs("usage: " MAIN_NAME " [-htV] [-c FILE]\n"
	      "       " MAIN_NAME " [-c FILE] --verify [DIRECTORY]\n"
	      "       " MAIN_NAME " [-c FILE] --restore DIRECTORY\n",
		out);
	return status;
}

static int main_fail(int status, const struct error *error)
{
	fprintf(stderr, MAIN_NAME ": %s\n", error->text);
	return status;
}

/* Of the store itself, or of a backup. */
static int main_verify(const char *uri, const char *directory)
{
	char *backup = NULL;
	struct error error;
	int damaged;

	if (directory != NULL && access(directory, F_OK) < 0) {
		error_set(&error, "backup %s: %s", directory, strerror(errno));
		return main_fail(EX_NOINPUT, &error);
	}
	if (directory != NULL)
		uri = backup = xasprintf("bdb:%s", directory);
	damaged = store_verify(uri, &error);
	if (damaged == 0)
		printf("%s: no damage\n", uri);
	free(backup);
	if (damaged == 0)
		return EX_OK;
	return main_fail(damaged > 0 ? EX_DATAERR : EX_TEMPFAIL, &error);
}

static int main_restore(const char *uri, const char *directory)
{
	struct error error;
	char *kept = NULL;

	if (store_restore(uri, directory, &kept, &error) < 0)
		return main_fail(EX_CANTCREAT, &error);
	printf("%s: restored from %s\n", uri, directory);
	if (kept != NULL)
		printf("what was there is kept as %s\n", kept);
	free(kept);
	return EX_OK;
}

/* The store's files belong to the user that policyd runs as. */
static int main_care(
	const struct main_options *options, const struct config *config)
{
	struct error error;

	if (daemon_drop_privileges(config->policyd.user, config->policyd.group,
		    NULL, false, &error) < 0)
		return main_fail(EX_NOPERM, &error);
	if (options->mode == MAIN_VERIFY)
		return main_verify(config->policyd.store, options->directory);
	return main_restore(config->policyd.store, options->directory);
}

static int main_serve(const char *config_path, struct config *config)
{
	struct error error;
	struct log *log =
		log_open(MAIN_NAME, config->log.facility, config->log.level);
	int signals = daemon_signals(&error);
	struct service *service = NULL;
	bool on_stderr = config->log.facility < 0;
	int result;

	if (signals >= 0)
		service = service_start(config_path, config, log, &error);
	else
		config_free(&config);
	if (service == NULL) {
		log_write(log, LOG_ERR, "not started: %s", error.text);
		if (!on_stderr)
			main_fail(EX_UNAVAILABLE, &error);
		log_close(&log);
		return EX_UNAVAILABLE;
	}
	log_write(log, LOG_NOTICE, "started, version " PACKAGE_VERSION);
	daemon_ready();
	result = service_run(service, signals);
	daemon_stopping();
	log_write(log, LOG_NOTICE, "stopping");
	service_stop(&service);
	log_close(&log);
	close(signals);
	return result < 0 ? EX_TEMPFAIL : EX_OK;
}

int main(int argc, char **argv)
{
	struct main_options options = {
		.config_path = REHOME_CONFIG_FILE,
	};
	struct config *config;
	struct error error;
	int status = EX_OK;

	if (main_options(argc, argv, &options) < 0)
		return main_usage(stderr, EX_USAGE);
	if (options.mode == MAIN_HELP)
		return main_usage(stdout, EX_OK);
	if (options.mode == MAIN_VERSION) {
		puts(MAIN_NAME " " PACKAGE_VERSION);
		return EX_OK;
	}
	config = config_load(options.config_path, &error);
	if (config == NULL)
		return main_fail(EX_CONFIG, &error);
	if (options.mode == MAIN_SERVE)
		return main_serve(options.config_path, config);
	if (options.mode == MAIN_TEST)
		printf("%s: good\n", options.config_path);
	else
		status = main_care(&options, config);
	config_free(&config);
	return status;
}
