/* Kafka in: the consumer of one worker. Design decisions 3, 6 and 7, promises P2 and P4.
 *
 * Reads partition p of every input for each task p that the worker owns. Every (input, task) has a queue
 * of its own, so the caller decides what to read next. Offsets are the caller's: nothing is stored or
 * reset here, and where the log does not hold an offset that is asked for, the partition stops in a named
 * state. Brokers may go away and come back; reading goes on by itself.
 *
 * Inputs are numbered as in options.topics. A task is named by its number p, arrays over (input, task)
 * are indexed by kafka_in_index.
 *
 * Memory: records read ahead take about options.prefetch_bytes, split evenly over the partitions; but
 * every partition may hold one batch of its producer beyond its share, since a batch is fetched whole. 64
 * MiB are plenty; only where SASL is used without a password (GSSAPI, OAUTHBEARER) keep it above one
 * second of input, or reading pauses for up to a second when all shares are full.
 *
 * Thread: the worker's. Callbacks must not call kafka_in_* but kafka_in_headers. */
#ifndef LADDER_DAEMON_KAFKA_IN_H
#define LADDER_DAEMON_KAFKA_IN_H

#include <stdint.h>

#include "core/base/slice.h"
#include "daemon/kafka_connection.h"

/* As a start offset: where the log begins, asked for at kafka_in_start. */
#define KAFKA_IN_BEGINNING INT64_C(-2)
/* The same: where it ends. */
#define KAFKA_IN_END INT64_C(-3)
/* The same: with the first record that has this timestamp (ms, not negative) or a later one, else its end. */
#define KAFKA_IN_SINCE(ms) (-(ms) - 16)

struct kafka_in_options {
	struct kafka_connection connection;
	const char *name;          /* in log lines: "worker 0"; outlives the consumer */
	const char *group;         /* librdkafka wants one; nobody is a member by it: kafka_group.h */
	const char *const *topics; /* by input */
	size_t topic_count;
	const int32_t *tasks;      /* partition numbers, each once, never negative */
	size_t task_count;
	size_t prefetch_bytes;     /* at least 1 MiB */
};

/* Everything in it is valid during the call only. */
struct kafka_record {
	struct slice key;     /* absent: data is NULL */
	struct slice value;   /* absent: data is NULL */
	int64_t offset;
	int64_t timestamp_ms; /* of the record, not the event; -1 where it has none */
	const void *handle;   /* for kafka_in_headers */
};

typedef void kafka_in_record_callback(void *ctx, const struct kafka_record *record);
typedef void kafka_in_header_callback(void *ctx, const char *name, struct slice value);

/* A record that was read before, by which a log is known again: one that was deleted and created anew has
 * another one there, or none. */
struct kafka_trace {
	int64_t offset; /* below 0: nothing was read */
	uint64_t print; /* kafka_in_print */
};
uint64_t kafka_in_print(struct slice key, struct slice value);

/* What keeps a partition from being read. */
enum kafka_problem_kind {
	KAFKA_PROBLEM_NONE,
	KAFKA_PROBLEM_GAP,     /* the log does not hold the offset; only kafka_in_seek goes on */
	KAFKA_PROBLEM_FOREIGN, /* it holds another record where one was read before; the same */
	KAFKA_PROBLEM_MISSING, /* no such topic or partition; goes on when it is there (kafka_in_know) */
	KAFKA_PROBLEM_DENIED,  /* no right to read; goes on when it is given */
	KAFKA_PROBLEM_DAMAGED, /* a checksum does not match; read again every few seconds */
	KAFKA_PROBLEM_OTHER    /* what the broker said is in the text; librdkafka tries again */
};

struct kafka_problem {
	enum kafka_problem_kind kind;
	int64_t wanted;      /* GAP, FOREIGN: the offset asked for; the log holds [log_start, log_end) */
	int64_t log_start;
	int64_t log_end;
	char text[384];      /* one sentence that names topic and partition, "" for NONE */
};

struct kafka_in_counts {
	uint64_t record_count; /* handed out */
	uint64_t skipped;      /* offsets that no record was at: compaction, transactions */
	uint64_t stale_count;  /* records of before a seek, dropped here where librdkafka did not */
};

struct kafka_in;

/* Talks to nobody yet. NULL with the error told: settings. */
must_check struct kafka_in *kafka_in_create(const struct kafka_in_options *options,
					    struct kafka_error *error);
void kafka_in_destroy(struct kafka_in *in); /* NULL is fine */

/* Index of (input, task) in arrays over all partitions: input-major, tasks in the order of options.tasks.
 * Aborts where the task is not ours. */
size_t kafka_in_index(const struct kafka_in *in, size_t input, int32_t task);
size_t kafka_in_partition_count(const struct kafka_in *in);

/* Asks for both ends of every partition's log, then starts reading at `offsets` (by kafka_in_index; an
 * offset or one of the above). An offset that the log does not hold is no failure but that partition's
 * problem GAP. Blocks for at most timeout_ms. After a failure it may be called again. */
must_check bool kafka_in_start(struct kafka_in *in, const int64_t *offsets, int timeout_ms,
			       struct kafka_error *error);

/* The same for one task: its inputs start at `offsets` (by input), the other tasks read on. `traces` (by
 * input, or NULL) are of records before them: one that is still there is looked at before anything is
 * handed out, and if it is another one that is the partition's problem FOREIGN. */
must_check bool kafka_in_start_task(struct kafka_in *in, int32_t task, const int64_t *offsets,
				    const struct kafka_trace *traces, int timeout_ms,
				    struct kafka_error *error);

/* The task is not read any more, and nothing of it comes out until it is started again. */
void kafka_in_stop_task(struct kafka_in *in, int32_t task);

/* Readable when a partition that was empty has something, when one may have something after a seek or a
 * pause, or when there is something for kafka_in_poll. It does not say which partition: try them all, and
 * each of them until it gives less than was asked for, before waiting again. */
int kafka_in_fd(const struct kafka_in *in);

/* About what is read ahead now takes, at most options.prefetch_bytes. */
size_t kafka_in_ahead_bytes(const struct kafka_in *in);

/* Clears the fd and serves librdkafka's own events. To be called when the fd is readable, before
 * consuming, and at least once a second: it also tries again what needs to be. Where an offset has to be
 * looked up it blocks for up to a second. */
void kafka_in_poll(struct kafka_in *in);

/* Hands out up to max_records of one partition in the order of their offsets, and does not wait. Returns
 * how many. Fewer than max_records: the queue is empty, and the fd tells when it no longer is. */
size_t kafka_in_consume(struct kafka_in *in, size_t input, int32_t task, size_t max_records,
			kafka_in_record_callback *callback, void *ctx);

/* What was read last, after kafka_in_consume. A topic that was MISSING is known again by it: one that was
 * created anew meanwhile is FOREIGN or has a GAP. Without, it is read on at the position. The traces of
 * kafka_in_start_task are known, too; a seek forgets it. */
void kafka_in_know(struct kafka_in *in, size_t input, int32_t task, struct kafka_trace trace);

/* The record's headers in their order. From the record callback only. */
void kafka_in_headers(const void *handle, kafka_in_header_callback *callback, void *ctx);

/* Everything that the broker had when it last answered has been handed out. That may be a while ago: the log
 * may go on where nothing was fetched since. */
bool kafka_in_at_end(const struct kafka_in *in, size_t input, int32_t task);

/* Asks the brokers where the log ends now, of a partition that is at its end. True: they said so, and
 * kafka_in_at_end tells whether it still is. Blocks for up to a second. */
must_check bool kafka_in_ask_end(struct kafka_in *in, size_t input, int32_t task);

/* The offset that is read next. */
int64_t kafka_in_position(const struct kafka_in *in, size_t input, int32_t task);

/* Where the log ends, as far as the brokers have told: not before the position. Below 0: not known. */
int64_t kafka_in_log_end(const struct kafka_in *in, size_t input, int32_t task);

/* Where the log ended when it was started, by kafka_in_index: catch_up has been reached when every position
 * is there. */
const int64_t *kafka_in_end_offsets(const struct kafka_in *in);
/* Where it began then. */
const int64_t *kafka_in_start_offsets(const struct kafka_in *in);

/* Valid until the next call of anything but an accessor. Never NULL. */
const struct kafka_problem *kafka_in_problem(const struct kafka_in *in, size_t input, int32_t task);
struct kafka_in_counts kafka_in_counts(const struct kafka_in *in, size_t input, int32_t task);

/* Drops what is queued and reads on at `offset`; no record of before comes out any more. Clears a
 * problem. False with the error told where librdkafka does not do it in time: nothing comes out then
 * until a later seek succeeds. */
must_check bool kafka_in_seek(struct kafka_in *in, size_t input, int32_t task, int64_t offset,
			      struct kafka_error *error);

/* A paused partition hands out nothing. What is queued stays, and fetching stops when its share of the
 * memory is full. */
void kafka_in_pause(struct kafka_in *in, size_t input, int32_t task, bool is_paused);

#endif
