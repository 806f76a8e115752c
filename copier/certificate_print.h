/* SPDX-License-Identifier: BSD-2-Clause */
/* A certificate as `rehome certificate` shows it to people. */
#ifndef REHOME_COPIER_CERTIFICATE_PRINT_H
#define REHOME_COPIER_CERTIFICATE_PRINT_H

#include "copier/certificate_read.h"

/* An attribute of a line of the trailer; "-" when it is not there. */
const char *certificate_get(const struct attr_list *line, const char *name);
/* Prints the summary to standard output; full: every folder and message too. */
void certificate_print(const struct certificate_text *text, bool full);

#endif
