#include "daemon/replay_alerts.h"

#include <stdlib.h>

#include "core/base/civil.h"
#include "core/diagnose/alerts.h"
#include "core/publish/subjects.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define QUIET_MAX_MS (40 * DAY_MS)

struct replay_alerts {
	struct alerts *alerts;
	struct subjects *subjects;
	struct input_activity inputs[EVENT_TYPE_COUNT];
	int64_t now_ms; /* the greatest time of an event; TIME_NONE */
	int64_t due_ms; /* the next minute */
	FILE *file;
};

struct replay_alerts *replay_alerts_create(const struct options *options, const struct merger *merger,
					   FILE *file)
{
	struct replay_alerts *alerts = calloc(1, sizeof(*alerts));
	CHECK(alerts);
	alerts->alerts = alerts_create(options);
	alerts->subjects = subjects_create(merger);
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		alerts->inputs[type].name = slice_from(event_type_name((enum event_type)type));
	alerts->now_ms = TIME_NONE;
	alerts->file = file;
	return alerts;
}

void replay_alerts_destroy(struct replay_alerts *alerts)
{
	if (!alerts)
		return;
	alerts_destroy(alerts->alerts);
	subjects_destroy(alerts->subjects);
	free(alerts);
}

bool replay_alerts_is_due(struct replay_alerts *alerts, int64_t time_ms, int64_t *minute_ms)
{
	if (alerts->now_ms == TIME_NONE)
		alerts->due_ms = (civil_floor(time_ms, MINUTE_MS) + 1) * MINUTE_MS;
	if (time_ms > alerts->now_ms)
		alerts->now_ms = time_ms;
	if (alerts->due_ms > time_ms)
		return false;
	int64_t last_ms = civil_floor(time_ms, MINUTE_MS) * MINUTE_MS;
	*minute_ms = alerts->due_ms;
	alerts->due_ms += MINUTE_MS;
	int64_t busy_minute_ms = 0;
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		if (alerts->inputs[type].minute * MINUTE_MS > busy_minute_ms)
			busy_minute_ms = alerts->inputs[type].minute * MINUTE_MS;
	if (*minute_ms - busy_minute_ms > QUIET_MAX_MS && *minute_ms < last_ms)
		alerts->due_ms = last_ms;
	return true;
}

static void write_transition(void *ctx, const struct alert_message *message)
{
	FILE *file = ctx;
	if (message->saying == ALERT_FIRES_STILL)
		return;
	fwrite(message->value.data, 1, message->value.len, file);
	putc('\n', file);
}

void replay_alerts_evaluate(struct replay_alerts *alerts, int64_t minute_ms)
{
	struct alert_round round = {
		.now_ms = minute_ms,
		.inputs = alerts->inputs,
		.input_count = EVENT_TYPE_COUNT,
		.each = subjects_each,
		.each_ctx = alerts->subjects,
	};
	alerts_evaluate(alerts->alerts, &round, write_transition, alerts->file);
}

void replay_alerts_note(struct replay_alerts *alerts, const struct event *event)
{
	input_activity_note(&alerts->inputs[event->type], alerts->now_ms, 1);
}
