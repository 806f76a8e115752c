/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What IMAP servers send: the responses are the same however the stream is cut
 * into pieces, and no parser of them leaves its input.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copier/imap_extension.h"
#include "copier/imap_parse.h"
#include "copier/imap_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore_namespace(
	void *context, int kind, struct imap_span prefix, char separator)
{
	(void)context;
	(void)kind;
	(void)prefix;
	(void)separator;
}

static void ignore_range(void *context, uint32_t first, uint32_t last)
{
	(void)context;
	if (first == 0 || first > last)
		abort();
}

static void ignore_acl(void *context, const char *one, const char *other)
{
	(void)context;
	(void)strlen(one);
	(void)strlen(other);
}

static void ignore_root(void *context, const char *root)
{
	(void)context;
	(void)strlen(root);
}

static void ignore_quota(
	void *context, const char *resource, uint64_t used, uint64_t limit)
{
	(void)context;
	(void)strlen(resource);
	(void)used;
	(void)limit;
}

/* The value may hold anything; its last octet is there to be read. */
static void ignore_metadata(void *context, const char *entry, const char *value,
	size_t size, bool nil)
{
	volatile char last;

	(void)context;
	(void)nil;
	(void)strlen(entry);
	last = value[size];
	(void)last;
}

static void parse_extensions(struct imap_span rest)
{
	struct buffer name = BUFFER_EMPTY;
	uint64_t messages, octets;

	imap_acl_parse(rest, &name, ignore_acl, NULL);
	imap_quotaroot_parse(rest, &name, ignore_root, NULL);
	imap_quota_parse(rest, &name, ignore_quota, NULL);
	imap_metadata_parse(rest, &name, ignore_metadata, NULL);
	imap_size_parse(rest, &name, &messages, &octets);
	buffer_free(&name);
}

/* Every parser on every response: what is told apart by its first word in the
 * copier, a server may send under any. */
static void parse_all(const struct buffer *text)
{
	struct imap_response response;
	struct imap_fetch fetch;
	struct imap_list list;
	struct mailbox_status status;
	struct buffer name = BUFFER_EMPTY;
	struct imap_span rest;
	uint32_t uidvalidity, uids[3];
	bool earlier;

	if (imap_response_parse(text->data != NULL ? text->data : "",
		    text->size, &response) < 0)
		return;
	imap_fetch_parse(response.rest, false, &fetch);
	buffer_free(&fetch.body);
	imap_fetch_parse(response.rest, true, &fetch);
	buffer_free(&fetch.body);
	imap_list_parse(response.rest, &list, &name);
	buffer_clear(&name);
	imap_status_parse(response.rest, &status, &name);
	imap_namespace_parse(response.rest, ignore_namespace, NULL);
	imap_vanished_parse(response.rest, &earlier, ignore_range, NULL);
	if (imap_code_is(response.code, "APPENDUID", &rest))
		imap_appenduid_parse(rest, &uidvalidity, uids,
			sizeof(uids) / sizeof(uids[0]));
	buffer_free(&name);
	parse_extensions(response.rest);
}

/* A digest of all events of the stream. */
static uint64_t read_stream(const uint8_t *data, size_t size, size_t piece)
{
	struct imap_wire wire;
	uint64_t sum = 14695981039346656037u;
	size_t at = 0, used, i;

	imap_wire_init(&wire);
	for (;;) {
		size_t give = size - at < piece ? size - at : piece;
		char *copy = malloc(give > 0 ? give : 1);
		enum imap_wire_event event;

		memcpy(copy, data + at, give);
		event = imap_wire_feed(&wire, copy, give, &used, NULL);
		at += used;
		if (event == IMAP_WIRE_DATA)
			for (i = 0; i < wire.data_size; i++)
				sum = (sum ^ (uint8_t)wire.data[i]) *
				      1099511628211u;
		else if (event != IMAP_WIRE_MORE)
			sum = (sum ^ (uint64_t)event) * 1099511628211u;
		if (event == IMAP_WIRE_RESPONSE)
			parse_all(&wire.text);
		free(copy);
		if (event == IMAP_WIRE_BAD ||
			(event == IMAP_WIRE_MORE && at == size))
			break;
	}
	imap_wire_free(&wire);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole = read_stream(data, size, SIZE_MAX);

	if (read_stream(data, size, 1) != whole ||
		read_stream(data, size, 7) != whole)
		abort();
	return 0;
}
