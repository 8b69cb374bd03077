#include "core/base/zone.h"

#include <ctype.h>
#include <stdlib.h>

#include "core/base/civil.h"

enum {
	DAY_S = 86400,
	CYCLE_LEAD_YEARS = 2, /* the footer rules before the first cycle begins */
	RULE_YEARS = CYCLE_LEAD_YEARS + CIVIL_CYCLE_YEARS + 2,
	YEAR_MEAN_S = 31556952,
	OFFSET_MAX_S = 26 * 3600,
	HEADER_BYTES = 44,
};

static const int64_t CYCLE_S = (int64_t)CIVIL_CYCLE_DAYS * DAY_S;
static const int64_t TIME_MIN_S = -((int64_t)1 << 60);
static const int64_t TIME_MAX_S = (int64_t)1 << 40;
static const int64_t RULE_FROM_S = -2208988800; /* 1900: no rule is older */

struct shift {
	int64_t at_s;        /* this offset holds from here to the next shift */
	int64_t reached_day; /* the latest local day that had begun before at_s */
	int32_t offset_s;
};

struct zone {
	const struct shift *shifts; /* ascending by at_s; the first one begins before all time */
	size_t shift_count;
	int64_t cycle_s; /* from here on the shifts repeat every CYCLE_S; INT64_MAX: they do not */
};

enum date_form { DATE_WEEKDAY, DATE_JULIAN, DATE_ZERO_BASED };

struct rule_date {
	enum date_form form;
	int month, week, day; /* DATE_WEEKDAY: week 5 is the last; the others use day alone */
	int32_t time_s;       /* local time of day; may lie outside of the day */
};

/* The footer: a POSIX TZ string. */
struct rule {
	bool is_present; /* false: nothing changes after the file's last transition */
	int32_t standard_s, summer_s;
	struct rule_date to_summer, to_standard;
};

struct text {
	const char *at, *end;
};

static bool text_skip(struct text *text, char expected)
{
	bool is_there = text->at < text->end && *text->at == expected;
	text->at += is_there;
	return is_there;
}

static bool text_number(struct text *text, int low, int high, int *number)
{
	const char *start = text->at;
	*number = 0;
	while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && *number <= high)
		*number = *number * 10 + (*text->at++ - '0');
	return text->at > start && *number >= low && *number <= high;
}

static bool text_name(struct text *text)
{
	const char *start = text->at;
	bool is_quoted = text_skip(text, '<');
	while (text->at < text->end && (is_quoted ? *text->at != '>' : isalpha((unsigned char)*text->at)))
		text->at++;
	return is_quoted ? text_skip(text, '>') : text->at - start >= 3;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool text_clock(struct text *text, int hour_max, int32_t *seconds)
{
	bool is_negative = text_skip(text, '-');
	int hour, minute = 0, second = 0;
	if (!is_negative)
		text_skip(text, '+');
	bool is_good = text_number(text, 0, hour_max, &hour) &&
		       (!text_skip(text, ':') || text_number(text, 0, 59, &minute)) &&
		       (!text_skip(text, ':') || text_number(text, 0, 59, &second));
	*seconds = (hour * 3600 + minute * 60 + second) * (is_negative ? -1 : 1);
	return is_good;
}

static bool text_date(struct text *text, struct rule_date *date)
{
	bool is_good;
	if (text_skip(text, 'M')) {
		date->form = DATE_WEEKDAY;
		is_good = text_number(text, 1, 12, &date->month) && text_skip(text, '.') &&
			  text_number(text, 1, 5, &date->week) && text_skip(text, '.') &&
			  text_number(text, 0, 6, &date->day);
	} else if (text_skip(text, 'J')) {
		date->form = DATE_JULIAN;
		is_good = text_number(text, 1, 365, &date->day);
	} else {
		date->form = DATE_ZERO_BASED;
		is_good = text_number(text, 0, 365, &date->day);
	}
	date->time_s = 2 * 3600;
	return is_good && (!text_skip(text, '/') || text_clock(text, 167, &date->time_s));
}

static bool rule_parse(struct slice footer, struct rule *rule)
{
	struct text text = {footer.data, footer.data + footer.len};
	*rule = (struct rule){0};
	if (footer.len == 0)
		return true;
	if (!text_name(&text) || !text_clock(&text, 24, &rule->standard_s))
		return false;
	rule->standard_s = -rule->standard_s;
	if (text.at == text.end)
		return true;
	rule->is_present = true;
	if (!text_name(&text))
		return false;
	rule->summer_s = -(rule->standard_s + 3600);
	if (text.at < text.end && *text.at != ',' && !text_clock(&text, 24, &rule->summer_s))
		return false;
	rule->summer_s = -rule->summer_s;
	return text_skip(&text, ',') && text_date(&text, &rule->to_summer) && text_skip(&text, ',') &&
	       text_date(&text, &rule->to_standard) && text.at == text.end;
}

/* The local second, as if it were UTC, at which a date of the rule falls in this year. */
static int64_t rule_date_s(const struct rule_date *date, int year)
{
	int64_t day = civil_to_days(year, 1, 1);
	if (date->form == DATE_WEEKDAY) {
		int64_t first = civil_to_days(year, date->month, 1);
		int64_t weekday = (first % 7 + 11) % 7; /* 1970-01-01 was a Thursday, 4 */
		day = first + (date->day - weekday + 7) % 7 + 7 * (date->week - 1);
		if (day >= first + civil_month_days(year, date->month))
			day -= 7;
	} else if (date->form == DATE_JULIAN) {
		day += date->day - 1 + (civil_is_leap(year) && date->day >= 60);
	} else {
		day += date->day;
	}
	return day * DAY_S + date->time_s;
}

/* The file's second half, which has 64-bit times. */
struct block {
	size_t time_count, type_count;
	const unsigned char *times, *indexes, *types;
	struct slice footer;
};

static uint64_t big_endian(const unsigned char *bytes, size_t len)
{
	uint64_t value = 0;
	for (size_t i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The data of a header's block: from the header's end, `bytes` long. False if it does not fit. */
static bool header_read(struct slice tzif, size_t time_bytes, struct block *block, size_t *bytes)
{
	if (tzif.len < HEADER_BYTES || memcmp(tzif.data, "TZif", 4) != 0 || tzif.data[4] < '2')
		return false;
	uint32_t count[6]; /* UTC marks, standard marks, leap seconds, times, types, name bytes */
	for (size_t i = 0; i < 6; i++)
		count[i] = (uint32_t)big_endian((const unsigned char *)tzif.data + 20 + 4 * i, 4);
	block->time_count = count[3];
	block->type_count = count[4];
	block->times = (const unsigned char *)tzif.data + HEADER_BYTES;
	*bytes = (size_t)count[3] * (time_bytes + 1) + (size_t)count[4] * 6 + count[5] +
		 (size_t)count[2] * (time_bytes + 4) + count[1] + count[0];
	return count[2] == 0 && count[4] > 0 && *bytes <= tzif.len - HEADER_BYTES;
}

static bool block_read(struct slice tzif, struct block *block)
{
	size_t bytes;
	if (!header_read(tzif, 4, block, &bytes))
		return false;
	tzif = (struct slice){tzif.data + HEADER_BYTES + bytes, tzif.len - HEADER_BYTES - bytes};
	if (!header_read(tzif, 8, block, &bytes))
		return false;
	block->indexes = block->times + 8 * block->time_count;
	block->types = block->indexes + block->time_count;
	const char *footer = tzif.data + HEADER_BYTES + bytes;
	const char *end = tzif.data + tzif.len;
	if (end - footer < 2 || *footer++ != '\n')
		return false;
	const char *stop = memchr(footer, '\n', (size_t)(end - footer));
	block->footer = (struct slice){footer, stop ? (size_t)(stop - footer) : 0};
	return stop != NULL;
}

static bool block_shift(const struct block *block, size_t type, struct shift *shift)
{
	if (type >= block->type_count)
		return false;
	shift->offset_s = (int32_t)(uint32_t)big_endian(block->types + 6 * type, 4);
	return shift->offset_s >= -OFFSET_MAX_S && shift->offset_s <= OFFSET_MAX_S;
}

static bool shifts_from_block(struct shift *shifts, const struct block *block)
{
	shifts[0] = (struct shift){.at_s = INT64_MIN, .reached_day = INT64_MIN};
	if (!block_shift(block, 0, &shifts[0]))
		return false;
	for (size_t i = 0; i < block->time_count; i++) {
		struct shift *shift = &shifts[i + 1];
		shift->at_s = (int64_t)big_endian(block->times + 8 * i, 8);
		if (shift->at_s <= shift[-1].at_s || shift->at_s < TIME_MIN_S || shift->at_s > TIME_MAX_S)
			return false;
		if (!block_shift(block, block->indexes[i], shift))
			return false;
	}
	return true;
}

/* Around new year a rule's changes may come out of order: each goes to its place among the rule's. */
static size_t shift_insert(struct shift *shifts, size_t first, size_t count, struct shift shift)
{
	size_t i = count;
	for (; i > first && shifts[i - 1].at_s > shift.at_s; i--)
		shifts[i] = shifts[i - 1];
	shifts[i] = shift;
	return count + 1;
}

static size_t shifts_from_rule(struct shift *shifts, size_t count, const struct rule *rule, int year)
{
	const size_t first = count;
	const int64_t last_s = shifts[count - 1].at_s;
	for (int end = year + RULE_YEARS; year < end; year++) {
		struct shift change[2] = {
			{.at_s = rule_date_s(&rule->to_summer, year) - rule->standard_s,
			 .offset_s = rule->summer_s},
			{.at_s = rule_date_s(&rule->to_standard, year) - rule->summer_s,
			 .offset_s = rule->standard_s},
		};
		for (size_t i = 0; i < 2; i++)
			if (change[i].at_s > last_s)
				count = shift_insert(shifts, first, count, change[i]);
	}
	return count;
}

static void shifts_note_reached_days(struct shift *shifts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		int64_t day = civil_floor(shifts[i].at_s - 1 + shifts[i - 1].offset_s, DAY_S);
		shifts[i].reached_day = day > shifts[i - 1].reached_day ? day : shifts[i - 1].reached_day;
	}
}

struct zone *zone_create(struct slice tzif)
{
	struct block block;
	struct rule rule;
	if (!block_read(tzif, &block) || !rule_parse(block.footer, &rule))
		return NULL;
	size_t shift_max = 1 + block.time_count + (rule.is_present ? 2 * RULE_YEARS : 0);
	struct zone *zone = malloc(sizeof *zone + shift_max * sizeof *zone->shifts);
	CHECK(zone != NULL);
	struct shift *shifts = (struct shift *)(zone + 1);
	*zone = (struct zone){.shifts = shifts, .shift_count = 1 + block.time_count, .cycle_s = INT64_MAX};
	if (!shifts_from_block(shifts, &block)) {
		free(zone);
		return NULL;
	}
	if (rule.is_present) {
		int64_t last_s = shifts[block.time_count].at_s;
		last_s = last_s > RULE_FROM_S ? last_s : RULE_FROM_S;
		int year = 1970 - 1 + (int)civil_floor(last_s, YEAR_MEAN_S);
		zone->shift_count = shifts_from_rule(shifts, zone->shift_count, &rule, year);
		zone->cycle_s = civil_to_days(year + CYCLE_LEAD_YEARS, 1, 1) * DAY_S;
	}
	shifts_note_reached_days(shifts, zone->shift_count);
	return zone;
}

void zone_destroy(struct zone *zone)
{
	free(zone);
}

const struct zone *zone_utc(void)
{
	static const struct shift shift = {.at_s = INT64_MIN, .reached_day = INT64_MIN};
	static const struct zone utc = {.shifts = &shift, .shift_count = 1, .cycle_s = INT64_MAX};
	return &utc;
}

static int64_t zone_cycles(const struct zone *zone, int64_t at_s)
{
	return at_s < zone->cycle_s ? 0 : (at_s - zone->cycle_s) / CYCLE_S;
}

static const struct shift *zone_shift_at(const struct zone *zone, int64_t at_s)
{
	const struct shift *base = zone->shifts;
	for (size_t count = zone->shift_count; count > 1;) {
		size_t half = count / 2;
		base += base[half].at_s <= at_s ? half : 0;
		count -= half;
	}
	return base;
}

int64_t zone_offset_ms(const struct zone *zone, int64_t utc_ms)
{
	int64_t at_s = civil_floor(utc_ms, 1000);
	at_s -= zone_cycles(zone, at_s) * CYCLE_S;
	return zone_shift_at(zone, at_s)->offset_s * (int64_t)1000;
}

int64_t zone_day_of(const struct zone *zone, int64_t utc_ms)
{
	int64_t at_s = civil_floor(utc_ms, 1000);
	int64_t cycles = zone_cycles(zone, at_s);
	at_s -= cycles * CYCLE_S;
	const struct shift *shift = zone_shift_at(zone, at_s);
	int64_t day = civil_floor(at_s + shift->offset_s, DAY_S);
	return (day > shift->reached_day ? day : shift->reached_day) + cycles * CIVIL_CYCLE_DAYS;
}

static int64_t shift_start_s(const struct shift *shift, int64_t midnight_s)
{
	int64_t start_s = midnight_s - shift->offset_s;
	return start_s > shift->at_s ? start_s : shift->at_s;
}

int64_t zone_day_start_ms(const struct zone *zone, int64_t day)
{
	int64_t cycles = zone_cycles(zone, day * DAY_S);
	int64_t midnight_s = day * DAY_S - cycles * CYCLE_S;
	const struct shift *end = zone->shifts + zone->shift_count;
	const struct shift *shift = zone_shift_at(zone, midnight_s - OFFSET_MAX_S);
	int64_t start_s = shift_start_s(shift, midnight_s);
	while (shift + 1 < end && start_s >= shift[1].at_s)
		start_s = shift_start_s(++shift, midnight_s);
	return (start_s + cycles * CYCLE_S) * 1000;
}
