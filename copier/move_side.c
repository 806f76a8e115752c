/* SPDX-License-Identifier: BSD-2-Clause */
/* The two mailboxes of a move, and the hook that prepares the other side. */
#include "config.h"

#include "copier/move_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copier/lanes.h"
#include "copier/slot.h"

#include "lib/process.h"
#include "lib/xalloc.h"

static const struct config_system *move_system(
	const struct move *move, const char *name, struct error *error)
{
	const struct config_system *system =
		config_system(move->order->config, name);

	if (system == NULL)
		error_set(error, "system %s is not configured", name);
	return system;
}

static struct mailbox *move_connect(struct move *move,
	const struct config_system *system, int *slot, struct error *error)
{
	const struct location *place = move_place(move, system, error);
	struct mailbox *mailbox;

	if (place == NULL)
		return NULL;
	/* A lost connection keeps its slot: nobody waits in a freeze. */
	if (*slot < 0)
		*slot = slot_take(move->order->config->copier.state,
			system->name, (size_t)system->connections, move_goes_on,
			move, error);
	if (*slot < 0)
		return NULL;
	mailbox = mailbox_open(
		&place->target, move->flags, &move->failure, error);
	if (mailbox == NULL)
		error_prefix(error, "system %s", system->name);
	return mailbox;
}

int move_open_home(struct move *move, struct error *error)
{
	const struct config_system *system =
		move_system(move, account_home_system(move->account), error);

	if (move->pass.home == NULL && system != NULL)
		move->pass.home =
			move_connect(move, system, &move->slots[0], error);
	return move->pass.home != NULL ? 0 : -1;
}

int move_open_other(struct move *move, struct error *error)
{
	const struct config_system *system =
		move_system(move, account_other_system(move->account), error);

	if (move->pass.other == NULL && system != NULL)
		move->pass.other =
			move_connect(move, system, &move->slots[1], error);
	return move->pass.other != NULL ? 0 : -1;
}

static void move_close_one(struct mailbox **mailbox, int *slot)
{
	mailbox_close(mailbox);
	if (*slot >= 0)
		close(*slot);
	*slot = -1;
}

void move_close(struct move *move)
{
	move_close_one(&move->pass.home, &move->slots[0]);
	move_close_one(&move->pass.other, &move->slots[1]);
}

static bool move_is_alive(void *context, int side, struct error *error)
{
	struct move *move = context;
	struct mailbox **mailbox =
		side == 0 ? &move->pass.home : &move->pass.other;

	if (*mailbox != NULL && mailbox_keep_alive(*mailbox, error) < 0)
		mailbox_close(mailbox);
	return *mailbox != NULL;
}

int move_revive(struct move *move, struct error *error)
{
	/* Both are asked at the same time. */
	if (lanes_open_both(move_is_alive, move, error))
		return 0;
	if (move_open_home(move, error) < 0)
		return -1;
	return move_open_other(move, error);
}

/* The environment that every hook of an account gets. */
static char **move_environment(
	const struct move *move, const struct config_system *system)
{
	const char *address = move->account->address;
	const char *at = strrchr(address, '@');
	char *login = config_login_name(system, address);
	char **environment = xcalloc(9, sizeof(*environment));
	size_t count = 6;

	environment[0] = xasprintf("REHOME_ACCOUNT=%s", address);
	environment[1] = xasprintf(
		"REHOME_LOCAL_PART=%.*s", (int)(at - address), address);
	environment[2] = xasprintf("REHOME_DOMAIN=%s", at + 1);
	environment[3] = xasprintf("REHOME_LOGIN=%s", login);
	environment[4] = xasprintf("REHOME_SYSTEM=%s", system->name);
	environment[5] = xstrdup("REHOME_ACTION=provision");
	if (move->uidl_format != NULL)
		environment[count++] = xasprintf(
			"REHOME_POP3_UIDL_FORMAT=%s", move->uidl_format);
	if (move->learned.data != NULL)
		environment[count++] = xstrdup("REHOME_PASSWORD_FD=3");
	free(login);
	return environment;
}

int move_provision(struct move *move, struct error *error)
{
	const struct config_system *system =
		move_system(move, account_other_system(move->account), error);
	const char *argv[2] = { NULL, NULL };
	struct process_job job = { .argv = argv };
	char **environment;
	int result, i;

	if (system == NULL)
		return -1;
	if (system->provision == NULL)
		return 0;
	argv[0] = system->provision;
	environment = move_environment(move, system);
	job.environment = (const char *const *)environment;
	job.timeout_ms = (int)system->hook_timeout;
	job.secret = move->learned.data;
	result = process_run(&job, NULL, error);
	for (i = 0; environment[i] != NULL; i++)
		free(environment[i]);
	free(environment);
	if (result < 0)
		error_prefix(error, "provision hook");
	return result;
}
