#include "daemon/bulletin.h"

#include <stdlib.h>

#include "core/base/rfc3339.h"

struct bulletin *bulletin_create(void)
{
	struct bulletin *bulletin = calloc(1, sizeof(*bulletin));
	CHECK(bulletin);
	bulletin->now_ms = bulletin->position_ms = TIME_NONE;
	return bulletin;
}

void bulletin_destroy(struct bulletin *bulletin)
{
	buffer_destroy(&bulletin->notes);
	free(bulletin);
}

void bulletin_put_task(struct bulletin *bulletin, uint32_t task, uint64_t term)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_TASK);
	buffer_put_unsigned(&bulletin->notes, task);
	buffer_put_unsigned(&bulletin->notes, term);
}

void bulletin_put_mark(struct bulletin *bulletin, enum note_kind kind)
{
	buffer_put_unsigned(&bulletin->notes, kind);
}

void bulletin_put_activity(struct bulletin *bulletin, size_t input, uint64_t event_count)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_ACTIVITY);
	buffer_put_unsigned(&bulletin->notes, input);
	buffer_put_unsigned(&bulletin->notes, event_count);
}

void bulletin_put_activity_before(struct bulletin *bulletin, size_t input,
				  const struct activity_digest *digest)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_ACTIVITY_BEFORE);
	buffer_put_unsigned(&bulletin->notes, input);
	activity_digest_put(digest, &bulletin->notes);
}

void bulletin_put_covered(struct bulletin *bulletin, int64_t since_ms, int64_t time_ms)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_COVERED);
	buffer_put_signed(&bulletin->notes, since_ms);
	buffer_put_signed(&bulletin->notes, time_ms);
}

void bulletin_put_confirmed(struct bulletin *bulletin, int64_t position_ms)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_CONFIRMED);
	buffer_put_signed(&bulletin->notes, position_ms);
}

void bulletin_put_parents(struct bulletin *bulletin, struct slice ad, const struct parents *parents)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_PARENTS);
	buffer_put_text(&bulletin->notes, ad);
	for (int level = 0; level < PARENT_COUNT; level++)
		buffer_put_text(&bulletin->notes, parents->ids[level]);
}

static void put_names(void *ctx, struct slice ad, const struct names *names)
{
	struct bulletin *bulletin = ctx;
	buffer_put_unsigned(&bulletin->notes, NOTE_NAMES);
	buffer_put_text(&bulletin->notes, ad);
	names_encode(names, &bulletin->notes);
}

static void put_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct bulletin *bulletin = ctx;
	buffer_put_unsigned(&bulletin->notes, NOTE_REPORTS);
	buffer_put_text(&bulletin->notes, ad);
	struct reports best = {0};
	size_t at = 0;
	for (const struct report *report; (report = reports_next(reports, &at));)
		reports_put_best(&best, report);
	reports_encode(&best, &bulletin->notes);
	reports_destroy(&best);
}

static void put_ref(struct bulletin *bulletin, struct entity_ref ref)
{
	buffer_put_unsigned(&bulletin->notes, ref.level);
	buffer_put_unsigned(&bulletin->notes, ref.is_organic);
	buffer_put_text(&bulletin->notes, ref.id);
}

static void put_numbers(struct bulletin *bulletin, const struct pane *pane, int64_t people)
{
	buffer_put_signed(&bulletin->notes, people);
	buffer_put_unsigned(&bulletin->notes, pane != NULL);
	if (pane)
		pane_encode(pane, &bulletin->notes);
}

static void put_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
		       int64_t people)
{
	struct bulletin *bulletin = ctx;
	buffer_put_unsigned(&bulletin->notes, NOTE_WINDOW);
	put_ref(bulletin, ref);
	buffer_put_unsigned(&bulletin->notes, window);
	put_numbers(bulletin, pane, people);
}

static void put_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		     const struct pane *pane, int64_t people)
{
	struct bulletin *bulletin = ctx;
	buffer_put_unsigned(&bulletin->notes, NOTE_SPAN);
	put_ref(bulletin, ref);
	buffer_put_unsigned(&bulletin->notes, is_day);
	buffer_put_signed(&bulletin->notes, from_ms);
	buffer_put_signed(&bulletin->notes, to_ms);
	put_numbers(bulletin, pane, people);
}

struct task_sink bulletin_sink(struct bulletin *bulletin)
{
	return (struct task_sink){put_names, put_reports, put_window, put_span, bulletin};
}

static void put_optional(struct buffer *out, struct slice text)
{
	buffer_put_unsigned(out, text.data != NULL);
	if (text.data)
		buffer_put_text(out, text);
}

static struct slice get_optional(struct reader *reader)
{
	return reader_unsigned(reader) ? reader_text(reader) : (struct slice){NULL, 0};
}

void dead_letter_put_header(struct buffer *headers, struct slice name, struct slice value)
{
	buffer_put_text(headers, name);
	put_optional(headers, value);
}

void dead_letter_get_header(struct reader *headers, struct slice *name, struct slice *value)
{
	*name = reader_text(headers);
	*value = get_optional(headers);
}

void bulletin_put_dead(struct bulletin *bulletin, const struct dead_letter *letter)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_DEAD);
	buffer_put_unsigned(&bulletin->notes, letter->sequence);
	put_optional(&bulletin->notes, letter->key);
	put_optional(&bulletin->notes, letter->value);
	buffer_put_text(&bulletin->notes, letter->headers);
}

void bulletin_put_forward(struct bulletin *bulletin, const struct forward *forward)
{
	buffer_put_unsigned(&bulletin->notes, NOTE_FORWARD);
	buffer_put_unsigned(&bulletin->notes, forward->sequence);
	buffer_put_unsigned(&bulletin->notes, forward->task);
	buffer_put_text(&bulletin->notes, forward->value);
}

static void read_names(struct reader *reader, const struct bulletin_reader *to)
{
	struct slice ad = reader_text(reader);
	struct names names;
	names_create(&names);
	names_decode(&names, reader);
	if (!reader->failed)
		to->names(to->ctx, ad, &names);
	names_destroy(&names);
}

static void read_reports(struct reader *reader, const struct bulletin_reader *to)
{
	struct slice ad = reader_text(reader);
	struct reports reports = {0};
	reports_decode(&reports, reader);
	if (!reader->failed)
		to->reports(to->ctx, ad, &reports);
	reports_destroy(&reports);
}

static struct entity_ref read_ref(struct reader *reader)
{
	struct entity_ref ref = {.level = (enum level)reader_unsigned(reader)};
	ref.is_organic = reader_unsigned(reader) != 0;
	ref.id = reader_text(reader);
	reader->failed |= (unsigned)ref.level >= LEVEL_COUNT;
	return ref;
}

/* The pane, if there is one, in `pane`, which is zero. */
static const struct pane *read_numbers(struct reader *reader, struct pane *pane, int64_t *people)
{
	*people = reader_signed(reader);
	if (!reader_unsigned(reader))
		return NULL;
	pane_decode(pane, reader);
	return pane;
}

static void read_window(struct reader *reader, size_t window_count, const struct bulletin_reader *to)
{
	struct pane numbers = {0};
	struct entity_ref ref = read_ref(reader);
	size_t window = reader_unsigned(reader);
	int64_t people;
	const struct pane *pane = read_numbers(reader, &numbers, &people);
	reader->failed |= window >= window_count;
	if (!reader->failed)
		to->window(to->ctx, ref, window, pane, people);
	pane_clear(&numbers);
}

static void read_span(struct reader *reader, const struct bulletin_reader *to)
{
	struct pane numbers = {0};
	struct entity_ref ref = read_ref(reader);
	bool is_day = reader_unsigned(reader) != 0;
	int64_t from_ms = reader_signed(reader);
	int64_t to_ms = reader_signed(reader);
	int64_t people;
	const struct pane *pane = read_numbers(reader, &numbers, &people);
	const int64_t longest_ms = is_day ? 2 * (int64_t)UTC_DAY_MS : HOUR_MS;
	reader->failed |= from_ms < 0 || from_ms > TIME_MAX_MS || from_ms >= to_ms ||
			  to_ms - from_ms > longest_ms;
	if (!reader->failed)
		to->span(to->ctx, ref, is_day, from_ms, to_ms, pane, people);
	pane_clear(&numbers);
}

static void read_dead(struct reader *reader, const struct bulletin_reader *to)
{
	struct dead_letter letter = {.sequence = reader_unsigned(reader)};
	letter.key = get_optional(reader);
	letter.value = get_optional(reader);
	letter.headers = reader_text(reader);
	if (!reader->failed)
		to->dead(to->ctx, &letter);
}

static void read_forward(struct reader *reader, const struct bulletin_reader *to)
{
	struct forward forward = {.sequence = reader_unsigned(reader)};
	forward.task = (uint32_t)reader_unsigned(reader);
	forward.value = reader_text(reader);
	if (!reader->failed)
		to->forward(to->ctx, &forward);
}

static void read_parents(struct reader *reader, const struct bulletin_reader *to)
{
	struct slice ad = reader_text(reader);
	struct parents parents;
	for (int level = 0; level < PARENT_COUNT; level++)
		parents.ids[level] = reader_text(reader);
	if (!reader->failed)
		to->parents(to->ctx, ad, &parents);
}

static void read_task(struct reader *reader, const struct bulletin_reader *to)
{
	uint32_t task = (uint32_t)reader_unsigned(reader);
	uint64_t term = reader_unsigned(reader);
	if (!reader->failed)
		to->task(to->ctx, task, term);
}

static void read_confirmed(struct reader *reader, const struct bulletin_reader *to)
{
	int64_t position_ms = reader_signed(reader);
	if (!reader->failed)
		to->confirmed(to->ctx, position_ms);
}

static void read_covered(struct reader *reader, const struct bulletin_reader *to)
{
	int64_t since_ms = reader_signed(reader);
	int64_t time_ms = reader_signed(reader);
	if (!reader->failed)
		to->covered(to->ctx, since_ms, time_ms);
}

static void read_activity(struct reader *reader, const struct bulletin_reader *to)
{
	size_t input = reader_unsigned(reader);
	uint64_t event_count = reader_unsigned(reader);
	if (!reader->failed)
		to->activity(to->ctx, input, event_count);
}

static void read_activity_before(struct reader *reader, const struct bulletin_reader *to)
{
	size_t input = reader_unsigned(reader);
	struct activity_digest digest = activity_digest_get(reader);
	if (!reader->failed)
		to->activity_before(to->ctx, input, &digest);
}

static void read_note(struct reader *reader, size_t window_count, const struct bulletin_reader *to)
{
	enum note_kind kind = (enum note_kind)reader_unsigned(reader);
	switch (kind) {
	case NOTE_TASK:
		read_task(reader, to);
		return;
	case NOTE_NAMES:
		read_names(reader, to);
		return;
	case NOTE_REPORTS:
		read_reports(reader, to);
		return;
	case NOTE_WINDOW:
		read_window(reader, window_count, to);
		return;
	case NOTE_SPAN:
		read_span(reader, to);
		return;
	case NOTE_CAUGHT_UP:
		to->mark(to->ctx, kind);
		return;
	case NOTE_DEAD:
		read_dead(reader, to);
		return;
	case NOTE_FORWARD:
		read_forward(reader, to);
		return;
	case NOTE_PARENTS:
		read_parents(reader, to);
		return;
	case NOTE_ACTIVITY:
		read_activity(reader, to);
		return;
	case NOTE_ACTIVITY_BEFORE:
		read_activity_before(reader, to);
		return;
	case NOTE_COVERED:
		read_covered(reader, to);
		return;
	case NOTE_CONFIRMED:
		read_confirmed(reader, to);
		return;
	}
	reader->failed = true;
}

bool bulletin_read_notes(struct slice notes, size_t window_count, const struct bulletin_reader *to)
{
	struct reader reader = reader_of(notes);
	while (!reader_at_end(&reader) && !reader.failed)
		read_note(&reader, window_count, to);
	return !reader.failed;
}

void bulletin_read(const struct bulletin *bulletin, const struct bulletin_reader *to)
{
	CHECK(bulletin_read_notes(buffer_slice(&bulletin->notes), WINDOW_COUNT_MAX, to));
}
