#include "core/base/rfc3339.h"

#include "core/base/civil.h"
#include "core/base/decimal.h"

enum {
	SECOND_MS = 1000,
	DAY_MINUTES = 1440,
	DAY_MS = 86400000,
	MILLISECOND_DIGITS = 12, /* an integer with as many or more is in milliseconds */
	TIME_DIGITS_MAX = 15,    /* of TIME_MAX_MS */
	SHORTEST_LEN = 20,       /* 2026-01-01T00:00:00Z */
	SECONDS_END = 19,
};

static bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* Clears *is_number where one is no digit. */
static unsigned parse_pair(const char *p, bool *is_number)
{
	*is_number = *is_number && is_digit(p[0]) && is_digit(p[1]);
	return (unsigned char)(p[0] - '0') * 10u + (unsigned char)(p[1] - '0');
}

static bool parse_integer(struct slice text, int64_t *time_ms)
{
	const char *p = text.data;
	const char *end = p + text.len;
	while (p < end && *p == '0')
		p++;
	size_t digit_count = (size_t)(end - p);
	if (digit_count > TIME_DIGITS_MAX)
		return false;
	int64_t value = 0;
	for (; p < end; p++) {
		if (!is_digit(*p))
			return false;
		value = value * 10 + (*p - '0');
	}
	*time_ms = digit_count >= MILLISECOND_DIGITS ? value : value * SECOND_MS;
	return *time_ms <= TIME_MAX_MS;
}

/* Eight bytes at once: digits where `form` has zeros, and else the same, of which `others` are the bits. The
 * number of two digits then stands in the byte of the first. */
static bool parse_form(const char *p, const char *form, uint64_t others, uint64_t *numbers)
{
	const uint64_t ones = UINT64_MAX / 255;
	uint64_t digits = load_bytes(p, 8) ^ load_bytes(form, 8);
	uint64_t sums = digits + ones * (0x80 - 10) + (others & ones * 9);
	*numbers = digits * 10 + (digits >> 8);
	return ((sums | digits) & ones * 0x80) == 0;
}

static unsigned byte_at(uint64_t numbers, unsigned place)
{
	return numbers >> 8 * place & 0xFF;
}

static bool parse_date(const char *p, int64_t *days)
{
	uint64_t numbers;
	bool is_date = parse_form(p, "0000-00-", UINT64_C(0xFF0000FF00000000), &numbers);
	unsigned year = byte_at(numbers, 0) * 100 + byte_at(numbers, 2);
	unsigned month = byte_at(numbers, 5);
	unsigned day = parse_pair(p + 8, &is_date);
	if (!is_date || month < 1 || month > 12)
		return false;
	*days = civil_to_days(year, month, day);
	return day >= 1 && day <= civil_month_days(year, month);
}

static bool parse_clock(const char *p, int64_t *time_ms)
{
	uint64_t numbers;
	bool is_clock = parse_form(p, "00:00:00", UINT64_C(0x0000FF0000FF0000), &numbers);
	unsigned hour = byte_at(numbers, 0), minute = byte_at(numbers, 3), second = byte_at(numbers, 6);
	*time_ms = (int64_t)((hour * 60 + minute) * 60 + second) * SECOND_MS;
	return is_clock && hour < 24 && minute < 60 && second < 60;
}

/* The bytes of a fraction with its point, 0 if there is none. */
static size_t parse_fraction(struct slice text, int64_t *fraction_ms)
{
	*fraction_ms = 0;
	if (text.len < 2 || text.data[0] != '.' || !is_digit(text.data[1]))
		return 0;
	unsigned unit_ms = SECOND_MS / 10;
	size_t len = 1;
	for (; len < text.len && is_digit(text.data[len]); len++, unit_ms /= 10)
		*fraction_ms += (unsigned)(text.data[len] - '0') * unit_ms;
	return len;
}

static bool parse_offset(struct slice text, int64_t *offset_minutes)
{
	*offset_minutes = 0;
	if (text.len == 1)
		return text.data[0] == 'Z' || text.data[0] == 'z';
	bool is_offset = text.len == 6 && (text.data[0] == '+' || text.data[0] == '-') && text.data[3] == ':';
	if (!is_offset)
		return false;
	unsigned hours = parse_pair(text.data + 1, &is_offset);
	unsigned minutes = parse_pair(text.data + 4, &is_offset);
	*offset_minutes = (int64_t)(hours * 60 + minutes) * (text.data[0] == '-' ? -1 : 1);
	return is_offset && hours < 24 && minutes < 60;
}

static bool parse_rfc3339(struct slice text, int64_t *time_ms)
{
	int64_t days, clock_ms, fraction_ms, offset_minutes;
	char between = text.data[10];
	if (between != 'T' && between != 't' && between != ' ')
		return false;
	if (!parse_date(text.data, &days) || !parse_clock(text.data + 11, &clock_ms))
		return false;
	struct slice rest = {text.data + SECONDS_END, text.len - SECONDS_END};
	size_t fraction_len = parse_fraction(rest, &fraction_ms);
	if (!parse_offset((struct slice){rest.data + fraction_len, rest.len - fraction_len}, &offset_minutes))
		return false;
	*time_ms = days * DAY_MS + clock_ms + fraction_ms - offset_minutes * (DAY_MS / DAY_MINUTES);
	return *time_ms >= 0 && *time_ms <= TIME_MAX_MS;
}

bool time_parse(struct slice text, int64_t *time_ms)
{
	if (text.len >= SHORTEST_LEN && text.data[4] == '-')
		return parse_rfc3339(text, time_ms);
	return text.len > 0 && parse_integer(text, time_ms);
}

static char *put_pair(char *p, uint64_t value, char behind)
{
	decimal_put_pair(value, p);
	p[2] = behind;
	return p + 3;
}

static char *put_date(char *p, int64_t days)
{
	int64_t year;
	unsigned month, day;
	civil_from_days(days, &year, &month, &day);
	if (year < 0)
		*p++ = '-';
	p += decimal_put_digits((uint64_t)(year < 0 ? -year : year), 4, p);
	*p++ = '-';
	p = put_pair(p, month, '-');
	return put_pair(p, day, 'T');
}

size_t time_format_rfc3339(int64_t time_ms, char out[TIME_TEXT_BYTES])
{
	int64_t days = civil_floor(time_ms, DAY_MS);
	int64_t rest_ms = time_ms % DAY_MS;
	uint64_t day_ms = (uint64_t)(rest_ms < 0 ? rest_ms + DAY_MS : rest_ms);
	uint64_t day_seconds = day_ms / SECOND_MS;
	char *p = put_date(out, days);
	p = put_pair(p, day_seconds / 3600, ':');
	p = put_pair(p, day_seconds / 60 % 60, ':');
	p = put_pair(p, day_seconds % 60, '.');
	if (day_ms % SECOND_MS)
		p += decimal_put_digits(day_ms % SECOND_MS, 3, p);
	else
		p--;
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}
