/* Shuffle: a record of the shuffle topic, which is for the task of its partition. Design decision 6.
 *
 *   magic, version, stamp, kind, from, sent_ms, then
 *     SHUFFLE_EVENT   one item of a record that was read where it does not belong, as its bytes are, with
 *                     what a dead letter of it would need; applied once (core/state/marks.h)
 *     SHUFFLE_NOTE    a note about a click (core/join/abroad.h); it may be taken in as often as it comes
 *
 * The stamp is that of the group, the topic, the redis.namespace, the number of partitions that people are
 * kept in and the partitioners: what is of another one is not for us, and passed over. So state goes on only
 * under the stamp that it was written with: what is still on its way would never arrive.
 *
 * Pure functions; slices borrow from the bytes. */
#ifndef LADDER_DAEMON_SHUFFLE_H
#define LADDER_DAEMON_SHUFFLE_H

#include "config/config.h"
#include "core/base/buffer.h"

/* Of a whole record: below what brokers and producers take if nobody has told them otherwise. */
enum { SHUFFLE_BYTES_MAX = 900000 };

enum shuffle_kind { SHUFFLE_EVENT, SHUFFLE_NOTE };

struct shuffle_record {
	enum shuffle_kind kind;
	uint32_t from;       /* the task that sent it, so the partition that an item was read in */
	int64_t sent_ms;     /* the greatest ts that it had seen */
	struct slice note;   /* SHUFFLE_NOTE; the rest SHUFFLE_EVENT */
	struct slice topic;  /* of the input */
	uint64_t log;        /* the topic was created anew so often */
	int64_t offset;
	uint32_t item;       /* its place in the record */
	struct slice key;    /* of the record; data NULL: absent */
	struct slice headers; /* as dead_letter_put_header writes them */
	struct slice value;  /* the item */
};

enum shuffle_result { SHUFFLE_OURS, SHUFFLE_OTHERS, SHUFFLE_DAMAGED };

/* Whether, and how, a configuration shuffles: 0 where it does not. What is stored under another one has
 * people and clicks in other tasks. */
uint64_t shuffle_mode(const struct config *config);
/* Of such a number: in how many partitions people are kept; 0: in as many as the inputs have. */
uint64_t shuffle_mode_home_count(uint64_t mode);
/* Where inputs are keyed by those whom their records are about (config_shuffle.is_by_key): the partition of a
 * record's person. One without a key (data NULL) lies anywhere: where people are kept it stays. */
uint32_t shuffle_record_home(enum partitioner partitioner, uint32_t home_count, uint32_t partition,
			     struct slice key);
/* 0 where it does not. */
uint64_t shuffle_stamp(const struct config *config, size_t task_count);

void shuffle_encode(uint64_t stamp, const struct shuffle_record *record, struct buffer *out);
must_check enum shuffle_result shuffle_decode(uint64_t stamp, size_t task_count, struct slice bytes,
					      struct shuffle_record *record);

#endif
