/* SPDX-License-Identifier: BSD-2-Clause */
/* Digests by OpenSSL. They cannot fail but for want of memory. */
#include "config.h"

#include "copier/digest.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "copier/altered_scan.h"

#include "lib/xalloc.h"

struct digest {
	EVP_MD_CTX *context;
};

static void digest_must(int done)
{
	if (done != 1)
		abort();
}

struct digest *digest_new(void)
{
	struct digest *digest = xcalloc(1, sizeof(*digest));

	digest->context = EVP_MD_CTX_new();
	if (digest->context == NULL)
		abort();
	return digest;
}

void digest_free(struct digest **digest)
{
	if (*digest == NULL)
		return;
	EVP_MD_CTX_free((*digest)->context);
	free(*digest);
	*digest = NULL;
}

void digest_begin(struct digest *digest)
{
	digest_must(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
}

void digest_add(struct digest *digest, const void *data, size_t size)
{
	digest_must(EVP_DigestUpdate(digest->context, data, size));
}

void digest_end(struct digest *digest, unsigned char result_r[JOURNAL_DIGEST])
{
	unsigned int size = 0;

	digest_must(EVP_DigestFinal_ex(digest->context, result_r, &size));
}

struct digest_fetching {
	struct digest *digest;
	struct digest_message message;
	struct altered_scan scan;
	digest_fn *callback;
	void *context;
};

static int digest_sink_begin(
	void *context, const struct mailbox_message *message)
{
	struct digest_fetching *fetching = context;

	fetching->message = (struct digest_message){ .uid = message->uid };
	altered_begin(&fetching->scan);
	digest_begin(fetching->digest);
	return 1;
}

static int digest_sink_data(void *context, const char *data, size_t size)
{
	struct digest_fetching *fetching = context;

	digest_add(fetching->digest, data, size);
	altered_add(&fetching->scan, data, size);
	fetching->message.size += size;
	return 0;
}

static int digest_sink_end(void *context)
{
	struct digest_fetching *fetching = context;
	struct digest_message *message = &fetching->message;

	digest_end(fetching->digest, message->digest);
	message->skeleton = altered_skeleton(&fetching->scan);
	fetching->callback(fetching->context, message);
	return 0;
}

int digest_fetch(struct mailbox *mailbox, const struct uidset *uids,
	digest_fn *callback, void *context, struct error *error)
{
	static const struct mailbox_sink sink = { digest_sink_begin,
		digest_sink_data, digest_sink_end };
	struct digest_fetching fetching = {
		.digest = digest_new(), .callback = callback, .context = context
	};
	int result = mailbox_fetch(mailbox, uids, &sink, &fetching, error);

	digest_free(&fetching.digest);
	return result;
}
