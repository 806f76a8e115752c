/* SPDX-License-Identifier: BSD-2-Clause */
/* The grammar of IMAP responses, read by a cursor over one whole response. */
#include "config.h"

#include "copier/imap_cursor.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool imap_span_is(struct imap_span span, const char *word)
{
	return span.size == strlen(word) &&
	       strncasecmp(span.at, word, span.size) == 0;
}

int imap_number_parse(struct imap_span span, uint64_t *number_r)
{
	struct imap_cursor cursor = imap_cursor(span);

	if (imap_number(&cursor, number_r) < 0 || cursor.at != cursor.end)
		return -1;
	return 0;
}

int imap_list_inside(struct imap_span span, struct imap_span *inside_r)
{
	struct imap_cursor cursor = imap_cursor(span);

	if (imap_flat_list(&cursor, inside_r) < 0 || cursor.at != cursor.end)
		return -1;
	return 0;
}

static bool imap_is_condition(struct imap_span word)
{
	return imap_span_is(word, "OK") || imap_span_is(word, "NO") ||
	       imap_span_is(word, "BAD") || imap_span_is(word, "BYE") ||
	       imap_span_is(word, "PREAUTH");
}

/* "[CODE ...] text" behind the condition. */
static void imap_parse_text(
	struct imap_cursor *cursor, struct imap_response *response)
{
	const char *close;

	imap_skip_blanks(cursor);
	if (cursor->at < cursor->end && *cursor->at == '[') {
		close = memchr(
			cursor->at, ']', (size_t)(cursor->end - cursor->at));
		if (close != NULL) {
			response->code = imap_span(cursor->at + 1, close);
			cursor->at = close + 1;
			imap_skip_blanks(cursor);
		}
	}
	response->rest = imap_span(cursor->at, cursor->end);
}

int imap_response_parse(
	const char *text, size_t size, struct imap_response *response_r)
{
	struct imap_cursor cursor = { text, text + size };
	struct imap_span first;

	memset(response_r, 0, sizeof(*response_r));
	response_r->code = imap_span(text, text);
	if (size > 0 && text[0] == '+') {
		response_r->kind = IMAP_CONTINUE;
		cursor.at++;
		imap_parse_text(&cursor, response_r);
		return 0;
	}
	first = imap_atom(&cursor);
	if (first.size == 0 || !imap_take(&cursor, ' '))
		return -1;
	imap_skip_blanks(&cursor);
	if (!imap_span_is(first, "*")) {
		response_r->kind = IMAP_TAGGED;
		response_r->tag = first;
	} else if (cursor.at < cursor.end &&
		   isdigit((unsigned char)*cursor.at)) {
		response_r->kind = IMAP_DATA;
		if (imap_number(&cursor, &response_r->number) < 0 ||
			response_r->number > UINT32_MAX)
			return -1;
		imap_skip_blanks(&cursor);
	} else {
		response_r->kind = IMAP_STATUS;
	}
	response_r->word = imap_atom(&cursor);
	if (response_r->kind != IMAP_DATA &&
		imap_is_condition(response_r->word)) {
		imap_parse_text(&cursor, response_r);
		return 0;
	}
	if (response_r->kind == IMAP_TAGGED || response_r->word.size == 0)
		return -1;
	response_r->kind = IMAP_DATA;
	imap_skip_blanks(&cursor);
	response_r->rest = imap_span(cursor.at, cursor.end);
	return 0;
}

bool imap_code_is(
	struct imap_span code, const char *word, struct imap_span *rest_r)
{
	struct imap_cursor cursor = imap_cursor(code);

	if (!imap_span_is(imap_atom(&cursor), word))
		return false;
	imap_skip_blanks(&cursor);
	*rest_r = imap_span(cursor.at, cursor.end);
	return true;
}

static int imap_fetch_date(struct imap_cursor *cursor, char *date_r)
{
	struct buffer text = BUFFER_EMPTY;
	int result = imap_string(cursor, &text, NULL);

	if (result == 0 &&
		(text.data == NULL ||
			maildate_parse(text.data, text.size, date_r) < 0))
		result = -1;
	buffer_free(&text);
	return result;
}

static int imap_fetch_modseq(struct imap_cursor *cursor, uint64_t *modseq_r)
{
	if (!imap_take(cursor, '(') || imap_number(cursor, modseq_r) < 0 ||
		!imap_take(cursor, ')'))
		return -1;
	return 0;
}

/* The value of one item. 1: a body is announced here and the text ends. */
static int imap_fetch_value(struct imap_cursor *cursor, struct imap_span item,
	bool partial, struct imap_fetch *fetch)
{
	if (imap_span_is(item, "UID"))
		return imap_nz_number(cursor, &fetch->uid);
	if (imap_span_is(item, "FLAGS")) {
		fetch->has_flags = true;
		return imap_flat_list(cursor, &fetch->flags);
	}
	if (imap_span_is(item, "RFC822.SIZE")) {
		fetch->has_size = true;
		return imap_number(cursor, &fetch->size);
	}
	if (imap_span_is(item, "INTERNALDATE"))
		return imap_fetch_date(cursor, fetch->date);
	if (imap_span_is(item, "MODSEQ"))
		return imap_fetch_modseq(cursor, &fetch->modseq);
	if (imap_span_is(item, "BODY[]")) {
		fetch->has_body = true;
		if (partial)
			return 1;
		buffer_add(&fetch->body, "", 0);
		return imap_string(cursor, &fetch->body, &fetch->body_nil);
	}
	return imap_skip_value(cursor);
}

int imap_fetch_parse(
	struct imap_span rest, bool partial, struct imap_fetch *fetch_r)
{
	struct imap_cursor cursor = imap_cursor(rest);
	struct imap_span item;
	int result;

	memset(fetch_r, 0, sizeof(*fetch_r));
	if (!imap_take(&cursor, '('))
		return -1;
	for (;;) {
		imap_skip_blanks(&cursor);
		if (imap_take(&cursor, ')'))
			return 0;
		item = imap_item(&cursor);
		if (item.size == 0 || !imap_take(&cursor, ' '))
			return -1;
		result = imap_fetch_value(&cursor, item, partial, fetch_r);
		if (result != 0)
			return result > 0 ? 0 : -1;
	}
}

static int imap_separator(struct imap_cursor *cursor, char *separator_r)
{
	struct buffer text = BUFFER_EMPTY;
	bool nil;
	int result = imap_string(cursor, &text, &nil);

	if (result == 0 && !nil && text.size != 1)
		result = -1;
	*separator_r = '\0';
	if (result == 0 && !nil)
		*separator_r = text.data[0];
	buffer_free(&text);
	return result;
}

int imap_list_parse(
	struct imap_span rest, struct imap_list *list_r, struct buffer *name_r)
{
	struct imap_cursor cursor = imap_cursor(rest), attributes;
	struct imap_span inside;

	list_r->selectable = list_r->exists = true;
	list_r->use = SPECIAL_USE_NONE;
	if (imap_flat_list(&cursor, &inside) < 0 || !imap_take(&cursor, ' '))
		return -1;
	attributes = imap_cursor(inside);
	while (attributes.at < attributes.end) {
		struct imap_span word = imap_atom(&attributes);

		if (imap_span_is(word, "\\Noselect") ||
			imap_span_is(word, "\\NonExistent"))
			list_r->selectable = false;
		if (imap_span_is(word, "\\NonExistent"))
			list_r->exists = false;
		if (list_r->use == SPECIAL_USE_NONE)
			list_r->use = special_use_parse(word.at, word.size);
		if (word.size == 0)
			attributes.at++;
	}
	if (imap_separator(&cursor, &list_r->separator) < 0 ||
		!imap_take(&cursor, ' ') ||
		imap_string(&cursor, name_r, NULL) < 0 || name_r->size == 0)
		return -1;
	return memchr(name_r->data, '\0', name_r->size) == NULL ? 0 : -1;
}

static int imap_status_item(struct imap_cursor *cursor,
	struct mailbox_status *status, bool *counted_r)
{
	struct imap_span item = imap_atom(cursor);
	uint64_t number;

	if (item.size == 0 || !imap_take(cursor, ' '))
		return -1;
	if (cursor->at < cursor->end && !isdigit((unsigned char)*cursor->at))
		return imap_skip_value(cursor);
	if (imap_number(cursor, &number) < 0)
		return -1;
	if (imap_span_is(item, "HIGHESTMODSEQ")) {
		status->modseq = number;
		return 0;
	}
	if (imap_span_is(item, "SIZE"))
		return 0;
	if (number > UINT32_MAX)
		return -1;
	*counted_r = *counted_r || imap_span_is(item, "MESSAGES");
	if (imap_span_is(item, "MESSAGES"))
		status->messages = (uint32_t)number;
	else if (imap_span_is(item, "UIDNEXT"))
		status->uidnext = (uint32_t)number;
	else if (imap_span_is(item, "UIDVALIDITY"))
		status->uidvalidity = (uint32_t)number;
	return 0;
}

int imap_status_parse(struct imap_span rest, struct mailbox_status *status_r,
	struct buffer *name_r)
{
	struct imap_cursor cursor = imap_cursor(rest);
	bool counted = false;

	memset(status_r, 0, sizeof(*status_r));
	if (imap_string(&cursor, name_r, NULL) < 0 || name_r->size == 0 ||
		memchr(name_r->data, '\0', name_r->size) != NULL)
		return -1;
	imap_skip_blanks(&cursor);
	if (!imap_take(&cursor, '('))
		return -1;
	for (;;) {
		imap_skip_blanks(&cursor);
		if (imap_take(&cursor, ')'))
			break;
		if (imap_status_item(&cursor, status_r, &counted) < 0)
			return -1;
	}
	/* A folder whose messages are not counted is not an empty one. */
	if (!counted)
		memset(status_r, 0, sizeof(*status_r));
	return 0;
}

int imap_vanished_parse(struct imap_span rest, bool *earlier_r,
	imap_range_fn *callback, void *context)
{
	struct imap_cursor cursor = imap_cursor(rest);
	struct imap_span inside;
	uint32_t first, last;

	*earlier_r = false;
	if (cursor.at < cursor.end && *cursor.at == '(') {
		if (imap_flat_list(&cursor, &inside) < 0 ||
			!imap_span_is(inside, "EARLIER") ||
			!imap_take(&cursor, ' '))
			return -1;
		*earlier_r = true;
	}
	do {
		if (imap_nz_number(&cursor, &first) < 0)
			return -1;
		last = first;
		if (imap_take(&cursor, ':') &&
			imap_nz_number(&cursor, &last) < 0)
			return -1;
		callback(context, first < last ? first : last,
			first < last ? last : first);
	} while (imap_take(&cursor, ','));
	imap_skip_blanks(&cursor);
	return cursor.at == cursor.end ? 0 : -1;
}

/* One "(prefix separator extensions...)". */
static int imap_namespace_one(struct imap_cursor *cursor, int kind,
	imap_namespace_fn *callback, void *context)
{
	struct buffer prefix = BUFFER_EMPTY;
	char separator;
	int result = -1;

	buffer_add(&prefix, "", 0);
	if (!imap_take(cursor, '(') || imap_string(cursor, &prefix, NULL) < 0 ||
		!imap_take(cursor, ' ') ||
		imap_separator(cursor, &separator) < 0)
		goto out;
	while (!imap_take(cursor, ')'))
		if (imap_skip_value(cursor) < 0)
			goto out;
	callback(context, kind,
		imap_span(prefix.data, prefix.data + prefix.size), separator);
	result = 0;
out:
	buffer_free(&prefix);
	return result;
}

int imap_namespace_parse(
	struct imap_span rest, imap_namespace_fn *callback, void *context)
{
	struct imap_cursor cursor = imap_cursor(rest);
	int kind;

	for (kind = 0; kind < 3; kind++) {
		imap_skip_blanks(&cursor);
		if (!imap_take(&cursor, '(')) {
			if (!imap_span_is(imap_atom(&cursor), "NIL"))
				return -1;
			continue;
		}
		while (imap_skip_blanks(&cursor), !imap_take(&cursor, ')'))
			if (imap_namespace_one(
				    &cursor, kind, callback, context) < 0)
				return -1;
	}
	return 0;
}

/* "5" or "5:9"; a range may be written from either end. */
static int imap_uid_range(
	struct imap_cursor *cursor, uint32_t *first_r, uint32_t *last_r)
{
	uint32_t swap;

	if (imap_nz_number(cursor, first_r) < 0)
		return -1;
	*last_r = *first_r;
	if (imap_take(cursor, ':') && imap_nz_number(cursor, last_r) < 0)
		return -1;
	if (*first_r > *last_r) {
		swap = *first_r;
		*first_r = *last_r;
		*last_r = swap;
	}
	return 0;
}

int imap_appenduid_parse(struct imap_span rest, uint32_t *uidvalidity_r,
	uint32_t *uids_r, size_t count)
{
	struct imap_cursor cursor = imap_cursor(rest);
	uint32_t first, last, before = 0;
	size_t got = 0;

	if (imap_nz_number(&cursor, uidvalidity_r) < 0 ||
		!imap_take(&cursor, ' '))
		return -1;
	do {
		if (imap_uid_range(&cursor, &first, &last) < 0 ||
			first <= before || last - first >= count - got)
			return -1;
		for (before = last; first < last; first++)
			uids_r[got++] = first;
		uids_r[got++] = last;
	} while (got < count && imap_take(&cursor, ','));
	return got == count && cursor.at == cursor.end ? 0 : -1;
}
