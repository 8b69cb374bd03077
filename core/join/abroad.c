#include "core/join/abroad.h"

#include "core/join/join_private.h"

enum { NOTE_BYTES = 64 << 10, ORGANIC_PREFIX_LEN = sizeof("organic:") - 1 };

struct note {
	struct key128 click;
	uint32_t home;
	uint32_t claim_task;
	struct claim claim;
	struct slice claim_id;
	uint64_t fact_count;
};

void abroad_destroy(struct abroad *abroad)
{
	step_list_destroy(&abroad->uncounted);
	buffer_destroy(&abroad->note);
}

static const struct blob_header *find(const struct join *join, struct key128 key)
{
	return (const struct blob_header *)people_find(join->people, key).data;
}

static bool find_claim(const struct join *join, struct key128 click, struct claim *claim, struct slice *id)
{
	const struct blob_header *blob = find(join, click);
	return blob && blob_claim(blob, claim, id);
}

/* The task that a claim known here was made in. */
static uint32_t task_of(const struct join *join, const struct claim *claim)
{
	return claim->abroad ? claim->abroad - 1u : join->abroad->task;
}

/* ---- Notes ---- */

static void put_key(struct buffer *out, struct key128 key)
{
	buffer_put(out, &key, sizeof(key));
}

static struct key128 get_key(struct reader *reader)
{
	struct key128 key = {0, 0};
	struct slice bytes = reader_bytes(reader, sizeof(key));
	if (!reader->failed)
		memcpy(&key, bytes.data, sizeof(key));
	return key;
}

static void put_head(struct buffer *out, const struct note *note)
{
	put_key(out, note->click);
	buffer_put_unsigned(out, note->home);
	buffer_put_unsigned(out, note->claim_task);
	put_key(out, note->claim.person);
	buffer_put_signed(out, note->claim.time_ms);
	buffer_put_unsigned(out, note->claim.tie);
	buffer_put_text(out, note->claim_id);
	buffer_put_unsigned(out, note->fact_count);
}

static bool get_head(struct reader *reader, struct note *note)
{
	note->click = get_key(reader);
	note->home = (uint32_t)reader_unsigned(reader);
	note->claim_task = (uint32_t)reader_unsigned(reader);
	note->claim = (struct claim){.person = get_key(reader)};
	note->claim.time_ms = reader_signed(reader);
	note->claim.tie = (uint32_t)reader_unsigned(reader);
	note->claim_id = reader_text(reader);
	note->claim.id_len = (uint16_t)note->claim_id.len;
	note->fact_count = reader_unsigned(reader);
	return !reader->failed && note->claim_id.len && note->claim_id.len <= UINT16_MAX &&
	       note->claim.time_ms >= 0 && note->claim_task < UINT16_MAX - 1;
}

static struct slice id_of(const struct join *join, uint32_t series)
{
	return series == SERIES_NONE ? (struct slice){NULL, 0} : join->series->series[series].id;
}

static void put_fact(const struct join *join, const struct fact *fact, struct slice id, struct buffer *out)
{
	struct slice organic = id_of(join, fact->organic);
	buffer_put_text(out, id);
	buffer_put_signed(out, fact->time_ms);
	buffer_put_signed(out, fact->money_micros);
	buffer_put_text(out, id_of(join, fact->ad));
	buffer_put_text(out, (struct slice){organic.data + ORGANIC_PREFIX_LEN,
					    organic.len - ORGANIC_PREFIX_LEN});
	buffer_put_unsigned(out, fact->rank);
	buffer_put_unsigned(out, fact->stage);
	buffer_put_unsigned(out, fact->kind);
	buffer_put_unsigned(out, fact->is_auto);
}

static bool get_fact(struct join *join, struct reader *reader, struct key128 click, struct join_event *event)
{
	struct fact *fact = &event->fact;
	event->id = reader_text(reader);
	fact->click = join_short_click(click);
	fact->is_by_click = 1;
	fact->time_ms = reader_signed(reader);
	fact->money_micros = reader_signed(reader);
	struct slice ad = reader_text(reader);
	struct slice account = reader_text(reader);
	uint64_t rank = reader_unsigned(reader);
	fact->rank = (uint8_t)rank;
	fact->stage = reader_unsigned(reader) & 15;
	fact->kind = reader_unsigned(reader) & 3;
	fact->is_auto = reader_unsigned(reader) & 1;
	bool is_sound = !reader->failed && event->id.len && event->id.len <= UINT16_MAX && account.len &&
			fact->time_ms >= 0 && fact->money_micros >= 0 &&
			fact->money_micros <= EVENT_MONEY_MAX_MICROS && rank <= RANK_OUTCOME &&
			(ad.len || rank != RANK_CLICK);
	if (!is_sound)
		return false;
	fact->id_hash = hash_text(event->id);
	fact->ad = ad.len ? join_intern_ad(join, ad) : SERIES_NONE;
	fact->organic = join_intern_organic(join, account);
	return true;
}

/* ---- Saying ---- */

static void say(struct join *join, uint32_t task, const struct note *note, struct slice facts)
{
	struct abroad *abroad = join->abroad;
	if (task >= abroad->task_count) /* of a stored page that was tampered with */
		return;
	abroad->note.len = 0;
	put_head(&abroad->note, note);
	buffer_put(&abroad->note, facts.data, facts.len);
	abroad->send(abroad->ctx, task, buffer_slice(&abroad->note));
}

/* A claim without facts. */
static void say_claim(struct join *join, uint32_t task, const struct note *note)
{
	struct note alone = *note;
	alone.fact_count = 0;
	say(join, task, &alone, (struct slice){NULL, 0});
}

/* The claim on a click, which is in join->other, and all its facts. */
static void say_facts(struct join *join, uint32_t task, const struct note *note)
{
	const struct person *click = &join->other;
	struct note part = *note;
	struct buffer facts = {0};
	part.fact_count = 0;
	for (size_t i = 0; i < click->fact_count; i++) {
		put_fact(join, &click->facts[i], person_fact_id(click, &click->facts[i]), &facts);
		part.fact_count++;
		if (facts.len < NOTE_BYTES)
			continue;
		say(join, task, &part, buffer_slice(&facts));
		facts.len = part.fact_count = 0;
	}
	if (part.fact_count)
		say(join, task, &part, buffer_slice(&facts));
	buffer_destroy(&facts);
}

/* ---- What counts ---- */

/* Adds what the facts of a click count, or takes it back. */
static void count(struct join *join, const struct person *click, int sign, struct step_list *out)
{
	struct fold_context ctx = {join->options, join->series};
	ladder_copy(&join->scratch, &click->prefix);
	join->after.count = 0;
	for (size_t i = 0; i < click->fact_count; i++)
		fold_event(&ctx, &join->scratch, &click->facts[i], &join->after);
	for (size_t i = 0; i < join->after.count; i++) {
		struct step step = join->after.steps[i];
		step.delta *= sign;
		step_list_push(out, &step);
	}
}

static void set_claim(struct person *click, const struct claim *claim, struct slice id)
{
	click->claim = *claim;
	click->claim_id.len = 0;
	buffer_put(&click->claim_id, id.data, id.len);
}

/* A click that is claimed from abroad becomes one that nobody claims; what it has counts here again. */
static void unhold(struct join *join, struct key128 click, struct step_list *out)
{
	const struct claim nobody = {.time_ms = TIME_NONE};
	join_load(join, &join->other, click);
	count(join, &join->other, 1, out);
	set_claim(&join->other, &nobody, (struct slice){NULL, 0});
	join_store(join, &join->other);
}

/* ---- Claims made here ---- */

void abroad_claim(struct join *join, const struct join_event *event, struct step_list *out)
{
	struct claim before = {.abroad = 0};
	struct slice before_id;
	struct note note = {.click = event->click, .home = event->home, .claim_task = join->abroad->task,
			    .claim = {.person = event->user, .time_ms = event->fact.time_ms,
				      .id_len = (uint16_t)event->id.len, .tie = event->tie},
			    .claim_id = event->id};
	bool is_claimed = find_claim(join, event->click, &before, &before_id);
	if (is_claimed && claim_compare(&note.claim, event->id, &before, before_id) >= 0)
		return;
	if (before.abroad)
		unhold(join, event->click, out);
	join_claim_click(join, event, out);
	if (event->home != join->abroad->task)
		say_claim(join, event->home, &note);
	else if (before.abroad)
		say_claim(join, task_of(join, &before), &note);
}

enum join_class abroad_hold(struct join *join, const struct join_event *event)
{
	struct step_list *uncounted = &join->abroad->uncounted;
	struct person *click = &join->other;
	struct buffer fact = {0};
	join_load(join, click, event->click);
	uncounted->count = 0;
	enum join_class class = join_add_fact(join, click, &event->fact, event->id, uncounted);
	if (class == JOIN_LATE)
		return class;
	join_store(join, click);
	const struct note note = {.click = event->click, .home = join->abroad->task,
				  .claim_task = task_of(join, &click->claim), .claim = click->claim,
				  .claim_id = buffer_slice(&click->claim_id), .fact_count = 1};
	put_fact(join, &event->fact, event->id, &fact);
	say(join, note.claim_task, &note, buffer_slice(&fact));
	buffer_destroy(&fact);
	return class;
}

/* ---- Claims from abroad ---- */

/* The facts of a click that `owner` claimed here go back to it: join->other. */
static void bring_back(struct join *join, struct key128 click, struct key128 owner, struct step_list *out)
{
	join_load(join, &join->person, click);
	join_load(join, &join->other, owner);
	size_t fact_count = join->other.fact_count;
	join_move_facts(join, click, out);
	if (join->other.fact_count < fact_count)
		join_store(join, &join->other);
	join_store(join, &join->person);
}

/* A smaller claim than was known, of another task. */
static void yield(struct join *join, const struct note *note, const struct claim *before,
		  struct step_list *out)
{
	bool is_home = note->home == join->abroad->task;
	struct claim claim = note->claim;
	claim.abroad = (uint16_t)(note->claim_task + 1);
	if (before && !before->abroad)
		bring_back(join, note->click, before->person, out);
	join_load(join, &join->other, note->click);
	if (!before || !before->abroad)
		count(join, &join->other, -1, out);
	if (!is_home)
		person_reset(&join->other, note->click);
	set_claim(&join->other, &claim, note->claim_id);
	join_store(join, &join->other);
	if (!is_home)
		return;
	if (before && before->abroad && before->abroad != claim.abroad)
		say_claim(join, task_of(join, before), note);
	say_facts(join, note->claim_task, note);
}

/* The claim was made here, before a crash, and is smaller than what is known: the home has it already. */
static void claim_again(struct join *join, const struct note *note, int64_t safe_ms, struct step_list *out)
{
	const struct join_event event = {
		.fact = {.time_ms = note->claim.time_ms, .click = join_short_click(note->click)},
		.user = note->claim.person,
		.click = note->click,
		.id = note->claim_id,
		.tie = note->claim.tie,
		.safe_ms = safe_ms,
	};
	join_claim_click(join, &event, out);
}

static void take_claim(struct join *join, const struct note *note, int64_t safe_ms, struct step_list *out)
{
	struct claim before;
	struct slice before_id;
	bool is_claimed = find_claim(join, note->click, &before, &before_id);
	int order = is_claimed ? claim_compare(&note->claim, note->claim_id, &before, before_id) : -1;
	bool is_own = note->claim_task == join->abroad->task;
	if (order < 0 && is_own) {
		claim_again(join, note, safe_ms, out);
	} else if (order < 0) {
		yield(join, note, is_claimed ? &before : NULL, out);
	} else if (order > 0 && note->home == join->abroad->task &&
		   task_of(join, &before) != note->claim_task) {
		const struct note known = {.click = note->click, .home = note->home,
					   .claim_task = task_of(join, &before), .claim = before,
					   .claim_id = before_id};
		say_claim(join, note->claim_task, &known);
	}
}

/* ---- Facts from home ---- */

static bool knows_click(const struct person *person, const struct fact *fact)
{
	const struct touch *touch = ladder_find_touch(&person->prefix, fact->click);
	return touch && touch->time_ms == fact->time_ms && touch->ad == fact->ad;
}

/* What the claimant has folded over. If it is older than his claim by more than `lateness`, he may have done
 * so before he claimed: a click becomes known to him, the rest is the click's own. Else it was here before,
 * and comes again. */
static void take_old(struct join *join, const struct join_event *event, const struct claim *claim,
		     struct step_list *out)
{
	if (event->fact.time_ms >= claim->time_ms - join->options->lateness_ms)
		return;
	if (event->fact.rank == RANK_CLICK) {
		join_load(join, &join->person, claim->person);
		if (!knows_click(&join->person, &event->fact))
			join_add_old_click(join, &join->person, &event->fact, out);
		join_store(join, &join->person);
	} else {
		join_load(join, &join->other, event->click);
		(void)join_add_fact(join, &join->other, &event->fact, event->id, out);
		join_store(join, &join->other);
	}
}

bool abroad_take(struct join *join, struct slice bytes, int64_t safe_ms, struct step_list *out)
{
	struct reader reader = reader_of(bytes);
	struct note note;
	struct claim claim;
	struct slice id;
	if (!get_head(&reader, &note))
		return false;
	take_claim(join, &note, safe_ms, out);
	CHECK(find_claim(join, note.click, &claim, &id));
	for (uint64_t i = 0; i < note.fact_count && !claim.abroad; i++) {
		struct join_event event = {.click = note.click, .safe_ms = safe_ms};
		if (!get_fact(join, &reader, note.click, &event))
			return false;
		if (join_take(join, &event, out) == JOIN_LATE)
			take_old(join, &event, &claim, out);
	}
	return true;
}

bool abroad_read_claim(struct slice bytes, struct key128 *person, int64_t *time_ms)
{
	struct reader reader = reader_of(bytes);
	struct note note;
	if (!get_head(&reader, &note))
		return false;
	*person = note.claim.person;
	*time_ms = note.claim.time_ms;
	return true;
}
