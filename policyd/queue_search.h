/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which entries of one queue listing belong to which of the accounts that are
 * looked for: by their address, by an alias, or by either with an extension,
 * as the directory resolves it.
 */
#ifndef REHOME_QUEUE_SEARCH_H
#define REHOME_QUEUE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/error.h"
#include "policyd/queue.h"
#include "policyd/store.h"

struct queue_search;

/* An entry with a recipient of the account. */
struct queue_found {
	char id[QUEUE_ID_SIZE];
	enum queue_where where;
	int64_t arrival; /* instant, whole seconds */
	bool tried; /* each of the account's recipients has a delay reason */
};

/* Both must stay valid as long as the search. */
struct queue_search *queue_search_new(
	const struct config *config, struct store *store);
void queue_search_free(struct queue_search **search);

/* Looks for the account too; the accounts are numbered from 0 in the order
 * they are added. Its aliases are read from the store: 0 or -1. */
int queue_search_add(
	struct queue_search *search, const char *address, struct error *error);

/*
 * Lists the queue once by config's queue.list; waiting as in queue_parse.
 * 0 or -1.
 */
int queue_search_run(
	struct queue_search *search, bool waiting, struct error *error);

/* What was found for an account, in the order of the listing. Owned by the
 * search. */
const struct queue_found *queue_search_found(
	const struct queue_search *search, size_t account, size_t *count_r);

/*
 * Entries of maildrop of which it cannot be seen whose they are: recipients
 * that stand in the headers only, or without a domain. They may be anybody's.
 */
const struct queue_found *queue_search_unseen(
	const struct queue_search *search, size_t *count_r);

#endif
