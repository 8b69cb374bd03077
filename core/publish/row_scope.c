#include "core/publish/row_scope.h"

#include "core/base/rfc3339.h"

enum { KEY_PART_MAX = 6, BUCKET_PARTS = 6, ROLLING_PARTS = 5 };

/* The parts between slashes; one more than KEY_PART_MAX where there are too many. */
static size_t split_key(struct slice key, struct slice parts[KEY_PART_MAX + 1])
{
	size_t count = 0;
	for (size_t begin = 0; count <= KEY_PART_MAX && begin <= key.len; count++) {
		const char *slash = memchr(key.data + begin, '/', key.len - begin);
		size_t end = slash ? (size_t)(slash - key.data) : key.len;
		parts[count] = (struct slice){key.data + begin, end - begin};
		begin = end + 1;
	}
	return count;
}

static bool is_word(struct slice part, const char *word)
{
	return slice_equal(part, slice_from(word));
}

/* %25 and %2F, and nothing else. */
static bool put_id(struct slice part, struct buffer *out)
{
	const char *at = part.data, *end = part.data + part.len;
	for (const char *percent; (percent = memchr(at, '%', (size_t)(end - at))); at = percent + 3) {
		bool is_whole = end - percent >= 3;
		bool is_slash = is_whole && memcmp(percent, "%2F", 3) == 0;
		if (!is_slash && !(is_whole && memcmp(percent, "%25", 3) == 0))
			return false;
		buffer_put(out, at, (size_t)(percent - at));
		buffer_put(out, is_slash ? "/" : "%", 1);
	}
	buffer_put(out, at, (size_t)(end - at));
	return part.len > 0;
}

static bool take_level(struct slice part, enum level *level)
{
	for (*level = 0; *level < LEVEL_COUNT; (*level)++)
		if (is_word(part, level_name(*level)))
			return true;
	return false;
}

static bool take_window(struct row_scope *scope, struct slice part, const struct options *options)
{
	scope->is_day = is_word(part, "1d");
	if (scope->kind == ROW_BUCKET)
		return scope->is_day || is_word(part, "1h");
	for (scope->window = 0; scope->window < options->window_count; scope->window++)
		if (is_word(part, options->windows[scope->window].name))
			return true;
	return false;
}

static const char *take_parts(struct row_scope *scope, struct slice key, const struct options *options)
{
	struct slice parts[KEY_PART_MAX + 1];
	size_t count = split_key(key, parts);
	scope->kind = is_word(parts[0], "bucket") ? ROW_BUCKET : ROW_ROLLING;
	if (count != (scope->kind == ROW_BUCKET ? BUCKET_PARTS : ROLLING_PARTS) ||
	    (scope->kind == ROW_ROLLING && !is_word(parts[0], "rolling")))
		return "a key is rolling/BASIS/WINDOW/LEVEL/ID or bucket/BASIS/WINDOW/LEVEL/ID/FROM, as in "
		       "the field `key` of rows";
	scope->basis = is_word(parts[1], "cohort") ? BASIS_COHORT : BASIS_EVENT;
	if (scope->basis == BASIS_EVENT && !is_word(parts[1], "event"))
		return "the second part of a key is event or cohort";
	if (!take_window(scope, parts[2], options))
		return "the third part of a key is the length of a window of the configuration, as it is "
		       "written there; of buckets 1h or 1d";
	if (!take_level(parts[3], &scope->level))
		return "the fourth part of a key is account, campaign, adset or ad";
	if (!put_id(parts[4], &scope->texts))
		return "the fifth part of a key is an id; % is written %25 in it, and / %2F";
	if (scope->kind == ROW_BUCKET && !time_parse(parts[5], &scope->from_ms))
		return "the sixth part of a key is the time when the bucket begins";
	return NULL;
}

const char *row_scope_create(struct row_scope *scope, struct slice key, const struct options *options)
{
	*scope = (struct row_scope){0};
	const char *problem = take_parts(scope, key, options);
	size_t id_len = scope->texts.len;
	buffer_put(&scope->texts, key.data, key.len);
	buffer_put(&scope->texts, "", 1);
	scope->id = (struct slice){scope->texts.data, id_len};
	scope->key = (struct slice){scope->texts.data + id_len, key.len};
	if (problem)
		row_scope_destroy(scope);
	return problem;
}

void row_scope_destroy(struct row_scope *scope)
{
	buffer_destroy(&scope->texts);
}
