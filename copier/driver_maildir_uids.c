/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which message of a Maildir folder is which. A server's own list gives the
 * first UIDs, so that clients find again what they know; but it lags behind
 * what was delivered, so that each message keeps the UID that it once got.
 */
#include "config.h"

#include "copier/driver_maildir_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/local_file.h"

#include "lib/xalloc.h"

/* In the map: the UIDVALIDITY is the server's. No file has such a name. */
#define MAILDIR_MARK "/listed"

/* A server's list while it is read: base names in a map in memory. */
struct maildir_list {
	struct uidmap *map;
	struct uidmap_folder *folder; /* NULL before the first line */
	bool bad;
};

static void maildir_list_line(void *context, char *line)
{
	struct maildir_list *list = context;
	const char *file;
	char *base = NULL;
	uint32_t number;

	if (list->folder == NULL && !list->bad) {
		list->bad = maildir_uidlist_head(line, &number) < 0;
		if (!list->bad)
			list->folder = uidmap_folder(list->map, "", number);
		return;
	}
	if (!list->bad && maildir_uidlist_line(line, &number, &file) == 0)
		base = maildir_base(file);
	if (base != NULL &&
		uidmap_find(list->map, list->folder, base, NULL) == 0)
		uidmap_add(list->map, list->folder, base, number);
	free(base);
}

/* Reads the list of the folder, if it has one. 0 or -1. */
static int maildir_list_read(
	struct maildir_list *list, const char *path, struct error *error)
{
	int result;

	memset(list, 0, sizeof(*list));
	list->map = uidmap_open(NULL, "", error);
	result = local_file_lines(
		path, "dovecot-uidlist", maildir_list_line, list, error);
	if (result == 0)
		result = local_file_lines(path, "courierimapuiddb",
			maildir_list_line, list, error);
	return result < 0 ? -1 : 0;
}

/* The map's folder, begun anew when the server has begun anew. */
static struct uidmap_folder *maildir_uids(struct maildir_mailbox *maildir,
	const char *name, const struct maildir_list *list)
{
	uint32_t listed = list->folder != NULL ? list->folder->uidvalidity : 0;
	struct uidmap_folder *uids = uidmap_folder(maildir->map, name, listed);

	if (uids != NULL && listed != 0 && uids->uidvalidity != listed &&
		!uidmap_is_reader(maildir->map) &&
		uidmap_find(maildir->map, uids, MAILDIR_MARK, NULL) != 0)
		uidmap_renew(maildir->map, uids, listed);
	return uids;
}

/* Listed ones first, as listed; then as they came in. */
static int maildir_file_compare(const void *left, const void *right)
{
	const struct maildir_file *a = left, *b = right;
	uint32_t one = a->listed - 1, other = b->listed - 1; /* 0: the last */
	int64_t came = maildir_seconds(a->base);
	int64_t other_came = maildir_seconds(b->base);

	if (one != other)
		return one < other ? -1 : 1;
	if (came != other_came)
		return came < other_came ? -1 : 1;
	return strcmp(a->base, b->base) != 0 ? strcmp(a->base, b->base)
					     : strcmp(a->file, b->file);
}

static char *maildir_identity(const struct maildir_file *file)
{
	return file->again ? xasprintf("%s/%s", file->base, "again")
			   : xstrdup(file->base);
}

int maildir_give_uids(struct maildir_mailbox *maildir,
	const struct maildir_folder *folder, struct maildir_file *files,
	size_t count, struct error *error)
{
	struct maildir_list list;
	int result = maildir_list_read(&list, folder->path, error);
	bool follow;
	size_t i;

	maildir->uids = NULL;
	if (result == 0)
		maildir->uids = maildir_uids(maildir, folder->name, &list);
	for (i = 0; list.folder != NULL && i < count; i++)
		files[i].listed =
			uidmap_find(list.map, list.folder, files[i].base, NULL);
	qsort(files, count, sizeof(*files), maildir_file_compare);
	follow = maildir->uids != NULL && list.folder != NULL &&
		 list.folder->uidvalidity == maildir->uids->uidvalidity;
	for (i = 0; maildir->uids != NULL && i < count; i++) {
		char *identity = maildir_identity(&files[i]);
		uint32_t wanted =
			follow && !files[i].again ? files[i].listed : 0;

		files[i].uid = uidmap_find(
			maildir->map, maildir->uids, identity, NULL);
		if (files[i].uid == 0)
			files[i].uid = uidmap_add(maildir->map, maildir->uids,
				identity,
				wanted >= maildir->uids->uidnext ? wanted : 0);
		free(identity);
	}
	if (follow && maildir->uids->uidnext > 1 &&
		uidmap_find(maildir->map, maildir->uids, MAILDIR_MARK, NULL) ==
			0)
		uidmap_add(maildir->map, maildir->uids, MAILDIR_MARK,
			maildir->uids->uidnext - 1);
	uidmap_close(&list.map);
	if (result == 0)
		result = uidmap_save(maildir->map, error);
	return result < 0 ? -1 : 1;
}
