#include "tests/sim/sim_store.h"

#include <stdlib.h>

#include "core/base/decimal.h"

/* ---- What it holds ---- */

static void entry_clear(struct sim_entry *entry)
{
	buffer_destroy(&entry->key);
	buffer_destroy(&entry->text);
	*entry = (struct sim_entry){.expires_us = 0};
}

void sim_store_clear(struct sim_store *store)
{
	while (store->count > 0)
		entry_clear(&store->entries[--store->count]);
	free(store->entries);
	store->entries = NULL;
	store->capacity = 0;
}

static struct sim_entry *add(struct sim_store *store)
{
	if (store->count == store->capacity) {
		store->capacity = store->capacity ? 2 * store->capacity : 64;
		store->entries = realloc(store->entries, store->capacity * sizeof(*store->entries));
		CHECK(store->entries);
	}
	struct sim_entry *entry = &store->entries[store->count++];
	*entry = (struct sim_entry){.node = store->node};
	return entry;
}

static void copy_entry(struct sim_store *to, const struct sim_entry *entry)
{
	struct sim_entry *copy = add(to);
	*copy = (struct sim_entry){.is_set = entry->is_set, .expires_us = entry->expires_us,
				   .node = entry->node};
	buffer_put(&copy->key, entry->key.data, entry->key.len);
	buffer_put(&copy->text, entry->text.data, entry->text.len);
}

void sim_store_copy(struct sim_store *to, const struct sim_store *from)
{
	sim_store_clear(to);
	for (size_t i = 0; i < from->count; i++)
		copy_entry(to, &from->entries[i]);
}

void sim_store_copy_node(struct sim_store *to, const struct sim_store *from, unsigned node)
{
	for (size_t i = to->count; i > 0; i--)
		if (to->entries[i - 1].node == node)
			sim_store_remove(to, &to->entries[i - 1]);
	for (size_t i = 0; i < from->count; i++)
		if (from->entries[i].node == node)
			copy_entry(to, &from->entries[i]);
}

void sim_store_remove(struct sim_store *store, struct sim_entry *entry)
{
	entry_clear(entry);
	*entry = store->entries[--store->count];
}

struct sim_entry *sim_store_find(struct sim_store *store, struct slice key)
{
	for (size_t i = 0; i < store->count; i++) {
		struct sim_entry *entry = &store->entries[i];
		if (!slice_equal(buffer_slice(&entry->key), key) || entry->node != store->node)
			continue;
		if (entry->expires_us == 0 || entry->expires_us > store->now_us)
			return entry;
		sim_store_remove(store, entry);
		return NULL;
	}
	return NULL;
}

static struct sim_entry *find_or_add(struct sim_store *store, struct slice key)
{
	struct sim_entry *entry = sim_store_find(store, key);
	if (entry)
		return entry;
	entry = add(store);
	buffer_put(&entry->key, key.data, key.len);
	return entry;
}

/* ---- Members ---- */

static size_t count_members(const struct sim_entry *entry)
{
	size_t count = 0;
	struct reader reader = reader_of(buffer_slice(&entry->text));
	for (; !reader_at_end(&reader); count++)
		(void)reader_text(&reader);
	return count;
}

static bool is_member(const struct sim_entry *entry, struct slice member)
{
	struct reader reader = reader_of(buffer_slice(&entry->text));
	while (!reader_at_end(&reader))
		if (slice_equal(reader_text(&reader), member))
			return true;
	return false;
}

static void remove_member(struct sim_entry *entry, struct slice member)
{
	struct buffer kept = {0};
	struct reader reader = reader_of(buffer_slice(&entry->text));
	while (!reader_at_end(&reader)) {
		struct slice text = reader_text(&reader);
		if (!slice_equal(text, member))
			buffer_put_text(&kept, text);
	}
	buffer_destroy(&entry->text);
	entry->text = kept;
}

/* ---- Commands ---- */

void sim_answer_destroy(struct sim_answer *answer)
{
	buffer_destroy(&answer->text);
}

struct sim_answer sim_answer_text(enum sim_kind kind, struct slice text)
{
	struct sim_answer answer = {.kind = kind};
	buffer_put(&answer.text, text.data, text.len);
	return answer;
}

int64_t sim_number(struct slice digits)
{
	int64_t number;
	CHECK(decimal_parse_count(digits, &number));
	return number;
}

static struct sim_answer answer_number(size_t number)
{
	return (struct sim_answer){.kind = SIM_INTEGER, .integer = (int64_t)number};
}

static struct sim_answer do_set(struct sim_store *store, const struct slice *arguments, size_t count)
{
	struct sim_entry *entry = find_or_add(store, arguments[1]);
	CHECK(count == 3 || (count == 5 && slice_equal(arguments[3], slice_from("EX"))));
	entry->is_set = false;
	entry->text.len = 0;
	buffer_put(&entry->text, arguments[2].data, arguments[2].len);
	entry->expires_us = count == 5 ? store->now_us + sim_number(arguments[4]) * 1000000 : 0;
	return sim_answer_text(SIM_STATUS, slice_from("OK"));
}

static struct sim_answer do_members(const struct sim_entry *entry)
{
	struct sim_answer answer = {.kind = SIM_LIST};
	if (entry) {
		answer.count = count_members(entry);
		buffer_put(&answer.text, entry->text.data, entry->text.len);
	}
	return answer;
}

static struct sim_answer do_add_members(struct sim_store *store, const struct slice *arguments, size_t count)
{
	size_t added = 0;
	struct sim_entry *entry = find_or_add(store, arguments[1]);
	entry->is_set = true;
	for (size_t i = 2; i < count; i++) {
		if (is_member(entry, arguments[i]))
			continue;
		buffer_put_text(&entry->text, arguments[i]);
		added++;
	}
	return answer_number(added);
}

static struct sim_answer do_remove_members(struct sim_store *store, const struct slice *arguments,
					   size_t count)
{
	struct sim_entry *entry = sim_store_find(store, arguments[1]);
	for (size_t i = 2; entry && i < count; i++)
		remove_member(entry, arguments[i]);
	if (entry && entry->text.len == 0)
		sim_store_remove(store, entry);
	return answer_number(0);
}

/* How many of the keys there are; they go, too, if that is wanted. */
static struct sim_answer do_keys(struct sim_store *store, const struct slice *arguments, size_t count,
				 bool is_removed)
{
	size_t found = 0;
	for (size_t i = 1; i < count; i++) {
		struct sim_entry *entry = sim_store_find(store, arguments[i]);
		found += entry != NULL;
		if (entry && is_removed)
			sim_store_remove(store, entry);
	}
	return answer_number(found);
}

static struct sim_answer do_rename(struct sim_store *store, struct slice from, struct slice to)
{
	struct sim_entry *entry = sim_store_find(store, from);
	if (!entry)
		return sim_answer_text(SIM_ERROR, slice_from("ERR no such key"));
	struct sim_entry moved = *entry;
	*entry = store->entries[--store->count];
	struct sim_entry *old = sim_store_find(store, to);
	if (old)
		sim_store_remove(store, old);
	moved.key.len = 0;
	buffer_put(&moved.key, to.data, to.len);
	*add(store) = moved;
	return sim_answer_text(SIM_STATUS, slice_from("OK"));
}

bool sim_store_is_of_sets(struct slice command)
{
	return command.data[0] == 'S' && !slice_equal(command, slice_from("SET"));
}

struct sim_answer sim_store_do(struct sim_store *store, const struct slice *arguments, size_t count)
{
	struct slice name = arguments[0];
	CHECK(count >= 2);
	struct sim_entry *entry = sim_store_find(store, arguments[1]);
	bool minds_kind = sim_store_is_of_sets(name) || slice_equal(name, slice_from("GET"));
	if (entry && minds_kind && entry->is_set != sim_store_is_of_sets(name))
		return sim_answer_text(SIM_ERROR, slice_from("WRONGTYPE Operation against a key"));
	if (slice_equal(name, slice_from("GET")))
		return entry ? sim_answer_text(SIM_TEXT, buffer_slice(&entry->text))
			     : (struct sim_answer){.kind = SIM_NIL};
	if (slice_equal(name, slice_from("SET")))
		return do_set(store, arguments, count);
	if (slice_equal(name, slice_from("SMEMBERS")))
		return do_members(entry);
	if (slice_equal(name, slice_from("SCARD")))
		return answer_number(entry ? count_members(entry) : 0);
	if (slice_equal(name, slice_from("SADD")))
		return do_add_members(store, arguments, count);
	if (slice_equal(name, slice_from("SREM")))
		return do_remove_members(store, arguments, count);
	if (slice_equal(name, slice_from("EXISTS")) || slice_equal(name, slice_from("UNLINK")))
		return do_keys(store, arguments, count, name.data[0] == 'U');
	if (slice_equal(name, slice_from("RENAME")))
		return do_rename(store, arguments[1], arguments[2]);
	CHECK(slice_equal(name, slice_from("PERSIST")));
	if (entry)
		entry->expires_us = 0;
	return answer_number(entry != NULL);
}
