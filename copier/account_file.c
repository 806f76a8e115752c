/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as file names: nothing in them leads out of the directory. */
#include "config.h"

#include "copier/account_file.h"

#include <ctype.h>

#include "lib/buffer.h"

char *account_file_name(const char *address)
{
	struct buffer name = BUFFER_EMPTY;

	for (; *address != '\0'; address++) {
		unsigned char c = (unsigned char)*address;

		if (isalnum(c) || c == '@' || c == '-' || c == '_' ||
			c == '+' || (c == '.' && name.size > 0))
			buffer_add(&name, address, 1);
		else
			buffer_printf(&name, "%%%02X", c);
	}
	return name.data;
}
