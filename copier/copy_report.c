/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a stand-alone copy tells: a bar on a terminal, lines for people, or one
 * JSON object per line for machines. Server texts and folder names pass
 * through what makes them safe to print.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "copier/altered.h"
#include "copier/copy_private.h"
#include "copier/event.h"
#include "copier/folder_notes.h"
#include "copier/mutf7.h"

#include "lib/figure.h"
#include "lib/hex.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* Events of progress: one in so many ms at most. */
#define REPORT_PAUSE 1000

/* The engine speaks of home and of the other side, this command of source and
 * destination. */
static const char *report_words(const char *text, struct error *words)
{
	static const char *const names[][2] = {
		{ "home: ", "source: " },
		{ "other side: ", "destination: " },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t size = strlen(names[i][0]);

		if (strncmp(text, names[i][0], size) != 0)
			continue;
		error_set(words, "%s%s", names[i][1], text + size);
		return words->text;
	}
	error_set(words, "%s", text);
	return words->text;
}

/* ---- JSON ---- */

static void report_set(json_t *event, const char *name, uint64_t number)
{
	json_object_set_new(event, name, json_integer((json_int_t)number));
}

static json_t *report_new(const char *name)
{
	return json_pack("{s:s}", "event", name);
}

static json_t *report_refusal(const struct pass_refusal *refusal)
{
	struct error words;

	return json_pack("{s:o,s:I,s:o}", "folder", event_text(refusal->folder),
		"uid", (json_int_t)refusal->uid, "words",
		event_text(report_words(refusal->words.text, &words)));
}

static json_t *report_estimates(const struct copy *copy)
{
	json_t *folders = json_array();

	for (size_t i = 0; i < copy->estimates_count; i++) {
		const struct copy_estimate *one = &copy->estimates[i];

		json_array_append_new(
			folders, json_pack("{s:o,s:I,s:I}", "folder",
					 event_text(one->folder), "messages",
					 (json_int_t)one->messages, "bytes",
					 (json_int_t)one->bytes));
	}
	return folders;
}

/* ---- figures for people ---- */

static void report_count(uint64_t count, const char *noun, struct buffer *text)
{
	char figure[FIGURE_SIZE];

	buffer_add_text(text, figure_plural((int64_t)count, noun, figure));
}

static void report_number(uint64_t count, struct buffer *text)
{
	char figure[FIGURE_SIZE];

	buffer_add_text(text, figure_count((int64_t)count, figure));
}

static void report_size(uint64_t bytes, struct buffer *text)
{
	char figure[FIGURE_SIZE];

	buffer_add_text(text, figure_size((int64_t)bytes, figure));
}

static void report_seconds(int64_t ms, struct buffer *text)
{
	int64_t seconds = ms < 1000 ? 1 : (ms + 500) / 1000;

	if (seconds < 60)
		buffer_printf(text, "%" PRId64 " s", seconds);
	else if (seconds < 3600)
		buffer_printf(text, "%" PRId64 " min %" PRId64 " s",
			seconds / 60, seconds % 60);
	else
		buffer_printf(text, "%" PRId64 " h %" PRId64 " min",
			seconds / 3600, seconds / 60 % 60);
}

static void report_add_if(uint64_t count, const char *what, struct buffer *text)
{
	if (count > 0) {
		buffer_add_text(text, ", ");
		report_number(count, text);
		buffer_printf(text, " %s", what);
	}
}

/* ---- the dry run ---- */

static uint64_t report_expected_bytes(const struct copy *copy)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < copy->estimates_count; i++)
		bytes += copy->estimates[i].bytes;
	return bytes;
}

/* So long a copy takes that runs as fast as the servers usually let us: a
 * server writes so many messages and so many octets a second. */
#define REPORT_MESSAGES_A_SECOND 800
#define REPORT_BYTES_A_SECOND	 20000000

static int64_t report_expected_ms(const struct copy *copy)
{
	uint64_t by_count =
		copy->pass.counts.planned * 1000 / REPORT_MESSAGES_A_SECOND;
	uint64_t by_size =
		report_expected_bytes(copy) * 1000 / REPORT_BYTES_A_SECOND;

	return (int64_t)(by_count + by_size);
}

/* The lines of the plan, but for those of single messages, which there may be
 * thousands of: they are counted. */
static void report_plan(const struct copy *copy, size_t *there_r)
{
	const char *line = copy->plan.data != NULL ? copy->plan.data : "";
	size_t size;

	for (*there_r = 0; *line != '\0'; line += size) {
		size = strcspn(line, "\n") + 1;
		if (strncmp(line, "adopt ", 6) == 0)
			(*there_r)++;
		else if (strncmp(line, "flags ", 6) != 0)
			fwrite(line, 1, size, stdout);
	}
}

static void report_dry_run(const struct copy *copy)
{
	struct buffer text = BUFFER_EMPTY;
	size_t there;

	report_plan(copy, &there);
	for (size_t i = 0; i < copy->estimates_count; i++) {
		const struct copy_estimate *one = &copy->estimates[i];
		struct error name;

		mutf7_show(one->folder, &name);
		buffer_printf(&text, "%s: ", name.text);
		report_count(one->messages, "message", &text);
		buffer_add_text(&text, ", ");
		report_size(one->bytes, &text);
		buffer_add_text(&text, "\n");
	}
	report_count(copy->pass.counts.planned, "message", &text);
	buffer_add_text(&text, " would be copied, ");
	report_size(report_expected_bytes(copy), &text);
	if (copy->pass.counts.planned > 0) {
		buffer_add_text(&text, ", in about ");
		report_seconds(report_expected_ms(copy), &text);
	}
	report_add_if(there, "are there already", &text);
	puts(text.data);
	buffer_free(&text);
}

/* ---- what is kept altered ---- */

struct report_digests {
	char sent[2 * JOURNAL_DIGEST + 1], stored[2 * JOURNAL_DIGEST + 1];
};

static struct report_digests report_digests(
	const struct journal_verdict *verdict)
{
	struct report_digests digests;

	hex_print(verdict->digest, JOURNAL_DIGEST, digests.sent);
	hex_print(verdict->stored, JOURNAL_DIGEST, digests.stored);
	return digests;
}

static void report_altered_json(void *context,
	const struct journal_folder *folder,
	const struct journal_verdict *verdict, uint32_t other)
{
	const struct report_digests digests = report_digests(verdict);

	json_array_append_new(context,
		json_pack("{s:o,s:I,s:I,s:s,s:s,s:s}", "folder",
			event_text(folder->name[verdict->from]), "uid",
			(json_int_t)verdict->uid, "other", (json_int_t)other,
			"sha256", digests.sent, "stored_sha256", digests.stored,
			"words",
			altered_risk_words((enum journal_risk)verdict->risk)));
}

static void report_altered_line(void *context,
	const struct journal_folder *folder,
	const struct journal_verdict *verdict, uint32_t other)
{
	const struct report_digests digests = report_digests(verdict);
	struct error name;

	(void)context;
	mutf7_show(folder->name[verdict->from], &name);
	fprintf(stderr,
		"kept altered: %s uid %" PRIu32 ": it has %s; sha256 %s, as "
		"uid %" PRIu32 " sha256 %s\n",
		name.text, verdict->uid,
		altered_risk_words((enum journal_risk)verdict->risk),
		digests.sent, other, digests.stored);
}

static json_t *report_altered(const struct copy *copy)
{
	json_t *list = json_array();

	altered_each(&copy->pass, report_altered_json, list);
	return list;
}

/* ---- the end ---- */

static void report_end_json(struct copy *copy)
{
	const struct pass_counts *counts = &copy->pass.counts;
	json_t *event = report_new("end");
	json_t *refusals = json_array();
	struct buffer identity = BUFFER_EMPTY;

	for (size_t i = 0; i < copy->pass.refusals_count; i++)
		json_array_append_new(
			refusals, report_refusal(&copy->pass.refusals[i]));
	json_object_set_new(event, "complete",
		json_boolean(
			copy_is_complete(copy) &&
			(!copy->options->dry_run || counts->planned == 0)));
	report_set(event, "messages", counts->messages);
	report_set(event, "bytes", counts->bytes);
	report_set(event, "copied", copy->copied);
	report_set(event, "copied_bytes", copy->copied_bytes);
	report_set(event, "adopted", copy->adopted);
	report_set(event, "removed", copy->removed);
	report_set(event, "flags", copy->changed);
	report_set(event, "foreign", counts->foreign);
	report_set(event, "keywords_refused", counts->keywords_refused);
	report_set(event, "uids_changed", counts->uids_changed);
	report_set(event, "duration_ms",
		(uint64_t)(instant_monotonic() - copy->began));
	json_object_set_new(event, "refused", refusals);
	json_object_set_new(event, "altered", report_altered(copy));
	/* a dry run has stored nothing that could be judged */
	buffer_add_text(&identity, "");
	if (!copy->options->dry_run)
		copy_identity_text(copy, &identity);
	json_object_set_new(event, "identity", event_text(identity.data));
	buffer_free(&identity);
	if (copy->options->dry_run) {
		json_object_set_new(event, "plan",
			event_text(copy->plan.data != NULL ? copy->plan.data
							   : ""));
		report_set(event, "planned", counts->planned);
		report_set(event, "planned_bytes", report_expected_bytes(copy));
		report_set(event, "expected_ms",
			(uint64_t)report_expected_ms(copy));
		json_object_set_new(event, "folders", report_estimates(copy));
	}
	event_print(event);
}

static void report_summary(const struct copy *copy)
{
	const struct pass_counts *counts = &copy->pass.counts;
	int64_t ms = instant_monotonic() - copy->began;
	struct buffer text = BUFFER_EMPTY;

	report_count(counts->messages, "message", &text);
	buffer_add_text(&text, " at the destination, ");
	report_size(counts->bytes, &text);
	buffer_add_text(&text, "; copied ");
	report_number(copy->copied, &text);
	if (copy->copied > 0) {
		buffer_add_text(&text, ", ");
		report_size(copy->copied_bytes, &text);
	}
	report_add_if(copy->adopted, "were there already", &text);
	report_add_if(copy->removed, "removed", &text);
	report_add_if(copy->changed, "with new flags", &text);
	report_add_if(counts->foreign, "foreign left alone", &text);
	report_add_if(counts->refused, "refused", &text);
	report_add_if(counts->keywords_refused, "with keywords refused", &text);
	buffer_printf(&text, "; %.1f s", (double)ms / 1000);
	if (copy->copied > 0 && ms > 0) {
		buffer_printf(&text, ", %.0f messages/s, ",
			(double)copy->copied * 1000 / (double)ms);
		report_size(copy->copied_bytes * 1000 / (uint64_t)ms, &text);
		buffer_add_text(&text, "/s");
	}
	puts(text.data);
	buffer_clear(&text);
	if (copy->pass.identity != NULL) {
		copy_identity_text(copy, &text);
		fputs(text.data, stdout);
	}
	buffer_free(&text);
}

static json_t *report_note(const struct folder_note *note)
{
	json_t *object = json_pack("{s:s,s:o,s:o}", "kind",
		folder_note_kind_name(note->kind), "folder",
		event_text(note->folder), "words", event_text(note->text));

	if (note->destination != NULL)
		json_object_set_new(
			object, "destination", event_text(note->destination));
	if (note->count > 0)
		report_set(object, "count", note->count);
	return object;
}

void copy_tell_notes(struct copy *copy)
{
	const struct folder_notes *notes = copy->pass.notes;

	for (size_t i = 0; i < folder_notes_count(notes); i++) {
		const struct folder_note *note = folder_notes_at(notes, i);
		char *line;

		if (copy->options->json) {
			json_t *event = report_note(note);

			json_object_set_new(
				event, "event", json_string("note"));
			event_print(event);
			continue;
		}
		line = folder_note_line(note);
		fprintf(stderr, "%s\n", line);
		free(line);
	}
}

void copy_tell_end(struct copy *copy)
{
	progress_end(&copy->progress);
	if (!copy->options->json)
		altered_each(&copy->pass, report_altered_line, NULL);
	if (copy->options->json)
		report_end_json(copy);
	else if (copy->options->dry_run)
		report_dry_run(copy);
	else if (!copy->options->quiet)
		report_summary(copy);
}

/* ---- on the way ---- */

void copy_tell_start(struct copy *copy)
{
	json_t *event;

	if (!copy->options->json) {
		if (!copy->options->quiet && !copy->options->dry_run)
			progress_begin(&copy->progress);
		return;
	}
	event = report_new("start");
	json_object_set_new(event, "source", event_text(copy->source.label));
	json_object_set_new(
		event, "destination", event_text(copy->destination.label));
	json_object_set_new(
		event, "dry_run", json_boolean(copy->options->dry_run));
	event_print(event);
}

static void report_progress(
	struct copy *copy, const struct pass *pass, const char *folder)
{
	const struct pass_counts *counts = &pass->counts;
	int64_t now = instant_monotonic();
	json_t *event;

	if (copy->folder == NULL || strcmp(copy->folder, folder) != 0) {
		free(copy->folder);
		copy->folder = xstrdup(folder);
		event = report_new("folder");
		json_object_set_new(event, "folder", event_text(folder));
		event_print(event);
	}
	if (now - copy->told < REPORT_PAUSE)
		return;
	copy->told = now;
	event = report_new("progress");
	json_object_set_new(event, "folder", event_text(folder));
	report_set(event, "messages_done", counts->copied);
	report_set(event, "messages_total", counts->planned);
	report_set(event, "bytes_done", counts->copied_bytes);
	report_set(event, "elapsed_ms", (uint64_t)(now - copy->began));
	event_print(event);
}

void copy_tell_progress(
	struct copy *copy, const struct pass *pass, const char *folder)
{
	pthread_mutex_lock(&copy->telling);
	if (copy->options->json)
		report_progress(copy, pass, folder);
	else
		progress_draw(&copy->progress, folder, pass->counts.copied,
			pass->counts.planned, pass->counts.copied_bytes);
	pthread_mutex_unlock(&copy->telling);
}

void copy_tell_refused(struct copy *copy)
{
	progress_end(&copy->progress);
	for (size_t i = 0; i < copy->pass.refusals_count; i++) {
		const struct pass_refusal *refusal = &copy->pass.refusals[i];
		struct error folder, words;

		if (copy->options->json) {
			json_t *event = report_refusal(refusal);

			json_object_set_new(
				event, "event", json_string("refused"));
			event_print(event);
			continue;
		}
		mutf7_show(refusal->folder, &folder);
		report_words(refusal->words.text, &words);
		if (refusal->uid != 0)
			fprintf(stderr, "refused: %s uid %" PRIu32 ": %s\n",
				folder.text, refusal->uid, words.text);
		else
			fprintf(stderr, "refused: folder %s: %s\n", folder.text,
				words.text);
	}
}

void copy_tell_reconnect(struct copy *copy, const char *why, int64_t ms)
{
	struct error words;

	why = report_words(why, &words);
	progress_end(&copy->progress);
	if (copy->options->json) {
		json_t *event = report_new("reconnect");

		json_object_set_new(event, "why", event_text(why));
		report_set(event, "pause_ms", (uint64_t)ms);
		event_print(event);
	} else if (!copy->options->quiet) {
		fprintf(stderr, "%s; going on in %.1f s\n", why,
			(double)ms / 1000);
	}
}

/* What a run that failed has done, and how it is gone on with. */
static void report_so_far(const struct copy *copy)
{
	struct buffer text = BUFFER_EMPTY;

	if (copy->copied == 0)
		return;
	report_count(copy->copied, "message", &text);
	buffer_add_text(&text, ", ");
	report_size(copy->copied_bytes, &text);
	fprintf(stderr,
		"rehome copy: %s %s been copied; the same command goes on from "
		"there\n",
		text.data, copy->copied == 1 ? "has" : "have");
	buffer_free(&text);
}

int copy_fail(struct copy *copy, int code, const char *text)
{
	struct error words;

	text = report_words(text, &words);
	progress_end(&copy->progress);
	if (copy->options->json) {
		json_t *event = report_new("end");

		json_object_set_new(event, "complete", json_false());
		json_object_set_new(event, "error", event_text(text));
		report_set(event, "copied", copy->copied);
		report_set(event, "copied_bytes", copy->copied_bytes);
		event_print(event);
	}
	fprintf(stderr, "rehome copy: %s\n", text);
	report_so_far(copy);
	return code;
}
