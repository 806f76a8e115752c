/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration points at: whether it is there, of the right kind, and
 * as secret as it must be. Asked by the operator before a start; the daemons
 * find out by themselves.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config_private.h"
#include "lib/xalloc.h"

/* NULL paths are options that are switched off: nothing to check. */
static int files_stat(
	const char *path, struct stat *status_r, struct error *error)
{
	if (stat(path, status_r) == 0)
		return 0;
	error_set(error, "%s: %s", path, strerror(errno));
	return -1;
}

static int files_directory(const char *path, struct error *error)
{
	struct stat status;

	if (path == NULL)
		return 0;
	if (files_stat(path, &status, error) < 0)
		return -1;
	if (S_ISDIR(status.st_mode))
		return 0;
	error_set(error, "%s: is no directory", path);
	return -1;
}

/* The copier makes its own directory; only something else there is wrong. */
static int files_state(const char *path, struct error *error)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return files_directory(path, error);
}

static int files_regular(
	const char *path, struct stat *status_r, struct error *error)
{
	if (files_stat(path, status_r, error) < 0)
		return -1;
	if (S_ISREG(status_r->st_mode))
		return 0;
	error_set(error, "%s: is no regular file", path);
	return -1;
}

static int files_program(const char *path, struct error *error)
{
	struct stat status;

	if (path == NULL)
		return 0;
	if (files_regular(path, &status, error) < 0)
		return -1;
	/* whoever may write it becomes whoever runs it */
	if ((status.st_mode & S_IWOTH) != 0) {
		error_set(error, "%s: everybody may write it", path);
		return -1;
	}
	if ((status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0)
		return 0;
	error_set(error, "%s: is not executable", path);
	return -1;
}

static int files_command(const char *command, struct error *error)
{
	char *program;
	int result;

	if (command == NULL || command[0] != '/')
		return 0;
	program = xstrndup(command, strcspn(command, " \t"));
	result = files_program(program, error);
	free(program);
	return result;
}

static int files_readable(const char *path, struct error *error)
{
	struct stat status;

	if (path == NULL)
		return 0;
	if (files_regular(path, &status, error) < 0)
		return -1;
	if (access(path, R_OK) == 0)
		return 0;
	error_set(error, "%s: %s", path, strerror(errno));
	return -1;
}

static int files_secret(const char *path, struct error *error)
{
	struct stat status;

	if (path == NULL)
		return 0;
	if (files_regular(path, &status, error) < 0)
		return -1;
	if ((status.st_mode & (S_IRWXO)) != 0) {
		error_set(error,
			"%s: holds secrets and is open to others (mode "
			"%04o); chmod o= it",
			path, (unsigned)(status.st_mode & 07777));
		return -1;
	}
	if (status.st_size > 0)
		return 0;
	error_set(error, "%s: is empty", path);
	return -1;
}

/* Each path of a list. */
static int files_each(const char *list,
	int (*check)(const char *path, struct error *error),
	struct error *error)
{
	int status = 0;

	while (list != NULL && *list != '\0' && status == 0) {
		size_t size = strcspn(list, CONFIG_BLANKS);
		char *path = xstrndup(list, size);

		status = size > 0 ? check(path, error) : 0;
		free(path);
		list += size;
		list += strspn(list, CONFIG_BLANKS);
	}
	return status;
}

/* Tells what is amiss, each by itself; counts it. */
struct files_tale {
	config_amiss_fn *amiss;
	void *context;
	int count;
};

static void files_tell(struct files_tale *tale, const struct error *error)
{
	tale->count++;
	tale->amiss(tale->context, error);
}

static void files_system(
	const struct config_system *system, struct files_tale *tale)
{
	const struct {
		const char *option;
		int (*check)(const char *path, struct error *error);
		const char *path;
	} checks[] = {
		{ "master_password_file", files_secret,
			system->master_password_file },
		{ "passwords", files_secret, system->passwords },
		{ "token_command", files_command, system->token_command },
		{ "folders", files_readable, system->folders },
		{ "ca_file", files_readable, system->ca_file },
		{ "doveadm_password_file", files_secret,
			system->doveadm_password_file },
		{ "provision", files_program, system->provision },
		{ "lock", files_program, system->lock },
		{ "unlock", files_program, system->unlock },
	};
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].check(checks[i].path, &error) == 0)
			continue;
		error_prefix(&error, "system \"%s\": %s", system->name,
			checks[i].option);
		files_tell(tale, &error);
	}
}

static void files_listen(
	const struct config_listen *listen, struct files_tale *tale)
{
	/* Keys may be with their certificates. */
	const char *keys =
		listen->key != NULL ? listen->key : listen->certificate;
	struct error error;

	if (files_each(listen->certificate, files_readable, &error) < 0) {
		error_prefix(
			&error, "listen \"%s\": certificate", listen->name);
		files_tell(tale, &error);
	}
	if (files_each(keys, files_secret, &error) < 0) {
		error_prefix(&error, "listen \"%s\": key", listen->name);
		files_tell(tale, &error);
	}
}

int config_check_all_files(
	const struct config *config, config_amiss_fn *amiss, void *context)
{
	const struct {
		const char *option;
		int (*check)(const char *path, struct error *error);
		const char *path;
	} checks[] = {
		{ "maps: directory", files_directory, config->maps.directory },
		{ "maps: reload", files_command, config->maps.reload },
		{ "queue: list", files_command, config->queue.list },
		{ "queue: flush", files_command, config->queue.flush },
		{ "copier: state", files_state, config->copier.state },
		{ "gateway: delivery_spool", files_directory,
			config->gateway.delivery_spool },
		{ "gateway: public_key", files_readable,
			config->gateway.public_key },
		{ "copier: private_key", files_secret,
			config->copier.private_key },
	};
	struct files_tale tale = { .amiss = amiss, .context = context };
	struct error error;
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].check(checks[i].path, &error) == 0)
			continue;
		error_prefix(&error, "%s", checks[i].option);
		files_tell(&tale, &error);
	}
	for (i = 0; i < config->systems_count; i++)
		files_system(&config->systems[i], &tale);
	for (i = 0; i < config->listens_count; i++)
		files_listen(&config->listens[i], &tale);
	return tale.count;
}
