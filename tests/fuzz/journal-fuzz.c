/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Journals whose check sums are right and whose lines are not: each line of the
 * input gets its check sum, but for one that begins with '!', which is put into
 * the file as it is. What the journal counts is what its pairs are, and each
 * intent is found by its UID.
 */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copier/journal.h"

#include "lib/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/dev/shm/journal-fuzz.XXXXXX";
static char path[sizeof(directory) + 32];

static void clean(void)
{
	char lock[sizeof(path)];

	unlink(path);
	snprintf(lock, sizeof(lock), "%s/a.lock", directory);
	unlink(lock);
	rmdir(directory);
}

static void begin(void)
{
	if (path[0] != '\0')
		return;
	if (mkdtemp(directory) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/a.journal", directory);
	atexit(clean);
}

static uint32_t sum_of(const char *text, size_t size)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}

static void add_line(const char *line, size_t size, struct buffer *text)
{
	if (size > 0 && line[0] == '!') {
		buffer_add(text, line + 1, size - 1);
	} else {
		buffer_printf(text, "%08" PRIx32 " ", sum_of(line, size));
		buffer_add(text, line, size);
	}
	buffer_add(text, "\n", 1);
}

static void put(const struct buffer *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (file < 0 ||
		write(file, text->data, text->size) != (ssize_t)text->size)
		abort();
	close(file);
}

static void check_folder(const struct journal_folder *folder)
{
	size_t live = 0, risky = 0, known[2] = { 0, 0 }, i;
	uint64_t bytes = 0;

	for (i = 0; i < folder->pairs_count; i++) {
		const struct journal_pair *pair = &folder->pairs[i];

		if (pair->gone)
			continue;
		known[0] += pair->uid[0] != 0;
		known[1] += pair->uid[1] != 0;
		if (pair->uid[0] == 0 || pair->uid[1] == 0)
			continue;
		live++;
		bytes += pair->size;
		risky += pair->risk != JOURNAL_NO_RISK;
	}
	if (live != folder->live || risky != folder->risky ||
		bytes != folder->bytes || known[0] != folder->known[0] ||
		known[1] != folder->known[1])
		abort();
	for (i = 0; i < folder->intents_count; i++) {
		const struct journal_intent *intent = &folder->intents[i];
		const struct journal_intent *found = NULL;

		do
			found = journal_intent_next(
				folder, intent->from, intent->uid, found);
		while (found != NULL && found != intent);
		if (found == NULL)
			abort();
	}
}

static void check(void)
{
	static const char *const systems[2] = { "old", "new" };
	struct flagpool *flags = flagpool_new();
	struct error error;
	bool busy;
	struct journal *journal =
		journal_open(directory, "a", systems, flags, &busy, &error);

	if (journal == NULL)
		abort();
	for (size_t i = 0; i < journal_count(journal); i++) {
		struct journal_folder *folder = journal_at(journal, i);

		check_folder(folder);
		for (int side = 0; side < 2; side++) {
			size_t count;

			free(journal_sorted(
				folder, (enum journal_side)side, &count));
			if (count != folder->known[side])
				abort();
			journal_find(journal, (enum journal_side)side,
				folder->name[side]);
		}
	}
	journal_close(&journal);
	flagpool_free(&flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer text = BUFFER_EMPTY;
	const char *at = (const char *)data, *end = at + size;

	begin();
	buffer_add_text(&text, "rehome-journal 1 old new\n");
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		add_line(at, (size_t)(stop - at), &text);
		at = stop < end ? stop + 1 : end;
	}
	put(&text);
	check();
	buffer_free(&text);
	return 0;
}
