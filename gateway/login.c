/* SPDX-License-Identifier: BSD-2-Clause */
/* Mechanisms by name, and the wiping of what was told. */
#include "config.h"

#include "gateway/login.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

static const struct login_row {
	const char *name;
	bool relayed;
} login_table[LOGIN_MECHANISMS] = {
	[LOGIN_PASSWORD] = { NULL, false },
	[LOGIN_PLAIN] = { "PLAIN", false },
	[LOGIN_LOGIN] = { "LOGIN", false },
	[LOGIN_XOAUTH2] = { "XOAUTH2", true },
	[LOGIN_OAUTHBEARER] = { "OAUTHBEARER", true },
	[LOGIN_SCRAM_SHA_1] = { "SCRAM-SHA-1", true },
	[LOGIN_SCRAM_SHA_256] = { "SCRAM-SHA-256", true },
};

bool login_is_relayed(enum login_mechanism mechanism)
{
	return login_table[mechanism].relayed;
}

const char *login_mechanism_name(enum login_mechanism mechanism)
{
	return login_table[mechanism].name;
}

int login_mechanism_find(const char *name, size_t size)
{
	for (int i = 0; i < LOGIN_MECHANISMS; i++)
		if (login_table[i].name != NULL &&
			strlen(login_table[i].name) == size &&
			strncasecmp(login_table[i].name, name, size) == 0)
			return i;
	return -1;
}

static void login_wipe(char **text)
{
	if (*text != NULL)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void login_clear(struct login *login)
{
	login_wipe(&login->user);
	login_wipe(&login->authority);
	login_wipe(&login->password);
	login_wipe(&login->initial);
	login->mechanism = LOGIN_PASSWORD;
}
