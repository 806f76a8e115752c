/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of refused items, made anew in each round from what it met. */
#include "config.h"

#include "copier/refused.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copier/digest.h"
#include "copier/mutf7.h"
#include "copier/refused_describe.h"

#include "lib/buffer.h"
#include "lib/document.h"
#include "lib/hex.h"
#include "lib/instant.h"
#include "lib/refusal.h"
#include "lib/xalloc.h"

/* Room for the items in the document; behind it stands "more". */
#define REFUSED_TEXT_MAX (DOCUMENT_SIZE_MAX - 4096)

struct refused_list {
	struct attr_list **items;
	size_t count;
	size_t room;
};

struct refused {
	struct refused_list listed;
	/* The approvals, as they were given: of what is left behind, and of
	 * what is kept as the other side alters it. */
	struct refused_list left, kept;
	struct refused_list again; /* what is to be tried once more */
	char *to;		   /* the system of the other side, or NULL */
	struct refused_list notes;
	struct approvals *approvals;
	struct buffer text;
	uint64_t open;
	bool changed;
};

/* ---- lists ---- */

static void refused_list_add(struct refused_list *list, struct attr_list *item)
{
	if (list->count == list->room) {
		list->room = list->room > 0 ? 2 * list->room : 8;
		list->items = xreallocarray(
			list->items, list->room, sizeof(list->items[0]));
	}
	list->items[list->count++] = item;
}

static void refused_list_free(struct refused_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		attr_list_free(&list->items[i]);
	free(list->items);
	*list = (struct refused_list){ .count = 0 };
}

static struct attr_list *refused_list_find(
	const struct refused_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(attr_list_get(list->items[i], "item"), name) == 0)
			return list->items[i];
	return NULL;
}

static bool refused_take(const struct attr_list *item, void *context)
{
	refused_list_add(context, attr_list_copy(item));
	return true;
}

static bool refused_take_approval(const struct attr_list *item, void *context)
{
	struct refused *refused = context;

	return refused_take(item,
		refusal_is_altered(item) ? &refused->kept : &refused->left);
}

int refused_approve(
	struct refused *refused, const char *approved, struct error *error)
{
	struct approvals *approvals = approvals_new(approved, error);

	if (approvals == NULL)
		return -1;
	approvals_free(&refused->approvals);
	refused->approvals = approvals;
	refused_list_free(&refused->left);
	refused_list_free(&refused->kept);
	/* it has just been read without an error */
	return approved == NULL ? 0
				: refusal_each(approved, refused_take_approval,
					  refused, error);
}

int refused_ask(struct refused *refused, const char *again, struct error *error)
{
	refused_list_free(&refused->again);
	return again == NULL || refusal_each(again, refused_take,
					&refused->again, error) == 0
		       ? 0
		       : -1;
}

void refused_towards(struct refused *refused, const char *system)
{
	free(refused->to);
	refused->to = xstrdup(system);
}

struct refused *refused_new(
	const char *listed, const char *approved, struct error *error)
{
	struct refused *refused = xcalloc(1, sizeof(*refused));

	if (refused_approve(refused, approved, error) == 0 &&
		(listed == NULL || refusal_each(listed, refused_take,
					   &refused->listed, error) == 0)) {
		buffer_add_text(&refused->text, listed != NULL ? listed : "");
		return refused;
	}
	refused_free(&refused);
	return NULL;
}

void refused_free(struct refused **refused)
{
	if (*refused == NULL)
		return;
	refused_list_free(&(*refused)->listed);
	refused_list_free(&(*refused)->left);
	refused_list_free(&(*refused)->kept);
	refused_list_free(&(*refused)->again);
	free((*refused)->to);
	refused_list_free(&(*refused)->notes);
	approvals_free(&(*refused)->approvals);
	buffer_free(&(*refused)->text);
	free(*refused);
	*refused = NULL;
}

/* ---- what is left behind ---- */

/* Of a folder's refusals these two keep all its messages behind. */
static const char *const refused_whole[] = { "create folder", "open" };

/* A folder's item names what was tried with it, too. */
static void refused_folder_item(
	const char *folder, const char *words, char item_r[REFUSAL_ITEM_SIZE])
{
	size_t size = strcspn(words, ":");
	struct buffer name = BUFFER_EMPTY;

	buffer_printf(&name, "%s/%.*s", folder, (int)size, words);
	refusal_item(name.data, 0, 0, item_r);
	buffer_free(&name);
}

bool refused_is_left(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, uint32_t uid)
{
	const struct refused *refused = pass->refused;
	char item[REFUSAL_ITEM_SIZE];

	if (refused == NULL || refused->left.count == 0)
		return false;
	refusal_item(folder, uidvalidity, uid, item);
	if (approvals_has(refused->approvals, item) &&
		refused_list_find(&refused->kept, item) == NULL)
		return true;
	for (size_t i = 0; i < 2; i++) {
		refused_folder_item(folder, refused_whole[i], item);
		if (approvals_has(refused->approvals, item))
			return true;
	}
	return false;
}

bool refused_is_kept(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, uint32_t uid)
{
	const struct refused *refused = pass->refused;
	char item[REFUSAL_ITEM_SIZE];

	if (refused == NULL || refused->kept.count == 0)
		return false;
	refusal_item(folder, uidvalidity, uid, item);
	return refused_list_find(&refused->kept, item) != NULL;
}

int64_t refused_again(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, uint32_t uid)
{
	const struct refused *refused = pass->refused;
	char item[REFUSAL_ITEM_SIZE];
	int64_t at, latest = 0;

	if (refused == NULL || refused->again.count == 0)
		return 0;
	refusal_item(folder, uidvalidity, uid, item);
	for (size_t i = 0; i < refused->again.count; i++)
		if (strcmp(attr_list_get(refused->again.items[i], "item"),
			    item) == 0 &&
			attr_list_get_number(refused->again.items[i], "at", &at,
				NULL) == 1 &&
			at > latest)
			latest = at;
	return latest;
}

bool refused_leaves(const struct pass *pass, const char *folder)
{
	const struct refused *refused = pass->refused;

	for (size_t i = 0; refused != NULL && i < refused->left.count; i++) {
		const char *name =
			attr_list_get(refused->left.items[i], "folder");

		if (name != NULL && strcmp(name, folder) == 0)
			return true;
	}
	return false;
}

void refused_leave(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, struct uidset *uids)
{
	size_t kept = 0;

	if (!refused_leaves(pass, folder))
		return;
	for (size_t i = 0; i < uids->count; i++)
		if (!refused_is_left(pass, folder, uidvalidity, uids->uids[i]))
			uids->uids[kept++] = uids->uids[i];
	uids->count = kept;
}

/* ---- gathering ---- */

static void refused_withdraw(struct refused_list *notes, const char *name)
{
	for (size_t i = 0; i < notes->count; i++)
		if (strcmp(attr_list_get(notes->items[i], "item"), name) == 0) {
			attr_list_free(&notes->items[i]);
			notes->items[i] = notes->items[--notes->count];
			return;
		}
}

void refused_note(struct refused *refused, const char *kind, const char *folder,
	const char *words)
{
	struct attr_list *item;
	char name[REFUSAL_ITEM_SIZE];

	if (folder != NULL)
		refused_folder_item(folder, kind, name);
	else
		snprintf(name, sizeof(name), "%s", kind);
	refused_withdraw(&refused->notes, name);
	if (words == NULL)
		return;
	item = attr_list_new();
	attr_list_add(item, "item", name);
	attr_list_add(item, "kind", kind);
	if (folder != NULL)
		attr_list_add(item, "folder", folder);
	attr_list_add(item, "words", words);
	refused_list_add(&refused->notes, item);
}

static uint32_t refused_uidvalidity(const struct pass *pass, const char *folder)
{
	const struct journal_folder *known =
		pass->journal == NULL
			? NULL
			: journal_find(pass->journal, pass->side, folder);

	return known != NULL ? known->uidvalidity[pass->side] : 0;
}

static void refused_add_digest(
	struct attr_list *item, const char *name, const unsigned char *digest)
{
	char hex[2 * JOURNAL_DIGEST + 1];

	hex_print(digest, JOURNAL_DIGEST, hex);
	attr_list_add(item, name, hex);
}

/* The item of one refusal of the pass. */
static struct attr_list *refused_make(
	const struct pass *pass, const struct pass_refusal *refusal)
{
	uint32_t uidvalidity = refused_uidvalidity(pass, refusal->folder);
	struct attr_list *item = attr_list_new();
	char name[REFUSAL_ITEM_SIZE];

	if (refusal->uid != 0)
		refusal_item(refusal->folder, uidvalidity, refusal->uid, name);
	else
		refused_folder_item(refusal->folder, refusal->words.text, name);
	attr_list_add(item, "item", name);
	attr_list_add(item, "kind",
		refusal->altered    ? "altered"
		: refusal->uid != 0 ? "message"
				    : "folder");
	attr_list_add(item, "folder", refusal->folder);
	if (refusal->uid != 0) {
		attr_list_add_number(item, "uidvalidity", uidvalidity);
		attr_list_add_number(item, "uid", refusal->uid);
	}
	attr_list_add(item, "words", refusal->words.text);
	if (refusal->altered) {
		refused_add_digest(item, "sha256", refusal->digest);
		refused_add_digest(item, "stored_sha256", refusal->stored);
	}
	if (pass->refused->to != NULL)
		attr_list_add(item, "to", pass->refused->to);
	return item;
}

/* What was known of it before: since when, and what it is. */
static void refused_inherit(
	struct attr_list *item, const struct refused_list *list)
{
	static const char *const names[] = { "since", "size", "date", "subject",
		"message_id", "identity" };
	const struct attr_list *former =
		refused_list_find(list, attr_list_get(item, "item"));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value =
			former != NULL ? attr_list_get(former, names[i]) : NULL;

		if (value != NULL && attr_list_get(item, names[i]) == NULL)
			attr_list_add(item, names[i], value);
	}
	if (attr_list_get(item, "since") == NULL)
		attr_list_add_number(item, "since", instant_now());
}

/* Those of the pass, each once, then the notes; the former list ends. */
static void refused_collect(struct pass *pass, bool whole)
{
	struct refused *refused = pass->refused;
	struct refused_list former = refused->listed;

	refused->listed = (struct refused_list){ .count = 0 };
	for (size_t i = 0; i < pass->refusals_count; i++) {
		struct attr_list *item = refused_make(pass, &pass->refusals[i]);

		refused_inherit(item, &former);
		if (refused_list_find(&refused->listed,
			    attr_list_get(item, "item")) == NULL)
			refused_list_add(&refused->listed, item);
		else
			attr_list_free(&item);
	}
	for (size_t i = 0; i < refused->notes.count; i++) {
		struct attr_list *item =
			attr_list_copy(refused->notes.items[i]);

		refused_inherit(item, &former);
		refused_list_add(&refused->listed, item);
	}
	for (size_t i = 0; !whole && i < former.count; i++) {
		const char *name = attr_list_get(former.items[i], "item");

		if (refused_list_find(&refused->listed, name) == NULL)
			refused_list_add(&refused->listed,
				attr_list_copy(former.items[i]));
	}
	refused_list_free(&former);
}

/* What the pass did not write down, or what did not fit. */
static void refused_add_more(struct refused *refused, uint64_t more)
{
	struct attr_list *item = attr_list_new();

	attr_list_add(item, "item", "more");
	attr_list_add(item, "kind", "more");
	attr_list_printf(item, "words",
		"%" PRIu64 " more were refused and are not listed", more);
	attr_print(item, ATTR_CONTROL, &refused->text);
	attr_list_free(&item);
}

static void refused_print(const struct pass *pass)
{
	struct refused *refused = pass->refused;
	struct buffer former = refused->text;
	uint64_t more = pass->counts.refused - pass->refusals_count;
	size_t i;

	refused->text = (struct buffer)BUFFER_EMPTY;
	buffer_add_text(&refused->text, "");
	for (i = 0; i < refused->listed.count &&
		    refused->text.size < REFUSED_TEXT_MAX - 4096;
		i++)
		attr_print(
			refused->listed.items[i], ATTR_CONTROL, &refused->text);
	more += refused->listed.count - i;
	if (more > 0)
		refused_add_more(refused, more);
	refused->changed = strcmp(former.data, refused->text.data) != 0;
	buffer_free(&former);
	refused->open = more > 0;
	for (i = 0; i < refused->listed.count; i++)
		refused->open += refusal_blocks(refused->listed.items[i]) &&
				 !approvals_has(refused->approvals,
					 attr_list_get(refused->listed.items[i],
						 "item"));
}

/*
 * What tells a message in a later move: what was sent of it, where that is
 * known, else its looks.
 */
static void refused_identify(struct attr_list *item)
{
	static const char *const looks[] = { "folder", "size", "date",
		"subject", "message_id" };
	const char *known = attr_list_get(item, "sha256");
	struct digest *digest;
	unsigned char sum[JOURNAL_DIGEST];

	if (attr_list_get(item, "identity") != NULL ||
		attr_list_get(item, "uid") == NULL)
		return;
	if (known != NULL) {
		attr_list_add(item, "identity", known);
		return;
	}
	if (attr_list_get(item, "size") == NULL)
		return; /* it was not looked at yet */
	digest = digest_new();
	digest_begin(digest);
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		const char *value = attr_list_get(item, looks[i]);

		value = value != NULL ? value : "";
		digest_add(digest, value, strlen(value) + 1);
	}
	digest_end(digest, sum);
	digest_free(&digest);
	refused_add_digest(item, "identity", sum);
}

uint64_t refused_gather(struct pass *pass, bool whole, bool describe)
{
	struct refused *refused = pass->refused;

	refused_collect(pass, whole);
	if (describe)
		refused_describe(pass->home, refused->listed.items,
			refused->listed.count);
	for (size_t i = 0; i < refused->listed.count; i++)
		refused_identify(refused->listed.items[i]);
	refused_print(pass);
	return refused->open;
}

const char *refused_text(const struct refused *refused)
{
	return refused->text.data;
}

bool refused_changed(const struct refused *refused)
{
	return refused->changed;
}

void refused_summary(const struct refused *refused, struct error *text_r)
{
	const struct attr_list *first = NULL;
	const char *folder, *uid;
	struct error shown;

	text_r->text[0] = '\0';
	for (size_t i = 0; i < refused->listed.count && first == NULL; i++)
		if (refusal_blocks(refused->listed.items[i]) &&
			!approvals_has(refused->approvals,
				attr_list_get(
					refused->listed.items[i], "item")))
			first = refused->listed.items[i];
	if (first == NULL)
		return;
	folder = attr_list_get(first, "folder");
	uid = attr_list_get(first, "uid");
	mutf7_show(
		folder != NULL ? folder : attr_list_get(first, "kind"), &shown);
	error_set(text_r, "%" PRIu64 " refused; first: %s%s%s: %s",
		refused->open, shown.text, uid != NULL ? " uid " : "",
		uid != NULL ? uid : "", attr_list_get(first, "words"));
}

size_t refused_left_count(const struct refused *refused)
{
	return refused->left.count;
}

const struct attr_list *refused_left(const struct refused *refused, size_t i)
{
	return refused->left.items[i];
}

size_t refused_kept_count(const struct refused *refused)
{
	return refused->kept.count;
}

const struct attr_list *refused_kept(const struct refused *refused, size_t i)
{
	return refused->kept.items[i];
}
