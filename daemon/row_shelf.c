#include "daemon/row_shelf.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "daemon/json_text.h"

enum { BUCKET_COUNT = 1 << 16, BUCKETS_AT_ONCE = 256 };

/* One block: the struct, the key, the JSON. */
struct shelf_row {
	struct shelf_row *next; /* in the chain */
	struct shelf_row *newer;
	struct shelf_row *older;
	size_t bucket;
	size_t key_len;
	size_t json_len;
	char text[];
};

struct row_shelf {
	pthread_mutex_t mutex;
	size_t byte_max;
	bool is_open;
	struct shelf_row *newest;
	struct shelf_row *oldest;
	struct row_shelf_counts counts;
	struct shelf_row *buckets[BUCKET_COUNT];
};

static struct slice key_of(const struct shelf_row *row)
{
	return (struct slice){row->text, row->key_len};
}

static size_t bytes_of(const struct shelf_row *row)
{
	return sizeof(*row) + row->key_len + row->json_len;
}

static size_t bucket_of(struct slice key)
{
	return hash_text(key) % BUCKET_COUNT;
}

struct row_shelf *row_shelf_create(size_t byte_max)
{
	struct row_shelf *shelf = calloc(1, sizeof(*shelf));
	CHECK(shelf && pthread_mutex_init(&shelf->mutex, NULL) == 0);
	shelf->byte_max = byte_max;
	shelf->counts.is_complete = true;
	return shelf;
}

/* ---- Putting; the mutex is held ---- */

static struct shelf_row **find_place(struct row_shelf *shelf, size_t bucket, struct slice key)
{
	struct shelf_row **place = &shelf->buckets[bucket];
	while (*place && !slice_equal(key_of(*place), key))
		place = &(*place)->next;
	return place;
}

static void link_newest(struct row_shelf *shelf, struct shelf_row *row)
{
	row->older = shelf->newest;
	if (shelf->newest)
		shelf->newest->newer = row;
	else
		shelf->oldest = row;
	shelf->newest = row;
	shelf->counts.rows++;
	shelf->counts.bytes += bytes_of(row);
}

static void remove_at(struct row_shelf *shelf, struct shelf_row **place)
{
	struct shelf_row *row = *place;
	*place = row->next;
	*(row->newer ? &row->newer->older : &shelf->newest) = row->older;
	*(row->older ? &row->older->newer : &shelf->oldest) = row->newer;
	shelf->counts.rows--;
	shelf->counts.bytes -= bytes_of(row);
	free(row);
}

static void drop_oldest(struct row_shelf *shelf)
{
	struct shelf_row *row = shelf->oldest;
	remove_at(shelf, find_place(shelf, row->bucket, key_of(row)));
	shelf->counts.dropped++;
	shelf->counts.is_complete = false;
}

static struct shelf_row *create_row(struct slice key, struct slice json)
{
	struct shelf_row *row = malloc(sizeof(*row) + key.len + json.len);
	CHECK(row);
	*row = (struct shelf_row){.bucket = bucket_of(key), .key_len = key.len, .json_len = json.len};
	memcpy(row->text, key.data, key.len);
	memcpy(row->text + key.len, json.data, json.len);
	return row;
}

void row_shelf_put(struct row_shelf *shelf, struct slice key, struct slice json)
{
	struct shelf_row *row = create_row(key, json);
	pthread_mutex_lock(&shelf->mutex);
	struct shelf_row **place = find_place(shelf, row->bucket, key);
	if (*place)
		remove_at(shelf, place);
	row->next = shelf->buckets[row->bucket];
	shelf->buckets[row->bucket] = row;
	link_newest(shelf, row);
	while (shelf->counts.bytes > shelf->byte_max)
		drop_oldest(shelf);
	pthread_mutex_unlock(&shelf->mutex);
}

static void empty(struct row_shelf *shelf)
{
	while (shelf->oldest)
		remove_at(shelf, find_place(shelf, shelf->oldest->bucket, key_of(shelf->oldest)));
	shelf->counts.is_complete = true;
}

void row_shelf_open(struct row_shelf *shelf)
{
	pthread_mutex_lock(&shelf->mutex);
	shelf->is_open = true;
	pthread_mutex_unlock(&shelf->mutex);
}

void row_shelf_close(struct row_shelf *shelf)
{
	pthread_mutex_lock(&shelf->mutex);
	shelf->is_open = false;
	empty(shelf);
	pthread_mutex_unlock(&shelf->mutex);
}

void row_shelf_destroy(struct row_shelf *shelf)
{
	if (!shelf)
		return;
	empty(shelf);
	pthread_mutex_destroy(&shelf->mutex);
	free(shelf);
}

struct row_shelf_counts row_shelf_counts(struct row_shelf *shelf)
{
	pthread_mutex_lock(&shelf->mutex);
	struct row_shelf_counts counts = shelf->counts;
	pthread_mutex_unlock(&shelf->mutex);
	return counts;
}

/* ---- Finding ---- */

/* The parts of a key that count, in its order: row_put_key. */
enum { PART_KIND, PART_BASIS, PART_WINDOW, PART_LEVEL, PART_ID, PART_MAX };
enum { FIELD_MAX = 3 };

struct wanted {
	struct slice parts[PART_MAX]; /* data NULL: any */
	struct buffer id;             /* written as in a key */
	struct buffer fields[FIELD_MAX]; /* json_text_make_member */
	int64_t from_ms;
	int64_t to_ms;
};

struct found {
	struct buffer texts; /* key, JSON, key, JSON ... */
	struct found_row {
		const char *texts; /* where those are, when they no longer move */
		size_t at;
		size_t key_len;
		size_t json_len;
	} *rows;
	size_t count;
	size_t row_max;
};

static struct slice slice_or_any(const char *text)
{
	return text ? slice_from(text) : (struct slice){NULL, 0};
}

static void want(struct wanted *wanted, const struct row_query *query)
{
	*wanted = (struct wanted){
		.parts = {slice_or_any(query->kind), slice_or_any(query->basis), slice_or_any(query->window),
			  slice_or_any(query->level)},
		.from_ms = query->from_ms,
		.to_ms = query->to_ms ? query->to_ms : INT64_MAX,
	};
	json_text_make_member(&wanted->fields[0], "account", query->account);
	json_text_make_member(&wanted->fields[1], "campaign", query->campaign);
	json_text_make_member(&wanted->fields[2], "adset", query->adset);
	if (!query->id)
		return;
	buffer_reserve(&wanted->id, 1);
	for (const char *c = query->id; *c; c++)
		if (*c == '%' || *c == '/')
			buffer_put(&wanted->id, *c == '%' ? "%25" : "%2F", 3);
		else
			buffer_put(&wanted->id, c, 1);
	wanted->parts[PART_ID] = buffer_slice(&wanted->id);
}

static void destroy_wanted(struct wanted *wanted)
{
	buffer_destroy(&wanted->id);
	for (int i = 0; i < FIELD_MAX; i++)
		buffer_destroy(&wanted->fields[i]);
}

static bool is_key_wanted(const struct wanted *wanted, struct slice key)
{
	for (int i = 0; i < PART_MAX; i++) {
		const char *slash = memchr(key.data, '/', key.len);
		size_t len = slash ? (size_t)(slash - key.data) : key.len;
		if (wanted->parts[i].data && !slice_equal(wanted->parts[i], (struct slice){key.data, len}))
			return false;
		size_t step = slash ? len + 1 : len;
		key = (struct slice){key.data + step, key.len - step};
	}
	return true;
}

/* Every row has both times, and both are followed by more. */
static int64_t number_of(struct slice json, const char *name)
{
	const char *at = memmem(json.data, json.len, name, strlen(name));
	CHECK(at);
	at += strlen(name);
	bool is_negative = *at == '-';
	int64_t number = 0;
	for (at += is_negative; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	return is_negative ? -number : number;
}

static bool is_wanted(const struct wanted *wanted, const struct shelf_row *row)
{
	struct slice json = {row->text + row->key_len, row->json_len};
	if (!is_key_wanted(wanted, key_of(row)))
		return false;
	for (int i = 0; i < FIELD_MAX; i++)
		if (!json_text_holds(json, buffer_slice(&wanted->fields[i])))
			return false;
	return (!wanted->from_ms || number_of(json, ",\"from_ms\":") >= wanted->from_ms) &&
	       (wanted->to_ms == INT64_MAX || number_of(json, ",\"to_ms\":") <= wanted->to_ms);
}

/* False: there are more than row_max. */
static bool keep(struct found *found, const struct shelf_row *row)
{
	if (found->count == found->row_max)
		return false;
	if ((found->count & (found->count - 1)) == 0) {
		size_t capacity = found->count ? 2 * found->count : 1;
		found->rows = realloc(found->rows, capacity * sizeof(*found->rows));
		CHECK(found->rows);
	}
	found->rows[found->count++] = (struct found_row){.at = found->texts.len, .key_len = row->key_len,
							 .json_len = row->json_len};
	buffer_put(&found->texts, row->text, row->key_len + row->json_len);
	return true;
}

static enum row_found collect_some(struct row_shelf *shelf, size_t first, const struct wanted *wanted,
				   struct found *found)
{
	if (!shelf->is_open)
		return ROW_FOUND_CLOSED;
	for (size_t i = first; i < first + BUCKETS_AT_ONCE; i++)
		for (const struct shelf_row *row = shelf->buckets[i]; row; row = row->next)
			if (is_wanted(wanted, row) && !keep(found, row))
				return ROW_FOUND_TOO_MANY;
	return ROW_FOUND;
}

static enum row_found collect(struct row_shelf *shelf, const struct wanted *wanted, struct found *found)
{
	enum row_found result = ROW_FOUND;
	for (size_t i = 0; i < BUCKET_COUNT && result == ROW_FOUND; i += BUCKETS_AT_ONCE) {
		pthread_mutex_lock(&shelf->mutex);
		result = collect_some(shelf, i, wanted, found);
		pthread_mutex_unlock(&shelf->mutex);
	}
	return result;
}

static int compare_rows(const void *left, const void *right)
{
	const struct found_row *a = left, *b = right;
	return slice_compare((struct slice){a->texts + a->at, a->key_len},
			     (struct slice){b->texts + b->at, b->key_len});
}

static void put_list(struct found *found, struct buffer *out)
{
	for (size_t i = 0; i < found->count; i++)
		found->rows[i].texts = found->texts.data;
	if (found->count)
		qsort(found->rows, found->count, sizeof(*found->rows), compare_rows);
	buffer_put(out, "[", 1);
	for (size_t i = 0; i < found->count; i++) {
		const struct found_row *row = &found->rows[i];
		buffer_put(out, ",\n", i ? 2 : 0);
		buffer_put(out, row->texts + row->at + row->key_len, row->json_len);
	}
	buffer_put(out, "]\n", 2);
}

enum row_found row_shelf_get(struct row_shelf *shelf, struct slice key, struct buffer *out)
{
	pthread_mutex_lock(&shelf->mutex);
	const struct shelf_row *row = *find_place(shelf, bucket_of(key), key);
	enum row_found result = shelf->is_open ? ROW_FOUND : ROW_FOUND_CLOSED;
	if (row)
		buffer_put(out, row->text + row->key_len, row->json_len);
	pthread_mutex_unlock(&shelf->mutex);
	return result;
}

enum row_found row_shelf_find(struct row_shelf *shelf, const struct row_query *query, size_t row_max,
			      struct buffer *out)
{
	struct wanted wanted;
	struct found found = {.row_max = row_max};
	want(&wanted, query);
	enum row_found result = collect(shelf, &wanted, &found);
	if (result == ROW_FOUND)
		put_list(&found, out);
	destroy_wanted(&wanted);
	buffer_destroy(&found.texts);
	free(found.rows);
	return result;
}

void row_shelf_check(struct row_shelf *shelf)
{
	size_t rows = 0, bytes = 0;
	pthread_mutex_lock(&shelf->mutex);
	for (struct shelf_row *row = shelf->newest; row; row = row->older) {
		CHECK(row->older ? row->older->newer == row : shelf->oldest == row);
		CHECK(*find_place(shelf, row->bucket, key_of(row)) == row && row->bucket < BUCKET_COUNT);
		rows++;
		bytes += bytes_of(row);
	}
	CHECK(rows == shelf->counts.rows && bytes == shelf->counts.bytes);
	pthread_mutex_unlock(&shelf->mutex);
}
