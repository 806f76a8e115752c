/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages that a server may alter, and what is left of them then. */
#include "config.h"

#include "copier/altered_scan.h"

#include <string.h>

/* FNV-1a */
#define ALTERED_BASIS UINT64_C(14695981039346656037)
#define ALTERED_PRIME UINT64_C(1099511628211)

void altered_begin(struct altered_scan *scan)
{
	*scan = (struct altered_scan){ .last = '\n',
		.skeleton = ALTERED_BASIS };
}

/* Letters and digits stay what they are; but an X may stand for something. */
static bool altered_is_bone(unsigned char octet)
{
	return (octet >= '0' && octet <= '9') ||
	       (octet >= 'A' && octet <= 'Z' && octet != 'X') ||
	       (octet >= 'a' && octet <= 'z');
}

static void altered_add_bones(
	struct altered_scan *scan, const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size && scan->bones < ALTERED_BONES; i++) {
		unsigned char octet = (unsigned char)data[i];

		if (!altered_is_bone(octet))
			continue;
		scan->skeleton = (scan->skeleton ^ octet) * ALTERED_PRIME;
		scan->bones++;
	}
}

uint64_t altered_skeleton(const struct altered_scan *scan)
{
	return scan->skeleton;
}

static bool altered_is_ascii(const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((unsigned char)data[i] >= 0x80)
			return false;
	return true;
}

/* Octets of one line, none of them LF. */
static void altered_add_octets(
	struct altered_scan *scan, const char *data, size_t size)
{
	const char *cr;

	if (size == 0)
		return;
	cr = memchr(data, '\r', size);
	if (memchr(data, '\0', size) != NULL)
		scan->risk = JOURNAL_RISK_NUL;
	else if (scan->last == '\r' || (cr != NULL && cr < data + size - 1))
		scan->risk = JOURNAL_RISK_LINES;
	else if (!scan->body && !altered_is_ascii(data, size))
		scan->risk = JOURNAL_RISK_HEADER;
	scan->last = data[size - 1];
	scan->line += size;
}

void altered_add(struct altered_scan *scan, const char *data, size_t size)
{
	altered_add_bones(scan, data, size);
	while (size > 0 && scan->risk == JOURNAL_NO_RISK) {
		const char *end = memchr(data, '\n', size);
		size_t octets = end != NULL ? (size_t)(end - data) : size;

		altered_add_octets(scan, data, octets);
		if (end == NULL || scan->risk != JOURNAL_NO_RISK)
			return;
		if (scan->last != '\r')
			scan->risk = JOURNAL_RISK_LINES;
		if (scan->line == 1) /* the CR alone */
			scan->body = true;
		scan->last = '\n';
		scan->line = 0;
		data += octets + 1;
		size -= octets + 1;
	}
}

enum journal_risk altered_end(const struct altered_scan *scan)
{
	if (scan->risk == JOURNAL_NO_RISK && scan->last != '\n')
		return JOURNAL_RISK_LINES;
	return scan->risk;
}
