/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection of one thread to policyd (rehome-gateway-protocol(7)): asks
 * where a login or a delivery goes, tells what is under way, hears what is to
 * be closed. It connects again by itself. While there is no connection nothing
 * new can begin, and when that has lasted as long as policyd's lease, all that
 * runs is closed: a flip could happen under it.
 */
#ifndef REHOME_GATEWAY_LINK_H
#define REHOME_GATEWAY_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/log.h"

#include "gateway/loop.h"

enum link_outcome {
	LINK_ROUTED, /* member->system and ->user are where to */
	LINK_MOVED,  /* the account is out of service */
	LINK_LATER,  /* it cannot be told, or policyd has not answered */
};

/* What happens to a member. Each may end that member, and no other one. */
struct link_calls {
	/* The answer to link_ask; reason is a line for the log. */
	void (*routed)(
		void *context, enum link_outcome outcome, const char *reason);
	/* It takes until the account is in service again. Called once. Behind
	 * link_ask_login: the home's connection is to be closed, and then
	 * link_withdrawn. */
	void (*held)(void *context);
	/* The answer to link_ask_login: the client may be told that it is in.
	 */
	void (*let_in)(void *context);
	/* The account is to be frozen, or the lease is over: end within ms. */
	void (*close)(void *context, int64_t ms);
	/* An operator wants it away. */
	void (*kick)(void *context);
};

enum link_stage {
	LINK_NONE,
	LINK_ASKING,
	LINK_REGISTERED,
	LINK_LOGIN, /* registered, and asking whether the login waits */
};

/*
 * A session or a delivery. Lives inside its user's struct, zeroed at first;
 * number, protocol, client, calls and context are set before link_ask and stay,
 * the rest is the link's, to be read only.
 */
struct link;

struct link_member {
	uint64_t number; /* link_number(): of the session, not the login */
	const char
		*protocol;  /* "imap", "pop3", "submission", "sieve", "lmtp" */
	const char *client; /* its address, or "" */
	const struct link_calls *calls;
	void *context;

	struct link *link;
	enum link_stage stage;
	char *login;
	char *address; /* as policyd says it */
	char *system;
	char *user; /* login name at that system */
	bool wait;
	bool held;
	bool may_wait; /* link_ask_login is worth its round trip */
	int64_t since; /* instant of the registration */
	size_t slot;   /* of the question */
	struct loop_timer timer;
	struct link_member *next, **before;
};

/* Strings are the caller's and live as long as the link. */
struct link_settings {
	const char *endpoint; /* of policyd */
	const char *name;     /* of this gateway and thread */
	const char *instance; /* of this process */
	int64_t timeout;      /* ms to wait for an answer */
};

/* Begins to connect; whether policyd is there is told to the log. */
struct link *link_new(struct loop *loop, const struct link_settings *settings,
	struct log *log);
/* After the last member; takes NULL. */
void link_free(struct link **link);
/* Says nothing any more, before all ends in disorder: policyd waits for its
 * lease then. */
void link_hush(struct link *link);
/* Connects anew where the endpoint has changed. */
void link_configure(struct link *link, const struct link_settings *settings);

/* A number that no member had before. */
uint64_t link_number(struct link *link);

/*
 * Asks where login's mailbox is; calls->routed tells, later. With wait the
 * answer may take until a move is over. After LINK_ROUTED the member is
 * registered until link_leave, after other outcomes it is not.
 */
void link_ask(struct link *link, struct link_member *member, const char *login,
	bool wait);
/* The home has closed it, it was never connected, or nobody waits for the
 * answer any more. A member that is neither may leave, too. */
void link_leave(struct link *link, struct link_member *member);

/* What the home said to a login. Of a registered member. mechanism, client and
 * sealed may be NULL. */
void link_tell_login(struct link *link, const struct link_member *member,
	bool accepted, const char *mechanism, const char *client,
	const char *sealed);
/*
 * The home has accepted the login, and the client does not know yet: the same,
 * and the question whether it is to wait for a move that its account is about
 * to make. calls->let_in or calls->held tells.
 */
void link_ask_login(struct link *link, struct link_member *member,
	const char *mechanism, const char *client, const char *sealed);
/* Behind calls->held: the home has closed; calls->routed tells where to then.
 */
void link_withdrawn(struct link *link, struct link_member *member);
/* Nothing was said since that instant; 0: it is busy again. */
void link_tell_quiet(
	struct link *link, const struct link_member *member, int64_t since);

#endif
