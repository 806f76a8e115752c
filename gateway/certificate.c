/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of files to one context. */
#include "config.h"

#include "gateway/certificate.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define CERTIFICATE_BLANKS " \t"

/* The next word of the list, to be freed; NULL behind the last. */
static char *certificate_next(const char **list)
{
	size_t size;
	char *word;

	*list += strspn(*list, CERTIFICATE_BLANKS);
	size = strcspn(*list, CERTIFICATE_BLANKS);
	if (size == 0)
		return NULL;
	word = xstrndup(*list, size);
	*list += size;
	return word;
}

/* The first one makes the context. 0 or -1. */
static int certificate_add(struct tls_context **context,
	const char *certificate, const char *key, struct error *error)
{
	if (*context != NULL)
		return tls_server_add(*context, certificate, key, error);
	*context = tls_server_context_new(certificate, key, error);
	return *context == NULL ? -1 : 0;
}

struct tls_context *certificate_load(
	const char *certificates, const char *keys, struct error *error)
{
	struct tls_context *context = NULL;
	int status = 0;

	while (status == 0) {
		char *certificate = certificate_next(&certificates);
		char *key = keys != NULL ? certificate_next(&keys) : NULL;

		if (certificate != NULL)
			status = certificate_add(&context, certificate,
				key != NULL ? key : certificate, error);
		else
			status = 1;
		free(certificate);
		free(key);
	}
	if (status < 0)
		tls_context_free(&context);
	return context;
}
