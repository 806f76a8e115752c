/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers: takes due accounts from policyd and moves each in a process of its
 * own, so that one that hangs or dies takes no other with it.
 */
#ifndef REHOME_COPIER_BATCH_H
#define REHOME_COPIER_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/log.h"

struct batch_options {
	bool daemon;	   /* for ever; else until nothing is due */
	int64_t jobs;	   /* accounts at once */
	int64_t duration;  /* ms after which no account is begun; 0: none */
	const char *batch; /* only accounts of this batch, or NULL */
	const char *config_path; /* read again on SIGHUP */
};

/*
 * Runs until the work is done, the time is up, or SIGTERM or SIGINT has come
 * and the accounts at work are put into order. Returns an exit code
 * (sysexits.h): EX_TEMPFAIL when policyd could not be asked. Takes the
 * configuration.
 */
int batch_run(struct config *config, struct log *log,
	const struct batch_options *options);

#endif
