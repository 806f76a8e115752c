/* SPDX-License-Identifier: BSD-2-Clause */
/* Identity by what an administrator has configured, the password from a file.
 */
#include "config.h"

#include "copier/identity.h"

#include "copier/location.h"

struct identity *identity_open(const char *endpoint, const char *password_file,
	const char *user, int timeout_ms, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct identity_options options = {
		.endpoint = endpoint, .user = user, .timeout_ms = timeout_ms
	};
	struct location secret = { .password = NULL };
	struct identity *identity = NULL;

	*failure_r = MAILBOX_LATER;
	if (password_file == NULL ||
		location_password(&secret, password_file, error) == 0) {
		options.password = secret.password;
		identity = identity_new(&options, failure_r, error);
	}
	location_clear(&secret);
	return identity;
}
