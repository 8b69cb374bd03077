#include "daemon/ladder_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/plain_text.h"

const struct ladder_style *ladder_style_of(const struct ladder_paper *paper)
{
	static const struct ladder_style colours = {"\033[1m", "\033[2m", "\033[36m", "\033[1;31m",
						    "\033[0m"};
	static const struct ladder_style no_colours = {"", "", "", "", ""};
	return paper->is_plain || paper->is_colourless ? &no_colours : &colours;
}

unsigned ladder_text_put(struct buffer *out, const char *text, unsigned width, bool is_plain)
{
	unsigned count = 0;
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		bool is_continuation = (byte & 0xc0) == 0x80;
		if (!is_continuation && count++ == width)
			return width;
		bool is_shown = byte >= 0x80 ? !is_plain : byte >= ' ' && byte < 0x7f;
		if (is_shown)
			buffer_put(out, text, 1);
		else if (!is_continuation)
			buffer_put(out, "?", 1);
	}
	return count;
}

void ladder_text_put_count(struct buffer *out, int64_t count)
{
	if (count >= 10000000)
		plain_text_put(out, "%7" PRId64 "M", count / 1000000);
	else if (count >= 1000000)
		plain_text_put(out, "%7" PRId64 "k", count / 1000);
	else if (count >= 1000)
		plain_text_put(out, "%4" PRId64 ",%03" PRId64, count / 1000, count % 1000);
	else
		plain_text_put(out, "%8" PRId64, count);
}

void ladder_text_put_cost(struct buffer *out, int64_t spend_micros, int64_t count)
{
	if (count <= 0 || spend_micros <= 0) {
		plain_text_put(out, "%7s", "-");
		return;
	}
	int64_t cents = (spend_micros / count + 5000) / 10000;
	if (cents < 1000000)
		plain_text_put(out, "%4" PRId64 ".%02" PRId64, cents / 100, cents % 100);
	else
		plain_text_put(out, "%7" PRId64, cents / 100 <= 9999999 ? cents / 100 : 9999999);
}

int64_t ladder_text_share(int64_t reached, int64_t of)
{
	return of > 0 ? (reached * 1000 + of / 2) / of : -1;
}

void ladder_text_format_share(char text[8], int64_t permille)
{
	unsigned tenths = (unsigned)(permille < 0 ? 0 : permille < 9990 ? permille : 9990);
	if (permille < 0)
		snprintf(text, 8, "-");
	else if (tenths < 100)
		snprintf(text, 8, "%u.%u%%", tenths / 10 % 10, tenths % 10);
	else
		snprintf(text, 8, "%u%%", (tenths + 5) / 10 % 1000);
}
