/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of the plan: plan.c, plan_folder.c, plan_match.c. */
#ifndef REHOME_COPIER_PLAN_PRIVATE_H
#define REHOME_COPIER_PLAN_PRIVATE_H

#include "copier/plan.h"

#define PLAN_NO_PAIR SIZE_MAX

/* A message without a whole pair, that may find its like on the other side. */
struct plan_candidate {
	uint32_t uid;
	const struct flagset *flags;
	bool measured;
	uint64_t size;
	bool dated;
	int64_t date;
	const unsigned char *digest; /* or NULL */
	uint64_t skeleton;	     /* 0: not known */
	size_t pair;		     /* half of this pair, or PLAN_NO_PAIR */
	bool taken;
};

struct plan_candidates {
	struct plan_candidate *list;
	size_t count, room;
};

/* The planning of one folder. */
struct plan_work {
	const struct plan_input *input;
	struct plan_folder *folder;
	enum journal_side side, far;
	struct plan_candidates home;  /* not at the other side, it seems */
	struct plan_candidates other; /* not at home, it seems */
};

void plan_work_folder(
	const struct plan_input *input, struct plan_folder *folder);
/* The first of a sorted list of pointers that is not below the key. */
size_t plan_seek(const void *const *list, size_t count, const void *key,
	int (*compare)(const void *, const void *));
/* The first from there on that is not used, which is next[at] == at; the way
 * there gets shorter. */
size_t plan_unused(size_t *next, size_t at);
/* Pairs what the server has altered, of what has no like by then. */
void plan_match_altered(struct plan_work *work);
/* Takes the two for one; the journal learns it. */
struct plan_adoption *plan_adoption_add(struct plan_work *work,
	struct plan_candidate *home, struct plan_candidate *other);
/* Decides about the candidates, or says what must be known for it. */
void plan_match(struct plan_work *work);

struct plan_candidate *plan_candidate_add(struct plan_candidates *candidates,
	uint32_t uid, const struct flagset *flags);
/* The list of so many, which grows by these functions alone, with room for one
 * more. */
void *plan_room(void *list, size_t count, size_t size);
void plan_add_gone(struct plan_folder *folder, size_t pair);
/* The flags that the other side can store. */
const struct flagset *plan_storable(
	const struct plan_work *work, const struct flagset *flags);
/* Home has it no longer; it is removed at the other side, or kept. */
void plan_remove(struct plan_work *work, size_t pair, uint32_t other_uid);

#endif
