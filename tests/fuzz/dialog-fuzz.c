/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile clients before the login: the first octet chooses protocol, TLS and
 * the size of the pieces in which the rest comes.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "gateway/dialog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void relay(struct dialog *dialog, struct buffer *out)
{
	if (login_is_relayed(dialog_login(dialog)->mechanism))
		dialog_challenge(dialog, "eA==", out);
	else if (dialog_refuse(dialog, DIALOG_DENIED, "no", out) == DIALOG_MORE)
		dialog_hold(dialog, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dialog_offer offer = { .host = "mx.example.org",
		.starttls = true,
		.mechanisms = (1u << LOGIN_MECHANISMS) - 1 };
	struct buffer out = BUFFER_EMPTY;
	struct dialog *dialog;
	size_t piece;

	if (size == 0)
		return 0;
	offer.secure = (data[0] & 4) != 0;
	piece = (data[0] >> 3) + 1u;
	dialog = dialog_new(data[0] & 3, &offer);
	dialog_greet(dialog, &out);
	data++;
	size--;
	while (size > 0) {
		size_t take = size < piece ? size : piece, used;

		switch (dialog_input(
			dialog, (const char *)data, take, &used, &out)) {
		case DIALOG_END:
			size = used = 0;
			break;
		case DIALOG_STARTTLS:
			dialog_secured(dialog, &out);
			break;
		case DIALOG_LOGIN:
			relay(dialog, &out);
			break;
		case DIALOG_RESPONSE:
			if (dialog_response(dialog) == NULL)
				abort();
			dialog_refuse(dialog, DIALOG_LATER, "no", &out);
			break;
		case DIALOG_MORE:
		case DIALOG_CANCELLED:
			break;
		}
		data += used;
		size -= used;
		buffer_clear(&out);
	}
	buffer_free(&out);
	dialog_free(&dialog);
	return 0;
}
