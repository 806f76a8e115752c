/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the lines of a POP3 server: RFC 1939, 2449, 3206, 5034. */
#include "config.h"

#include "copier/pop3_parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Takes the next word of the text; its size, 0 at the end. */
static size_t pop3_word(const char **text, const char **word_r)
{
	size_t size;

	*text += strspn(*text, " \t");
	size = strcspn(*text, " \t");
	*word_r = *text;
	*text += size;
	return size;
}

static bool pop3_word_is(const char *word, size_t size, const char *name)
{
	return strlen(name) == size && strncasecmp(word, name, size) == 0;
}

/* A number of at most 18 digits. */
static int pop3_number(const char *word, size_t size, uint64_t *number_r)
{
	uint64_t number = 0;
	size_t i;

	if (size == 0 || size > 18)
		return -1;
	for (i = 0; i < size; i++) {
		if (!isdigit((unsigned char)word[i]))
			return -1;
		number = number * 10 + (uint64_t)(word[i] - '0');
	}
	*number_r = number;
	return 0;
}

void pop3_capabilities_clear(struct pop3_capabilities *capabilities)
{
	memset(capabilities, 0, sizeof(*capabilities));
	capabilities->expire = -1;
}

static void pop3_capability_expire(
	const char *rest, struct pop3_capabilities *capabilities)
{
	const char *word;
	size_t size = pop3_word(&rest, &word);
	uint64_t days;

	capabilities->expire = -1;
	if (pop3_number(word, size, &days) == 0)
		capabilities->expire = (int64_t)days;
	size = pop3_word(&rest, &word);
	capabilities->expire_user = pop3_word_is(word, size, "USER");
}

static void pop3_capability_sasl(
	const char *rest, struct pop3_capabilities *capabilities)
{
	const char *word;
	size_t size;

	while ((size = pop3_word(&rest, &word)) > 0)
		if (pop3_word_is(word, size, "PLAIN"))
			capabilities->sasl_plain = true;
}

static void pop3_capability_delay(
	const char *rest, struct pop3_capabilities *capabilities)
{
	const char *word;
	size_t size = pop3_word(&rest, &word);
	uint64_t seconds;

	if (pop3_number(word, size, &seconds) == 0)
		capabilities->login_delay = (int64_t)seconds;
}

void pop3_capability_parse(
	const char *line, struct pop3_capabilities *capabilities)
{
	const char *name;
	size_t size = pop3_word(&line, &name);

	capabilities->known = true;
	if (pop3_word_is(name, size, "USER"))
		capabilities->user = true;
	else if (pop3_word_is(name, size, "SASL"))
		pop3_capability_sasl(line, capabilities);
	else if (pop3_word_is(name, size, "STLS"))
		capabilities->stls = true;
	else if (pop3_word_is(name, size, "PIPELINING"))
		capabilities->pipelining = true;
	else if (pop3_word_is(name, size, "TOP"))
		capabilities->top = true;
	else if (pop3_word_is(name, size, "UIDL"))
		capabilities->uidl = true;
	else if (pop3_word_is(name, size, "AUTH-RESP-CODE"))
		capabilities->auth_codes = true;
	else if (pop3_word_is(name, size, "EXPIRE"))
		pop3_capability_expire(line, capabilities);
	else if (pop3_word_is(name, size, "LOGIN-DELAY"))
		pop3_capability_delay(line, capabilities);
}

/* The number of a message and where the rest begins. */
static int pop3_message_number(const char **line, uint32_t *number_r)
{
	const char *word;
	size_t size = pop3_word(line, &word);
	uint64_t number;

	if (pop3_number(word, size, &number) < 0 || number == 0 ||
		number > UINT32_MAX)
		return -1;
	*number_r = (uint32_t)number;
	return 0;
}

int pop3_list_parse(const char *line, uint32_t *number_r, uint64_t *size_r)
{
	const char *word;
	size_t size;

	if (pop3_message_number(&line, number_r) < 0)
		return -1;
	size = pop3_word(&line, &word);
	return pop3_number(word, size, size_r);
}

int pop3_uidl_parse(const char *line, uint32_t *number_r, const char **uidl_r)
{
	size_t size;

	if (pop3_message_number(&line, number_r) < 0 || *line != ' ')
		return -1;
	size = pop3_word(&line, uidl_r);
	return size > 0 && *line == '\0' ? 0 : -1;
}

const char *pop3_words(const char *line)
{
	line += strcspn(line, " ");
	return line + strspn(line, " ");
}

static bool pop3_code_is(const char *words, const char *code)
{
	return strncasecmp(words, code, strlen(code)) == 0;
}

static bool pop3_words_have(
	const char *words, const char *const *phrases, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcasestr(words, phrases[i]) != NULL)
			return true;
	return false;
}

enum pop3_refusal pop3_refusal_parse(const char *line)
{
	/* Seen from servers that know no codes. */
	static const char *const busy[] = { "lock", "in use", "busy",
		"another session", "already" };
	static const char *const passing[] = { "try again", "temporar",
		"too many", "too often", "too soon" };
	const char *words = pop3_words(line);

	if (pop3_code_is(words, "[AUTH]"))
		return POP3_REFUSED_DENIED;
	if (pop3_code_is(words, "[IN-USE]"))
		return POP3_REFUSED_BUSY;
	/* [SYS/PERM] too: for somebody to repair, no matter of passwords. */
	if (pop3_code_is(words, "[LOGIN-DELAY]") ||
		pop3_code_is(words, "[SYS/"))
		return POP3_REFUSED_LATER;
	if (pop3_words_have(words, busy, sizeof(busy) / sizeof(*busy)))
		return POP3_REFUSED_BUSY;
	if (pop3_words_have(words, passing, sizeof(passing) / sizeof(*passing)))
		return POP3_REFUSED_LATER;
	return POP3_REFUSED;
}
