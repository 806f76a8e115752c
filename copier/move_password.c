/* SPDX-License-Identifier: BSD-2-Clause */
/* The password of the user, as the gateway has learned and sealed it. */
#include "config.h"

#include "copier/move_private.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "lib/seal.h"
#include "lib/xalloc.h"

static int move_unseal(struct move *move, const struct seal_key *key,
	const char *sealed, const char *system, struct error *error)
{
	char text[SEAL_TEXT_MAX + 1];
	char *owner = xasprintf("%s %s", move->account->address, system);
	size_t size;
	int result = seal_open(key, owner, sealed, text, &size, error);

	if (result == 1)
		secret_set(&move->learned, text, size);
	OPENSSL_cleanse(text, sizeof(text));
	free(owner);
	return result;
}

int move_learn_password(struct move *move, struct error *error)
{
	const char *file = move->order->config->copier.private_key;
	const char *sealed, *system;
	struct seal_key *key;
	struct error reason;
	int result;

	if (file == NULL)
		return 0;
	result = worker_secret(&move->worker, &sealed, &system, error);
	if (result < 1)
		return result;
	key = seal_read_private(file, error);
	if (key == NULL) {
		error_prefix(error, "copier: private_key");
		return -1;
	}
	result = move_unseal(move, key, sealed, system, &reason);
	if (result == 0)
		move_log(move, LOG_WARNING,
			"the learned password was sealed for another key than "
			"%s; the next login replaces it",
			file);
	else if (result < 0)
		move_log(move, LOG_WARNING,
			"the learned password cannot be opened (%s); the next "
			"login replaces it",
			reason.text);
	seal_key_free(&key);
	return 0;
}
