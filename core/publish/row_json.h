/* The text of a row: its key and its JSON. Spec section 6.4: flat, every field always there, null
 * where undefined, numbers made from integers only. The same row always gives the same bytes. */
#ifndef LADDER_PUBLISH_ROW_JSON_H
#define LADDER_PUBLISH_ROW_JSON_H

#include "core/base/buffer.h"
#include "core/model/row.h"

/* The number that every row carries: fields are only ever added within it. */
enum { ROW_SCHEMA = 1 };

/* kind/basis/window/level/id, and for buckets /from; in the id % is %25 and / is %2F. */
void row_put_key(const struct row *row, struct buffer *out);

/* One JSON object without a newline; `key` is the text of row_put_key. */
void row_put_json(const struct row *row, struct slice key, struct buffer *out);

#endif
