/* SPDX-License-Identifier: BSD-2-Clause */
/* Which folders there are, their status, and selecting one. */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

struct imap_folder {
	char *name;
	char separator;
	bool listed; /* else only in LSUB */
	bool selectable;
	bool subscribed;
	bool has_status;
	enum special_use use;
	struct mailbox_status status;
};

struct imap_listing {
	struct imap_mailbox *imap;
	struct imap_folder *folders;
	size_t count;
	size_t room;
	size_t *places;	     /* by the hash of the name: 0, or index + 1 */
	size_t places_count; /* a power of two, twice the folders at least */
};

/* Where the name is, or would be. */
static size_t *imap_listing_place(
	const struct imap_listing *listing, const char *name)
{
	uint32_t hash = 2166136261u;
	const char *c;
	size_t at;

	for (c = name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	at = hash & (listing->places_count - 1);
	while (listing->places[at] != 0 &&
		strcmp(listing->folders[listing->places[at] - 1].name, name) !=
			0)
		at = (at + 1) & (listing->places_count - 1);
	return &listing->places[at];
}

static struct imap_folder *imap_listing_find(
	struct imap_listing *listing, const char *name)
{
	size_t place = listing->places_count > 0
			       ? *imap_listing_place(listing, name)
			       : 0;

	return place > 0 ? &listing->folders[place - 1] : NULL;
}

static void imap_listing_grow(struct imap_listing *listing)
{
	size_t i;

	listing->room = listing->room > 0 ? listing->room * 2 : 32;
	listing->folders = xreallocarray(
		listing->folders, listing->room, sizeof(*listing->folders));
	free(listing->places);
	listing->places_count = 2 * listing->room;
	listing->places =
		xcalloc(listing->places_count, sizeof(*listing->places));
	for (i = 0; i < listing->count; i++)
		*imap_listing_place(listing, listing->folders[i].name) = i + 1;
}

static struct imap_folder *imap_listing_add(
	struct imap_listing *listing, const char *name, char separator)
{
	struct imap_folder *folder = imap_listing_find(listing, name);

	if (folder != NULL)
		return folder;
	if (listing->count == listing->room)
		imap_listing_grow(listing);
	*imap_listing_place(listing, name) = listing->count + 1;
	folder = &listing->folders[listing->count++];
	memset(folder, 0, sizeof(*folder));
	folder->name = xstrdup(name);
	folder->separator = separator;
	return folder;
}

static void imap_listing_clear(struct imap_listing *listing)
{
	size_t i;

	for (i = 0; i < listing->count; i++)
		free(listing->folders[i].name);
	free(listing->folders);
	free(listing->places);
}

/* Other users' and shared folders are not the account's own. */
static bool imap_listing_is_other(
	const struct imap_mailbox *imap, const char *name)
{
	size_t i;

	for (i = 0; i < imap->others_count; i++)
		if (strncmp(name, imap->others[i], strlen(imap->others[i])) ==
			0)
			return true;
	return false;
}

static int imap_listing_list(struct imap_listing *listing,
	const struct imap_response *response, bool subscribed)
{
	struct buffer name = BUFFER_EMPTY;
	struct imap_folder *folder;
	struct imap_list list;

	if (imap_list_parse(response->rest, &list, &name) < 0) {
		buffer_free(&name);
		return -1;
	}
	if (strcasecmp(name.data, "INBOX") == 0)
		memcpy(name.data, "INBOX", 5);
	if (!imap_listing_is_other(listing->imap, name.data)) {
		folder = imap_listing_add(listing, name.data, list.separator);
		if (subscribed) {
			folder->subscribed = list.selectable;
		} else {
			folder->listed = true;
			folder->selectable = list.selectable;
			folder->use = list.use;
		}
	}
	buffer_free(&name);
	return 0;
}

static int imap_listing_status(
	struct imap_listing *listing, const struct imap_response *response)
{
	struct buffer name = BUFFER_EMPTY;
	struct mailbox_status status;
	struct imap_folder *folder;
	int result = imap_status_parse(response->rest, &status, &name);

	if (result == 0) {
		if (strcasecmp(name.data, "INBOX") == 0)
			memcpy(name.data, "INBOX", 5);
		folder = imap_listing_find(listing, name.data);
		if (folder != NULL && status.uidvalidity != 0) {
			folder->status = status;
			folder->has_status = true;
		}
	}
	buffer_free(&name);
	return result;
}

static int imap_listing_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_listing *listing = context;
	int result = 0;

	if (response->kind != IMAP_DATA)
		return 0;
	if (imap_span_is(response->word, "LIST"))
		result = imap_listing_list(listing, response, false);
	else if (imap_span_is(response->word, "LSUB"))
		result = imap_listing_list(listing, response, true);
	else if (imap_span_is(response->word, "STATUS"))
		result = imap_listing_status(listing, response);
	if (result < 0)
		error_set(error, "the server broke the protocol: %.*s %.*s",
			(int)response->word.size, response->word.at,
			response->rest.size < 80 ? (int)response->rest.size
						 : 80,
			response->rest.at);
	return result;
}

static const struct imap_handler imap_listing_handler = {
	.data = imap_listing_data,
};

int imap_mailbox_deselect(struct imap_mailbox *imap, struct error *error)
{
	struct mailbox_selected selected;
	char *folder = imap->selected;
	int result = 1;

	if (imap_ahead_drop(imap, error) < 0)
		return -1;
	if (folder == NULL)
		return 0;
	imap->selected = NULL;
	if (imap_session_can(imap->session, IMAP_CAP_UNSELECT)) {
		/* Whatever its answer: what follows says what is so then. */
		imap_command(imap->session, "UNSELECT");
		imap_command_end(imap->session);
	} else {
		/* CLOSE removes nothing from what EXAMINE has opened. */
		if (imap->writable)
			result = imap_mailbox_select(&imap->mailbox, folder,
				false, &selected, error);
		if (result == 1)
			result = imap_mailbox_simple(imap, error, "CLOSE");
		free(imap->selected);
		imap->selected = NULL;
	}
	free(folder);
	return result < 0 ? -1 : 0;
}

static const char *imap_mailbox_status_items(const struct imap_mailbox *imap)
{
	return imap->features.modseq
		       ? "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ"
		       : "MESSAGES UIDNEXT UIDVALIDITY";
}

unsigned imap_mailbox_ask_status(struct imap_mailbox *imap, const char *folder)
{
	unsigned tag = imap_command(imap->session, "STATUS ");

	imap_command_name(imap->session, folder);
	imap_command_add(
		imap->session, " (%s)", imap_mailbox_status_items(imap));
	imap_command_end(imap->session);
	return tag;
}

/* STATUS of each folder, where LIST does not tell it; many under way. A
 * refusal leaves that folder without status. */
static int imap_listing_ask(struct imap_listing *listing, struct error *error)
{
	struct imap_mailbox *imap = listing->imap;
	size_t i, asked = 0;
	unsigned tag = 0;

	for (i = 0; i < listing->count; i++) {
		if (!listing->folders[i].listed ||
			!listing->folders[i].selectable)
			continue;
		tag = imap_mailbox_ask_status(imap, listing->folders[i].name);
		if (++asked % IMAP_COMMANDS_MAX == 0 &&
			imap_session_wait(imap->session, tag, error) < 0)
			return -1;
	}
	if (asked % IMAP_COMMANDS_MAX != 0 &&
		imap_session_wait(imap->session, tag, error) < 0)
		return -1;
	return 0;
}

/* Asks for all folders below a prefix. Returns the tag. */
static unsigned imap_listing_list_below(
	struct imap_mailbox *imap, const char *prefix, bool with_status)
{
	char *pattern = xasprintf("%s*", prefix);
	unsigned list = imap_command(imap->session, "LIST \"\" ");

	imap_command_name(imap->session, pattern);
	free(pattern);
	if (with_status)
		imap_command_add(imap->session, " RETURN (%sSTATUS (%s))",
			imap_session_can(imap->session, IMAP_CAP_SPECIAL_USE)
				? "SPECIAL-USE "
				: "",
			imap_mailbox_status_items(imap));
	imap_command_end(imap->session);
	return list;
}

static int imap_listing_read(struct imap_listing *listing, struct error *error)
{
	struct imap_mailbox *imap = listing->imap;
	unsigned list, lsub;
	size_t i;
	int result;
	bool with_status =
		imap_session_can(imap->session, IMAP_CAP_LIST_STATUS);

	imap_session_handle(imap->session, &imap_listing_handler, listing);
	/* "*" does not reach into every namespace (RFC 2342 section 5). */
	for (i = 0; i < imap->more_count; i++)
		imap_listing_list_below(imap, imap->more[i], with_status);
	list = imap_listing_list_below(imap, "", with_status);
	lsub = imap_command(imap->session, "LSUB \"\" \"*\"");
	imap_command_end(imap->session);
	result = imap_session_wait(imap->session, list, error);
	if (result >= 0) {
		int subscribed = imap_session_wait(
			imap->session, lsub, result == 1 ? error : NULL);

		result = subscribed < result ? subscribed : result;
	}
	if (result == 1 && !with_status)
		result = imap_listing_ask(listing, error) < 0 ? -1 : 1;
	return result;
}

int imap_mailbox_list(struct mailbox *mailbox, mailbox_folder_fn *callback,
	void *context, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_listing listing = { .imap = imap };
	int result = -1;
	size_t i;

	if (imap_mailbox_deselect(imap, error) == 0)
		result = imap_listing_read(&listing, error);
	for (i = 0; result == 1 && i < listing.count; i++) {
		const struct imap_folder *found = &listing.folders[i];
		struct mailbox_folder folder = {
			.name = found->name,
			.separator = found->separator,
			.selectable = found->listed && found->selectable,
			.subscribed = found->subscribed,
			.has_status = found->has_status,
			.use = found->use,
			.status = found->status,
		};

		if (callback(context, &folder) < 0)
			result = -1;
	}
	imap_session_handle(imap->session, NULL, NULL);
	imap_listing_clear(&listing);
	return result;
}

int imap_mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_listing listing = { .imap = imap };
	const struct imap_folder *found;
	unsigned tag;
	int result;

	if (imap_mailbox_deselect(imap, error) < 0)
		return -1;
	found = imap_listing_add(&listing, folder, '\0');
	imap_session_handle(imap->session, &imap_listing_handler, &listing);
	tag = imap_mailbox_ask_status(imap, folder);
	result = imap_session_wait(imap->session, tag, error);
	imap_session_handle(imap->session, NULL, NULL);
	if (result == 1 && !found->has_status) {
		error_set(error, "the server tells no status of %s", folder);
		result = 0;
	}
	*status_r = found->status;
	imap_listing_clear(&listing);
	return result;
}

static void imap_select_code(struct imap_mailbox *imap, struct imap_span code,
	struct mailbox_selected *selected)
{
	struct imap_span rest, flags;
	uint64_t number;

	if (imap_code_is(code, "PERMANENTFLAGS", &rest)) {
		if (imap_list_inside(rest, &flags) < 0)
			return;
		selected->permanent =
			flagpool_get(imap->flags, flags.at, flags.size);
		selected->any_keyword =
			memmem(flags.at, flags.size, "\\*", 2) != NULL;
		return;
	}
	if (imap_code_is(code, "HIGHESTMODSEQ", &rest)) {
		if (imap_number_parse(rest, &number) == 0)
			selected->status.modseq = number;
		return;
	}
	/* Cut to 32 bits they could be those of another folder. */
	if (imap_code_is(code, "UIDVALIDITY", &rest) &&
		imap_number_parse(rest, &number) == 0 && number <= UINT32_MAX)
		selected->status.uidvalidity = (uint32_t)number;
	if (imap_code_is(code, "UIDNEXT", &rest) &&
		imap_number_parse(rest, &number) == 0 && number <= UINT32_MAX)
		selected->status.uidnext = (uint32_t)number;
}

void imap_select_take(struct imap_mailbox *imap,
	const struct imap_response *response, struct mailbox_selected *selected)
{
	if (response->kind == IMAP_STATUS)
		imap_select_code(imap, response->code, selected);
	else if (response->kind == IMAP_DATA &&
		 imap_span_is(response->word, "EXISTS"))
		selected->status.messages = (uint32_t)response->number;
}

int imap_select_done(struct imap_mailbox *imap, const char *folder, bool write,
	struct mailbox_selected *selected, struct error *error)
{
	free(imap->selected);
	imap->selected = xstrdup(folder);
	imap->writable = write;
	imap->exists = selected->status.messages;
	imap->came = 0;
	if (!write)
		selected->permanent = NULL; /* "()" says nothing then */
	if (selected->status.uidvalidity != 0)
		return 1;
	error_set(error, "the server gives no UIDVALIDITY for %s", folder);
	return 0;
}

struct imap_selecting {
	struct imap_mailbox *imap;
	struct mailbox_selected *selected;
};

static int imap_selecting_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_selecting *selecting = context;

	(void)error;
	imap_select_take(selecting->imap, response, selecting->selected);
	return 0;
}

static const struct imap_handler imap_selecting_handler = {
	.data = imap_selecting_data,
};

unsigned imap_mailbox_ask_select(
	struct imap_mailbox *imap, const char *folder, bool write)
{
	unsigned tag =
		imap_command(imap->session, write ? "SELECT " : "EXAMINE ");

	imap_command_name(imap->session, folder);
	if (imap->features.modseq)
		imap_command_add(imap->session, " (CONDSTORE)");
	imap_command_end(imap->session);
	return tag;
}

int imap_mailbox_select(struct mailbox *mailbox, const char *folder, bool write,
	struct mailbox_selected *selected_r, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_selecting selecting = { imap, selected_r };
	unsigned tag;
	int result;

	memset(selected_r, 0, sizeof(*selected_r));
	free(imap->selected);
	imap->selected = NULL;
	if (imap_ahead_select(imap, folder, write, &tag, error) < 0)
		return -1;
	imap_session_handle(imap->session, &imap_selecting_handler, &selecting);
	if (tag == 0)
		tag = imap_mailbox_ask_select(imap, folder, write);
	result = imap_session_wait(imap->session, tag, error);
	imap_session_handle(imap->session, NULL, NULL);
	if (result == 0 && imap_ahead_drop(imap, NULL) < 0)
		return -1;
	if (result != 1)
		return result;
	return imap_select_done(imap, folder, write, selected_r, error);
}
