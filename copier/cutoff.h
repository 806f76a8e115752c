/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of all mailboxes of this process, so that they can be shut while
 * a thread waits in a read or write of them: when a lease has run out nothing
 * more may reach a server, and who is told to end twice ends at once. Whoever
 * waits gets an error. Functions may be called by any thread and from a signal
 * handler.
 */
#ifndef REHOME_COPIER_CUTOFF_H
#define REHOME_COPIER_CUTOFF_H

#include <stdbool.h>

void cutoff_add(int socket);
/* To be called before the socket is closed. */
void cutoff_drop(int socket);
/* Shuts all, and all that are added from now on. */
void cutoff_all(void);
bool cutoff_is_done(void);

#endif
