/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What belongs to a folder beside its messages and what only some servers
 * tell: rights of others (RFC 4314), limits (RFC 9208), annotations (RFC 5464),
 * sizes (RFC 8438), special use at creation (RFC 6154), folders of others (RFC
 * 2342). A driver offers them by one table, or has none. Results are those of
 * driver.h; where the mailbox does not offer a thing it is 0. None of these may
 * be called while appends are under way.
 */
#ifndef REHOME_COPIER_EXTENSION_H
#define REHOME_COPIER_EXTENSION_H

#include "copier/driver.h"

enum extension {
	EXTENSION_ACL = 1 << 0,
	EXTENSION_QUOTA = 1 << 1,
	EXTENSION_METADATA = 1 << 2,
	EXTENSION_SIZES = 1 << 3,
	EXTENSION_CREATE_USE = 1 << 4,
};

/*
 * What a read calls back with; the texts are valid during the call. In refused
 * the server's words for a folder that it tells nothing of, else NULL.
 */
struct extension_acl {
	const char *folder;
	const char *identifier;
	const char *rights;
	const char *refused;
};
struct extension_quota {
	const char *root;
	const char *resource; /* "STORAGE" in units of 1024 octets, ... */
	uint64_t used, limit;
};
struct extension_metadata {
	const char *folder;
	const char *entry; /* "/private/comment" */
	const char *value; /* size octets */
	size_t size;
	const char *refused;
};
struct extension_size {
	const char *folder;
	uint64_t messages;
	uint64_t octets;
};

typedef void extension_acl_fn(void *context, const struct extension_acl *acl);
typedef void extension_quota_fn(
	void *context, const struct extension_quota *quota);
typedef void extension_metadata_fn(
	void *context, const struct extension_metadata *metadata);
typedef void extension_size_fn(
	void *context, const struct extension_size *size);
/* A folder that is not the account's own: prefix is its namespace's, kind 1
 * other users', 2 shared. */
typedef void extension_other_fn(
	void *context, const char *folder, const char *prefix, int kind);

struct extension_driver {
	unsigned (*can)(struct mailbox *mailbox);
	const char *(*rights)(struct mailbox *mailbox);
	int (*exists)(struct mailbox *mailbox, const char *folder,
		struct error *error);
	int (*create_use)(struct mailbox *mailbox, const char *folder,
		enum special_use use, struct error *error);
	int (*sizes)(struct mailbox *mailbox, const char *const *folders,
		size_t count, extension_size_fn *callback, void *context,
		struct error *error);
	int (*others)(struct mailbox *mailbox, extension_other_fn *callback,
		void *context, struct error *error);
	int (*acl_read)(struct mailbox *mailbox, const char *const *folders,
		size_t count, extension_acl_fn *callback, void *context,
		struct error *error);
	int (*acl_write)(struct mailbox *mailbox, const char *folder,
		const char *identifier, const char *rights,
		struct error *error);
	int (*quota_read)(struct mailbox *mailbox, const char *folder,
		extension_quota_fn *callback, void *context,
		struct error *error);
	int (*quota_write)(struct mailbox *mailbox, const char *root,
		const char *resource, uint64_t limit, struct error *error);
	int (*metadata_read)(struct mailbox *mailbox,
		const char *const *folders, size_t count,
		extension_metadata_fn *callback, void *context,
		struct error *error);
	int (*metadata_write)(struct mailbox *mailbox, const char *folder,
		const char *entry, const char *value, size_t size,
		struct error *error);
};

extern const struct extension_driver extension_imap;

/* Bits of enum extension. */
unsigned extension_can(struct mailbox *mailbox);
/* The letters of the rights that it knows, "" without ACL. */
const char *extension_rights(struct mailbox *mailbox);

/* Whether there is a folder of exactly that name; 0 also when one is told
 * under another one, of another case. */
int extension_exists(
	struct mailbox *mailbox, const char *folder, struct error *error);
/* Makes a folder that is for something. */
int extension_create_use(struct mailbox *mailbox, const char *folder,
	enum special_use use, struct error *error);
/* Messages and octets of these folders, as far as the server tells. */
int extension_sizes(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_size_fn *callback, void *context,
	struct error *error);
/* The folders of others that the account sees. */
int extension_others(struct mailbox *mailbox, extension_other_fn *callback,
	void *context, struct error *error);

/* Who has which rights to these folders. */
int extension_acl_read(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_acl_fn *callback, void *context,
	struct error *error);
/* Gives rights, or with NULL takes them all. */
int extension_acl_write(struct mailbox *mailbox, const char *folder,
	const char *identifier, const char *rights, struct error *error);
/* The limits that a folder counts for. */
int extension_quota_read(struct mailbox *mailbox, const char *folder,
	extension_quota_fn *callback, void *context, struct error *error);
int extension_quota_write(struct mailbox *mailbox, const char *root,
	const char *resource, uint64_t limit, struct error *error);
/* The annotations of these folders, of 16 kB each at most. */
int extension_metadata_read(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_metadata_fn *callback, void *context,
	struct error *error);
int extension_metadata_write(struct mailbox *mailbox, const char *folder,
	const char *entry, const char *value, size_t size, struct error *error);

#endif
