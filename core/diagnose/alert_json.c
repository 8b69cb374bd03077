#include "core/diagnose/alert_json.h"

#include <math.h>

#include "core/base/json_text.h"

enum { MICRO = 1000000 };

static uint64_t hash_on(uint64_t hash, struct slice bytes)
{
	for (size_t i = 0; i <= bytes.len; i++) {
		hash ^= i < bytes.len ? (unsigned char)bytes.data[i] : 0xff;
		hash *= UINT64_C(1099511628211);
	}
	return hash;
}

static struct slice id_of(const struct alert_text *text)
{
	return text->subject ? text->subject->id : text->input;
}

static const char *level_of(const struct alert_text *text)
{
	return text->subject ? level_name(text->subject->level) : "input";
}

uint64_t alert_fingerprint(const struct alert_text *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	hash = hash_on(hash, slice_from(alert_rows[text->alert].name));
	hash = hash_on(hash, slice_from(level_of(text)));
	return hash_on(hash, id_of(text));
}

void alert_put_key(uint64_t fingerprint, struct buffer *out)
{
	static const char hex[] = "0123456789abcdef";
	for (int shift = 60; shift >= 0; shift -= 4)
		json_put_char(out, hex[fingerprint >> shift & 15]);
}

/* ---- Pieces ---- */

static void put_name(struct buffer *out, const char *name)
{
	json_put_literal(out, ",\"");
	json_put_literal(out, name);
	json_put_literal(out, "\":");
}

static void put_text(struct buffer *out, const char *name, struct slice text)
{
	put_name(out, name);
	json_put_string(out, text);
}

static void put_time(struct buffer *out, const char *name, int64_t time_ms)
{
	put_name(out, name);
	json_put_char(out, '"');
	json_put_time(out, time_ms);
	json_put_char(out, '"');
}

/* As micros, half away from zero; null if it is no number or none that fits. */
static void put_double(struct buffer *out, double micros)
{
	if (isfinite(micros) && fabs(micros) < 9e18)
		json_put_micros(out, llround(micros));
	else
		json_put_literal(out, "null");
}

static void put_measure(struct buffer *out, const char *name, const struct measure *measure, bool is_money)
{
	double scale = is_money ? 1 : MICRO;
	put_name(out, name);
	if (!measure->is_there) {
		json_put_literal(out, "null");
		return;
	}
	json_put_literal(out, "{\"numerator\":");
	if (is_money)
		json_put_micros(out, measure->numerator);
	else
		json_put_integer(out, measure->numerator);
	put_name(out, "denominator");
	json_put_integer(out, measure->denominator);
	put_name(out, "rate");
	put_double(out, measure->rate * scale);
	put_name(out, "low");
	put_double(out, measure->low * scale);
	put_name(out, "high");
	put_double(out, measure->high * scale);
	json_put_char(out, '}');
}

/* ---- Labels ---- */

enum { LABEL_COUNT = 8 };

struct label {
	const char *name;
	struct slice value; /* len 0: there is none */
};

static struct slice parent_id(const struct subject *subject, enum level level)
{
	if (subject && level == subject->level)
		return subject->id;
	bool is_above = subject && level < subject->level && (int)level < PARENT_COUNT;
	return is_above ? subject->parent_ids[level] : (struct slice){NULL, 0};
}

static void make_labels(const struct alert_text *text, struct label labels[LABEL_COUNT])
{
	const struct subject *subject = text->subject;
	const struct label all[LABEL_COUNT] = {
		{"account", parent_id(subject, LEVEL_ACCOUNT)},
		{"ad", parent_id(subject, LEVEL_AD)},
		{"adset", parent_id(subject, LEVEL_ADSET)},
		{"alertname", slice_from(alert_rows[text->alert].name)},
		{"campaign", parent_id(subject, LEVEL_CAMPAIGN)},
		{"id", id_of(text)},
		{"level", slice_from(level_of(text))},
		{"severity", slice_from(alert_rows[text->alert].severity)},
	};
	memcpy(labels, all, sizeof(all));
}

static void put_labels(const struct alert_text *text, struct buffer *out)
{
	struct label labels[LABEL_COUNT];
	make_labels(text, labels);
	json_put_literal(out, "{\"labels\":{");
	bool is_first = true;
	for (int i = 0; i < LABEL_COUNT; i++) {
		if (!labels[i].value.len)
			continue;
		if (!is_first)
			json_put_char(out, ',');
		is_first = false;
		json_put_string(out, slice_from(labels[i].name));
		json_put_char(out, ':');
		json_put_string(out, labels[i].value);
	}
	json_put_char(out, '}');
}

/* ---- Sentences ---- */

static void say_who(const struct alert_text *text, struct buffer *out)
{
	const struct subject *subject = text->subject;
	json_put_literal(out, level_of(text));
	json_put_char(out, ' ');
	struct slice id = id_of(text);
	if (subject && subject->name.len) {
		buffer_put(out, subject->name.data, subject->name.len);
		json_put_literal(out, " (");
		buffer_put(out, id.data, id.len);
		json_put_char(out, ')');
	} else {
		buffer_put(out, id.data, id.len);
	}
}

static void say_value(double value, const struct alert_text *text, struct buffer *out)
{
	bool is_money = text->finding->is_money;
	if (isfinite(value))
		json_put_micros(out, llround(value * (is_money ? 1 : MICRO)));
	else
		json_put_literal(out, "none");
	if (is_money && text->subject) {
		json_put_char(out, ' ');
		buffer_put(out, text->subject->currency.data, text->subject->currency.len);
	}
}

static void say_rate(const struct measure *measure, const struct alert_text *text, struct buffer *out)
{
	say_value(measure->rate, text, out);
}

/* How sure it is: z = 3.29 on both sides. */
static void say_certainty(const struct measure *measure, const struct alert_text *text, struct buffer *out)
{
	if (!isfinite(measure->low) || !isfinite(measure->high))
		return;
	json_put_literal(out, "; 99.9 % sure: from ");
	say_value(measure->low, text, out);
	json_put_literal(out, " to ");
	say_value(measure->high, text, out);
}

static bool has_spend(const struct subject *subject)
{
	return subject && subject->spans[ALERT_SPAN_DAY].is_judged;
}

/* Since when, and what it costs. */
static void say_stakes(const struct alert_text *text, struct buffer *out)
{
	enum { HOURS = 24 };
	json_put_literal(out, "; since ");
	json_put_time(out, text->starts_ms);
	if (!has_spend(text->subject))
		return;
	int64_t spend = text->subject->spans[ALERT_SPAN_DAY].observed[NUMBER_spend];
	json_put_literal(out, "; ");
	json_put_micros(out, (spend + HOURS / 2) / HOURS);
	json_put_char(out, ' ');
	buffer_put(out, text->subject->currency.data, text->subject->currency.len);
	json_put_literal(out, " an hour are spent there");
}

static void say_silence(const struct alert_text *text, struct buffer *out)
{
	json_put_literal(out, "no event for ");
	json_put_integer(out, text->finding->observed.denominator);
	json_put_literal(out, " minutes; in the hour before there was one in ");
	json_put_integer(out, text->finding->baseline.numerator);
	json_put_literal(out, " of 60 minutes");
}

static void say_numbers(const struct alert_text *text, struct buffer *out)
{
	const struct alert_row *row = &alert_rows[text->alert];
	const struct finding *finding = text->finding;
	if (row->rule == RULE_UNANSWERED) {
		json_put_integer(out, finding->observed.denominator);
		json_put_literal(out, " conversations opened since the last message out");
		return;
	}
	json_put_literal(out, alert_number_name(row->numerator));
	json_put_literal(out, " by ");
	json_put_literal(out, alert_number_name(row->denominator));
	json_put_literal(out, ", ");
	json_put_literal(out, alert_span_rows[row->span].name);
	json_put_literal(out, ": ");
	say_rate(&finding->observed, text, out);
	json_put_literal(out, " (");
	if (finding->is_money)
		json_put_micros(out, finding->observed.numerator);
	else
		json_put_integer(out, finding->observed.numerator);
	json_put_literal(out, " by ");
	json_put_integer(out, finding->observed.denominator);
	json_put_char(out, ')');
	say_certainty(&finding->observed, text, out);
	if (!finding->baseline.is_there)
		return;
	json_put_literal(out, row->rule == RULE_UNPROFITABLE ? "; the account's median ad: "
							     : "; in the 7 days before: ");
	say_rate(&finding->baseline, text, out);
}

static void put_annotations(const struct alert_text *text, struct buffer *out)
{
	const struct alert_row *row = &alert_rows[text->alert];
	struct buffer sentence = {0};
	json_put_literal(&sentence, row->name);
	json_put_literal(&sentence, ": ");
	say_who(text, &sentence);
	json_put_literal(out, ",\"annotations\":{\"summary\":");
	json_put_string(out, buffer_slice(&sentence));
	sentence.len = 0;
	if (text->subject)
		say_numbers(text, &sentence);
	else
		say_silence(text, &sentence);
	say_stakes(text, &sentence);
	put_text(out, "description", buffer_slice(&sentence));
	put_text(out, "cause", slice_from(row->cause));
	put_text(out, "advice", slice_from(row->advice));
	json_put_char(out, '}');
	buffer_destroy(&sentence);
}

/* ---- The whole ---- */

static void put_id(struct buffer *out, struct slice id)
{
	for (size_t i = 0; i < id.len; i++) {
		if (id.data[i] == '%')
			json_put_literal(out, "%25");
		else if (id.data[i] == '/')
			json_put_literal(out, "%2F");
		else
			json_put_char(out, id.data[i]);
	}
}

static void put_url(const struct alert_text *text, struct buffer *out)
{
	const struct alert_span_row *span = &alert_span_rows[alert_rows[text->alert].span];
	struct buffer url = {0};
	buffer_put(&url, text->url.data, text->url.len);
	if (text->subject) {
		bool is_window = span->kind == ALERT_SPAN_KIND_WINDOW;
		json_put_literal(&url, is_window ? "#rolling/event/" : "#rolling/cohort/");
		json_put_literal(&url, is_window ? span->name : "28d");
		json_put_char(&url, '/');
		json_put_literal(&url, level_name(text->subject->level));
		json_put_char(&url, '/');
		put_id(&url, text->subject->id);
	}
	put_text(out, "generatorURL", buffer_slice(&url));
	buffer_destroy(&url);
}

void alert_put_json(const struct alert_text *text, struct slice key, struct buffer *out)
{
	const struct subject *subject = text->subject;
	put_labels(text, out);
	put_annotations(text, out);
	put_time(out, "startsAt", text->starts_ms);
	put_time(out, "endsAt", text->ends_ms);
	put_url(text, out);
	put_text(out, "status", slice_from(text->is_resolved ? "resolved" : "firing"));
	put_text(out, "fingerprint", key);
	put_name(out, "revision");
	json_put_integer(out, (int64_t)text->revision);
	put_name(out, "currency");
	if (subject)
		json_put_string(out, subject->currency);
	else
		json_put_literal(out, "null");
	put_measure(out, "observed", &text->finding->observed, text->finding->is_money);
	put_measure(out, "baseline", &text->finding->baseline, text->finding->is_money);
	put_name(out, "spend_at_risk");
	if (has_spend(subject))
		json_put_micros(out, subject->spans[ALERT_SPAN_DAY].observed[NUMBER_spend]);
	else
		json_put_literal(out, "null");
	json_put_char(out, '}');
}
