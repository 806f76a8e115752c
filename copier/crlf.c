/* SPDX-License-Identifier: BSD-2-Clause */
/* Line by line, since most octets are copied as they are. */
#include "config.h"

#include "copier/crlf.h"

#include <string.h>

size_t crlf_convert(struct crlf *crlf, const char *in, size_t size, char *out)
{
	const char *from = in, *end = in + size;
	char *to = out;

	while (from < end) {
		const char *line = memchr(from, '\n', (size_t)(end - from));
		size_t take = (size_t)((line != NULL ? line : end) - from);

		memcpy(to, from, take);
		to += take;
		if (take > 0)
			crlf->cr = from[take - 1] == '\r';
		from += take;
		if (line == NULL)
			break;
		if (!crlf->cr)
			*to++ = '\r';
		*to++ = '\n';
		crlf->cr = false;
		from++;
	}
	return (size_t)(to - out);
}
