/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading whole bodies. A FETCH response is attributed by the UID in it, never
 * by the tag that follows: servers answer tags late and tell of other messages
 * in between.
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/uidmarks.h"

void imap_fetch_message(struct imap_mailbox *imap,
	const struct imap_fetch *fetch, struct mailbox_message *message_r)
{
	memset(message_r, 0, sizeof(*message_r));
	message_r->uid = fetch->uid;
	message_r->flags = flagpool_get(imap->flags,
		fetch->has_flags ? fetch->flags.at : "",
		fetch->has_flags ? fetch->flags.size : 0);
	message_r->modseq = fetch->modseq;
	message_r->size = fetch->size;
	memcpy(message_r->date, fetch->date, MAILDATE_SIZE);
}

int imap_fetch_bad(struct error *error)
{
	error_set(error, "the server broke the protocol in a FETCH response");
	return -1;
}

/* Where the body of the present FETCH response goes. */
enum imap_fetching_way {
	IMAP_FETCHING_NONE,  /* no body has come in this response */
	IMAP_FETCHING_SINK,  /* straight to the sink */
	IMAP_FETCHING_PASS,  /* nowhere */
	IMAP_FETCHING_SPOOL, /* kept until we know whose it is */
};

struct imap_fetching {
	struct imap_mailbox *imap;
	const struct uidset *uids;
	const struct mailbox_sink *sink;
	void *context;
	struct error *error; /* the caller's: the sink has written there */
	enum imap_fetching_way way;
	struct uidmarks told;	     /* each message is offered once */
	unsigned tags[IMAP_FETCHES]; /* of commands under way */
	size_t asked;
	bool refused;
	struct error words;
};

static int imap_fetching_stop(
	struct imap_fetching *fetching, struct error *error)
{
	error_set(error, "%s", fetching->error->text);
	return -1;
}

/* Offers a message to the sink: 1 taken, 0 not, -1. Those that nobody asked
 * for are not offered. */
static int imap_fetching_begin(struct imap_fetching *fetching,
	const struct imap_fetch *fetch, uint64_t size)
{
	struct mailbox_message message;

	if (!uidset_has(fetching->uids, fetch->uid) ||
		!uidmarks_add(&fetching->told, fetch->uid))
		return 0;
	imap_session_spend(fetching->imap->session, 1);
	imap_fetch_message(fetching->imap, fetch, &message);
	message.size = size;
	return fetching->sink->begin(fetching->context, &message);
}

static bool imap_fetching_knows(const struct imap_fetch *fetch)
{
	return fetch->uid != 0 && fetch->has_flags && fetch->date[0] != '\0';
}

static int imap_fetching_body(void *context, const struct imap_response *before,
	uint64_t size, struct error *error)
{
	struct imap_fetching *fetching = context;
	struct imap_fetch fetch;
	int result;

	if (fetching->way != IMAP_FETCHING_NONE ||
		imap_fetch_parse(before->rest, true, &fetch) < 0)
		return imap_fetch_bad(error);
	if (!imap_fetching_knows(&fetch)) {
		/* UID, flags or date come behind the body. */
		if (fetching->imap->spool == NULL)
			fetching->imap->spool =
				spool_new(fetching->imap->spool_directory);
		fetching->way = IMAP_FETCHING_SPOOL;
		return 0;
	}
	result = imap_fetching_begin(fetching, &fetch, size);
	if (result < 0)
		return imap_fetching_stop(fetching, error);
	fetching->way = result > 0 ? IMAP_FETCHING_SINK : IMAP_FETCHING_PASS;
	return 0;
}

static int imap_fetching_piece(
	void *context, const char *data, size_t size, struct error *error)
{
	struct imap_fetching *fetching = context;

	if (fetching->way == IMAP_FETCHING_SPOOL)
		return spool_add(fetching->imap->spool, data, size, error);
	if (fetching->way == IMAP_FETCHING_SINK &&
		fetching->sink->data(fetching->context, data, size) < 0)
		return imap_fetching_stop(fetching, error);
	return 0;
}

/* Gives the sink what was spooled, now that it is known whose it is. */
static int imap_fetching_replay(struct imap_fetching *fetching,
	const struct imap_fetch *fetch, struct error *error)
{
	struct spool *spool = fetching->imap->spool;
	int result = imap_fetching_begin(fetching, fetch, spool_size(spool));

	if (result > 0) {
		result = spool_replay(
			spool, fetching->sink->data, fetching->context, error);
		if (result < 0)
			return -1;
		result = result > 0 ? fetching->sink->end(fetching->context)
				    : -1;
	}
	return result < 0 ? imap_fetching_stop(fetching, error) : 0;
}

/* A body that came as a quoted string, or none at all. */
static int imap_fetching_string(struct imap_fetching *fetching,
	const struct imap_fetch *fetch, struct error *error)
{
	int result;

	if (!fetch->has_body || fetch->body_nil)
		return 0;
	if (!imap_fetching_knows(fetch))
		return imap_fetch_bad(error);
	result = imap_fetching_begin(fetching, fetch, fetch->body.size);
	if (result > 0 && fetch->body.size > 0)
		result = fetching->sink->data(fetching->context,
				 fetch->body.data, fetch->body.size) < 0
				 ? -1
				 : 1;
	if (result > 0)
		result = fetching->sink->end(fetching->context);
	return result < 0 ? imap_fetching_stop(fetching, error) : 0;
}

/*
 * The whole response has come; way says what became of its body. A message
 * ends not before: bytes behind its literal tell that this was not all of it.
 */
static int imap_fetching_finish(struct imap_fetching *fetching,
	const struct imap_fetch *fetch, struct error *error)
{
	/* A body that was streamed has left a NIL in the text. */
	if (fetching->way != IMAP_FETCHING_NONE && !fetch->body_nil)
		return imap_fetch_bad(error);
	switch (fetching->way) {
	case IMAP_FETCHING_NONE:
		return imap_fetching_string(fetching, fetch, error);
	case IMAP_FETCHING_SPOOL:
		return imap_fetching_knows(fetch)
			       ? imap_fetching_replay(fetching, fetch, error)
			       : imap_fetch_bad(error);
	case IMAP_FETCHING_SINK:
		if (fetching->sink->end(fetching->context) < 0)
			return imap_fetching_stop(fetching, error);
		return 0;
	case IMAP_FETCHING_PASS:
		break;
	}
	return 0;
}

/* The FETCH response is complete. */
static int imap_fetching_data(void *context,
	const struct imap_response *response, struct error *error)
{
	struct imap_fetching *fetching = context;
	struct imap_fetch fetch;
	int result;

	if (response->kind != IMAP_DATA ||
		!imap_span_is(response->word, "FETCH"))
		return 0;
	if (imap_fetch_parse(response->rest, false, &fetch) < 0)
		result = imap_fetch_bad(error);
	else
		result = imap_fetching_finish(fetching, &fetch, error);
	if (fetching->way == IMAP_FETCHING_SPOOL)
		spool_clear(fetching->imap->spool);
	fetching->way = IMAP_FETCHING_NONE;
	buffer_free(&fetch.body);
	return result;
}

/* One of the commands is answered, in whatever order. */
static int imap_fetching_tagged(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	struct imap_fetching *fetching = context;
	size_t i;

	(void)error;
	for (i = 0; i < fetching->asked; i++)
		if (fetching->tags[i] == tag)
			break;
	if (i == fetching->asked)
		return 0;
	fetching->tags[i] = fetching->tags[--fetching->asked];
	if (!imap_span_is(response->word, "OK")) {
		fetching->refused = true;
		imap_session_words(response, &fetching->words);
	}
	return 0;
}

static const struct imap_handler imap_fetching_handler = {
	.data = imap_fetching_data,
	.tagged = imap_fetching_tagged,
	.body = imap_fetching_body,
	.piece = imap_fetching_piece,
};

unsigned imap_mailbox_ask_fetch(
	struct imap_mailbox *imap, const struct uidset *uids, size_t *index)
{
	struct buffer set = BUFFER_EMPTY;
	unsigned tag = imap_command(imap->session, "UID FETCH ");

	*index = uidset_print(uids, *index, IMAP_SET_UIDS, IMAP_SET_ROOM, &set);
	imap_command_bytes(imap->session, set.data, set.size);
	imap_command_add(
		imap->session, " (UID FLAGS INTERNALDATE BODY.PEEK[])");
	imap_command_end(imap->session);
	buffer_free(&set);
	return tag;
}

/* Takes over the commands that were given ahead, for these very messages. */
static size_t imap_fetching_take(struct imap_fetching *fetching)
{
	struct imap_ahead *ahead = &fetching->imap->ahead;
	const struct uidset *uids = fetching->uids;
	size_t index = ahead->index;

	if (ahead->folder == NULL)
		return 0;
	memcpy(fetching->tags, ahead->tags, sizeof(fetching->tags));
	fetching->asked = ahead->asked;
	free(ahead->folder);
	memset(ahead, 0, sizeof(*ahead));
	return index < uids->count ? index : uids->count;
}

/* Keeps so many commands under way that the server always has one to work on.
 * 1, or 0 when it refused one (error has the last words), -1. */
static int imap_fetching_run(struct imap_fetching *fetching)
{
	struct imap_session *session = fetching->imap->session;
	size_t index = imap_fetching_take(fetching);

	for (;;) {
		while (fetching->asked < IMAP_FETCHES &&
			index < fetching->uids->count && !fetching->refused)
			fetching->tags[fetching->asked++] =
				imap_mailbox_ask_fetch(
					fetching->imap, fetching->uids, &index);
		if (fetching->asked == 0)
			break;
		if (imap_session_step(session, fetching->error) < 0)
			return -1;
	}
	if (fetching->refused)
		error_set(fetching->error, "%s", fetching->words.text);
	return fetching->refused ? 0 : 1;
}

int imap_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct error local = { "" };
	struct imap_fetching fetching = { .imap = imap,
		.uids = uids,
		.sink = sink,
		.context = context,
		.error = error != NULL ? error : &local };
	int result;

	if (imap->selected == NULL) {
		error_set(fetching.error, "fetch: no folder is selected");
		return -1;
	}
	if (!imap_ahead_is_of(imap, uids) &&
		imap_ahead_drop(imap, fetching.error) < 0)
		return -1;
	imap_session_handle(imap->session, &imap_fetching_handler, &fetching);
	result = imap_fetching_run(&fetching);
	imap_session_handle(imap->session, NULL, NULL);
	if (fetching.way == IMAP_FETCHING_SPOOL)
		spool_clear(imap->spool);
	uidmarks_free(&fetching.told);
	return result;
}
