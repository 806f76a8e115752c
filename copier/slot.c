/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots are files DIRECTORY/SYSTEM.N.slot under flock(2). */
#include "config.h"

#include "copier/slot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/xalloc.h"

#define SLOT_PAUSE 50 /* ms between looks */

/* The slot's file, with a name that is good for one. malloc'd. */
static char *slot_path(const char *directory, const char *system, size_t number)
{
	char *path = xasprintf("%s/%s.%zu.slot", directory, system, number);
	char *at;

	for (at = path + strlen(directory) + 1; *at != '\0'; at++)
		if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-')
			*at = '_';
	return path;
}

/* A descriptor, -1 with an error, or -2: it is taken. */
static int slot_try(const char *path, struct error *error)
{
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (file < 0) {
		error_set(error, "open slot %s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(file, LOCK_EX | LOCK_NB) == 0)
		return file;
	if (errno != EWOULDBLOCK) {
		error_set(error, "lock slot %s: %s", path, strerror(errno));
		close(file);
		return -1;
	}
	close(file);
	return -2;
}

int slot_offer(const char *directory, const char *system, size_t count,
	struct error *error)
{
	int file = -2;
	size_t i;

	for (i = 0; file == -2 && i < count; i++) {
		char *path = slot_path(directory, system, i);

		file = slot_try(path, error);
		free(path);
	}
	return file;
}

int slot_take(const char *directory, const char *system, size_t count,
	bool (*go_on)(void *context, struct error *error), void *context,
	struct error *error)
{
	const struct timespec pause = { 0, SLOT_PAUSE * 1000000L };
	int64_t end = instant_monotonic() + SLOT_PATIENCE;

	while (go_on(context, error)) {
		int file = slot_offer(directory, system, count, error);

		if (file != -2)
			return file;
		if (instant_monotonic() >= end) {
			error_set(error,
				"system %s: all %zu connections are in use",
				system, count);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return -1;
}
