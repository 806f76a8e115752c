/* SPDX-License-Identifier: BSD-2-Clause */
/* Help, all of it made from the table of commands. */
#ifndef REHOME_HELP_H
#define REHOME_HELP_H

#include <stdio.h>

#include "ctl/command.h"

/* The list of commands and the global options. */
void help_print_all(FILE *out);
/* One command: its usage and its options. */
void help_print(const struct command *command, FILE *out);

#endif
