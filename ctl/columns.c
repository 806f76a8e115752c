/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables for the eye, see columns.h. */
#include "config.h"

#include <stdlib.h>

#include "ctl/columns.h"
#include "ctl/text.h"
#include "lib/xalloc.h"

#define COLUMNS_GAP 2

struct columns {
	const struct column *specification;
	size_t count;
	size_t widths[COLUMNS_MAX];
	char **cells; /* rows * count */
	size_t rows, room;
	bool titled;
};

struct columns *columns_new(const struct column *specification, size_t count)
{
	struct columns *columns = xcalloc(1, sizeof(*columns));

	if (count > COLUMNS_MAX)
		abort();
	columns->specification = specification;
	columns->count = count;
	for (size_t i = 0; i < count; i++)
		columns->widths[i] = text_width(specification[i].title);
	return columns;
}

static void columns_clear(struct columns *columns)
{
	for (size_t i = 0; i < columns->rows * columns->count; i++)
		free(columns->cells[i]);
	columns->rows = 0;
}

void columns_free(struct columns **columns)
{
	if (*columns == NULL)
		return;
	columns_clear(*columns);
	free((*columns)->cells);
	free(*columns);
	*columns = NULL;
}

void columns_add(struct columns *columns, const char *const cells[])
{
	char **row;

	if (columns->rows == columns->room) {
		columns->room = columns->room == 0 ? 64 : columns->room * 2;
		columns->cells = xreallocarray(columns->cells,
			columns->room * columns->count,
			sizeof(*columns->cells));
	}
	row = columns->cells + columns->rows * columns->count;
	for (size_t i = 0; i < columns->count; i++) {
		size_t width;

		row[i] = xstrdup(cells[i] == NULL ? "" : cells[i]);
		width = text_width(row[i]);
		if (width > columns->widths[i])
			columns->widths[i] = width;
	}
	columns->rows++;
}

size_t columns_rows(const struct columns *columns)
{
	return columns->rows;
}

/* The widths that fit into a line of that many columns. */
static void columns_fit(const struct columns *columns, size_t line,
	size_t widths_r[COLUMNS_MAX])
{
	size_t whole = 0;

	for (size_t i = 0; i < columns->count; i++) {
		widths_r[i] = columns->widths[i];
		whole += widths_r[i] + (i > 0 ? COLUMNS_GAP : 0);
	}
	if (line == 0)
		return;
	for (size_t i = columns->count; i-- > 0 && whole > line;) {
		size_t least = columns->specification[i].at_least;
		size_t cut = whole - line;

		if (least == 0 || widths_r[i] <= least)
			continue;
		if (cut > widths_r[i] - least)
			cut = widths_r[i] - least;
		widths_r[i] -= cut;
		whole -= cut;
	}
}

static void columns_print_row(const struct columns *columns,
	const char *const *cells, const size_t widths[COLUMNS_MAX], FILE *out)
{
	struct buffer line = BUFFER_EMPTY;

	for (size_t i = 0; i < columns->count; i++) {
		if (i > 0)
			buffer_add(&line, "  ", COLUMNS_GAP);
		text_add_fit(&line, cells[i], widths[i],
			columns->specification[i].right);
	}
	while (line.size > 0 && line.data[line.size - 1] == ' ')
		line.size--;
	fwrite(line.data, 1, line.size, out);
	putc('\n', out);
	buffer_free(&line);
}

void columns_flush(struct columns *columns, size_t width, FILE *out)
{
	size_t widths[COLUMNS_MAX];

	columns_fit(columns, width, widths);
	if (!columns->titled && columns->rows > 0) {
		const char *titles[COLUMNS_MAX];

		for (size_t i = 0; i < columns->count; i++)
			titles[i] = columns->specification[i].title;
		columns_print_row(columns, titles, widths, out);
		columns->titled = true;
	}
	for (size_t row = 0; row < columns->rows; row++)
		columns_print_row(columns,
			(const char *const *)columns->cells +
				row * columns->count,
			widths, out);
	columns_clear(columns);
}
