/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting a pass, and what was refused in it. */
#include "config.h"

#include "copier/pass.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/misfit.h"
#include "copier/mutf7.h"

#include "lib/xalloc.h"

/* Messages in a batch that has a better chance to get through. */
#define PASS_BATCH_SMALL 8

void pass_clear(struct pass *pass)
{
	size_t i;

	for (i = 0; i < pass->refusals_count; i++)
		free(pass->refusals[i].folder);
	free(pass->refusals);
	pass->refusals = NULL;
	pass->refusals_count = 0;
	pass->refused_in_a_row = 0;
	memset(&pass->counts, 0, sizeof(pass->counts));
}

void pass_add(struct pass *pass, const struct pass *part)
{
	const struct pass_counts *from = &part->counts;
	struct pass_counts *to = &pass->counts;
	size_t i;

	to->copied += from->copied;
	to->copied_bytes += from->copied_bytes;
	to->adopted += from->adopted;
	to->removed += from->removed;
	to->flags += from->flags;
	to->folders_made += from->folders_made;
	to->folders_removed += from->folders_removed;
	to->keywords_refused += from->keywords_refused;
	to->left_out += from->left_out;
	to->missed += from->missed;
	to->unsettled += from->unsettled;
	to->uids_changed += from->uids_changed;
	to->sent += from->sent;
	/* Those whose words were not kept are counted all the same. */
	to->refused += from->refused - part->refusals_count;
	for (i = 0; i < part->refusals_count; i++)
		pass_refuse(pass, part->refusals[i].folder,
			part->refusals[i].uid, &part->refusals[i].words);
	pass->refused_in_a_row = part->refused_in_a_row;
	pass->careful = pass->careful || part->careful;
}

void pass_shrink(struct pass *pass)
{
	pass->batch_most = pass->batch_most == 0 ? PASS_BATCH_SMALL : 1;
}

bool pass_goes_on(const struct pass *pass, struct error *error)
{
	return pass->go_on == NULL || pass->go_on(pass->context, error);
}

void pass_refuse(struct pass *pass, const char *folder, uint32_t uid,
	const struct error *words)
{
	struct pass_refusal *refusal;

	pass->counts.refused++;
	/* What does not fit is not about all that follows: see misfit.h. */
	if (!misfit_is_quota(words))
		pass->refused_in_a_row++;
	if (pass->refusals_count == PASS_REFUSALS_MAX)
		return;
	pass->refusals = xreallocarray(pass->refusals, pass->refusals_count + 1,
		sizeof(*pass->refusals));
	refusal = &pass->refusals[pass->refusals_count++];
	refusal->folder = xstrdup(folder);
	refusal->uid = uid;
	refusal->words = *words;
	refusal->altered = false;
}

void pass_refuse_altered(struct pass *pass, const char *folder,
	const struct journal_verdict *verdict, const struct error *words)
{
	unsigned in_a_row = pass->refused_in_a_row;
	size_t count = pass->refusals_count;
	struct pass_refusal *refusal;

	pass_refuse(pass, folder, verdict->uid, words);
	pass->refused_in_a_row = in_a_row;
	if (pass->refusals_count == count)
		return;
	refusal = &pass->refusals[count];
	refusal->altered = true;
	memcpy(refusal->digest, verdict->digest, JOURNAL_DIGEST);
	memcpy(refusal->stored, verdict->stored, JOURNAL_DIGEST);
}

void pass_refuse_unsettled(struct pass *pass, const char *folder, uint32_t uid)
{
	unsigned in_a_row = pass->refused_in_a_row;
	struct error words;

	error_set(&words,
		"the server said that it has stored it, but not as which "
		"message, and none there is equal: it alters what it stores, "
		"or somebody has removed it; it is not stored again");
	pass_refuse(pass, folder, uid, &words);
	pass->refused_in_a_row = in_a_row;
}

void pass_refusal_text(const struct pass *pass, struct error *text_r)
{
	const struct pass_refusal *first = pass->refusals;
	struct error folder;

	text_r->text[0] = '\0';
	if (pass->refusals_count == 0)
		return;
	mutf7_show(first->folder, &folder);
	if (first->uid != 0)
		error_set(text_r,
			"%" PRIu64 " refused; first: %s uid %" PRIu32 ": %s",
			pass->counts.refused, folder.text, first->uid,
			first->words.text);
	else
		error_set(text_r, "%" PRIu64 " refused; first: folder %s: %s",
			pass->counts.refused, folder.text, first->words.text);
}
