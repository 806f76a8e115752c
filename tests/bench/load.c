/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load for policyd's sockets: policy requests as Postfix sends them at RCPT,
 * socketmap lookups, and moves that are ordered and cancelled again over the
 * control socket, each of which is a durable transition.
 *
 *     load policy|socketmap|control -s ENDPOINT [-c CONNECTIONS] [-t SECONDS]
 *          [-n ACCOUNTS | -f FILE] [-m MAP]
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/netstring.h"
#include "lib/xalloc.h"
#include "tests/bench/clients.h"

#define LOAD_POLICY_ANSWER "action=DUNNO\n\n"

static const char *load_map = "transport";

static bool load_begins(const char *data, size_t size, const char *with)
{
	return size >= strlen(with) && memcmp(data, with, strlen(with)) == 0;
}

/* ---- policy ---- */

static void load_policy_ask(struct client *client)
{
	buffer_printf(&client->out,
		"request=smtpd_access_policy\nprotocol_state=RCPT\n"
		"protocol_name=ESMTP\nclient_address=198.51.100.7\n"
		"client_name=client.example.net\nclient_port=45678\n"
		"reverse_client_name=client.example.net\n"
		"server_address=192.0.2.25\nserver_port=25\n"
		"helo_name=client.example.net\nsender=bob@example.net\n"
		"recipient=%s\nrecipient_count=0\nqueue_id=\n"
		"instance=1a2b.6560c0de.3d4e5.0\nsize=1024\netrn_domain=\n"
		"stress=\nsasl_method=\nsasl_username=\nsasl_sender=\n"
		"ccert_subject=\nccert_issuer=\nccert_fingerprint=\n"
		"ccert_pubkey_fingerprint=\nencryption_protocol=\n"
		"encryption_cipher=\nencryption_keysize=0\n"
		"policy_context=\n\n",
		keys_next(clients_of(client)->keys));
	client_asks(client);
}

static size_t load_policy_input(
	struct client *client, const char *data, size_t size)
{
	const char *end = memmem(data, size, "\n\n", 2);

	if (end == NULL)
		return 0;
	if (size != strlen(LOAD_POLICY_ANSWER) ||
		memcmp(data, LOAD_POLICY_ANSWER, size) != 0)
		client_unexpected(client, "answer", data, size);
	client_answered(client);
	load_policy_ask(client);
	return size;
}

/* ---- socketmap ---- */

static void load_map_ask(struct client *client)
{
	char text[ADDRESS_SIZE + 64];
	int size = snprintf(text, sizeof(text), "%s %s", load_map,
		keys_next(clients_of(client)->keys));

	netstring_print(text, (size_t)size, &client->out);
	client_asks(client);
}

static size_t load_map_input(
	struct client *client, const char *data, size_t size)
{
	const char *payload;
	size_t payload_size, used;
	int got = netstring_parse(data, size, NETSTRING_MAX, &payload,
		&payload_size, &used, NULL);

	if (got == 0)
		return 0;
	if (got < 0 || !load_begins(payload, payload_size, "OK "))
		client_unexpected(client, "answer", data, size);
	client_answered(client);
	load_map_ask(client);
	return used;
}

/* ---- control ---- */

struct load_account {
	char address[ADDRESS_SIZE];
	bool moving;
};

static void load_control_ask(struct client *client)
{
	struct load_account *account = client->state;

	account->moving = !account->moving;
	if (account->moving)
		snprintf(account->address, sizeof(account->address), "%s",
			keys_next(clients_of(client)->keys));
	buffer_printf(&client->out, "request=%s\naddress=%s\nby=bench\n\n",
		account->moving ? "move" : "cancel", account->address);
	client_asks(client);
}

/* A conflict is an account that another client, or a run before, is moving; it
 * is no transition. */
static size_t load_control_input(
	struct client *client, const char *data, size_t size)
{
	const char *end = memmem(data, size, "\n\n", 2);
	struct load_account *account = client->state;

	if (end == NULL)
		return 0;
	if (load_begins(data, size, "status=ok\n"))
		client_answered(client);
	else if (!load_begins(data, size, "status=conflict\n"))
		client_unexpected(client, account->address, data, size);
	load_control_ask(client);
	return (size_t)(end - data) + 2;
}

/* ---- all ---- */

struct load_kind {
	const char *name;
	struct clients_protocol protocol;
};

static const struct load_kind load_kinds[] = {
	{ "policy", { 0, load_policy_ask, load_policy_input } },
	{ "socketmap", { 0, load_map_ask, load_map_input } },
	{ "control", { sizeof(struct load_account), load_control_ask,
			     load_control_input } },
};

static const struct load_kind *load_kind_find(const char *name)
{
	size_t count = sizeof(load_kinds) / sizeof(load_kinds[0]);

	for (size_t i = 0; i < count; i++)
		if (strcmp(load_kinds[i].name, name) == 0)
			return &load_kinds[i];
	return NULL;
}

static void load_option(int option, const char *value)
{
	if (option == 'm')
		load_map = value;
}

int main(int argc, char **argv)
{
	const struct load_kind *kind =
		argc > 1 ? load_kind_find(argv[1]) : NULL;
	struct clients_options options = { .program = "load" };

	if (kind == NULL || clients_options(argc - 1, argv + 1,
				    "m:", load_option, &options) < 0) {
		fputs("usage: load policy|socketmap|control -s ENDPOINT "
		      "[-c CONNECTIONS] [-t SECONDS] [-n ACCOUNTS | -f FILE] "
		      "[-m MAP]\n",
			stderr);
		return 64;
	}
	clients_run(&options, &kind->protocol);
	return 0;
}
