/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The read side of policyd: which account an address belongs to, and what is
 * answered for it. Looking up asks the store; deciding is a pure function, so
 * that policy, milter, maps and listeners can never disagree.
 */
#ifndef REHOME_DIRECTORY_H
#define REHOME_DIRECTORY_H

#include <stdbool.h>

#include "lib/account.h"
#include "lib/address.h"
#include "lib/config.h"
#include "lib/error.h"
#include "policyd/store.h"

enum directory_result {
	DIRECTORY_UNKNOWN = -1, /* the store could not tell */
	DIRECTORY_ABSENT,
	DIRECTORY_FOUND,
};

struct directory_lookup {
	enum directory_result result;
	const struct config_domain *domain; /* NULL: not managed */
	struct address address; /* as asked, canonical; text[0] is NUL when
				   no account can have such an address */
	bool by_alias;		/* found through an alias */
	char extension[ADDRESS_LOCAL_MAX + 1]; /* that was cut to find it,
				   with its delimiter; "" for none */
	struct account account;		       /* when found */
};

/*
 * Resolves an address in whatever form a mail server or an operator gives it:
 * with or without angle brackets, quoted or in Postfix's internal form.
 * Searched for as an account, as an alias, then both again without its
 * extension. The store is asked only when the domain is managed. Never fails:
 * an error is set with DIRECTORY_UNKNOWN. directory_lookup_clear frees.
 */
void directory_lookup(const struct config *config, struct store *store,
	const char *text, struct directory_lookup *lookup_r,
	struct error *error);
/* The same whether the domain is managed or not, for operators. */
void directory_lookup_any(const struct config *config, struct store *store,
	const char *text, struct directory_lookup *lookup_r,
	struct error *error);
void directory_lookup_clear(struct directory_lookup *lookup);

/* ---- the decision ---- */

struct directory_facts {
	const struct config_domain *domain; /* NULL: not managed */
	enum directory_result result;
	enum account_phase phase; /* these two only when found */
	enum account_mail mail;
	bool own;    /* the client is one of our own users or hosts */
	bool follow; /* maps.follow: retry or park as the request says */
};

/* What a mail server does with a recipient at RCPT or end of message. */
enum directory_gate {
	DIRECTORY_GO_ON,
	DIRECTORY_DEFER, /* 451 4.2.1 */
	DIRECTORY_LATER, /* 451 4.3.0 */
};

/* Where a message is routed to. */
enum directory_route {
	DIRECTORY_TO_HOME,
	DIRECTORY_TO_RETRY,
	DIRECTORY_TO_PARK,
	DIRECTORY_TO_DEFAULT, /* the domain's default system */
	DIRECTORY_TO_NOBODY,  /* not our business: the MTA decides */
	DIRECTORY_TO_LATER,   /* cannot tell */
};

enum directory_existence {
	DIRECTORY_EXISTS,
	DIRECTORY_EXISTS_NOT,
	DIRECTORY_EXISTS_LATER,
};

struct directory_answer {
	enum directory_gate gate;
	enum directory_route route;
	enum directory_existence recipient;
	bool moving; /* a move is under way, or cannot tell */
};

/*
 * The table of answers. An own client is never deferred for a freeze, since
 * the route parks its mail; but where the store cannot tell, it is told to try
 * later like all others.
 */
struct directory_answer directory_decide(const struct directory_facts *facts);

/* The facts of a lookup. */
struct directory_facts directory_facts(const struct config *config,
	const struct directory_lookup *lookup, bool own);

#endif
