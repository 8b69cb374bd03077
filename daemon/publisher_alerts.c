#include <stdlib.h>

#include "core/base/civil.h"
#include "core/diagnose/alerts.h"
#include "core/publish/subjects.h"
#include "daemon/publisher_private.h"
#include "daemon/alertmanager.h"
#include "daemon/log.h"

enum { ROUND_MS = 60000, TRY_AGAIN_MS = 1000, TURN_RECORDS = 10000 };
enum { BEFORE_MS = 24 * 60 * 60 * 1000 /* so far back it is read what was said before */ };

struct publisher_alerts {
	struct alerts *alerts;
	struct subjects *subjects;
	struct input_activity *inputs; /* in the order of kafka.inputs */
	size_t input_count;
	int64_t due_ms; /* T of the next round; TIME_NONE before the first */
	struct read_back *before; /* NULL: is not being read */
	bool is_before_read;
	int64_t next_try_ms; /* loop time */
	struct buffer waiting; /* key, value, key, value ... that found no room: sent before anything else */
};

void publisher_begin_alerts(struct publisher *publisher)
{
	const struct config_inputs *inputs = &publisher->config->kafka.inputs;
	struct publisher_alerts *alerts = calloc(1, sizeof(*alerts));
	CHECK(alerts);
	alerts->alerts = alerts_create(&publisher->config->options);
	alerts->subjects = subjects_create(publisher->merging.merger);
	alerts->inputs = calloc(inputs->count, sizeof(*alerts->inputs));
	CHECK(alerts->inputs);
	alerts->input_count = inputs->count;
	for (size_t i = 0; i < inputs->count; i++)
		alerts->inputs[i].name = slice_from(inputs->items[i].topic);
	alerts->due_ms = TIME_NONE;
	publisher->merging.alerts = alerts;
}

void publisher_end_alerts(struct publisher *publisher)
{
	struct publisher_alerts *alerts = publisher->merging.alerts;
	if (publisher->alert_shelf)
		alert_shelf_close(publisher->alert_shelf);
	alerts_destroy(alerts->alerts);
	subjects_destroy(alerts->subjects);
	read_back_end(alerts->before);
	free(alerts->inputs);
	buffer_destroy(&alerts->waiting);
	free(alerts);
}

void publisher_note_activity(struct publisher *publisher, size_t input, uint32_t count)
{
	struct publisher_alerts *alerts = publisher->merging.alerts;
	if (input < alerts->input_count && publisher->reading_now_ms != TIME_NONE)
		input_activity_note(&alerts->inputs[input], publisher->reading_now_ms, count);
}

void publisher_note_activity_before(struct publisher *publisher, size_t input,
				    const struct activity_digest *digest)
{
	struct publisher_alerts *alerts = publisher->merging.alerts;
	if (input < alerts->input_count)
		input_activity_add(&alerts->inputs[input], digest);
}

/* ---- What was said before ---- */

/* Without a right to read alerts begin anew. */
static void begin_before(struct publisher *publisher)
{
	struct publisher_alerts *alerts = publisher->merging.alerts;
	struct kafka_error error;
	if (loop_now_ms() < alerts->next_try_ms)
		return;
	alerts->next_try_ms = loop_now_ms() + TRY_AGAIN_MS;
	alerts->before = read_back_begin(&(struct read_back_options){
		.connection = publisher->connection,
		.group = publisher->config->kafka.group,
		.topic = publisher->config->kafka.outputs.alerts,
		.partition_count = publisher->partition_counts[TOPIC_ALERTS],
		.since_ms = (int64_t)(wall_micros() / 1000) - BEFORE_MS,
	}, &error);
	if (alerts->before)
		return;
	log_warn("alerts that were said before cannot be read back", "why=%s", log_quoted(error.text).text);
	alerts->is_before_read = error.fault != KAFKA_FAULT_RETRY;
}

static void take_before(void *ctx, const struct kafka_record *record)
{
	struct publisher *publisher = ctx;
	alerts_recall(publisher->merging.alerts->alerts, record->value);
}

/* Whether it is done. */
static bool read_before(struct publisher *publisher)
{
	struct publisher_alerts *alerts = publisher->merging.alerts;
	if (!alerts->is_before_read && !alerts->before)
		begin_before(publisher);
	if (!alerts->before)
		return alerts->is_before_read;
	if (!read_back_turn(alerts->before, TURN_RECORDS, take_before, publisher))
		return false;
	read_back_end(alerts->before);
	alerts->before = NULL;
	alerts->is_before_read = true;
	return true;
}

/* ---- Saying ---- */

static bool send_alert(struct publisher *publisher, struct slice key, struct slice value)
{
	enum kafka_sent sent = kafka_out_send(publisher->out, TOPIC_ALERTS, key, value, NULL, 0, NULL);
	if (sent == KAFKA_SENT_TOO_LARGE)
		log_error("an alert is larger than the brokers take", "key=%.*s", (int)key.len, key.data);
	return sent != KAFKA_SENT_FULL;
}

static bool send_waiting(struct publisher *publisher)
{
	struct buffer *waiting = &publisher->merging.alerts->waiting;
	struct reader reader = reader_of(buffer_slice(waiting));
	while (!reader_at_end(&reader)) {
		struct slice key = reader_text(&reader);
		if (!send_alert(publisher, key, reader_text(&reader)))
			return false;
	}
	waiting->len = 0;
	return true;
}

/* Of an alert that is sent again where some found no room, the last record is the newest. */
static void take_message(void *ctx, const struct alert_message *message)
{
	struct publisher *publisher = ctx;
	struct buffer *waiting = &publisher->merging.alerts->waiting;
	if (message->saying != ALERT_FIRES_STILL)
		log_warn(message->saying == ALERT_FIRES ? "an alert fires" : "an alert is resolved",
			 "alert=%s fingerprint=%.*s", alert_rows[message->alert].name,
			 (int)message->key.len, message->key.data);
	if (publisher->alertmanager)
		alertmanager_put(publisher->alertmanager, message->value);
	if (waiting->len == 0 && send_alert(publisher, message->key, message->value))
		return;
	buffer_put_text(waiting, message->key);
	buffer_put_text(waiting, message->value);
}

static void put_on_shelf(void *ctx, const struct alert_message *message)
{
	alert_shelf_put(ctx, message->value);
}

void publisher_say_alerts(struct publisher *publisher, int64_t now_ms)
{
	struct publisher_alerts *alerts = publisher->merging.alerts;
	if (!read_before(publisher) || now_ms == TIME_NONE || now_ms < alerts->due_ms ||
	    !send_waiting(publisher))
		return;
	alerts->due_ms = (civil_floor(now_ms, ROUND_MS) + 1) * ROUND_MS;
	const struct alert_round round = {
		.now_ms = now_ms,
		.revision_floor = wall_micros(),
		.inputs = alerts->inputs,
		.input_count = alerts->input_count,
		.each = subjects_each,
		.each_ctx = alerts->subjects,
	};
	alerts_evaluate(alerts->alerts, &round, take_message, publisher);
	if (!publisher->alert_shelf)
		return;
	alerts_each(alerts->alerts, put_on_shelf, publisher->alert_shelf);
	alert_shelf_show(publisher->alert_shelf);
}
