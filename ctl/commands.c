/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands, see command.h. */
#include <config.h>

#include <string.h>

#include "ctl/commands.h"
#include "lib/xalloc.h"

#define OPTIONS static const struct command_option

#define OPTION_BATCH                                                           \
	{                                                                      \
		"batch", 'b', "BATCH",                                         \
			"the accounts of a batch that it concerns"             \
	}
#define OPTION_REASON(help)                                                    \
	{                                                                      \
		"reason", 'r', "TEXT", help                                    \
	}
#define OPTION_END                                                             \
	{                                                                      \
		NULL, 0, NULL, NULL                                            \
	}

OPTIONS command_globals[] = {
	{ "config", 'c', "FILE", "another configuration file" },
	{ "socket", 0, "ENDPOINT",
		"where policyd listens: unix:PATH, inet:HOST:PORT" },
	{ "json", 0, NULL, "print JSON" },
	{ "quiet", 'q', NULL, "do not report what went well" },
	{ "help", 'h', NULL, "explain the command" },
	OPTION_END,
};

OPTIONS command_add_options[] = {
	{ "source", 's', "SYSTEM", "the old system (required)" },
	{ "destination", 'd', "SYSTEM", "the new system (required)" },
	{ "alias", 'a', "ADDRESS", "a further address of it; may be repeated" },
	{ "batch", 'b', "BATCH", "the batch that it belongs to" },
	{ "home", 0, "HOME", "where it is: source (default) or destination" },
	OPTION_END,
};

OPTIONS command_remove_options[] = {
	{ "force", 'f', NULL, "though mail then goes to another system" },
	OPTION_END,
};

OPTIONS command_import_options[] = {
	{ "dry-run", 'n', NULL, "check the file and say what would be done" },
	OPTION_END,
};

OPTIONS command_list_options[] = {
	{ "phase", 'p', "PHASE", "only accounts in this phase" },
	{ "home", 0, "HOME", "only accounts at source or at destination" },
	{ "batch", 'b', "BATCH", "only accounts of this batch" },
	{ "held", 0, NULL, "only accounts that are held" },
	{ "failing", 0, NULL, "only accounts whose last attempt failed" },
	{ "limit", 'n', "NUMBER", "at most that many" },
	{ "after", 0, "ADDRESS", "only addresses behind this one" },
	{ "addresses", 0, NULL, "print addresses only, one per line" },
	OPTION_END,
};

OPTIONS command_status_options[] = {
	{ "watch", 'w', NULL,
		"keep watching: live bars, or one line per event" },
	{ "batch", 'b', "BATCH", "with --watch: only accounts of this batch" },
	OPTION_END,
};

OPTIONS command_watch_options[] = {
	{ "batch", 'b', "BATCH", "only accounts of this batch" },
	OPTION_END,
};

OPTIONS command_why_options[] = {
	{ "limit", 'n', "NUMBER", "only the latest that many records" },
	OPTION_END,
};

OPTIONS command_kick_options[] = {
	{ "gateway", 'g', "GATEWAY", "only sessions of this gateway" },
	{ "session", 's', "NUMBER", "only the session of this number" },
	OPTION_END,
};

OPTIONS command_silent_options[] = {
	{ "since", 's', "TIME", "since then, or for so long, such as 30d" },
	{ "batch", 'b', "BATCH", "only accounts of this batch" },
	OPTION_END,
};

OPTIONS command_move_options[] = {
	OPTION_BATCH,
	{ "strategy", 0, "STRATEGY",
		"precopy (default), login, logout, address-first" },
	{ "not-before", 0, "TIME", "do not begin earlier" },
	{ "complete-after", 0, "TIME",
		"copy at once, but do not switch earlier" },
	{ "manual", 'm', NULL,
		"do not switch before `rehome complete` says so" },
	{ "defer", 0, NULL, "defer outside mail during the freeze (default)" },
	{ "park", 0, NULL, "let outside mail wait with us during the freeze" },
	{ "freeze-budget", 0, "DURATION",
		"longest time out of service, such as 10s" },
	{ "wait", 'w', NULL, "follow it until settled or failed" },
	OPTION_END,
};

OPTIONS command_batch_options[] = { OPTION_BATCH, OPTION_END };

OPTIONS command_deed_options[] = {
	OPTION_BATCH,
	OPTION_REASON("why, for the account's history"),
	OPTION_END,
};

OPTIONS command_approve_options[] = {
	OPTION_BATCH,
	{ "all", 'a', NULL, "all that was refused by now" },
	OPTION_REASON("why, for the account's history (required)"),
	OPTION_END,
};

OPTIONS command_freeze_options[] = {
	OPTION_REASON("why, for the account's history"),
	OPTION_END,
};

OPTIONS command_hold_options[] = {
	OPTION_BATCH,
	OPTION_REASON("why, for those who see it held (required)"),
	OPTION_END,
};

OPTIONS command_thaw_options[] = {
	OPTION_BATCH,
	OPTION_REASON("why, for the account's history (required)"),
	OPTION_END,
};

OPTIONS command_in_service_options[] = {
	{ "force", 0, NULL, "even if the last round is not proved" },
	OPTION_REASON("why; required with --force"),
	OPTION_END,
};

/* clang-format off */
static const struct command commands[] = {
	{ "The directory",
	  "add", "ADDRESS",
	  "enter an account into the directory",
	  command_add_options, entry_add, 1, 1, false },
	{ NULL,
	  "remove", "ADDRESS...",
	  "take accounts out of the directory",
	  command_remove_options, entry_remove, 1, COMMAND_MANY, false },
	{ NULL,
	  "alias add", "ADDRESS ALIAS...",
	  "give an account more addresses",
	  NULL, entry_alias_add, 2, COMMAND_MANY, false },
	{ NULL,
	  "alias remove", "ADDRESS ALIAS...",
	  "take addresses from an account",
	  NULL, entry_alias_remove, 2, COMMAND_MANY, false },
	{ NULL,
	  "import", "FILE",
	  "enter the accounts of a CSV file",
	  command_import_options, import_command, 1, 1, false },

	{ "Looking",
	  "list", "",
	  "list accounts",
	  command_list_options, list_command, 0, 0, false },
	{ NULL,
	  "show", "ADDRESS",
	  "show all about an account",
	  NULL, show_command, 1, 1, false },
	{ NULL,
	  "why", "ADDRESS",
	  "tell the history of an account",
	  command_why_options, why_command, 1, 1, false },
	{ NULL,
	  "status", "",
	  "count accounts by phase, or watch them move",
	  command_status_options, status_command, 0, 0, false },
	{ NULL,
	  "watch", "[ADDRESS]",
	  "print events as they come",
	  command_watch_options, watch_command, 0, 1, false },

	{ "Moving",
	  "move", "ADDRESS... | --batch BATCH",
	  "move accounts to their destination",
	  command_move_options, move_there, 0, COMMAND_MANY, false },
	{ NULL,
	  "return", "ADDRESS... | --batch BATCH",
	  "move accounts back to their source",
	  command_move_options, move_back, 0, COMMAND_MANY, false },
	{ NULL,
	  "complete", "ADDRESS... | --batch BATCH",
	  "switch as soon as ready, at no set time",
	  command_batch_options, move_complete, 0, COMMAND_MANY, false },
	{ NULL,
	  "cancel", "ADDRESS... | --batch BATCH",
	  "give a move up",
	  command_deed_options, move_cancel, 0, COMMAND_MANY, false },
	{ NULL,
	  "settle", "ADDRESS... | --batch BATCH",
	  "end the sweep after a move now",
	  command_deed_options, move_settle, 0, COMMAND_MANY, false },
	{ NULL,
	  "retire", "ADDRESS... | --batch BATCH",
	  "note that the old mailbox is deleted",
	  command_deed_options, move_retire, 0, COMMAND_MANY, false },
	{ NULL,
	  "hold", "ADDRESS... | --batch BATCH",
	  "stop accounts where they are",
	  command_hold_options, move_hold, 0, COMMAND_MANY, false },
	{ NULL,
	  "resume", "ADDRESS... | --batch BATCH",
	  "let held accounts go on",
	  command_batch_options, move_resume, 0, COMMAND_MANY, false },

	{ "Who is logged in",
	  "sessions", "[ADDRESS]",
	  "list sessions and deliveries under way",
	  NULL, sessions_command, 0, 1, false },
	{ NULL,
	  "kick", "ADDRESS",
	  "end sessions of an account",
	  command_kick_options, sessions_kick, 1, 1, false },
	{ NULL,
	  "seen", "ADDRESS",
	  "show how and when an account was logged in to",
	  NULL, sessions_seen, 1, 1, false },
	{ NULL,
	  "silent", "",
	  "list accounts that nobody has logged in to",
	  command_silent_options, sessions_silent, 0, 0, false },
	{ NULL,
	  "gateways", "",
	  "list the login gateways",
	  NULL, sessions_gateways, 0, 0, false },

	{ "What was refused",
	  "refused", "ADDRESS... | --batch BATCH",
	  "list what could not be carried over, and why",
	  command_batch_options, refused_command, 0, COMMAND_MANY, false },
	{ NULL,
	  "approve", "ADDRESS ITEM... | ADDRESS --all | --batch BATCH --all",
	  "let refused items be left behind, altered ones be kept",
	  command_approve_options, approve_command, 0, COMMAND_MANY, false },
	{ NULL,
	  "retry", "ADDRESS ITEM... | ADDRESS --all | --batch BATCH --all",
	  "try once more what the new server has altered",
	  command_approve_options, retry_command, 0, COMMAND_MANY, false },

	{ "The freeze",
	  "freeze", "ADDRESS...",
	  "take accounts out of service now",
	  command_freeze_options, move_freeze, 1, COMMAND_MANY, false },
	{ NULL,
	  "thaw", "ADDRESS... | --batch BATCH",
	  "back into service where they were",
	  command_thaw_options, move_thaw, 0, COMMAND_MANY, false },
	{ NULL,
	  "in-service", "ADDRESS...",
	  "into service at the other system",
	  command_in_service_options, move_in_service, 1, COMMAND_MANY, false },

	{ "Without a daemon",
	  "copy", "SOURCE DESTINATION [OPTION...]",
	  "copy one account from server to server",
	  NULL, care_engine, 0, COMMAND_MANY, true },
	{ NULL,
	  "folders", "ADDRESS | SOURCE DESTINATION [OPTION...]",
	  "show which folder becomes which",
	  NULL, care_folders, 0, COMMAND_MANY, true },

	{ "Looking at copies",
	  "certificate", "ADDRESS|FILE [OPTION...]",
	  "tell what was where when a copy was proved, or check it",
	  NULL, care_engine, 0, COMMAND_MANY, true },
	{ NULL,
	  "verify", "ADDRESS | SOURCE DESTINATION [OPTION...]",
	  "read every message on both sides and compare",
	  NULL, care_engine, 0, COMMAND_MANY, true },

	{ "Care",
	  "db backup", "DIRECTORY",
	  "copy the running store into a new directory",
	  NULL, care_backup, 1, 1, false },
	{ NULL,
	  "db restore", "DIRECTORY",
	  "put a backup in the place of the stopped store",
	  NULL, care_restore, 1, 1, false },
	{ NULL,
	  "db verify", "[DIRECTORY]",
	  "check the store, or a backup",
	  NULL, care_verify, 0, 1, false },
	{ NULL,
	  "maps rebuild", "",
	  "have policyd publish all its maps anew",
	  NULL, care_maps_rebuild, 0, 0, false },
	{ NULL,
	  "config check", "[FILE]",
	  "check the configuration",
	  NULL, care_config_check, 0, 1, false },
	{ NULL,
	  "config describe", "",
	  "list every option of the configuration",
	  NULL, care_config_describe, 0, 0, false },
	{ NULL,
	  "help", "[COMMAND]",
	  "explain the commands",
	  NULL, help_command, 0, 2, false },
	{ NULL,
	  "version", "",
	  "print the version",
	  NULL, help_version, 0, 0, false },
};
/* clang-format on */

const struct command *command_at(size_t index)
{
	return index < sizeof(commands) / sizeof(*commands) ? &commands[index]
							    : NULL;
}

const struct command *command_find(const char *name)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

const struct command *command_match(
	int count, char *const words[], int *words_r)
{
	const struct command *command;

	*words_r = 0;
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		size_t size = strcspn(command->name, " ");

		if (strlen(words[0]) != size ||
			strncmp(command->name, words[0], size) != 0)
			continue;
		*words_r = 1;
		if (command->name[size] == '\0')
			return command;
		if (count > 1 &&
			strcmp(command->name + size + 1, words[1]) == 0) {
			*words_r = 2;
			return command;
		}
	}
	return NULL;
}

const struct command_option *command_global_options(void)
{
	return command_globals;
}
