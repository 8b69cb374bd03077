#include "daemon/audit_sums.h"

#include <stdlib.h>

#include "core/join/join.h"
#include "daemon/audit_sums_private.h"
#include "daemon/shuffle.h"

enum { DOMAIN_AD = 'a' };

/* People are compared with nobody. */
static const unsigned char hash_key[16];

enum fate { FATE_ALIVE, FATE_IGNORED, FATE_REJECTED, FATE_LATE };

struct item {
	enum fate fate;
	enum reason reason; /* FATE_REJECTED */
	struct audit_event event; /* else: its task is where it belongs */
};

struct audit_sums *audit_sums_create(const struct config *config, const struct audit_state *state)
{
	struct audit_sums *sums = calloc(1, sizeof(*sums));
	CHECK(sums);
	sums->config = config;
	sums->state = state;
	sums->shuffle = config_shuffle(config);
	sums->decoder = decoder_create(&(struct decode_limits){
		.record_bytes = (size_t)config->limits.record_bytes,
		.id_bytes = (size_t)config->limits.id_bytes,
		.depth = config->limits.depth,
	});
	sums->tallies = calloc(state->task_count * state->input_count, sizeof(*sums->tallies));
	sums->late = calloc(state->input_count, sizeof(*sums->late));
	sums->on_way = calloc(state->input_count, sizeof(*sums->on_way));
	CHECK(sums->tallies && sums->late && sums->on_way);
	return sums;
}

void audit_sums_destroy(struct audit_sums *sums)
{
	decoder_destroy(sums->decoder);
	audit_applied_destroy(&sums->applied);
	buffer_destroy(&sums->items);
	free(sums->tallies);
	free(sums->late);
	free(sums->on_way);
	free(sums);
}

static void worsen(struct audit_tally *tally, enum audit_view view)
{
	if (tally->view < view)
		tally->view = view;
}

/* One that was added meanwhile has nothing stored. */
static bool is_known(const struct audit_sums *sums, size_t partition)
{
	return partition < sums->state->task_count;
}

void audit_sums_note_gap(struct audit_sums *sums, size_t input, uint32_t partition)
{
	if (is_known(sums, partition))
		worsen(audit_tally_of(sums, input, partition), AUDIT_VIEW_NONE);
}

/* ---- A record's events, by themselves ---- */

struct taking {
	struct audit_sums *sums;
	const struct audit_record *record;
};

static struct key128 key_of(const struct event *event)
{
	if (event->type == EVENT_SPEND)
		return hash_keyed(hash_key, DOMAIN_AD, event->ad);
	return event->user.len ? join_key_of_user(hash_key, event->user)
			       : join_key_of_click(hash_key, event->click_id);
}

static uint32_t home_of(const struct taking *taking, const struct event *event)
{
	const struct audit_sums *sums = taking->sums;
	const uint32_t partition = (uint32_t)taking->record->partition;
	const struct task_place place = {
		.home_count = config_home_count(sums->config, sums->state->task_count),
		.users = sums->shuffle.users,
		.clicks = sums->shuffle.clicks,
	};
	if (!sums->shuffle.is_on)
		return partition;
	return sums->shuffle.is_by_key ? shuffle_record_home(place.users, place.home_count, partition,
							     taking->record->record->key)
				       : task_home(&place, event);
}

static void take_event(void *ctx, const struct event *event, struct slice bytes)
{
	struct taking *taking = ctx;
	struct audit_sums *sums = taking->sums;
	unsigned type_mask = sums->config->kafka.inputs.items[taking->record->topic].types;
	struct item item = {.fate = FATE_ALIVE};
	(void)bytes;
	if (!(type_mask >> event->type & 1)) {
		item.fate = FATE_IGNORED;
	} else if (event_is_rejected(&sums->config->options, event, TIME_NONE, &item.reason)) {
		item.fate = FATE_REJECTED;
	} else {
		item.event = (struct audit_event){
			.key = key_of(event),
			.id_hash = hash_text(event->id),
			.task = home_of(taking, event),
			.input = (uint16_t)taking->record->topic,
			.is_of_click = event->type != EVENT_SPEND && event->user.len == 0,
		};
		if (event->type != EVENT_SPEND && event->user.len && event->click_id.len)
			audit_applied_put_claim(&sums->applied, &(struct audit_claim){
				join_key_of_click(hash_key, event->click_id), item.event.key});
	}
	buffer_put(&sums->items, &item, sizeof(item));
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice bytes)
{
	struct taking *taking = ctx;
	const struct item item = {.fate = FATE_REJECTED, .reason = reason};
	(void)detail, (void)bytes;
	buffer_put(&taking->sums->items, &item, sizeof(item));
}

/* ---- And by its letters ---- */

/* Rejected only where it was read in a certain moment, or where it was to be sent from. */
static bool is_of_run(const struct audit_letter *letter)
{
	return audit_letter_is_of_time(letter) || letter->reason == REASON_too_large;
}

/* The last one was written by the run whose state is stored. */
static void judge_one(struct item *item, const struct audit_letter *letter)
{
	bool may_be_of_future = item->fate == FATE_REJECTED && item->reason == REASON_currency;
	if (item->fate == FATE_ALIVE && letter->is_late) {
		item->fate = FATE_LATE;
	} else if ((item->fate == FATE_ALIVE && is_of_run(letter)) ||
		   (may_be_of_future && letter->reason == REASON_future)) {
		item->fate = FATE_REJECTED;
		item->reason = letter->reason;
	}
}

/* False: some of its events were late, or of the future, and nobody says which. */
static bool judge(struct item *items, size_t count, const struct audit_letter *letters, size_t letter_count)
{
	size_t rejected_count = 0;
	if (count == 1 && letter_count) {
		judge_one(items, &letters[letter_count - 1]);
		return true;
	}
	for (size_t i = 0; i < count; i++)
		rejected_count += items[i].fate == FATE_REJECTED;
	for (size_t i = 0; i < letter_count; i++)
		if (audit_letter_is_of_time(&letters[i]) || letters[i].dead_count > rejected_count)
			return false;
	return true;
}

/* ---- Counting ---- */

static void widen(struct audit_range *range, bool is_certain, bool may_be)
{
	range->low += is_certain;
	range->high += may_be;
}

/* It was late where it was read, or where it belongs. `is_read`: where it was read it is counted; `has_come`:
 * where it belongs it would be, had it been forwarded. */
static void count_late(struct audit_sums *sums, const struct audit_record *record, const struct item *item,
		       bool is_read, bool has_come)
{
	struct audit_tally *here = audit_tally_of(sums, record->topic, (size_t)record->partition);
	struct audit_tally *there = audit_tally_of(sums, record->topic, item->event.task);
	if (here == there) {
		widen(&here->late, is_read, is_read);
		widen(&sums->late[record->topic], is_read, is_read);
		return;
	}
	widen(&here->late, false, is_read);
	widen(&here->forwarded, false, is_read);
	widen(&there->late, false, has_come);
	widen(&there->received, false, has_come);
	widen(&sums->late[record->topic], is_read && has_come, is_read || has_come);
}

static void count_alive(struct audit_sums *sums, const struct audit_record *record, const struct item *item,
			bool is_read, bool has_come)
{
	struct audit_tally *here = audit_tally_of(sums, record->topic, (size_t)record->partition);
	struct audit_tally *there = audit_tally_of(sums, record->topic, item->event.task);
	if (here != there) {
		widen(&here->forwarded, is_read, is_read);
		widen(&there->received, has_come, has_come);
		sums->on_way[record->topic] += is_read && !has_come;
	}
	if (here == there ? !is_read : !has_come)
		return;
	there->taken++;
	audit_applied_put(&sums->applied, &item->event);
}

static void count_item(struct audit_sums *sums, const struct audit_record *record, const struct item *item,
		       uint32_t number, bool is_read)
{
	size_t partition = (size_t)record->partition;
	struct audit_tally *here = audit_tally_of(sums, record->topic, partition);
	here->decoded += is_read;
	if (item->fate == FATE_REJECTED) {
		here->reasons[item->reason] += is_read;
	} else if (item->fate == FATE_IGNORED) {
		here->ignored += is_read;
	} else {
		bool has_come = marks_have(&sums->state->tasks[item->event.task].marks, record->topic,
					   partition, 0, (struct mark_place){record->record->offset, number});
		if (item->fate == FATE_LATE)
			count_late(sums, record, item, is_read, has_come);
		else
			count_alive(sums, record, item, is_read, has_come);
	}
}

void audit_sums_take(struct audit_sums *sums, const struct audit_record *record,
		     const struct audit_letter *letters, size_t letter_count)
{
	size_t partition = (size_t)record->partition;
	if (!is_known(sums, partition))
		return;
	struct audit_tally *tally = audit_tally_of(sums, record->topic, partition);
	bool is_read = record->record->offset < audit_stored_of(sums, record->topic, partition)->offset;
	sums->items.len = 0;
	decode_record(sums->decoder, record->record->value,
		      &(struct decode_sink){take_event, take_reject, &(struct taking){sums, record}});
	struct item *items = (struct item *)(void *)sums->items.data;
	size_t count = sums->items.len / sizeof(*items);
	if (!judge(items, count, letters, letter_count))
		worsen(tally, AUDIT_VIEW_PART);
	for (size_t i = 0; i < count; i++)
		count_item(sums, record, &items[i], (uint32_t)i, is_read);
	tally->end = record->record->offset + 1;
	tally->behind_count += !is_read;
}
