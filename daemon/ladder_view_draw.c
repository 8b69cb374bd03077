#include <inttypes.h>
#include <stdio.h>

#include "core/base/rfc3339.h"
#include "daemon/ladder_text.h"
#include "daemon/ladder_view_private.h"
#include "daemon/plain_text.h"

/* A band is a row of ladders side by side:
 *
 *   label 13 | cell 32: count 8, bar 7, rate 4, cost 7, mark 1, a space between each and at the end | ... */
enum { LABEL_WIDTH = 13, CELL_WIDTH = 32, NAME_WIDTH = 30, BAR_WIDTH = 7 };
enum { BAND_HEIGHT = LADDER_RUNG_COUNT + 1, HEAD_HEIGHT = 2, FOOT_HEIGHT = 1 };

struct sheet {
	const struct ladder_view *view;
	const struct ladder_paper *paper;
	const struct ladder_style *style;
	struct buffer *out;
};

/* ---- Pieces ---- */

static void put_line(struct sheet *sheet, const char *style, const char *text)
{
	plain_text_put(sheet->out, "%s", style);
	ladder_text_put(sheet->out, text, sheet->paper->width, sheet->paper->is_plain);
	plain_text_put(sheet->out, "%s\n", *style ? sheet->style->off : "");
}

/* In eighths of a column, in full ones where there is only ASCII. */
static void put_bar(struct sheet *sheet, int64_t permille)
{
	static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
	int64_t length = (permille < 1000 ? permille : 1000) * BAR_WIDTH * 8 / 1000;
	plain_text_put(sheet->out, "%s", sheet->style->bar);
	for (int i = 0; i < BAR_WIDTH; i++, length -= 8) {
		int64_t filled = length < 0 ? 0 : length > 8 ? 8 : length;
		const char *plain = filled >= 4 ? "#" : ".";
		plain_text_put(sheet->out, "%s", sheet->paper->is_plain ? plain : eighths[filled]);
	}
	plain_text_put(sheet->out, "%s", sheet->style->off);
}

/* ---- Ladders ---- */

static void put_cell(struct sheet *sheet, const struct ladder *ladder, enum ladder_rung rung)
{
	const int64_t *counts = ladder->row.counts;
	bool is_broken = ladder_topmost_broken(ladder) == rung;
	plain_text_put(sheet->out, "%s", is_broken ? sheet->style->alarm : "");
	ladder_text_put_count(sheet->out, counts[rung]);
	plain_text_put(sheet->out, "%s ", is_broken ? sheet->style->off : "");
	char share[8] = "";
	if (rung == LADDER_impression) {
		plain_text_put(sheet->out, "%*s", BAR_WIDTH, "");
	} else {
		int64_t permille = ladder_text_share(counts[rung], counts[ladder_rungs[rung].of]);
		put_bar(sheet, permille);
		ladder_text_format_share(share, permille);
	}
	plain_text_put(sheet->out, " %4s %s", share, sheet->style->dim);
	ladder_text_put_cost(sheet->out, ladder->row.spend_micros, counts[rung]);
	plain_text_put(sheet->out, "%s", sheet->style->off);
	const char *mark = sheet->paper->is_plain ? "<" : "◀";
	if (is_broken)
		plain_text_put(sheet->out, " %s%s%s ", sheet->style->alarm, mark, sheet->style->off);
	else
		plain_text_put(sheet->out, "   ");
}

static void put_names(struct sheet *sheet, size_t first, size_t end)
{
	plain_text_put(sheet->out, "%*s%s", LABEL_WIDTH, "", sheet->style->bold);
	for (size_t i = first; i < end; i++) {
		plain_text_put(sheet->out, "  ");
		unsigned width = ladder_text_put(sheet->out, sheet->view->ladders[i].row.name, NAME_WIDTH - 1,
					  sheet->paper->is_plain);
		plain_text_put(sheet->out, "%*s", (int)(CELL_WIDTH - 2 - width), "");
	}
	plain_text_put(sheet->out, "%s\n", sheet->style->off);
}

static void put_band(struct sheet *sheet, size_t first, size_t end)
{
	put_names(sheet, first, end);
	for (unsigned rung = 0; rung < LADDER_RUNG_COUNT; rung++) {
		plain_text_put(sheet->out, "%-*s", LABEL_WIDTH, ladder_rungs[rung].word);
		for (size_t i = first; i < end; i++)
			put_cell(sheet, &sheet->view->ladders[i], rung);
		plain_text_put(sheet->out, "\n");
	}
}

/* ---- Around them ---- */

static void put_legend(struct sheet *sheet)
{
	char line[256], to[TIME_TEXT_BYTES];
	const struct ladder_view *view = sheet->view;
	if (!view->count) {
		put_line(sheet, sheet->style->dim, "no rows yet");
		return;
	}
	int64_t to_ms = 0;
	for (size_t i = 0; i < view->count; i++)
		if (view->ladders[i].row.to_ms > to_ms)
			to_ms = view->ladders[i].row.to_ms;
	time_format_rfc3339(to_ms, to);
	snprintf(line, sizeof line,
		 "%s to %.16sZ, %s: count, share of the rung above (*), cost in %s",
		 view->options.window, to, view->options.basis, view->ladders[0].row.currency);
	put_line(sheet, sheet->style->dim, line);
}

static void put_note(struct sheet *sheet, const struct ladder *ladder, enum ladder_rung rung)
{
	char line[512], now[8], before[8];
	enum ladder_rung of = ladder_rungs[rung].of;
	ladder_text_format_share(now, ladder_text_share(ladder->row.counts[rung], ladder->row.counts[of]));
	ladder_text_format_share(before,
				 ladder_text_share(ladder->before[rung].reached, ladder->before[rung].of));
	snprintf(line, sizeof line, "%s breaks at %s: %s of %s, before %s. Look at %s", ladder->row.name,
		 ladder_rungs[rung].word, now, ladder_rungs[of].field, before, ladder_rungs[rung].cause);
	put_line(sheet, sheet->style->alarm, line);
}

static size_t broken_count(const struct ladder_view *view)
{
	size_t count = 0;
	for (size_t i = 0; i < view->count; i++)
		count += ladder_topmost_broken(&view->ladders[i]) != LADDER_RUNG_COUNT;
	return count;
}

static void put_notes(struct sheet *sheet, size_t room)
{
	const struct ladder_view *view = sheet->view;
	for (size_t i = 0; i < view->count && room; i++) {
		enum ladder_rung rung = ladder_topmost_broken(&view->ladders[i]);
		if (rung == LADDER_RUNG_COUNT)
			continue;
		put_note(sheet, &view->ladders[i], rung);
		room--;
	}
}

/* How many bands there is room for: at least one. The lines below them are for notes. */
static size_t bands_that_fit(const struct ladder_paper *paper, size_t band_count)
{
	size_t around = HEAD_HEIGHT + FOOT_HEIGHT;
	if (!paper->height)
		return band_count;
	size_t fit = paper->height > around + BAND_HEIGHT ? (paper->height - around) / BAND_HEIGHT : 1;
	return fit < band_count ? fit : band_count;
}

static void put_foot(struct sheet *sheet, size_t shown_count)
{
	char line[160];
	snprintf(line, sizeof line,
		 "(*) qualified of conversations, customer of handoffs. %zu of %zu shown, %zu broken",
		 shown_count, sheet->view->count, broken_count(sheet->view));
	put_line(sheet, sheet->style->dim, line);
}

/* Where there is no room for both, what is broken takes the place of the foot. */
void ladder_view_draw(const struct ladder_view *view, const struct ladder_paper *paper, const char *title,
		      struct buffer *out)
{
	struct sheet sheet = {view, paper, ladder_style_of(paper), out};
	put_line(&sheet, sheet.style->bold, title);
	put_legend(&sheet);
	CHECK(paper->width >= LABEL_WIDTH + CELL_WIDTH);
	size_t across = (paper->width - LABEL_WIDTH) / CELL_WIDTH;
	size_t band_count = (view->count + across - 1) / across;
	size_t shown = bands_that_fit(paper, band_count);
	for (size_t i = 0; i < shown; i++) {
		size_t end = (i + 1) * across < view->count ? (i + 1) * across : view->count;
		put_band(&sheet, i * across, end);
	}
	size_t used = HEAD_HEIGHT + shown * BAND_HEIGHT + FOOT_HEIGHT;
	size_t room = !paper->height ? view->count : paper->height > used ? paper->height - used : 0;
	if (!room && broken_count(view))
		room = 1;
	else
		put_foot(&sheet, shown * across < view->count ? shown * across : view->count);
	put_notes(&sheet, room);
}
