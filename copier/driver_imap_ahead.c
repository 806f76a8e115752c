/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking for the messages of the next folder while the answers about the last
 * one are still on their way. The EXAMINE ends the selection of the present
 * folder at once, so that none counts as selected until it is answered.
 */
#include "config.h"

#include "copier/driver_imap_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* A name that needs a literal which the server must ask for: the answer would
 * have to be waited for here. */
static bool imap_ahead_is_plain(const char *folder)
{
	for (; *folder != '\0'; folder++)
		if (*folder < ' ' || *folder > '~')
			return false;
	return true;
}

void imap_mailbox_ahead(
	struct mailbox *mailbox, const char *folder, const struct uidset *uids)
{
	struct imap_mailbox *imap = imap_mailbox(mailbox);
	struct imap_ahead *ahead = &imap->ahead;

	if (ahead->folder != NULL || !imap_ahead_is_plain(folder))
		return;
	free(imap->selected);
	imap->selected = NULL;
	ahead->folder = xstrdup(folder);
	ahead->uids = uids;
	ahead->index = ahead->asked = 0;
	ahead->select = imap_mailbox_ask_select(imap, folder, false);
	while (ahead->asked < IMAP_FETCHES && ahead->index < uids->count)
		ahead->tags[ahead->asked++] =
			imap_mailbox_ask_fetch(imap, uids, &ahead->index);
	/* What fails is told by the next call that reads. */
	imap_session_send(imap->session, NULL);
}

static int imap_ahead_tagged(void *context, unsigned tag,
	const struct imap_response *response, struct error *error)
{
	struct imap_ahead *ahead = context;
	size_t i;

	(void)response;
	(void)error;
	if (ahead->select == tag)
		ahead->select = 0;
	for (i = 0; i < ahead->asked; i++)
		if (ahead->tags[i] == tag)
			ahead->tags[i--] = ahead->tags[--ahead->asked];
	return 0;
}

static const struct imap_handler imap_ahead_handler = {
	.tagged = imap_ahead_tagged,
};

int imap_ahead_drop(struct imap_mailbox *imap, struct error *error)
{
	struct imap_ahead *ahead = &imap->ahead;
	int result = 0;

	if (ahead->folder == NULL)
		return 0;
	imap_session_handle(imap->session, &imap_ahead_handler, ahead);
	while (result == 0 && (ahead->select != 0 || ahead->asked > 0))
		result = imap_session_step(imap->session, error);
	imap_session_handle(imap->session, NULL, NULL);
	free(ahead->folder);
	memset(ahead, 0, sizeof(*ahead));
	return result;
}

bool imap_ahead_is_of(
	const struct imap_mailbox *imap, const struct uidset *uids)
{
	const struct imap_ahead *ahead = &imap->ahead;

	return ahead->folder != NULL && ahead->index <= uids->count &&
	       memcmp(ahead->uids->uids, uids->uids,
		       ahead->index * sizeof(*uids->uids)) == 0;
}

int imap_ahead_select(struct imap_mailbox *imap, const char *folder, bool write,
	unsigned *tag_r, struct error *error)
{
	struct imap_ahead *ahead = &imap->ahead;

	*tag_r = 0;
	if (ahead->folder == NULL)
		return 0;
	if (write || ahead->select == 0 || strcmp(ahead->folder, folder) != 0)
		return imap_ahead_drop(imap, error);
	*tag_r = ahead->select;
	ahead->select = 0;
	return 0;
}
