/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rights that the account has given to others, and annotations: carried over
 * for folders that both sides have; what does not arrive is noted.
 */
#ifndef REHOME_COPIER_FOLDER_ACL_H
#define REHOME_COPIER_FOLDER_ACL_H

#include "copier/pass.h"
#include "copier/plan.h"

/* A folder of both sides. */
struct folder_pair {
	const char *home;  /* as home writes it */
	const char *other; /* as the other side does */
	char *shown;	   /* for people */
	bool made;	   /* at the other side, by us */
};

/*
 * The names of all pairs on one side, to be freed; places_r finds a pair's
 * index + 1 by them.
 */
const char **folder_pair_names(const struct folder_pair *pairs, size_t count,
	bool at_home, struct namehash *places_r);

/*
 * Gives the rights that home has given. Nothing is taken from anybody, but in a
 * folder that we have made: there nobody has more than at home. 1 or -1.
 */
int folder_acl_carry(struct pass *pass, const struct folder_pair *pairs,
	size_t count, struct error *error);
/* Sets the annotations that home has, but those of a vendor. 1 or -1. */
int folder_metadata_carry(struct pass *pass, const struct folder_pair *pairs,
	size_t count, struct error *error);

#endif
