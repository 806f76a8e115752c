/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CSV file of accounts, read and checked whole before anything is done. The
 * first line names the columns: address, source, destination (these three must
 * be there), alias (several, separated by blanks), batch, not_before,
 * complete_after, strategy, mail, freeze_budget.
 */
#ifndef REHOME_IMPORT_H
#define REHOME_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/config.h"
#include "lib/error.h"

struct import_row {
	size_t line;
	char *address;		   /* canonical */
	struct attr_list *entry;   /* source, destination, batch, alias* */
	struct attr_list *request; /* of the move; NULL: only the entry */
};

struct import_problem {
	size_t line;
	size_t column; /* in characters; 0: the whole line */
	char *text;
};

struct import {
	struct import_row *rows;
	size_t count;
	struct import_problem *problems;
	size_t problems_count; /* kept: IMPORT_PROBLEMS_MAX at most */
	size_t problems_found;
};

#define IMPORT_PROBLEMS_MAX 1000

/*
 * Reads the descriptor to its end. config may be NULL: then names of systems
 * and domains are not checked. now is what relative instants count from.
 * Returns 0, problems or not, or -1 when the file cannot be read.
 */
int import_read(int fd, const struct config *config, int64_t now,
	struct import *import_r, struct error *error);
void import_clear(struct import *import);

#endif
