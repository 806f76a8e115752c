/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UIDs for messages of stores that give them none: what identifies a message
 * there (a POP3 UIDL, the base name of a Maildir file, a digest) gets a UID
 * that it keeps, under a UIDVALIDITY of ours. A file, only appended to; a line
 * that a crash has torn is left out. When more than that is wrong with it, or
 * it is of another source, it is put aside and all begins anew with another
 * UIDVALIDITY, which the rounds know how to deal with.
 */
#ifndef REHOME_COPIER_UIDMAP_H
#define REHOME_COPIER_UIDMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct uidmap;

struct uidmap_folder {
	uint32_t uidvalidity;
	uint32_t uidnext;
};

/*
 * Opens or begins the file. source says of what store the identities are. The
 * first who opens a file writes it; further ones, of other lanes, only read
 * it and know nothing of what is new. path NULL: kept in memory alone. NULL
 * with an error.
 */
struct uidmap *uidmap_open(
	const char *path, const char *source, struct error *error);
/* Closes without writing what was not saved; takes NULL. */
void uidmap_close(struct uidmap **map);
/* It only reads: nothing can be added. */
bool uidmap_is_reader(const struct uidmap *map);
/* A reader learns what was saved since. 0 or -1. */
int uidmap_refresh(struct uidmap *map, struct error *error);

/*
 * The folder of that name, valid as long as the map; one that is not there is
 * made with this UIDVALIDITY, 0 for one of the present time. A reader makes
 * none: NULL.
 */
struct uidmap_folder *uidmap_folder(
	struct uidmap *map, const char *name, uint32_t uidvalidity);
/* Forgets all of the folder, since its store has begun anew. */
void uidmap_renew(
	struct uidmap *map, struct uidmap_folder *folder, uint32_t uidvalidity);

/* The UID of an identity, 0 when it has none; *seen_r, unless NULL, is the
 * instant (seconds since 1970) at which it got it. */
uint32_t uidmap_find(const struct uidmap *map,
	const struct uidmap_folder *folder, const char *identity,
	int64_t *seen_r);
/*
 * Gives an identity that has none a UID: this one, which is not below uidnext,
 * or the next for 0. An older UID makes it one more name of that message.
 * Returns the UID; 0 when there is none left.
 */
uint32_t uidmap_add(struct uidmap *map, struct uidmap_folder *folder,
	const char *identity, uint32_t uid);
/* What was added is on the disk when this returns. 0 or -1. */
int uidmap_save(struct uidmap *map, struct error *error);

#endif
