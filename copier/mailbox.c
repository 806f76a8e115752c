/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the driver of a mailbox and hands the calls on to it. */
#include "config.h"

#include "copier/driver.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "copier/folder_notes.h"
#include "copier/foldermap.h"

#include "lib/xalloc.h"

static const struct mailbox_driver *const mailbox_drivers[] = {
	&mailbox_imap,
	&mailbox_pop3,
	&mailbox_maildir,
	&mailbox_mbox,
};

/* What the mailbox must know when the target is gone. */
static void mailbox_learn(
	struct mailbox *mailbox, const struct mailbox_target *target)
{
	mailbox->map = target->map;
	mailbox->notes = target->notes;
	if (target->login != NULL)
		mailbox->login = xstrdup(target->login);
	if (target->user_pattern != NULL)
		mailbox->user_pattern = xstrdup(target->user_pattern);
}

struct mailbox *mailbox_open(const struct mailbox_target *target,
	struct flagpool *flags, enum mailbox_failure *failure_r,
	struct error *error)
{
	size_t i, count = sizeof(mailbox_drivers) / sizeof(*mailbox_drivers);
	struct mailbox *mailbox;

	*failure_r = MAILBOX_LATER;
	for (i = 0; i < count; i++) {
		if (strcmp(mailbox_drivers[i]->protocol, target->protocol) != 0)
			continue;
		mailbox = mailbox_drivers[i]->open(
			target, flags, failure_r, error);
		if (mailbox == NULL)
			return NULL;
		mailbox->driver = mailbox_drivers[i];
		mailbox_learn(mailbox, target);
		return mailbox;
	}
	error_set(error, "no driver for %s", target->protocol);
	return NULL;
}

int mailbox_failure_code(enum mailbox_failure failure)
{
	switch (failure) {
	case MAILBOX_DENIED:
		return EX_NOPERM;
	case MAILBOX_UNFIT:
		return EX_PROTOCOL;
	case MAILBOX_LATER:
		break;
	}
	return EX_TEMPFAIL;
}

void mailbox_close(struct mailbox **mailbox)
{
	if (*mailbox == NULL)
		return;
	free((*mailbox)->login);
	free((*mailbox)->user_pattern);
	namehash_free(&(*mailbox)->excluded);
	(*mailbox)->driver->close(*mailbox);
	*mailbox = NULL;
}

const struct mailbox_features *mailbox_features(struct mailbox *mailbox)
{
	return mailbox->driver->features(mailbox);
}

struct mailbox_listing {
	struct mailbox *mailbox;
	mailbox_folder_fn *callback;
	void *context;
};

/* Whether the folder map excludes the folder; says so where it is noted. */
static bool mailbox_excludes(
	struct mailbox *mailbox, const struct mailbox_folder *folder)
{
	struct foldermap_answer answer;
	struct naming_path path;
	char *shown;

	if (mailbox->map == NULL)
		return false;
	naming_split(folder->name, folder->separator, mailbox_features(mailbox),
		&path, NULL);
	foldermap_find(mailbox->map, &path, folder->use, &answer);
	if (answer.verdict == FOLDERMAP_NAME)
		naming_path_free(&answer.path);
	if (answer.verdict == FOLDERMAP_EXCLUDE) {
		shown = naming_text(&path);
		folder_notes_add(mailbox->notes, FOLDER_NOTE_EXCLUDED, shown,
			NULL, folder->status.messages,
			"line %u of the folder map", answer.line);
		free(shown);
		namehash_set(&mailbox->excluded, folder->name, 1);
	}
	naming_path_free(&path);
	return answer.verdict == FOLDERMAP_EXCLUDE;
}

static int mailbox_listed(void *context, const struct mailbox_folder *folder)
{
	struct mailbox_listing *listing = context;

	if (mailbox_excludes(listing->mailbox, folder))
		return 0;
	return listing->callback(listing->context, folder);
}

int mailbox_list(struct mailbox *mailbox, mailbox_folder_fn *callback,
	void *context, struct error *error)
{
	struct mailbox_listing listing = { mailbox, callback, context };

	namehash_free(&mailbox->excluded);
	return mailbox->driver->list(mailbox, mailbox_listed, &listing, error);
}

int mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error)
{
	return mailbox->driver->status(mailbox, folder, status_r, error);
}

int mailbox_select(struct mailbox *mailbox, const char *folder, bool write,
	struct mailbox_selected *selected_r, struct error *error)
{
	return mailbox->driver->select(
		mailbox, folder, write, selected_r, error);
}

int mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error)
{
	return mailbox->driver->scan(mailbox, scan, callback, context, error);
}

/* A look by the driver's other means. */
static int mailbox_look_plain(struct mailbox *mailbox,
	struct mailbox_look *look, mailbox_message_fn *message,
	struct error *error)
{
	const struct mailbox_scan all = { .uids = NULL };

	look->whole = true;
	look->result = mailbox_select(mailbox, look->folder, look->write,
		&look->selected, &look->words);
	if (look->result == 1)
		look->result = mailbox_scan(
			mailbox, &all, message, look->context, &look->words);
	if (look->result < 0)
		error_set(error, "%s", look->words.text);
	return look->result < 0 ? -1 : 1;
}

int mailbox_look(struct mailbox *mailbox, struct mailbox_look *looks,
	size_t count, mailbox_message_fn *message,
	mailbox_vanished_fn *vanished, struct error *error)
{
	size_t i;

	if (mailbox->driver->look != NULL)
		return mailbox->driver->look(
			mailbox, looks, count, message, vanished, error);
	for (i = 0; i < count; i++)
		if (mailbox_look_plain(mailbox, &looks[i], message, error) < 0)
			return -1;
	return 1;
}

int mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error)
{
	return mailbox->driver->fetch(mailbox, uids, sink, context, error);
}

void mailbox_ahead(
	struct mailbox *mailbox, const char *folder, const struct uidset *uids)
{
	if (mailbox->driver->ahead != NULL)
		mailbox->driver->ahead(mailbox, folder, uids);
}

void mailbox_on_appended(
	struct mailbox *mailbox, mailbox_appended_fn *callback, void *context)
{
	mailbox->appended = callback;
	mailbox->appended_context = context;
}

int mailbox_append_begin(struct mailbox *mailbox,
	const struct mailbox_append *append, void *cookie, struct error *error)
{
	return mailbox->driver->append_begin(mailbox, append, cookie, error);
}

int mailbox_append_data(struct mailbox *mailbox, const char *data, size_t size,
	struct error *error)
{
	return mailbox->driver->append_data(mailbox, data, size, error);
}

int mailbox_append_end(struct mailbox *mailbox, struct error *error)
{
	return mailbox->driver->append_end(mailbox, error);
}

int mailbox_append_commit(struct mailbox *mailbox, struct error *error)
{
	return mailbox->driver->append_commit(mailbox, error);
}

int mailbox_append_wait(struct mailbox *mailbox, struct error *error)
{
	return mailbox->driver->append_wait(mailbox, error);
}

int mailbox_change(struct mailbox *mailbox, struct mailbox_change *changes,
	size_t count, struct error *error)
{
	return mailbox->driver->change(mailbox, changes, count, error);
}

int mailbox_create(
	struct mailbox *mailbox, const char *folder, struct error *error)
{
	return mailbox->driver->create(mailbox, folder, error);
}

int mailbox_subscribe(struct mailbox *mailbox, const char *folder, bool on,
	struct error *error)
{
	return mailbox->driver->subscribe(mailbox, folder, on, error);
}

/* What prepare does for a driver that has none of its own. */
static int mailbox_prepare_one(
	struct mailbox *mailbox, struct mailbox_wish *wish, struct error *error)
{
	int result = 1;

	if (wish->create)
		result = mailbox_create(mailbox, wish->folder, &wish->words);
	wish->made = wish->create && result == 1;
	if (result == 1 && wish->ask)
		result = mailbox_status(
			mailbox, wish->folder, &wish->status, &wish->words);
	wish->refused = result == 0;
	if (result == 1 && (wish->subscribe || wish->unsubscribe)) {
		result = mailbox_subscribe(
			mailbox, wish->folder, wish->subscribe, &wish->words);
		wish->not_subscribed = result == 0;
	}
	if (result < 0)
		error_set(error, "%s", wish->words.text);
	return result < 0 ? -1 : 1;
}

int mailbox_prepare(struct mailbox *mailbox, struct mailbox_wish *wishes,
	size_t count, struct error *error)
{
	size_t i;

	if (mailbox->driver->prepare != NULL)
		return mailbox->driver->prepare(mailbox, wishes, count, error);
	for (i = 0; i < count; i++)
		if (mailbox_prepare_one(mailbox, &wishes[i], error) < 0)
			return -1;
	return 1;
}

int mailbox_rename(struct mailbox *mailbox, const char *from, const char *to,
	struct error *error)
{
	if (mailbox->driver->rename != NULL)
		return mailbox->driver->rename(mailbox, from, to, error);
	error_set(error, "folders cannot be renamed there");
	return 0;
}

int mailbox_remove(
	struct mailbox *mailbox, const char *folder, struct error *error)
{
	return mailbox->driver->remove(mailbox, folder, error);
}

int mailbox_keep_alive(struct mailbox *mailbox, struct error *error)
{
	return mailbox->driver->keep_alive(mailbox, error);
}
