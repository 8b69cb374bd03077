#include "daemon/audit_rows.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/decimal.h"
#include "core/base/hash.h"
#include "core/publish/row_connect.h"

struct row {
	uint64_t hash;
	char *key; /* owned, as are the others; NULL: free */
	char *published;
	char *computed;
	size_t key_len;
	size_t published_len;
	size_t computed_len;
	int64_t revision; /* of the published one */
};

struct audit_rows {
	struct row *rows; /* open-addressed */
	size_t count;
	size_t size; /* a power of two */
};

struct audit_rows *audit_rows_create(void)
{
	struct audit_rows *rows = calloc(1, sizeof(*rows));
	CHECK(rows);
	rows->size = 1 << 10;
	rows->rows = calloc(rows->size, sizeof(*rows->rows));
	CHECK(rows->rows);
	return rows;
}

void audit_rows_destroy(struct audit_rows *rows)
{
	for (size_t i = 0; i < rows->size; i++) {
		free(rows->rows[i].key);
		free(rows->rows[i].published);
		free(rows->rows[i].computed);
	}
	free(rows->rows);
	free(rows);
}

static struct row *find(struct row *rows, size_t size, uint64_t hash, struct slice key)
{
	for (size_t at = hash & (size - 1);; at = (at + 1) & (size - 1)) {
		struct row *row = &rows[at];
		const struct slice found = {row->key, row->key_len};
		if (!row->key || (row->hash == hash && slice_equal(found, key)))
			return row;
	}
}

static void grow(struct audit_rows *rows)
{
	size_t size = 2 * rows->size;
	struct row *grown = calloc(size, sizeof(*grown));
	CHECK(grown);
	for (size_t i = 0; i < rows->size; i++)
		if (rows->rows[i].key)
			*find(grown, size, rows->rows[i].hash,
			      (struct slice){rows->rows[i].key, rows->rows[i].key_len}) = rows->rows[i];
	free(rows->rows);
	rows->rows = grown;
	rows->size = size;
}

static char *copy(struct slice text)
{
	char *bytes = malloc(text.len ? text.len : 1);
	CHECK(bytes);
	if (text.len)
		memcpy(bytes, text.data, text.len);
	return bytes;
}

static struct row *row_of(struct audit_rows *rows, struct slice key)
{
	if (rows->count * 2 >= rows->size)
		grow(rows);
	uint64_t hash = hash_text(key);
	struct row *row = find(rows->rows, rows->size, hash, key);
	if (!row->key) {
		*row = (struct row){.hash = hash, .key = copy(key), .key_len = key.len};
		rows->count++;
	}
	return row;
}

/* ---- Fields ---- */

static const char *string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p < end ? p + 1 : end;
}

/* The next "name":value of a flat object; `at` stands on its { or comma. False: there is none. */
static bool next_field(struct slice *at, struct slice *name, struct slice *value)
{
	const char *end = at->data + at->len, *p = at->data + 1;
	if (at->len < 2 || *p != '"')
		return false;
	const char *name_end = string_end(p, end);
	*name = (struct slice){p + 1, (size_t)(name_end - p) - 2};
	p = name_end + 1;
	if (p >= end)
		return false;
	const char *value_end = p;
	if (*p == '"')
		value_end = string_end(p, end);
	else
		while (value_end < end && *value_end != ',' && *value_end != '}')
			value_end++;
	*value = (struct slice){p, (size_t)(value_end - p)};
	*at = (struct slice){value_end, (size_t)(end - value_end)};
	return true;
}

/* Empty where there is no such field. */
static struct slice field_of(struct slice row, const char *wanted)
{
	struct slice name, value;
	while (next_field(&row, &name, &value))
		if (slice_equal(name, slice_from(wanted)))
			return value;
	return (struct slice){NULL, 0};
}

static bool is_any_of(struct slice name, const char *const *names)
{
	for (; *names; names++)
		if (slice_equal(name, slice_from(*names)))
			return true;
	return false;
}

/* Nothing but zeros: no row any more. */
static bool is_empty(struct slice row)
{
	static const char *const others[] = {"schema", "from_ms", "to_ms", "revision", NULL};
	struct slice name, value;
	while (next_field(&row, &name, &value)) {
		struct decimal number;
		if (decimal_scan(value, &number) && number.lead && !is_any_of(name, others))
			return false;
	}
	return true;
}

/* ---- Both sides ---- */

bool audit_rows_put_published(struct audit_rows *rows, struct slice key, struct slice value)
{
	int64_t revision = 0;
	value = row_of_record(value);
	if (!key.data || (value.data && !decimal_parse_count(field_of(value, "revision"), &revision)))
		return false;
	struct row *row = row_of(rows, key);
	if (!value.data)
		revision = row->revision;
	if (row->published && revision < row->revision)
		return true;
	free(row->published);
	row->published = value.data ? copy(value) : NULL;
	row->published_len = value.len;
	row->revision = revision;
	return true;
}

void audit_rows_put_computed(struct audit_rows *rows, struct slice key, struct slice value)
{
	struct row *row = row_of(rows, key);
	row->computed = copy(value);
	row->computed_len = value.len;
}

struct comparison {
	bool has_wall_clock;
	audit_difference *difference;
	void *ctx;
	struct audit_result result;
};

static void differ(struct comparison *comparison, struct slice key, struct slice field,
		   struct slice published, struct slice computed)
{
	comparison->result.difference_count++;
	comparison->difference(comparison->ctx, key, field, published, computed);
}

static void compare_fields(struct comparison *comparison, struct slice key, struct slice published,
			   struct slice computed)
{
	static const char *const always_other[] = {"revision", NULL};
	static const char *const by_clock[] = {"revision", "settled", NULL};
	const char *const *left_out = comparison->has_wall_clock ? by_clock : always_other;
	struct slice name, value, other_name, other_value;
	while (next_field(&computed, &name, &value)) {
		bool is_there = next_field(&published, &other_name, &other_value) &&
				slice_equal(name, other_name);
		if (!is_there)
			other_value = slice_from("nothing");
		if (!is_any_of(name, left_out) && !slice_equal(value, other_value))
			differ(comparison, key, name, other_value, value);
		if (!is_there)
			return;
	}
}

static void compare_row(struct comparison *comparison, const struct row *row)
{
	const struct slice none = {NULL, 0}, key = {row->key, row->key_len};
	const struct slice published = {row->published, row->published_len};
	const struct slice computed = {row->computed, row->computed_len};
	struct slice any = row->published ? published : computed;
	bool is_rolling = slice_equal(field_of(any, "kind"), slice_from("\"rolling\""));
	bool is_moved = !row->published || !row->computed ||
			!slice_equal(field_of(published, "from_ms"), field_of(computed, "from_ms"));
	if (is_rolling && is_moved && comparison->has_wall_clock) {
		comparison->result.moved_count++;
		return;
	}
	comparison->result.row_count++;
	if (row->published && row->computed)
		compare_fields(comparison, key, published, computed);
	else if (any.data && !is_empty(any))
		differ(comparison, key, none, row->published ? slice_from("a row") : slice_from("nothing"),
		       row->computed ? slice_from("a row") : slice_from("nothing"));
}

static int compare_keys(const void *left, const void *right)
{
	const struct row *a = *(const struct row *const *)left, *b = *(const struct row *const *)right;
	return slice_compare((struct slice){a->key, a->key_len}, (struct slice){b->key, b->key_len});
}

struct audit_result audit_rows_compare(const struct audit_rows *rows, bool has_wall_clock,
				       audit_difference *difference, void *ctx)
{
	struct comparison comparison = {has_wall_clock, difference, ctx, {0, 0, 0}};
	const struct row **sorted = calloc(rows->count ? rows->count : 1, sizeof(*sorted));
	CHECK(sorted);
	size_t count = 0;
	for (size_t i = 0; i < rows->size; i++)
		if (rows->rows[i].key && (rows->rows[i].published || rows->rows[i].computed))
			sorted[count++] = &rows->rows[i];
	qsort(sorted, count, sizeof(*sorted), compare_keys);
	for (size_t i = 0; i < count; i++)
		compare_row(&comparison, sorted[i]);
	free(sorted);
	return comparison.result;
}
