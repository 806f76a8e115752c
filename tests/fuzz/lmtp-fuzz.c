/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile delivery agents and hostile homes: the first octet chooses which, and
 * the size of the pieces in which the rest comes. A home never makes us believe
 * that it has taken what was not sent to its end.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "gateway/lmtp_home.h"
#include "gateway/lmtp_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Answers as the number of the recipient tells, some of them late. */
static void fuzz_answer(
	struct lmtp_server *server, size_t number, struct buffer *out)
{
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };

	lmtp_reply_set(&reply, number % 3 == 2 ? 451 : 250, "2.0.0 x\n2.0.0 y");
	lmtp_server_answer(server, number, &reply, out);
	lmtp_reply_clear(&reply);
}

static void fuzz_server(const char *data, size_t size, size_t piece)
{
	const struct lmtp_offer offer = { LMTP_OF_HOMES, 100 };
	struct lmtp_server *server = lmtp_server_new("h", true);
	enum lmtp_server_event event = LMTP_SERVER_MORE;
	struct buffer out = BUFFER_EMPTY;
	size_t late[LMTP_RECIPIENTS_MAX], lates = 0, number;
	size_t taken[LMTP_RECIPIENTS_MAX], count = 0;

	lmtp_server_offer(server, &offer);
	while (size > 0 && event != LMTP_SERVER_END) {
		size_t take = size < piece ? size : piece, used;

		event = lmtp_server_input(server, data, take, &used, &out);
		data += used;
		size -= used;
		if (event == LMTP_SERVER_STARTTLS)
			lmtp_server_secured(server);
		if (event == LMTP_SERVER_RCPT) {
			lmtp_server_recipient(server, &number);
			if (number % 3 != 2)
				taken[count++] = number;
			if (number % 2 == 0)
				fuzz_answer(server, number, &out);
			else
				late[lates++] = number;
		} else if (event == LMTP_SERVER_CONTENT) {
			buffer_clear(lmtp_server_content(server));
		} else if (event == LMTP_SERVER_COMPLETE) {
			while (count > 0)
				fuzz_answer(server, taken[--count], &out);
		} else if (event == LMTP_SERVER_RESET ||
			   event == LMTP_SERVER_STARTTLS) {
			lates = count = 0;
		} else if (event == LMTP_SERVER_MORE && used < take) {
			if (lates == 0)
				abort(); /* it waits for nobody */
			fuzz_answer(server, late[--lates], &out);
		}
		buffer_clear(&out);
	}
	lmtp_server_free(&server);
	buffer_free(&out);
}

struct course {
	struct lmtp_home *home;
	struct buffer out;
	size_t answered, good;
	bool chunked, ended;
};

static void fuzz_begin(struct course *course)
{
	static const struct lmtp_mail mail = { .from = (char *)"s@x" };
	static const struct lmtp_recipient to = { .to = (char *)"a@x" };

	course->answered = course->good = 0;
	course->ended = false;
	lmtp_home_mail(course->home, &mail, &course->out);
	lmtp_home_recipient(course->home, &to, &course->out);
	lmtp_home_recipient(course->home, &to, &course->out);
}

static void fuzz_end(struct course *course)
{
	lmtp_home_content(course->home, ".\n", 2, &course->out);
	lmtp_home_end(course->home, &course->out);
	course->ended = true;
}

static void fuzz_event(struct course *course, enum lmtp_home_event event)
{
	bool good = lmtp_reply_is_good(lmtp_home_reply(course->home));

	if (event == LMTP_HOME_STARTTLS)
		lmtp_home_secured(course->home, &course->out);
	if (event == LMTP_HOME_READY || event == LMTP_HOME_FREE)
		fuzz_begin(course);
	if (event == LMTP_HOME_RCPT) {
		course->good += good;
		if (++course->answered == 2 && course->good == 0)
			lmtp_home_reset(course->home, &course->out);
		else if (course->answered == 2 &&
			 lmtp_home_data(
				 course->home, course->chunked, &course->out))
			fuzz_end(course);
	}
	if (event == LMTP_HOME_GO)
		fuzz_end(course);
	if (good && ((event == LMTP_HOME_ANSWER && !course->ended) ||
			    event == LMTP_HOME_LOST))
		abort();
}

static void fuzz_home(
	const char *data, size_t size, size_t piece, unsigned choice)
{
	const struct lmtp_home_terms terms = { (choice & 2) != 0,
		(choice & 4) != 0, "h", (choice & 8) != 0 ? "::1" : NULL };
	struct course course = { .home = lmtp_home_new(&terms),
		.chunked = (choice & 16) != 0 };
	enum lmtp_home_event event = LMTP_HOME_MORE;

	while (size > 0 && event != LMTP_HOME_LOST) {
		size_t take = size < piece ? size : piece, used;

		event = lmtp_home_input(
			course.home, data, take, &used, &course.out);
		data += used;
		size -= used;
		fuzz_event(&course, event);
		buffer_clear(&course.out);
	}
	lmtp_home_free(&course.home);
	buffer_free(&course.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned choice;

	if (size == 0)
		return 0;
	choice = data[0];
	if (choice & 1)
		fuzz_server(
			(const char *)data + 1, size - 1, (choice >> 1) + 1u);
	else
		fuzz_home((const char *)data + 1, size - 1,
			(choice >> 5) * 9 + 1u, choice);
	return 0;
}
