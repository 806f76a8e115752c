/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of options: each one's section, name, type, default, bounds and
 * one line of help. Reading, printing, freeing and the check of the man page
 * all follow it; a new option is a row here, a field in config.h and an entry
 * in rehome.conf.5.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config_private.h"
#include "lib/xalloc.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define SIZE_MOST (INT64_C(1) << 50)

/* One row; the section is the member of struct config of the same name. */
#define PLAIN(section, name, type, need, fallback, min, max, help)             \
	{                                                                      \
#section, #name, &config_type_##type, CONFIG_##need, fallback, \
			min, max, offsetof(struct config, section.name), help  \
	}
/* One row of a section with a title. */
#define TITLED(section, name, type, need, fallback, min, max, help)            \
	{                                                                      \
#section, #name, &config_type_##type, CONFIG_##need, fallback, \
			min, max, offsetof(struct config_##section, name),     \
			help                                                   \
	}

const struct config_section config_sections[] = {
	{ "policyd", NULL, "The directory and control server." },
	{ "maps", NULL, "The lookup tables published for the MTA." },
	{ "queue", NULL, "How the MTA's queue is seen and flushed." },
	{ "milter", NULL, "The mail filter." },
	{ "copier", NULL, "The worker that copies mail." },
	{ "gateway", NULL, "The login gateway and delivery listener." },
	{ "log", NULL, "Where all programs log." },
	{ "listen", "name", "A place where the gateway's clients come in." },
	{ "system", "name", "A mail system that accounts live on." },
	{ "domain", "domain", "A domain whose mail this site manages." },
	{ NULL, NULL, NULL },
};

const struct config_option config_options[] = {
	PLAIN(policyd, control, endpoint, DEFAULT, "unix:/run/rehome/control",
		0, 0, "where the control protocol is served"),
	PLAIN(policyd, control_mode, mode, DEFAULT, "0660", 0, 0,
		"file mode of a control socket at a path"),
	PLAIN(policyd, control_group, name, OPTIONAL, "", 0, 0,
		"group of a control socket at a path"),
	PLAIN(policyd, policy, endpoint, DEFAULT, "unix:/run/rehome/policy", 0,
		0, "where Postfix and the milter ask about recipients"),
	PLAIN(policyd, policy_mode, mode, DEFAULT, "0666", 0, 0,
		"file mode of policy and socketmap sockets at a path"),
	PLAIN(policyd, policy_group, name, OPTIONAL, "", 0, 0,
		"group of policy and socketmap sockets at a path"),
	PLAIN(policyd, socketmap, endpoint, OPTIONAL, "", 0, 0,
		"where socketmap lookups are answered; empty: nowhere"),
	PLAIN(policyd, store, store, DEFAULT, "bdb:/var/lib/rehome/store", 0, 0,
		"where the accounts are kept"),
	PLAIN(policyd, user, name, OPTIONAL, "rehome", 0, 0,
		"user that policyd becomes; empty: stays what it is"),
	PLAIN(policyd, group, name, OPTIONAL, "rehome", 0, 0,
		"group that policyd becomes"),
	PLAIN(policyd, threads, number, DEFAULT, "2", 1, 64,
		"threads that answer requests"),
	PLAIN(policyd, freeze_budget, duration, DEFAULT, "30s", SECOND, HOUR,
		"how long a freeze may last, unless the request says else"),
	PLAIN(policyd, lease, duration, DEFAULT, "30s", SECOND, HOUR,
		"how long a worker holds an account without a renewal"),
	PLAIN(policyd, retry_min, duration, DEFAULT, "60s", SECOND, DAY,
		"wait after the first failure; doubles with each further one"),
	PLAIN(policyd, retry_max, duration, DEFAULT, "6h", SECOND, 30 * DAY,
		"longest wait after a failure"),
	PLAIN(policyd, recipient_delimiter, delimiters, OPTIONAL, "+", 0, 0,
		"characters that begin an address extension; as in the MTA"),
	PLAIN(policyd, own_networks, networks, DEFAULT,
		"{ \"127.0.0.0/8\", \"[::1]/128\" }", 0, 0,
		"clients whose mail is parked, never deferred"),
	PLAIN(policyd, client_timeout, duration, DEFAULT, "10s", SECOND, HOUR,
		"how long a client may take over half a request"),
	PLAIN(policyd, clients, number, DEFAULT, "4096", 1, 1000000,
		"connections at most"),
	PLAIN(policyd, gateway, endpoint, OPTIONAL, "", 0, 0,
		"where gateways ask for routes; empty: there is none"),
	PLAIN(policyd, gateway_mode, mode, DEFAULT, "0660", 0, 0,
		"file mode of that socket at a path"),
	PLAIN(policyd, gateway_group, name, OPTIONAL, "", 0, 0,
		"group of that socket at a path"),
	PLAIN(policyd, gateway_lease, duration, DEFAULT, "30s", SECOND, HOUR,
		"how long the sessions of a lost gateway count"),
	PLAIN(policyd, gateway_hold, duration, DEFAULT, "25s", 0, HOUR,
		"how long a login waits for the end of a freeze"),
	PLAIN(policyd, gateway_close, duration, DEFAULT, "3s", 100, 5 * MINUTE,
		"how long a busy session is let finish for a freeze"),
	PLAIN(policyd, gateway_idle, duration, DEFAULT, "10m", SECOND, 30 * DAY,
		"how long a session is quiet that counts as logged out"),
	PLAIN(policyd, gateway_wait, duration, DEFAULT, "15s", 0, HOUR,
		"longest move that a first login waits for; 0: none"),
	PLAIN(policyd, login_domain, name, OPTIONAL, "", 0, 0,
		"domain of login names that have none"),

	PLAIN(maps, directory, path, OPTIONAL, "", 0, 0,
		"where moving.db and homes.db are published; empty: no maps"),
	{ "maps", "frozen", &config_type_frozen, CONFIG_DEFAULT, "park", 0, 0,
		offsetof(struct config, maps.follow),
		"mail of a frozen account: always parked, or as requested" },
	PLAIN(maps, park, next_hop, DEFAULT, "rehome-park:[127.0.0.1]:1", 0, 0,
		"transport that parks mail"),
	PLAIN(maps, retry, retry, DEFAULT, "retry:4.2.1 mailbox is being moved",
		0, 0, "transport that defers mail"),
	PLAIN(maps, reload, reload, OPTIONAL, "", 0, 0,
		"what makes the MTA see a new map at once"),
	PLAIN(maps, compact, duration, DEFAULT, "60s", SECOND, DAY,
		"time between merges of moving.db into homes.db"),

	PLAIN(queue, list, command, OPTIONAL, "/usr/sbin/postqueue -j", 0, 0,
		"prints the MTA's queue as JSON"),
	PLAIN(queue, flush, flush, OPTIONAL, "/usr/sbin/postqueue -i %i", 0, 0,
		"makes the MTA try a message again"),
	PLAIN(queue, barrier, switch, DEFAULT, "yes", 0, 0,
		"whether a freeze waits for deliveries under way there"),
	PLAIN(queue, timeout, duration, DEFAULT, "20s", SECOND, HOUR,
		"how long these commands may take"),

	PLAIN(milter, socket, milter, DEFAULT, "unix:/run/rehome/milter", 0, 0,
		"where the MTA reaches the milter"),
	PLAIN(milter, user, name, OPTIONAL, "rehome", 0, 0,
		"user that the milter becomes"),
	PLAIN(milter, group, name, OPTIONAL, "rehome", 0, 0,
		"group that the milter becomes"),
	PLAIN(milter, mode, mode, DEFAULT, "0666", 0, 0,
		"file mode of a socket at a path"),
	PLAIN(milter, timeout, duration, DEFAULT, "5s", 100, 5 * MINUTE,
		"how long policyd is waited for"),

	PLAIN(copier, state, path, DEFAULT, "/var/lib/rehome/copier", 0, 0,
		"directory of the journals"),
	PLAIN(copier, user, name, OPTIONAL, "rehome", 0, 0,
		"user that the copier becomes"),
	PLAIN(copier, group, name, OPTIONAL, "rehome", 0, 0,
		"group that the copier becomes"),
	PLAIN(copier, jobs, number, DEFAULT, "4", 1, 1000,
		"accounts that are worked on at once"),
	PLAIN(copier, poll, duration, DEFAULT, "5s", 100, HOUR,
		"time between looks for due accounts"),
	PLAIN(copier, settle, duration, DEFAULT, "60s", 0, 30 * DAY,
		"how long stragglers are swept after a flip"),
	PLAIN(copier, private_key, path, OPTIONAL, "", 0, 0,
		"key that opens learned passwords"),

	PLAIN(gateway, name, name, OPTIONAL, "", 0, 0,
		"what it calls itself to clients and policyd; empty: the host"),
	PLAIN(gateway, policyd, endpoint, DEFAULT, "unix:/run/rehome/gateway",
		0, 0, "where policyd serves gateways"),
	PLAIN(gateway, user, name, OPTIONAL, "rehome-gateway", 0, 0,
		"user that the gateway becomes"),
	PLAIN(gateway, group, name, OPTIONAL, "rehome-gateway", 0, 0,
		"group that the gateway becomes"),
	PLAIN(gateway, threads, number, DEFAULT, "0", 0, 256,
		"threads that serve sessions; 0: one for each processor"),
	PLAIN(gateway, sessions, number, DEFAULT, "20000", 1, 10000000,
		"connections of clients at most"),
	PLAIN(gateway, per_address, number, DEFAULT, "0", 0, 10000000,
		"connections of one client address at most; 0: no limit"),
	PLAIN(gateway, trusted, networks, DEFAULT,
		"{ \"127.0.0.0/8\", \"[::1]/128\" }", 0, 0,
		"clients like webmail, without limits by address"),
	PLAIN(gateway, mechanisms, mechanisms, DEFAULT,
		"{ \"PLAIN\", \"LOGIN\" }", 0, 0,
		"SASL mechanisms that are offered where every system can"),
	PLAIN(gateway, public_key, path, OPTIONAL, "", 0, 0,
		"key that seals learned passwords"),
	PLAIN(gateway, timeout, duration, DEFAULT, "10s", 100, 5 * MINUTE,
		"how long policyd is waited for"),
	PLAIN(gateway, drain, duration, DEFAULT, "60s", 0, DAY,
		"how long sessions may go on when the gateway is to end"),
	PLAIN(gateway, idle_imap, duration, DEFAULT, "35m", SECOND, DAY,
		"how long an IMAP session may say nothing"),
	PLAIN(gateway, idle_pop3, duration, DEFAULT, "15m", SECOND, DAY,
		"how long a POP3 session may say nothing"),
	PLAIN(gateway, idle_submission, duration, DEFAULT, "15m", SECOND, DAY,
		"how long a submission may say nothing"),
	PLAIN(gateway, idle_sieve, duration, DEFAULT, "35m", SECOND, DAY,
		"how long a ManageSieve session may say nothing"),
	PLAIN(gateway, delivery_timeout, duration, DEFAULT, "5m", SECOND, HOUR,
		"how long a home may take over a message it was sent"),
	PLAIN(gateway, delivery_idle, duration, DEFAULT, "30s", SECOND, HOUR,
		"how long a delivery connection to a home is kept idle"),
	PLAIN(gateway, delivery_memory, size, DEFAULT, "1M", 64 << 10, 1 << 30,
		"bytes of a message kept in memory while homes take it"),
	PLAIN(gateway, delivery_spool, path, DEFAULT, "/var/tmp", 0, 0,
		"directory of unlinked files for what exceeds that"),

	TITLED(listen, protocol, protocol, REQUIRED, "", 0, 0,
		"what is spoken there"),
	TITLED(listen, address, endpoint, REQUIRED, "", 0, 0,
		"where the gateway listens"),
	TITLED(listen, mode, mode, DEFAULT, "0666", 0, 0,
		"file mode of a socket at a path"),
	TITLED(listen, group, name, OPTIONAL, "", 0, 0,
		"group of a socket at a path"),
	TITLED(listen, tls, tls, DEFAULT, "start", 0, 0,
		"TLS: not, when the client begins it, or at once"),
	TITLED(listen, plaintext, switch, DEFAULT, "no", 0, 0,
		"whether logins are taken without TLS"),
	TITLED(listen, certificate, paths, OPTIONAL, "", 0, 0,
		"certificates; clients choose by name"),
	TITLED(listen, key, paths, OPTIONAL, "", 0, 0,
		"their keys; empty: with the certificates"),
	TITLED(listen, proxy, switch, DEFAULT, "no", 0, 0,
		"whether a balancer's PROXY header comes first"),

	PLAIN(log, facility, facility, DEFAULT, "mail", 0, 0, "where lines go"),
	PLAIN(log, level, level, DEFAULT, "info", 0, 0,
		"least urgent lines that are logged"),

	TITLED(system, imap, imap, REQUIRED, "", 0, 0, "its IMAP server"),
	TITLED(system, pop3, pop3, OPTIONAL, "", 0, 0, "its POP3 server"),
	TITLED(system, pop3_session, duration, DEFAULT, "30s", SECOND, HOUR,
		"how long a maildrop is read from in one session"),
	TITLED(system, pop3_pause, duration, DEFAULT, "10s", 100, HOUR,
		"how long it is left to its user between two"),
	TITLED(system, submit, submit, OPTIONAL, "", 0, 0,
		"its submission server, for the gateway"),
	TITLED(system, sieve, sieve, OPTIONAL, "", 0, 0,
		"its ManageSieve server, for the gateway"),
	TITLED(system, lmtp, lmtp, OPTIONAL, "", 0, 0,
		"where the gateway delivers mail for its accounts"),
	TITLED(system, lmtp_offers, offers, OPTIONAL, "", 0, 0,
		"what that server can do, as long as it has not told"),
	TITLED(system, client_address, client_address, DEFAULT, "none", 0, 0,
		"how the gateway tells it the client's address"),
	TITLED(system, deliver, next_hop, REQUIRED, "", 0, 0,
		"where mail for its accounts is delivered"),
	TITLED(system, user, login, DEFAULT, "%u", 0, 0,
		"login name of an account"),
	TITLED(system, master, text, OPTIONAL, "", 0, 0,
		"user that may log in for every account"),
	TITLED(system, master_password_file, path, OPTIONAL, "", 0, 0,
		"its password, in the first line"),
	TITLED(system, passwords, path, OPTIONAL, "", 0, 0,
		"file of ADDRESS:PASSWORD lines"),
	TITLED(system, mechanism, mechanism, DEFAULT, "auto", 0, 0,
		"how the copier authenticates"),
	TITLED(system, token_command, command, OPTIONAL, "", 0, 0,
		"prints an OAuth access token"),
	TITLED(system, folders, path, OPTIONAL, "", 0, 0,
		"folder map of the accounts that leave it"),
	TITLED(system, ca_file, path, OPTIONAL, "", 0, 0,
		"certificates trusted for this system; empty: the host's"),
	TITLED(system, verify, switch, DEFAULT, "yes", 0, 0,
		"whether its certificate is verified"),
	TITLED(system, pin, pins, OPTIONAL, "", 0, 0,
		"public keys that alone are trusted"),
	TITLED(system, connections, number, DEFAULT, "8", 1, 1000,
		"connections at most, all workers of a host together"),
	TITLED(system, lanes, number, DEFAULT, "4", 1, 64,
		"connections that the copy of one account uses at most"),
	TITLED(system, rate_bytes, size, DEFAULT, "0", 0, SIZE_MOST,
		"bytes per second at most, both ways; 0: no limit"),
	TITLED(system, rate_messages, number, DEFAULT, "0", 0, 1000000,
		"messages per second at most; 0: no limit"),
	TITLED(system, day_bytes, size, DEFAULT, "0", 0, SIZE_MOST,
		"bytes per day at most; 0: no limit"),
	TITLED(system, timeout, duration, DEFAULT, "60s", SECOND, HOUR,
		"how long it may send nothing"),
	TITLED(system, doveadm, endpoint, OPTIONAL, "", 0, 0,
		"its doveadm server, when it is a Dovecot: UIDs are kept"),
	TITLED(system, doveadm_password_file, path, OPTIONAL, "", 0, 0,
		"that server's password, in the first line"),
	TITLED(system, uidl, uidl, DEFAULT, "check", 0, 0,
		"POP3 UIDLs that would change: block the flip, or nothing"),
	TITLED(system, provision, path, OPTIONAL, "", 0, 0,
		"hook that makes a mailbox"),
	TITLED(system, lock, path, OPTIONAL, "", 0, 0,
		"hook that keeps the user out"),
	TITLED(system, unlock, path, OPTIONAL, "", 0, 0,
		"hook that lets the user in again"),
	TITLED(system, hook_timeout, duration, DEFAULT, "30s", SECOND, HOUR,
		"how long a hook may run"),

	{ "domain", "default", &config_type_system, CONFIG_OPTIONAL, "pass", 0,
		0, offsetof(struct config_domain, default_system),
		"system of addresses that are not in the directory" },
	TITLED(domain, complete, switch, DEFAULT, "no", 0, 0,
		"whether the directory has all its addresses"),

	{ NULL, NULL, NULL, CONFIG_DEFAULT, NULL, 0, 0, 0, NULL },
};

_Static_assert(sizeof(config_options) / sizeof(config_options[0]) <=
		       CONFIG_OPTIONS_MAX,
	"CONFIG_OPTIONS_MAX is too small");

size_t config_option_find(const char *section, const char *name)
{
	size_t i;

	for (i = 0; config_options[i].name != NULL; i++) {
		if (strcmp(config_options[i].section, section) == 0 &&
			strcmp(config_options[i].name, name) == 0)
			return i;
	}
	abort();
}

static bool option_is_off(const struct config_option *option, const char *text)
{
	const char *off = option->type->off;

	return option->need == CONFIG_OPTIONAL &&
	       strcmp(text, off != NULL ? off : "") == 0;
}

static int option_read(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	if (strlen(text) > CONFIG_VALUE_MAX) {
		error_set(error, "longer than %d bytes", CONFIG_VALUE_MAX);
		return -1;
	}
	if (option_is_off(option, text))
		return 0;
	return option->type->check(option, text, number_r, error);
}

int config_option_check(const struct config_option *option, const char *text,
	struct error *error)
{
	int64_t number;

	return option_read(option, text, &number, error);
}

int config_option_set(const struct config_option *option, const char *text,
	void *object, struct error *error)
{
	char *field = (char *)object + option->offset;
	int64_t number = 0;

	if (option_read(option, text, &number, error) < 0)
		return -1;
	switch (option->type->store) {
	case CONFIG_STORE_TEXT:
		free(*(char **)field);
		*(char **)field =
			option_is_off(option, text) ? NULL : xstrdup(text);
		break;
	case CONFIG_STORE_NUMBER:
		*(int64_t *)field = number;
		break;
	case CONFIG_STORE_INT:
		*(int *)field = (int)number;
		break;
	case CONFIG_STORE_BOOL:
		*(bool *)field = number != 0;
		break;
	case CONFIG_STORE_LIST:
		abort();
	}
	return 0;
}

void config_option_defaults(const char *section, void *object)
{
	const struct config_option *option;

	for (option = config_options; option->name != NULL; option++) {
		if (strcmp(option->section, section) != 0 ||
			option->type->store == CONFIG_STORE_LIST ||
			option->need == CONFIG_REQUIRED)
			continue;
		/* a default that its own check refuses is a bug in the table */
		if (config_option_set(option, option->fallback, object, NULL) <
			0)
			abort();
	}
}

static void option_free_list(char ***items, size_t *count)
{
	while (*count > 0)
		free((*items)[--*count]);
	free(*items);
	*items = NULL;
}

void config_option_free(const char *section, void *object)
{
	const struct config_option *option;

	for (option = config_options; option->name != NULL; option++) {
		char *field = (char *)object + option->offset;

		if (strcmp(option->section, section) != 0)
			continue;
		if (option->type->store == CONFIG_STORE_TEXT)
			free(*(char **)field);
		if (option->type->store == CONFIG_STORE_LIST)
			option_free_list((char ***)field,
				(size_t *)(field + sizeof(char **)));
	}
}

static void option_describe(const struct config_option *option, FILE *out)
{
	char bound[CONFIG_BOUND_SIZE];

	fprintf(out, "    %s\n        %s\n        takes %s", option->name,
		option->help, option->type->name);
	if (option->type->format != NULL) {
		option->type->format(option->min, bound);
		fprintf(out, ", from %s", bound);
		option->type->format(option->max, bound);
		fprintf(out, " to %s", bound);
	}
	if (option->need == CONFIG_OPTIONAL && option->type->off == NULL)
		fprintf(out, "; \"\" switches it off");
	if (option->need == CONFIG_REQUIRED)
		fprintf(out, "\n        must be given\n");
	else if (option->fallback[0] == '\0')
		fprintf(out, "\n        default: off\n");
	else
		fprintf(out, "\n        default: %s\n", option->fallback);
}

void config_describe(FILE *out)
{
	const struct config_section *section;
	const struct config_option *option;

	for (section = config_sections; section->name != NULL; section++) {
		fprintf(out, "%s%s", section == config_sections ? "" : "\n",
			section->name);
		if (section->title != NULL)
			fprintf(out, " \"%s\"", section->title);
		fprintf(out, ": %s\n", section->help);
		for (option = config_options; option->name != NULL; option++) {
			if (strcmp(option->section, section->name) == 0)
				option_describe(option, out);
		}
	}
}

bool config_describe_at(size_t index, struct config_description *option_r)
{
	const struct config_option *option = config_options;

	while (option->name != NULL && index > 0) {
		option++;
		index--;
	}
	if (option->name == NULL)
		return false;
	option_r->section = option->section;
	option_r->name = option->name;
	option_r->takes = option->type->name;
	option_r->standard =
		option->need == CONFIG_REQUIRED ? NULL : option->fallback;
	option_r->help = option->help;
	return true;
}
