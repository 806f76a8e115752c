/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that a milter on libmilter can do: it looks at nothing and lets
 * everything pass. What rehome-milter's rates are compared with.
 *
 *     milter-floor all|rcpt ENDPOINT
 *
 * all: every event is sent and answered. rcpt: only RCPT, and DATA, where the
 * message is accepted.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libmilter/mfapi.h>

#define FLOOR_BACKLOG 1024
#define FLOOR_SKIP                                                             \
	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NOHDRS |        \
		SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN)

static sfsistat floor_connect(SMFICTX *context, char *host, _SOCK_ADDR *address)
{
	(void)context;
	(void)host;
	(void)address;
	return SMFIS_CONTINUE;
}

static sfsistat floor_helo(SMFICTX *context, char *name)
{
	(void)context;
	(void)name;
	return SMFIS_CONTINUE;
}

/* MAIL and RCPT */
static sfsistat floor_envelope(SMFICTX *context, char **arguments)
{
	(void)context;
	(void)arguments;
	return SMFIS_CONTINUE;
}

/* DATA, end of header and end of message */
static sfsistat floor_mark(SMFICTX *context)
{
	(void)context;
	return SMFIS_CONTINUE;
}

static sfsistat floor_header(SMFICTX *context, char *name, char *value)
{
	(void)context;
	(void)name;
	(void)value;
	return SMFIS_CONTINUE;
}

static sfsistat floor_body(SMFICTX *context, unsigned char *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return SMFIS_CONTINUE;
}

static sfsistat floor_let_go(SMFICTX *context)
{
	(void)context;
	return SMFIS_ACCEPT;
}

static sfsistat floor_negotiate(SMFICTX *context, unsigned long actions,
	unsigned long steps, unsigned long unused2, unsigned long unused3,
	unsigned long *actions_r, unsigned long *steps_r,
	unsigned long *unused2_r, unsigned long *unused3_r)
{
	(void)context;
	(void)actions;
	(void)unused2;
	(void)unused3;
	*actions_r = 0;
	*steps_r = steps & FLOOR_SKIP;
	*unused2_r = *unused3_r = 0;
	return SMFIS_CONTINUE;
}

static const struct smfiDesc floor_all = {
	.xxfi_name = (char *)"floor",
	.xxfi_version = SMFI_VERSION,
	.xxfi_connect = floor_connect,
	.xxfi_helo = floor_helo,
	.xxfi_envfrom = floor_envelope,
	.xxfi_envrcpt = floor_envelope,
	.xxfi_data = floor_mark,
	.xxfi_header = floor_header,
	.xxfi_eoh = floor_mark,
	.xxfi_body = floor_body,
	.xxfi_eom = floor_mark,
};

static const struct smfiDesc floor_rcpt = {
	.xxfi_name = (char *)"floor",
	.xxfi_version = SMFI_VERSION,
	.xxfi_envrcpt = floor_envelope,
	.xxfi_data = floor_let_go,
	.xxfi_negotiate = floor_negotiate,
};

int main(int argc, char **argv)
{
	bool all = argc == 3 && strcmp(argv[1], "all") == 0;

	if (argc != 3 || (!all && strcmp(argv[1], "rcpt") != 0)) {
		fputs("usage: milter-floor all|rcpt ENDPOINT\n", stderr);
		return 64;
	}
	umask(0); /* the mail server is another user */
	if (smfi_setconn(argv[2]) != MI_SUCCESS ||
		smfi_register(all ? floor_all : floor_rcpt) != MI_SUCCESS ||
		smfi_setbacklog(FLOOR_BACKLOG) != MI_SUCCESS)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
