/* SPDX-License-Identifier: BSD-2-Clause */
/* Accounts that are looked at: opened, listed, read. */
#include "config.h"

#include "copier/inspect.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "copier/digest.h"

#include "lib/address.h"
#include "lib/control_client.h"
#include "lib/xalloc.h"

#define INSPECT_POLICYD 10000 /* ms for an answer */
/* Messages that are asked for at once, so that progress can be told. */
#define INSPECT_BATCH 500

/* ---- where the accounts are ---- */

static int inspect_open(
	struct inspect_side *side, struct flagpool *flags, struct error *error)
{
	enum mailbox_failure failure;

	side->mailbox =
		mailbox_open(&side->location.target, flags, &failure, error);
	if (side->mailbox != NULL)
		return 0;
	error_prefix(error, "%s", side->name);
	return mailbox_failure_code(failure);
}

int inspect_open_system(const struct config *config, const char *name,
	const char *address, const struct foldermap *map,
	struct flagpool *flags, struct inspect_side *side_r,
	struct error *error)
{
	const struct config_system *system = config_system(config, name);

	memset(side_r, 0, sizeof(*side_r));
	if (system == NULL) {
		error_set(error, "system %s is not in the configuration", name);
		return EX_CONFIG;
	}
	side_r->name = system->name;
	if (location_of_account(
		    system, address, NULL, &side_r->location, error) < 0)
		return EX_CONFIG;
	side_r->location.target.map = map;
	return inspect_open(side_r, flags, error);
}

int inspect_open_url(const struct copy_side *side, const struct foldermap *map,
	struct flagpool *flags, struct inspect_side *side_r,
	struct error *error)
{
	int code;

	memset(side_r, 0, sizeof(*side_r));
	code = copy_side_locate(side, &side_r->location, error);
	if (code != 0)
		return code;
	side_r->name = side_r->location.label;
	side_r->location.target.map = map;
	return inspect_open(side_r, flags, error);
}

void inspect_close(struct inspect_side *side)
{
	mailbox_close(&side->mailbox);
	location_clear(&side->location);
}

int inspect_address(
	const char *text, char address_r[ADDRESS_SIZE], struct error *error)
{
	struct address address;

	if (address_parse(text, &address, error) < 0)
		return -1;
	memcpy(address_r, address.text, ADDRESS_SIZE);
	return 0;
}

int inspect_account(const struct config *config, const char *address,
	struct account *account_r, struct error *error)
{
	struct control_client *client = control_connect(
		config->policyd.control, INSPECT_POLICYD, error);
	struct attr_list *request = attr_list_new();
	const struct attr_list *reply;
	int code = EX_TEMPFAIL;

	attr_list_add(request, "request", "account-get");
	attr_list_add(request, "address", address);
	if (client != NULL &&
		control_call(client, request, &reply, error) == 0) {
		switch (control_status(reply, error)) {
		case CONTROL_OK:
			code = account_scan(reply, account_r, error) == 0
				       ? 0
				       : EX_TEMPFAIL;
			break;
		case CONTROL_NOT_FOUND:
			code = EX_NOUSER;
			break;
		case CONTROL_DENIED:
			code = EX_NOPERM;
			break;
		default:
			code = EX_TEMPFAIL;
			break;
		}
	}
	attr_list_free(&request);
	control_close(&client);
	return code;
}

/* ---- what is in a folder ---- */

static int inspect_take(void *context, const struct mailbox_message *message)
{
	struct inspect_folder *folder = context;
	struct inspect_message *taken;

	if (folder->count == folder->room) {
		folder->room = folder->room > 0 ? 2 * folder->room : 64;
		folder->messages = xreallocarray(folder->messages, folder->room,
			sizeof(*folder->messages));
	}
	taken = &folder->messages[folder->count++];
	*taken = (struct inspect_message){ .uid = message->uid,
		.flags = message->flags,
		.size = message->size,
		.date = message->date[0] != '\0'
				? maildate_seconds(message->date)
				: 0 };
	return 0;
}

static int inspect_by_uid(const void *left, const void *right)
{
	const struct inspect_message *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

/* A server may tell in any order, and of a message more than once. */
static void inspect_settle(struct inspect_folder *folder)
{
	size_t i, kept = 0;

	if (folder->count > 1)
		qsort(folder->messages, folder->count,
			sizeof(*folder->messages), inspect_by_uid);
	for (i = 0; i < folder->count; i++)
		if (kept == 0 || folder->messages[kept - 1].uid !=
					 folder->messages[i].uid)
			folder->messages[kept++] = folder->messages[i];
	folder->count = kept;
}

int inspect_list(struct mailbox *mailbox, const char *name,
	struct inspect_folder *folder_r, struct error *error)
{
	const struct mailbox_scan scan = { .measured = true };
	struct mailbox_selected selected;
	int result;

	memset(folder_r, 0, sizeof(*folder_r));
	result = mailbox_select(mailbox, name, false, &selected, error);
	if (result != 1)
		return result;
	folder_r->status = selected.status;
	result = mailbox_scan(mailbox, &scan, inspect_take, folder_r, error);
	inspect_settle(folder_r);
	return result;
}

void inspect_clear(struct inspect_folder *folder)
{
	free(folder->messages);
	memset(folder, 0, sizeof(*folder));
}

struct inspect_message *inspect_find(
	const struct inspect_folder *folder, uint32_t uid)
{
	const struct inspect_message wanted = { .uid = uid };

	if (folder->count == 0)
		return NULL;
	return bsearch(&wanted, folder->messages, folder->count,
		sizeof(*folder->messages), inspect_by_uid);
}

struct inspect_digesting {
	struct inspect_folder *folder;
	const struct inspect_reading *reading;
	bool stopped;
};

static void inspect_digest(void *context, const struct digest_message *read)
{
	struct inspect_digesting *digesting = context;
	const struct inspect_reading *reading = digesting->reading;
	struct inspect_message *message =
		inspect_find(digesting->folder, read->uid);

	if (message == NULL)
		return;
	memcpy(message->digest, read->digest, JOURNAL_DIGEST);
	message->read = true;
	if (reading->progress != NULL &&
		!reading->progress(reading->progress_context, message))
		digesting->stopped = true;
}

int inspect_read(struct mailbox *mailbox, const char *name,
	struct inspect_folder *folder, const struct inspect_reading *reading,
	struct error *error)
{
	struct inspect_digesting digesting = { folder, reading, false };
	struct mailbox_selected selected;
	int result = mailbox_select(mailbox, name, false, &selected, error);
	size_t i = 0;

	if (result == 1 &&
		selected.status.uidvalidity != folder->status.uidvalidity) {
		error_set(error, "folder %s was made anew meanwhile", name);
		return -1;
	}
	while (result == 1 && i < folder->count && !digesting.stopped) {
		struct uidset uids = UIDSET_EMPTY;

		for (; i < folder->count && uids.count < INSPECT_BATCH; i++)
			if (reading->wanted == NULL ||
				reading->wanted(&folder->messages[i],
					reading->wanted_context))
				uidset_add(&uids, folder->messages[i].uid);
		if (uids.count > 0)
			result = digest_fetch(mailbox, &uids, inspect_digest,
				&digesting, error);
		uidset_free(&uids);
	}
	if (!digesting.stopped)
		return result;
	error_set(error, "interrupted");
	return -1;
}
