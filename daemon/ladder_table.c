#include "daemon/ladder_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/plain_text.h"

enum { CELL_WIDTH = 9, NAME_MIN = 20, ALERTS_WIDTH = 7, HEAD_HEIGHT = 3, ALERT_LINES_MAX = 6 };

enum column_kind { SPEND, COUNT, RATE, COST };

static const struct column {
	const char *field;
	const char *heading;
	enum column_kind kind;
	enum ladder_rung rung;
	enum ladder_rung of;
	int weight;
} columns[LADDER_COLUMN_COUNT] = {
#define COLUMN(field, heading, kind, rung, of, weight) \
	{#field, heading, kind, LADDER_##rung, LADDER_##of, weight},
	LADDER_COLUMNS
#undef COLUMN
};

struct ladder_table {
	struct ladder_row *rows; /* sorted */
	size_t row_count;
	struct ladder_alert *alerts;
	size_t alert_count;
	enum ladder_column sort;
	bool is_smallest_first;
	size_t first; /* the row that is shown first */
};

const char *ladder_column_field(enum ladder_column column)
{
	return columns[column].field;
}

enum ladder_column ladder_column_find(const char *field)
{
	enum ladder_column column = 0;
	while (column < LADDER_COLUMN_COUNT && strcmp(columns[column].field, field) != 0)
		column++;
	return column;
}

struct ladder_table *ladder_table_create(void)
{
	struct ladder_table *table = calloc(1, sizeof(*table));
	CHECK(table);
	table->sort = LADDER_COLUMN_spend;
	return table;
}

void ladder_table_destroy(struct ladder_table *table)
{
	if (!table)
		return;
	free(table->rows);
	free(table->alerts);
	free(table);
}

/* ---- Order ---- */

/* What a column is of a row; -1: undefined. */
static double value_of(const struct ladder_row *row, const struct column *column)
{
	double of = (double)row->counts[column->of], count = (double)row->counts[column->rung];
	switch (column->kind) {
	case SPEND:
		return (double)row->spend_micros;
	case COUNT:
		return count;
	case RATE:
		return of > 0 ? count / of : -1;
	case COST:
		break;
	}
	return count > 0 ? (double)row->spend_micros / count : -1;
}

static int compare_rows(const void *left, const void *right, void *ctx)
{
	const struct ladder_table *table = ctx;
	const struct ladder_row *a = left, *b = right;
	double of_a = value_of(a, &columns[table->sort]), of_b = value_of(b, &columns[table->sort]);
	if ((of_a < 0) != (of_b < 0))
		return of_a < 0 ? 1 : -1;
	int order = (of_a < of_b) - (of_a > of_b);
	if (order)
		return table->is_smallest_first ? -order : order;
	order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->id, b->id);
}

static void sort(struct ladder_table *table)
{
	if (table->row_count)
		qsort_r(table->rows, table->row_count, sizeof(*table->rows), compare_rows, table);
}

void ladder_table_sort(struct ladder_table *table, enum ladder_column column, bool is_smallest_first)
{
	table->sort = column;
	table->is_smallest_first = is_smallest_first;
	sort(table);
}

void ladder_table_scroll(struct ladder_table *table, int lines)
{
	int64_t first = (int64_t)table->first + lines;
	int64_t last = table->row_count ? (int64_t)table->row_count - 1 : 0;
	table->first = first < 0 ? 0 : first > last ? (size_t)last : (size_t)first;
}

/* ---- Taking ---- */

/* The next item of a list that has one a line; empty at its end. */
static struct slice next_item(struct slice json, size_t *at)
{
	while (*at < json.len && json.data[*at] != '{')
		(*at)++;
	struct slice rest = {json.data + *at, json.len - *at};
	const char *end = rest.len ? memchr(rest.data, '\n', rest.len) : NULL;
	size_t len = end ? (size_t)(end - rest.data) : rest.len;
	*at += len;
	while (len > 0 && rest.data[len - 1] != '}')
		len--;
	return (struct slice){rest.data, len};
}

static size_t count_items(struct slice json)
{
	size_t at = 0, count = 0;
	while (next_item(json, &at).len)
		count++;
	return count;
}

/* Everything has slid out of it. */
static bool is_empty(const struct ladder_row *row)
{
	int64_t any = row->spend_micros;
	for (size_t i = 0; i < LADDER_RUNG_COUNT; i++)
		any |= row->counts[i];
	return any == 0;
}

void ladder_table_take_rows(struct ladder_table *table, struct slice json)
{
	size_t at = 0;
	free(table->rows);
	table->rows = calloc(count_items(json) + 1, sizeof(*table->rows));
	CHECK(table->rows);
	table->row_count = 0;
	for (struct slice item; (item = next_item(json, &at)).len;) {
		struct ladder_row *row = &table->rows[table->row_count];
		table->row_count += ladder_row_parse(item, row) && !is_empty(row);
	}
	sort(table);
	ladder_table_scroll(table, 0);
}

void ladder_table_take_alerts(struct ladder_table *table, struct slice json)
{
	size_t at = 0;
	free(table->alerts);
	table->alerts = calloc(count_items(json) + 1, sizeof(*table->alerts));
	CHECK(table->alerts);
	table->alert_count = 0;
	for (struct slice item; (item = next_item(json, &at)).len;)
		table->alert_count += ladder_alert_parse(item, &table->alerts[table->alert_count]);
}

/* ---- Drawing ---- */

struct sheet {
	const struct ladder_table *table;
	const struct ladder_paper *paper;
	const struct ladder_style *style;
	struct buffer *out;
	bool is_shown[LADDER_COLUMN_COUNT];
	unsigned name_width;
};

static void put_line(const struct sheet *sheet, const char *look, const char *text)
{
	plain_text_put(sheet->out, "%s", look);
	ladder_text_put(sheet->out, text, sheet->paper->width, sheet->paper->is_plain);
	plain_text_put(sheet->out, "%s\n", *look ? sheet->style->off : "");
}

/* The heaviest that there is room for, the one that is sorted by before all. */
static void choose_columns(struct sheet *sheet)
{
	unsigned room = (sheet->paper->width - NAME_MIN - ALERTS_WIDTH) / CELL_WIDTH;
	sheet->is_shown[sheet->table->sort] = true;
	for (unsigned shown = 1; shown < room && shown < LADDER_COLUMN_COUNT; shown++) {
		enum ladder_column best = LADDER_COLUMN_COUNT;
		for (enum ladder_column i = 0; i < LADDER_COLUMN_COUNT; i++)
			if (!sheet->is_shown[i] && (best == LADDER_COLUMN_COUNT ||
						    columns[i].weight > columns[best].weight))
				best = i;
		sheet->is_shown[best] = true;
	}
	unsigned used = ALERTS_WIDTH;
	for (enum ladder_column i = 0; i < LADDER_COLUMN_COUNT; i++)
		used += sheet->is_shown[i] ? CELL_WIDTH : 0;
	sheet->name_width = sheet->paper->width - used;
	if (sheet->name_width > 2 * NAME_MIN)
		sheet->name_width = 2 * NAME_MIN;
}

/* The column that is sorted by is marked behind its heading. */
static void put_headings(const struct sheet *sheet)
{
	const struct ladder_table *table = sheet->table;
	const char *mark = sheet->paper->is_plain ? (table->is_smallest_first ? "^" : "v")
						  : (table->is_smallest_first ? "▲" : "▼");
	plain_text_put(sheet->out, "%s%*s%*s", sheet->style->bold, (int)sheet->name_width, "", ALERTS_WIDTH,
		       "alerts");
	for (enum ladder_column i = 0; i < LADDER_COLUMN_COUNT; i++) {
		if (!sheet->is_shown[i])
			continue;
		bool is_sort = i == table->sort;
		plain_text_put(sheet->out, "%*s%s", CELL_WIDTH - is_sort, columns[i].heading,
			       is_sort ? mark : "");
	}
	plain_text_put(sheet->out, "%s\n", sheet->style->off);
}

static void put_cell(const struct sheet *sheet, const struct ladder_row *row, const struct column *column)
{
	char share[8];
	switch (column->kind) {
	case COUNT:
		plain_text_put(sheet->out, " ");
		ladder_text_put_count(sheet->out, row->counts[column->rung]);
		break;
	case RATE:
		ladder_text_format_share(share, ladder_text_share(row->counts[column->rung],
								  row->counts[column->of]));
		plain_text_put(sheet->out, "%*s", CELL_WIDTH, share);
		break;
	case SPEND:
	case COST:
		plain_text_put(sheet->out, "  ");
		ladder_text_put_cost(sheet->out, row->spend_micros,
				     column->kind == SPEND ? 1 : row->counts[column->rung]);
		break;
	}
}

static int count_alerts(const struct ladder_table *table, const struct ladder_row *row)
{
	int count = 0;
	for (size_t i = 0; i < table->alert_count; i++)
		count += strcmp(table->alerts[i].level, row->level) == 0 &&
			 strcmp(table->alerts[i].id, row->id) == 0;
	return count;
}

static void put_row(const struct sheet *sheet, const struct ladder_row *row)
{
	int alerts = count_alerts(sheet->table, row);
	plain_text_put(sheet->out, "%s", alerts ? sheet->style->alarm : "");
	unsigned used = ladder_text_put(sheet->out, row->name, sheet->name_width, sheet->paper->is_plain);
	plain_text_put(sheet->out, "%*s", (int)(sheet->name_width - used), "");
	if (alerts)
		plain_text_put(sheet->out, "%*d%s", ALERTS_WIDTH, alerts, sheet->style->off);
	else
		plain_text_put(sheet->out, "%*s", ALERTS_WIDTH, "");
	for (enum ladder_column i = 0; i < LADDER_COLUMN_COUNT; i++)
		if (sheet->is_shown[i])
			put_cell(sheet, row, &columns[i]);
	plain_text_put(sheet->out, "\n");
}

static void put_alerts(const struct sheet *sheet, size_t lines)
{
	const struct ladder_table *table = sheet->table;
	char line[1024];
	for (size_t i = 0; i < lines; i++) {
		const struct ladder_alert *alert = &table->alerts[i];
		if (i + 1 == lines && lines < table->alert_count)
			snprintf(line, sizeof(line), "and %zu more alerts", table->alert_count - i);
		else
			snprintf(line, sizeof(line), "%s%s%s%s%s: %s", alert->name, *alert->level ? " " : "",
				 alert->level, *alert->id ? " " : "", alert->id, alert->summary);
		put_line(sheet, sheet->style->alarm, line);
	}
}

static void put_legend(const struct sheet *sheet, size_t shown)
{
	const struct ladder_table *table = sheet->table;
	char line[256];
	if (table->row_count == 0) {
		put_line(sheet, sheet->style->dim, "no rows yet");
		return;
	}
	snprintf(line, sizeof(line), "%zu to %zu of %zu, by %s, %s first; money in %s", table->first + 1,
		 table->first + shown, table->row_count, ladder_column_field(table->sort),
		 table->is_smallest_first ? "the smallest" : "the greatest", table->rows[0].currency);
	put_line(sheet, sheet->style->dim, line);
}

/* How many lines the alerts get, where there are only so many below the head. */
static size_t alert_lines(const struct ladder_table *table, size_t room)
{
	size_t most = room / 3 < ALERT_LINES_MAX ? room / 3 : ALERT_LINES_MAX;
	return table->alert_count < most ? table->alert_count : most;
}

void ladder_table_draw(struct ladder_table *table, const struct ladder_paper *paper, const char *title,
		       const char *foot, struct buffer *out)
{
	struct sheet sheet = {.table = table, .paper = paper, .style = ladder_style_of(paper), .out = out};
	size_t around = HEAD_HEIGHT + (*foot != '\0');
	size_t room = !paper->height ? SIZE_MAX : paper->height > around ? paper->height - around : 1;
	size_t alerts = paper->height ? alert_lines(table, room) : table->alert_count;
	size_t left = table->row_count - table->first;
	size_t shown = paper->height && left > room - alerts ? room - alerts : left;
	choose_columns(&sheet);
	put_line(&sheet, sheet.style->bold, title);
	put_legend(&sheet, shown);
	put_headings(&sheet);
	for (size_t i = 0; i < shown; i++)
		put_row(&sheet, &table->rows[table->first + i]);
	put_alerts(&sheet, alerts);
	if (*foot)
		put_line(&sheet, sheet.style->dim, foot);
}
