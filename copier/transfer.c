/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams messages from FETCH into APPEND, batch by batch, and keeps the
 * journal beside. What a refused batch held is fetched again.
 */
#include "config.h"

#include "copier/transfer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "copier/altered_scan.h"
#include "copier/dates.h"
#include "copier/digest.h"
#include "copier/keywords.h"
#include "copier/identity.h"
#include "copier/misfit.h"
#include "copier/portion.h"
#include "copier/uidmarks.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* Octets of a batch, unless one message has more. */
#define TRANSFER_BATCH_BYTES (4 << 20)

/* A message that is being stored; freed when its answer has come. */
struct transfer_message {
	struct transfer_message *next;
	uint32_t uid;
	uint64_t size;
	int64_t date; /* seconds since 1970 */
	const struct flagset *flags;
	unsigned char digest[JOURNAL_DIGEST];
	enum journal_risk risk;
};

struct transfer {
	struct pass *pass;
	struct journal_folder *folder;
	enum journal_side far;
	uint32_t uidnext; /* at the other side before we began, or 0 */
	/* UIDs at the other side that are no new message's: of pairs, and
	 * foreign. */
	struct uidset taken;
	struct uidmarks given; /* to the messages of this transfer */
	struct digest *digest;
	struct altered_scan scan;
	/* All that wait for an answer, the oldest first. */
	struct transfer_message *messages, **end;
	struct transfer_message *current;
	size_t open; /* messages of the open batch, their octets */
	uint64_t open_bytes;

	bool left; /* home has another folder selected by now */
	struct uidset todo;
	struct dates dates;  /* that may be stored otherwise */
	struct uidset again; /* of what was asked for: to be done once more */
	size_t begun;	     /* of what was asked for: taken in hand */
	struct portion portion;
	struct misfit misfit;
	size_t refused;	    /* messages of a batch that was refused, or 0 */
	bool numbered;	    /* messages are to have home's UIDs */
	uint32_t expected;  /* UID that goes on in the open batch */
	bool other_changed; /* its UIDVALIDITY is not the journal's */
	bool other_gone;    /* the server has no such folder any more */
	struct error *error;
};

static void transfer_forget(
	struct transfer *transfer, struct transfer_message *message)
{
	struct transfer_message **link = &transfer->messages;

	while (*link != message)
		link = &(*link)->next;
	*link = message->next;
	if (message->next == NULL)
		transfer->end = link;
	free(message);
}

static const char *transfer_name(const struct transfer *transfer)
{
	return transfer->folder->name[transfer->pass->side];
}

static int transfer_other_failed(
	struct transfer *transfer, const struct error *words)
{
	error_set(transfer->error, "other side: %s", words->text);
	return -1;
}

/* Notes the UID that a message has got. */
static void transfer_numbered(
	struct transfer *transfer, uint32_t wanted, uint32_t uid)
{
	struct pass *pass = transfer->pass;

	if (!transfer->numbered || uid == 0)
		return;
	if (uid != wanted)
		pass->counts.uids_changed++;
	identity_stored(pass->identity, transfer->folder->name[transfer->far],
		wanted, uid);
}

static void transfer_stored(struct transfer *transfer,
	const struct transfer_message *message,
	const struct mailbox_appended *appended)
{
	struct pass *pass = transfer->pass;
	struct journal_pair pair = { .origin = JOURNAL_COPIED,
		.risk = (unsigned char)message->risk,
		.size = message->size,
		.flags = message->flags };

	pass->counts.copied++;
	pass->counts.copied_bytes += message->size;
	pass->refused_in_a_row = 0;
	misfit_stored(&transfer->misfit);
	transfer_numbered(transfer, message->uid, appended->uid);
	if (appended->uid != 0 &&
		appended->uidvalidity !=
			transfer->folder->uidvalidity[transfer->far]) {
		transfer->other_changed = true;
		journal_answer(pass->journal, transfer->folder, pass->side,
			message->uid);
	} else if (appended->uid == 0 || appended->uid < transfer->uidnext ||
		   uidset_has(&transfer->taken, appended->uid) ||
		   !uidmarks_add(&transfer->given, appended->uid)) {
		/* Not told, or another message's. The intent stays; the next
		 * look at the folder finds it. */
		pass->counts.unsettled++;
		journal_answer(pass->journal, transfer->folder, pass->side,
			message->uid);
	} else {
		pair.uid[pass->side] = message->uid;
		pair.uid[transfer->far] = appended->uid;
		memcpy(pair.digest, message->digest, JOURNAL_DIGEST);
		journal_pair(pass->journal, transfer->folder, &pair);
		dates_add(&transfer->dates, message->uid, appended->uid,
			message->date);
	}
	if (pass->progress != NULL)
		pass->progress(pass->context, pass, transfer_name(transfer));
}

/* What the server says of a folder that is not there (RFC 3501 section 6.3.11):
 * no message would fare better. */
static bool transfer_is_gone(const struct error *words)
{
	static const char code[] = "[TRYCREATE]";

	return strncasecmp(words->text, code, sizeof(code) - 1) == 0;
}

/* One message of so many that were refused together. */
static void transfer_refused(struct transfer *transfer, uint32_t uid,
	uint64_t size, size_t together, const struct error *words)
{
	struct pass *pass = transfer->pass;

	if (transfer_is_gone(words)) {
		if (!transfer->other_gone)
			pass_refuse(pass, transfer_name(transfer), 0, words);
		transfer->other_gone = true;
	} else if (portion_refused(&transfer->portion, together, uid)) {
		uidset_add(&transfer->again, uid);
		transfer->refused = together;
		pass->careful = true;
	} else {
		misfit_refused(&transfer->misfit, size, words);
		pass_refuse(pass, transfer_name(transfer), uid, words);
	}
}

static void transfer_appended(
	void *context, const struct mailbox_appended *appended)
{
	struct transfer *transfer = context;
	struct transfer_message *message = appended->cookie;
	struct pass *pass = transfer->pass;

	if (appended->refused) {
		journal_unintend(pass->journal, transfer->folder, pass->side,
			message->uid);
		transfer_refused(transfer, message->uid, message->size,
			appended->batch, appended->error);
	} else {
		transfer_stored(transfer, message, appended);
	}
	transfer_forget(transfer, message);
}

static void transfer_learn_taken(struct transfer *transfer)
{
	const struct journal_folder *folder = transfer->folder;
	size_t count, i;
	size_t *order = journal_sorted(folder, transfer->far, &count);

	for (i = 0; i < count; i++)
		uidset_add(&transfer->taken,
			folder->pairs[order[i]].uid[transfer->far]);
	free(order);
	for (i = 0; i < folder->foreign[transfer->far].count; i++)
		uidset_add(&transfer->taken,
			folder->foreign[transfer->far].uids[i]);
}

/* Whether to go on to the next message. */
static bool transfer_may(struct transfer *transfer)
{
	struct pass *pass = transfer->pass;
	struct error words;

	if (!pass_goes_on(pass, transfer->error))
		return false;
	if (transfer->other_changed) {
		error_set(transfer->error,
			"folder %s was made anew at the other side",
			transfer->folder->name[transfer->far]);
		return false;
	}
	if (pass->refused_in_a_row >= PASS_REFUSALS_IN_A_ROW) {
		pass_refusal_text(pass, &words);
		error_set(transfer->error, "giving up: %s", words.text);
		return false;
	}
	return true;
}

/* Has the server store the open batch; what is intended is written down
 * before. 0 or -1. */
static int transfer_commit(struct transfer *transfer)
{
	struct pass *pass = transfer->pass;
	struct error words;

	if (transfer->open == 0)
		return 0;
	if (!pass_goes_on(pass, transfer->error) ||
		journal_flush(pass->journal, transfer->error) < 0)
		return -1;
	transfer->open = 0;
	transfer->open_bytes = 0;
	if (mailbox_append_commit(pass->other, &words) < 0)
		return transfer_other_failed(transfer, &words);
	return 0;
}

/* True when the server takes no message of that size: it is refused. */
static bool transfer_is_too_large(
	struct transfer *transfer, const struct mailbox_message *message)
{
	uint64_t limit = mailbox_features(transfer->pass->other)->append_limit;
	struct error words;

	if (misfit_fits(&transfer->misfit, message->size, &words) &&
		(limit == 0 || message->size <= limit))
		return false;
	if (limit != 0 && message->size > limit)
		error_set(&words,
			"it has %" PRIu64 " octets, and the server takes no "
			"message of more than %" PRIu64 " (APPENDLIMIT)",
			message->size, limit);
	pass_refuse(
		transfer->pass, transfer_name(transfer), message->uid, &words);
	return true;
}

static struct transfer_message *transfer_add(
	struct transfer *transfer, const struct mailbox_message *message)
{
	struct transfer_message *stored = xcalloc(1, sizeof(*stored));

	stored->uid = message->uid;
	stored->size = message->size;
	stored->date = maildate_seconds(message->date);
	stored->flags = message->flags;
	*transfer->end = stored;
	transfer->end = &stored->next;
	return stored;
}

/* The batch before it has its end, or there is none. */
static int transfer_append(
	struct transfer *transfer, const struct mailbox_message *message)
{
	struct mailbox_append append = {
		.folder = transfer->folder->name[transfer->far],
		.flags = keywords_storable(transfer->pass, message->flags,
			transfer->pass->permanent, false),
		.date = message->date,
		.size = message->size,
	};
	struct transfer_message *stored = transfer_add(transfer, message);
	struct error words;
	int result = mailbox_append_begin(
		transfer->pass->other, &append, stored, &words);

	if (result > 0) {
		transfer->current = stored;
		transfer->expected = message->uid + 1;
		digest_begin(transfer->digest);
		altered_begin(&transfer->scan);
		return 1;
	}
	if (result == 0)
		transfer_refused(transfer, message->uid, message->size,
			transfer->open + 1, &words);
	else
		transfer_other_failed(transfer, &words);
	transfer->open = 0;
	transfer->open_bytes = 0;
	transfer_forget(transfer, stored);
	return result;
}

/*
 * Sees to it that the message gets its UID: it goes on in the open batch, or
 * all that was sent before is waited for (a batch that is refused would leave
 * its UIDs to the next) and the server is told. 0 or -1.
 */
static int transfer_number(
	struct transfer *transfer, const struct mailbox_message *message)
{
	struct pass *pass = transfer->pass;
	struct error words;

	if (!transfer->numbered)
		return 0;
	if (message->uid != transfer->expected && transfer_commit(transfer) < 0)
		return -1;
	if (transfer->open > 0)
		return 0;
	if (mailbox_append_wait(pass->other, &words) < 0)
		return transfer_other_failed(transfer, &words);
	if (transfer->refused > 0 || transfer->other_gone)
		return 0;
	if (identity_before(pass->identity,
		    transfer->folder->name[transfer->far], message->uid,
		    transfer->portion.limit, &words) < 0)
		return transfer_other_failed(transfer, &words);
	return 0;
}

static int transfer_begin(void *context, const struct mailbox_message *message)
{
	struct transfer *transfer = context;

	if (!transfer_may(transfer))
		return -1;
	transfer->begun++;
	if (transfer_is_too_large(transfer, message))
		return 0;
	if (transfer->open_bytes + message->size > TRANSFER_BATCH_BYTES &&
		transfer_commit(transfer) < 0)
		return -1;
	if (transfer_number(transfer, message) < 0)
		return -1;
	if (transfer->other_gone)
		return 0;
	if (transfer->refused > 0) {
		uidset_add(&transfer->again, message->uid);
		return 0;
	}
	return transfer_append(transfer, message);
}

static int transfer_data(void *context, const char *data, size_t size)
{
	struct transfer *transfer = context;
	struct pass *pass = transfer->pass;
	struct error words;

	if (!pass_goes_on(pass, transfer->error))
		return -1;
	digest_add(transfer->digest, data, size);
	altered_add(&transfer->scan, data, size);
	if (mailbox_append_data(pass->other, data, size, &words) < 0)
		return transfer_other_failed(transfer, &words);
	pass->counts.sent += size;
	return 0;
}

static int transfer_end(void *context)
{
	struct transfer *transfer = context;
	struct transfer_message *message = transfer->current;
	struct pass *pass = transfer->pass;
	struct journal_intent intent = { .from = pass->side,
		.uid = message->uid,
		.uidnext = transfer->uidnext,
		.at = instant_now(),
		.size = message->size,
		.flags = message->flags };
	struct error words;

	digest_end(transfer->digest, message->digest);
	message->risk = altered_end(&transfer->scan);
	memcpy(intent.digest, message->digest, JOURNAL_DIGEST);
	intent.risk = (unsigned char)message->risk;
	intent.skeleton = altered_skeleton(&transfer->scan);
	intent.date = message->date;
	journal_intend(pass->journal, transfer->folder, &intent);
	if (mailbox_append_end(pass->other, &words) < 0)
		return transfer_other_failed(transfer, &words);
	transfer->current = NULL;
	transfer->open++;
	transfer->open_bytes += message->size;
	if (transfer->open < transfer->portion.limit)
		return 0;
	return transfer_commit(transfer);
}

/* Fetches these and waits until each is answered. Result as in driver.h. */
static int transfer_stream(struct transfer *transfer, const struct uidset *uids)
{
	static const struct mailbox_sink sink = { transfer_begin, transfer_data,
		transfer_end };
	struct pass *pass = transfer->pass;
	struct error words;
	int result = mailbox_fetch(
		pass->home, uids, &sink, transfer, transfer->error);

	if (result >= 0 && transfer_commit(transfer) < 0)
		result = -1;
	if (result == 1 && transfer->todo.count == 0 &&
		transfer->refused == 0 && !pass->careful &&
		pass->idle != NULL && pass->idle(pass->context, pass))
		transfer->left = true;
	/* Where half a message stands open the server stores nothing of it, and
	 * the mailbox cannot be used any more; but what was stored before is
	 * answered still, and need not be looked for then. */
	if ((result >= 0 || transfer->current == NULL ||
		    pass_goes_on(pass, &words)) &&
		mailbox_append_wait(pass->other, &words) < 0) {
		if (result >= 0)
			transfer_other_failed(transfer, &words);
		result = -1;
	}
	return result;
}

/* Opens the folder at home once more. Result as in driver.h. */
static int transfer_return(struct transfer *transfer)
{
	struct pass *pass = transfer->pass;
	struct mailbox_selected selected;
	int result = mailbox_select(pass->home, transfer_name(transfer), false,
		&selected, transfer->error);

	transfer->left = false;
	if (result == 0)
		pass_refuse(pass, transfer_name(transfer), 0, transfer->error);
	if (result == 1 && selected.status.uidvalidity !=
				   transfer->folder->uidvalidity[pass->side]) {
		error_set(transfer->error,
			"folder %s was made anew at home just now",
			transfer_name(transfer));
		result = -1;
	}
	return result;
}

/* All of what is to be done, or as much as may go wrong together. 1; 0 the rest
 * cannot be done; -1. */
static int transfer_some(struct transfer *transfer)
{
	struct pass *pass = transfer->pass;
	struct uidset uids = uidset_take(&transfer->todo,
		pass->careful ? transfer->portion.limit : SIZE_MAX);
	uint32_t last = uids.uids[uids.count - 1];
	size_t i;
	int result;

	transfer->begun = transfer->refused = 0;
	result = transfer_stream(transfer, &uids);
	if (result >= 0 && transfer->begun < uids.count)
		pass->counts.missed += uids.count - transfer->begun;
	if (result == 0)
		pass_refuse(pass, transfer_name(transfer), 0, transfer->error);
	if (transfer->other_gone)
		result = result < 0 ? -1 : 0;
	else if (transfer->again.count == 0 && pass->careful)
		portion_stored(&transfer->portion, last);
	for (i = 0; i < transfer->again.count; i++)
		uidset_add(&transfer->todo, transfer->again.uids[i]);
	uidset_free(&transfer->again);
	uidset_free(&uids);
	return result;
}

static void transfer_misfits(
	void *context, uint32_t uid, const struct error *words)
{
	struct transfer *transfer = context;

	pass_refuse(transfer->pass, transfer_name(transfer), uid, words);
}

/* What needs not be fetched, for it would not fit. Result as in driver.h. */
static int transfer_sift(struct transfer *transfer)
{
	int result = 1;

	if (transfer->misfit.changed)
		result = misfit_sift(&transfer->misfit, transfer->pass->home,
			&transfer->todo, transfer_misfits, transfer,
			transfer->error);
	if (result == 0)
		pass_refuse(transfer->pass, transfer_name(transfer), 0,
			transfer->error);
	return result;
}

static int transfer_run(struct transfer *transfer, const struct uidset *uids)
{
	struct pass *pass = transfer->pass;
	int result = 1;
	size_t most, i;

	for (i = 0; i < uids->count; i++)
		uidset_add(&transfer->todo, uids->uids[i]);
	transfer_learn_taken(transfer);
	most = mailbox_features(pass->other)->append_batch;
	if (pass->batch_most != 0 && most > pass->batch_most)
		most = pass->batch_most;
	portion_begin(&transfer->portion, most);
	mailbox_on_appended(pass->other, transfer_appended, transfer);
	while (result == 1 && transfer->todo.count > 0) {
		if (transfer->left)
			result = transfer_return(transfer);
		if (result == 1)
			result = transfer_sift(transfer);
		if (result == 1 && transfer->todo.count > 0)
			result = transfer_some(transfer);
	}
	mailbox_on_appended(pass->other, NULL, NULL);
	if (result == 0 && !transfer->other_gone)
		pass->counts.missed += transfer->todo.count;
	if (result >= 0 && transfer->other_changed) {
		error_set(transfer->error,
			"folder %s was made anew at the other side",
			transfer->folder->name[transfer->far]);
		result = -1;
	}
	return result;
}

int transfer_folder(struct pass *pass, struct journal_folder *folder,
	const struct uidset *uids, struct error *error)
{
	enum journal_side far = journal_other(pass->side);
	struct error local;
	struct transfer transfer = { .pass = pass,
		.folder = folder,
		.far = far,
		.uidnext = journal_uidnext(folder, far),
		.digest = digest_new(),
		.error = error != NULL ? error : &local };
	int result;

	transfer.end = &transfer.messages;
	transfer.numbered = pass->identity != NULL &&
			    identity_keeps(pass->identity, folder->name[far]);
	result = transfer_run(&transfer, uids);
	if (result >= 0 &&
		dates_check(pass, folder, &transfer.dates, transfer.error) < 0)
		result = -1;
	dates_free(&transfer.dates);
	while (transfer.messages != NULL)
		transfer_forget(&transfer, transfer.messages);
	digest_free(&transfer.digest);
	uidset_free(&transfer.taken);
	uidmarks_free(&transfer.given);
	uidset_free(&transfer.todo);
	uidset_free(&transfer.again);
	return result < 0 ? -1 : 1;
}
