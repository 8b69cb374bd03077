#include "core/model/alert.h"

#define HOUR_MS INT64_C(3600000)

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
