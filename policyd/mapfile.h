/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One Postfix lookup table of type hash: (Berkeley DB), written beside the
 * published one and put in its place by rename(2): a reader has the old file
 * or the new one, never half of one, and the published file is never written
 * to, so that the locks of its readers (flock, see postmap(1)) do not matter.
 */
#ifndef REHOME_MAPFILE_H
#define REHOME_MAPFILE_H

#include <stddef.h>

#include "lib/error.h"

struct mapfile;

/*
 * Begins a new file that is to become path ("/maps/homes.db"; hash:/maps/homes
 * for Postfix, which wants no source file beside it). It is written as
 * path.new; what a crash left under that name is removed. One writer for one
 * path at a time. expected: about how many entries will come. NULL with an
 * error.
 */
struct mapfile *mapfile_new(
	const char *path, size_t expected, struct error *error);

/* Adds or replaces an entry; both texts are stored with their NUL, as postmap
 * does. 0 or -1. */
int mapfile_add(struct mapfile *file, const char *key, const char *value,
	struct error *error);

/*
 * Makes the file durable, readable by everybody (mode 0644) and the one at
 * path; then the directory is made durable. Frees in every case. 0, or -1
 * with what was at path still there; only when making the directory durable
 * failed is it the new one already.
 */
int mapfile_publish(struct mapfile **file, struct error *error);

/* Drops the unpublished file; frees. NULL inside is allowed. */
void mapfile_abandon(struct mapfile **file);

#endif
