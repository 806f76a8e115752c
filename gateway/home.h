/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The servers that accounts live on, made of the configuration's systems: by
 * name and service, with addresses that were looked up before anybody waits.
 */
#ifndef REHOME_GATEWAY_HOME_H
#define REHOME_GATEWAY_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/tls.h"

#include "gateway/dial.h"

enum home_service {
	HOME_IMAP,
	HOME_POP3,
	HOME_SUBMISSION,
	HOME_SIEVE,
	HOME_LMTP,
	HOME_SERVICES
};

enum home_tls {
	HOME_PLAIN,
	HOME_STARTTLS,
	HOME_TLS, /* from the first octet on */
};

/* One server; never changes. */
struct home {
	char *name; /* "imap of old", for people */
	enum home_tls tls;
	bool smtp;  /* of HOME_LMTP: it speaks SMTP */
	char *host; /* that the certificate is for; NULL at a path */
	char *port;
	struct dial_target target;   /* count 0: its name is unknown */
	struct tls_context *context; /* NULL when tls is HOME_PLAIN */
	int client_address;	     /* enum config_client_address */
};

struct homes;

/*
 * Looks up every name: that takes as long as the resolver takes. A name that
 * is not found now is no error, but its home cannot be reached; unknown is
 * called for each. NULL with an error when TLS cannot be set up.
 */
typedef void home_unknown_fn(void *context, const struct error *error);
struct homes *homes_new(const struct config *config, home_unknown_fn *unknown,
	void *context, struct error *error);
void homes_free(struct homes **homes);

/* NULL: there is no such system, or it has no such service. */
const struct home *homes_find(const struct homes *homes, const char *system,
	enum home_service service);
/* All that there are, by number of system; NULL where there is none. */
size_t homes_count(const struct homes *homes);
const char *homes_name(const struct homes *homes, size_t system);
const struct home *homes_at(
	const struct homes *homes, size_t system, enum home_service service);
/* Of the same configuration, looked up before: what is not found now keeps the
 * addresses that it had. True when any has others. */
bool homes_take_known(struct homes *homes, const struct homes *before);

/* "imap", "pop3", "submission", "sieve", "lmtp". */
const char *home_service_name(enum home_service service);

#endif
