/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A place for one Berkeley DB store and its backup, for the tests that open,
 * damage and restore it.
 */
#ifndef REHOME_TEST_STORE_PLACE_H
#define REHOME_TEST_STORE_PLACE_H

#include "policyd/store_engine.h"

struct place {
	char *directory; /* scratch */
	char *store;	 /* directory of the store; not there at first */
	char *uri;
	char *backup;
};

/* Set-up and tear-down of the group, and of each test; the state is the place.
 */
int place_group_make(void **state);
int place_group_remove(void **state);
int place_make(void **state);
int place_remove(void **state);

/*
 * Puts a closed store there: ann@example.org (front closing, batch monday,
 * alias a@, revision 2, a lease, a bound of INBOX, one audit line) and
 * bob@example.org.
 */
void place_fill(const struct place *place);
/* Writes a raw record into the closed store. */
void place_write(const struct place *place, const struct store_write *write);
/* Overwrites a page of a table. */
void place_damage(const char *directory, enum store_table table);
/*
 * Runs it in a child, which the library may leave in any state: after damage it
 * does not give its memory back. Zero means well.
 */
int place_child(int (*run)(const struct place *, int),
	const struct place *place, int number);

#endif
