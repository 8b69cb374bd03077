/* Decode: from a record's bytes to events. Spec section 2, design decision 5.
 *
 * A record's value holds one object, an array of objects, or several objects separated by
 * newlines. How one value becomes items, each handed to the sink exactly once and in order:
 *   1. longer than limits.record_bytes: one item, rejected as too_large;
 *   2. if the whole value is a sequence of JSON texts, each an object or an array, separated by white
 *      space with at least one newline in it: every object, and every element of every array;
 *   3. else every line (between \n, blank ones skipped) on its own: its object or its array's
 *      elements, or one item rejected as `encoding` (not UTF-8) or else `json`;
 *   4. an empty or blank value is one item, rejected as `json`.
 * An array's element that is no object is rejected as `json`.
 *
 * What is JSON: exactly what jansson 2.14 accepts with JSON_REJECT_DUPLICATES and
 * JSON_DECODE_INT_AS_REAL (no \u0000, no lone surrogates, no raw control characters, valid UTF-8, no
 * number whose double overflows); nesting deeper than limits.depth is rejected as too_large.
 *
 * How an object is judged, the first that applies: type absent (missing_field) or not one of the five
 * (unknown_type); a required field absent (missing_field: id, ts, and user or click_id; click: ad;
 * message: direction; outcome: stage; spend: ad, from, to); a time that is none (bad_time, also
 * before 1970, after 9999, to <= from, or a period of over 400 days); a text field over
 * limits.id_bytes (too_large; the *_name fields are cut to it at a character instead); any other field
 * of this type with a value it cannot have (bad_value; money beyond 10^12 units and an `ad` that begins
 * with "organic:" too). Fields that the type does not have are not looked at. null and "" are absent.
 *
 * Why a line is rejected whole: bytes anywhere that are not UTF-8 (encoding), else a bracket that opens
 * beyond limits.depth before any other fault (too_large), else json.
 *
 * Thread: a decoder belongs to one thread. No allocation, lock or system call per record once the scratch has
 * grown to the largest record seen. */
#ifndef LADDER_DECODE_DECODE_H
#define LADDER_DECODE_DECODE_H

#include "core/base/check.h"
#include "core/model/event.h"

struct decode_limits {
	size_t record_bytes; /* 1 MiB */
	size_t id_bytes;     /* 256 */
	unsigned depth;      /* 16: objects and arrays open at once, the outermost counts */
};

/* What becomes of the items of a record. `detail` is a short English text that names the field, valid
 * during the call, without any value of the input. `item` are the item's own bytes in the record. */
struct decode_sink {
	void (*event)(void *ctx, const struct event *event, struct slice item);
	void (*reject)(void *ctx, enum reason reason, const char *detail, struct slice item);
	void *ctx;
};

struct decoder;

/* Aborts where memory is missing: called once per worker at start. */
struct decoder *decoder_create(const struct decode_limits *limits);
void decoder_destroy(struct decoder *decoder);

/* Calls the sink at least once, but for an array that is empty. */
void decode_record(struct decoder *decoder, struct slice value, const struct decode_sink *sink);

#endif
