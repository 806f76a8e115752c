/* SPDX-License-Identifier: BSD-2-Clause */
/* Annotations of folders, compared and set (RFC 5464). */
#include "config.h"

#include "copier/folder_acl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "copier/extension.h"
#include "copier/folder_notes.h"

#include "lib/xalloc.h"

struct folder_annotation {
	size_t pair;
	char *entry;
	char *value;
	size_t size;
};

struct folder_annotations {
	struct pass *pass;
	const struct folder_pair *pairs;
	size_t count;
	struct namehash places;
	struct folder_annotation *list;
	size_t list_count;
	bool at_home;
};

/* Those of a server's own making mean nothing to another one; special use is
 * not carried as text. */
static bool folder_annotation_is_own(const char *entry)
{
	return strncasecmp(entry, "/private/vendor/", 16) == 0 ||
	       strncasecmp(entry, "/shared/vendor/", 15) == 0 ||
	       strcasecmp(entry, "/private/specialuse") == 0;
}

/* The other side has this one already: it need not be set. */
static void folder_annotation_met(struct folder_annotations *work, size_t pair,
	const struct extension_metadata *metadata)
{
	size_t i;

	for (i = 0; i < work->list_count; i++) {
		struct folder_annotation *one = &work->list[i];

		if (one->entry == NULL || one->pair != pair ||
			strcasecmp(one->entry, metadata->entry) != 0 ||
			one->size != metadata->size ||
			memcmp(one->value, metadata->value, one->size) != 0)
			continue;
		free(one->entry);
		one->entry = NULL;
	}
}

static void folder_annotation_told(
	void *context, const struct extension_metadata *metadata)
{
	struct folder_annotations *work = context;
	size_t place = namehash_get(&work->places, metadata->folder);
	struct folder_annotation *one;

	if (place == 0 || metadata->refused != NULL)
		return;
	if (!work->at_home) {
		folder_annotation_met(work, place - 1, metadata);
		return;
	}
	if (folder_annotation_is_own(metadata->entry)) {
		folder_notes_add(work->pass->notes, FOLDER_NOTE_METADATA, "",
			NULL, 0, "not carried: %s", metadata->entry);
		return;
	}
	work->list = xreallocarray(
		work->list, work->list_count + 1, sizeof(*work->list));
	one = &work->list[work->list_count++];
	one->pair = place - 1;
	one->entry = xstrdup(metadata->entry);
	one->value = xmalloc(metadata->size + 1);
	memcpy(one->value, metadata->value, metadata->size);
	one->size = metadata->size;
}

static int folder_annotations_read(
	struct folder_annotations *work, bool at_home, struct error *error)
{
	const char **names = folder_pair_names(
		work->pairs, work->count, at_home, &work->places);
	int result;

	work->at_home = at_home;
	result = extension_metadata_read(
		at_home ? work->pass->home : work->pass->other, names,
		work->count, folder_annotation_told, work, error);
	free(names);
	return result < 0 ? -1 : 1;
}

static int folder_annotation_set(struct folder_annotations *work,
	const struct folder_annotation *one, struct error *error)
{
	const struct folder_pair *pair = &work->pairs[one->pair];
	int result;

	if (one->entry == NULL)
		return 1;
	/* A literal cannot hold it (RFC 3501 section 4.3). */
	if (memchr(one->value, '\0', one->size) != NULL) {
		error_set(error, "it holds NUL");
		result = 0;
	} else {
		result = extension_metadata_write(work->pass->other,
			pair->other, one->entry, one->value, one->size, error);
	}
	if (result == 0)
		folder_notes_add(work->pass->notes, FOLDER_NOTE_METADATA,
			pair->shown, NULL, 0, "%s: %s", one->entry,
			error->text);
	return result < 0 ? -1 : 1;
}

int folder_metadata_carry(struct pass *pass, const struct folder_pair *pairs,
	size_t count, struct error *error)
{
	struct folder_annotations work = {
		.pass = pass, .pairs = pairs, .count = count
	};
	size_t i;
	int result = folder_annotations_read(&work, true, error);

	if (result == 1 && work.list_count > 0)
		result = folder_annotations_read(&work, false, error);
	for (i = 0; i < work.list_count; i++) {
		if (result == 1)
			result = folder_annotation_set(
				&work, &work.list[i], error);
		free(work.list[i].entry);
		free(work.list[i].value);
	}
	free(work.list);
	namehash_free(&work.places);
	return result;
}
