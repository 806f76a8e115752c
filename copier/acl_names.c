/* SPDX-License-Identifier: BSD-2-Clause */
/* Login names by pattern, both ways, and the letters of rights. */
#include "config.h"

#include "copier/acl_names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

/* An address in its two parts; domain may be NULL. */
struct acl_person {
	char *local;
	char *domain;
};

static void acl_person_free(struct acl_person *person)
{
	free(person->local);
	free(person->domain);
	person->local = person->domain = NULL;
}

/* Takes the address of %u apart. */
static bool acl_person_address(
	struct acl_person *person, const char *text, size_t size)
{
	const char *at = memrchr(text, '@', size);

	if (at == NULL || person->local != NULL || person->domain != NULL)
		return false;
	person->local = xstrndup(text, (size_t)(at - text));
	person->domain = xstrndup(at + 1, (size_t)(text + size - at - 1));
	return person->local[0] != '\0' && person->domain[0] != '\0';
}

static bool acl_person_take(
	struct acl_person *person, char what, const char *text, size_t size)
{
	char **part = what == 'n' ? &person->local : &person->domain;

	if (what == 'u')
		return acl_person_address(person, text, size);
	if (*part != NULL || size == 0)
		return false;
	*part = xstrndup(text, size);
	return true;
}

/* Reads a login name by its pattern, the other way round. What stands for a
 * letter reaches to where the pattern goes on. */
static bool acl_names_read(
	const char *pattern, const char *login, struct acl_person *person_r)
{
	memset(person_r, 0, sizeof(*person_r));
	while (*pattern != '\0') {
		char next, what;
		const char *end;

		if (*pattern != '%' || strchr("und", pattern[1]) == NULL ||
			pattern[1] == '\0') {
			pattern += *pattern == '%' && pattern[1] == '%';
			if (*login != *pattern)
				return false;
			pattern++;
			login++;
			continue;
		}
		what = pattern[1];
		pattern += 2;
		next = *pattern;
		end = next == '\0' || next == '%' ? login + strlen(login)
						  : strrchr(login, next);
		if (end == NULL || !acl_person_take(person_r, what, login,
					   (size_t)(end - login)))
			return false;
		login = end;
	}
	return *login == '\0';
}

static char *acl_names_write(
	const char *pattern, const struct acl_person *person)
{
	struct buffer login = BUFFER_EMPTY;

	buffer_add(&login, "", 0);
	for (; *pattern != '\0'; pattern++) {
		char what = *pattern == '%' ? pattern[1] : '\0';

		if (what != 'u' && what != 'n' && what != 'd') {
			pattern += what == '%';
			buffer_add(&login, pattern, 1);
			continue;
		}
		pattern++;
		if (person->local == NULL ||
			(what != 'n' && person->domain == NULL)) {
			buffer_free(&login);
			return NULL;
		}
		if (what != 'd')
			buffer_add_text(&login, person->local);
		if (what == 'u')
			buffer_add(&login, "@", 1);
		if (what != 'n')
			buffer_add_text(&login, person->domain);
	}
	return login.data;
}

/* The rule by which the server names its users. */
static const char *acl_names_pattern(const struct mailbox *mailbox)
{
	if (mailbox->user_pattern != NULL)
		return mailbox->user_pattern;
	return mailbox->login != NULL && strchr(mailbox->login, '@') != NULL
		       ? "%u"
		       : "%n";
}

/* The domain of the account, seen in one of its login names; or NULL. */
static char *acl_names_domain(
	const struct mailbox *from, const struct mailbox *to)
{
	const struct mailbox *const sides[] = { from, to };
	char *domain = NULL;
	size_t i;

	for (i = 0; domain == NULL && i < 2; i++) {
		struct acl_person person = { NULL, NULL };

		if (sides[i]->login != NULL &&
			acl_names_read(acl_names_pattern(sides[i]),
				sides[i]->login, &person) &&
			person.domain != NULL)
			domain = xstrdup(person.domain);
		acl_person_free(&person);
	}
	return domain;
}

/* Whether both servers call the account itself so that the rules hold. */
static bool acl_names_rules_hold(
	const struct mailbox *from, const struct mailbox *to, char *domain)
{
	struct acl_person person = { NULL, NULL };
	char *login = NULL;
	bool hold = false;

	if (from->login != NULL && to->login != NULL &&
		acl_names_read(acl_names_pattern(from), from->login, &person)) {
		if (person.domain == NULL && domain != NULL)
			person.domain = xstrdup(domain);
		login = acl_names_write(acl_names_pattern(to), &person);
		hold = login != NULL && strcasecmp(login, to->login) == 0;
	}
	free(login);
	acl_person_free(&person);
	return hold;
}

static bool acl_names_is_group(const char *name)
{
	return strchr(name, '=') != NULL || name[0] == '$' || name[0] == '@' ||
	       strncasecmp(name, "group:", 6) == 0;
}

char *acl_names_map(const struct mailbox *from, const struct mailbox *to,
	const char *identifier)
{
	const char *minus = identifier[0] == '-' ? "-" : "";
	const char *name = identifier + strlen(minus);
	struct acl_person person = { NULL, NULL };
	char *domain, *login = NULL, *mapped = NULL;

	if (strcasecmp(name, "anyone") == 0 ||
		strcasecmp(name, "anonymous") == 0)
		return xstrdup(identifier);
	if (acl_names_is_group(name))
		return NULL;
	domain = acl_names_domain(from, to);
	if (acl_names_rules_hold(from, to, domain) &&
		acl_names_read(acl_names_pattern(from), name, &person)) {
		if (person.domain == NULL && domain != NULL)
			person.domain = xstrdup(domain);
		login = acl_names_write(acl_names_pattern(to), &person);
	}
	if (login != NULL)
		mapped = xasprintf("%s%s", minus, login);
	acl_person_free(&person);
	free(domain);
	free(login);
	return mapped;
}

bool acl_names_is_owner(const struct mailbox *mailbox, const char *identifier)
{
	return strcasecmp(identifier, "owner") == 0 ||
	       (mailbox->login != NULL &&
		       strcasecmp(mailbox->login, identifier) == 0);
}

static bool acl_rights_have(const char *rights, const char *any)
{
	return rights[strcspn(rights, any)] != '\0';
}

void acl_names_rights(const char *rights, const char *known, char **rights_r,
	char **unknown_r)
{
	bool fine = strchr(known, 'k') != NULL;
	/* Where both alphabets are used, the old letters are but a shadow. */
	bool shadow = acl_rights_have(rights, "kxte");
	struct buffer kept = BUFFER_EMPTY, unknown = BUFFER_EMPTY;
	const char *c;

	buffer_add(&kept, "", 0);
	buffer_add(&unknown, "", 0);
	for (c = known; *c != '\0'; c++) {
		const char *from = (char[]){ *c, '\0' };

		if (fine && !shadow && strchr("kx", *c) != NULL)
			from = "c";
		else if (fine && !shadow && strchr("te", *c) != NULL)
			from = "d";
		else if (!fine && *c == 'c')
			from = shadow ? "kx" : "c";
		else if (!fine && *c == 'd')
			from = shadow ? "te" : "d";
		if (acl_rights_have(rights, from))
			buffer_add(&kept, c, 1);
	}
	for (c = rights; *c != '\0'; c++)
		if (strchr("lrswipkxteacd", *c) == NULL)
			buffer_add(&unknown, c, 1);
	*rights_r = kept.data;
	*unknown_r = unknown.data;
}
