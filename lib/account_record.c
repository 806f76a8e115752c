/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts as records: one table of fields prints and reads them. Reading
 * happens once for each policy request, so it allocates nothing unless the
 * record has unknown fields. What the values mean is account.c's.
 */
#include <config.h>

#include "lib/account.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NEVER	     "never"

enum account_kind {
	FIELD_VERSION, /* of the record; no field of the account */
	FIELD_TEXT,    /* char[size] */
	FIELD_HOME,
	FIELD_PHASE,
	FIELD_FRONT,
	FIELD_MAIL,
	FIELD_STRATEGY,
	FIELD_BOOLEAN,	/* bool */
	FIELD_NUMBER,	/* int64_t */
	FIELD_COUNTER,	/* uint64_t */
	FIELD_INSTANT,	/* int64_t */
	FIELD_DURATION, /* int64_t */
	FIELD_KINDS,
};

static const char account_kind_letters[FIELD_KINDS] = {
	[FIELD_VERSION] = 'n',
	[FIELD_TEXT] = 's',
	[FIELD_HOME] = 's',
	[FIELD_PHASE] = 's',
	[FIELD_FRONT] = 's',
	[FIELD_MAIL] = 's',
	[FIELD_STRATEGY] = 's',
	[FIELD_BOOLEAN] = 'b',
	[FIELD_NUMBER] = 'n',
	[FIELD_COUNTER] = 'n',
	[FIELD_INSTANT] = 't',
	[FIELD_DURATION] = 'd',
};

struct account_field {
	const char *name;
	enum account_kind kind;
	size_t offset;
	size_t size;
	bool required; /* printed always, refused when missing or empty */
};

#define FIELD(member, kind_of, is_required)                                    \
	{                                                                      \
		.name = #member, .kind = FIELD_##kind_of,                      \
		.offset = offsetof(struct account, member),                    \
		.size = sizeof(((struct account *)NULL)->member),              \
		.required = is_required                                        \
	}

/* In the order of printing. The default of a field is account_init's. */
static const struct account_field account_fields[] = {
	{ .name = "version", .kind = FIELD_VERSION, .required = true },
	FIELD(address, TEXT, true),
	FIELD(home, HOME, true),
	FIELD(phase, PHASE, true),
	FIELD(front, FRONT, false),
	FIELD(source, TEXT, true),
	FIELD(destination, TEXT, true),
	FIELD(held, BOOLEAN, false),
	FIELD(hold_reason, TEXT, false),
	FIELD(strategy, STRATEGY, false),
	FIELD(mail, MAIL, false),
	FIELD(requested_at, INSTANT, false),
	FIELD(not_before, INSTANT, false),
	FIELD(complete_after, INSTANT, false),
	FIELD(freeze_budget, DURATION, false),
	FIELD(batch, TEXT, false),
	FIELD(requested_by, TEXT, false),
	FIELD(epoch, COUNTER, false),
	FIELD(due, INSTANT, false),
	FIELD(attempts, NUMBER, false),
	FIELD(failure, TEXT, false),
	FIELD(rounds, NUMBER, false),
	FIELD(messages, NUMBER, false),
	FIELD(bytes, NUMBER, false),
	FIELD(frozen_at, INSTANT, false),
	FIELD(frozen_until, INSTANT, false),
	FIELD(proved, BOOLEAN, false),
	FIELD(freeze_ms, DURATION, false),
	FIELD(freeze_steps, TEXT, false),
	FIELD(deferred, NUMBER, false),
	FIELD(flipped_at, INSTANT, false),
	FIELD(login_at, INSTANT, false),
	FIELD(revision, COUNTER, false),
};

_Static_assert(
	COUNT(account_fields) <= 64, "account_scan has one bit for a field");

static const void *account_field_of(
	const struct account *account, const struct account_field *field)
{
	return (const char *)account + field->offset;
}

static bool account_field_is_default(const struct account *account,
	const struct account *defaults, const struct account_field *field)
{
	const void *value = account_field_of(account, field);
	const void *usual = account_field_of(defaults, field);

	if (field->kind == FIELD_TEXT)
		return strcmp(value, usual) == 0;
	return memcmp(value, usual, field->size) == 0;
}

static void account_field_print_time(
	struct attr_list *list, const char *name, int64_t value)
{
	if (value == INSTANT_NEVER)
		attr_list_add(list, name, NEVER);
	else
		attr_list_add_number(list, name, value);
}

static void account_field_print(const struct account *account,
	const struct account_field *field, struct attr_list *list)
{
	const void *value = account_field_of(account, field);
	const char *text = NULL;

	switch (field->kind) {
	case FIELD_VERSION:
		attr_list_add_number(list, field->name, ACCOUNT_RECORD_VERSION);
		return;
	case FIELD_TEXT:
		text = value;
		break;
	case FIELD_HOME:
		text = account_home_name(account->home);
		break;
	case FIELD_PHASE:
		text = account_phase_name(account->phase);
		break;
	case FIELD_FRONT:
		text = account_front_name(account->front);
		break;
	case FIELD_MAIL:
		text = account_mail_name(account->mail);
		break;
	case FIELD_STRATEGY:
		text = account->strategy->name;
		break;
	case FIELD_BOOLEAN:
		text = *(const bool *)value ? "yes" : "no";
		break;
	case FIELD_NUMBER:
		attr_list_add_number(
			list, field->name, *(const int64_t *)value);
		return;
	case FIELD_COUNTER:
		attr_list_printf(list, field->name, "%llu",
			(unsigned long long)*(const uint64_t *)value);
		return;
	case FIELD_INSTANT:
	case FIELD_DURATION:
		account_field_print_time(
			list, field->name, *(const int64_t *)value);
		return;
	case FIELD_KINDS:
		break;
	}
	attr_list_add(list, field->name, text);
}

void account_print(
	const struct account *account, bool all, struct attr_list *list)
{
	struct account defaults;

	account_init(&defaults);
	for (size_t i = 0; i < COUNT(account_fields); i++)
		if (all || account_fields[i].required ||
			!account_field_is_default(
				account, &defaults, &account_fields[i]))
			account_field_print(account, &account_fields[i], list);
	if (account->unknown == NULL)
		return;
	for (size_t i = 0; i < attr_list_count(account->unknown); i++)
		attr_list_add(list, attr_list_name(account->unknown, i),
			attr_list_value(account->unknown, i));
}

/* Decimal digits only, as account_field_print writes them. */
static bool account_field_scan_counter(const char *text, uint64_t *value_r)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
	}
	*value_r = value;
	return true;
}

static bool account_field_scan_number(const char *text, int64_t *value_r)
{
	bool negative = *text == '-';
	uint64_t size;

	if (!account_field_scan_counter(text + negative, &size) ||
		size > (uint64_t)INT64_MAX + negative)
		return false;
	*value_r = negative ? (int64_t)(0 - size) : (int64_t)size;
	return true;
}

static bool account_field_scan_boolean(const char *text, bool *value_r)
{
	if (strcmp(text, "yes") == 0)
		*value_r = true;
	else if (strcmp(text, "no") == 0)
		*value_r = false;
	else
		return false;
	return true;
}

static bool account_field_scan_version(const char *text)
{
	uint64_t version;

	return account_field_scan_counter(text, &version) &&
	       version == ACCOUNT_RECORD_VERSION;
}

static bool account_field_scan_text(
	const struct account_field *field, const char *text, char *value_r)
{
	size_t length = strlen(text);

	if (length >= field->size || (field->required && length == 0))
		return false;
	memcpy(value_r, text, length + 1);
	return true;
}

static bool account_field_scan(const struct account_field *field,
	const char *text, struct account *account)
{
	void *value = (char *)account + field->offset;

	switch (field->kind) {
	case FIELD_VERSION:
		return account_field_scan_version(text);
	case FIELD_TEXT:
		return account_field_scan_text(field, text, value);
	case FIELD_HOME:
		return account_home_parse(text, &account->home) == 0;
	case FIELD_PHASE:
		return account_phase_parse(text, &account->phase) == 0;
	case FIELD_FRONT:
		return account_front_parse(text, &account->front) == 0;
	case FIELD_MAIL:
		return account_mail_parse(text, &account->mail) == 0;
	case FIELD_STRATEGY:
		account->strategy = account_strategy_find(text);
		return account->strategy != NULL;
	case FIELD_BOOLEAN:
		return account_field_scan_boolean(text, value);
	case FIELD_NUMBER:
		return account_field_scan_number(text, value);
	case FIELD_COUNTER:
		return account_field_scan_counter(text, value);
	case FIELD_INSTANT:
	case FIELD_DURATION:
		if (strcmp(text, NEVER) == 0) {
			*(int64_t *)value = INSTANT_NEVER;
			return true;
		}
		return account_field_scan_number(text, value);
	case FIELD_KINDS:
		break;
	}
	return false;
}

/*
 * The index of the field of that name, or COUNT(account_fields). Records are
 * printed in the order of the table, so the search goes on where the last one
 * ended.
 */
static size_t account_field_find(const char *name, size_t start)
{
	for (size_t i = 0; i < COUNT(account_fields); i++) {
		size_t index = (start + i) % COUNT(account_fields);

		if (strcmp(account_fields[index].name, name) == 0)
			return index;
	}
	return COUNT(account_fields);
}

char account_field_kind(const char *name)
{
	size_t found = account_field_find(name, 0);

	return found < COUNT(account_fields)
		       ? account_kind_letters[account_fields[found].kind]
		       : 0;
}

static int account_check_complete(uint64_t seen, struct error *error)
{
	for (size_t i = 0; i < COUNT(account_fields); i++)
		if (account_fields[i].required && !(seen & UINT64_C(1) << i)) {
			error_set(error, "no %s", account_fields[i].name);
			return -1;
		}
	return 0;
}

/* Reads what the list has; *seen gets a bit for each field of the table. */
static int account_scan_fields(const struct attr_list *list,
	struct account *account, uint64_t *seen, struct error *error)
{
	size_t count = attr_list_count(list);
	size_t next = 0;

	for (size_t i = 0; i < count; i++) {
		const char *name = attr_list_name(list, i);
		const char *value = attr_list_value(list, i);
		size_t found = account_field_find(name, next);

		if (found == COUNT(account_fields)) {
			if (account->unknown == NULL)
				account->unknown = attr_list_new();
			attr_list_add(account->unknown, name, value);
			continue;
		}
		if (*seen & UINT64_C(1) << found) {
			error_set(error, "%s stands twice", name);
			return -1;
		}
		if (!account_field_scan(
			    &account_fields[found], value, account)) {
			error_set(error, "%s: bad value \"%s\"", name, value);
			return -1;
		}
		*seen |= UINT64_C(1) << found;
		next = found + 1;
	}
	return 0;
}

int account_scan(const struct attr_list *list, struct account *account_r,
	struct error *error)
{
	uint64_t seen = 0;

	account_init(account_r);
	if (account_scan_fields(list, account_r, &seen, error) < 0 ||
		account_check_complete(seen, error) < 0) {
		account_clear(account_r);
		error_prefix(error, "account record %s", account_r->address);
		return -1;
	}
	return 0;
}
