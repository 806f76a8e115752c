/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads certificates: the trailer from the end, then the blocks it names. */
#include "config.h"

#include "copier/certificate_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copier/certificate.h"
#include "copier/digest.h"

#include "lib/buffer.h"
#include "lib/hex.h"
#include "lib/xalloc.h"

#define READ_HEX (2 * JOURNAL_DIGEST)

/* Takes a number up to max and the byte behind it. */
static bool certificate_read_number(const char **at, const char *end,
	char behind, uint64_t max, uint64_t *number_r)
{
	const char *begin = *at;

	*number_r = 0;
	while (*at < end && **at >= '0' && **at <= '9') {
		uint64_t digit = (uint64_t)(**at - '0');

		if (*number_r > (max - digit) / 10)
			return false;
		*number_r = *number_r * 10 + digit;
		(*at)++;
	}
	if (*at == begin || *at == end || **at != behind)
		return false;
	(*at)++;
	return true;
}

static bool certificate_read_has_digest(
	const char *data, size_t size, const unsigned char *digest)
{
	struct digest *work = digest_new();
	unsigned char real[JOURNAL_DIGEST];

	digest_begin(work);
	digest_add(work, data, size);
	digest_end(work, real);
	digest_free(&work);
	return memcmp(real, digest, JOURNAL_DIGEST) == 0;
}

uint64_t certificate_number(const struct attr_list *line, const char *name)
{
	int64_t number = 0;

	return attr_list_get_number(line, name, &number, NULL) == 1 &&
			       number >= 0
		       ? (uint64_t)number
		       : 0;
}

void certificate_clear(struct certificate_text *certificate)
{
	for (size_t i = 0; i < certificate->folders_count; i++)
		attr_list_free(&certificate->folders[i]);
	for (size_t i = 0; i < certificate->approvals_count; i++)
		attr_list_free(&certificate->approvals[i]);
	for (size_t i = 0; i < certificate->excluded_count; i++)
		attr_list_free(&certificate->excluded[i]);
	attr_list_free(&certificate->header);
	free(certificate->folders);
	free(certificate->approvals);
	free(certificate->excluded);
	free(certificate->data);
	memset(certificate, 0, sizeof(*certificate));
}

static void certificate_read_keep(struct attr_list ***list, size_t *count,
	const struct attr_list *message)
{
	*list = xreallocarray(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = attr_list_copy(message);
}

/* One message of the trailer. */
static bool certificate_read_take(
	struct certificate_text *certificate, const struct attr_list *message)
{
	if (certificate->header == NULL) {
		certificate->header = attr_list_copy(message);
		return attr_list_get(message, "account") != NULL;
	}
	if (attr_list_get(message, "folder") != NULL &&
		attr_list_get(message, "other") != NULL)
		certificate_read_keep(&certificate->folders,
			&certificate->folders_count, message);
	else if (attr_list_get(message, "approval") != NULL)
		certificate_read_keep(&certificate->approvals,
			&certificate->approvals_count, message);
	else if (attr_list_get(message, "excluded") != NULL)
		certificate_read_keep(&certificate->excluded,
			&certificate->excluded_count, message);
	/* what a later version adds is passed over */
	return true;
}

static int certificate_read_trailer(struct certificate_text *certificate,
	size_t from, size_t size, struct error *error)
{
	struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);
	const char *data = certificate->data + from;
	size_t used;
	int result = 1;

	while (size > 0 && result == 1) {
		result = attr_parser_feed(parser, data, size, &used, error);
		data += used;
		size -= used;
		if (result == 1 && !certificate_read_take(certificate,
					   attr_parser_message(parser)))
			result = 0;
		if (result == 0)
			error_set(error, "damaged: its trailer is cut off");
	}
	attr_parser_free(&parser);
	if (result == 1 && certificate->header == NULL) {
		error_set(error, "damaged: it has no trailer");
		return -1;
	}
	return result == 1 ? 0 : -1;
}

/* "OFFSET OCTETS SHA256" of a block that is there. */
static bool certificate_read_block(const struct certificate_text *certificate,
	const char *text, const char **data_r, size_t *size_r)
{
	unsigned char digest[JOURNAL_DIGEST];
	const char *end = text + strlen(text);
	uint64_t offset, size;

	if (!certificate_read_number(
		    &text, end, ' ', certificate->size, &offset) ||
		!certificate_read_number(
			&text, end, ' ', certificate->size - offset, &size) ||
		strlen(text) != READ_HEX ||
		!hex_scan(text, digest, JOURNAL_DIGEST) ||
		!certificate_read_has_digest(
			certificate->data + offset, (size_t)size, digest))
		return false;
	*data_r = certificate->data + offset;
	*size_r = (size_t)size;
	return true;
}

static int certificate_read_check_blocks(
	const struct certificate_text *certificate, struct error *error)
{
	for (size_t i = 0; i < certificate->folders_count; i++) {
		const struct attr_list *line = certificate->folders[i];
		const char *data;
		size_t size;

		for (size_t j = 0; j < attr_list_count(line); j++)
			if (strcmp(attr_list_name(line, j), "block") == 0 &&
				!certificate_read_block(certificate,
					attr_list_value(line, j), &data,
					&size)) {
				error_set(error,
					"damaged: the digest of folder %s is "
					"not what it says",
					attr_list_get(line, "folder"));
				return -1;
			}
	}
	return 0;
}

/* Finds the trailer by the last line. */
static int certificate_read_end(const struct certificate_text *certificate,
	size_t *from_r, size_t *size_r, struct error *error)
{
	unsigned char digest[JOURNAL_DIGEST];
	size_t magic = strlen(CERTIFICATE_MAGIC);
	const char *end;
	char *behind;
	unsigned long long from;

	if (certificate->size < magic + CERTIFICATE_END_SIZE ||
		memcmp(certificate->data, CERTIFICATE_MAGIC, magic) != 0) {
		error_set(error, "not a certificate of this version");
		return -1;
	}
	end = certificate->data + certificate->size - CERTIFICATE_END_SIZE;
	if (memcmp(end, "end ", 4) != 0 || end[4] == '-' || end[4] == '+' ||
		end[20] != ' ' || !hex_scan(end + 21, digest, JOURNAL_DIGEST) ||
		end[CERTIFICATE_END_SIZE - 1] != '\n') {
		error_set(error, "damaged: it is cut off");
		return -1;
	}
	from = strtoull(end + 4, &behind, 16);
	if (behind != end + 20 || from < magic ||
		from > certificate->size - CERTIFICATE_END_SIZE) {
		error_set(error, "damaged: its last line");
		return -1;
	}
	*from_r = (size_t)from;
	*size_r = certificate->size - CERTIFICATE_END_SIZE - (size_t)from;
	if (certificate_read_has_digest(
		    certificate->data + from, *size_r, digest))
		return 0;
	error_set(error, "damaged: its digest is not what it says");
	return -1;
}

int certificate_scan(char *data, size_t size,
	struct certificate_text *certificate_r, struct error *error)
{
	size_t from, trailer;

	*certificate_r =
		(struct certificate_text){ .data = data, .size = size };
	if (certificate_read_end(certificate_r, &from, &trailer, error) == 0 &&
		certificate_read_trailer(certificate_r, from, trailer, error) ==
			0 &&
		certificate_read_check_blocks(certificate_r, error) == 0)
		return 0;
	return -1;
}

/* The whole file, malloc'd. 0 or -1. */
static int certificate_read_file(
	const char *path, char **data_r, size_t *size_r, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	char piece[65536];
	ssize_t size = -1;

	if (file >= 0)
		while ((size = read(file, piece, sizeof(piece))) > 0)
			buffer_add(&text, piece, (size_t)size);
	if (size < 0)
		error_set(error, "%s", strerror(errno));
	if (file >= 0)
		close(file);
	if (size < 0) {
		buffer_free(&text);
		return -1;
	}
	*data_r = text.data;
	*size_r = text.size;
	return 0;
}

int certificate_read(const char *path, struct certificate_text *certificate_r,
	struct error *error)
{
	char *data;
	size_t size;

	memset(certificate_r, 0, sizeof(*certificate_r));
	if (certificate_read_file(path, &data, &size, error) == 0 &&
		certificate_scan(data, size, certificate_r, error) == 0)
		return 0;
	error_prefix(error, "certificate %s", path);
	return -1;
}

/* ---- messages ---- */

/* A digest that ends with this octet. */
static bool certificate_read_digest(const char **at, const char *end,
	char behind, unsigned char digest_r[JOURNAL_DIGEST])
{
	if (end - *at < READ_HEX + 1 || (*at)[READ_HEX] != behind ||
		!hex_scan(*at, digest_r, JOURNAL_DIGEST))
		return false;
	*at += READ_HEX + 1;
	return true;
}

static bool certificate_read_message(
	const char **at, const char *end, struct certificate_message *message_r)
{
	bool altered = end - *at > 0 && **at == 'a';
	uint64_t uid, other;

	if (end - *at < 2 || (!altered && **at != 'm') || (*at)[1] != ' ')
		return false;
	*at += 2;
	if (!certificate_read_number(at, end, ' ', UINT32_MAX, &uid) ||
		!certificate_read_number(at, end, ' ', UINT32_MAX, &other) ||
		!certificate_read_number(
			at, end, ' ', UINT64_MAX, &message_r->size) ||
		!certificate_read_digest(
			at, end, altered ? ' ' : '\n', message_r->digest))
		return false;
	message_r->altered = altered;
	message_r->stored_size = message_r->size;
	memcpy(message_r->stored, message_r->digest, JOURNAL_DIGEST);
	if (altered && (!certificate_read_number(at, end, ' ', UINT64_MAX,
				&message_r->stored_size) ||
			       !certificate_read_digest(
				       at, end, '\n', message_r->stored)))
		return false;
	message_r->uid = (uint32_t)uid;
	message_r->other = (uint32_t)other;
	return true;
}

int certificate_messages(const struct certificate_text *certificate,
	size_t folder, struct certificate_message **messages_r, size_t *count_r,
	struct error *error)
{
	const struct attr_list *line = certificate->folders[folder];
	struct certificate_message *messages = NULL;
	size_t count = 0, room = 0;

	*messages_r = NULL;
	*count_r = 0;
	for (size_t i = 0; i < attr_list_count(line); i++) {
		const char *at, *end;
		size_t size;

		if (strcmp(attr_list_name(line, i), "block") != 0)
			continue;
		if (!certificate_read_block(
			    certificate, attr_list_value(line, i), &at, &size))
			goto bad;
		for (end = at + size; at < end; count++) {
			if (count == room) {
				room = room > 0 ? 2 * room : 64;
				messages = xreallocarray(
					messages, room, sizeof(*messages));
			}
			if (!certificate_read_message(
				    &at, end, &messages[count]))
				goto bad;
		}
	}
	if (count == certificate_number(line, "messages")) {
		*messages_r = messages;
		*count_r = count;
		return 0;
	}
bad:
	free(messages);
	error_set(error, "damaged: the messages of folder %s",
		attr_list_get(line, "folder"));
	return -1;
}
