/* Ladder text: how names, counts, shares and costs of ladders are written where columns count, and on what.
 * Shared by the ladders side by side (ladder_view.h) and the table (ladder_table.h). Pure functions. */
#ifndef LADDER_DAEMON_LADDER_TEXT_H
#define LADDER_DAEMON_LADDER_TEXT_H

#include "core/base/buffer.h"

struct ladder_paper {
	unsigned width;      /* columns, at least 50 */
	unsigned height;     /* lines; 0: as many as it takes */
	bool is_plain;       /* ASCII only, no colours */
	bool is_colourless;  /* no colours, nor bold or dim letters */
};

/* What switches on a look, and off. */
struct ladder_style {
	const char *bold, *dim, *bar, *alarm, *off;
};
const struct ladder_style *ladder_style_of(const struct ladder_paper *paper);

/* At most `width` characters; returns how many. Control characters, which would move the cursor, become ?. */
unsigned ladder_text_put(struct buffer *out, const char *text, unsigned width, bool is_plain);

/* Eight columns, right-aligned: 123,456; from a million on 1234k, from ten millions on 12M. */
void ladder_text_put_count(struct buffer *out, int64_t count);
/* Seven columns; `-` where there was none, or nothing spent. */
void ladder_text_put_cost(struct buffer *out, int64_t spend_micros, int64_t count);

/* In tenths of a percent; -1 of nothing. */
int64_t ladder_text_share(int64_t reached, int64_t of);
/* At most four columns: 4.4%, 93%, 100%. */
void ladder_text_format_share(char text[8], int64_t permille);

#endif
