/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeping UIDs in a stand-alone copy, where a doveadm server is named. */
#include "config.h"

#include "copier/copy_private.h"

#include "copier/identity.h"
#include "copier/identity_judge.h"

int copy_open_identity(
	struct copy *copy, enum mailbox_failure *failure_r, struct error *error)
{
	const struct copy_options *options = copy->options;

	if (options->doveadm == NULL || options->dry_run)
		return 0;
	copy->pass.identity = identity_open(options->doveadm,
		options->doveadm_password_file, copy->destination.login,
		(int)options->timeout, failure_r, error);
	return copy->pass.identity != NULL ? 0 : -1;
}

void copy_identity_text(const struct copy *copy, struct buffer *text)
{
	identity_report(copy->pass.journal, copy->pass.side,
		copy->pass.identity != NULL, text);
}
