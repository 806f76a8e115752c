/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of words. The first row that is found in the words counts. */
#include "config.h"

#include "copier/backoff.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* A server that names a time means minutes, not days (ms). */
#define BACKOFF_MOST (60 * 60 * 1000)

static const struct {
	const char *text;
	enum backoff_kind kind;
} backoff_table[] = {
	/* Our own: nothing of it changes by itself. */
	{ "certificate of ", BACKOFF_NEVER },
	{ "has the pin ", BACKOFF_NEVER },
	{ "does not speak TLS", BACKOFF_NEVER },
	{ "speaks TLS at once", BACKOFF_NEVER },
	{ "the server does not offer", BACKOFF_NEVER },
	{ "giving up: ", BACKOFF_NEVER },
	{ " journal /", BACKOFF_NEVER },
	{ "SCRAM: ", BACKOFF_NEVER },
	{ "bytes of today are spent", BACKOFF_NEVER },
	/* Throttle texts come with codes that mean something else elsewhere,
	 * so they stand before the codes. */
	{ "Suggested Backoff Time", BACKOFF_LATER },
	{ "throttled", BACKOFF_LATER },
	{ "Bandwidth limit", BACKOFF_LATER },
	{ "Too many simultaneous", BACKOFF_LATER },
	{ "too many connections", BACKOFF_LATER },
	{ "Maximum number of connections", BACKOFF_LATER },
	{ "connections from your IP", BACKOFF_LATER },
	{ "rate limit", BACKOFF_LATER },
	{ "Too many requests", BACKOFF_LATER },
	{ "Too many login attempts", BACKOFF_LATER },
	{ "Too many bad auth attempts", BACKOFF_LATER },
	{ "Server Unavailable", BACKOFF_LATER },
	{ "Server Busy", BACKOFF_LATER },
	{ "try again later", BACKOFF_LATER },
	{ "Temporary ", BACKOFF_LATER },
	{ "temporarily", BACKOFF_LATER },
	/* RFC 5530, RFC 3206, RFC 2449. */
	{ "[LIMIT]", BACKOFF_LATER },
	{ "[INUSE]", BACKOFF_LATER },
	{ "[IN-USE]", BACKOFF_LATER },
	{ "[UNAVAILABLE]", BACKOFF_LATER },
	{ "[THROTTLED]", BACKOFF_LATER },
	{ "[LOGIN-DELAY]", BACKOFF_LATER },
	{ "[SYS/TEMP]", BACKOFF_LATER },
	{ "[SYS/PERM]", BACKOFF_NEVER },
	{ "[AUTHENTICATIONFAILED]", BACKOFF_NEVER },
	{ "[AUTHORIZATIONFAILED]", BACKOFF_NEVER },
	{ "[EXPIRED]", BACKOFF_NEVER },
	{ "[PRIVACYREQUIRED]", BACKOFF_NEVER },
	{ "[CONTACTADMIN]", BACKOFF_NEVER },
	{ "[AUTH]", BACKOFF_NEVER },
	{ "[NOPERM]", BACKOFF_NEVER },
	{ "[OVERQUOTA]", BACKOFF_NEVER },
	/* A connection that has ended. */
	{ "BYE", BACKOFF_NOW },
	{ "connection closed", BACKOFF_NOW },
	{ "closed the connection", BACKOFF_NOW },
	{ "connection broken", BACKOFF_NOW },
	{ "Connection reset", BACKOFF_NOW },
	{ "Broken pipe", BACKOFF_NOW },
	{ "timed out", BACKOFF_NOW },
	{ "Connection refused", BACKOFF_NOW },
};

#define BACKOFF_ROWS (sizeof(backoff_table) / sizeof(backoff_table[0]))

/* "Suggested Backoff Time: 1234 milliseconds", of Exchange. 0: not said. */
static int64_t backoff_suggested(const char *words)
{
	static const char front[] = "Suggested Backoff Time:";
	const char *at = strcasestr(words, front);
	int64_t ms = 0;

	if (at == NULL)
		return 0;
	for (at += sizeof(front) - 1; *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9' && ms <= BACKOFF_MOST; at++)
		ms = ms * 10 + (*at - '0');
	return ms < BACKOFF_MOST ? ms : BACKOFF_MOST;
}

struct backoff_advice backoff_classify(const char *words)
{
	struct backoff_advice advice = { BACKOFF_UNKNOWN, 0 };
	size_t i;

	for (i = 0; i < BACKOFF_ROWS; i++)
		if (strcasestr(words, backoff_table[i].text) != NULL) {
			advice.kind = backoff_table[i].kind;
			break;
		}
	if (advice.kind == BACKOFF_LATER)
		advice.ms = backoff_suggested(words);
	return advice;
}

int64_t backoff_delay(
	unsigned failures, int64_t least, int64_t most, uint32_t random)
{
	int64_t delay = least;

	while (failures > 1 && delay < most) {
		delay *= 2;
		failures--;
	}
	if (delay > most)
		delay = most;
	return delay - (int64_t)((uint64_t)(delay / 2) * random / UINT32_MAX);
}
