/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome watch`: the events themselves, one line each, until policyd ends. */
#include <config.h>

#include <string.h>

#include "ctl/commands.h"
#include "ctl/follow.h"

/* Returns true with the exit code when it is over. */
static bool watch_one(struct session *session, int *code_r)
{
	const struct attr_list *event;
	struct error error;
	const char *name;

	if (control_next(session->client, -1, &event, &error) < 0) {
		*code_r = session_fail(
			session, EX_UNAVAILABLE, NULL, error.text, NULL);
		return true;
	}
	follow_print_event(session, event);
	name = attr_list_get(event, "event");
	*code_r = EX_UNAVAILABLE;
	return ferror(stdout) || (name != NULL && strcmp(name, "end") == 0);
}

int watch_command(struct session *session, const struct line *line)
{
	const char *address = line_argument(line, 0);
	struct attr_list *request = session_request("watch", address);
	const struct attr_list *reply;
	struct error error;
	int code;

	if (line_has(line, "batch"))
		attr_list_add(request, "batch", line_option(line, "batch"));
	code = session_call(session, request, &reply, &error);
	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, address,
			address != NULL
				? session_bare_reason(error.text, address)
				: error.text,
			NULL);
	while (!watch_one(session, &code))
		;
	return code;
}
