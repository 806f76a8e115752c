/* SPDX-License-Identifier: BSD-2-Clause */
/* Listing what is shared, in both directions. */
#include "config.h"

#include "copier/shared.h"

#include <stdlib.h>
#include <string.h>

#include "copier/acl_names.h"
#include "copier/extension.h"
#include "copier/naming.h"
#include "copier/view.h"

#include "lib/xalloc.h"

struct shared_listing {
	struct mailbox *mailbox;
	const struct view *view;
	struct buffer *text;
	size_t lines, more;
};

/* True when one more line may be added. */
static bool shared_line(struct shared_listing *listing)
{
	if (listing->lines == SHARED_LINES_MAX) {
		listing->more++;
		return false;
	}
	listing->lines++;
	return true;
}

static char *shared_show(
	const struct shared_listing *listing, const char *folder)
{
	const struct mailbox_features *features =
		mailbox_features(listing->mailbox);
	const struct view_folder *found = view_find(listing->view, folder);
	char *shown = naming_show(folder,
		found != NULL ? found->separator : features->separator,
		features);
	struct error clean;

	/* One line is one folder, whatever is in its name. */
	error_set(&clean, "%s", shown);
	free(shown);
	return xstrdup(clean.text);
}

static void shared_seen(
	void *context, const char *folder, const char *prefix, int kind)
{
	struct shared_listing *listing = context;
	char *shown;

	(void)prefix;
	if (!shared_line(listing))
		return;
	shown = shared_show(listing, folder);
	buffer_printf(listing->text, "sees %s (%s)\n", shown,
		kind == 1 ? "of another user" : "shared by all");
	free(shown);
}

static void shared_given(void *context, const struct extension_acl *acl)
{
	struct shared_listing *listing = context;
	struct error who;
	char *shown;

	if (acl->refused != NULL ||
		acl_names_is_owner(listing->mailbox, acl->identifier) ||
		!shared_line(listing))
		return;
	shown = shared_show(listing, acl->folder);
	error_set(&who, "%.200s (%.60s)", acl->identifier, acl->rights);
	buffer_printf(listing->text, "gives %s to %s\n", shown, who.text);
	free(shown);
}

/* Who may see folders of the account. */
static int shared_grants(struct shared_listing *listing, struct error *error)
{
	const struct view *view = listing->view;
	const char **names;
	size_t i, count = 0;
	int result;

	if ((extension_can(listing->mailbox) & EXTENSION_ACL) == 0)
		return 1;
	names = xreallocarray(NULL, view->count + 1, sizeof(*names));
	for (i = 0; i < view->count; i++)
		if (view->folders[i].selectable)
			names[count++] = view->folders[i].name;
	result = extension_acl_read(
		listing->mailbox, names, count, shared_given, listing, error);
	free(names);
	return result;
}

int shared_list(
	struct mailbox *mailbox, struct buffer *text, struct error *error)
{
	struct view view = { .count = 0 };
	struct shared_listing listing = {
		.mailbox = mailbox, .view = &view, .text = text
	};
	int result = view_list(&view, mailbox, error);

	if (result == 1)
		result =
			extension_others(mailbox, shared_seen, &listing, error);
	if (result == 1)
		result = shared_grants(&listing, error);
	if (listing.more > 0)
		buffer_printf(text, "and %zu more\n", listing.more);
	view_clear(&view);
	return result;
}
