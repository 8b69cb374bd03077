#include <inttypes.h>

#include "core/base/json_text.h"
#include "daemon/explain_words.h"
#include "daemon/plain_text.h"

struct teller {
	const struct story *story;
	const struct fold_context *ctx;
	struct buffer *out;
};

/* ---- Events ---- */

static void put_head_line(const struct teller *teller, const struct story_event *event)
{
	const struct fact *fact = &event->fact;
	plain_text_put_time(teller->out, fact->time_ms);
	plain_text_put(teller->out, "  %s", explain_type(fact));
	if (fact->rank == RANK_IN)
		plain_text_put(teller->out, ", %s", explain_kind(fact->kind));
	if (fact->rank == RANK_OUTCOME)
		plain_text_put(teller->out, ", %s", explain_stage(fact));
	if (fact->rank == RANK_OUT && fact->is_auto)
		plain_text_put(teller->out, ", auto");
	if (fact->money_micros) {
		plain_text_put(teller->out, ", ");
		json_put_micros(teller->out, fact->money_micros);
	}
	if (event->click)
		plain_text_put(teller->out, ", click %u", event->click);
	if (fact->is_by_click)
		plain_text_put(teller->out, " alone");
	plain_text_put(teller->out, "\n");
}

static void put_step(const struct teller *teller, const struct step *step, const char *before)
{
	enum counter counter = explain_counter(step);
	plain_text_put(teller->out, "%s%s%s", before, step->delta < 0 ? "-" : "",
		       counter_rows[counter].name);
	if (counter_rows[counter].unit != UNIT_MICROS)
		return;
	plain_text_put(teller->out, " ");
	json_put_micros(teller->out, step->delta < 0 ? -step->delta : step->delta);
}

static void put_steps(const struct teller *teller, size_t at)
{
	const struct story *story = teller->story;
	bool is_any = false;
	for (size_t i = story_step_begin(story, at); i < story->events[at].step_end; i++) {
		const struct step *step = &story->steps.steps[i];
		if (explain_counter(step) == COUNTER_COUNT)
			continue;
		put_step(teller, step, is_any ? ", " : "    ");
		is_any = true;
	}
	plain_text_put(teller->out, is_any ? "\n" : "    counts nothing\n");
}

static void put_event(const struct teller *teller, size_t at)
{
	const struct story_event *event = &teller->story->events[at];
	put_head_line(teller, event);
	plain_text_put(teller->out, "    ");
	plain_text_put_slice(teller->out, teller->ctx->series->series[event->reason.ad].id);
	plain_text_put(teller->out, " by %s: ", explain_rule(event->reason.rule));
	explain_put_why(event, teller->ctx->options, teller->out);
	plain_text_put(teller->out, "\n");
	put_steps(teller, at);
}

/* ---- Conversations ---- */

static void put_place(const struct teller *teller, uint32_t ad)
{
	static const enum level levels[] = {LEVEL_CAMPAIGN, LEVEL_ADSET, LEVEL_ACCOUNT};
	const struct series *series = teller->ctx->series->series;
	const char *before = " (";
	plain_text_put_slice(teller->out, series[ad].id);
	for (size_t i = 0; i < PARENT_COUNT; i++) {
		uint32_t parent = series[ad].parents[levels[i]];
		if (parent == SERIES_NONE)
			continue;
		plain_text_put(teller->out, "%s%s ", before, level_name(levels[i]));
		plain_text_put_slice(teller->out, series[parent].id);
		before = ", ";
	}
	plain_text_put(teller->out, ")");
}

static void put_rungs(const struct teller *teller, size_t at)
{
	const struct conversation *conversation = &teller->story->head.conversations[at];
	for (size_t i = 0; i < EXPLAIN_RUNG_COUNT; i++) {
		const struct explain_rung *rung = &explain_rungs[i];
		int64_t time_ms = i == 0 ? conversation->opened_ms
					 : story_reached_ms(teller->story, at, rung->counter);
		if (rung->flag && !(conversation->flags & rung->flag))
			continue;
		plain_text_put(teller->out, "    %-13s ", rung->word);
		if (time_ms == TIME_NONE)
			plain_text_put(teller->out, "by an event that is no longer kept");
		else
			plain_text_put_time(teller->out, time_ms);
		plain_text_put(teller->out, "\n");
	}
}

static void put_conversation(const struct teller *teller, size_t at)
{
	const struct conversation *conversation = &teller->story->head.conversations[at];
	const char *band = explain_band(conversation->band);
	plain_text_put(teller->out, "\nconversation at ");
	put_place(teller, conversation->ad);
	plain_text_put(teller->out, ": %s, first response %s%s\n", explain_kind(conversation->kind),
		       band ? band : "none", conversation->flags & OVERFOLLOWED ? ", overfollowed" : "");
	put_rungs(teller, at);
	plain_text_put(teller->out, "    last inbound  ");
	plain_text_put_time(teller->out, conversation->last_in_ms);
	plain_text_put(teller->out, "\n");
}

/* ---- All of it ---- */

static void put_settled(const struct teller *teller)
{
	const struct ladder_fixed *fixed = &teller->story->prefix.fixed;
	if (fixed->last_ms == TIME_NONE)
		return;
	plain_text_put(teller->out, "what came up to ");
	plain_text_put_time(teller->out, fixed->last_ms);
	plain_text_put(teller->out, " is settled, and its events are no longer kept: conversations %u, "
		       "clicks %u\n", fixed->conversation_count, fixed->touch_count);
}

void explain_person_as_text(const struct story *story, const struct fold_context *ctx, uint32_t task,
			    struct buffer *out)
{
	const struct teller teller = {story, ctx, out};
	plain_text_put(out, "task %" PRIu32 " keeps %zu event%s of this person\n", task, story->event_count,
		       story->event_count == 1 ? "" : "s");
	put_settled(&teller);
	for (size_t i = 0; i < story->event_count; i++) {
		plain_text_put(out, "\n");
		put_event(&teller, i);
	}
	for (size_t i = 0; i < story->head.fixed.conversation_count; i++)
		put_conversation(&teller, i);
}
