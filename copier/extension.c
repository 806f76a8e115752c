/* SPDX-License-Identifier: BSD-2-Clause */
/* Hands the calls on to the driver's table, where there is one. */
#include "config.h"

#include "copier/extension.h"

static const struct extension_driver *extension_driver(
	const struct mailbox *mailbox)
{
	return mailbox->driver->extension;
}

/* The table when it offers that, else NULL with an error. */
static const struct extension_driver *extension_of(
	struct mailbox *mailbox, enum extension extension, struct error *error)
{
	if ((extension_can(mailbox) & extension) != 0)
		return extension_driver(mailbox);
	error_set(error, "the server does not offer it");
	return NULL;
}

unsigned extension_can(struct mailbox *mailbox)
{
	const struct extension_driver *driver = extension_driver(mailbox);

	return driver != NULL ? driver->can(mailbox) : 0;
}

const char *extension_rights(struct mailbox *mailbox)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_ACL, NULL);

	return driver != NULL ? driver->rights(mailbox) : "";
}

int extension_exists(
	struct mailbox *mailbox, const char *folder, struct error *error)
{
	const struct extension_driver *driver = extension_driver(mailbox);

	return driver != NULL ? driver->exists(mailbox, folder, error) : 1;
}

int extension_create_use(struct mailbox *mailbox, const char *folder,
	enum special_use use, struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_CREATE_USE, error);

	return driver != NULL ? driver->create_use(mailbox, folder, use, error)
			      : 0;
}

int extension_sizes(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_size_fn *callback, void *context,
	struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_SIZES, error);

	return driver != NULL ? driver->sizes(mailbox, folders, count, callback,
					context, error)
			      : 0;
}

int extension_others(struct mailbox *mailbox, extension_other_fn *callback,
	void *context, struct error *error)
{
	const struct extension_driver *driver = extension_driver(mailbox);

	return driver != NULL
		       ? driver->others(mailbox, callback, context, error)
		       : 1;
}

int extension_acl_read(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_acl_fn *callback, void *context,
	struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_ACL, error);

	return driver != NULL ? driver->acl_read(mailbox, folders, count,
					callback, context, error)
			      : 0;
}

int extension_acl_write(struct mailbox *mailbox, const char *folder,
	const char *identifier, const char *rights, struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_ACL, error);

	return driver != NULL ? driver->acl_write(mailbox, folder, identifier,
					rights, error)
			      : 0;
}

int extension_quota_read(struct mailbox *mailbox, const char *folder,
	extension_quota_fn *callback, void *context, struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_QUOTA, error);

	return driver != NULL ? driver->quota_read(mailbox, folder, callback,
					context, error)
			      : 0;
}

int extension_quota_write(struct mailbox *mailbox, const char *root,
	const char *resource, uint64_t limit, struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_QUOTA, error);

	return driver != NULL ? driver->quota_write(
					mailbox, root, resource, limit, error)
			      : 0;
}

int extension_metadata_read(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_metadata_fn *callback, void *context,
	struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_METADATA, error);

	return driver != NULL ? driver->metadata_read(mailbox, folders, count,
					callback, context, error)
			      : 0;
}

int extension_metadata_write(struct mailbox *mailbox, const char *folder,
	const char *entry, const char *value, size_t size, struct error *error)
{
	const struct extension_driver *driver =
		extension_of(mailbox, EXTENSION_METADATA, error);

	return driver != NULL ? driver->metadata_write(mailbox, folder, entry,
					value, size, error)
			      : 0;
}
