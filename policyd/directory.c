/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The read side of policyd. An address that cannot be read is not "unknown":
 * accounts and aliases are kept in the canonical form of lib/address.c, so no
 * account can have it, and the mail server judges its syntax.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "policyd/directory.h"

/*
 * A local part may be longer than 64 octets by its extension (VERP) and still
 * be delivered: what stands in front of the first delimiter counts. Such an
 * extension is not kept.
 */
static int directory_parse_long(const char *local, size_t size,
	const char *domain, const char *delimiters, struct address *address_r)
{
	char base[ADDRESS_SIZE];
	size_t cut = 1;

	if (size <= ADDRESS_LOCAL_MAX || delimiters == NULL)
		return -1;
	while (cut <= ADDRESS_LOCAL_MAX &&
		strchr(delimiters, local[cut]) == NULL)
		cut++;
	if (cut > ADDRESS_LOCAL_MAX)
		return -1;
	snprintf(base, sizeof(base), "%.*s@%s", (int)cut, local, domain);
	return address_parse_unquoted(base, address_r, NULL);
}

/*
 * Fills in address and domain. Mail servers give the quoted form or, as
 * Postfix, the unquoted one. Returns 0, or -1 when it cannot be read.
 */
static int directory_parse(const struct config *config, const char *text,
	struct directory_lookup *lookup)
{
	char domain[ADDRESS_DOMAIN_MAX + 1];
	const char *at;

	if (address_parse(text, &lookup->address, NULL) == 0 ||
		address_parse_unquoted(text, &lookup->address, NULL) == 0) {
		lookup->domain =
			config_domain(config, address_domain(&lookup->address));
		return 0;
	}
	lookup->address.text[0] = '\0';
	at = strrchr(text, '@');
	if (at == NULL || address_domain_parse(at + 1, domain, NULL) < 0)
		return -1;
	lookup->domain = config_domain(config, domain);
	return directory_parse_long(text, (size_t)(at - text), domain,
		config->policyd.recipient_delimiter, &lookup->address);
}

/* An account of that very address or alias. */
static enum directory_result directory_get(struct store *store,
	const char *address, struct directory_lookup *lookup,
	struct error *error)
{
	char primary[ADDRESS_SIZE];
	int found = store_get_account(store, address, &lookup->account, error);

	if (found != 0)
		return found > 0 ? DIRECTORY_FOUND : DIRECTORY_UNKNOWN;
	found = store_get_alias(store, address, primary, error);
	if (found <= 0)
		return found == 0 ? DIRECTORY_ABSENT : DIRECTORY_UNKNOWN;
	found = store_get_account(store, primary, &lookup->account, error);
	if (found == 0) {
		/* removed between the two lookups, or a damaged store */
		error_set(error, "alias %s: its account %s is not there",
			address, primary);
		return DIRECTORY_UNKNOWN;
	}
	lookup->by_alias = true;
	return found > 0 ? DIRECTORY_FOUND : DIRECTORY_UNKNOWN;
}

/*
 * What base lacks of the whole address: "+lists". A whole address that has an
 * extension is never quoted, but its base may need quotes ("ann.+x").
 */
static void directory_keep_extension(const struct address *whole,
	const struct address *base, char extension_r[ADDRESS_LOCAL_MAX + 1])
{
	size_t cut = base->local_size - (base->text[0] == '"' ? 2 : 0);
	size_t size = whole->local_size - cut;

	memcpy(extension_r, whole->text + cut, size);
	extension_r[size] = '\0';
}

static void directory_search(const struct config *config, struct store *store,
	struct directory_lookup *lookup, struct error *error)
{
	struct address base;

	lookup->result =
		directory_get(store, lookup->address.text, lookup, error);
	if (lookup->result != DIRECTORY_ABSENT ||
		!address_base(&lookup->address,
			config->policyd.recipient_delimiter, &base))
		return;
	lookup->result = directory_get(store, base.text, lookup, error);
	if (lookup->result == DIRECTORY_FOUND)
		directory_keep_extension(
			&lookup->address, &base, lookup->extension);
}

static bool directory_begin(const struct config *config, const char *text,
	struct directory_lookup *lookup_r)
{
	lookup_r->result = DIRECTORY_ABSENT;
	lookup_r->domain = NULL;
	lookup_r->by_alias = false;
	lookup_r->extension[0] = '\0';
	return directory_parse(config, text, lookup_r) == 0;
}

void directory_lookup(const struct config *config, struct store *store,
	const char *text, struct directory_lookup *lookup_r,
	struct error *error)
{
	if (directory_begin(config, text, lookup_r) && lookup_r->domain != NULL)
		directory_search(config, store, lookup_r, error);
}

void directory_lookup_any(const struct config *config, struct store *store,
	const char *text, struct directory_lookup *lookup_r,
	struct error *error)
{
	if (directory_begin(config, text, lookup_r))
		directory_search(config, store, lookup_r, error);
}

void directory_lookup_clear(struct directory_lookup *lookup)
{
	if (lookup->result == DIRECTORY_FOUND)
		account_clear(&lookup->account);
	lookup->result = DIRECTORY_ABSENT;
}

struct directory_facts directory_facts(const struct config *config,
	const struct directory_lookup *lookup, bool own)
{
	struct directory_facts facts = {
		.domain = lookup->domain,
		.result = lookup->result,
		.own = own,
		.follow = config->maps.follow,
	};

	if (lookup->result == DIRECTORY_FOUND) {
		facts.phase = lookup->account.phase;
		facts.mail = lookup->account.mail;
	}
	return facts;
}

static struct directory_answer directory_decide_found(
	const struct directory_facts *facts)
{
	bool frozen = facts->phase == ACCOUNT_FROZEN;
	bool defer = facts->mail == ACCOUNT_MAIL_DEFER;
	struct directory_answer answer = {
		.gate = DIRECTORY_GO_ON,
		.route = DIRECTORY_TO_HOME,
		.recipient = DIRECTORY_EXISTS,
		.moving = facts->phase != ACCOUNT_SETTLED &&
			  facts->phase != ACCOUNT_RETIRED,
	};

	if (!frozen)
		return answer;
	if (defer && !facts->own)
		answer.gate = DIRECTORY_DEFER;
	answer.route =
		defer && facts->follow ? DIRECTORY_TO_RETRY : DIRECTORY_TO_PARK;
	return answer;
}

struct directory_answer directory_decide(const struct directory_facts *facts)
{
	static const struct directory_answer not_ours = {
		.gate = DIRECTORY_GO_ON,
		.route = DIRECTORY_TO_NOBODY,
		.recipient = DIRECTORY_EXISTS_NOT,
	};
	static const struct directory_answer later = {
		.gate = DIRECTORY_LATER,
		.route = DIRECTORY_TO_LATER,
		.recipient = DIRECTORY_EXISTS_LATER,
		.moving = true,
	};
	struct directory_answer absent = { .gate = DIRECTORY_GO_ON };

	if (facts->domain == NULL)
		return not_ours;
	if (facts->result == DIRECTORY_FOUND)
		return directory_decide_found(facts);
	if (facts->result == DIRECTORY_UNKNOWN)
		return later;
	absent.route = facts->domain->default_system != NULL
			       ? DIRECTORY_TO_DEFAULT
			       : DIRECTORY_TO_NOBODY;
	absent.recipient = facts->domain->complete ? DIRECTORY_EXISTS_NOT
						   : DIRECTORY_EXISTS;
	return absent;
}
