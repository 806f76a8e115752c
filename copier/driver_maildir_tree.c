/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folders of a Maildir. Maildir++ has them side by side, ".A.B" for B in A;
 * Dovecot's LAYOUT=fs has directories in directories. Both are looked for. A
 * link is not followed: it may lead anywhere.
 */
#include "config.h"

#include "copier/driver_maildir_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "copier/local_file.h"
#include "copier/local_name.h"

#include "lib/xalloc.h"

#define MAILDIR_DEPTH 32

static bool maildir_is_directory(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool maildir_has_cur(const char *path)
{
	char *cur = xasprintf("%s/cur", path);
	bool has = maildir_is_directory(cur);

	free(cur);
	return has;
}

/* Takes path, which becomes the folder's. */
static void maildir_tree_add(struct maildir_mailbox *maildir, const char *name,
	char separator, char *path)
{
	struct maildir_folder folder = { .path = path, .separator = separator };
	size_t i;

	folder.name = local_name(name, separator, &folder.reason);
	if (folder.name == NULL)
		folder.name = xstrdup(name);
	for (i = 0; i < maildir->folders_count; i++)
		if (strcmp(maildir->folders[i].name, folder.name) == 0 &&
			folder.reason == NULL)
			folder.reason = "another directory has the same name";
	maildir->folders = xreallocarray(maildir->folders,
		maildir->folders_count + 1, sizeof(*maildir->folders));
	maildir->folders[maildir->folders_count++] = folder;
}

static int maildir_select_name(const struct dirent *entry)
{
	static const char *const others[] = { ".", "..", "cur", "new", "tmp" };
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(entry->d_name, others[i]) == 0)
			return 0;
	return entry->d_type == DT_DIR || entry->d_type == DT_LNK ||
	       entry->d_type == DT_UNKNOWN;
}

static int maildir_tree_walk(struct maildir_mailbox *maildir, const char *path,
	const char *prefix, int depth, struct error *error);

/* One entry of a directory; path is its own, and taken. */
static int maildir_tree_entry(struct maildir_mailbox *maildir,
	const char *entry, char *path, const char *prefix, int depth,
	struct error *error)
{
	bool plus = depth == 0 && entry[0] == '.';
	char *name;
	int result;

	if (!maildir_is_directory(path)) {
		/* A link to a Maildir is told of; other links are nothing. */
		if (maildir_has_cur(path)) {
			maildir_tree_add(
				maildir, entry + plus, plus ? '.' : '/', path);
			maildir->folders[maildir->folders_count - 1].reason =
				"it is a symbolic link";
		} else {
			free(path);
		}
		return 1;
	}
	if (plus || entry[0] == '.') {
		if (plus && maildir_has_cur(path))
			maildir_tree_add(maildir, entry + 1, '.', path);
		else
			free(path);
		return 1;
	}
	name = xasprintf("%s%s", prefix, entry);
	if (maildir_has_cur(path))
		maildir_tree_add(maildir, name, '/', xstrdup(path));
	free(name);
	name = xasprintf("%s%s/", prefix, entry);
	result = maildir_tree_walk(maildir, path, name, depth + 1, error);
	free(name);
	free(path);
	return result;
}

static int maildir_tree_walk(struct maildir_mailbox *maildir, const char *path,
	const char *prefix, int depth, struct error *error)
{
	struct dirent **entries;
	int count, i, result = 1;

	if (depth > MAILDIR_DEPTH) {
		error_set(error, "%s: directories are too deep", path);
		return -1;
	}
	count = scandir(path, &entries, maildir_select_name, alphasort);
	if (count < 0) {
		error_set(error, "read %s: %s", path, strerror(errno));
		return -1;
	}
	for (i = 0; i < count; i++) {
		if (result == 1)
			result = maildir_tree_entry(maildir, entries[i]->d_name,
				xasprintf("%s/%s", path, entries[i]->d_name),
				prefix, depth, error);
		free(entries[i]);
	}
	free(entries);
	return result;
}

void maildir_tree_clear(struct maildir_mailbox *maildir)
{
	size_t i;

	for (i = 0; i < maildir->folders_count; i++) {
		free(maildir->folders[i].name);
		free(maildir->folders[i].path);
	}
	free(maildir->folders);
	maildir->folders = NULL;
	maildir->folders_count = 0;
}

/* A line of a list of subscriptions, with this folder's separator. */
static bool maildir_is_subscribed(
	const struct maildir_folder *folder, const char *line)
{
	const char *name = folder->name;

	/* Courier writes the prefix of its namespace. */
	if (strncmp(line, "INBOX.", 6) == 0 && folder->separator == '.')
		line += 6;
	for (; *name != '\0' && *line != '\0'; name++, line++)
		if (*name != *line &&
			!(*line == '\t' && *name == folder->separator))
			return false;
	return *name == *line;
}

static void maildir_subscription(void *context, char *line)
{
	struct maildir_mailbox *maildir = context;
	size_t i;

	for (i = 0; i < maildir->folders_count; i++)
		if (maildir_is_subscribed(&maildir->folders[i], line))
			maildir->folders[i].subscribed = true;
}

int maildir_tree_read(struct maildir_mailbox *maildir, struct error *error)
{
	maildir_tree_clear(maildir);
	if (maildir_has_cur(maildir->root))
		maildir_tree_add(maildir, "INBOX", '.', xstrdup(maildir->root));
	if (maildir_tree_walk(maildir, maildir->root, "", 0, error) < 0)
		return -1;
	if (maildir->folders_count == 0) {
		error_set(error, "%s is no Maildir: it has no cur in it",
			maildir->root);
		return -1;
	}
	if (local_file_lines(maildir->root, "subscriptions",
		    maildir_subscription, maildir, error) < 0 ||
		local_file_lines(maildir->root, "courierimapsubscribed",
			maildir_subscription, maildir, error) < 0)
		return -1;
	return 1;
}

const struct maildir_folder *maildir_tree_find(
	struct maildir_mailbox *maildir, const char *name, struct error *error)
{
	size_t i;

	if (maildir->folders_count == 0 &&
		maildir_tree_read(maildir, error) < 0)
		return NULL;
	for (i = 0; i < maildir->folders_count; i++) {
		const struct maildir_folder *folder = &maildir->folders[i];

		if (strcmp(folder->name, name) != 0)
			continue;
		if (folder->reason == NULL)
			return folder;
		error_set(error, "%s: %s", folder->path, folder->reason);
		return NULL;
	}
	error_set(error, "there is no folder %s in %s", name, maildir->root);
	return NULL;
}
