/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SIGINT and SIGTERM of the commands that run in the foreground: the first ends
 * them in good order, the second whatever they are waiting for as well.
 */
#ifndef REHOME_COPIER_INTERRUPT_H
#define REHOME_COPIER_INTERRUPT_H

#include <stdbool.h>

/* Catches them from now on. */
void interrupt_catch(void);
/* True when one has come in. */
bool interrupt_came(void);

#endif
