/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a certificate. Pairs are taken in blocks of fixed places in the
 * journal's arrays; a block that looks as it did when it was written is not
 * written again. A mark tells that: it is compared in the freeze, where reading
 * all pairs costs a millisecond in 100,000 and printing them a hundred.
 */
#include "config.h"

#include "copier/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copier/digest.h"
#include "copier/folder_notes.h"
#include "copier/refused.h"

#include "lib/attr.h"
#include "lib/hex.h"
#include "lib/figure.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#define CERTIFICATE_BLOCK 1000 /* pairs */
#define CERTIFICATE_HEX	  (2 * JOURNAL_DIGEST + 1)
/* Written in pieces of about this many octets. */
#define CERTIFICATE_PIECE (256u << 10)

struct certificate_block {
	uint64_t mark; /* 0: not written yet */
	uint64_t offset;
	uint64_t size;
	uint64_t messages;
	uint64_t bytes;
	uint64_t altered; /* of the messages */
	unsigned char digest[JOURNAL_DIGEST];
};

struct certificate_folder {
	unsigned id;
	struct certificate_block *blocks;
	size_t count;
};

struct certificate {
	char *path;
	char *beside;
	int file; /* -1: none yet */
	struct certificate_folder *folders;
	size_t folders_count;
	uint64_t size;	   /* of the file, with what is in out */
	struct buffer out; /* not written yet */
	bool unsynced;
	struct digest *digest;
	struct buffer summary;
};

struct certificate *certificate_new(const char *path)
{
	struct certificate *certificate = xcalloc(1, sizeof(*certificate));

	certificate->path = xstrdup(path);
	certificate->beside = xasprintf("%s.new", path);
	certificate->file = -1;
	certificate->digest = digest_new();
	buffer_add_text(&certificate->summary, "");
	return certificate;
}

/* What was written is of no use any more, or has its place. */
static void certificate_forget(struct certificate *certificate)
{
	for (size_t i = 0; i < certificate->folders_count; i++)
		free(certificate->folders[i].blocks);
	free(certificate->folders);
	certificate->folders = NULL;
	certificate->folders_count = 0;
	buffer_clear(&certificate->out);
	if (certificate->file >= 0)
		close(certificate->file);
	certificate->file = -1;
	certificate->size = 0;
	certificate->unsynced = false;
}

void certificate_free(struct certificate **certificate)
{
	struct certificate *ending = *certificate;

	if (ending == NULL)
		return;
	if (ending->file >= 0)
		unlink(ending->beside);
	certificate_forget(ending);
	digest_free(&ending->digest);
	buffer_free(&ending->out);
	buffer_free(&ending->summary);
	free(ending->path);
	free(ending->beside);
	free(ending);
	*certificate = NULL;
}

const char *certificate_summary(const struct certificate *certificate)
{
	return certificate->summary.data;
}

/* ---- the file ---- */

static int certificate_fail(const struct certificate *certificate,
	const char *what, struct error *error)
{
	error_set(
		error, "%s %s: %s", what, certificate->beside, strerror(errno));
	return -1;
}

static int certificate_flush(
	struct certificate *certificate, struct error *error)
{
	const char *data = certificate->out.data;
	size_t size = certificate->out.size;

	while (size > 0) {
		ssize_t written = write(certificate->file, data, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return certificate_fail(certificate, "write", error);
		data += written;
		size -= (size_t)written;
		certificate->unsynced = true;
	}
	buffer_clear(&certificate->out);
	return 0;
}

static void certificate_add(
	struct certificate *certificate, const void *data, size_t size)
{
	buffer_add(&certificate->out, data, size);
	certificate->size += size;
}

static int certificate_begin(
	struct certificate *certificate, struct error *error)
{
	if (certificate->file >= 0)
		return 0;
	certificate->file = open(certificate->beside,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (certificate->file < 0)
		return certificate_fail(certificate, "make", error);
	certificate_add(
		certificate, CERTIFICATE_MAGIC, strlen(CERTIFICATE_MAGIC));
	return 0;
}

static int certificate_sync(
	struct certificate *certificate, struct error *error)
{
	if (certificate_flush(certificate, error) < 0)
		return -1;
	if (certificate->unsynced && fsync(certificate->file) < 0)
		return certificate_fail(certificate, "sync", error);
	certificate->unsynced = false;
	return 0;
}

/* ---- blocks ---- */

static bool certificate_counts(const struct journal_pair *pair)
{
	return !pair->gone && pair->uid[0] != 0 && pair->uid[1] != 0;
}

/* Never 0. */
static uint64_t certificate_mark(const struct journal_pair *pairs, size_t count)
{
	uint64_t mark = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < count; i++) {
		uint64_t head;

		if (!certificate_counts(&pairs[i]))
			continue;
		memcpy(&head, pairs[i].digest, sizeof(head));
		/* read back in between it may have another line */
		head += pairs[i].risk;
		head ^= (uint64_t)pairs[i].uid[0] << 32 | pairs[i].uid[1];
		mark = (mark ^ head) * UINT64_C(1099511628211);
		mark ^= mark >> 29;
	}
	return mark | 1;
}

static void certificate_write_pair(struct certificate *certificate,
	const struct journal_folder *known, const struct journal_pair *pair,
	enum journal_side side)
{
	const struct journal_verdict *verdict =
		journal_pair_verdict(known, pair);
	enum journal_side far = journal_other(side);
	char hex[CERTIFICATE_HEX], line[256];
	size_t size;

	hex_print(journal_pair_digest(known, pair, side), JOURNAL_DIGEST, hex);
	size = (size_t)snprintf(line, sizeof(line),
		"%c %" PRIu32 " %" PRIu32 " %" PRIu64 " %s",
		verdict == NULL ? 'm' : 'a', pair->uid[side], pair->uid[far],
		journal_pair_size(known, pair, side), hex);
	if (verdict != NULL) {
		hex_print(journal_pair_digest(known, pair, far), JOURNAL_DIGEST,
			hex);
		size += (size_t)snprintf(line + size, sizeof(line) - size,
			" %" PRIu64 " %s", journal_pair_size(known, pair, far),
			hex);
	}
	line[size++] = '\n';
	certificate_add(certificate, line, size);
}

static int certificate_write_block(struct certificate *certificate,
	const struct journal_folder *known, const struct journal_pair *pairs,
	size_t count, enum journal_side side, struct certificate_block *block,
	struct error *error)
{
	size_t from = certificate->out.size;

	block->offset = certificate->size;
	block->messages = block->bytes = block->altered = 0;
	for (size_t i = 0; i < count; i++) {
		if (!certificate_counts(&pairs[i]))
			continue;
		certificate_write_pair(certificate, known, &pairs[i], side);
		block->messages++;
		block->altered +=
			journal_pair_verdict(known, &pairs[i]) != NULL;
		block->bytes += pairs[i].size;
	}
	block->size = certificate->size - block->offset;
	digest_begin(certificate->digest);
	if (block->size > 0)
		digest_add(certificate->digest, certificate->out.data + from,
			(size_t)block->size);
	digest_end(certificate->digest, block->digest);
	return certificate->out.size > CERTIFICATE_PIECE
		       ? certificate_flush(certificate, error)
		       : 0;
}

static struct certificate_folder *certificate_folder(
	struct certificate *certificate, unsigned id)
{
	struct certificate_folder *folder;

	for (size_t i = 0; i < certificate->folders_count; i++)
		if (certificate->folders[i].id == id)
			return &certificate->folders[i];
	certificate->folders = xreallocarray(certificate->folders,
		certificate->folders_count + 1, sizeof(*folder));
	folder = &certificate->folders[certificate->folders_count++];
	*folder = (struct certificate_folder){ .id = id };
	return folder;
}

static int certificate_write_folder(struct certificate *certificate,
	const struct journal_folder *known, enum journal_side side,
	struct error *error)
{
	struct certificate_folder *folder =
		certificate_folder(certificate, known->id);
	size_t count = (known->pairs_count + CERTIFICATE_BLOCK - 1) /
		       CERTIFICATE_BLOCK;

	if (count > folder->count) {
		folder->blocks = xreallocarray(
			folder->blocks, count, sizeof(*folder->blocks));
		memset(folder->blocks + folder->count, 0,
			(count - folder->count) * sizeof(*folder->blocks));
	}
	folder->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct journal_pair *pairs =
			known->pairs + i * CERTIFICATE_BLOCK;
		size_t left = known->pairs_count - i * CERTIFICATE_BLOCK;
		size_t size =
			left < CERTIFICATE_BLOCK ? left : CERTIFICATE_BLOCK;
		uint64_t mark = certificate_mark(pairs, size);

		if (folder->blocks[i].mark == mark)
			continue;
		folder->blocks[i].mark = mark;
		if (certificate_write_block(certificate, known, pairs, size,
			    side, &folder->blocks[i], error) < 0)
			return -1;
	}
	return 0;
}

static int certificate_write(struct certificate *certificate,
	const struct pass *pass, struct error *error)
{
	if (certificate_begin(certificate, error) < 0)
		return -1;
	for (size_t i = 0; i < journal_count(pass->journal); i++) {
		const struct journal_folder *folder =
			journal_at(pass->journal, i);

		if (!folder->gone && certificate_write_folder(certificate,
					     folder, pass->side, error) < 0)
			return -1;
	}
	return 0;
}

int certificate_prepare(struct certificate *certificate,
	const struct pass *pass, struct error *error)
{
	if (certificate_write(certificate, pass, error) == 0 &&
		certificate_sync(certificate, error) == 0)
		return 0;
	error_prefix(error, "certificate");
	return -1;
}

/* ---- the trailer ---- */

struct certificate_totals {
	uint64_t folders;
	uint64_t messages;
	uint64_t bytes;
	uint64_t altered;
};

static void certificate_add_status(struct attr_list *line, const char *prefix,
	uint32_t uidvalidity, const struct mailbox_status *status)
{
	/* seen is what all was accounted for at; without it less is told */
	bool seen = status->uidvalidity == uidvalidity && uidvalidity != 0;
	char name[32];

	snprintf(name, sizeof(name), "%suidvalidity", prefix);
	attr_list_add_number(line, name, uidvalidity);
	if (!seen)
		return;
	snprintf(name, sizeof(name), "%suidnext", prefix);
	attr_list_add_number(line, name, status->uidnext);
	snprintf(name, sizeof(name), "%smodseq", prefix);
	attr_list_printf(line, name, "%" PRIu64, status->modseq);
}

static void certificate_print_folder(struct certificate *certificate,
	const struct journal_folder *known, enum journal_side side,
	struct certificate_totals *totals, struct buffer *text)
{
	const struct certificate_folder *folder =
		certificate_folder(certificate, known->id);
	enum journal_side far = journal_other(side);
	struct attr_list *line = attr_list_new();
	uint64_t messages = 0, bytes = 0;

	attr_list_add(line, "folder", known->name[side]);
	attr_list_add(line, "other", known->name[far]);
	certificate_add_status(
		line, "", known->uidvalidity[side], &known->seen[side]);
	certificate_add_status(
		line, "other_", known->uidvalidity[far], &known->seen[far]);
	for (size_t i = 0; i < folder->count; i++) {
		const struct certificate_block *block = &folder->blocks[i];
		char hex[CERTIFICATE_HEX];

		messages += block->messages;
		bytes += block->bytes;
		totals->altered += block->altered;
		if (block->messages == 0)
			continue;
		hex_print(block->digest, JOURNAL_DIGEST, hex);
		attr_list_printf(line, "block", "%" PRIu64 " %" PRIu64 " %s",
			block->offset, block->size, hex);
	}
	attr_list_printf(line, "messages", "%" PRIu64, messages);
	attr_list_printf(line, "bytes", "%" PRIu64, bytes);
	attr_print(line, ATTR_CONTROL, text);
	attr_list_free(&line);
	totals->folders++;
	totals->messages += messages;
	totals->bytes += bytes;
}

static void certificate_print_approval(
	const struct attr_list *item, struct buffer *text)
{
	struct attr_list *line = attr_list_new();

	attr_list_add(line, "approval", attr_list_get(item, "item"));
	for (size_t i = 0; i < attr_list_count(item); i++)
		if (strcmp(attr_list_name(item, i), "item") != 0)
			attr_list_add(line, attr_list_name(item, i),
				attr_list_value(item, i));
	attr_print(line, ATTR_CONTROL, text);
	attr_list_free(&line);
}

/* How many there are; with text they are printed. */
static size_t certificate_print_approvals(
	const struct pass *pass, struct buffer *text)
{
	const struct refused *refused = pass->refused;
	size_t left = refused != NULL ? refused_left_count(refused) : 0;
	size_t kept = refused != NULL ? refused_kept_count(refused) : 0;

	for (size_t i = 0; text != NULL && i < left + kept; i++)
		certificate_print_approval(
			i < left ? refused_left(refused, i)
				 : refused_kept(refused, i - left),
			text);
	return left + kept;
}

/* Folders that the map leaves out. */
static void certificate_print_excluded(
	const struct pass *pass, struct buffer *text)
{
	for (size_t i = 0; i < folder_notes_count(pass->notes); i++) {
		const struct folder_note *note =
			folder_notes_at(pass->notes, i);
		struct attr_list *line;

		if (note->kind != FOLDER_NOTE_EXCLUDED)
			continue;
		line = attr_list_new();
		attr_list_add(line, "excluded", note->folder);
		attr_list_add(line, "words", note->text);
		attr_print(line, ATTR_CONTROL, text);
		attr_list_free(&line);
	}
}

static void certificate_print_header(const struct certificate_facts *facts,
	const struct certificate_totals *totals, const struct pass *pass,
	struct buffer *text)
{
	struct attr_list *line = attr_list_new();
	char at[INSTANT_TEXT_SIZE];

	instant_format(facts->at, at);
	attr_list_add(line, "account", facts->account);
	attr_list_add(line, "home", facts->home);
	attr_list_add(line, "other", facts->other);
	attr_list_add(line, "at", at);
	attr_list_add(line, "version", PACKAGE_VERSION);
	attr_list_printf(line, "folders", "%" PRIu64, totals->folders);
	attr_list_printf(line, "messages", "%" PRIu64, totals->messages);
	attr_list_printf(line, "bytes", "%" PRIu64, totals->bytes);
	attr_list_printf(line, "foreign", "%" PRIu64, facts->foreign);
	attr_list_printf(line, "altered", "%" PRIu64, totals->altered);
	attr_list_printf(line, "approvals", "%zu",
		certificate_print_approvals(pass, NULL));
	attr_print(line, ATTR_CONTROL, text);
	attr_list_free(&line);
}

static void certificate_summarise(struct certificate *certificate,
	const struct certificate_facts *facts,
	const struct certificate_totals *totals)
{
	char messages[FIGURE_SIZE], size[FIGURE_SIZE], folders[FIGURE_SIZE];
	char at[INSTANT_TEXT_SIZE];

	instant_format(facts->at, at);
	buffer_clear(&certificate->summary);
	buffer_printf(&certificate->summary, "%s: %s, %s, %s of %s are at %s\n",
		at,
		figure_plural((int64_t)totals->messages, "message", messages),
		figure_size((int64_t)totals->bytes, size),
		figure_plural((int64_t)totals->folders, "folder", folders),
		facts->home, facts->other);
}

static void certificate_add_trailer(struct certificate *certificate,
	const struct pass *pass, const struct certificate_facts *facts)
{
	struct certificate_totals totals = { 0 };
	struct buffer folders = BUFFER_EMPTY, text = BUFFER_EMPTY;
	unsigned char digest[JOURNAL_DIGEST];
	char hex[CERTIFICATE_HEX], end[CERTIFICATE_END_SIZE + 1];

	for (size_t i = 0; i < journal_count(pass->journal); i++)
		if (!journal_at(pass->journal, i)->gone)
			certificate_print_folder(certificate,
				journal_at(pass->journal, i), pass->side,
				&totals, &folders);
	certificate_print_header(facts, &totals, pass, &text);
	if (folders.size > 0)
		buffer_add(&text, folders.data, folders.size);
	certificate_print_approvals(pass, &text);
	certificate_print_excluded(pass, &text);
	digest_begin(certificate->digest);
	digest_add(certificate->digest, text.data, text.size);
	digest_end(certificate->digest, digest);
	hex_print(digest, JOURNAL_DIGEST, hex);
	snprintf(end, sizeof(end), CERTIFICATE_END,
		(unsigned long long)certificate->size, hex);
	certificate_add(certificate, text.data, text.size);
	certificate_add(certificate, end, strlen(end));
	certificate_summarise(certificate, facts, &totals);
	buffer_free(&folders);
	buffer_free(&text);
}

/* The name in its directory is durable, too. */
static int certificate_place(
	struct certificate *certificate, struct error *error)
{
	char *path = xstrdup(certificate->path);
	int directory = -1, result = -1;

	if (rename(certificate->beside, certificate->path) == 0)
		directory =
			open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0)
		result = fsync(directory);
	if (result < 0)
		certificate_fail(certificate, "put in its place", error);
	if (directory >= 0)
		close(directory);
	free(path);
	return result;
}

int certificate_finish(struct certificate *certificate, const struct pass *pass,
	const struct certificate_facts *facts, struct error *error)
{
	int result = certificate_write(certificate, pass, error);

	if (result == 0) {
		certificate_add_trailer(certificate, pass, facts);
		result = certificate_sync(certificate, error);
	}
	if (result == 0)
		result = certificate_place(certificate, error);
	if (result == 0) {
		certificate_forget(certificate);
		return 0;
	}
	error_prefix(error, "certificate");
	return -1;
}
