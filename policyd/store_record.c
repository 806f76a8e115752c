/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys and values of the tables: made here and read here, so that no other
 * file knows a byte of them. A value that does not read back as what it should
 * be is damage, and damage is told, never guessed at.
 */
#include "config.h"

#include <string.h>

#include "policyd/store_record.h"

/* Of every value but the accounts', which have their own. */
#define STORE_RECORD_VERSION 1

#define STORE_NUMBER_SIZE 8
#define STORE_SIGN	  (UINT64_C(1) << 63)

/* The value of an entry in STORE_BY_PHASE. */
enum store_phase_entry {
	PHASE_ENTRY_HOME,
	PHASE_ENTRY_HELD,
	PHASE_ENTRY_FAILING,
	PHASE_ENTRY_SIZE,
};

/* ---- numbers ---- */

static void store_record_add_byte(unsigned value, struct buffer *buffer)
{
	unsigned char byte = (unsigned char)value;

	buffer_add(buffer, &byte, 1);
}

static void store_record_add_number(
	uint64_t number, size_t size, struct buffer *buffer)
{
	unsigned char bytes[STORE_NUMBER_SIZE];

	for (size_t i = size; i-- > 0; number >>= 8)
		bytes[i] = (unsigned char)number;
	buffer_add(buffer, bytes, size);
}

static void store_record_add_instant(int64_t instant, struct buffer *buffer)
{
	store_record_add_number(
		(uint64_t)instant ^ STORE_SIGN, STORE_NUMBER_SIZE, buffer);
}

/* Takes size bytes from the front; false when there are fewer. */
static bool store_record_take(
	struct store_bytes *bytes, size_t size, struct store_bytes *taken_r)
{
	if (bytes->size < size)
		return false;
	*taken_r = (struct store_bytes){ bytes->data, size };
	bytes->data = (const char *)bytes->data + size;
	bytes->size -= size;
	return true;
}

static bool store_record_take_number(
	struct store_bytes *bytes, size_t size, uint64_t *number_r)
{
	struct store_bytes taken;

	if (!store_record_take(bytes, size, &taken))
		return false;
	*number_r = 0;
	for (size_t i = 0; i < size; i++)
		*number_r =
			*number_r << 8 | ((const unsigned char *)taken.data)[i];
	return true;
}

static bool store_record_take_instant(
	struct store_bytes *bytes, int64_t *instant_r)
{
	uint64_t number;

	if (!store_record_take_number(bytes, STORE_NUMBER_SIZE, &number))
		return false;
	*instant_r = (int64_t)(number ^ STORE_SIGN);
	return true;
}

static bool store_record_take_version(struct store_bytes *bytes)
{
	uint64_t version;

	return store_record_take_number(bytes, 1, &version) &&
	       version == STORE_RECORD_VERSION;
}

/* Copies bytes as a text; false when it does not fit or holds a NUL. */
static bool store_record_text(
	struct store_bytes bytes, char *text_r, size_t room)
{
	if (bytes.size >= room ||
		(bytes.size > 0 && memchr(bytes.data, '\0', bytes.size)))
		return false;
	if (bytes.size > 0)
		memcpy(text_r, bytes.data, bytes.size);
	text_r[bytes.size] = '\0';
	return true;
}

static struct store_bytes store_record_bytes(const char *text)
{
	return (struct store_bytes){ text, strlen(text) };
}

bool store_record_split(struct store_bytes key, struct store_bytes *head_r,
	struct store_bytes *rest_r)
{
	const char *data = key.data;
	const char *end = key.size > 0 ? memchr(data, '\0', key.size) : NULL;

	if (end == NULL)
		return false;
	head_r->data = data;
	head_r->size = (size_t)(end - data);
	rest_r->data = end + 1;
	rest_r->size = key.size - head_r->size - 1;
	return true;
}

int store_record_address(
	struct store_bytes bytes, char *address_r, struct error *error)
{
	if (bytes.size > 0 && store_record_text(bytes, address_r, ADDRESS_SIZE))
		return 0;
	error_set(error, "damaged: not an address");
	return -1;
}

/* ---- accounts ---- */

void store_record_put_account(
	const struct account *account, struct buffer *value)
{
	struct attr_list *list = attr_list_new();

	account_print(account, false, list);
	attr_print(list, ATTR_CONTROL, value);
	attr_list_free(&list);
}

/* Reads one whole message into the parser; -1 with an error. */
static int store_record_parse(struct attr_parser *parser,
	struct store_bytes bytes, struct error *error)
{
	size_t used;
	int result =
		attr_parser_feed(parser, bytes.data, bytes.size, &used, error);

	if (result == 1 && used == bytes.size)
		return 0;
	if (result >= 0)
		error_set(error, "damaged: not one message");
	else
		error_prefix(error, "damaged");
	return -1;
}

int store_record_get_account(struct store_bytes key, struct store_bytes value,
	struct account *account_r, struct error *error)
{
	struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);
	int result = store_record_parse(parser, value, error);

	if (result == 0)
		result = account_scan(
			attr_parser_message(parser), account_r, error);
	attr_parser_free(&parser);
	if (result < 0)
		return -1;
	if (store_bytes_compare(key, store_record_bytes(account_r->address)) ==
		0)
		return 0;
	error_set(error, "damaged: it holds the record of %s",
		account_r->address);
	account_clear(account_r);
	return -1;
}

void store_record_phase_prefix(enum account_phase phase, struct buffer *prefix)
{
	store_record_add_byte(phase, prefix);
}

void store_record_text_prefix(const char *text, struct buffer *prefix)
{
	buffer_add(prefix, text, strlen(text) + 1);
}

bool store_record_index(enum store_table index, const struct account *account,
	struct buffer *key, struct buffer *value)
{
	switch (index) {
	case STORE_BY_PHASE:
		store_record_phase_prefix(account->phase, key);
		store_record_add_byte(account->home, value);
		store_record_add_byte(account->held, value);
		store_record_add_byte(account->attempts > 0, value);
		break;
	case STORE_BY_DUE:
		store_record_phase_prefix(account->phase, key);
		store_record_add_instant(account->due, key);
		break;
	case STORE_BY_BATCH:
		if (account->batch[0] == '\0')
			return false;
		store_record_text_prefix(account->batch, key);
		break;
	case STORE_BY_FRONT:
		if (account->front == ACCOUNT_FRONT_OPEN &&
			!account_is_frozen(account))
			return false;
		break;
	default:
		return false;
	}
	buffer_add_text(key, account->address);
	return true;
}

bool store_record_get_due(
	struct store_bytes key, int64_t *due_r, struct store_bytes *address_r)
{
	struct store_bytes phase;

	if (!store_record_take(&key, 1, &phase) ||
		!store_record_take_instant(&key, due_r))
		return false;
	*address_r = key;
	return true;
}

void store_record_count(const struct account *account, bool subtract,
	struct store_counts *counts)
{
	uint64_t one = subtract ? UINT64_MAX : 1;

	counts->accounts += one;
	counts->by_phase[account->phase][account->home] += one;
	if (account->held)
		counts->held += one;
	if (account->attempts > 0)
		counts->failing += one;
}

bool store_record_count_entry(struct store_bytes key, struct store_bytes value,
	struct store_counts *counts)
{
	const unsigned char *entry = value.data;
	unsigned phase;

	if (key.size < 2 || value.size != PHASE_ENTRY_SIZE)
		return false;
	phase = *(const unsigned char *)key.data;
	if (phase >= ACCOUNT_PHASES || entry[PHASE_ENTRY_HOME] > 1)
		return false;
	counts->accounts++;
	counts->by_phase[phase][entry[PHASE_ENTRY_HOME]]++;
	counts->held += entry[PHASE_ENTRY_HELD] != 0;
	counts->failing += entry[PHASE_ENTRY_FAILING] != 0;
	return true;
}

void store_record_add_counts(
	struct store_counts *counts, const struct store_counts *more)
{
	counts->accounts += more->accounts;
	for (size_t phase = 0; phase < ACCOUNT_PHASES; phase++)
		for (size_t home = 0; home < 2; home++)
			counts->by_phase[phase][home] +=
				more->by_phase[phase][home];
	counts->held += more->held;
	counts->failing += more->failing;
	counts->aliases += more->aliases;
}

/* ---- what belongs to accounts ---- */

void store_record_put_alias(const char *address, struct buffer *value)
{
	store_record_add_byte(STORE_RECORD_VERSION, value);
	buffer_add_text(value, address);
}

int store_record_get_alias(
	struct store_bytes value, char *address_r, struct error *error)
{
	if (store_record_take_version(&value))
		return store_record_address(value, address_r, error);
	error_set(error, "damaged: not an alias");
	return -1;
}

void store_record_put_lease(
	const struct store_lease *lease, struct buffer *value)
{
	store_record_add_byte(STORE_RECORD_VERSION, value);
	store_record_add_number(lease->epoch, STORE_NUMBER_SIZE, value);
	store_record_add_instant(lease->expires, value);
	buffer_add_text(value, lease->worker);
}

int store_record_get_lease(struct store_bytes key, struct store_bytes value,
	struct store_lease *lease_r, struct error *error)
{
	if (store_record_take_version(&value) &&
		store_record_take_number(
			&value, STORE_NUMBER_SIZE, &lease_r->epoch) &&
		store_record_take_instant(&value, &lease_r->expires) &&
		store_record_text(
			value, lease_r->worker, sizeof(lease_r->worker)))
		return store_record_address(key, lease_r->address, error);
	error_set(error, "damaged: not a lease");
	return -1;
}

void store_record_put_bound(
	const struct store_bound *bound, struct buffer *value)
{
	store_record_add_byte(STORE_RECORD_VERSION, value);
	store_record_add_number(bound->uidvalidity, 4, value);
	store_record_add_number(bound->uidnext, 4, value);
}

int store_record_get_bound(struct store_bytes folder, struct store_bytes value,
	struct buffer *folder_r, struct store_bound *bound_r,
	struct error *error)
{
	uint64_t uidvalidity, uidnext;

	if (!store_record_take_version(&value) ||
		!store_record_take_number(&value, 4, &uidvalidity) ||
		!store_record_take_number(&value, 4, &uidnext)) {
		error_set(error, "damaged: not a bound");
		return -1;
	}
	buffer_clear(folder_r);
	buffer_add(folder_r, folder.data, folder.size);
	bound_r->folder = folder_r->data;
	bound_r->uidvalidity = (uint32_t)uidvalidity;
	bound_r->uidnext = (uint32_t)uidnext;
	return 0;
}

void store_record_put_document(
	const struct store_document *document, struct buffer *value)
{
	store_record_add_byte(STORE_RECORD_VERSION, value);
	store_record_add_instant(document->at, value);
	buffer_add_text(value, document->text);
}

int store_record_get_document(struct store_bytes value, int64_t *at_r,
	struct buffer *text, struct error *error)
{
	if (!store_record_take_version(&value) ||
		!store_record_take_instant(&value, at_r) || value.size == 0 ||
		memchr(value.data, '\0', value.size) != NULL) {
		error_set(error, "damaged: not a document");
		return -1;
	}
	buffer_add(text, value.data, value.size);
	return 0;
}

/* ---- audit ---- */

void store_record_put_serial(uint64_t serial, struct buffer *key)
{
	store_record_add_number(serial, STORE_NUMBER_SIZE, key);
}

bool store_record_get_serial(struct store_bytes bytes, uint64_t *serial_r)
{
	return bytes.size == STORE_NUMBER_SIZE &&
	       store_record_take_number(&bytes, STORE_NUMBER_SIZE, serial_r);
}

void store_record_put_audit(int64_t at, const char *address,
	const struct attr_list *detail, struct buffer *value)
{
	store_record_add_byte(STORE_RECORD_VERSION, value);
	store_record_add_instant(at, value);
	buffer_add(value, address, strlen(address) + 1);
	attr_print(detail, ATTR_CONTROL, value);
}

int store_record_get_audit(struct store_bytes key, struct store_bytes value,
	struct attr_parser *parser, struct store_audit *audit_r,
	struct error *error)
{
	struct store_bytes address;

	if (!store_record_get_serial(key, &audit_r->serial) ||
		!store_record_take_version(&value) ||
		!store_record_take_instant(&value, &audit_r->at) ||
		!store_record_split(value, &address, &value)) {
		error_set(error, "damaged: not an audit line");
		return -1;
	}
	if (store_record_address(address, audit_r->address, error) < 0 ||
		store_record_parse(parser, value, error) < 0)
		return -1;
	audit_r->detail = attr_parser_message(parser);
	return 0;
}
