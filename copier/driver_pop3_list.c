/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of a maildrop, and which message of it is which. A UIDL is to occur
 * once; servers that make it from the message give like ones to equal messages.
 * Such a UIDL is told apart by the size and the order of those that bear it.
 */
#include "config.h"

#include "copier/driver_pop3_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

/* An entry on its way to a UID. */
struct pop3_named {
	const struct pop3_entry *entry;
	char *identity;
	char *mark; /* says that there have been several of its UIDL; or NULL */
};

static int pop3_named_compare(const void *left, const void *right)
{
	const struct pop3_named *a = left, *b = right;
	int order = strcmp(a->entry->uidl, b->entry->uidl);

	if (order != 0)
		return order;
	return (a->entry->number > b->entry->number) -
	       (a->entry->number < b->entry->number);
}

static int pop3_named_number(const void *left, const void *right)
{
	const struct pop3_named *a = left, *b = right;

	return (a->entry->number > b->entry->number) -
	       (a->entry->number < b->entry->number);
}

/*
 * The identities of messages with the same UIDL. Once there have been several,
 * size and order count, also when only one is left; the first of them keeps
 * the UID that it had while it was alone. A UIDL has no blank in it.
 */
static void pop3_name_run(
	struct pop3_mailbox *pop3, struct pop3_named *run, size_t count)
{
	const char *uidl = run[0].entry->uidl;
	char *mark = xasprintf("%s several", uidl);
	bool several = uidmap_find(pop3->map, pop3->folder, mark, NULL) != 0;
	uint32_t alone = uidmap_find(pop3->map, pop3->folder, uidl, NULL);
	size_t i, j, same;

	for (i = 0; i < count && (count > 1 || several); i++) {
		for (same = 0, j = 0; j < i; j++)
			same += run[j].entry->size == run[i].entry->size;
		run[i].identity = xasprintf(
			"%s %" PRIu64 " %zu", uidl, run[i].entry->size, same);
	}
	if (count == 1 && !several)
		run[0].identity = xstrdup(uidl);
	if (count > 1 && !several) {
		if (alone != 0)
			uidmap_add(pop3->map, pop3->folder, run[0].identity,
				alone);
		run[0].mark = mark;
		return;
	}
	free(mark);
}

static struct pop3_named *pop3_name_all(
	struct pop3_mailbox *pop3, const struct pop3_list *list)
{
	struct pop3_named *names =
		xreallocarray(NULL, list->count + 1, sizeof(*names));
	size_t i, first = 0;

	for (i = 0; i < list->count; i++)
		names[i] = (struct pop3_named){ .entry = &list->entries[i] };
	qsort(names, list->count, sizeof(*names), pop3_named_compare);
	for (i = 1; i <= list->count; i++) {
		if (i < list->count && strcmp(names[first].entry->uidl,
					       names[i].entry->uidl) == 0)
			continue;
		pop3_name_run(pop3, names + first, i - first);
		first = i;
	}
	/* New UIDs are given in the order of the maildrop. */
	qsort(names, list->count, sizeof(*names), pop3_named_number);
	return names;
}

static int pop3_message_compare(const void *left, const void *right)
{
	const struct pop3_message *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

struct pop3_message *pop3_mailbox_find(
	const struct pop3_mailbox *pop3, uint32_t uid)
{
	const struct pop3_message key = { .uid = uid };

	if (pop3->count == 0)
		return NULL;
	return bsearch(&key, pop3->messages, pop3->count,
		sizeof(*pop3->messages), pop3_message_compare);
}

/* What is there now, with what was learned of it before. */
static int pop3_mailbox_replace(struct pop3_mailbox *pop3,
	const struct pop3_named *names, size_t count, struct error *error)
{
	struct pop3_message *messages = xcalloc(count + 1, sizeof(*messages));
	size_t i;

	for (i = 0; i < count; i++) {
		const struct pop3_message *known;
		struct pop3_message *message = &messages[i];

		message->uid = uidmap_find(pop3->map, pop3->folder,
			names[i].identity, &message->seen);
		if (message->uid == 0) {
			uidmap_add(
				pop3->map, pop3->folder, names[i].identity, 0);
			message->uid = uidmap_find(pop3->map, pop3->folder,
				names[i].identity, &message->seen);
		}
		if (message->uid == 0) {
			error_set(error, "there are no UIDs left");
			free(messages);
			return -1;
		}
		if (names[i].mark != NULL)
			uidmap_add(pop3->map, pop3->folder, names[i].mark,
				message->uid);
		known = pop3_mailbox_find(pop3, message->uid);
		if (known != NULL)
			*message = *known;
		message->number = names[i].entry->number;
		if (!message->measured)
			message->size = names[i].entry->size;
	}
	qsort(messages, count, sizeof(*messages), pop3_message_compare);
	free(pop3->messages);
	pop3->messages = messages;
	pop3->count = count;
	return 1;
}

int pop3_mailbox_take(struct pop3_mailbox *pop3, struct error *error)
{
	struct pop3_list list = { .count = 0 };
	struct pop3_named *names = NULL;
	int result = pop3_session_list(pop3->session, &list, error);
	size_t i;

	pop3->fresh = false;
	if (result == 1) {
		names = pop3_name_all(pop3, &list);
		result = pop3_mailbox_replace(pop3, names, list.count, error);
	}
	for (i = 0; names != NULL && i < list.count; i++) {
		free(names[i].identity);
		free(names[i].mark);
	}
	free(names);
	pop3_list_clear(&list);
	/* Nothing may build on UIDs that a crash could give once more. */
	if (result == 1 && uidmap_save(pop3->map, error) < 0)
		result = -1;
	return result;
}

static void pop3_mailbox_tell(
	const struct pop3_mailbox *pop3, struct mailbox_status *status_r)
{
	memset(status_r, 0, sizeof(*status_r));
	status_r->uidvalidity = pop3->folder->uidvalidity;
	status_r->uidnext = pop3->folder->uidnext;
	status_r->messages = (uint32_t)pop3->count;
}

/* A session begun before now does not show what has come in since. */
static int pop3_mailbox_look(struct pop3_mailbox *pop3,
	struct mailbox_status *status_r, struct error *error)
{
	enum mailbox_failure failure;
	int result = -1;

	if (pop3->session != NULL && !pop3->fresh)
		pop3_mailbox_leave(pop3);
	if (pop3_mailbox_enter(pop3, &failure, error) == 0)
		result = pop3_mailbox_take(pop3, error);
	if (result == 1)
		pop3_mailbox_tell(pop3, status_r);
	if (result < 0 || pop3->delay_ms == 0)
		pop3_mailbox_leave(pop3);
	return result;
}

int pop3_mailbox_list(struct mailbox *mailbox, mailbox_folder_fn *callback,
	void *context, struct error *error)
{
	struct mailbox_folder inbox = {
		.name = "INBOX", .selectable = true, .has_status = true
	};
	int result =
		pop3_mailbox_look(pop3_mailbox(mailbox), &inbox.status, error);

	if (result == 1 && callback(context, &inbox) < 0)
		return -1;
	return result;
}

static int pop3_mailbox_is_inbox(const char *folder, struct error *error)
{
	if (strcasecmp(folder, "INBOX") == 0)
		return 1;
	error_set(error, "%s: a POP3 account has but INBOX", folder);
	return 0;
}

int pop3_mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error)
{
	if (pop3_mailbox_is_inbox(folder, error) == 0)
		return 0;
	return pop3_mailbox_look(pop3_mailbox(mailbox), status_r, error);
}

int pop3_mailbox_select(struct mailbox *mailbox, const char *folder, bool write,
	struct mailbox_selected *selected_r, struct error *error)
{
	struct pop3_mailbox *pop3 = pop3_mailbox(mailbox);

	memset(selected_r, 0, sizeof(*selected_r));
	if (pop3_mailbox_is_inbox(folder, error) == 0)
		return 0;
	if (write) {
		error_set(error, "a POP3 account is only read");
		return 0;
	}
	if (pop3->messages == NULL)
		return pop3_mailbox_look(pop3, &selected_r->status, error);
	pop3_mailbox_tell(pop3, &selected_r->status);
	return 1;
}
