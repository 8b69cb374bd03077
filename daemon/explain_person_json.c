#include "daemon/explain_words.h"
#include "daemon/json_text.h"

struct teller {
	const struct story *story;
	const struct fold_context *ctx;
	struct buffer *out;
};

static void put_time_or_null(struct buffer *out, const char *name, int64_t time_ms)
{
	if (time_ms == TIME_NONE)
		json_text_put_null(out, name);
	else
		json_text_put_time(out, name, time_ms);
}

static void put_text_or_null(struct buffer *out, const char *name, const char *text)
{
	if (text)
		json_text_put_text(out, name, text);
	else
		json_text_put_null(out, name);
}

/* An ad and what stands above it. */
static void put_ad(const struct teller *teller, uint32_t ad)
{
	const struct series *series = teller->ctx->series->series;
	json_text_put_slice(teller->out, "ad", series[ad].id);
	for (int level = PARENT_COUNT - 1; level >= 0; level--) {
		uint32_t parent = series[ad].parents[level];
		if (parent == SERIES_NONE)
			json_text_put_null(teller->out, level_name((enum level)level));
		else
			json_text_put_slice(teller->out, level_name((enum level)level), series[parent].id);
	}
}

/* The fields that it changed, each by how much. */
static void put_counts(const struct teller *teller, size_t at)
{
	const struct story *story = teller->story;
	int64_t sums[COUNTER_COUNT + 1] = {0};
	for (size_t i = story_step_begin(story, at); i < story->events[at].step_end; i++)
		sums[explain_counter(&story->steps.steps[i])] += story->steps.steps[i].delta;
	json_text_open(teller->out, "counts", '{');
	for (size_t counter = 0; counter < COUNTER_COUNT; counter++) {
		if (sums[counter] == 0)
			continue;
		if (counter_rows[counter].unit == UNIT_MICROS)
			json_text_put_micros(teller->out, counter_rows[counter].name, sums[counter]);
		else
			json_text_put_integer(teller->out, counter_rows[counter].name, sums[counter]);
	}
	json_text_close(teller->out, '}');
}

static void put_event(const struct teller *teller, size_t at)
{
	static const char *const types[] = {"click", "open", "message", "message", "outcome"};
	const struct story_event *event = &teller->story->events[at];
	const struct fact *fact = &event->fact;
	struct buffer why = {0};
	json_text_open(teller->out, NULL, '{');
	json_text_put_time(teller->out, "ts", fact->time_ms);
	json_text_put_text(teller->out, "type", types[fact->rank]);
	put_text_or_null(teller->out, "direction", fact->rank == RANK_IN    ? "in"
						   : fact->rank == RANK_OUT ? "out"
									    : NULL);
	put_text_or_null(teller->out, "kind", fact->rank == RANK_IN ? explain_kind(fact->kind) : NULL);
	put_text_or_null(teller->out, "stage", fact->rank == RANK_OUTCOME ? explain_stage(fact) : NULL);
	json_text_put_bool(teller->out, "auto", fact->is_auto);
	if (event->click)
		json_text_put_integer(teller->out, "click", event->click);
	else
		json_text_put_null(teller->out, "click");
	json_text_put_micros(teller->out, "money", fact->money_micros);
	put_ad(teller, event->reason.ad);
	json_text_put_text(teller->out, "match", explain_rule(event->reason.rule));
	explain_put_why(event, teller->ctx->options, &why);
	json_text_put_slice(teller->out, "why", buffer_slice(&why));
	put_counts(teller, at);
	json_text_close(teller->out, '}');
	buffer_destroy(&why);
}

/* By rung: when it was reached; null where the event is no longer kept. */
static void put_rungs(const struct teller *teller, size_t at)
{
	const struct conversation *conversation = &teller->story->head.conversations[at];
	json_text_open(teller->out, "rungs", '{');
	json_text_put_time(teller->out, explain_rungs[0].word, conversation->opened_ms);
	for (size_t i = 1; i < EXPLAIN_RUNG_COUNT; i++)
		if (conversation->flags & explain_rungs[i].flag)
			put_time_or_null(teller->out, explain_rungs[i].word,
					 story_reached_ms(teller->story, at, explain_rungs[i].counter));
	json_text_close(teller->out, '}');
}

static void put_conversation(const struct teller *teller, size_t at)
{
	const struct conversation *conversation = &teller->story->head.conversations[at];
	json_text_open(teller->out, NULL, '{');
	put_ad(teller, conversation->ad);
	put_rungs(teller, at);
	json_text_put_text(teller->out, "kind", explain_kind(conversation->kind));
	put_text_or_null(teller->out, "response", explain_band(conversation->band));
	json_text_put_time(teller->out, "last_inbound", conversation->last_in_ms);
	json_text_put_bool(teller->out, "overfollowed", conversation->flags & OVERFOLLOWED);
	json_text_close(teller->out, '}');
}

/* null: nothing is. */
static void put_settled(const struct teller *teller)
{
	const struct ladder_fixed *fixed = &teller->story->prefix.fixed;
	if (fixed->last_ms == TIME_NONE) {
		json_text_put_null(teller->out, "settled");
		return;
	}
	json_text_open(teller->out, "settled", '{');
	json_text_put_time(teller->out, "until", fixed->last_ms);
	json_text_put_integer(teller->out, "conversations", fixed->conversation_count);
	json_text_put_integer(teller->out, "clicks", fixed->touch_count);
	json_text_close(teller->out, '}');
}

void explain_person_as_json(const struct story *story, const struct fold_context *ctx, uint32_t task,
			    struct buffer *out)
{
	const struct teller teller = {story, ctx, out};
	json_text_open(out, NULL, '{');
	json_text_put_integer(out, "task", task);
	put_settled(&teller);
	json_text_open(out, "events", '[');
	for (size_t i = 0; i < story->event_count; i++)
		put_event(&teller, i);
	json_text_close(out, ']');
	json_text_open(out, "conversations", '[');
	for (size_t i = 0; i < story->head.fixed.conversation_count; i++)
		put_conversation(&teller, i);
	json_text_close(out, ']');
	json_text_close(out, '}');
}
