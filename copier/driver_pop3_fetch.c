/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading messages in sessions that yield: after some seconds the maildrop is
 * left to its user for a while. A message is kept until it is whole, since the
 * size that a server tells may be wrong; so a session that breaks leaves
 * nothing half done, and the next one goes on where it was.
 */
#include "config.h"

#include "copier/driver_pop3_private.h"

#include <inttypes.h>
#include <string.h>

#include "copier/access.h"
#include "copier/headdate.h"

#include "lib/instant.h"

/* Sessions in a row that may break without a message read. */
#define POP3_BROKEN_MAX 3

struct pop3_fetching {
	struct pop3_mailbox *pop3;
	const struct uidset *uids;
	size_t index;		     /* of the next one to ask for */
	size_t asked[POP3_PIPELINE]; /* indexes under way, in order */
	size_t first, under_way;
	const struct mailbox_sink *sink; /* NULL: to measure only */
	void *context;
	struct error *error; /* the caller's: the sink has written there */
	bool stopped;	     /* by the sink, or no login can help */
	bool progress;	     /* of the present session */
	uint64_t refused;
	struct error words; /* of the first refused */
};

static uint32_t pop3_fetching_next(void *context)
{
	struct pop3_fetching *fetching = context;
	const struct pop3_message *message;

	if (instant_monotonic() >= fetching->pop3->ends &&
		fetching->pop3->delay_ms == 0)
		return 0;
	for (; fetching->index < fetching->uids->count; fetching->index++) {
		message = pop3_mailbox_find(
			fetching->pop3, fetching->uids->uids[fetching->index]);
		if (message == NULL ||
			(fetching->sink == NULL && message->measured))
			continue;
		fetching->asked[(fetching->first + fetching->under_way++) %
				POP3_PIPELINE] = fetching->index++;
		return message->number;
	}
	return 0;
}

static struct pop3_message *pop3_fetching_answered(
	struct pop3_fetching *fetching)
{
	size_t index = fetching->asked[fetching->first];

	fetching->first = (fetching->first + 1) % POP3_PIPELINE;
	fetching->under_way--;
	fetching->progress = true;
	/* The octets are counted by the stream. */
	pace_spend(access_pace(fetching->pop3->target.access), 0, 1);
	return pop3_mailbox_find(fetching->pop3, fetching->uids->uids[index]);
}

static int pop3_fetching_data(
	void *context, const char *data, size_t size, struct error *error)
{
	struct pop3_fetching *fetching = context;

	return spool_add(fetching->pop3->spool, data, size, error);
}

/* Size and date, from the message itself. */
static void pop3_fetching_measure(
	struct pop3_mailbox *pop3, struct pop3_message *message)
{
	size_t size;
	const char *head = spool_head(pop3->spool, &size);

	message->size = spool_size(pop3->spool);
	if (headdate_find(head, size, message->date) != 1)
		maildate_print(message->seen, 0, message->date);
	message->measured = true;
}

static void pop3_fetching_message(const struct pop3_mailbox *pop3,
	const struct pop3_message *message, struct mailbox_message *told_r)
{
	memset(told_r, 0, sizeof(*told_r));
	told_r->uid = message->uid;
	told_r->flags = flagpool_get(pop3->flags, "", 0);
	told_r->size = message->size;
	memcpy(told_r->date, message->date, MAILDATE_SIZE);
}

/* Gives the whole message to the sink. 0 or -1. */
static int pop3_fetching_give(struct pop3_fetching *fetching,
	const struct pop3_message *message, struct error *error)
{
	const struct mailbox_sink *sink = fetching->sink;
	struct mailbox_message told;
	int result;

	pop3_fetching_message(fetching->pop3, message, &told);
	result = sink->begin(fetching->context, &told);
	if (result == 0)
		return 0;
	if (result > 0)
		result = spool_replay(fetching->pop3->spool, sink->data,
			fetching->context, fetching->error);
	if (result > 0 && sink->end(fetching->context) == 0)
		return 0;
	fetching->stopped = true;
	error_set(error, "%s", fetching->error->text);
	return -1;
}

static int pop3_fetching_end(
	void *context, uint32_t number, struct error *error)
{
	struct pop3_fetching *fetching = context;
	struct pop3_message *message = pop3_fetching_answered(fetching);
	int result = 0;

	(void)number;
	pop3_fetching_measure(fetching->pop3, message);
	if (fetching->sink != NULL)
		result = pop3_fetching_give(fetching, message, error);
	spool_clear(fetching->pop3->spool);
	return result;
}

static void pop3_fetching_refused(
	void *context, uint32_t number, const struct error *words)
{
	struct pop3_fetching *fetching = context;

	pop3_fetching_answered(fetching);
	if (fetching->refused++ == 0)
		error_set(&fetching->words, "message %" PRIu32 ": %s", number,
			words->text);
}

/* One session: 1 all is read, 0 there is more, -1 broken or stopped. */
static int pop3_fetching_session(
	struct pop3_fetching *fetching, struct error *error)
{
	static const struct pop3_sink sink = { pop3_fetching_next,
		pop3_fetching_data, pop3_fetching_end, pop3_fetching_refused };
	struct pop3_mailbox *pop3 = fetching->pop3;
	bool known = pop3->session != NULL && !pop3->fresh;
	enum mailbox_failure failure = MAILBOX_LATER;
	int result;

	fetching->progress = false;
	if (pop3_mailbox_enter(pop3, &failure, error) < 0) {
		/* No more of it: servers count wrong passwords. */
		fetching->stopped = failure != MAILBOX_LATER;
		return -1;
	}
	if (!known && pop3_mailbox_take(pop3, error) != 1)
		return -1;
	spool_clear(pop3->spool);
	result =
		pop3_session_read(pop3->session, false, &sink, fetching, error);
	if (result == 1)
		return fetching->index >= fetching->uids->count;
	if (fetching->under_way > 0)
		fetching->index = fetching->asked[fetching->first];
	fetching->under_way = 0;
	return -1;
}

/* Reads all that is asked for, in as many sessions as that takes. */
static int pop3_fetching_run(struct pop3_fetching *fetching)
{
	struct pop3_mailbox *pop3 = fetching->pop3;
	int broken = 0, result;

	for (;;) {
		result = pop3_fetching_session(fetching, fetching->error);
		if (result == 1 && pop3->delay_ms > 0)
			break;
		pop3_mailbox_leave(pop3);
		if (result == 1 || fetching->stopped)
			break;
		broken = result < 0 && !fetching->progress ? broken + 1 : 0;
		if (broken == POP3_BROKEN_MAX)
			break;
		if (!pop3_mailbox_sleep(pop3->target.pause_ms)) {
			error_set(fetching->error, "interrupted");
			return -1;
		}
	}
	if (result != 1)
		return -1;
	if (fetching->refused == 0)
		return 1;
	error_set(fetching->error,
		"%" PRIu64 " messages cannot be read; first: %s",
		fetching->refused, fetching->words.text);
	return 0;
}

int pop3_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error)
{
	struct error local = { "" };
	struct pop3_fetching fetching = { .pop3 = pop3_mailbox(mailbox),
		.uids = uids,
		.sink = sink,
		.context = context,
		.error = error != NULL ? error : &local };

	return uids->count > 0 ? pop3_fetching_run(&fetching) : 1;
}

/* Whether a scan tells of this message. */
static bool pop3_scan_wants(
	const struct mailbox_scan *scan, const struct pop3_message *message)
{
	return scan->uids != NULL ? uidset_has(scan->uids, message->uid)
				  : message->uid >= scan->first;
}

/* Sizes that a server tells may be wrong: the messages are read. */
static int pop3_scan_measure(struct pop3_mailbox *pop3,
	const struct mailbox_scan *scan, struct error *error)
{
	struct error local = { "" };
	struct uidset uids = UIDSET_EMPTY;
	struct pop3_fetching fetching = { .pop3 = pop3,
		.uids = &uids,
		.error = error != NULL ? error : &local };
	size_t i;
	int result = 1;

	for (i = 0; i < pop3->count; i++)
		if (pop3_scan_wants(scan, &pop3->messages[i]) &&
			!pop3->messages[i].measured)
			uidset_add(&uids, pop3->messages[i].uid);
	if (uids.count > 0)
		result = pop3_fetching_run(&fetching);
	uidset_free(&uids);
	return result;
}

int pop3_mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error)
{
	struct pop3_mailbox *pop3 = pop3_mailbox(mailbox);
	size_t i;
	int result;

	if (scan->measured) {
		result = pop3_scan_measure(pop3, scan, error);
		if (result != 1)
			return result;
	}
	for (i = 0; i < pop3->count; i++) {
		const struct pop3_message *message = &pop3->messages[i];
		struct mailbox_message told;

		/* What came in while others were measured is told next time. */
		if (!pop3_scan_wants(scan, message) ||
			(scan->measured && !message->measured))
			continue;
		pop3_fetching_message(pop3, message, &told);
		if (!scan->measured) {
			told.size = 0;
			told.date[0] = '\0';
		}
		if (callback(context, &told) < 0)
			return -1;
	}
	return 1;
}
