/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ends a daemon's wait for the next account before its time: policyd tells
 * that one may be due now, because somebody has asked for a move, logged in or
 * logged out. Without it accounts are looked for all the same, only later.
 */
#ifndef REHOME_COPIER_WAKE_H
#define REHOME_COPIER_WAKE_H

#include <stdbool.h>

struct wake;

/* control is the endpoint of policyd, copied. Connects when it is asked for. */
struct wake *wake_new(const char *control);
/* Takes NULL inside. */
void wake_free(struct wake **wake);

/* What to poll for reading; -1 when policyd cannot be listened to now. */
int wake_fd(struct wake *wake);
/* Reads what has come, without waiting for more: whether an account may be due
 * by it. */
bool wake_take(struct wake *wake);

#endif
