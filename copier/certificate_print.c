/* SPDX-License-Identifier: BSD-2-Clause */
/* A certificate for people. What came from servers is made safe to print. */
#include "config.h"

#include "copier/certificate_print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copier/mutf7.h"

#include "lib/figure.h"
#include "lib/hex.h"

const char *certificate_get(const struct attr_list *line, const char *name)
{
	const char *value = attr_list_get(line, name);

	return value != NULL ? value : "-";
}

/* A figure of the line with its noun. */
static const char *certificate_count(const struct attr_list *line,
	const char *name, const char *noun, char text[FIGURE_SIZE])
{
	return figure_plural(
		(int64_t)certificate_number(line, name), noun, text);
}

static const char *certificate_size(
	const struct attr_list *line, char text[FIGURE_SIZE])
{
	return figure_size((int64_t)certificate_number(line, "bytes"), text);
}

/* What came from servers is made safe to print. */
static void certificate_line(const char *label, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void certificate_line(const char *label, const char *format, ...)
{
	struct error text;
	va_list arguments;
	char *whole = NULL;

	va_start(arguments, format);
	if (vasprintf(&whole, format, arguments) < 0)
		abort();
	va_end(arguments);
	error_set(&text, "%s", whole);
	printf("  %-13s%s\n", label, text.text);
	free(whole);
}

static void certificate_print_messages(
	const struct certificate_text *text, size_t folder)
{
	struct certificate_message *messages;
	struct error error;
	size_t count;

	if (certificate_messages(text, folder, &messages, &count, &error) < 0)
		return; /* reading it has found no damage */
	for (size_t i = 0; i < count; i++) {
		char hex[2 * JOURNAL_DIGEST + 1];

		hex_print(messages[i].digest, JOURNAL_DIGEST, hex);
		printf("    uid %" PRIu32 " -> %" PRIu32 ", %" PRIu64
		       " octets, sha256 %s\n",
			messages[i].uid, messages[i].other, messages[i].size,
			hex);
		if (!messages[i].altered)
			continue;
		hex_print(messages[i].stored, JOURNAL_DIGEST, hex);
		printf("        altered: there %" PRIu64 " octets, sha256 %s\n",
			messages[i].stored_size, hex);
	}
	free(messages);
}

static void certificate_print_approval(const struct attr_list *item)
{
	const char *kind = attr_list_get(item, "kind");
	bool altered = kind != NULL && strcmp(kind, "altered") == 0;
	struct error folder;

	mutf7_show(certificate_get(item, "folder"), &folder);
	certificate_line(altered ? "kept altered" : "left behind",
		"%s uid %s, %s; approved by %s: %s", folder.text,
		certificate_get(item, "uid"), certificate_get(item, "words"),
		certificate_get(item, "by"), certificate_get(item, "reason"));
	if (altered)
		certificate_line("", "sha256 %s, there %s",
			certificate_get(item, "sha256"),
			certificate_get(item, "stored_sha256"));
}

void certificate_print(const struct certificate_text *text, bool full)
{
	const struct attr_list *header = text->header;
	char counts[3][FIGURE_SIZE];
	struct error account;

	error_set(&account, "%s", certificate_get(header, "account"));
	printf("%s\n", account.text);
	certificate_line("proved", "%s, by version %s",
		certificate_get(header, "at"),
		certificate_get(header, "version"));
	certificate_line("from", "%s to %s", certificate_get(header, "home"),
		certificate_get(header, "other"));
	certificate_line("holds", "%s, %s, in %s",
		certificate_count(header, "messages", "message", counts[0]),
		certificate_size(header, counts[1]),
		certificate_count(header, "folders", "folder", counts[2]));
	certificate_line("foreign", "%s at %s besides",
		certificate_get(header, "foreign"),
		certificate_get(header, "other"));
	if (certificate_number(header, "altered") > 0)
		certificate_line("altered", "%s kept with other octets at %s",
			certificate_count(
				header, "altered", "message", counts[0]),
			certificate_get(header, "other"));
	for (size_t i = 0; i < text->approvals_count; i++)
		certificate_print_approval(text->approvals[i]);
	for (size_t i = 0; i < text->excluded_count; i++)
		certificate_line("left out", "%s: %s",
			certificate_get(text->excluded[i], "excluded"),
			certificate_get(text->excluded[i], "words"));
	for (size_t i = 0; full && i < text->folders_count; i++) {
		const struct attr_list *line = text->folders[i];
		struct error home, other;

		mutf7_show(certificate_get(line, "folder"), &home);
		mutf7_show(certificate_get(line, "other"), &other);
		certificate_line("folder",
			"%s -> %s, UIDVALIDITY %s -> %s, UIDNEXT %s, "
			"HIGHESTMODSEQ %s -> %s, %s, %s",
			home.text, other.text,
			certificate_get(line, "uidvalidity"),
			certificate_get(line, "other_uidvalidity"),
			certificate_get(line, "uidnext"),
			certificate_get(line, "modseq"),
			certificate_get(line, "other_modseq"),
			certificate_count(
				line, "messages", "message", counts[0]),
			certificate_size(line, counts[1]));
		certificate_print_messages(text, i);
	}
}
