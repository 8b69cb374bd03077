#include "core/publish/recall.h"

#include "core/base/rfc3339.h"
#include "core/publish/cells.h"

static bool read_number(struct slice value, const char *member, int64_t *number)
{
	const char *end = value.data + value.len;
	const char *at = memmem(value.data, value.len, member, strlen(member));
	if (!at || (at += strlen(member)) == end || (unsigned char)(*at - '0') > 9)
		return false;
	for (*number = 0; at < end && (unsigned char)(*at - '0') <= 9; at++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, *at - '0', number))
			return false;
	return true;
}

bool recall_read(struct slice key, struct slice value, struct recalled *recalled)
{
	int64_t revision;
	recalled->key = key;
	if (!value.data || !key.data || !read_number(value, "\"from_ms\":", &recalled->from_ms) ||
	    !read_number(value, "\"to_ms\":", &recalled->to_ms) ||
	    !read_number(value, "\"revision\":", &revision))
		return false;
	recalled->revision = (uint64_t)revision;
	return recalled->from_ms < recalled->to_ms && recalled->to_ms <= TIME_MAX_MS;
}

void merger_note_revision(struct merger *merger, uint64_t revision)
{
	if (revision > merger->revision)
		merger->revision = revision;
}

/* The next part of a key; the last is what is left. */
static struct slice take_part(struct slice *key)
{
	const char *slash = key->len ? memchr(key->data, '/', key->len) : NULL;
	struct slice part = {key->data, slash ? (size_t)(slash - key->data) : key->len};
	size_t taken = slash ? part.len + 1 : part.len;
	*key = (struct slice){key->data + taken, key->len - taken};
	return part;
}

static void unescape_id(struct slice id, struct buffer *out)
{
	for (size_t i = 0; i < id.len; i++) {
		bool is_escape = id.data[i] == '%' && i + 2 < id.len;
		char c = is_escape ? (id.data[i + 2] == '5' ? '%' : '/') : id.data[i];
		buffer_put(out, &c, 1);
		i += is_escape ? 2 : 0;
	}
}

static bool find_level(struct slice name, enum level *level)
{
	for (*level = 0; *level < LEVEL_COUNT; ++*level)
		if (slice_equal(name, slice_from(level_name(*level))))
			return true;
	return false;
}

static bool find_window(const struct merger *merger, struct slice name, struct span *span)
{
	*span = (struct span){.kind = SPAN_WINDOW};
	for (; span->window < merger->options->window_count; span->window++)
		if (slice_equal(name, slice_from(merger->options->windows[span->window].name)))
			return true;
	return false;
}

static bool find_bucket(const struct recalled *row, struct slice name, struct span *span)
{
	bool is_day = slice_equal(name, slice_from("1d"));
	*span = (struct span){is_day ? SPAN_DAY : SPAN_HOUR, 0, row->from_ms, row->to_ms};
	return is_day || slice_equal(name, slice_from("1h"));
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

void merger_recall(struct merger *merger, const struct recalled *row, int64_t oldest_ms)
{
	struct slice key = row->key;
	struct span span;
	enum level level;
	bool is_bucket = slice_equal(take_part(&key), slice_from("bucket"));
	bool is_cohort = slice_equal(take_part(&key), slice_from("cohort"));
	struct slice window = take_part(&key);
	bool is_known = is_bucket ? find_bucket(row, window, &span) : find_window(merger, window, &span);
	if (!is_known || !find_level(take_part(&key), &level) || merger->now_ms == TIME_NONE)
		return;
	bool is_settled = row->to_ms < merger->now_ms - merger->options->lateness_ms;
	if (is_bucket && (is_settled || row->from_ms < oldest_ms))
		return;
	struct buffer id = {0};
	unescape_id(take_part(&key), &id);
	if (id.len)
		expect(merger, level, buffer_slice(&id), &span, is_cohort ? BASIS_COHORT : BASIS_EVENT);
	buffer_destroy(&id);
}
