/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses that are filled into a store and asked for. */
#ifndef REHOME_BENCH_KEYS_H
#define REHOME_BENCH_KEYS_H

#include <stdint.h>

#include "lib/address.h"

struct keys;

/* The address of the account of that number. */
void keys_address(uint64_t number, char address_r[ADDRESS_SIZE]);

/*
 * The lines of a file, or with file NULL the addresses of the accounts 0 to
 * accounts - 1; in random order, the same in every run. Ends the process with a
 * message when there are none.
 */
struct keys *keys_new(const char *file, uint64_t accounts);
void keys_free(struct keys **keys);
/* One of them; valid until the next call. */
const char *keys_next(struct keys *keys);

#endif
