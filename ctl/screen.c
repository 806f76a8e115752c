/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live view, see screen.h. Columns that do not fit are left out, the least
 * needed first; an account that has no round to show has its state in words.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/describe.h"
#include "lib/figure.h"
#include "ctl/screen.h"
#include "ctl/text.h"

#define SCREEN_GAP	2
#define SCREEN_PHASE	9
#define SCREEN_PERCENT	4
#define SCREEN_MESSAGES 17
#define SCREEN_RATE	9
#define SCREEN_LEFT	8
#define SCREEN_ADDRESS	12 /* at least */
#define SCREEN_BAR	8  /* at least */
#define SCREEN_FOLDER	8  /* at least */
#define SCREEN_BAR_MAX	30
#define SCREEN_FRAME	5 /* lines that are no accounts */

#define SCREEN_RED    "\033[31m"
#define SCREEN_GREEN  "\033[32m"
#define SCREEN_YELLOW "\033[33m"
#define SCREEN_BOLD   "\033[1m"
#define SCREEN_PLAIN  "\033[0m"

/* Widths of a row; 0: the column is left out. */
struct screen_widths {
	size_t address, bar, messages, rate, left, folder;
	size_t words; /* all behind the phase */
};

static size_t screen_longest(const struct tracker_item **items, size_t count)
{
	size_t longest = SCREEN_ADDRESS;

	for (size_t i = 0; i < count; i++) {
		size_t width = text_width(items[i]->account.address);

		if (width > longest)
			longest = width;
	}
	return longest;
}

/* Takes a column's room from what is left, if there is enough. */
static size_t screen_take(size_t *left, size_t width)
{
	if (*left < width + SCREEN_GAP)
		return 0;
	*left -= width + SCREEN_GAP;
	return width;
}

static struct screen_widths screen_plan(size_t width, size_t longest)
{
	struct screen_widths widths = { 0 };
	size_t left = width, share;

	/* two fifths for the address, or what it needs */
	widths.address = width * 2 / 5;
	if (widths.address > longest)
		widths.address = longest;
	left -= widths.address;
	if (left < SCREEN_GAP + SCREEN_PHASE)
		return widths;
	left -= SCREEN_GAP + SCREEN_PHASE;
	widths.words = left > SCREEN_GAP ? left - SCREEN_GAP : 0;
	widths.bar = screen_take(&left, SCREEN_BAR + 1 + SCREEN_PERCENT);
	if (widths.bar == 0)
		return widths;
	widths.left = screen_take(&left, SCREEN_LEFT);
	widths.messages = screen_take(&left, SCREEN_MESSAGES);
	widths.rate = screen_take(&left, SCREEN_RATE);
	/* half of the rest for the folder, half for the bar */
	share = left / 2 > SCREEN_FOLDER + SCREEN_GAP ? left / 2 - SCREEN_GAP
						      : SCREEN_FOLDER;
	widths.folder = screen_take(&left, share);
	widths.bar -= 1 + SCREEN_PERCENT;
	widths.bar += left;
	if (widths.bar > SCREEN_BAR_MAX)
		widths.bar = SCREEN_BAR_MAX;
	return widths;
}

static void screen_colour(
	const struct screen_view *view, const char *colour, struct buffer *out)
{
	if (view->colour)
		buffer_add_text(out, colour);
}

static void screen_gap(struct buffer *out)
{
	buffer_add(out, "  ", SCREEN_GAP);
}

static void screen_bar(double fraction, size_t width, struct buffer *out)
{
	size_t inner = width - 2, full;
	double share = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;

	full = (size_t)(share * (double)inner + 0.5);
	buffer_add_text(out, "[");
	for (size_t i = 0; i < inner; i++)
		buffer_add_text(out, i < full ? "=" : i == full ? ">" : " ");
	buffer_add_text(out, "]");
}

static const char *screen_phase_colour(const struct tracker_item *item)
{
	if (item->account.attempts > 0 || item->account.held)
		return SCREEN_RED;
	if (item->account.phase == ACCOUNT_FROZEN)
		return SCREEN_YELLOW;
	if (!account_is_moving(&item->account))
		return SCREEN_GREEN;
	return "";
}

/* A round under way: bar, percent, messages, rate, time left, folder. */
static void screen_round(const struct tracker_item *item,
	const struct screen_widths *widths, struct buffer *out)
{
	double fraction = tracker_fraction(item);
	int64_t left = tracker_left(item);
	char text[2 * FIGURE_SIZE], done[FIGURE_SIZE], total[FIGURE_SIZE];

	screen_gap(out);
	screen_bar(fraction, widths->bar, out);
	snprintf(text, sizeof(text), "%d%%", (int)(fraction * 100));
	buffer_add_text(out, " ");
	text_add_fit(out, text, SCREEN_PERCENT, true);
	if (widths->messages > 0) {
		snprintf(text, sizeof(text), "%s/%s",
			figure_count(item->messages_done, done),
			figure_count(item->messages_total, total));
		screen_gap(out);
		text_add_fit(out, text, widths->messages, true);
	}
	if (widths->rate > 0) {
		snprintf(text, sizeof(text), "%s/s",
			figure_size((int64_t)item->bytes_rate, done));
		screen_gap(out);
		text_add_fit(out, item->bytes_rate >= 1 ? text : "",
			widths->rate, true);
	}
	if (widths->left > 0) {
		screen_gap(out);
		text_add_fit(out, left >= 0 ? figure_clock(left, text) : "",
			widths->left, true);
	}
	if (widths->folder > 0) {
		screen_gap(out);
		text_add_fit(out, item->folder, widths->folder, false);
	}
}

/* How much of the budget of the freeze is used. */
static void screen_freeze(const struct screen_view *view,
	const struct account *account, const struct screen_widths *widths,
	struct buffer *out)
{
	int64_t ms = view->now - account->frozen_at;
	char now[FIGURE_SIZE], budget[FIGURE_SIZE];
	char text[2 * FIGURE_SIZE + 32];

	if (ms < 0)
		ms = 0;
	snprintf(text, sizeof(text), "out of service for %s of %s",
		figure_duration(ms, now),
		figure_duration(account->freeze_budget, budget));
	screen_gap(out);
	if (widths->bar == 0 || account->freeze_budget <= 0) {
		text_add_fit(out, text, widths->words, false);
		return;
	}
	screen_bar(
		(double)ms / (double)account->freeze_budget, widths->bar, out);
	screen_gap(out);
	text_add_fit(
		out, text, widths->words - widths->bar - SCREEN_GAP, false);
}

static void screen_words(const struct screen_view *view,
	const struct tracker_item *item, const struct screen_widths *widths,
	struct buffer *out)
{
	const struct account *account = &item->account;
	struct buffer words = BUFFER_EMPTY;
	char text[FIGURE_SIZE];

	if (item->removed) {
		buffer_add_text(&words, "removed from the directory");
	} else if (account->attempts > 0 || account->held) {
		describe_note(account, view->now, &words);
	} else {
		describe_state(account, view->now, &words);
		if (account->phase == ACCOUNT_SWEEPING ||
			(account->phase == ACCOUNT_SETTLED &&
				account->flipped_at > account->requested_at))
			buffer_printf(&words, ", was out of service for %s",
				figure_duration(account->freeze_ms, text));
	}
	screen_gap(out);
	text_add_fit(
		out, words.size > 0 ? words.data : "", widths->words, false);
	buffer_free(&words);
}

/* The last word about a round may come when it is over and the account swept:
 * a full bar would say less than words. */
static bool screen_has_round(const struct tracker_item *item)
{
	double fraction = tracker_fraction(item);

	return fraction >= 0 &&
	       (fraction < 1 || item->account.phase == ACCOUNT_COPYING);
}

static void screen_row(const struct screen_view *view,
	const struct tracker_item *item, const struct screen_widths *widths,
	struct buffer *out)
{
	const struct account *account = &item->account;
	text_add_fit(out, account->address, widths->address, false);
	if (view->width > widths->address + SCREEN_GAP + SCREEN_PHASE) {
		screen_gap(out);
		screen_colour(view, screen_phase_colour(item), out);
		text_add_fit(out,
			item->removed ? "removed"
				      : account_phase_name(account->phase),
			SCREEN_PHASE, false);
		screen_colour(view, SCREEN_PLAIN, out);
	}
	if (widths->words == 0)
		return;
	if (account->phase == ACCOUNT_FROZEN && !item->removed)
		screen_freeze(view, account, widths, out);
	else if (widths->bar > 0 && screen_has_round(item))
		screen_round(item, widths, out);
	else
		screen_words(view, item, widths, out);
}

static void screen_titles(const struct screen_view *view,
	const struct screen_widths *widths, struct buffer *out)
{
	struct buffer line = BUFFER_EMPTY;

	text_add_fit(&line, "ADDRESS", widths->address, false);
	screen_gap(&line);
	text_add_fit(&line, "PHASE", SCREEN_PHASE, false);
	if (widths->bar > 0) {
		screen_gap(&line);
		text_add_fit(&line, "ROUND", widths->bar + 1 + SCREEN_PERCENT,
			false);
	}
	if (widths->messages > 0) {
		screen_gap(&line);
		text_add_fit(&line, "MESSAGES", widths->messages, true);
	}
	if (widths->rate > 0) {
		screen_gap(&line);
		text_add_fit(&line, "RATE", widths->rate, true);
	}
	if (widths->left > 0) {
		screen_gap(&line);
		text_add_fit(&line, "LEFT", widths->left, true);
	}
	if (widths->folder > 0) {
		screen_gap(&line);
		text_add_fit(&line, "FOLDER", widths->folder, false);
	}
	screen_colour(view, SCREEN_BOLD, out);
	text_add_fit(out, line.data, view->width, false);
	screen_colour(view, SCREEN_PLAIN, out);
	buffer_add_text(out, "\n");
	buffer_free(&line);
}

static int64_t screen_sum(const struct attr_list *status, const char *home,
	enum account_phase from, enum account_phase to)
{
	int64_t sum = 0;

	for (enum account_phase phase = from; phase <= to; phase++) {
		char name[64];
		int64_t number = 0;

		snprintf(name, sizeof(name), "phase-%s-%s",
			account_phase_name(phase), home);
		attr_list_get_number(status, name, &number, NULL);
		sum += number;
	}
	return sum;
}

static int64_t screen_both(const struct attr_list *status,
	enum account_phase from, enum account_phase to)
{
	return screen_sum(status, account_home_name(ACCOUNT_SOURCE), from, to) +
	       screen_sum(status, account_home_name(ACCOUNT_DESTINATION), from,
		       to);
}

static void screen_totals(const struct attr_list *status, struct buffer *line)
{
	int64_t accounts = 0, held = 0, failing = 0, there;
	char text[FIGURE_SIZE], all[FIGURE_SIZE];

	attr_list_get_number(status, "accounts", &accounts, NULL);
	attr_list_get_number(status, "held", &held, NULL);
	attr_list_get_number(status, "failing", &failing, NULL);
	there = screen_sum(status, account_home_name(ACCOUNT_DESTINATION),
		ACCOUNT_SETTLED, ACCOUNT_RETIRED);
	buffer_printf(line, "%s requested, ",
		figure_count(screen_both(status, ACCOUNT_REQUESTED,
				     ACCOUNT_REQUESTED),
			text));
	buffer_printf(line, "%s moving, ",
		figure_count(
			screen_both(status, ACCOUNT_COPYING, ACCOUNT_SWEEPING),
			text));
	buffer_printf(line, "%s of %s moved", figure_count(there, text),
		figure_count(accounts, all));
	if (accounts > 0)
		buffer_printf(line, " (%d%%)", (int)(there * 100 / accounts));
	if (held > 0)
		buffer_printf(line, ", %s held", figure_count(held, text));
	if (failing > 0)
		buffer_printf(
			line, ", %s failing", figure_count(failing, text));
}

static void screen_head(const struct screen_view *view, struct buffer *out)
{
	struct buffer line = BUFFER_EMPTY;
	char stamp[FIGURE_SIZE];
	const char *clock = strchr(figure_instant(view->now, stamp), ' ');
	size_t size;

	clock = clock != NULL ? clock + 1 : stamp;
	size = text_width(clock);
	if (view->status != NULL)
		screen_totals(view->status, &line);
	else
		buffer_printf(
			&line, "%zu followed", tracker_count(view->tracker));
	screen_colour(view, SCREEN_BOLD, out);
	if (view->width > size + SCREEN_GAP) {
		text_add_fit(
			out, line.data, view->width - size - SCREEN_GAP, false);
		screen_colour(view, SCREEN_PLAIN, out);
		screen_gap(out);
		text_add_fit(out, clock, size, false);
	} else {
		text_add_fit(out, line.data, view->width, false);
		screen_colour(view, SCREEN_PLAIN, out);
	}
	buffer_free(&line);
}

static void screen_foot(
	const struct screen_view *view, size_t hidden, struct buffer *out)
{
	struct buffer line = BUFFER_EMPTY;

	if (view->notice != NULL)
		buffer_printf(&line, "%s   ", view->notice);
	if (hidden > 0)
		buffer_printf(&line, "%zu more below   ", hidden);
	buffer_add_text(&line, view->foot);
	text_add_fit(out, line.data, view->width, false);
	buffer_free(&line);
}

void screen_draw(const struct screen_view *view, struct buffer *out)
{
	const struct tracker_item **items = tracker_sorted(view->tracker);
	size_t count = tracker_count(view->tracker), shown;
	struct screen_widths widths;

	screen_head(view, out);
	if (view->height > SCREEN_FRAME) {
		shown = view->height - SCREEN_FRAME;
		if (shown > count)
			shown = count;
		widths = screen_plan(view->width, screen_longest(items, shown));
		buffer_add_text(out, "\n\n");
		if (count > 0)
			screen_titles(view, &widths, out);
		else
			text_add_fit(
				out, "nothing is moving", view->width, false);
		for (size_t i = 0; i < shown; i++) {
			screen_row(view, items[i], &widths, out);
			buffer_add_text(out, "\n");
		}
		buffer_add_text(out, count > 0 ? "\n" : "\n\n");
		screen_foot(view, count - shown, out);
	}
	free(items);
}
