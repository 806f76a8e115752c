/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making folders ready, many commands under way at a time: a round trip for
 * each would be most of what a copy takes over a long line.
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

/* What is done to all folders before the next of it begins: a STATUS that
 * overtakes its CREATE would be wrong. */
enum imap_preparing_step {
	IMAP_PREPARING_CREATE,
	IMAP_PREPARING_STATUS,
	IMAP_PREPARING_SUBSCRIBE,
	IMAP_PREPARING_STEPS,
};

struct imap_preparing {
	struct imap_mailbox *imap;
	struct mailbox_wish *wishes;
	size_t count;
	enum imap_preparing_step step;
	unsigned *tags; /* of each wish, 0 when it waits for no answer */
	size_t asked;
	struct mailbox_wish *naming; /* its name is being written, or NULL */
};

/* Gives the present step's command, if the folder wants one. */
static void imap_preparing_ask(struct imap_preparing *preparing, size_t index)
{
	struct imap_session *session = preparing->imap->session;
	struct mailbox_wish *wish = &preparing->wishes[index];
	unsigned tag = 0;

	preparing->naming = wish;
	if (preparing->step == IMAP_PREPARING_CREATE && wish->create)
		tag = imap_command(session, "CREATE ");
	else if (preparing->step == IMAP_PREPARING_STATUS && wish->ask)
		tag = imap_mailbox_ask_status(preparing->imap, wish->folder);
	else if (preparing->step == IMAP_PREPARING_SUBSCRIBE &&
		 !wish->refused && (wish->subscribe || wish->unsubscribe))
		tag = imap_command(session, "%s ",
			wish->subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE");
	if (tag == 0)
		return;
	if (preparing->step != IMAP_PREPARING_STATUS) {
		imap_command_name(session, wish->folder);
		imap_command_end(session);
	}
	if (preparing->naming == NULL)
		return; /* answered already */
	preparing->naming = NULL;
	preparing->tags[index] = tag;
	preparing->asked++;
}

static void imap_preparing_answer(struct imap_preparing *preparing,
	struct mailbox_wish *wish, const struct imap_response *response)
{
	bool ok = imap_span_is(response->word, "OK");

	switch (preparing->step) {
	case IMAP_PREPARING_CREATE:
		wish->made = ok;
		wish->refused = !ok;
		break;
	case IMAP_PREPARING_STATUS:
		/* There after all: RFC 5530's ALREADYEXISTS is not sent by
		 * all. */
		if (ok && wish->status.uidvalidity != 0) {
			wish->refused = false;
			return;
		}
		if (wish->refused)
			return; /* with the words of CREATE */
		wish->refused = true;
		break;
	default:
		wish->not_subscribed = !ok;
		break;
	}
	if (!ok)
		imap_session_words(response, &wish->words);
	else if (wish->refused)
		error_set(&wish->words, "the server tells no status");
}

static int imap_preparing_tagged(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	struct imap_preparing *preparing = context;
	size_t i;

	(void)error;
	for (i = 0; i < preparing->count; i++)
		if (preparing->tags[i] == tag)
			break;
	if (i == preparing->count)
		return 0;
	preparing->tags[i] = 0;
	preparing->asked--;
	imap_preparing_answer(preparing, &preparing->wishes[i], response);
	return 0;
}

static int imap_preparing_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_preparing *preparing = context;
	struct buffer name = BUFFER_EMPTY;
	struct mailbox_status status;
	size_t i;

	(void)error;
	/* A name that is a literal was refused. */
	if (response->kind == IMAP_TAGGED && preparing->naming != NULL) {
		imap_preparing_answer(preparing, preparing->naming, response);
		preparing->naming = NULL;
	}
	if (response->kind != IMAP_DATA ||
		!imap_span_is(response->word, "STATUS"))
		return 0;
	if (imap_status_parse(response->rest, &status, &name) == 0) {
		if (strcasecmp(name.data, "INBOX") == 0)
			memcpy(name.data, "INBOX", 5);
		for (i = 0; i < preparing->count; i++)
			if (strcmp(preparing->wishes[i].folder, name.data) == 0)
				preparing->wishes[i].status = status;
	}
	buffer_free(&name);
	return 0;
}

static const struct imap_handler imap_preparing_handler = {
	.data = imap_preparing_data,
	.tagged = imap_preparing_tagged,
};

static int imap_preparing_run(
	struct imap_preparing *preparing, struct error *error)
{
	struct imap_session *session = preparing->imap->session;
	size_t index = 0;

	imap_session_handle(session, &imap_preparing_handler, preparing);
	while (index < preparing->count || preparing->asked > 0) {
		if (index < preparing->count &&
			preparing->asked < IMAP_COMMANDS_MAX)
			imap_preparing_ask(preparing, index++);
		else if (imap_session_step(session, error) < 0)
			return -1;
	}
	return imap_session_broken(session) ? imap_session_step(session, error)
					    : 0;
}

int imap_mailbox_prepare(struct mailbox *mailbox, struct mailbox_wish *wishes,
	size_t count, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_preparing preparing = { .imap = imap,
		.wishes = wishes,
		.count = count,
		.tags = xcalloc(count + 1, sizeof(*preparing.tags)) };
	int step, result = imap_mailbox_deselect(imap, error);

	for (step = 0; result == 0 && step < IMAP_PREPARING_STEPS; step++) {
		preparing.step = (enum imap_preparing_step)step;
		result = imap_preparing_run(&preparing, error);
	}
	imap_session_handle(imap->session, NULL, NULL);
	free(preparing.tags);
	return result < 0 ? -1 : 1;
}
