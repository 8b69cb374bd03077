#include "core/publish/recall.h"

#include "core/base/json_find.h"
#include "core/base/rfc3339.h"
#include "core/publish/cells.h"
#include "core/publish/row_connect.h"
#include "core/publish/row_scope.h"

/* A number behind *rest, which is what comes after it then: our rows have them in this order. */
static bool next_number(struct slice *rest, const char *member, int64_t *number)
{
	struct slice digits;
	const char *end = rest->data + rest->len;
	if (!json_find_number(*rest, member, &digits, number))
		return false;
	rest->data = digits.data + digits.len;
	rest->len = (size_t)(end - rest->data);
	return true;
}

bool recall_read(struct slice key, struct slice value, struct recalled *recalled)
{
	int64_t revision;
	value = row_of_record(value);
	recalled->key = key;
	if (!value.data || !key.data ||
	    !next_number(&value, "\"from_ms\":", &recalled->from_ms) ||
	    !next_number(&value, "\"to_ms\":", &recalled->to_ms) ||
	    !next_number(&value, "\"revision\":", &revision))
		return false;
	recalled->revision = (uint64_t)revision;
	return recalled->from_ms < recalled->to_ms && recalled->from_ms <= TIME_MAX_MS;
}

void merger_note_revision(struct merger *merger, uint64_t revision)
{
	if (revision > merger->revision)
		merger->revision = revision;
}

/* The entity of a row; its account is what the ads that belong to it say. */
static uint32_t intern(struct merger *merger, enum level level, struct slice id)
{
	static const char organic[] = "organic:";
	const size_t len = sizeof(organic) - 1;
	bool is_organic = level == LEVEL_AD && id.len > len && memcmp(id.data, organic, len) == 0;
	struct entity_ref ref = {level, is_organic, id};
	return level == LEVEL_AD ? merger_intern_ad(merger, ref) : entity_intern(merger, ref);
}

static void expect(struct merger *merger, enum level level, struct slice id, const struct span *span,
		   enum basis basis)
{
	struct cell *cell = cell_at(merger, intern(merger, level, id), span);
	cell->is_published[basis] = true;
	cell_wait(merger, cell);
}

int64_t merger_oldest_hour_ms(const struct merger *merger)
{
	int64_t oldest_ms = INT64_MAX;
	for (uint32_t i = 0; i < merger->entity_count; i++) {
		const struct cell_list *hours = &merger->entities[i].hours;
		if (hours->count && hours->cells[0]->span.from_ms < oldest_ms)
			oldest_ms = hours->cells[0]->span.from_ms;
	}
	return oldest_ms;
}

/* A day may begin before the oldest hour and hold it. */
static bool is_out(const struct merger *merger, enum level level, struct slice id, const struct span *span,
		   enum basis basis)
{
	uint32_t entity = entity_find(merger, level, id);
	const struct cell *cell = entity == ENTITY_NONE ? NULL : cell_find(merger, entity, span);
	return cell && cell->is_published[basis];
}

void merger_recall(struct merger *merger, const struct recalled *row, int64_t oldest_ms, int64_t state_ms)
{
	struct row_scope scope;
	if (merger->now_ms == TIME_NONE || row_scope_create(&scope, row->key, merger->options))
		return;
	bool is_bucket = scope.kind == ROW_BUCKET;
	const struct span span = is_bucket ? (struct span){scope.is_day ? SPAN_DAY : SPAN_HOUR, 0,
							   row->from_ms, row->to_ms}
					   : (struct span){.kind = SPAN_WINDOW, .window = scope.window};
	int64_t time_ms = merger->now_ms < state_ms ? merger->now_ms : state_ms;
	bool is_settled = is_bucket && time_ms != TIME_NONE &&
			  row->to_ms < time_ms - merger->options->lateness_ms;
	bool is_old = is_bucket && row->from_ms < oldest_ms;
	bool is_final = is_settled || span_is_frozen(merger, &span);
	if (!is_final && (!is_old || is_out(merger, scope.level, scope.id, &span, scope.basis)))
		expect(merger, scope.level, scope.id, &span, scope.basis);
	row_scope_destroy(&scope);
}
