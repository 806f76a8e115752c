/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines of a journal: "CHECKSUM LETTER fields". Names are percent-encoded,
 * so that blanks part the fields; flags stand last and keep their blanks.
 */
#include "config.h"

#include "copier/journal_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copier/percent.h"

#include "lib/hex.h"
#include "lib/xalloc.h"

/* The shortest line of a pair has more: check sum and digest alone. */
#define JOURNAL_PAIR_OCTETS (8 + 2 * JOURNAL_DIGEST)

static uint32_t journal_sum(const char *text, size_t size)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}

void journal_line(struct journal *journal, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int size;

	va_start(arguments, format);
	size = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (size < 0)
		abort();
	pthread_mutex_lock(&journal->mutex);
	buffer_printf(&journal->out, "%08" PRIx32 " %s\n",
		journal_sum(text, (size_t)size), text);
	journal->lines++;
	pthread_mutex_unlock(&journal->mutex);
	free(text);
}

/* How a pair came to be one, and a digit where it is to be read back. */
static void journal_origin_print(
	const struct journal_pair *pair, char text_r[3])
{
	text_r[0] = pair->origin == JOURNAL_COPIED ? 'c' : 'a';
	text_r[1] =
		pair->risk != JOURNAL_NO_RISK ? (char)('0' + pair->risk) : '\0';
	text_r[2] = '\0';
}

static void journal_origin_scan(const char *text, struct journal_pair *pair)
{
	pair->origin = *text == 'c' ? JOURNAL_COPIED : JOURNAL_ADOPTED;
	if (*text != '\0' && text[1] >= '0' + JOURNAL_RISK_NUL &&
		text[1] <= '0' + JOURNAL_RISK_HEADER)
		pair->risk = (unsigned char)(text[1] - '0');
}

static bool journal_digest_scan(const char *text, unsigned char *digest_r)
{
	return hex_scan(text, digest_r, JOURNAL_DIGEST) &&
	       text[2 * JOURNAL_DIGEST] == '\0';
}

void journal_print_uidvalidity(struct journal *journal,
	const struct journal_folder *folder, enum journal_side side)
{
	journal_line(journal, "U %u %d %" PRIu32, folder->id, (int)side,
		folder->uidvalidity[side]);
}

void journal_print_seen(struct journal *journal,
	const struct journal_folder *folder, enum journal_side side)
{
	const struct mailbox_status *seen = &folder->seen[side];

	journal_line(journal,
		"S %u %d %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu64,
		folder->id, (int)side, seen->uidvalidity, seen->uidnext,
		seen->messages, seen->modseq);
}

void journal_print_folder(
	struct journal *journal, const struct journal_folder *folder)
{
	char *source = percent_encode(folder->name[0]);
	char *destination = percent_encode(folder->name[1]);

	journal_line(journal, "F %u %s %s", folder->id, source, destination);
	free(source);
	free(destination);
}

void journal_print_rename(
	struct journal *journal, const struct journal_folder *folder)
{
	char *source = percent_encode(folder->name[0]);
	char *destination = percent_encode(folder->name[1]);

	journal_line(journal, "N %u %s %s", folder->id, source, destination);
	free(source);
	free(destination);
}

void journal_print_pair(struct journal *journal,
	const struct journal_folder *folder, size_t index)
{
	const struct journal_pair *pair = &folder->pairs[index];
	char digest[2 * JOURNAL_DIGEST + 1], origin[3];

	hex_print(pair->digest, JOURNAL_DIGEST, digest);
	journal_origin_print(pair, origin);
	journal_line(journal,
		"P %u %zu %" PRIu32 " %" PRIu32 " %" PRIu64 " %s %s %s",
		folder->id, index, pair->uid[0], pair->uid[1], pair->size,
		digest, origin, pair->flags->text);
}

void journal_print_intent(struct journal *journal,
	const struct journal_folder *folder,
	const struct journal_intent *intent)
{
	char digest[2 * JOURNAL_DIGEST + 1];

	hex_print(intent->digest, JOURNAL_DIGEST, digest);
	journal_line(journal,
		"I %u %d %" PRIu32 " %" PRIu32 " %" PRId64 " %" PRIu64 " %s %s",
		folder->id, (int)intent->from, intent->uid, intent->uidnext,
		intent->at, intent->size, digest, intent->flags->text);
	if (intent->risk != JOURNAL_NO_RISK)
		journal_line(journal,
			"R %u %d %" PRIu32 " %u %" PRIu64 " %" PRIu64,
			folder->id, (int)intent->from, intent->uid,
			(unsigned)intent->risk, intent->skeleton,
			(uint64_t)intent->date);
	if (intent->answered)
		journal_line(journal, "K %u %d %" PRIu32, folder->id,
			(int)intent->from, intent->uid);
}

void journal_print_verdict(struct journal *journal,
	const struct journal_folder *folder,
	const struct journal_verdict *verdict)
{
	char digest[2 * JOURNAL_DIGEST + 1], stored[2 * JOURNAL_DIGEST + 1];

	hex_print(verdict->digest, JOURNAL_DIGEST, digest);
	hex_print(verdict->stored, JOURNAL_DIGEST, stored);
	journal_line(journal,
		"V %u %d %" PRIu32 " %u %" PRId64 " %" PRIu64 " %s %" PRIu64
		" %s",
		folder->id, (int)verdict->from, verdict->uid,
		(unsigned)verdict->risk, verdict->at, verdict->size, digest,
		verdict->stored_size, stored);
}

/* The fields of a line, taken one after the other. */
struct journal_fields {
	char *at;
	bool bad;
};

static char *journal_field(struct journal_fields *fields)
{
	char *field = fields->at;

	if (field == NULL) {
		fields->bad = true;
		return (char *)"";
	}
	fields->at = strchr(field, ' ');
	if (fields->at != NULL)
		*fields->at++ = '\0';
	return field;
}

static uint64_t journal_number(struct journal_fields *fields, uint64_t max)
{
	const char *field = journal_field(fields);
	uint64_t number = 0;

	if (*field == '\0')
		fields->bad = true;
	for (; *field != '\0'; field++) {
		uint64_t digit = (uint64_t)(*field - '0');

		if (*field < '0' || *field > '9' || number > max / 10 ||
			digit > max - number * 10) {
			fields->bad = true;
			return 0;
		}
		number = number * 10 + digit;
	}
	return fields->bad ? 0 : number;
}

static enum journal_side journal_field_side(struct journal_fields *fields)
{
	return journal_number(fields, 1) == 0 ? JOURNAL_SOURCE
					      : JOURNAL_DESTINATION;
}

static const struct flagset *journal_field_flags(
	struct journal *journal, struct journal_fields *fields)
{
	const char *text = fields->at != NULL ? fields->at : "";

	if (fields->at == NULL)
		fields->bad = true;
	return flagpool_get(journal->flags, text, strlen(text));
}

/* Lines with both names of a folder: F, a new one, and N, its new names. */
static bool journal_scan_names(struct journal *journal, char letter,
	unsigned id, struct journal_fields *fields)
{
	char *source = journal_field(fields);
	char *destination = journal_field(fields);
	const char *const names[2] = { source, destination };
	struct journal_folder *folder = journal_by_id(journal, id);

	/* Ids ascend: that is how folders are found by them. */
	if (fields->bad || percent_decode(source) < 0 ||
		percent_decode(destination) < 0 ||
		(letter == 'F' ? id < journal->next_id : folder == NULL))
		return false;
	if (letter == 'F')
		journal_folder_new(journal, id, names);
	else
		journal_rename_unwritten(journal, folder, names);
	return true;
}

static bool journal_scan_pair(struct journal *journal,
	struct journal_folder *folder, struct journal_fields *fields)
{
	size_t index = (size_t)journal_number(fields, UINT32_MAX);
	struct journal_pair pair = { .gone = false };
	const char *digest, *origin;

	pair.uid[0] = (uint32_t)journal_number(fields, UINT32_MAX);
	pair.uid[1] = (uint32_t)journal_number(fields, UINT32_MAX);
	pair.size = journal_number(fields, UINT64_MAX);
	digest = journal_field(fields);
	origin = journal_field(fields);
	pair.flags = journal_field_flags(journal, fields);
	journal_origin_scan(origin, &pair);
	/* Indexes ascend by one, but for lines lost to damage; each had its
	 * octets in the file. */
	if (fields->bad || !journal_digest_scan(digest, pair.digest) ||
		index < folder->pairs_count ||
		index > journal->replayed / JOURNAL_PAIR_OCTETS)
		return false;
	journal_apply_pair(folder, index, &pair);
	return true;
}

static bool journal_scan_intent(struct journal *journal,
	struct journal_folder *folder, struct journal_fields *fields)
{
	struct journal_intent intent = { .from = journal_field_side(fields) };
	const char *digest;

	intent.uid = (uint32_t)journal_number(fields, UINT32_MAX);
	intent.uidnext = (uint32_t)journal_number(fields, UINT32_MAX);
	intent.at = (int64_t)journal_number(fields, INT64_MAX);
	intent.size = journal_number(fields, UINT64_MAX);
	digest = journal_field(fields);
	intent.flags = journal_field_flags(journal, fields);
	if (fields->bad || !journal_digest_scan(digest, intent.digest))
		return false;
	journal_apply_intent(folder, &intent);
	return true;
}

/* What is left of the newest intent of a message when it is altered. */
static bool journal_scan_risk(
	struct journal_folder *folder, struct journal_fields *fields)
{
	enum journal_side from = journal_field_side(fields);
	uint32_t uid = (uint32_t)journal_number(fields, UINT32_MAX);
	unsigned char risk =
		(unsigned char)journal_number(fields, JOURNAL_RISK_HEADER);
	uint64_t skeleton = journal_number(fields, UINT64_MAX);
	int64_t date = (int64_t)journal_number(fields, UINT64_MAX);
	const struct journal_intent *newest =
		journal_intent_next(folder, from, uid, NULL);

	if (!fields->bad && newest != NULL) {
		struct journal_intent *intent =
			&folder->intents[newest - folder->intents];

		intent->risk = risk;
		intent->skeleton = skeleton;
		intent->date = date;
	}
	return !fields->bad;
}

static bool journal_scan_verdict(
	struct journal_folder *folder, struct journal_fields *fields)
{
	struct journal_verdict verdict = { .from = journal_field_side(fields) };
	const char *digest, *stored;

	verdict.uid = (uint32_t)journal_number(fields, UINT32_MAX);
	verdict.risk =
		(unsigned char)journal_number(fields, JOURNAL_RISK_HEADER);
	verdict.at = (int64_t)journal_number(fields, INT64_MAX);
	verdict.size = journal_number(fields, UINT64_MAX);
	digest = journal_field(fields);
	verdict.stored_size = journal_number(fields, UINT64_MAX);
	stored = journal_field(fields);
	if (fields->bad || !journal_digest_scan(digest, verdict.digest) ||
		!journal_digest_scan(stored, verdict.stored))
		return false;
	journal_apply_judge(folder, &verdict);
	return true;
}

/* Lines about one pair that is there: A, G, W and X. */
static bool journal_scan_change(struct journal *journal,
	struct journal_folder *folder, char letter,
	struct journal_fields *fields)
{
	size_t index = (size_t)journal_number(fields, UINT32_MAX);
	enum journal_side side;

	if (fields->bad || index >= folder->pairs_count)
		return false;
	if (letter == 'X')
		journal_apply_unpair(folder, index);
	else if (letter == 'A')
		journal_apply_assure(folder, index);
	else if (letter == 'W') {
		side = journal_field_side(fields);
		if (!fields->bad)
			journal_apply_widow(folder, index, side);
	} else
		folder->pairs[index].flags =
			journal_field_flags(journal, fields);
	return !fields->bad;
}

static bool journal_scan_seen(struct journal_folder *folder,
	enum journal_side side, struct journal_fields *fields)
{
	struct mailbox_status seen = { 0 };

	seen.uidvalidity = (uint32_t)journal_number(fields, UINT32_MAX);
	seen.uidnext = (uint32_t)journal_number(fields, UINT32_MAX);
	seen.messages = (uint32_t)journal_number(fields, UINT32_MAX);
	seen.modseq = journal_number(fields, UINT64_MAX);
	if (!fields->bad)
		folder->seen[side] = seen;
	return !fields->bad;
}

/* Lines about one side of a folder: B, K, M, O, o, S, U, j, v. */
static bool journal_scan_side(struct journal_folder *folder, char letter,
	struct journal_fields *fields)
{
	enum journal_side side = journal_field_side(fields);
	uint32_t number;

	if (letter == 'S')
		return journal_scan_seen(folder, side, fields);
	if (letter == 'M') {
		folder->made[side] = !fields->bad;
		return !fields->bad;
	}
	number = (uint32_t)journal_number(fields, UINT32_MAX);
	if (fields->bad)
		return false;
	if (letter == 'B')
		folder->subscribed[side] = number != 0;
	else if (letter == 'O')
		uidset_add(&folder->foreign[side], number);
	else if (letter == 'o')
		uidset_drop(&folder->foreign[side], number);
	else if (letter == 'U')
		journal_apply_uidvalidity(folder, side, number);
	else if (letter == 'K')
		journal_apply_answer(folder, side, number);
	else if (letter == 'v')
		journal_apply_acquit(folder, side, number);
	else
		journal_apply_unintend(folder, side, number);
	return true;
}

bool journal_scan_line(struct journal *journal, char *line, size_t size)
{
	struct journal_fields fields = { line + 11, false };
	struct journal_folder *folder;
	unsigned id;
	char letter, *end;

	if (size < 12 || strlen(line) != size || line[8] != ' ' ||
		line[10] != ' ' ||
		strtoul(line, &end, 16) != journal_sum(line + 9, size - 9) ||
		end != line + 8)
		return false;
	letter = line[9];
	id = (unsigned)journal_number(&fields, UINT32_MAX);
	if (fields.bad)
		return false;
	if (letter == 'F' || letter == 'N')
		return journal_scan_names(journal, letter, id, &fields);
	folder = journal_by_id(journal, id);
	if (folder == NULL)
		return false;
	switch (letter) {
	case 'f':
		journal_apply_drop(journal, folder);
		return true;
	case 'P':
		return journal_scan_pair(journal, folder, &fields);
	case 'A':
	case 'G':
	case 'W':
	case 'X':
		return journal_scan_change(journal, folder, letter, &fields);
	case 'I':
		return journal_scan_intent(journal, folder, &fields);
	case 'R':
		return journal_scan_risk(folder, &fields);
	case 'V':
		return journal_scan_verdict(folder, &fields);
	case 'i':
		journal_apply_forget(
			folder, (int64_t)journal_number(&fields, INT64_MAX));
		return !fields.bad;
	case 'B':
	case 'K':
	case 'M':
	case 'O':
	case 'o':
	case 'S':
	case 'U':
	case 'j':
	case 'v':
		return journal_scan_side(folder, letter, &fields);
	default:
		return false;
	}
}
