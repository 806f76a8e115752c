/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table without locks, for the sake of signal handlers. Between the look at a
 * place and the shutdown its socket may have been closed and its number given
 * to another: that is the end of a process anyway.
 */
#include "config.h"

#include "copier/cutoff.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>

/* More connections than any account is given. */
#define CUTOFF_MAX 256

static atomic_int cutoff_sockets[CUTOFF_MAX]; /* plus one; 0 is free */
static atomic_bool cutoff_done;

void cutoff_add(int socket)
{
	size_t i;

	for (i = 0; i < CUTOFF_MAX; i++) {
		int nobody = 0;

		if (atomic_compare_exchange_strong(
			    &cutoff_sockets[i], &nobody, socket + 1))
			break;
	}
	if (atomic_load(&cutoff_done))
		shutdown(socket, SHUT_RDWR);
}

void cutoff_drop(int socket)
{
	size_t i;

	for (i = 0; i < CUTOFF_MAX; i++) {
		int ours = socket + 1;

		if (atomic_compare_exchange_strong(
			    &cutoff_sockets[i], &ours, 0))
			return;
	}
}

void cutoff_all(void)
{
	int saved = errno;
	size_t i;

	atomic_store(&cutoff_done, true);
	for (i = 0; i < CUTOFF_MAX; i++) {
		int socket = atomic_load(&cutoff_sockets[i]);

		if (socket > 0)
			shutdown(socket - 1, SHUT_RDWR);
	}
	errno = saved;
}

bool cutoff_is_done(void)
{
	return atomic_load(&cutoff_done);
}
