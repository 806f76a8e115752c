/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running another program: hooks, postqueue, the reload command. No shell is
 * involved, no descriptor but 0 to 2 (and the secret's) is inherited, nothing
 * secret is in argv or the environment. The child leads a process group of its
 * own, with the default action for every signal and /dev/null as its input.
 */
#ifndef REHOME_PROCESS_H
#define REHOME_PROCESS_H

#include <stddef.h>

#include "lib/buffer.h"
#include "lib/error.h"

struct process_job {
	const char *const *argv;	/* NULL-terminated; argv[0] absolute */
	const char *const *environment; /* "NAME=value", added; NULL for none */
	const char *secret; /* given on descriptor 3, at most 4096 bytes, or
			       NULL */
	int timeout_ms;	    /* then the process group is killed; 0: no limit */
	size_t output_max;  /* bytes of standard output kept; more is an error
			       when strict_output, else dropped */
	int strict_output;
	int secret_output; /* standard output is a secret: never quoted in an
			      error, and no copy of it is left behind; output
			      must have room for output_max already */
};

/*
 * Runs the job to its end. Returns 0 when it exited with 0, else -1 with an
 * error that names the program, its status (or signal, or the time limit) and
 * the last line that it wrote to standard output or standard error. What it
 * wrote to standard output is added to output, which may be NULL. May be called
 * from any thread; SIGCHLD must not be ignored.
 */
int process_run(const struct process_job *job, struct buffer *output,
	struct error *error);

#endif
