/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams messages from FETCH into APPEND and keeps the journal beside. */
#include "config.h"

#include "copier/transfer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/digest.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* A message that is being stored; freed when its answer has come. */
struct transfer_message {
	struct transfer_message *next;
	uint32_t uid;
	uint64_t size;
	const struct flagset *flags;
	unsigned char digest[JOURNAL_DIGEST];
};

struct transfer {
	struct pass *pass;
	struct journal_folder *folder;
	enum journal_side far;
	uint32_t uidnext;    /* at the other side before we began, or 0 */
	struct uidset taken; /* UIDs of pairs at the other side */
	struct digest *digest;
	struct transfer_message *messages; /* all that wait for an answer */
	struct transfer_message *current;
	uint64_t begun;
	bool other_changed; /* its UIDVALIDITY is not the journal's */
	struct error *error;
};

static void transfer_forget(
	struct transfer *transfer, struct transfer_message *message)
{
	struct transfer_message **link = &transfer->messages;

	while (*link != message)
		link = &(*link)->next;
	*link = message->next;
	free(message);
}

static void transfer_stored(struct transfer *transfer,
	const struct transfer_message *message,
	const struct mailbox_appended *appended)
{
	struct pass *pass = transfer->pass;
	struct journal_pair pair = { .origin = JOURNAL_COPIED,
		.size = message->size,
		.flags = message->flags };

	pass->counts.copied++;
	pass->counts.copied_bytes += message->size;
	pass->refused_in_a_row = 0;
	if (appended->uid != 0 &&
		appended->uidvalidity !=
			transfer->folder->uidvalidity[transfer->far]) {
		transfer->other_changed = true;
	} else if (appended->uid == 0 || appended->uid < transfer->uidnext ||
		   uidset_has(&transfer->taken, appended->uid)) {
		/* Not told, or another message's. The intent stays; the next
		 * look at the folder finds it. */
		pass->counts.unsettled++;
	} else {
		pair.uid[pass->side] = message->uid;
		pair.uid[transfer->far] = appended->uid;
		uidset_add(&transfer->taken, appended->uid);
		memcpy(pair.digest, message->digest, JOURNAL_DIGEST);
		journal_pair(pass->journal, transfer->folder, &pair);
	}
	if (pass->progress != NULL)
		pass->progress(pass->context, pass,
			transfer->folder->name[pass->side]);
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
		pass_refuse(pass, transfer->folder->name[pass->side],
			message->uid, appended->error);
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

static int transfer_begin(void *context, const struct mailbox_message *message)
{
	struct transfer *transfer = context;
	struct pass *pass = transfer->pass;
	struct transfer_message *stored;
	struct mailbox_append append = {
		.folder = transfer->folder->name[transfer->far],
		.flags = message->flags,
		.date = message->date,
		.size = message->size,
	};
	struct error words;
	int result;

	if (!transfer_may(transfer))
		return -1;
	stored = xcalloc(1, sizeof(*stored));
	stored->uid = message->uid;
	stored->size = message->size;
	stored->flags = message->flags;
	stored->next = transfer->messages;
	transfer->messages = stored;
	transfer->begun++;
	result = mailbox_append_begin(pass->other, &append, stored, &words);
	if (result > 0) {
		transfer->current = stored;
		digest_begin(transfer->digest);
		return 1;
	}
	if (result == 0)
		pass_refuse(pass, transfer->folder->name[pass->side],
			message->uid, &words);
	else
		error_set(transfer->error, "other side: %s", words.text);
	transfer_forget(transfer, stored);
	return result;
}

static int transfer_data(void *context, const char *data, size_t size)
{
	struct transfer *transfer = context;
	struct error words;

	if (!pass_goes_on(transfer->pass, transfer->error))
		return -1;
	digest_add(transfer->digest, data, size);
	if (mailbox_append_data(transfer->pass->other, data, size, &words) <
		0) {
		error_set(transfer->error, "other side: %s", words.text);
		return -1;
	}
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
	memcpy(intent.digest, message->digest, JOURNAL_DIGEST);
	if (journal_intend(pass->journal, transfer->folder, &intent,
		    transfer->error) < 0)
		return -1;
	if (mailbox_append_end(pass->other, &words) < 0) {
		error_set(transfer->error, "other side: %s", words.text);
		return -1;
	}
	transfer->current = NULL;
	return 0;
}

static int transfer_run(struct transfer *transfer, const struct uidset *uids)
{
	static const struct mailbox_sink sink = { transfer_begin, transfer_data,
		transfer_end };
	struct pass *pass = transfer->pass;
	struct error words;
	int result;

	mailbox_on_appended(pass->other, transfer_appended, transfer);
	result = mailbox_fetch(
		pass->home, uids, &sink, transfer, transfer->error);
	if (result == 0)
		error_set(&words, "%s", transfer->error->text);
	/* Half a message stands open: the mailbox cannot be used any more, and
	 * the server stores nothing of it. */
	if (result >= 0 || transfer->current == NULL)
		if (mailbox_append_wait(pass->other, &words) < 0) {
			if (result >= 0)
				error_set(transfer->error, "other side: %s",
					words.text);
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
		.uidnext = folder->seen[far].uidnext,
		.digest = digest_new(),
		.error = error != NULL ? error : &local };
	int result;

	transfer_learn_taken(&transfer);
	result = transfer_run(&transfer, uids);

	while (transfer.messages != NULL)
		transfer_forget(&transfer, transfer.messages);
	digest_free(&transfer.digest);
	uidset_free(&transfer.taken);
	mailbox_on_appended(pass->other, NULL, NULL);
	if (result == 0)
		pass_refuse(pass, folder->name[pass->side], 0, transfer.error);
	if (result >= 0 && transfer.begun < uids->count)
		pass->counts.missed += uids->count - transfer.begun;
	if (result >= 0 && transfer.other_changed) {
		error_set(transfer.error,
			"folder %s was made anew at the other side",
			folder->name[far]);
		return -1;
	}
	return result < 0 ? -1 : 1;
}
