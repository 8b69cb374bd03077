#include "core/model/alert.h"

#define HOUR_MS INT64_C(3600000)

enum { MINUTE_MS = 60000, MINUTES_AN_HOUR = 60 };

const struct alert_span_row alert_span_rows[ALERT_SPAN_COUNT] = {
#define SPAN(name, constant, kind, hours, rung) \
	[ALERT_SPAN_##constant] = {name, ALERT_SPAN_KIND_##kind, (hours) * HOUR_MS, RUNG_##rung},
#include "core/model/alerts.def"
};

const struct alert_row alert_rows[ALERT_COUNT] = {
#define ALERT(name, constant, severity, span, rule, numerator, denominator, limit_micros, cause, advice) \
	[ALERT_##constant] = {#name, #severity, ALERT_SPAN_##span, RULE_##rule, NUMBER_##numerator, \
			      NUMBER_##denominator, limit_micros, cause, advice},
#include "core/model/alerts.def"
};

const char *alert_number_name(enum alert_number number)
{
	static const char *const names[NUMBER_COUNT] = {
#define NUMBER(name) #name,
#include "core/model/alerts.def"
	};
	return names[number];
}

void input_activity_note(struct input_activity *activity, int64_t now_ms, uint32_t count)
{
	int64_t minute = now_ms / MINUTE_MS;
	if (minute > activity->minute) {
		int64_t passed = minute - activity->minute;
		for (int64_t i = 0; i < passed && i < ACTIVITY_MINUTES; i++)
			activity->counts[(minute - i) % ACTIVITY_MINUTES] = 0;
		activity->minute = minute;
	}
	activity->counts[activity->minute % ACTIVITY_MINUTES] += count;
}

uint64_t input_activity_count(const struct input_activity *activity)
{
	uint64_t count = 0;
	for (int i = 0; i < ACTIVITY_MINUTES; i++)
		count += activity->counts[i];
	return count;
}

unsigned input_activity_busy_minutes(const struct input_activity *activity)
{
	unsigned busy = 0;
	for (int i = 0; activity->minute > 0 && i < MINUTES_AN_HOUR; i++)
		busy += activity->counts[(activity->minute + ACTIVITY_MINUTES - i) % ACTIVITY_MINUTES] > 0;
	return busy;
}
