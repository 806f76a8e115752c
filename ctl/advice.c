/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operator can do next: after a refused request, and about an account
 * that does not get on. Pure, see describe.h.
 */
#include <config.h>

#include <string.h>

#include "ctl/describe.h"
#include "lib/figure.h"
#include "lib/xalloc.h"

static char *advice_command(
	const char *command, const struct account *account, const char *what)
{
	return xasprintf("`rehome %s %s` %s", command, account->address, what);
}

/* Refused since a move is under way already. */
static char *advice_moving(const struct account *account)
{
	if (account->phase == ACCOUNT_FROZEN)
		return advice_command(
			"thaw", account, "ends the freeze, then cancel it");
	if (account->phase == ACCOUNT_SWEEPING)
		return xasprintf("it is at %s already, wait until it has "
				 "settled",
			account_home_system(account));
	return advice_command("cancel", account, "ends the present move");
}

static char *advice_move(const struct account *account)
{
	if (account_is_moving(account))
		return advice_moving(account);
	if (account->phase == ACCOUNT_SETTLED &&
		account->home == ACCOUNT_DESTINATION)
		return advice_command("return", account, "moves it back");
	return NULL;
}

static char *advice_return(const struct account *account)
{
	if (account_is_moving(account))
		return advice_moving(account);
	if (account->phase == ACCOUNT_SETTLED &&
		account->home == ACCOUNT_SOURCE)
		return advice_command("move", account, "moves it there");
	return NULL;
}

static char *advice_cancel(const struct account *account)
{
	if (account->phase == ACCOUNT_FROZEN)
		return advice_command("thaw", account, "ends the freeze first");
	if (account->phase == ACCOUNT_SWEEPING)
		return advice_command(
			"return", account, "moves it back once it has settled");
	if (account->phase == ACCOUNT_SETTLED)
		return xstrdup("there is nothing to cancel");
	return NULL;
}

static char *advice_freeze(const struct account *account)
{
	if (account->held)
		return advice_command("resume", account, "lets it go on");
	if (account->phase == ACCOUNT_SETTLED)
		return advice_command(
			account->home == ACCOUNT_SOURCE ? "move" : "return",
			account, "comes first");
	if (account->phase == ACCOUNT_REQUESTED)
		return xstrdup("wait until it is copying or ready");
	return NULL;
}

static char *advice_in_service(const struct account *account)
{
	if (account->phase != ACCOUNT_FROZEN)
		return xasprintf("it is in service, at %s",
			account_home_system(account));
	if (!account->proved)
		return xstrdup("wait for the proof of the last round, or give "
			       "--force and --reason");
	return NULL;
}

static char *advice_thaw(const struct account *account)
{
	if (account->phase == ACCOUNT_FROZEN)
		return NULL;
	return xasprintf(
		"it is in service, at %s", account_home_system(account));
}

static char *advice_complete(const struct account *account)
{
	if (account->phase == ACCOUNT_SETTLED &&
		account->home == ACCOUNT_SOURCE)
		return advice_command("move", account, "comes first");
	return NULL;
}

static char *advice_remove(const struct account *account)
{
	return account_is_moving(account) ? advice_moving(account) : NULL;
}

static char *advice_settle(const struct account *account)
{
	if (account->phase == ACCOUNT_SWEEPING)
		return NULL;
	return xstrdup("only the sweep after a flip can be settled");
}

static char *advice_retire(const struct account *account)
{
	if (account_is_moving(account))
		return advice_moving(account);
	return NULL;
}

static char *advice_add(const struct account *account)
{
	return advice_command("show", account, "tells what is known of it");
}

char *describe_way_out(const char *command, const struct account *account)
{
	static const struct {
		const char *command;
		char *(*advise)(const struct account *account);
	} ways[] = {
		{ "move", advice_move },
		{ "return", advice_return },
		{ "cancel", advice_cancel },
		{ "complete", advice_complete },
		{ "freeze", advice_freeze },
		{ "thaw", advice_thaw },
		{ "in-service", advice_in_service },
		{ "remove", advice_remove },
		{ "settle", advice_settle },
		{ "retire", advice_retire },
		{ "add", advice_add },
		{ "alias add", advice_add },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (strcmp(ways[i].command, command) == 0)
			return ways[i].advise(account);
	return NULL;
}

/* The words of frequent causes, and what cures them. */
static const struct {
	const char *words;
	const char *cure;
} advice_cures[] = {
	{ " refused; first: ", "`rehome refused` lists them and says what "
			       "helps" },
	{ "it does not fit", "make room at the destination" },
	{ "over its budget", "move it at a quieter hour, or with a larger "
			     "--freeze-budget" },
	{ "certificate", "see ca_file and verify of the system in the "
			 "configuration" },
	{ "AUTHENTICATIONFAILED", "see user, master and passwords of the "
				  "system in the configuration" },
	{ "authentication", "see user, master and passwords of the system in "
			    "the configuration" },
	{ "login", "see user, master and passwords of the system in the "
		   "configuration" },
	{ "provision", "run the provision hook by hand to see more" },
	{ "hook", "run the hook by hand to see more" },
	{ "quota", "make room at the destination" },
	{ "OVERQUOTA", "make room at the destination" },
	{ "Connection refused", "see that the server is up, and its host and "
				"port in the configuration" },
};

static const char *advice_cure(const char *failure)
{
	for (size_t i = 0; i < sizeof(advice_cures) / sizeof(*advice_cures);
		i++)
		if (strstr(failure, advice_cures[i].words) != NULL)
			return advice_cures[i].cure;
	return NULL;
}

static char *advice_failing(const struct account *account, int64_t now)
{
	const char *cure = advice_cure(account->failure);
	char when[FIGURE_SIZE];
	struct buffer text = BUFFER_EMPTY;

	if (cure != NULL)
		buffer_printf(&text, "%s; ", cure);
	if (account->due > now)
		buffer_printf(&text, "it is tried again at %s",
			figure_instant(account->due, when));
	else
		buffer_add_text(&text, "it is tried again by the next worker");
	buffer_printf(&text, ", `rehome cancel %s` gives up", account->address);
	return text.data;
}

char *describe_advice(const struct account *account, int64_t now)
{
	if (account->held)
		return advice_command("resume", account, "lets it go on");
	if (account->attempts > 0 && account_is_moving(account) &&
		account->phase != ACCOUNT_FROZEN)
		return advice_failing(account, now);
	if (account->phase == ACCOUNT_READY && account->complete_after > now)
		return advice_command("complete", account, "moves it now");
	return NULL;
}
