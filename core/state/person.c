#include "core/state/person.h"

#include <stdlib.h>

void ladder_reset(struct ladder *ladder)
{
	ladder->fixed = (struct ladder_fixed){
		.last_ms = TIME_NONE,
		.touch_ms = TIME_NONE,
		.touch_ad = SERIES_NONE,
		.ongoing = CONVERSATION_NONE,
		.opened_last = CONVERSATION_NONE,
	};
}

void ladder_destroy(struct ladder *ladder)
{
	free(ladder->conversations);
	free(ladder->touches);
	*ladder = (struct ladder){0};
}

bool ladder_is_empty(const struct ladder *ladder)
{
	return ladder->fixed.last_ms == TIME_NONE;
}

static void *grow(void *array, size_t *capacity, size_t count, size_t size)
{
	if (count <= *capacity)
		return array;
	size_t wanted = *capacity ? *capacity : 4;
	while (wanted < count)
		wanted *= 2;
	array = realloc(array, wanted * size);
	CHECK(array);
	*capacity = wanted;
	return array;
}

void ladder_grow(struct ladder *ladder)
{
	ladder->conversations = grow(ladder->conversations, &ladder->conversation_capacity,
				     ladder->fixed.conversation_count, sizeof(struct conversation));
	ladder->touches = grow(ladder->touches, &ladder->touch_capacity, ladder->fixed.touch_count,
			       sizeof(struct touch));
}

static void copy_array(void *to, const void *from, size_t len)
{
	if (len)
		memcpy(to, from, len);
}

void ladder_copy(struct ladder *to, const struct ladder *from)
{
	to->fixed = from->fixed;
	ladder_make_room(to);
	copy_array(to->conversations, from->conversations,
		   from->fixed.conversation_count * sizeof(struct conversation));
	copy_array(to->touches, from->touches, from->fixed.touch_count * sizeof(struct touch));
}

static struct conversation *oldest_conversation(const struct ladder *ladder)
{
	struct conversation *oldest = NULL;
	for (uint16_t i = 0; i < ladder->fixed.conversation_count; i++) {
		struct conversation *conversation = &ladder->conversations[i];
		if (i == ladder->fixed.ongoing || i == ladder->fixed.opened_last)
			continue;
		if (!oldest || conversation->last_in_ms < oldest->last_in_ms)
			oldest = conversation;
	}
	return oldest;
}

struct conversation *ladder_add_conversation(struct ladder *ladder)
{
	if (ladder->fixed.conversation_count >= CONVERSATION_COUNT_MAX)
		return oldest_conversation(ladder);
	ladder->fixed.conversation_count++;
	ladder_make_room(ladder);
	return &ladder->conversations[ladder->fixed.conversation_count - 1];
}

struct touch *ladder_find_touch(const struct ladder *ladder, uint64_t click)
{
	for (size_t i = 0; i < ladder->fixed.touch_count; i++)
		if (ladder->touches[i].click == click)
			return &ladder->touches[i];
	return NULL;
}

static struct touch *add_touch(struct ladder *ladder)
{
	if (ladder->fixed.touch_count < TOUCH_COUNT_MAX) {
		ladder->fixed.touch_count++;
		ladder_make_room(ladder);
		struct touch *touch = &ladder->touches[ladder->fixed.touch_count - 1];
		touch->time_ms = TIME_NONE;
		return touch;
	}
	struct touch *oldest = ladder->touches;
	for (size_t i = 1; i < ladder->fixed.touch_count; i++)
		if (ladder->touches[i].time_ms < oldest->time_ms)
			oldest = &ladder->touches[i];
	return oldest;
}

void ladder_set_touch(struct ladder *ladder, uint64_t click, int64_t time_ms, uint32_t ad)
{
	struct touch *touch = ladder_find_touch(ladder, click);
	if (!touch) {
		touch = add_touch(ladder);
		if (touch->time_ms > time_ms)
			return;
	}
	*touch = (struct touch){.time_ms = time_ms, .click = click, .ad = ad};
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_places(const struct fact *a, struct slice a_id, const struct fact *b, struct slice b_id)
{
	int order = compare_numbers(a->time_ms, b->time_ms);
	if (order == 0)
		order = compare_numbers(a->rank, b->rank);
	return order ? order : slice_compare(a_id, b_id);
}

int fact_compare(const struct fact *a, const char *a_ids, const struct fact *b, const char *b_ids)
{
	return compare_places(a, (struct slice){a_ids + a->id_at, a->id_len}, b,
			      (struct slice){b_ids + b->id_at, b->id_len});
}

static struct slice series_id(const struct series_table *table, uint32_t series)
{
	return series == SERIES_NONE ? (struct slice){NULL, 0} : table->series[series].id;
}

int fact_compare_content(const struct fact *a, const struct series_table *a_table, const struct fact *b,
			 const struct series_table *b_table)
{
	const int64_t numbers[][2] = {
		{a->stage, b->stage},
		{a->kind, b->kind},
		{a->is_auto, b->is_auto},
		{a->is_by_click, b->is_by_click},
		{a->click != 0, b->click != 0},
		{a->money_micros, b->money_micros},
	};
	int order = 0;
	for (size_t i = 0; order == 0 && i < sizeof(numbers) / sizeof(*numbers); i++)
		order = compare_numbers(numbers[i][0], numbers[i][1]);
	if (order == 0)
		order = slice_compare(series_id(a_table, a->ad), series_id(b_table, b->ad));
	if (order == 0)
		order = slice_compare(series_id(a_table, a->organic), series_id(b_table, b->organic));
	return order ? order : (a->click > b->click) - (a->click < b->click);
}

uint32_t claim_tie(struct slice user)
{
	return (uint16_t)hash_text(user);
}

int claim_compare(const struct claim *a, struct slice a_id, const struct claim *b, struct slice b_id)
{
	int order = compare_numbers(a->time_ms, b->time_ms);
	if (order == 0)
		order = slice_compare(a_id, b_id);
	if (order == 0)
		order = compare_numbers(a->tie, b->tie);
	return order ? order : key128_compare(a->person, b->person);
}

void person_reset(struct person *person, struct key128 key)
{
	person->key = key;
	ladder_reset(&person->prefix);
	ladder_reset(&person->head);
	person->fact_count = 0;
	person->ids.len = 0;
	person->claim = (struct claim){.time_ms = TIME_NONE};
	person->claim_id.len = 0;
	person->horizon = (struct fact){.time_ms = TIME_NONE};
	person->horizon_id.len = 0;
}

void person_destroy(struct person *person)
{
	ladder_destroy(&person->prefix);
	ladder_destroy(&person->head);
	free(person->facts);
	buffer_destroy(&person->ids);
	buffer_destroy(&person->claim_id);
	buffer_destroy(&person->horizon_id);
}

void person_add_fact(struct person *person, const struct fact *fact)
{
	person->facts =
		grow(person->facts, &person->fact_capacity, person->fact_count + 1, sizeof(*person->facts));
	person->facts[person->fact_count++] = *fact;
}

void person_insert_fact(struct person *person, size_t at, const struct fact *fact, struct slice id)
{
	CHECK(at <= person->fact_count);
	person->facts =
		grow(person->facts, &person->fact_capacity, person->fact_count + 1, sizeof(*person->facts));
	memmove(&person->facts[at + 1], &person->facts[at], (person->fact_count - at) * sizeof(*fact));
	person->facts[at] = *fact;
	person->facts[at].id_at = (uint32_t)person->ids.len;
	person->facts[at].id_len = (uint16_t)id.len;
	person->fact_count++;
	buffer_put(&person->ids, id.data, id.len);
}

void person_remove_fact(struct person *person, size_t at)
{
	CHECK(at < person->fact_count);
	person->fact_count--;
	memmove(&person->facts[at], &person->facts[at + 1],
		(person->fact_count - at) * sizeof(*person->facts));
}

void person_set_horizon(struct person *person, size_t at)
{
	struct slice id = person_fact_id(person, &person->facts[at]);
	person->horizon = person->facts[at];
	person->horizon_id.len = 0;
	buffer_put(&person->horizon_id, id.data, id.len);
}

bool person_has_passed(const struct person *person, const struct fact *fact, struct slice id)
{
	return fact->time_ms < person->prefix.fixed.last_ms ||
	       compare_places(fact, id, &person->horizon, buffer_slice(&person->horizon_id)) <= 0;
}

size_t person_find_place(const struct person *person, const struct fact *fact, struct slice id)
{
	struct fact wanted = *fact;
	wanted.id_at = 0;
	wanted.id_len = (uint16_t)id.len;
	size_t at = person->fact_count;
	while (at > 0 && fact_compare(&person->facts[at - 1], person->ids.data, &wanted, id.data) > 0)
		at--;
	return at;
}

size_t person_find_id(const struct person *person, uint64_t id_hash, struct slice id)
{
	for (size_t i = 0; i < person->fact_count; i++)
		if (person->facts[i].id_hash == id_hash &&
		    slice_equal(person_fact_id(person, &person->facts[i]), id))
			return i;
	return person->fact_count;
}

struct bounds {
	const struct series_table *table;
	int64_t now_ms;
};

static bool is_ad(const struct bounds *bounds, uint32_t series)
{
	return series < bounds->table->count && bounds->table->series[series].level == LEVEL_AD;
}

static bool is_time(const struct bounds *bounds, int64_t time_ms)
{
	return time_ms >= 0 && time_ms <= bounds->now_ms;
}

static bool is_time_or_none(const struct bounds *bounds, int64_t time_ms)
{
	return time_ms == TIME_NONE || is_time(bounds, time_ms);
}

static bool conversation_is_sound(const struct bounds *bounds, const struct conversation *conversation)
{
	return is_time(bounds, conversation->opened_ms) && is_time(bounds, conversation->last_in_ms) &&
	       is_time(bounds, conversation->last_message_ms) &&
	       is_time_or_none(bounds, conversation->first_out_ms) &&
	       is_ad(bounds, conversation->ad) && conversation->kind <= KIND_ENGAGED &&
	       conversation->said <= SAID_LOST && conversation->band <= BAND_NONE;
}

static bool is_conversation_number(const struct ladder_fixed *fixed, uint16_t number)
{
	return number < fixed->conversation_count || number == CONVERSATION_NONE;
}

static bool ladder_is_sound(const struct bounds *bounds, const struct ladder *ladder)
{
	const struct ladder_fixed *fixed = &ladder->fixed;
	bool has_touch = fixed->touch_ms != TIME_NONE || fixed->touch_ad != SERIES_NONE;
	bool is_sound = is_time_or_none(bounds, fixed->last_ms) && is_time_or_none(bounds, fixed->touch_ms) &&
			(!has_touch || is_ad(bounds, fixed->touch_ad)) &&
			is_conversation_number(fixed, fixed->ongoing) &&
			is_conversation_number(fixed, fixed->opened_last) &&
			fixed->conversation_count <= CONVERSATION_COUNT_MAX &&
			fixed->touch_count <= TOUCH_COUNT_MAX;
	for (size_t i = 0; is_sound && i < fixed->conversation_count; i++)
		is_sound = conversation_is_sound(bounds, &ladder->conversations[i]);
	for (size_t i = 0; is_sound && i < fixed->touch_count; i++)
		is_sound = is_time(bounds, ladder->touches[i].time_ms) &&
			   is_ad(bounds, ladder->touches[i].ad);
	return is_sound;
}

static bool fact_is_sound(const struct bounds *bounds, const struct fact *fact)
{
	bool has_ad = fact->ad != SERIES_NONE || fact->rank == RANK_CLICK;
	return is_time(bounds, fact->time_ms) && fact->money_micros >= 0 &&
	       fact->money_micros <= EVENT_MONEY_MAX_MICROS && fact->rank <= RANK_OUTCOME &&
	       (!has_ad || is_ad(bounds, fact->ad)) && is_ad(bounds, fact->organic);
}

bool person_is_sound(const struct person *person, const struct series_table *table, int64_t now_ms)
{
	const struct bounds bounds = {table, now_ms};
	bool is_sound = ladder_is_sound(&bounds, &person->head) && ladder_is_sound(&bounds, &person->prefix);
	if (person->fact_count > 0)
		is_sound &= person->facts[person->fact_count - 1].time_ms == person->head.fixed.last_ms;
	for (size_t i = 0; is_sound && i < person->fact_count; i++)
		is_sound = fact_is_sound(&bounds, &person->facts[i]);
	return is_sound;
}
