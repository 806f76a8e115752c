/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folders of an mbox source: one file is INBOX, a directory holds one
 * folder in each file, with Thunderbird's NAME.sbd for the folders inside NAME.
 * Links are not followed.
 */
#include "config.h"

#include "copier/driver_mbox_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "copier/local_file.h"
#include "copier/local_name.h"

#include "lib/xalloc.h"

#define MBOX_DEPTH 32

void mbox_folder_forget(struct mbox_folder *folder)
{
	free(folder->messages);
	folder->messages = NULL;
	folder->count = 0;
	folder->known = false;
}

static void mbox_folder_free(struct mbox_folder *folder)
{
	mbox_folder_forget(folder);
	free(folder->name);
	free(folder->path);
	free(folder);
}

void mbox_tree_clear(struct mbox_mailbox *mbox)
{
	size_t i;

	for (i = 0; i < mbox->folders_count; i++)
		mbox_folder_free(mbox->folders[i]);
	free(mbox->folders);
	mbox->folders = NULL;
	mbox->folders_count = 0;
	mbox->selected = NULL;
}

static bool mbox_ends(const char *name, const char *suffix)
{
	size_t size = strlen(name), length = strlen(suffix);

	return size > length && strcmp(name + size - length, suffix) == 0;
}

/* What mail programs keep beside their folders. */
static bool mbox_is_aside(const char *name)
{
	return name[0] == '.' || mbox_ends(name, ".msf") ||
	       mbox_ends(name, ".lock") || mbox_ends(name, ".dat") ||
	       mbox_ends(name, ".html");
}

struct mbox_tree {
	struct mbox_folder **folders;
	size_t count;
};

static void mbox_tree_add(
	struct mbox_tree *tree, const char *name, const char *path)
{
	struct mbox_folder *folder = xcalloc(1, sizeof(*folder));
	size_t i;

	folder->name =
		local_name(strcasecmp(name, "INBOX") == 0 ? "INBOX" : name, '/',
			&folder->reason);
	if (folder->name == NULL)
		folder->name = xstrdup(name);
	for (i = 0; i < tree->count; i++)
		if (strcmp(tree->folders[i]->name, folder->name) == 0)
			folder->reason = "another file has the same name";
	folder->path = xstrdup(path);
	tree->folders = xreallocarray(
		tree->folders, tree->count + 1, sizeof(*tree->folders));
	tree->folders[tree->count++] = folder;
}

static int mbox_tree_walk(struct mbox_tree *tree, const char *path,
	const char *prefix, int depth, struct error *error);

static int mbox_tree_entry(struct mbox_tree *tree, const char *name,
	const char *path, const char *prefix, int depth, struct error *error)
{
	struct stat status;
	char *whole;
	int result = 1, size = (int)strlen(name);

	if (lstat(path, &status) < 0 || mbox_is_aside(name))
		return 1;
	if (S_ISDIR(status.st_mode)) {
		if (mbox_ends(name, ".sbd"))
			size -= 4;
		whole = xasprintf("%s%.*s/", prefix, size, name);
		result = mbox_tree_walk(tree, path, whole, depth + 1, error);
	} else {
		whole = xasprintf("%s%s", prefix, name);
		mbox_tree_add(tree, whole, path);
		if (S_ISLNK(status.st_mode))
			tree->folders[tree->count - 1]->reason =
				"it is a symbolic link";
		else if (!S_ISREG(status.st_mode))
			tree->folders[tree->count - 1]->reason =
				"it is no regular file";
	}
	free(whole);
	return result;
}

static int mbox_tree_walk(struct mbox_tree *tree, const char *path,
	const char *prefix, int depth, struct error *error)
{
	struct dirent **entries;
	int count = depth > MBOX_DEPTH
			    ? (errno = ELOOP, -1)
			    : scandir(path, &entries, NULL, alphasort);
	int i, result = 1;

	if (count < 0) {
		error_set(error, "read %s: %s", path, strerror(errno));
		return -1;
	}
	for (i = 0; i < count; i++) {
		char *whole = xasprintf("%s/%s", path, entries[i]->d_name);

		if (result == 1)
			result = mbox_tree_entry(tree, entries[i]->d_name,
				whole, prefix, depth, error);
		free(whole);
		free(entries[i]);
	}
	free(entries);
	return result;
}

/* What was known of a file holds until the file is looked at. */
static void mbox_tree_keep(
	struct mbox_mailbox *mbox, const struct mbox_tree *tree)
{
	size_t i, j;

	for (i = 0; i < tree->count; i++) {
		for (j = 0; j < mbox->folders_count; j++) {
			struct mbox_folder *old = mbox->folders[j];

			if (!old->known ||
				strcmp(old->path, tree->folders[i]->path) != 0)
				continue;
			tree->folders[i]->known = true;
			tree->folders[i]->status = old->status;
			tree->folders[i]->uids = old->uids;
			tree->folders[i]->messages = old->messages;
			tree->folders[i]->count = old->count;
			old->messages = NULL;
			old->known = false;
		}
	}
}

static void mbox_subscription(void *context, char *line)
{
	struct mbox_mailbox *mbox = context;
	size_t i;

	for (i = 0; i < mbox->folders_count; i++) {
		const char *name = mbox->folders[i]->name, *at = line;

		while (*name != '\0' &&
			(*at == *name || (*at == '\t' && *name == '/'))) {
			name++;
			at++;
		}
		if (*name == '\0' && *at == '\0')
			mbox->folders[i]->subscribed = true;
	}
}

int mbox_tree_read(struct mbox_mailbox *mbox, struct error *error)
{
	struct mbox_tree tree = { .count = 0 };
	struct stat status;
	int result = 1;

	if (stat(mbox->root, &status) < 0) {
		error_set(error, "%s: %s", mbox->root, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(status.st_mode))
		mbox_tree_add(&tree, "INBOX", mbox->root);
	else
		result = mbox_tree_walk(&tree, mbox->root, "", 0, error);
	mbox_tree_keep(mbox, &tree);
	mbox_tree_clear(mbox);
	mbox->folders = tree.folders;
	mbox->folders_count = tree.count;
	if (result == 1 && S_ISDIR(status.st_mode) &&
		local_file_lines(mbox->root, ".subscriptions",
			mbox_subscription, mbox, error) < 0)
		result = -1;
	return result;
}

struct mbox_folder *mbox_tree_find(
	struct mbox_mailbox *mbox, const char *name, struct error *error)
{
	size_t i;

	for (i = 0; i < mbox->folders_count; i++) {
		struct mbox_folder *folder = mbox->folders[i];

		if (strcmp(folder->name, name) != 0)
			continue;
		if (folder->reason == NULL)
			return folder;
		error_set(error, "%s: %s", folder->path, folder->reason);
		return NULL;
	}
	error_set(error, "there is no folder %s in %s", name, mbox->root);
	return NULL;
}
