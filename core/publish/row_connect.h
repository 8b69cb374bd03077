/* Rows for Kafka Connect: the envelope that its JsonConverter reads with schemas.enable=true, which says of
 * each field what it is. Sinks that make tables, as those of JDBC, want it.
 *
 *   {"schema":{"type":"struct","name":"ladderd.row","version":1,"fields":[...]},"payload":ROW}
 *
 * The schema is the same for every row, and made from the table that rows are made from (row_fields.def).
 * What a row may not have is optional; counts and money have the default 0, so that a table can take those
 * that are added later. Money, costs, rates and percentiles are doubles, from and to are texts. The key of
 * the record stays a text. */
#ifndef LADDER_PUBLISH_ROW_CONNECT_H
#define LADDER_PUBLISH_ROW_CONNECT_H

#include "core/base/buffer.h"

/* What stands before the row; behind it stands one }. */
void row_put_connect_head(struct buffer *out);

/* The row as text, of a record's value in either form: borrowed from it. What is neither comes back whole. */
struct slice row_of_record(struct slice value);

#endif
