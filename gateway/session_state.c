/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table of a session's states. */
#include "config.h"

#include "gateway/session_state.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

#define TO(state) (1u << SESSION_##state)
/* A login that fails goes back to the dialog, or is the last that there was. */
#define REFUSED (TO(DIALOG) | TO(FAREWELL) | TO(GONE))

static const struct session_state_row {
	const char *name;
	unsigned to;
	int64_t limit;
} session_states[SESSION_STATES] = {
	[SESSION_NEW] = { "new", TO(TLS) | TO(DIALOG) | TO(FAREWELL) | TO(GONE),
		0 },
	[SESSION_TLS] = { "tls", TO(DIALOG) | TO(FAREWELL) | TO(GONE),
		30 * SECOND },
	/* However many octets come: a login is to be among them. */
	[SESSION_DIALOG] = { "dialog",
		TO(TLS) | TO(DELAY) | TO(ROUTE) | TO(FAREWELL) | TO(GONE),
		3 * MINUTE },
	[SESSION_DELAY] = { "delay", TO(ROUTE) | TO(FAREWELL) | TO(GONE), 0 },
	/* The link ends these two. */
	[SESSION_ROUTE] = { "route", TO(HELD) | TO(CONNECT) | REFUSED, 0 },
	[SESSION_HELD] = { "held", TO(CONNECT) | REFUSED, 0 },
	/* Until the home has let the client in, its account may be frozen: then
	 * policyd is asked anew. */
	[SESSION_CONNECT] = { "connect",
		TO(HOME_TLS) | TO(ENTRY) | TO(ROUTE) | REFUSED, 10 * SECOND },
	[SESSION_HOME_TLS] = { "home-tls", TO(ENTRY) | TO(ROUTE) | REFUSED,
		20 * SECOND },
	[SESSION_ENTRY] = { "entry",
		TO(HOME_TLS) | TO(CHALLENGE) | TO(LET_IN) | TO(RELAY) |
			TO(ROUTE) | REFUSED,
		60 * SECOND },
	[SESSION_LET_IN] = { "let-in",
		TO(RELAY) | TO(WITHDRAW) | TO(ROUTE) | REFUSED, 0 },
	[SESSION_WITHDRAW] = { "withdraw", TO(HELD) | REFUSED, 10 * SECOND },
	[SESSION_CHALLENGE] = { "challenge", TO(ENTRY) | REFUSED, MINUTE },
	[SESSION_RELAY] = { "relay",
		TO(CLOSING) | TO(DRAIN) | TO(FAREWELL) | TO(GONE), 0 },
	[SESSION_CLOSING] = { "closing", TO(DRAIN) | TO(FAREWELL) | TO(GONE),
		30 * SECOND },
	/* A home that still works on what it was told keeps its account from
	 * being flipped. */
	[SESSION_DRAIN] = { "drain", TO(GONE), 60 * MINUTE },
	[SESSION_FAREWELL] = { "farewell", TO(GONE), 2 * SECOND },
	[SESSION_GONE] = { "gone", 0, 0 },
};

const char *session_state_name(enum session_state state)
{
	return session_states[state].name;
}

bool session_state_allows(enum session_state from, enum session_state to)
{
	return (session_states[from].to & 1u << to) != 0;
}

int64_t session_state_limit(enum session_state state)
{
	return session_states[state].limit;
}
