/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names in the directory: accounts and aliases come and go. Whoever takes
 * a name holds names_lock from the look to the commit.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/machine_private.h"

/* Whether the name, free as an account, is free as an alias too. */
static enum control_status machine_check_alias_free(
	struct machine_change *change, const char *alias, struct error *error)
{
	char owner[ADDRESS_SIZE];
	int found = store_txn_get_alias(change->txn, alias, owner, error);

	if (found < 0)
		return machine_doom(change);
	if (found == 0)
		return CONTROL_OK;
	error_set(error, "address %s: it is an alias of %s", alias, owner);
	return CONTROL_CONFLICT;
}

static enum control_status machine_check_name_free(
	struct machine_change *change, const char *alias, struct error *error)
{
	struct account account;
	int found = store_txn_get_account(change->txn, alias, &account, error);

	if (found < 0)
		return machine_doom(change);
	if (found == 0)
		return machine_check_alias_free(change, alias, error);
	account_clear(&account);
	error_set(error, "address %s: it is an account", alias);
	return CONTROL_CONFLICT;
}

/* Canonical form; an address outside the managed domains would never be asked
 * for, so it is refused. */
static enum control_status machine_canonical(struct machine *machine,
	const char *text, struct address *address_r, struct error *error)
{
	const struct settings *settings;
	enum control_status status = CONTROL_OK;

	if (address_parse(text, address_r, error) < 0)
		return CONTROL_ERROR;
	settings = settings_get(machine->settings);
	if (config_domain(settings->config, address_domain(address_r)) ==
		NULL) {
		error_set(error, "address %s: no domain of the configuration",
			address_r->text);
		status = CONTROL_ERROR;
	}
	settings_put(machine->settings, &settings);
	return status;
}

struct machine_add_request {
	const struct machine_add *add;
	const struct address *aliases;
	const char *by;
};

static int machine_copy_name(char field[ACCOUNT_NAME_SIZE], const char *what,
	const char *name, struct error *error)
{
	if (strlen(name) >= ACCOUNT_NAME_SIZE) {
		error_set(error, "%s %.40s...: longer than %d bytes", what,
			name, ACCOUNT_NAME_SIZE - 1);
		return -1;
	}
	memcpy(field, name, strlen(name) + 1);
	return 0;
}

static int machine_add_systems(const struct machine_change *change,
	const struct machine_add *add, struct account *account,
	struct error *error)
{
	const char *names[2] = { add->source, add->destination };

	for (size_t i = 0; i < 2; i++)
		if (config_system(change->config, names[i]) == NULL) {
			error_set(error, "system %s: not in the configuration",
				names[i]);
			return -1;
		}
	if (strcmp(names[0], names[1]) == 0) {
		error_set(error, "system %s: both source and destination",
			names[0]);
		return -1;
	}
	if (machine_copy_name(account->source, "system", names[0], error) < 0)
		return -1;
	return machine_copy_name(
		account->destination, "system", names[1], error);
}

static enum control_status machine_add_aliases(struct machine_change *change,
	const struct machine_add_request *request, struct error *error)
{
	for (size_t i = 0; i < request->add->aliases_count; i++) {
		const char *alias = request->aliases[i].text;
		enum control_status status =
			machine_check_name_free(change, alias, error);

		if (status == CONTROL_OK &&
			strcmp(alias, change->account.address) == 0) {
			error_set(
				error, "address %s: it is the account", alias);
			status = CONTROL_CONFLICT;
		}
		if (status != CONTROL_OK)
			return status;
		if (store_txn_put_alias(change->txn, alias,
			    change->account.address, error) < 0)
			return machine_doom(change);
	}
	return CONTROL_OK;
}

static enum control_status machine_add_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_add_request *request = context;
	const struct machine_add *add = request->add;
	struct account *account = &change->account;
	enum control_status status;
	struct attr_list *line;

	memcpy(account->address, add->address, strlen(add->address) + 1);
	account->home = add->home;
	if (machine_add_systems(change, add, account, error) < 0 ||
		machine_copy_name(account->batch, "batch",
			add->batch != NULL ? add->batch : "", error) < 0)
		return CONTROL_ERROR;
	status = machine_check_alias_free(change, account->address, error);
	if (status == CONTROL_OK)
		status = machine_add_aliases(change, request, error);
	if (status != CONTROL_OK)
		return status;
	line = machine_line(change, "add");
	attr_list_add(line, "home", account_home_name(account->home));
	attr_list_add(line, "source", account->source);
	attr_list_add(line, "destination", account->destination);
	for (size_t i = 0; i < add->aliases_count; i++)
		attr_list_add(line, "alias", request->aliases[i].text);
	attr_list_add(line, "by", request->by);
	change->wakes_front = true;
	return CONTROL_OK;
}

enum control_status machine_add(struct machine *machine,
	const struct machine_add *add, const char *by,
	struct account *account_r, struct error *error)
{
	struct machine_add canonical = *add;
	struct machine_add_request request = { .add = &canonical, .by = by };
	struct address address, *aliases;
	enum control_status status;

	status = machine_canonical(machine, add->address, &address, error);
	if (status != CONTROL_OK)
		return status;
	canonical.address = address.text;
	aliases = xcalloc(add->aliases_count + 1, sizeof(aliases[0]));
	request.aliases = aliases;
	for (size_t i = 0; i < add->aliases_count && status == CONTROL_OK; i++)
		status = machine_canonical(
			machine, add->aliases[i], &aliases[i], error);
	if (status == CONTROL_OK) {
		pthread_mutex_lock(&machine->names_lock);
		status = machine_create(machine, address.text, machine_add_step,
			&request, account_r, error);
		pthread_mutex_unlock(&machine->names_lock);
	}
	free(aliases);
	return status;
}

static enum control_status machine_remove_step(
	struct machine_change *change, const void *by, struct error *error)
{
	struct account *account = &change->account;

	if (account_is_moving(account)) {
		error_set(error, "account %s: a move is under way: %s",
			account->address, account_phase_name(account->phase));
		return CONTROL_CONFLICT;
	}
	if (account->front != ACCOUNT_FRONT_OPEN) {
		error_set(error, "account %s: its last freeze is being ended",
			account->address);
		return CONTROL_CONFLICT;
	}
	if (store_txn_delete_account(change->txn, account->address, error) < 0)
		return machine_doom(change);
	attr_list_add(machine_line(change, "remove"), "by", by);
	change->removed = true;
	change->wakes_front = true;
	return CONTROL_OK;
}

enum control_status machine_remove(struct machine *machine, const char *address,
	const char *by, struct error *error)
{
	enum control_status status;

	pthread_mutex_lock(&machine->names_lock);
	status = machine_change(
		machine, address, machine_remove_step, by, NULL, error);
	pthread_mutex_unlock(&machine->names_lock);
	return status;
}

struct machine_alias_request {
	const char *alias;
	const char *by;
};

static enum control_status machine_alias_line(struct machine_change *change,
	const char *event, const struct machine_alias_request *request)
{
	struct attr_list *line = machine_line(change, event);

	attr_list_add(line, "alias", request->alias);
	attr_list_add(line, "by", request->by);
	change->wakes_front = true;
	return CONTROL_OK;
}

static enum control_status machine_alias_add_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_alias_request *request = context;
	enum control_status status =
		machine_check_name_free(change, request->alias, error);

	if (status != CONTROL_OK)
		return status;
	/* the front would have to close an address behind its back */
	if (account_is_frozen(&change->account)) {
		error_set(error, "account %s: no new alias during a freeze",
			change->account.address);
		return CONTROL_CONFLICT;
	}
	if (store_txn_put_alias(change->txn, request->alias,
		    change->account.address, error) < 0)
		return machine_doom(change);
	return machine_alias_line(change, "alias-add", request);
}

static enum control_status machine_alias_remove_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_alias_request *request = context;
	char owner[ADDRESS_SIZE];
	int found =
		store_txn_get_alias(change->txn, request->alias, owner, error);

	if (found < 0)
		return machine_doom(change);
	if (found == 0 || strcmp(owner, change->account.address) != 0) {
		error_set(error, "address %s: no alias of %s", request->alias,
			change->account.address);
		return CONTROL_NOT_FOUND;
	}
	if (account_is_frozen(&change->account)) {
		error_set(error, "account %s: no alias goes during a freeze",
			change->account.address);
		return CONTROL_CONFLICT;
	}
	if (store_txn_delete_alias(change->txn, request->alias, error) < 0)
		return machine_doom(change);
	return machine_alias_line(change, "alias-remove", request);
}

static enum control_status machine_change_alias(struct machine *machine,
	const char *address, const char *alias, const char *by,
	machine_step_fn *step, struct error *error)
{
	struct machine_alias_request request = { .by = by };
	struct address canonical;
	enum control_status status;

	if (step == machine_alias_add_step)
		status = machine_canonical(machine, alias, &canonical, error);
	else
		status = address_parse(alias, &canonical, error) < 0
				 ? CONTROL_ERROR
				 : CONTROL_OK;
	if (status != CONTROL_OK)
		return status;
	request.alias = canonical.text;
	pthread_mutex_lock(&machine->names_lock);
	status = machine_change(machine, address, step, &request, NULL, error);
	pthread_mutex_unlock(&machine->names_lock);
	return status;
}

enum control_status machine_add_alias(struct machine *machine,
	const char *address, const char *alias, const char *by,
	struct error *error)
{
	return machine_change_alias(
		machine, address, alias, by, machine_alias_add_step, error);
}

enum control_status machine_remove_alias(struct machine *machine,
	const char *address, const char *alias, const char *by,
	struct error *error)
{
	return machine_change_alias(
		machine, address, alias, by, machine_alias_remove_step, error);
}
