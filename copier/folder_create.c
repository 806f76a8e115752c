/* SPDX-License-Identifier: BSD-2-Clause */
/* Making odd folders, and the names that they get in the end. */
#include "config.h"

#include "copier/folder_create.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "copier/extension.h"
#include "copier/folder_notes.h"
#include "copier/naming.h"

#include "lib/xalloc.h"

struct folder_creating {
	struct pass *pass;
	struct plan *plan;
	const struct mailbox_features *features; /* of the other side */
};

/* A refusal that no other name would change (RFC 5530). */
static bool folder_create_is_hopeless(const struct error *words)
{
	static const char *const codes[] = { "[OVERQUOTA]", "[NOPERM]",
		"[LIMIT]", "[UNAVAILABLE]", "[INUSE]", "[SERVERBUG]",
		"[CONTACTADMIN]", "[EXPIRED]" };
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strncasecmp(words->text, codes[i], strlen(codes[i])) == 0)
			return true;
	return false;
}

static bool folder_create_is_odd(const struct folder_creating *creating,
	const struct plan_folder *folder)
{
	struct naming_path path;
	bool odd;

	naming_split(folder->other_name, creating->features->separator,
		creating->features, &path, NULL);
	odd = naming_tame(&path, 0) != 0;
	naming_path_free(&path);
	return odd;
}

static bool folder_create_is_taken(
	const struct folder_creating *creating, const char *name)
{
	struct pass *pass = creating->pass;
	size_t i;

	for (i = 0; i < creating->plan->count; i++)
		if (strcmp(creating->plan->folders[i].other_name, name) == 0)
			return true;
	return journal_find(pass->journal, journal_other(pass->side), name) !=
	       NULL;
}

/* Makes a folder that is there under exactly this name afterwards. */
static int folder_create_exact(struct folder_creating *creating,
	const struct plan_folder *folder, const char *name, struct error *error)
{
	struct mailbox *other = creating->pass->other;
	int result = 0;

	if (folder->use != SPECIAL_USE_NONE &&
		(extension_can(other) & EXTENSION_CREATE_USE) != 0)
		result = extension_create_use(other, name, folder->use, error);
	if (result == 0)
		result = mailbox_create(other, name, error);
	if (result == 1)
		result = extension_exists(other, name, error);
	return result;
}

/* The folder is called so from now on, and this is why. */
static void folder_create_rename(struct folder_creating *creating,
	struct plan_folder *folder, char *name, unsigned change,
	const struct error *words)
{
	const struct mailbox_features *home =
		mailbox_features(creating->pass->home);
	struct buffer why = BUFFER_EMPTY;
	char *shown = naming_show(folder->home_name,
		folder->home != NULL ? folder->home->separator
				     : home->separator,
		home);

	naming_words(change, &why);
	folder_notes_add(creating->pass->notes, FOLDER_NOTE_NAME, shown, name,
		0, "%s (%s: %s)", why.data, folder->other_name, words->text);
	free(shown);
	buffer_free(&why);
	free(folder->other_name);
	folder->other_name = name;
}

/* Another name for one that the server refused, each tamer than the last. */
static int folder_create_tame(struct folder_creating *creating,
	struct plan_folder *folder, struct error *error)
{
	struct error words = *error;
	struct naming_path path;
	unsigned step = 0;
	int result = 0;

	naming_split(folder->other_name, creating->features->separator,
		creating->features, &path, NULL);
	while (result == 0 && (step = naming_tame(&path, step)) != 0) {
		char *name = naming_join(&path, creating->features, NULL);

		while (folder_create_is_taken(creating, name)) {
			char *longer = xasprintf("%s_", name);

			free(name);
			name = longer;
		}
		result = folder_create_exact(creating, folder, name, error);
		if (result == 1)
			folder_create_rename(
				creating, folder, name, step, &words);
		else
			free(name);
	}
	naming_path_free(&path);
	return result;
}

/* The name beside the one that the server takes for another's. */
static int folder_create_apart(struct folder_creating *creating,
	struct plan_folder *folder, struct error *error)
{
	struct error words = *error;
	int result =
		folder_create_exact(creating, folder, folder->apart, error);

	if (result == 1)
		folder_create_rename(creating, folder, xstrdup(folder->apart),
			NAMING_TWIN, &words);
	return result;
}

static int folder_create_one(struct folder_creating *creating,
	struct plan_folder *folder, struct error *error)
{
	int result = folder_create_exact(
		creating, folder, folder->other_name, error);

	if (result == 0 && !folder_create_is_hopeless(error)) {
		result = folder->apart != NULL
				 ? folder_create_apart(creating, folder, error)
				 : 0;
		if (result == 0)
			result = folder_create_tame(creating, folder, error);
	}
	folder->made = result == 1;
	return result;
}

/* Whether some name is like another's: then no folder may be made before the
 * one that keeps its name. */
static bool folder_create_has_twins(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		if (plan->folders[i].create && plan->folders[i].apart != NULL)
			return true;
	return false;
}

int folder_create_odd(struct pass *pass, struct plan *plan, bool *wrote_r,
	struct error *error)
{
	struct folder_creating creating = { pass, plan,
		mailbox_features(pass->other) };
	bool twins = folder_create_has_twins(plan);
	size_t i;
	int apart;

	for (apart = 0; apart < 2; apart++)
		for (i = 0; i < plan->count; i++) {
			struct plan_folder *folder = &plan->folders[i];

			if (!folder->create || apart != (folder->apart != NULL))
				continue;
			if (!twins && folder->use == SPECIAL_USE_NONE &&
				!folder_create_is_odd(&creating, folder))
				continue;
			if (!pass_goes_on(pass, error) ||
				folder_create_one(&creating, folder, error) < 0)
				return -1;
			*wrote_r = true;
		}
	return 1;
}
