#include "core/join/join.h"

#include <stdlib.h>

#include "core/join/join_private.h"

enum { DOMAIN_USER = 'u', DOMAIN_CLICK = 'c', TIE_BITS = 16 };

void join_create(struct join *join, const struct options *options, const unsigned char identity_key[16],
		 struct people *people, struct series_table *series)
{
	*join = (struct join){
		.options = options,
		.identity_key = identity_key,
		.people = people,
		.series = series,
	};
}

void join_destroy(struct join *join)
{
	person_destroy(&join->person);
	person_destroy(&join->other);
	ladder_destroy(&join->base);
	ladder_destroy(&join->scratch);
	step_list_destroy(&join->before);
	step_list_destroy(&join->after);
	buffer_destroy(&join->blob);
}

static void belong_to_account(struct join *join, uint32_t ad, struct slice account)
{
	uint32_t parent = series_intern(join->series, LEVEL_ACCOUNT, account, false);
	const struct zone *zone = options_account(join->options, account).zone;
	join->series->series[parent].zone = zone;
	join->series->series[parent].parents[LEVEL_ACCOUNT] = parent;
	join->series->series[ad].parents[LEVEL_ACCOUNT] = parent;
	join->series->series[ad].zone = zone;
}

static bool is_ad(const struct join *join, uint32_t ad, struct slice id)
{
	if (ad >= join->series->count)
		return false;
	const struct series *series = &join->series->series[ad];
	return series->level == LEVEL_AD && slice_equal(series->id, id);
}

static uint32_t *remembered_ad(struct join *join, struct slice id)
{
	uint64_t end = 0;
	if (id.len >= sizeof(end))
		memcpy(&end, id.data + id.len - sizeof(end), sizeof(end));
	return &join->ads[end * UINT64_C(0x9e3779b97f4a7c15) >> (64 - AD_MEMORY_BITS)];
}

uint32_t join_intern_ad(struct join *join, struct slice id)
{
	uint32_t *remembered = remembered_ad(join, id);
	if (!is_ad(join, *remembered, id))
		*remembered = series_intern(join->series, LEVEL_AD, id, false);
	if (join->series->series[*remembered].parents[LEVEL_ACCOUNT] == SERIES_NONE)
		belong_to_account(join, *remembered, join->options->default_account);
	return *remembered;
}

static uint32_t intern_organic(struct join *join, struct slice account)
{
	static const char prefix[] = "organic:";
	join->blob.len = 0;
	buffer_put(&join->blob, prefix, sizeof(prefix) - 1);
	buffer_put(&join->blob, account.data, account.len);
	uint32_t ad = series_intern(join->series, LEVEL_AD, buffer_slice(&join->blob), true);
	if (join->series->series[ad].parents[LEVEL_ACCOUNT] == SERIES_NONE)
		belong_to_account(join, ad, account);
	return ad;
}

uint32_t join_intern_organic(struct join *join, struct slice account)
{
	if (account.len == 0)
		account = join->options->default_account;
	unsigned char last_byte = (unsigned char)account.data[account.len - 1];
	struct organic_memory *last = &join->organic[last_byte % ORGANIC_MEMORY_COUNT];
	if (slice_equal(account, (struct slice){last->account, last->account_len}))
		return last->series;
	uint32_t ad = intern_organic(join, account);
	if (account.len <= sizeof(last->account)) {
		memcpy(last->account, account.data, account.len);
		last->account_len = account.len;
		last->series = ad;
	}
	return ad;
}

struct key128 join_key_of_user(const unsigned char identity_key[16], struct slice user)
{
	return hash_keyed(identity_key, DOMAIN_USER, user);
}

/* The greatest bits are not keyed: where two events differ by their clicks alone, the order of these decides
 * which counts, in every run alike. They are too few to say what it was. */
struct key128 join_key_of_click(const unsigned char identity_key[16], struct slice click_id)
{
	if (click_id.len == 0)
		return (struct key128){0, 0};
	struct key128 key = hash_keyed(identity_key, DOMAIN_CLICK, click_id);
	key.low = key.low >> TIE_BITS | hash_text(click_id) << (64 - TIE_BITS);
	return key;
}

struct key128 join_user_key(const struct join *join, struct slice user)
{
	return join_key_of_user(join->identity_key, user);
}

struct key128 join_click_key(const struct join *join, struct slice click_id)
{
	return join_key_of_click(join->identity_key, click_id);
}

/* Kept with facts and touches instead of the whole key; 0 is kept for "none". */
static uint64_t short_click(struct key128 click)
{
	return click.low | (click.low == 0 && click.high != 0);
}

static enum kind kind_of_message(const struct join *join, const struct event *event)
{
	if (event->is_auto)
		return KIND_AUTO;
	if (event->is_prefilled)
		return KIND_PREFILLED;
	return !event->is_media && event->word_count < join->options->min_words ? KIND_SHORT : KIND_STARTED;
}

static void make_fact(struct join *join, const struct event *event, uint32_t ad, struct key128 click,
		      struct fact *fact)
{
	*fact = (struct fact){
		.time_ms = event->ts_ms,
		.money_micros = event->money_micros,
		.click = short_click(click),
		.id_hash = hash_text(event->id),
		.ad = ad,
		.organic = join_intern_organic(join, event->account),
		.rank = (uint8_t)event_rank(event),
		.is_by_click = event->user.len == 0,
	};
	if (event->type == EVENT_MESSAGE) {
		fact->is_auto = event->is_auto;
		fact->kind = event->direction == DIRECTION_IN ? kind_of_message(join, event) : 0;
	} else if (event->type == EVENT_OUTCOME) {
		fact->stage = event->stage;
	}
}

struct fact join_fact(struct join *join, const struct event *event, uint32_t ad)
{
	struct fact fact;
	make_fact(join, event, ad, join_click_key(join, event->click_id), &fact);
	return fact;
}

void join_prepare(struct join *join, const struct event *event, uint32_t ad, int64_t safe_ms,
		  struct join_event *prepared)
{
	bool has_user = event->user.len != 0;
	prepared->click = join_click_key(join, event->click_id);
	prepared->user = has_user ? join_user_key(join, event->user) : (struct key128){0, 0};
	make_fact(join, event, ad, prepared->click, &prepared->fact);
	prepared->id = event->id;
	prepared->tie = has_user && event->click_id.len ? claim_tie(event->user) : 0;
	prepared->safe_ms = safe_ms;
}

static bool has_user(const struct join_event *event)
{
	return !event->fact.is_by_click;
}

void join_prefetch(const struct join *join, const struct join_event *event)
{
	if (has_user(event))
		people_prefetch(join->people, event->user);
	if (event->fact.click)
		people_prefetch(join->people, event->click);
}

void join_prefetch_blobs(const struct join *join, struct join_event *event)
{
	event->likely = NULL;
	if (event->fact.click)
		event->likely = people_prefetch_blob(join->people, event->click);
	if (has_user(event))
		event->likely = people_prefetch_blob(join->people, event->user);
}

void join_prefetch_ends(const struct join_event *event)
{
	if (event->likely)
		people_prefetch_rest(event->likely);
}

static struct fold_context fold_context(const struct join *join)
{
	return (struct fold_context){join->options, join->series};
}

static const struct blob_header *find(const struct join *join, struct key128 key)
{
	return (const struct blob_header *)people_find(join->people, key).data;
}

static void load(struct join *join, struct person *person, struct key128 key)
{
	struct slice blob = people_find(join->people, key);
	if (blob.len == 0)
		person_reset(person, key);
	else
		CHECK(person_load(person, blob));
}

static void store(struct join *join, const struct person *person)
{
	join->blob.len = 0;
	person_store(person, &join->blob);
	people_put(join->people, buffer_slice(&join->blob));
}

/* Folds the first facts into the prefix for good. The head is what it was. */
static void fold_in(struct join *join, struct person *person, size_t fact_count)
{
	struct fold_context ctx = fold_context(join);
	if (fact_count == person->fact_count)
		ladder_copy(&person->prefix, &person->head);
	else
		for (size_t i = 0; i < fact_count; i++)
			fold_event(&ctx, &person->prefix, &person->facts[i], NULL);
	person->fact_count -= fact_count;
	memmove(person->facts, person->facts + fact_count, person->fact_count * sizeof(*person->facts));
}

/* Most people have few events in their life: theirs are kept longer than need be, so that a claim
 * which comes weeks after its click still finds what it changes. */
static void fold_in_old(struct join *join, struct person *person, int64_t safe_ms)
{
	size_t old = 0;
	while (old + JOIN_KEPT_FACTS < person->fact_count && person->facts[old].time_ms < safe_ms)
		old++;
	if (old)
		fold_in(join, person, old);
}

static void keep_tail_short(struct join *join, struct person *person)
{
	if (person->fact_count <= join->options->max_tail)
		return;
	size_t excess = person->fact_count - join->options->max_tail;
	person_set_horizon(person, excess - 1);
	fold_in(join, person, excess);
	join->folded_early_count += excess;
}

/* What follows place `from` of a tail is about to change: its steps as they are, and the ladder before it. */
static void begin_change(struct join *join, const struct person *person, size_t from)
{
	struct fold_context ctx = fold_context(join);
	ladder_copy(&join->base, &person->prefix);
	for (size_t i = 0; i < from; i++)
		fold_event(&ctx, &join->base, &person->facts[i], NULL);
	ladder_copy(&join->scratch, &join->base);
	join->before.count = 0;
	for (size_t i = from; i < person->fact_count; i++)
		fold_event(&ctx, &join->scratch, &person->facts[i], &join->before);
}

static void push_difference(struct join *join, struct step_list *out)
{
	step_list_subtract(&join->after, &join->before);
	for (size_t i = 0; i < join->after.count; i++)
		step_list_push(out, &join->after.steps[i]);
}

/* It has changed: the new head, and the difference of the steps. */
static void end_change(struct join *join, struct person *person, size_t from, struct step_list *out)
{
	struct fold_context ctx = fold_context(join);
	ladder_copy(&person->head, &join->base);
	join->after.count = 0;
	for (size_t i = from; i < person->fact_count; i++)
		fold_event(&ctx, &person->head, &person->facts[i], &join->after);
	push_difference(join, out);
}

static void insert_fact(struct join *join, struct person *person, const struct fact *fact, struct slice id,
			struct step_list *out)
{
	size_t at = person_find_place(person, fact, id);
	if (at == person->fact_count) {
		struct fold_context ctx = fold_context(join);
		person_insert_fact(person, at, fact, id);
		fold_event(&ctx, &person->head, &person->facts[at], out);
		return;
	}
	begin_change(join, person, at);
	person_insert_fact(person, at, fact, id);
	end_change(join, person, at, out);
}

/* Of two facts with one id the first in order stays; but one that is folded over came too late for that. */
static void resolve_duplicate(struct join *join, struct person *person, size_t known, const struct fact *fact,
			      struct slice id, struct step_list *out)
{
	struct fact wanted = *fact;
	wanted.id_at = 0;
	wanted.id_len = (uint16_t)id.len;
	int order = fact_compare(&wanted, id.data, &person->facts[known], person->ids.data);
	if (order == 0)
		order = fact_compare_content(&wanted, join->series, &person->facts[known], join->series);
	if (order >= 0 || person_has_passed(person, fact, id))
		return;
	size_t from = person_find_place(person, fact, id);
	if (from > known)
		from = known;
	begin_change(join, person, from);
	person_remove_fact(person, known);
	person_insert_fact(person, person_find_place(person, fact, id), fact, id);
	end_change(join, person, from, out);
}

static enum join_class add_fact(struct join *join, struct person *person, const struct fact *fact,
				struct slice id, struct step_list *out)
{
	size_t known = person_find_id(person, fact->id_hash, id);
	if (known < person->fact_count) {
		resolve_duplicate(join, person, known, fact, id, out);
		return JOIN_DUPLICATE;
	}
	if (person_has_passed(person, fact, id))
		return JOIN_LATE;
	insert_fact(join, person, fact, id, out);
	keep_tail_short(join, person);
	return JOIN_APPLIED;
}

static bool follows_click(const struct fact *fact, uint64_t click)
{
	return fact->is_by_click && fact->click == click;
}

/* Gives a click that is older than the claimant's folded prefix: known from now on, counted where it was. */
static void add_old_click(struct join *join, struct person *to, const struct fact *fact,
			  struct step_list *out)
{
	struct fold_context ctx = fold_context(join);
	begin_change(join, to, 0);
	fold_late_touch(&to->prefix, fact);
	ladder_copy(&join->base, &to->prefix);
	end_change(join, to, 0, out);
	ladder_reset(&join->scratch);
	fold_event(&ctx, &join->scratch, fact, out);
}

/* Moves a click's facts between join->other and join->person. What the claimant has folded over already
 * stays where it is, but for clicks. */
static void move_facts(struct join *join, uint64_t click, struct step_list *out)
{
	struct person *from = &join->other, *to = &join->person;
	for (size_t i = 0; i < from->fact_count;) {
		struct fact fact = from->facts[i];
		struct slice id = person_fact_id(from, &fact);
		bool is_old = person_has_passed(to, &fact, id);
		if (!follows_click(&fact, click) || (is_old && fact.rank != RANK_CLICK)) {
			i++;
			continue;
		}
		begin_change(join, from, i);
		person_remove_fact(from, i);
		end_change(join, from, i, out);
		if (is_old)
			add_old_click(join, to, &fact, out);
		else
			add_fact(join, to, &fact, id, out);
	}
}

/* One fold step on the blob itself. */
static void append(struct join *join, struct key128 key, const struct blob_header *blob,
		   const struct join_event *event, struct step_list *out)
{
	struct fold_context ctx = fold_context(join);
	struct ladder *head = &join->scratch;
	if (blob)
		blob_get_head(blob, head);
	else
		ladder_reset(head);
	fold_event(&ctx, head, &event->fact, out);
	struct blob_growth growth;
	blob_plan_append(blob, key, head, &event->fact, event->id, &growth, &join->blob);
	size_t len = growth.header.len, room = len > growth.len_before ? len : growth.len_before;
	blob_append(people_resize(join->people, key, room), &growth, &join->blob);
	if (len < room)
		people_shrink(join->people, key, room);
}

/* A claimant who is new becomes what the click was, whose facts count for him as they did: no step changes.
 * */
static void adopt_all(struct join *join, const struct blob_header *click, const struct join_event *event)
{
	struct blob_header *adopted = people_resize(join->people, event->user, click->len);
	memcpy(adopted, click, click->len);
	adopted->key = event->user;
}

/* Whether the event can be put behind all that the blob has, and nothing else changes by it. */
static bool can_append(const struct join *join, const struct blob_header *blob,
		       const struct join_event *event, bool is_click)
{
	int64_t last_ms = blob_last_ms(blob);
	if (blob->record_count == 0)
		return last_ms == TIME_NONE && !blob->has_rare;
	if (!blob_is_before(blob, last_ms, &event->fact) || blob->record_count >= join->options->max_tail)
		return false;
	if (!is_click && blob->record_count >= JOIN_KEPT_FACTS + JOIN_TAIL_SLACK &&
	    blob_first_ms(blob) < event->safe_ms)
		return false;
	return !blob_may_have_id(blob, event->fact.id_hash) || !blob_has_id(blob, event->id);
}

static void put_claimed(struct join *join, const struct join_event *event, const struct claim *claim)
{
	join->blob.len = 0;
	blob_put_claimed(event->click, claim, event->id, &join->blob);
	people_put(join->people, buffer_slice(&join->blob));
}

static struct join_event event_of_fact(const struct person *person, size_t at, int64_t safe_ms)
{
	const struct fact *fact = &person->facts[at];
	return (struct join_event){.fact = *fact, .id = person_fact_id(person, fact), .safe_ms = safe_ms};
}

/* Whether the facts of a click, in join->other, all come after what the claimant has. */
static bool can_append_all(const struct join *join, const struct blob_header *claimant, int64_t safe_ms)
{
	enum { ADOPTED_MAX = JOIN_TAIL_SLACK / 2 };
	const struct person *click = &join->other;
	if (click->fact_count > ADOPTED_MAX ||
	    claimant->record_count + click->fact_count > join->options->max_tail)
		return false;
	for (size_t i = 0; i < click->fact_count; i++) {
		struct join_event moved = event_of_fact(click, i, safe_ms);
		if (!can_append(join, claimant, &moved, false))
			return false;
	}
	return true;
}

/* The click's facts move behind what the claimant has. */
static void append_all(struct join *join, const struct join_event *event, struct step_list *out)
{
	struct fold_context ctx = fold_context(join);
	const struct person *click = &join->other;
	join->before.count = join->after.count = 0;
	ladder_reset(&join->base);
	for (size_t i = 0; i < click->fact_count; i++)
		fold_event(&ctx, &join->base, &click->facts[i], &join->before);
	for (size_t i = 0; i < click->fact_count; i++) {
		struct join_event moved = event_of_fact(click, i, event->safe_ms);
		append(join, event->user, find(join, event->user), &moved, &join->after);
	}
	push_difference(join, out);
}

/* The usual claims: of a click that nobody else claimed, by one who is new or did all he did before it. */
static bool adopt(struct join *join, const struct blob_header *click, const struct join_event *event,
		  const struct claim *claim, struct step_list *out)
{
	const struct blob_header *claimant = find(join, event->user);
	if (click && click->has_rare)
		return false;
	if (click && !claimant) {
		adopt_all(join, click, event);
	} else if (click) {
		load(join, &join->other, event->click);
		if (!can_append_all(join, claimant, event->safe_ms))
			return false;
		append_all(join, event, out);
	}
	put_claimed(join, event, claim);
	return true;
}

/* An event with both ids: its user claims its click, if nobody did so before. */
static void claim_click(struct join *join, const struct join_event *event, struct step_list *out)
{
	struct claim claim = {.person = event->user, .time_ms = event->fact.time_ms, .tie = event->tie};
	struct claim before;
	struct slice before_id;
	const struct blob_header *blob = find(join, event->click);
	bool is_claimed = blob && blob_claim(blob, &before, &before_id);
	if (is_claimed && claim_compare(&claim, event->id, &before, before_id) >= 0)
		return;
	if (!is_claimed && adopt(join, blob, event, &claim, out))
		return;
	load(join, &join->other, event->click);
	struct key128 owner = is_claimed ? before.person : event->click;
	join->other.claim = claim;
	join->other.claim_id.len = 0;
	buffer_put(&join->other.claim_id, event->id.data, event->id.len);
	store(join, &join->other);
	if (key128_equal(owner, event->user))
		return;
	if (!key128_equal(owner, event->click))
		load(join, &join->other, owner);
	if (join->other.fact_count == 0)
		return;
	load(join, &join->person, event->user);
	fold_in_old(join, &join->person, event->safe_ms);
	move_facts(join, short_click(event->click), out);
	store(join, &join->other);
	store(join, &join->person);
}

static enum join_class take_slowly(struct join *join, struct key128 key, const struct join_event *event,
				   bool is_click, struct step_list *out)
{
	load(join, &join->person, key);
	if (!is_click) /* a click may still be claimed: it keeps all it has */
		fold_in_old(join, &join->person, event->safe_ms);
	enum join_class class = add_fact(join, &join->person, &event->fact, event->id, out);
	store(join, &join->person);
	return class;
}

enum join_class join_take(struct join *join, const struct join_event *event, struct step_list *out)
{
	bool is_click = !has_user(event);
	struct key128 key = is_click ? event->click : event->user;
	struct claim claim;
	struct slice claim_id;
	if (!is_click && event->fact.click && !join->abroad)
		claim_click(join, event, out);
	else if (!is_click && event->fact.click)
		abroad_claim(join, event, out);
	const struct blob_header *blob = find(join, key);
	if (is_click && blob && blob_claim(blob, &claim, &claim_id)) {
		if (claim.abroad && join->abroad)
			return abroad_hold(join, event);
		key = claim.person;
		blob = find(join, key);
		is_click = false;
	}
	if (blob && !can_append(join, blob, event, is_click))
		return take_slowly(join, key, event, is_click, out);
	append(join, key, blob, event, out);
	return JOIN_APPLIED;
}

void join_claim_click(struct join *join, const struct join_event *event, struct step_list *out)
{
	claim_click(join, event, out);
}

enum join_class join_add_fact(struct join *join, struct person *person, const struct fact *fact,
			      struct slice id, struct step_list *out)
{
	return add_fact(join, person, fact, id, out);
}

void join_add_old_click(struct join *join, struct person *to, const struct fact *fact, struct step_list *out)
{
	add_old_click(join, to, fact, out);
}

void join_move_facts(struct join *join, struct key128 click, struct step_list *out)
{
	move_facts(join, short_click(click), out);
}

void join_load(struct join *join, struct person *person, struct key128 key)
{
	load(join, person, key);
}

void join_store(struct join *join, const struct person *person)
{
	store(join, person);
}

uint64_t join_short_click(struct key128 click)
{
	return short_click(click);
}

/* The prefix stands for its people only: where each series last heard of him. */
static void push_prefix_people(const struct join *join, const struct ladder *ladder, struct step_list *out)
{
	for (size_t i = 0; i < ladder->fixed.conversation_count; i++) {
		const struct conversation *conversation = &ladder->conversations[i];
		for (enum level level = 0; level < LEVEL_COUNT; level++) {
			const struct series *ad = &join->series->series[conversation->ad];
			uint32_t series = level == LEVEL_AD ? conversation->ad : ad->parents[level];
			bool is_latest = series != SERIES_NONE;
			for (size_t j = 0; j < ladder->fixed.conversation_count && is_latest; j++) {
				const struct conversation *other = &ladder->conversations[j];
				uint32_t other_series = level == LEVEL_AD
							? other->ad
							: join->series->series[other->ad].parents[level];
				bool is_newer = other->last_in_ms > conversation->last_in_ms ||
						(other->last_in_ms == conversation->last_in_ms && j > i);
				is_latest = other_series != series || !is_newer;
			}
			if (is_latest)
				step_list_push(out,
					       &(struct step){conversation->last_in_ms, TIME_NONE, 1, series,
							      SLOT_WROTE});
		}
	}
}

void join_steps_of_person(struct join *join, struct slice blob, struct step_list *out)
{
	struct fold_context ctx = fold_context(join);
	CHECK(person_load(&join->person, blob));
	if (join->person.claim.abroad)
		return;
	push_prefix_people(join, &join->person.prefix, out);
	ladder_copy(&join->scratch, &join->person.prefix);
	for (size_t i = 0; i < join->person.fact_count; i++)
		fold_event(&ctx, &join->scratch, &join->person.facts[i], out);
}

/* Every ad that a message of the tail can be given to stands in a fact of it or in the prefix. */
bool join_person_is_at(struct join *join, struct slice blob, const bool *is_marked)
{
	CHECK(person_load(&join->person, blob));
	const struct person *person = &join->person;
	const struct ladder *prefix = &person->prefix;
	bool is_at = prefix->fixed.touch_ad != SERIES_NONE && is_marked[prefix->fixed.touch_ad];
	for (size_t i = 0; i < prefix->fixed.conversation_count; i++)
		is_at |= is_marked[prefix->conversations[i].ad];
	for (size_t i = 0; i < prefix->fixed.touch_count; i++)
		is_at |= is_marked[prefix->touches[i].ad];
	for (size_t i = 0; i < person->fact_count; i++)
		is_at |= person->facts[i].ad != SERIES_NONE && is_marked[person->facts[i].ad];
	return is_at;
}
