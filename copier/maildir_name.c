/* SPDX-License-Identifier: BSD-2-Clause */
/* Maildir as qmail, Courier and Dovecot write it. */
#include "config.h"

#include "copier/maildir_name.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Where the flags begin: ":2,", or what stands for it where file systems have
 * no colons. NULL: there are none. */
static const char *maildir_info(const char *file)
{
	const char *info = strstr(file, ":2,");

	if (info == NULL)
		info = strstr(file, "!2,");
	if (info == NULL)
		info = strstr(file, ";2,");
	return info;
}

/* The size of ",S=123" or ",W=123" at the end of the text; 0 none. */
static size_t maildir_size_field(const char *text, size_t size)
{
	size_t at = size;

	while (at > 0 && isdigit((unsigned char)text[at - 1]))
		at--;
	if (at == size || at < 3 || text[at - 1] != '=' ||
		(text[at - 2] != 'S' && text[at - 2] != 'W') ||
		text[at - 3] != ',')
		return 0;
	return size - at + 3;
}

char *maildir_base(const char *file)
{
	const char *info = maildir_info(file);
	size_t size = info != NULL ? (size_t)(info - file) : strlen(file);
	size_t field;

	if (file[0] == '.' || size == 0)
		return NULL;
	while ((field = maildir_size_field(file, size)) > 0 && field < size)
		size -= field;
	return xstrndup(file, size);
}

void maildir_flags(const char *file, const struct maildir_keywords *keywords,
	struct buffer *flags)
{
	static const struct {
		char letter;
		const char *flag;
	} system[] = { { 'D', "\\Draft " }, { 'F', "\\Flagged " },
		{ 'P', "$Forwarded " }, { 'R', "\\Answered " },
		{ 'S', "\\Seen " }, { 'T', "\\Deleted " } };
	const char *info = maildir_info(file);
	size_t i;

	buffer_add(flags, "", 0);
	for (info = info != NULL ? info + 3 : ""; *info != '\0'; info++) {
		for (i = 0; i < sizeof(system) / sizeof(*system); i++)
			if (*info == system[i].letter)
				buffer_add_text(flags, system[i].flag);
		if (*info >= 'a' && *info <= 'z' &&
			keywords->names[*info - 'a'] != NULL)
			buffer_printf(
				flags, "%s ", keywords->names[*info - 'a']);
	}
}

int64_t maildir_seconds(const char *base)
{
	int64_t seconds = 0;

	for (; isdigit((unsigned char)*base) && seconds < INT64_MAX / 100;
		base++)
		seconds = seconds * 10 + (*base - '0');
	return seconds;
}

void maildir_keyword_line(struct maildir_keywords *keywords, const char *line)
{
	unsigned number;
	int at = 0;
	const char *name;

	if (sscanf(line, "%3u %n", &number, &at) != 1 || at == 0 ||
		number >= MAILDIR_KEYWORDS)
		return;
	name = line + at;
	/* As an IMAP atom; what is none cannot be stored anywhere. */
	if (*name == '\0' || strpbrk(name, "(){ %*\"\\]\t\r\n") != NULL)
		return;
	free(keywords->names[number]);
	keywords->names[number] = xstrdup(name);
}

void maildir_keywords_clear(struct maildir_keywords *keywords)
{
	size_t i;

	for (i = 0; i < MAILDIR_KEYWORDS; i++)
		free(keywords->names[i]);
	memset(keywords, 0, sizeof(*keywords));
}

int maildir_uidlist_head(const char *line, uint32_t *uidvalidity_r)
{
	const char *validity = strstr(line, " V");

	/* "3 V123 N45 G..."; Courier and old ones: "1 123 45". */
	if (line[0] == '3' && line[1] == ' ' && validity != NULL)
		return sscanf(validity + 2, "%" SCNu32, uidvalidity_r) == 1 &&
				       *uidvalidity_r != 0
			       ? 0
			       : -1;
	return sscanf(line, "1 %" SCNu32, uidvalidity_r) == 1 &&
			       *uidvalidity_r != 0
		       ? 0
		       : -1;
}

int maildir_uidlist_line(const char *line, uint32_t *uid_r, const char **file_r)
{
	char *end;
	unsigned long uid;

	if (!isdigit((unsigned char)*line))
		return -1;
	uid = strtoul(line, &end, 10);
	if (*end != ' ' || uid == 0 || uid >= UINT32_MAX)
		return -1;
	*uid_r = (uint32_t)uid;
	/* Fields of version 3 end with the ':' of the file name. */
	*file_r = strstr(end, " :");
	*file_r = *file_r != NULL ? *file_r + 2 : end + 1;
	return **file_r != '\0' ? 0 : -1;
}
