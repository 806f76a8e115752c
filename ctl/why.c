/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome why`: the history of an account as one timeline. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/describe.h"
#include "lib/figure.h"
#include "ctl/json.h"
#include "ctl/text.h"

static void why_print(const struct attr_list *record)
{
	struct buffer text = BUFFER_EMPTY;
	char when[FIGURE_SIZE];
	int64_t at = 0;

	attr_list_get_number(record, "at", &at, NULL);
	describe_event(record, &text);
	text_print(stdout, "%s  %s", figure_instant_ms(at, when), text.data);
	putchar('\n');
	buffer_free(&text);
}

static int why_records(struct session *session, const struct attr_list *reply,
	struct error *error)
{
	const struct attr_list *record;
	struct json_array array;
	int64_t records = 0;
	int code = 0;

	if (attr_list_get_number(reply, "records", &records, error) != 1)
		return EX_TEMPFAIL;
	if (session->json)
		json_array_begin(&array, stdout);
	else if (records == 0 && !session->quiet)
		fputs("no history\n", stderr);
	while (records-- > 0 && code == 0) {
		code = session_next(session, &record, error);
		if (code != 0)
			break;
		if (session->json)
			json_array_add(&array, record);
		else
			why_print(record);
	}
	if (session->json)
		json_array_end(&array);
	return code;
}

int why_command(struct session *session, const struct line *line)
{
	const char *address = line_argument(line, 0);
	struct attr_list *request = session_request("why", address);
	const struct attr_list *reply;
	struct error error;
	size_t limit;
	int code = line_read_number(line, "limit", &limit, &error);

	if (code < 0) {
		attr_list_free(&request);
		return session_misused(session, error.text);
	}
	if (code > 0)
		attr_list_add_number(request, "limit", (int64_t)limit);
	code = session_call(session, request, &reply, &error);
	attr_list_free(&request);
	if (code == 0)
		code = why_records(session, reply, &error);
	if (code != 0)
		return session_fail(session, code, address,
			session_bare_reason(error.text, address), NULL);
	return 0;
}
