/* SPDX-License-Identifier: BSD-2-Clause */
/* rehome-copier: options, privileges, and which of its three ways to run. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "copier/batch.h"
#include "copier/certificate_main.h"
#include "copier/copy.h"
#include "copier/folders.h"
#include "copier/verify_main.h"

#include "lib/config.h"
#include "lib/daemon.h"
#include "lib/instant.h"
#include "lib/log.h"

#define MAIN_NAME "rehome-copier"

struct main_options {
	const char *config;
	bool batch;
	bool version;
	bool help;
	int64_t jobs; /* 0: as configured */
	struct batch_options work;
};

static int main_usage(FILE *out, int status)
{
	fputs("usage: " MAIN_NAME " [-hV] [-c FILE] --daemon [--jobs N]"
	      " [--batch-name NAME]\n"
	      "       " MAIN_NAME " [-c FILE] --batch [--jobs N]"
	      " [--for DURATION]\n"
	      "                     [--batch-name NAME]\n"
	      "       " MAIN_NAME
	      " copy | certificate | folders | verify ...\n",
		out);
	return status;
}

static int main_number(const char *text, int64_t *number_r)
{
	char *end;

	errno = 0;
	*number_r = strtol(text, &end, 10);
	return errno == 0 && *text != '\0' && *end == '\0' && *number_r > 0 &&
			       *number_r <= 1000
		       ? 0
		       : -1;
}

static int main_option(struct main_options *options, int option)
{
	struct error error;

	switch (option) {
	case 'c':
		options->config = optarg;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case 'd':
		options->work.daemon = true;
		return 0;
	case 'b':
		options->batch = true;
		return 0;
	case 'j':
		return main_number(optarg, &options->jobs);
	case 'f':
		return duration_parse(optarg, &options->work.duration, &error);
	case 'n':
		options->work.batch = optarg;
		return 0;
	default:
		return -1;
	}
}

static int main_parse(int argc, char **argv, struct main_options *options_r)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ "daemon", no_argument, NULL, 'd' },
		{ "batch", no_argument, NULL, 'b' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "for", required_argument, NULL, 'f' },
		{ "batch-name", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	memset(options_r, 0, sizeof(*options_r));
	options_r->config = REHOME_CONFIG_FILE;
	while ((option = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1)
		if (main_option(options_r, option) < 0)
			return -1;
	if (optind != argc)
		return -1;
	return options_r->version || options_r->help ||
			       options_r->batch != options_r->work.daemon
		       ? 0
		       : -1;
}

/* The directory of the journals, the copier's own. */
static int main_state(const struct config *config, struct error *error)
{
	const struct passwd *user = NULL;

	if (mkdir(config->copier.state, 0700) == 0) {
		if (config->copier.user != NULL && geteuid() == 0)
			user = getpwnam(config->copier.user);
		if (user == NULL || chown(config->copier.state, user->pw_uid,
					    user->pw_gid) == 0)
			return 0;
	} else if (errno == EEXIST) {
		return 0;
	}
	error_set(error, "make directory %s: %s", config->copier.state,
		strerror(errno));
	return -1;
}

static int main_work(struct main_options *options)
{
	struct error error;
	struct config *config = config_load(options->config, &error);
	struct log *log;
	int code = EX_CONFIG;

	if (config == NULL) {
		fprintf(stderr, MAIN_NAME ": %s\n", error.text);
		return code;
	}
	log = log_open(MAIN_NAME, config->log.facility, config->log.level);
	options->work.jobs =
		options->jobs > 0 ? options->jobs : config->copier.jobs;
	options->work.config_path = options->config;
	if (main_state(config, &error) < 0 ||
		daemon_drop_privileges(config->copier.user,
			config->copier.group, NULL, true, &error) < 0) {
		log_write(log, LOG_ERR, "%s", error.text);
		fprintf(stderr, MAIN_NAME ": %s\n", error.text);
		code = EX_NOPERM;
		config_free(&config);
	} else {
		code = batch_run(config, log, &options->work);
	}
	log_close(&log);
	return code;
}

int main(int argc, char **argv)
{
	struct main_options options;

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "copy") == 0)
		return copy_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return verify_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "certificate") == 0)
		return certificate_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "folders") == 0)
		return folders_main(argc - 1, argv + 1);
	if (main_parse(argc, argv, &options) < 0)
		return main_usage(stderr, EX_USAGE);
	if (options.help)
		return main_usage(stdout, EX_OK);
	if (options.version) {
		puts(MAIN_NAME " " PACKAGE_VERSION);
		return EX_OK;
	}
	return main_work(&options);
}
