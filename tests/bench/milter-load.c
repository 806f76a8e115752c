/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load for milters: speaks the mail server's side of the milter protocol as
 * Postfix does. Commands that the milter does not want are left out, but not
 * their macros, unless it chose others. Decisions on recipients are counted.
 *
 *     milter-load -s ENDPOINT [-c CONNECTIONS] [-t SECONDS]
 *         [-n ACCOUNTS | -f FILE] [-r RECIPIENTS] [-k MESSAGES]
 *
 * with so many recipients a message (1) and messages a connection (no end).
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "tests/bench/clients.h"

#define MILTER_VERSION	6
#define MILTER_STEPS	0x001fffffu /* all that there are */
#define MILTER_REPLY	1048576	    /* longer ones are no replies */
#define MILTER_BODY	1024
#define MILTER_LIST	128
#define MILTER_NO_STAGE -1
#define MILTER_STAGES	(SMFIM_EOH + 1)

static unsigned milter_recipients = 1;
static unsigned milter_messages;

/* The dialogue with one milter, in this order. */
enum milter_step {
	MILTER_NEGOTIATE,
	MILTER_CONNECT,
	MILTER_HELO,
	MILTER_MAIL,
	MILTER_RCPT,
	MILTER_DATA,
	MILTER_HEADER,
	MILTER_EOH,
	MILTER_CHUNK,
	MILTER_END,
};

struct milter_session {
	enum milter_step step;
	unsigned turn;	   /* of a step that comes several times */
	uint32_t steps;	   /* as negotiated */
	unsigned messages; /* over this connection */
	char recipient[ADDRESS_SIZE];
	bool chosen[MILTER_STAGES]; /* the milter chose its macros */
	char macros[MILTER_STAGES][MILTER_LIST];
};

struct milter_command {
	char letter;
	int stage;	 /* of its macros */
	uint32_t unsent; /* the bits that say: do not send, do not answer */
	uint32_t unanswered;
	void (*compose)(struct milter_session *session, struct buffer *packet);
};

struct milter_macro {
	int stage;
	const char *name;
	const char *value; /* NULL: the recipient */
};

/* What Postfix sends by default and has a value for. */
static const struct milter_macro milter_macros[] = {
	{ SMFIM_CONNECT, "j", "mx.example.net" },
	{ SMFIM_CONNECT, "{daemon_name}", "mx.example.net" },
	{ SMFIM_CONNECT, "{daemon_addr}", "192.0.2.25" },
	{ SMFIM_CONNECT, "v", "Postfix 3.7.11" },
	{ SMFIM_CONNECT, "_", "client.example.net [198.51.100.7]" },
	{ SMFIM_ENVFROM, "{mail_addr}", "bob@example.net" },
	{ SMFIM_ENVFROM, "{mail_host}", "example.net" },
	{ SMFIM_ENVFROM, "{mail_mailer}", "smtp" },
	{ SMFIM_ENVRCPT, "{rcpt_addr}", NULL },
	{ SMFIM_ENVRCPT, "{rcpt_host}", "example.org" },
	{ SMFIM_ENVRCPT, "{rcpt_mailer}", "smtp" },
	{ SMFIM_DATA, "i", "4F00BAR1234" },
	{ SMFIM_EOH, "i", "4F00BAR1234" },
	{ SMFIM_EOM, "i", "4F00BAR1234" },
};

static const char *const milter_headers[][2] = {
	{ "From", "bob@example.net" },
	{ "To", "ann@example.org" },
	{ "Subject", "lunch" },
	{ "Date", "Sat, 21 Nov 2026 16:00:00 +0000" },
	{ "Message-ID", "<1@example.net>" },
};
#define MILTER_HEADERS (sizeof(milter_headers) / sizeof(milter_headers[0]))

/* ---- packets ---- */

static size_t milter_packet_begin(struct buffer *out, char letter)
{
	size_t start = out->size;

	buffer_add(out, "\0\0\0\0", 4);
	buffer_add(out, &letter, 1);
	return start;
}

static void milter_packet_end(struct buffer *out, size_t start)
{
	uint32_t size = htonl((uint32_t)(out->size - start - 4));

	memcpy(out->data + start, &size, sizeof(size));
}

static void milter_packet(struct buffer *out, char letter)
{
	milter_packet_end(out, milter_packet_begin(out, letter));
}

static void milter_add_number(struct buffer *packet, uint32_t number)
{
	number = htonl(number);
	buffer_add(packet, &number, sizeof(number));
}

static void milter_add_text(struct buffer *packet, const char *text)
{
	buffer_add(packet, text, strlen(text) + 1);
}

static bool milter_wants_macro(const struct milter_session *session,
	const struct milter_macro *macro, int stage)
{
	return macro->stage == stage &&
	       (!session->chosen[stage] ||
		       strstr(session->macros[stage], macro->name) != NULL);
}

static void milter_send_macros(const struct milter_session *session,
	const struct milter_command *command, struct buffer *out)
{
	size_t count = sizeof(milter_macros) / sizeof(milter_macros[0]);
	size_t start = out->size;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		const struct milter_macro *macro = &milter_macros[i];

		if (!milter_wants_macro(session, macro, command->stage))
			continue;
		if (!any) {
			milter_packet_begin(out, SMFIC_MACRO);
			buffer_add(out, &command->letter, 1);
		}
		any = true;
		milter_add_text(out, macro->name);
		milter_add_text(out, macro->value != NULL ? macro->value
							  : session->recipient);
	}
	if (any)
		milter_packet_end(out, start);
}

/* ---- commands ---- */

static void milter_compose_negotiate(
	struct milter_session *session, struct buffer *packet)
{
	(void)session;
	milter_add_number(packet, MILTER_VERSION);
	milter_add_number(packet, SMFI_CURR_ACTS);
	milter_add_number(packet, MILTER_STEPS);
}

static void milter_compose_connect(
	struct milter_session *session, struct buffer *packet)
{
	static const char family_and_port[] = { SMFIA_INET, 0x30, 0x39 };

	(void)session;
	milter_add_text(packet, "client.example.net");
	buffer_add(packet, family_and_port, sizeof(family_and_port));
	milter_add_text(packet, "198.51.100.7");
}

static void milter_compose_helo(
	struct milter_session *session, struct buffer *packet)
{
	(void)session;
	milter_add_text(packet, "client.example.net");
}

static void milter_compose_mail(
	struct milter_session *session, struct buffer *packet)
{
	(void)session;
	milter_add_text(packet, "<bob@example.net>");
}

static void milter_compose_rcpt(
	struct milter_session *session, struct buffer *packet)
{
	buffer_add_text(packet, "<");
	buffer_add_text(packet, session->recipient);
	milter_add_text(packet, ">");
}

static void milter_compose_header(
	struct milter_session *session, struct buffer *packet)
{
	milter_add_text(packet, milter_headers[session->turn - 1][0]);
	milter_add_text(packet, milter_headers[session->turn - 1][1]);
}

static void milter_compose_chunk(
	struct milter_session *session, struct buffer *packet)
{
	static char body[MILTER_BODY];

	(void)session;
	memset(body, 'x', sizeof(body));
	buffer_add(packet, body, sizeof(body));
}

static const struct milter_command milter_commands[] = {
	[MILTER_NEGOTIATE] = { SMFIC_OPTNEG, MILTER_NO_STAGE, 0, 0,
		milter_compose_negotiate },
	[MILTER_CONNECT] = { SMFIC_CONNECT, SMFIM_CONNECT, SMFIP_NOCONNECT,
		SMFIP_NR_CONN, milter_compose_connect },
	[MILTER_HELO] = { SMFIC_HELO, SMFIM_HELO, SMFIP_NOHELO, SMFIP_NR_HELO,
		milter_compose_helo },
	[MILTER_MAIL] = { SMFIC_MAIL, SMFIM_ENVFROM, SMFIP_NOMAIL,
		SMFIP_NR_MAIL, milter_compose_mail },
	[MILTER_RCPT] = { SMFIC_RCPT, SMFIM_ENVRCPT, 0, 0,
		milter_compose_rcpt },
	[MILTER_DATA] = { SMFIC_DATA, SMFIM_DATA, SMFIP_NODATA, SMFIP_NR_DATA,
		NULL },
	[MILTER_HEADER] = { SMFIC_HEADER, MILTER_NO_STAGE, SMFIP_NOHDRS,
		SMFIP_NR_HDR, milter_compose_header },
	[MILTER_EOH] = { SMFIC_EOH, SMFIM_EOH, SMFIP_NOEOH, SMFIP_NR_EOH,
		NULL },
	[MILTER_CHUNK] = { SMFIC_BODY, MILTER_NO_STAGE, SMFIP_NOBODY,
		SMFIP_NR_BODY, milter_compose_chunk },
	[MILTER_END] = { SMFIC_BODYEOB, SMFIM_EOM, 0, 0, NULL },
};

/* How often the step comes in one message. */
static unsigned milter_turns(enum milter_step step)
{
	if (step == MILTER_RCPT)
		return milter_recipients;
	return step == MILTER_HEADER ? MILTER_HEADERS : 1;
}

static void milter_send(
	struct client *client, const struct milter_command *command)
{
	struct milter_session *session = client->state;
	size_t start;

	start = milter_packet_begin(&client->out, command->letter);
	if (command->compose != NULL)
		command->compose(session, &client->out);
	milter_packet_end(&client->out, start);
}

/* Sends all up to the next command that is answered. */
static void milter_advance(struct client *client)
{
	struct milter_session *session = client->state;
	const struct milter_command *command;

	do {
		if (session->turn == milter_turns(session->step)) {
			session->step++;
			session->turn = 0;
		}
		session->turn++;
		command = &milter_commands[session->step];
		if (session->step == MILTER_RCPT)
			snprintf(session->recipient, sizeof(session->recipient),
				"%s", keys_next(clients_of(client)->keys));
		milter_send_macros(session, command, &client->out);
		if ((session->steps & command->unsent) != 0)
			continue;
		milter_send(client, command);
		if (session->step == MILTER_RCPT)
			client_asks(client);
	} while ((session->steps & (command->unsent | command->unanswered)) !=
		 0);
}

static void milter_begin(struct client *client)
{
	struct milter_session *session = client->state;

	memset(session, 0, sizeof(*session));
	session->turn = 1;
	milter_send(client, &milter_commands[MILTER_NEGOTIATE]);
}

static void milter_next_message(struct client *client)
{
	struct milter_session *session = client->state;

	if (session->step < MILTER_END)
		milter_packet(&client->out, SMFIC_ABORT);
	if (++session->messages == milter_messages) {
		milter_packet(&client->out, SMFIC_QUIT);
		client_reconnect(client);
		return;
	}
	session->step = MILTER_MAIL;
	session->turn = 0;
	milter_advance(client);
}

/* ---- replies ---- */

static uint32_t milter_number(const char *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return ntohl(number);
}

/* Version, actions, steps, then pairs of a stage and its macros. */
static void milter_negotiated(
	struct client *client, const char *data, size_t size)
{
	struct milter_session *session = client->state;
	size_t at = 12;

	if (size < at)
		client_unexpected(client, "negotiation", data, size);
	session->steps = milter_number(data + 8);
	if ((session->steps & (SMFIP_NORCPT | SMFIP_NR_RCPT)) != 0)
		client_unexpected(client, "milter", "not asked at RCPT", 17);
	while (at + 4 < size) {
		uint32_t stage = milter_number(data + at);
		size_t length = strnlen(data + at + 4, size - at - 4);

		if (stage < MILTER_STAGES && length < MILTER_LIST) {
			session->chosen[stage] = true;
			memcpy(session->macros[stage], data + at + 4, length);
		}
		at += 4 + length + 1;
	}
	milter_advance(client);
}

static void milter_replied(
	struct client *client, char reply, const char *data, size_t size)
{
	struct milter_session *session = client->state;

	if (session->step == MILTER_NEGOTIATE && reply == SMFIC_OPTNEG) {
		milter_negotiated(client, data, size);
	} else if (reply == SMFIR_CONTINUE && session->step != MILTER_END) {
		if (session->step == MILTER_RCPT)
			client_answered(client);
		milter_advance(client);
	} else if ((reply == SMFIR_CONTINUE || reply == SMFIR_ACCEPT) &&
		   session->step > MILTER_RCPT) {
		milter_next_message(client);
	} else if (reply != SMFIR_PROGRESS) {
		client_unexpected(client, "reply", data - 1, size + 1);
	}
}

static size_t milter_input(struct client *client, const char *data, size_t size)
{
	size_t taken = 0;

	while (!client->renewed && size - taken >= 5) {
		size_t length = milter_number(data + taken);

		if (length == 0 || length > MILTER_REPLY)
			client_unexpected(client, "bytes", data, size);
		if (size - taken < 4 + length)
			break;
		milter_replied(
			client, data[taken + 4], data + taken + 5, length - 1);
		taken += 4 + length;
	}
	return taken;
}

static void milter_option(int option, const char *value)
{
	if (option == 'r')
		milter_recipients = (unsigned)atoi(value);
	else
		milter_messages = (unsigned)atoi(value);
}

int main(int argc, char **argv)
{
	static const struct clients_protocol protocol = {
		.state_size = sizeof(struct milter_session),
		.begin = milter_begin,
		.input = milter_input,
	};
	struct clients_options options = { .program = "milter-load" };

	if (clients_options(argc, argv, "r:k:", milter_option, &options) < 0 ||
		milter_recipients == 0) {
		fputs("usage: milter-load -s ENDPOINT [-c CONNECTIONS] "
		      "[-t SECONDS] [-n ACCOUNTS | -f FILE] [-r RECIPIENTS] "
		      "[-k MESSAGES]\n",
			stderr);
		return 64;
	}
	clients_run(&options, &protocol);
	return 0;
}
