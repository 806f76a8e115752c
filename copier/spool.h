/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps one message until its size is known: its beginning in memory, the rest
 * in a file without a name. So a message of any size takes the same memory.
 */
#ifndef REHOME_COPIER_SPOOL_H
#define REHOME_COPIER_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct spool;

/* directory: where a file is made once it is needed; NULL: /var/tmp. */
struct spool *spool_new(const char *directory);
/* Where that file is; NULL: as above. */
struct spool *spool_new_beside(const char *file);
/* Takes NULL. */
void spool_free(struct spool **spool);
/* Empties it for the next message. */
void spool_clear(struct spool *spool);
/* 0, or -1 with an error: the disk is full. */
int spool_add(struct spool *spool, const char *data, size_t size,
	struct error *error);
uint64_t spool_size(const struct spool *spool);
/* The first octets, a mebibyte at most; the spool's. */
const char *spool_head(const struct spool *spool, size_t *size_r);
/*
 * Gives all to the callback in pieces. 1; 0 when the callback returned a
 * negative value; -1 with an error when the file cannot be read.
 */
int spool_replay(struct spool *spool,
	int (*callback)(void *context, const char *data, size_t size),
	void *context, struct error *error);

#endif
