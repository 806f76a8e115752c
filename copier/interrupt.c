/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals of a foreground command, see interrupt.h. */
#include "config.h"

#include "copier/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "copier/cutoff.h"

static volatile sig_atomic_t interrupt_number;

static void interrupt_on_signal(int number)
{
	/* Told twice: whatever is waited for is over. */
	if (interrupt_number != 0)
		cutoff_all();
	interrupt_number = number;
}

void interrupt_catch(void)
{
	struct sigaction action = { .sa_handler = interrupt_on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool interrupt_came(void)
{
	return interrupt_number != 0;
}
