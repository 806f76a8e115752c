/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a session stands, and where it may go from there. Pure. */
#ifndef REHOME_GATEWAY_SESSION_STATE_H
#define REHOME_GATEWAY_SESSION_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum session_state {
	SESSION_NEW,
	SESSION_TLS,	   /* handshake with the client */
	SESSION_DIALOG,	   /* the client speaks, to us */
	SESSION_DELAY,	   /* too many logins have failed: it waits */
	SESSION_ROUTE,	   /* policyd is asked */
	SESSION_HELD,	   /* policyd lets it wait for a move */
	SESSION_CONNECT,   /* to the home */
	SESSION_HOME_TLS,  /* handshake with the home */
	SESSION_ENTRY,	   /* login at the home */
	SESSION_LET_IN,	   /* the home has accepted it; policyd is asked whether
			      it is to wait for a move */
	SESSION_WITHDRAW,  /* it is: the home's end is waited for */
	SESSION_CHALLENGE, /* the home's, which the client answers */
	SESSION_RELAY,	   /* the client speaks to the home */
	SESSION_CLOSING,   /* the client is not heard any more; the home's end
			      is waited for */
	SESSION_DRAIN,	   /* the client is lost; the same */
	SESSION_FAREWELL,  /* the last words go to the client */
	SESSION_GONE,
	SESSION_STATES
};

const char *session_state_name(enum session_state state);
bool session_state_allows(enum session_state from, enum session_state to);
/* ms that it may last; 0: that is decided elsewhere. */
int64_t session_state_limit(enum session_state state);

#endif
