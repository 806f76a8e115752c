/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rehome.conf(5), read with libconfuse. One table in config_table.c declares
 * each option: section, name, type, default, bounds and one line of help.
 * Unknown names and bad values are errors with file and line. Only config.c
 * includes <confuse.h>.
 */
#ifndef REHOME_CONFIG_FILE_H
#define REHOME_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"

/* How a home is told where a client comes from. */
enum config_client_address {
	CONFIG_CLIENT_NONE,
	CONFIG_CLIENT_ID,      /* IMAP ID */
	CONFIG_CLIENT_XCLIENT, /* the command, where the protocol has it */
	CONFIG_CLIENT_PROXY,   /* PROXY protocol, version 2 */
};

struct config_system {
	char *name;
	/* imap://HOST[:PORT] (clear), imap+starttls://, imaps://; NULL when
	 * there is but pop3: accounts can only leave */
	char *imap;
	char *pop3; /* pop3://, pop3+starttls://, pop3s://, or NULL */
	int64_t pop3_session, pop3_pause; /* ms: in its maildrop, and out */
	/* for the gateway: smtp://, smtp+starttls://, smtps:// and so on;
	 * lmtp: lmtp://, lmtp+starttls://, smtp://, smtp+starttls:// or
	 * unix:/PATH; each may be NULL */
	char *submit, *sieve, *lmtp;
	char *lmtp_offers;  /* extensions of lmtp until it has told, or NULL */
	int client_address; /* enum config_client_address */
	char *deliver;	    /* next hop as in Postfix: "smtp:[HOST]:PORT",
			       "lmtp:unix:/PATH" */
	char *user;   /* login name: %u address, %n local part, %d domain */
	char *master; /* SASL PLAIN authentication identity, or NULL */
	char *master_password_file; /* first line */
	char *passwords; /* file of "address:password" lines, or NULL */
	char *mechanism; /* "auto", "login", "plain", "scram-sha-256", ... */
	char *token_command; /* prints an OAuth access token, or NULL */
	char *folders; /* the folder map of accounts that leave, or NULL */
	char *ca_file;
	bool verify;	       /* the server's certificate */
	char *pin;	       /* list of pins (lib/pin.h), or NULL */
	int64_t connections;   /* at once, all workers of one host together */
	int64_t lanes;	       /* of which one account's copy may use */
	int64_t rate_bytes;    /* per second, 0: no limit; so the next two */
	int64_t rate_messages; /* per second */
	int64_t day_bytes;     /* per day (UTC) */
	int64_t timeout;       /* ms without a byte */
	char *doveadm;	       /* endpoint of its doveadm server, or NULL */
	char *doveadm_password_file; /* first line, or NULL */
	bool uidl; /* UIDLs of POP3 are checked before it becomes home */
	/* hooks: absolute path of an executable, or NULL */
	char *provision;
	char *lock;
	char *unlock;
	int64_t hook_timeout; /* ms */
};

struct config_listen {
	char *name;
	char *protocol; /* "imap", "pop3", "submission", "sieve", "lmtp" */
	char *address;	/* endpoint */
	int64_t mode;	/* of a socket at a path */
	char *group;	/* the same, or NULL */
	char *tls;	/* "none", "start", "implicit" */
	bool plaintext; /* logins are taken without TLS */
	/* lists of paths, separated by blanks; NULL without TLS, and keys that
	 * are with their certificates */
	char *certificate, *key;
	bool proxy; /* a balancer tells of the client first */
};

struct config_domain {
	char *name;	      /* canonical */
	char *default_system; /* NULL: "pass", the MTA decides */
	bool complete; /* every address is in the directory: others rejected */
};

struct config {
	struct {
		char *control, *policy, *socketmap; /* endpoints */
		int64_t control_mode, policy_mode;  /* of the UNIX sockets */
		char *control_group, *policy_group;
		char *store; /* "bdb:/path" */
		char *user, *group;
		int64_t threads;
		int64_t freeze_budget;	      /* ms, default of requests */
		int64_t lease;		      /* ms */
		int64_t retry_min, retry_max; /* ms, back-off after a failure */
		char *recipient_delimiter;
		char **own_networks; /* "127.0.0.0/8", "[::1]/128" */
		size_t own_networks_count;
		int64_t client_timeout; /* ms, half a request may take */
		int64_t clients;	/* connections at most */
		char *gateway; /* endpoint of the gateways, or NULL: none */
		int64_t gateway_mode;
		char *gateway_group;
		/* ms: sessions of a lost gateway; a login may wait; a session
		 * counts as logged out; it is let finish for a freeze; a whole
		 * move that a login may wait for */
		int64_t gateway_lease, gateway_hold, gateway_idle,
			gateway_close, gateway_wait;
		char *login_domain; /* of login names without one, or NULL */
	} policyd;
	struct {
		char *directory; /* of moving.db and homes.db; NULL: no maps */
		bool follow;	 /* frozen = "follow": retry or park as the
				    request says; else always park */
		char *park;	 /* "rehome-park:[127.0.0.1]:1" */
		char *retry;	 /* "retry:4.2.1 mailbox is being moved" */
		char *reload;	 /* command, or "unix:/path", or NULL */
		int64_t compact; /* ms between merges of moving into homes */
	} maps;
	struct {
		char *list;	 /* "/usr/sbin/postqueue -j", or NULL */
		char *flush;	 /* "/usr/sbin/postqueue -i %i", or NULL */
		bool barrier; /* a freeze waits for deliveries under way there */
		int64_t timeout; /* ms */
	} queue;
	struct {
		char *socket; /* as libmilter takes it: unix:/path, inet:P@H */
		char *user, *group;
		int64_t mode;
		int64_t timeout; /* ms to wait for policyd */
	} milter;
	struct {
		char *state; /* directory of journals */
		char *user, *group;
		int64_t jobs; /* accounts at once */
		int64_t poll; /* ms between looks for due accounts (--daemon) */
		int64_t settle;	   /* ms of sweeping after a flip */
		char *private_key; /* of learned passwords, or NULL */
	} copier;
	struct {
		char *name;    /* NULL: the host's */
		char *policyd; /* endpoint */
		char *user, *group;
		int64_t threads; /* 0: as many as processors */
		int64_t sessions, per_address;
		char **trusted; /* networks */
		size_t trusted_count;
		char **mechanisms; /* upper bound of what is offered */
		size_t mechanisms_count;
		int64_t timeout; /* ms to wait for policyd */
		int64_t drain;	 /* ms after an order to end */
		int64_t idle_imap, idle_pop3, idle_submission, idle_sieve;
		/* of deliveries: ms for the answer to the end of data, and of
		 * an idle connection; octets of a message in memory, and the
		 * directory for what does not fit */
		int64_t delivery_timeout, delivery_idle, delivery_memory;
		char *delivery_spool;
		char *public_key; /* of learned passwords, or NULL */
	} gateway;
	struct {
		int facility; /* -1: standard error */
		int level;
	} log;
	struct config_system *systems;
	size_t systems_count;
	struct config_listen *listens;
	size_t listens_count;
	struct config_domain *domains; /* ordered by name */
	size_t domains_count;
};

/*
 * Reads and checks the file: values within bounds, paths absolute, endpoints
 * and next hops well formed, every named system declared. Returns NULL with an
 * error "FILE:LINE: what object: cause".
 */
struct config *config_load(const char *path, struct error *error);
/* The same for a text in memory, which errors call name. */
struct config *config_parse(
	const char *text, size_t size, const char *name, struct error *error);
void config_free(struct config **config);

/* NULL when there is none of that name. */
const struct config_system *config_system(
	const struct config *config, const char *name);
/* domain in canonical form (lib/address.h). NULL: not managed. */
const struct config_domain *config_domain(
	const struct config *config, const char *domain);

/* The login name of an address at a system, by its user pattern. malloc'd. */
char *config_login_name(
	const struct config_system *system, const char *address);

/*
 * Checks what the configuration points at in the file system, for `rehome
 * config check`: directories, commands and hooks that can be run, files of
 * certificates, and files of passwords, which nobody else may read. All that is
 * amiss is told. Returns how much that was.
 */
typedef void config_amiss_fn(void *context, const struct error *error);
int config_check_all_files(
	const struct config *config, config_amiss_fn *amiss, void *context);

/* Prints the table: each option with its type, default and help. */
void config_describe(FILE *out);
/* One line of the table, all texts static; standard is the default as in a
 * file, "" for off, NULL when the option must be given. */
struct config_description {
	const char *section, *name, *takes, *standard, *help;
};
/* The option at index; false behind the last. */
bool config_describe_at(size_t index, struct config_description *option_r);

#endif
