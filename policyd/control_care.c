/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs that look after the store and the maps. They take their time. */
#include "config.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "policyd/server_control.h"

static enum control_status control_begin_care(
	struct control_request *request, struct error *error)
{
	if (pthread_mutex_trylock(&request->service->care_lock) == 0)
		return CONTROL_OK;
	error_set(error, "a backup or verification is under way");
	return CONTROL_CONFLICT;
}

static void control_end_care(struct control_request *request)
{
	pthread_mutex_unlock(&request->service->care_lock);
}

static void control_db_backup(struct control_request *request)
{
	const char *directory = control_text(request, "directory");
	struct error error = { "" };
	enum control_status status;

	if (directory[0] != '/') {
		error_set(&error, "directory %.200s: not absolute", directory);
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	/* Not a failure that passes: the operator names another one. */
	if (access(directory, F_OK) == 0) {
		error_set(&error, "exists already");
		control_fail(request, CONTROL_CONFLICT, &error);
		return;
	}
	status = control_begin_care(request, &error);
	if (status == CONTROL_OK) {
		if (store_backup(request->service->store, directory, &error) <
			0)
			status = CONTROL_ERROR;
		control_end_care(request);
	}
	if (status == CONTROL_OK)
		log_write(request->service->log, LOG_NOTICE,
			"store backed up to %s for %s", directory, request->by);
	control_answer(request, status, &error);
}

static int control_remove_one(const char *path, const struct stat *status,
	int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

/* What a crash has left of an earlier verification goes too. */
static void control_remove_tree(const char *path)
{
	(void)nftw(path, control_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A running store cannot be verified in its place: a copy of it is. */
static enum control_status control_verify_copy(struct control_request *request,
	const char *scratch, struct error *error)
{
	char *uri = xasprintf("bdb:%s", scratch);
	enum control_status status = CONTROL_ERROR;
	int damaged = -1;

	control_remove_tree(scratch);
	if (store_backup(request->service->store, scratch, error) == 0)
		damaged = store_verify(uri, error);
	if (damaged == 0)
		status = CONTROL_OK;
	else if (damaged > 0)
		error_prefix(error, "the store is damaged");
	control_remove_tree(scratch);
	free(uri);
	return status;
}

static void control_db_verify(struct control_request *request)
{
	const char *uri = request->service->store_uri;
	struct error error = { "" };
	enum control_status status;
	char *scratch;

	if (strncmp(uri, "bdb:", 4) != 0) {
		error_set(&error, "store %.200s: nothing to verify", uri);
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	status = control_begin_care(request, &error);
	if (status == CONTROL_OK) {
		scratch = xasprintf("%s/verify", uri + 4);
		status = control_verify_copy(request, scratch, &error);
		control_end_care(request);
		free(scratch);
	}
	control_answer(request, status, &error);
}

static void control_maps_rebuild(struct control_request *request)
{
	const struct error none = { "" };

	front_rebuild(request->service->front);
	control_answer(request, CONTROL_OK, &none);
}

const struct control_verb control_care_verbs[] = {
	{ "db-backup", control_db_backup, "directory", "", CONTROL_OWNER },
	{ "db-verify", control_db_verify, "", "", CONTROL_OWNER },
	{ "maps-rebuild", control_maps_rebuild, "", "", CONTROL_EVERYBODY },
	{ .name = NULL },
};
