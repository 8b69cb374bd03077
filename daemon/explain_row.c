#include "daemon/explain_row.h"

#include <inttypes.h>

#include "core/base/json_text.h"
#include "daemon/json_text.h"
#include "daemon/plain_text.h"

static const char *const amount_names[AMOUNT_COUNT] = {
	[AMOUNT_IMPRESSIONS] = "impressions",
	[AMOUNT_CLICKS] = "clicks",
	[AMOUNT_CONVERSATIONS] = "conversations",
	[AMOUNT_SPEND] = "spend",
};

/* ---- In words ---- */

void explain_row_put_counts(const int64_t counts[COUNTER_COUNT], struct buffer *out)
{
	const char *before = "";
	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		if (counts[i] == 0)
			continue;
		plain_text_put(out, "%s%s ", before, counter_rows[i].name);
		if (counter_rows[i].unit == UNIT_MICROS)
			json_put_micros(out, counts[i]);
		else
			json_put_integer(out, counts[i]);
		before = ", ";
	}
	plain_text_put(out, "%s", *before ? "" : "nothing");
}

static void put_span(int64_t from_ms, int64_t to_ms, struct buffer *out)
{
	plain_text_put_time(out, from_ms);
	plain_text_put(out, " to ");
	plain_text_put_time(out, to_ms);
}

static void put_amounts(const int64_t amounts[AMOUNT_COUNT], struct buffer *out)
{
	for (int i = 0; i < AMOUNT_COUNT; i++) {
		plain_text_put(out, "%s%s ", i ? ", " : "", amount_names[i]);
		if (i == AMOUNT_SPEND)
			json_put_micros(out, amounts[i]);
		else
			json_put_integer(out, amounts[i]);
	}
}

static void put_report(const struct row_report *part, struct buffer *out)
{
	const struct report *report = part->report;
	plain_text_put(out, "  report of ");
	plain_text_put_slice(out, part->ad);
	plain_text_put(out, " for ");
	put_span(report->from_ms, report->to_ms, out);
	plain_text_put(out, ", made ");
	plain_text_put_time(out, report->reported_at_ms);
	plain_text_put(out, "\n    ");
	put_amounts(report->amounts, out);
	if (memcmp(report->amounts, part->amounts, sizeof(part->amounts)) == 0) {
		plain_text_put(out, "; all of it in this row\n");
		return;
	}
	plain_text_put(out, "; in this row ");
	put_amounts(part->amounts, out);
	plain_text_put(out, "\n");
}

void explain_row_as_text(const struct row_parts *parts, uint32_t task, struct buffer *out)
{
	plain_text_put(out, "task %" PRIu32 " has of it, from ", task);
	put_span(parts->from_ms, parts->to_ms, out);
	plain_text_put(out, "\n    ");
	explain_row_put_counts(parts->sums, out);
	plain_text_put(out, "%s\n", parts->is_spend_from_clicks ? " (spend: what clicks cost)" : "");
	for (size_t i = 0; i < parts->ad_count; i++) {
		plain_text_put(out, "  ");
		plain_text_put_slice(out, parts->ads[i].ad);
		plain_text_put(out, "\n    ");
		explain_row_put_counts(parts->ads[i].counts, out);
		plain_text_put(out, "\n");
	}
	for (size_t i = 0; i < parts->piece_count; i++) {
		plain_text_put(out, "  ");
		put_span(parts->pieces[i].from_ms, parts->pieces[i].to_ms, out);
		plain_text_put(out, "\n    ");
		explain_row_put_counts(parts->pieces[i].counts, out);
		plain_text_put(out, "\n");
	}
	for (size_t i = 0; i < parts->report_count; i++)
		put_report(&parts->reports[i], out);
}

/* ---- As JSON ---- */

void explain_row_put_counts_json(const int64_t counts[COUNTER_COUNT], const char *name, struct buffer *out)
{
	json_text_open(out, name, '{');
	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		if (counts[i] == 0)
			continue;
		if (counter_rows[i].unit == UNIT_MICROS)
			json_text_put_micros(out, counter_rows[i].name, counts[i]);
		else
			json_text_put_integer(out, counter_rows[i].name, counts[i]);
	}
	json_text_close(out, '}');
}

static void put_amounts_json(const int64_t amounts[AMOUNT_COUNT], const char *name, struct buffer *out)
{
	json_text_open(out, name, '{');
	for (int i = 0; i < AMOUNT_SPEND; i++)
		json_text_put_integer(out, amount_names[i], amounts[i]);
	json_text_put_micros(out, amount_names[AMOUNT_SPEND], amounts[AMOUNT_SPEND]);
	json_text_close(out, '}');
}

static void put_report_json(const struct row_report *part, struct buffer *out)
{
	json_text_open(out, NULL, '{');
	json_text_put_slice(out, "ad", part->ad);
	json_text_put_time(out, "from", part->report->from_ms);
	json_text_put_time(out, "to", part->report->to_ms);
	json_text_put_time(out, "reported_at", part->report->reported_at_ms);
	put_amounts_json(part->report->amounts, "amounts", out);
	put_amounts_json(part->amounts, "in_row", out);
	json_text_close(out, '}');
}

static void put_part_json(const struct row_part *part, struct buffer *out)
{
	json_text_open(out, NULL, '{');
	if (part->ad.len)
		json_text_put_slice(out, "ad", part->ad);
	json_text_put_time(out, "from", part->from_ms);
	json_text_put_time(out, "to", part->to_ms);
	explain_row_put_counts_json(part->counts, "counts", out);
	json_text_close(out, '}');
}

void explain_row_as_json(const struct row_parts *parts, uint32_t task, struct buffer *out)
{
	json_text_open(out, NULL, '{');
	json_text_put_integer(out, "task", task);
	json_text_put_time(out, "from", parts->from_ms);
	json_text_put_time(out, "to", parts->to_ms);
	json_text_put_bool(out, "spend_from_clicks", parts->is_spend_from_clicks);
	explain_row_put_counts_json(parts->sums, "counts", out);
	json_text_open(out, "ads", '[');
	for (size_t i = 0; i < parts->ad_count; i++)
		put_part_json(&parts->ads[i], out);
	json_text_close(out, ']');
	json_text_open(out, "times", '[');
	for (size_t i = 0; i < parts->piece_count; i++)
		put_part_json(&parts->pieces[i], out);
	json_text_close(out, ']');
	json_text_open(out, "reports", '[');
	for (size_t i = 0; i < parts->report_count; i++)
		put_report_json(&parts->reports[i], out);
	json_text_close(out, ']');
	json_text_close(out, '}');
}
