/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of a Maildir folder, while others deliver, read and flag. A
 * file that is renamed may be missed by one look at the directory, so that
 * there is a second one when it has changed meanwhile; what is seen in any of
 * them counts.
 */
#include "config.h"

#include "copier/driver_maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "copier/local_file.h"

#include "lib/xalloc.h"

#define MAILDIR_LOOKS 4

struct maildir_files {
	struct maildir_file *list;
	size_t count, room;
};

static void maildir_files_add(struct maildir_files *files, const char *part,
	const struct dirent *entry)
{
	char *base = maildir_base(entry->d_name);

	if (base == NULL)
		return;
	if (files->count == files->room) {
		files->room = files->room > 0 ? 2 * files->room : 64;
		files->list = xreallocarray(
			files->list, files->room, sizeof(*files->list));
	}
	files->list[files->count++] = (struct maildir_file){ .base = base,
		.file = xasprintf("%s/%s", part, entry->d_name),
		.inode = entry->d_ino };
}

static void maildir_files_free(struct maildir_files *files)
{
	size_t i;

	for (i = 0; i < files->count; i++) {
		free(files->list[i].base);
		free(files->list[i].file);
	}
	free(files->list);
}

/* Reads the names in one of "new" and "cur". *changed_r is when it was changed
 * last, as of before. 1; 0 there is none; -1. */
static int maildir_look(const char *root, const char *path, const char *part,
	struct maildir_files *files, struct timespec *changed_r,
	struct error *error)
{
	char *whole = xasprintf("%s/%s", path, part);
	DIR *directory = local_directory_open(root, whole);
	const struct dirent *entry;
	struct stat status;
	int result = 1;

	memset(changed_r, 0, sizeof(*changed_r));
	if (directory == NULL && errno == ENOENT && strcmp(part, "new") == 0) {
		free(whole);
		return 1;
	}
	if (directory != NULL && fstat(dirfd(directory), &status) == 0)
		*changed_r = status.st_mtim;
	if (directory != NULL)
		errno = 0;
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		maildir_files_add(files, part, entry);
	if (directory == NULL || errno != 0) {
		error_set(error, "read %s: %s", whole, strerror(errno));
		result = 0;
	}
	if (directory != NULL)
		closedir(directory);
	free(whole);
	return result;
}

static bool maildir_is_then(
	const char *path, const char *part, const struct timespec *then)
{
	char *whole = xasprintf("%s/%s", path, part);
	struct stat status;
	bool same = stat(whole, &status) < 0
			    ? then->tv_sec == 0
			    : status.st_mtim.tv_sec == then->tv_sec &&
				      status.st_mtim.tv_nsec == then->tv_nsec;

	free(whole);
	return same;
}

/* Looks until nothing has changed in between. 1 or 0. */
static int maildir_gather(const char *root, const char *path,
	struct maildir_files *files, struct error *error)
{
	struct timespec arrived, current;
	int looks;

	for (looks = 0; looks < MAILDIR_LOOKS; looks++) {
		/* In this order a message that moves is seen. */
		if (maildir_look(root, path, "new", files, &arrived, error) !=
				1 ||
			maildir_look(
				root, path, "cur", files, &current, error) != 1)
			return 0;
		if (maildir_is_then(path, "new", &arrived) &&
			maildir_is_then(path, "cur", &current))
			break;
	}
	return 1;
}

struct maildir_order {
	struct maildir_file file;
	size_t at; /* when it was seen */
};

static int maildir_order_compare(const void *left, const void *right)
{
	const struct maildir_order *a = left, *b = right;
	int order = strcmp(a->file.base, b->file.base);

	if (order != 0)
		return order;
	if (a->file.inode != b->file.inode)
		return a->file.inode < b->file.inode ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

/* Leaves one of those that are the same file, the one seen last. */
static void maildir_unite(struct maildir_files *files)
{
	struct maildir_order *order =
		xreallocarray(NULL, files->count + 1, sizeof(*order));
	size_t i, kept = 0;

	for (i = 0; i < files->count; i++)
		order[i] = (struct maildir_order){ files->list[i], i };
	qsort(order, files->count, sizeof(*order), maildir_order_compare);
	for (i = 0; i < files->count; i++) {
		struct maildir_file *file = &order[i].file;
		struct maildir_file *last =
			kept > 0 ? &files->list[kept - 1] : NULL;
		bool same = last != NULL && strcmp(last->base, file->base) == 0;

		if (same && last->inode == file->inode) {
			free(last->base);
			free(last->file);
			*last = *file;
			continue;
		}
		file->again = same;
		files->list[kept++] = *file;
	}
	files->count = kept;
	free(order);
}

static void maildir_take_keyword(void *context, char *line)
{
	maildir_keyword_line(context, line);
}

static int maildir_message_compare(const void *left, const void *right)
{
	const struct maildir_message *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

/* What the files are as messages. Those without a UID are for later: only the
 * first lane gives them. */
static void maildir_take_files(struct maildir_mailbox *maildir,
	struct maildir_files *files, const struct maildir_keywords *keywords)
{
	struct buffer flags = BUFFER_EMPTY;
	size_t i;

	maildir->messages =
		xcalloc(files->count + 1, sizeof(*maildir->messages));
	for (i = 0; i < files->count; i++) {
		struct maildir_message *message =
			&maildir->messages[maildir->count];

		if (files->list[i].uid == 0)
			continue;
		buffer_clear(&flags);
		maildir_flags(files->list[i].file, keywords, &flags);
		message->uid = files->list[i].uid;
		message->file = files->list[i].file;
		files->list[i].file = NULL;
		message->flags =
			flagpool_get(maildir->flags, flags.data, flags.size);
		maildir->count++;
	}
	buffer_free(&flags);
	qsort(maildir->messages, maildir->count, sizeof(*maildir->messages),
		maildir_message_compare);
}

void maildir_read_clear(struct maildir_mailbox *maildir)
{
	size_t i;

	for (i = 0; i < maildir->count; i++)
		free(maildir->messages[i].file);
	free(maildir->messages);
	free(maildir->path);
	free(maildir->name);
	maildir->messages = NULL;
	maildir->path = maildir->name = NULL;
	maildir->count = 0;
	maildir->uids = NULL;
}

int maildir_read(struct maildir_mailbox *maildir,
	const struct maildir_folder *folder, struct error *error)
{
	struct maildir_files files = { .count = 0 };
	struct maildir_keywords keywords = { { NULL } };
	int result = maildir_gather(maildir->root, folder->path, &files, error);

	maildir_read_clear(maildir);
	if (result == 1 && local_file_lines(folder->path, "dovecot-keywords",
				   maildir_take_keyword, &keywords, error) < 0)
		result = 0;
	if (result == 1) {
		maildir_unite(&files);
		result = maildir_give_uids(
			maildir, folder, files.list, files.count, error);
	}
	if (result == 1) {
		maildir->path = xstrdup(folder->path);
		maildir->name = xstrdup(folder->name);
		maildir_take_files(maildir, &files, &keywords);
	}
	maildir_keywords_clear(&keywords);
	maildir_files_free(&files);
	return result;
}

void maildir_read_status(
	const struct maildir_mailbox *maildir, struct mailbox_status *status_r)
{
	memset(status_r, 0, sizeof(*status_r));
	if (maildir->uids != NULL) {
		status_r->uidvalidity = maildir->uids->uidvalidity;
		status_r->uidnext = maildir->uids->uidnext;
	}
	status_r->messages = (uint32_t)maildir->count;
}

struct maildir_message *maildir_find(
	const struct maildir_mailbox *maildir, uint32_t uid)
{
	const struct maildir_message key = { .uid = uid };

	if (maildir->count == 0)
		return NULL;
	return bsearch(&key, maildir->messages, maildir->count,
		sizeof(*maildir->messages), maildir_message_compare);
}
