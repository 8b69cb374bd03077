/* Civil: calendar dates of the proleptic Gregorian calendar as days since 1970-01-01.
 * Pure arithmetic, valid for years of either sign; a year is taken to begin in March, so that the
 * leap day is its last. Months are 1..12, days 1..31. */
#ifndef LADDER_BASE_CIVIL_H
#define LADDER_BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CIVIL_CYCLE_YEARS = 400,
	CIVIL_CYCLE_DAYS = 146097,
	CIVIL_EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
};

static inline int64_t civil_floor(int64_t value, int64_t divisor)
{
	return value / divisor - (value % divisor < 0);
}

static inline bool civil_is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline unsigned civil_month_days(int64_t year, unsigned month)
{
	static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && civil_is_leap(year));
}

static inline int64_t civil_to_days(int64_t year, unsigned month, unsigned day)
{
	int64_t march_year = year - (month < 3);
	int64_t cycle = civil_floor(march_year, CIVIL_CYCLE_YEARS);
	unsigned cycle_year = (unsigned)(march_year - cycle * CIVIL_CYCLE_YEARS);
	unsigned march_month = month < 3 ? month + 9 : month - 3;
	unsigned year_day = (153 * march_month + 2) / 5 + day - 1;
	unsigned cycle_day = cycle_year * 365 + cycle_year / 4 - cycle_year / 100 + year_day;
	return cycle * CIVIL_CYCLE_DAYS + cycle_day - CIVIL_EPOCH_DAYS;
}

static inline void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t shifted = days + CIVIL_EPOCH_DAYS;
	int64_t cycle = civil_floor(shifted, CIVIL_CYCLE_DAYS);
	int64_t cycle_day = shifted - cycle * CIVIL_CYCLE_DAYS;
	int64_t leap_days = cycle_day / 1460 - cycle_day / 36524 + cycle_day / 146096;
	int64_t cycle_year = (cycle_day - leap_days) / 365;
	int64_t year_day = cycle_day - (cycle_year * 365 + cycle_year / 4 - cycle_year / 100);
	int64_t march_month = (5 * year_day + 2) / 153;
	*day = (unsigned)(year_day - (153 * march_month + 2) / 5 + 1);
	*month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
	*year = cycle * CIVIL_CYCLE_YEARS + cycle_year + (*month < 3);
}

#endif
