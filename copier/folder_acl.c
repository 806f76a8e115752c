/* SPDX-License-Identifier: BSD-2-Clause */
/* The rights of others, compared and given (RFC 4314). */
#include "config.h"

#include "copier/folder_acl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "copier/acl_names.h"
#include "copier/extension.h"
#include "copier/folder_notes.h"

#include "lib/xalloc.h"

struct folder_grant {
	size_t pair;
	char *identifier;
	char *rights;
	bool met; /* home has it, too */
};

struct folder_grants {
	struct folder_grant *list;
	size_t count, room;
};

struct folder_acl {
	struct pass *pass;
	const struct folder_pair *pairs;
	size_t count;
	struct namehash places; /* index + 1 by the name of the present side */
	struct folder_grants *into; /* that is read */
	struct folder_grants home, other;
	bool at_home;
};

static void folder_grants_clear(struct folder_grants *grants)
{
	size_t i;

	for (i = 0; i < grants->count; i++) {
		free(grants->list[i].identifier);
		free(grants->list[i].rights);
	}
	free(grants->list);
	memset(grants, 0, sizeof(*grants));
}

static void folder_grants_add(struct folder_grants *grants, size_t pair,
	const char *identifier, const char *rights)
{
	struct folder_grant *grant;

	if (grants->count == grants->room) {
		grants->room = grants->room > 0 ? grants->room * 2 : 32;
		grants->list = xreallocarray(
			grants->list, grants->room, sizeof(*grants->list));
	}
	grant = &grants->list[grants->count++];
	grant->pair = pair;
	grant->identifier = xstrdup(identifier);
	grant->rights = xstrdup(rights);
	grant->met = false;
}

static void folder_acl_told(void *context, const struct extension_acl *acl)
{
	struct folder_acl *work = context;
	size_t place = namehash_get(&work->places, acl->folder);

	if (place == 0)
		return;
	if (acl->refused != NULL)
		folder_notes_add(work->pass->notes, FOLDER_NOTE_ACL,
			work->pairs[place - 1].shown, NULL, 0,
			"its rights are not told %s: %s",
			work->at_home ? "at home" : "at the other side",
			acl->refused);
	else
		folder_grants_add(
			work->into, place - 1, acl->identifier, acl->rights);
}

const char **folder_pair_names(const struct folder_pair *pairs, size_t count,
	bool at_home, struct namehash *places_r)
{
	const char **names = xreallocarray(NULL, count + 1, sizeof(*names));

	namehash_free(places_r);
	for (size_t i = 0; i < count; i++) {
		names[i] = at_home ? pairs[i].home : pairs[i].other;
		namehash_set(places_r, names[i], i + 1);
	}
	return names;
}

/* Reads the rights of one side. */
static int folder_acl_read(
	struct folder_acl *work, bool at_home, struct error *error)
{
	const char **names = folder_pair_names(
		work->pairs, work->count, at_home, &work->places);
	int result;

	work->at_home = at_home;
	work->into = at_home ? &work->home : &work->other;
	folder_grants_clear(work->into);
	result = extension_acl_read(
		at_home ? work->pass->home : work->pass->other, names,
		work->count, folder_acl_told, work, error);
	free(names);
	return result < 0 ? -1 : 1;
}

static struct folder_grant *folder_acl_find(
	struct folder_acl *work, size_t pair, const char *identifier)
{
	size_t i;

	for (i = 0; i < work->other.count; i++)
		if (work->other.list[i].pair == pair &&
			strcmp(work->other.list[i].identifier, identifier) == 0)
			return &work->other.list[i];
	return NULL;
}

/* Whether both mean the same, in the letters that count there. */
static bool folder_acl_same(
	const char *one, const char *other, const char *known)
{
	char *a, *b, *unknown;
	bool same;

	acl_names_rights(one, known, &a, &unknown);
	free(unknown);
	acl_names_rights(other, known, &b, &unknown);
	free(unknown);
	same = strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}

static void folder_acl_note(struct folder_acl *work, size_t pair,
	const char *who, const char *rights, const char *why)
{
	folder_notes_add(work->pass->notes, FOLDER_NOTE_ACL,
		work->pairs[pair].shown, NULL, 0, "%s (%s): %s", who, rights,
		why);
}

/* One grant of home. 1 written, 0 not, -1. */
static int folder_acl_give(struct folder_acl *work,
	const struct folder_grant *grant, struct error *error)
{
	struct pass *pass = work->pass;
	const char *known = extension_rights(pass->other);
	char *who = acl_names_map(pass->home, pass->other, grant->identifier);
	char *rights, *unknown;
	struct folder_grant *there;
	int result = 0;

	acl_names_rights(grant->rights, known, &rights, &unknown);
	if (unknown[0] != '\0')
		folder_acl_note(work, grant->pair, grant->identifier, unknown,
			"rights that the other side does not know");
	there = who != NULL ? folder_acl_find(work, grant->pair, who) : NULL;
	if (who == NULL) {
		folder_acl_note(work, grant->pair, grant->identifier,
			grant->rights, "who that is there cannot be told");
	} else if (there != NULL &&
		   folder_acl_same(there->rights, rights, known)) {
		there->met = true;
	} else if (rights[0] != '\0') {
		result = extension_acl_write(pass->other,
			work->pairs[grant->pair].other, who, rights, error);
		if (there != NULL)
			there->met = true;
		if (result == 0)
			folder_acl_note(work, grant->pair, grant->identifier,
				rights, error->text);
	}
	free(who);
	free(rights);
	free(unknown);
	return result;
}

/* What somebody has at the other side and not at home. */
static int folder_acl_extra(struct folder_acl *work,
	const struct folder_grant *grant, struct error *error)
{
	struct pass *pass = work->pass;
	int result = 0;

	if (grant->met || acl_names_is_owner(pass->other, grant->identifier) ||
		strcasecmp(grant->identifier, "anyone") == 0)
		return 1;
	if (work->pairs[grant->pair].made)
		result = extension_acl_write(pass->other,
			work->pairs[grant->pair].other, grant->identifier, NULL,
			error);
	if (result == 0)
		folder_acl_note(work, grant->pair, grant->identifier,
			grant->rights, "has it at the other side only");
	return result < 0 ? -1 : 1;
}

/* What was given is there now: a server may have kept less. */
static int folder_acl_check(struct folder_acl *work, struct error *error)
{
	struct pass *pass = work->pass;
	const char *known = extension_rights(pass->other);
	size_t i;
	int result = folder_acl_read(work, false, error);

	for (i = 0; result == 1 && i < work->home.count; i++) {
		const struct folder_grant *grant = &work->home.list[i];
		const struct folder_grant *there;
		char *who, *rights, *unknown;

		if (acl_names_is_owner(pass->home, grant->identifier))
			continue;
		who = acl_names_map(pass->home, pass->other, grant->identifier);
		there = who != NULL ? folder_acl_find(work, grant->pair, who)
				    : NULL;
		acl_names_rights(grant->rights, known, &rights, &unknown);
		if (there != NULL &&
			!folder_acl_same(there->rights, rights, known))
			folder_acl_note(work, grant->pair, grant->identifier,
				rights,
				"the other side keeps other rights of it");
		free(who);
		free(rights);
		free(unknown);
	}
	return result;
}

int folder_acl_carry(struct pass *pass, const struct folder_pair *pairs,
	size_t count, struct error *error)
{
	struct folder_acl work = {
		.pass = pass, .pairs = pairs, .count = count
	};
	bool wrote = false;
	size_t i;
	int result = folder_acl_read(&work, true, error);

	if (result == 1)
		result = folder_acl_read(&work, false, error);
	for (i = 0; result >= 0 && i < work.home.count; i++) {
		if (acl_names_is_owner(
			    pass->home, work.home.list[i].identifier))
			continue;
		result = folder_acl_give(&work, &work.home.list[i], error);
		wrote = wrote || result == 1;
	}
	for (i = 0; result >= 0 && i < work.other.count; i++)
		result = folder_acl_extra(&work, &work.other.list[i], error);
	if (result >= 0 && wrote)
		result = folder_acl_check(&work, error);
	folder_grants_clear(&work.home);
	folder_grants_clear(&work.other);
	namehash_free(&work.places);
	return result < 0 ? -1 : 1;
}
