/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificate of a move: prepared in service, finished in the freeze. */
#include "config.h"

#include "copier/move_private.h"

#include <stdlib.h>

#include "copier/certificate.h"

#include "lib/document.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

void move_begin_certificate(struct move *move, const char *name)
{
	char *path = xasprintf(
		"%s/%s.certificate", move->order->config->copier.state, name);

	move->certificate = certificate_new(path);
	free(path);
}

int move_prepare_certificate(struct move *move, struct error *error)
{
	return certificate_prepare(move->certificate, &move->pass, error);
}

int move_finish_certificate(
	struct move *move, uint64_t foreign, struct error *error)
{
	const struct account *account = move->account;
	bool back = account->home == ACCOUNT_DESTINATION;
	const struct certificate_facts facts = {
		.account = account->address,
		.home = account_home_system(account),
		.other = back ? account->source : account->destination,
		.at = instant_now(),
		.foreign = foreign,
	};

	return certificate_finish(
		move->certificate, &move->pass, &facts, error);
}

void move_tell_certificate(struct move *move)
{
	struct error error;

	/* the file is what counts; this is for those who look */
	if (worker_document(&move->worker, DOCUMENT_CERTIFICATE,
		    certificate_summary(move->certificate), &error) < 0)
		move_log(move, LOG_WARNING, "%s", error.text);
}
