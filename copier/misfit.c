/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest size that did not fit, and what is not smaller. */
#include "config.h"

#include "copier/misfit.h"

#include <string.h>

#include "copier/uidmarks.h"

bool misfit_is_quota(const struct error *words)
{
	return strcasestr(words->text, "quota") != NULL;
}

void misfit_refused(
	struct misfit *misfit, uint64_t size, const struct error *words)
{
	if (!misfit_is_quota(words))
		return;
	if (++misfit->in_a_row >= MISFIT_IN_A_ROW)
		size = 0;
	if (misfit->full && misfit->size <= size)
		return;
	misfit->full = misfit->changed = true;
	misfit->size = size;
	misfit->words = *words;
}

void misfit_stored(struct misfit *misfit)
{
	misfit->in_a_row = 0;
}

bool misfit_fits(
	const struct misfit *misfit, uint64_t size, struct error *words)
{
	if (!misfit->full || size < misfit->size)
		return true;
	error_set(
		words, "%s (not sent: others did not fit)", misfit->words.text);
	return false;
}

struct misfit_sifting {
	const struct misfit *misfit;
	struct uidmarks large;
};

static int misfit_measured(void *context, const struct mailbox_message *message)
{
	struct misfit_sifting *sifting = context;

	if (!misfit_fits(sifting->misfit, message->size, NULL))
		uidmarks_add(&sifting->large, message->uid);
	return 0;
}

int misfit_sift(struct misfit *misfit, struct mailbox *home,
	struct uidset *todo,
	void (*callback)(
		void *context, uint32_t uid, const struct error *words),
	void *context, struct error *error)
{
	struct misfit_sifting sifting = { .misfit = misfit };
	struct mailbox_scan scan = { .uids = todo, .measured = true };
	struct error words;
	size_t kept = 0, i;
	int result = 1;

	misfit->changed = false;
	if (misfit->size > 0)
		result = mailbox_scan(
			home, &scan, misfit_measured, &sifting, error);
	misfit_fits(misfit, UINT64_MAX, &words);
	for (i = 0; result == 1 && i < todo->count; i++)
		if (misfit->size == 0 ||
			uidmarks_has(&sifting.large, todo->uids[i]))
			callback(context, todo->uids[i], &words);
		else
			todo->uids[kept++] = todo->uids[i];
	if (result == 1)
		todo->count = kept;
	uidmarks_free(&sifting.large);
	return result;
}
