/* Sort: the events of some files in the order of their times, so that a set of events is taken the same way
 * whatever order it comes in. Spec section 9.
 *
 * Sorted by ts, type, id, and the bytes of the event. What is no event is left out. Memory: all events as
 * text and 48 bytes each. One thread. */
#ifndef LADDER_DAEMON_REPLAY_SORT_H
#define LADDER_DAEMON_REPLAY_SORT_H

#include "config/config.h"
#include "core/decode/decode.h"

struct sorted_events;

/* NULL with `error` told. A path cannot be "-": who needs the order has read the input before. */
must_check struct sorted_events *sorted_events_read(const struct config *config, char *const *paths,
						    size_t path_count, char *error, size_t error_size);
void sorted_events_destroy(struct sorted_events *events); /* NULL is fine */

size_t sorted_events_count(const struct sorted_events *events);
/* The event as it stood in its file. */
struct slice sorted_events_at(const struct sorted_events *events, size_t at);

/* The decoder that a configuration asks for. */
struct decoder *replay_decoder(const struct config *config);

#endif
