/* SPDX-License-Identifier: BSD-2-Clause */
/* What has become of odd dates. */
#include "config.h"

#include "copier/dates.h"

#include <inttypes.h>
#include <stdlib.h>

#include "copier/folder_notes.h"
#include "copier/mutf7.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* The first second that does not fit in 32 bits. */
#define DATES_TOO_LATE INT64_C(0x80000000)

void dates_add(struct dates *dates, uint32_t uid, uint32_t other, int64_t date)
{
	if (date > 0 && date < DATES_TOO_LATE && date <= instant_now() / 1000)
		return;
	dates->list = xreallocarray(
		dates->list, dates->count + 1, sizeof(*dates->list));
	dates->list[dates->count++] =
		(struct dates_suspect){ uid, other, date };
}

void dates_free(struct dates *dates)
{
	free(dates->list);
	*dates = (struct dates){ .count = 0 };
}

struct dates_checking {
	struct pass *pass;
	const struct journal_folder *folder;
	const struct dates *dates;
};

static int dates_seen(void *context, const struct mailbox_message *message)
{
	const struct dates_checking *checking = context;
	int64_t there = maildate_seconds(message->date);
	size_t i;

	for (i = 0; i < checking->dates->count; i++) {
		const struct dates_suspect *suspect = &checking->dates->list[i];
		char here[MAILDATE_SIZE];
		struct error name;

		if (suspect->other != message->uid || suspect->date == there)
			continue;
		maildate_print(suspect->date, 0, here);
		mutf7_show(checking->folder->name[checking->pass->side], &name);
		folder_notes_add(checking->pass->notes, FOLDER_NOTE_DATE,
			name.text, NULL, 0,
			"uid %" PRIu32 " of %s is of %s "
			"there",
			suspect->uid, here, message->date);
	}
	return 0;
}

static int dates_passed(void *context, const struct mailbox_message *message)
{
	(void)context, (void)message;
	return 0;
}

int dates_check(struct pass *pass, const struct journal_folder *folder,
	const struct dates *dates, struct error *error)
{
	struct dates_checking checking = { pass, folder, dates };
	struct uidset uids = UIDSET_EMPTY;
	const struct mailbox_scan scan = { .uids = &uids, .measured = true };
	struct mailbox_selected selected;
	size_t i;
	int result = 1, look;

	for (i = 0; i < dates->count; i++)
		uidset_add(&uids, dates->list[i].other);
	/* The first answer may come from the file, and all later ones from a
	 * cache that has fewer bits: Dovecot makes 2101 of 1965. */
	for (look = 0; result == 1 && uids.count > 0 && look < 2; look++) {
		result = mailbox_select(pass->other,
			folder->name[journal_other(pass->side)], false,
			&selected, error);
		if (result == 1)
			result = mailbox_scan(pass->other, &scan,
				look == 0 ? dates_passed : dates_seen,
				&checking, error);
	}
	uidset_free(&uids);
	return result;
}
