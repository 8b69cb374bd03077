#include "daemon/redis_cluster.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOBODY = 0xffff };

struct slot_map {
	struct redis_place *places;
	size_t count;
	uint16_t owners[SLOT_COUNT]; /* of `places`, or NOBODY */
};

static uint16_t crc16(struct slice bytes)
{
	uint16_t crc = 0;
	for (size_t i = 0; i < bytes.len; i++) {
		crc = (uint16_t)(crc ^ (unsigned)(unsigned char)bytes.data[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
	}
	return crc;
}

unsigned redis_key_slot(struct slice key)
{
	const char *open = key.len ? memchr(key.data, '{', key.len) : NULL;
	if (open) {
		const char *tag = open + 1;
		const char *close = memchr(tag, '}', key.len - (size_t)(tag - key.data));
		if (close && close > tag)
			key = (struct slice){tag, (size_t)(close - tag)};
	}
	return crc16(key) % SLOT_COUNT;
}

static bool number_take(struct slice *text, char end, unsigned max, unsigned *number)
{
	size_t len = 0;
	*number = 0;
	for (; len < text->len && len < 6 && text->data[len] >= '0' && text->data[len] <= '9'; len++)
		*number = *number * 10 + (unsigned)(text->data[len] - '0');
	bool is_ended = end ? len < text->len && text->data[len] == end : len == text->len;
	if (len == 0 || *number > max || !is_ended)
		return false;
	text->data += len + !!end;
	text->len -= len + !!end;
	return true;
}

static bool place_set(struct redis_place *place, struct slice host, unsigned port,
		      const struct redis_place *asked)
{
	if (host.len == 0) /* without a port `asked` is a socket, on this machine */
		host = slice_from(asked->port[0] ? asked->host : "127.0.0.1");
	if (host.len >= sizeof place->host || (host.len == 1 && host.data[0] == '?'))
		return false;
	*place = (struct redis_place){0};
	memcpy(place->host, host.data, host.len);
	snprintf(place->port, sizeof place->port, "%u", port % 65536);
	return true;
}

bool redis_redirect_parse(struct slice error, const struct redis_place *asked,
			  struct redis_redirect *redirect)
{
	bool is_moved = redis_error_is(error, "MOVED ");
	unsigned port;
	redirect->is_ask = redis_error_is(error, "ASK ");
	if (!is_moved && !redirect->is_ask)
		return false;
	size_t code_len = is_moved ? 6 : 4;
	struct slice rest = {error.data + code_len, error.len - code_len};
	if (!number_take(&rest, ' ', SLOT_COUNT - 1, &redirect->slot))
		return false;
	const char *colon = rest.len ? memrchr(rest.data, ':', rest.len) : NULL;
	if (!colon)
		return false;
	struct slice host = {rest.data, (size_t)(colon - rest.data)};
	struct slice digits = {colon + 1, rest.len - host.len - 1};
	return number_take(&digits, '\0', 65535, &port) && place_set(&redirect->place, host, port, asked);
}

struct slot_map *slot_map_create(void)
{
	struct slot_map *map = calloc(1, sizeof *map);
	CHECK(map);
	memset(map->owners, 0xff, sizeof map->owners);
	return map;
}

static void slot_map_clear(struct slot_map *map)
{
	free(map->places);
	map->places = NULL;
	map->count = 0;
}

void slot_map_destroy(struct slot_map *map)
{
	if (!map)
		return;
	slot_map_clear(map);
	free(map);
}

/* NOBODY where there are too many. */
static uint16_t slot_map_find(struct slot_map *map, const struct redis_place *place)
{
	for (size_t i = 0; i < map->count; i++)
		if (redis_place_equal(&map->places[i], place))
			return (uint16_t)i;
	if (map->count == CLUSTER_NODES_MAX)
		return NOBODY;
	map->places = realloc(map->places, (map->count + 1) * sizeof *map->places);
	CHECK(map->places);
	map->places[map->count] = *place;
	return (uint16_t)map->count++;
}

/* A node: host, port, and more that is not of interest. */
static bool node_take(const struct redis_reply *node, const struct redis_place *asked,
		      struct redis_place *place)
{
	if (node->kind != REDIS_ARRAY || node->count < 2)
		return false;
	struct redis_reply port = redis_reply_at(node, 1);
	if (port.kind != REDIS_INTEGER || port.integer < 0 || port.integer > 65535)
		return false;
	return place_set(place, redis_reply_item(node, 0), (unsigned)port.integer, asked);
}

/* A range: first slot, last slot, its master, its replicas. A node whose host nobody knows is left out. */
static bool slot_map_take_range(struct slot_map *map, const struct redis_reply *range,
				const struct redis_place *asked)
{
	if (range->kind != REDIS_ARRAY || range->count < 3)
		return false;
	struct redis_reply first = redis_reply_at(range, 0);
	struct redis_reply last = redis_reply_at(range, 1);
	if (first.kind != REDIS_INTEGER || last.kind != REDIS_INTEGER || first.integer < 0 ||
	    last.integer >= SLOT_COUNT)
		return false;
	for (size_t i = 2; i < range->count; i++) {
		struct redis_reply node = redis_reply_at(range, i);
		struct redis_place place;
		if (!node_take(&node, asked, &place))
			continue;
		uint16_t found = slot_map_find(map, &place);
		if (found == NOBODY)
			return false;
		for (int64_t slot = first.integer; i == 2 && slot <= last.integer; slot++)
			map->owners[slot] = found;
	}
	return true;
}

bool slot_map_take(struct slot_map *map, const struct redis_reply *reply, const struct redis_place *asked)
{
	if (reply->kind != REDIS_ARRAY)
		return false;
	struct slot_map *fresh = slot_map_create();
	bool is_good = true;
	for (size_t i = 0; i < reply->count && is_good; i++) {
		struct redis_reply range = redis_reply_at(reply, i);
		is_good = slot_map_take_range(fresh, &range, asked);
	}
	if (is_good) {
		slot_map_clear(map);
		*map = *fresh;
		fresh->places = NULL;
	}
	slot_map_destroy(fresh);
	return is_good;
}

void slot_map_move(struct slot_map *map, unsigned slot, const struct redis_place *place)
{
	CHECK(slot < SLOT_COUNT);
	map->owners[slot] = slot_map_find(map, place);
}

const struct redis_place *slot_map_owner(const struct slot_map *map, unsigned slot)
{
	CHECK(slot < SLOT_COUNT);
	return map->owners[slot] == NOBODY ? NULL : &map->places[map->owners[slot]];
}

const struct redis_place *slot_map_places(const struct slot_map *map, size_t *count)
{
	*count = map->count;
	return map->places;
}

unsigned slot_map_owned_count(const struct slot_map *map)
{
	unsigned count = 0;
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		count += map->owners[slot] != NOBODY;
	return count;
}
