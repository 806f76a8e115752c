/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the server is told of one folder, and when that is needed: a call takes
 * milliseconds, so what it has been told is remembered.
 */
#include "config.h"

#include "copier/identity_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "copier/identity_judge.h"
#include "copier/mutf7.h"

#include "lib/xalloc.h"

/* Digits of a number. */
#define IDENTITY_DIGITS 24

struct doveadm *identity_take(struct identity *identity, bool fresh,
	enum mailbox_failure *failure_r, struct error *error)
{
	const struct doveadm_target target = { .endpoint = identity->endpoint,
		.password = identity->password,
		.timeout_ms = identity->timeout_ms };
	struct doveadm *doveadm = NULL;

	pthread_mutex_lock(&identity->mutex);
	if (!fresh && identity->idle_count > 0)
		doveadm = identity->idle[--identity->idle_count];
	pthread_mutex_unlock(&identity->mutex);
	return doveadm != NULL ? doveadm
			       : doveadm_open(&target, failure_r, error);
}

void identity_give(
	struct identity *identity, struct doveadm **doveadm, bool broken)
{
	pthread_mutex_lock(&identity->mutex);
	if (!broken && identity->idle_count < IDENTITY_CONNECTIONS) {
		identity->idle[identity->idle_count++] = *doveadm;
		*doveadm = NULL;
	}
	pthread_mutex_unlock(&identity->mutex);
	doveadm_close(doveadm);
}

void identity_hang_up(struct identity *identity)
{
	pthread_mutex_lock(&identity->mutex);
	while (identity->idle_count > 0)
		doveadm_close(&identity->idle[--identity->idle_count]);
	pthread_mutex_unlock(&identity->mutex);
}

int identity_send(struct identity *identity, struct doveadm *doveadm,
	const char *folder, const struct identity_update *update,
	struct error *error)
{
	char validity[IDENTITY_DIGITS], next[IDENTITY_DIGITS];
	char modseq[IDENTITY_DIGITS];
	const char *command[9] = { "mailbox update" };
	struct buffer name = BUFFER_EMPTY;
	size_t count = 1;
	int result;

	if (mutf7_decode(folder, strlen(folder), &name) < 0) {
		error_set(error, "its name is no modified UTF-7");
		return 0;
	}
	snprintf(validity, sizeof(validity), "%" PRIu32, update->uidvalidity);
	snprintf(next, sizeof(next), "%" PRIu32, update->uidnext);
	snprintf(modseq, sizeof(modseq), "%" PRIu64, update->modseq);
	if (update->uidvalidity != 0) {
		command[count++] = "--uid-validity";
		command[count++] = validity;
	}
	if (update->uidnext != 0) {
		command[count++] = "--min-next-uid";
		command[count++] = next;
	}
	if (update->modseq != 0) {
		command[count++] = "--min-highest-modseq";
		command[count++] = modseq;
	}
	command[count++] = name.data;
	command[count] = NULL;
	result = doveadm_send(doveadm, identity->user, command, error);
	buffer_free(&name);
	return result;
}

static int identity_try(struct identity *identity, bool fresh,
	const char *folder, const struct identity_update *update,
	struct error *error)
{
	enum mailbox_failure failure;
	struct doveadm *doveadm =
		identity_take(identity, fresh, &failure, error);
	int result;

	if (doveadm == NULL)
		return -1;
	result = identity_send(identity, doveadm, folder, update, error);
	if (result > 0)
		result = doveadm_answer(doveadm, error);
	identity_give(identity, &doveadm, result < 0);
	if (result == 0)
		error_prefix(error, "doveadm mailbox update %s", folder);
	return result;
}

int identity_update(struct identity *identity, const char *folder,
	const struct identity_update *update, struct error *error)
{
	int result = identity_try(identity, false, folder, update, error);

	/* All of it may be said twice. */
	if (result < 0)
		result = identity_try(identity, true, folder, update, error);
	return result;
}

/* Asks for something of the account that changes nothing. */
static int identity_probe(struct identity *identity,
	enum mailbox_failure *failure_r, struct error *error)
{
	static const char *const command[] = { "mailbox status", "uidvalidity",
		"INBOX", NULL };
	struct doveadm *doveadm =
		identity_take(identity, true, failure_r, error);
	int result;

	if (doveadm == NULL)
		return -1;
	result = doveadm_call(doveadm, identity->user, command, error);
	identity_give(identity, &doveadm, result < 0);
	if (result == 0)
		error_prefix(error, "doveadm %s: user %s", identity->endpoint,
			identity->user);
	return result;
}

struct identity *identity_new(const struct identity_options *options,
	enum mailbox_failure *failure_r, struct error *error)
{
	struct identity *identity = xcalloc(1, sizeof(*identity));

	pthread_mutex_init(&identity->mutex, NULL);
	identity->endpoint = xstrdup(options->endpoint);
	if (options->password != NULL)
		identity->password = xstrdup(options->password);
	identity->user = xstrdup(options->user);
	identity->timeout_ms = options->timeout_ms;
	if (identity_probe(identity, failure_r, error) < 1)
		identity_free(&identity);
	return identity;
}

void identity_free(struct identity **identity)
{
	struct identity *old = *identity;
	size_t i;

	*identity = NULL;
	if (old == NULL)
		return;
	identity_hang_up(old);
	for (i = 0; i < old->places_count; i++) {
		free(old->places[i]->folder);
		free(old->places[i]);
	}
	free(old->places);
	free(old->endpoint);
	free(old->user);
	if (old->password != NULL)
		OPENSSL_cleanse(old->password, strlen(old->password));
	free(old->password);
	pthread_mutex_destroy(&old->mutex);
	free(old);
}

struct identity_place *identity_place(
	struct identity *identity, const char *folder)
{
	struct identity_place *place = NULL;
	size_t i;

	pthread_mutex_lock(&identity->mutex);
	for (i = 0; i < identity->places_count && place == NULL; i++)
		if (strcmp(identity->places[i]->folder, folder) == 0)
			place = identity->places[i];
	if (place == NULL) {
		identity->places = xreallocarray(identity->places,
			identity->places_count + 1, sizeof(*identity->places));
		place = xcalloc(1, sizeof(*place));
		place->folder = xstrdup(folder);
		identity->places[identity->places_count++] = place;
	}
	pthread_mutex_unlock(&identity->mutex);
	return place;
}

bool identity_begin(struct identity *identity,
	const struct journal_folder *folder, enum journal_side home,
	const struct view_folder *view)
{
	enum journal_side far = journal_other(home);
	struct identity_place *place =
		identity_place(identity, folder->name[far]);

	place->kept = identity_same_validity(folder);
	place->next = folder->seen[far].uidnext;
	place->view = view;
	return place->kept;
}

bool identity_keeps(struct identity *identity, const char *folder)
{
	return identity_place(identity, folder)->kept;
}

/* The highest modseq that home has for any message of the batch. */
static uint64_t identity_modseq(
	const struct view_folder *view, uint32_t uid, size_t count)
{
	const struct view_message *message, *end;
	uint64_t highest = 0;

	message = view != NULL ? view_message_find(view, uid) : NULL;
	if (message == NULL)
		return 0;
	end = view->messages + view->count;
	for (; message < end && count > 0 && message->uid == uid;
		message++, count--, uid++)
		if (message->modseq > highest)
			highest = message->modseq;
	return highest;
}

int identity_before(struct identity *identity, const char *folder, uint32_t uid,
	size_t count, struct error *error)
{
	struct identity_place *place = identity_place(identity, folder);
	struct identity_update update = { .uidnext = uid };
	uint64_t modseq = identity_modseq(place->view, uid, count);

	if (!place->kept)
		return 0;
	if (place->next != 0 && uid < place->next) {
		place->kept = false;
		error_set(error, "UID %" PRIu32 " was given away there", uid);
		return 0;
	}
	/* Storing raises it by one at least. */
	if (modseq > 0 && modseq - 1 > place->highest)
		update.modseq = modseq - 1;
	if (uid == place->next)
		update.uidnext = 0;
	if (update.uidnext == 0 && update.modseq == 0)
		return 1;
	if (identity_update(identity, folder, &update, error) < 1)
		return -1;
	place->next = uid;
	if (update.modseq != 0) {
		place->highest = update.modseq;
		place->raised = true;
	}
	return 1;
}

int identity_stored(struct identity *identity, const char *folder,
	uint32_t wanted, uint32_t uid)
{
	struct identity_place *place = identity_place(identity, folder);

	if (!place->kept)
		return 0;
	if (uid != wanted) {
		place->kept = false;
		place->judged = false;
		return 0;
	}
	place->next = uid + 1;
	place->highest += place->raised;
	place->raised = false;
	return 1;
}

int identity_raise(struct identity *identity,
	const struct journal_folder *folder, enum journal_side home,
	uint64_t modseq, uint64_t present, struct error *error)
{
	const struct identity_update update = { .modseq = modseq };
	const char *name = folder->name[journal_other(home)];
	struct identity_place *place = identity_place(identity, name);

	if (!identity_same_validity(folder))
		return 0;
	if (present > place->highest) {
		place->highest = present;
		place->raised = false;
	}
	if (modseq <= place->highest)
		return 1;
	if (identity_update(identity, name, &update, error) < 1)
		return -1;
	place->highest = modseq;
	place->raised = true;
	return 1;
}
