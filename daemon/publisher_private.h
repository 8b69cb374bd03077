/* Publisher, private: what the files publisher*.c share.
 *
 *   publisher.c        the thread, its rings to the workers, dead letters
 *   publisher_merge.c  what tasks say, in the merger: only while this instance merges
 *   publisher_recall.c rows that mergers before have put out: read back before this one puts out any
 *   publisher_alerts.c what is wrong, once a minute: while this instance merges, too
 *   publisher_far.c    the exchange with the other instances: announcements, beats, bulletins on their way */
#ifndef LADDER_DAEMON_PUBLISHER_PRIVATE_H
#define LADDER_DAEMON_PUBLISHER_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>

#include "core/publish/merger.h"
#include "core/publish/recall.h"
#include "daemon/dead_letters.h"
#include "daemon/exchange.h"
#include "daemon/forwards.h"
#include "daemon/kafka_out.h"
#include "daemon/publisher.h"
#include "daemon/read_back.h"

/* The first as in status.h. */
enum { TOPIC_CURRENT, TOPIC_HISTORY, TOPIC_DEAD, TOPIC_EXCHANGE, TOPIC_ALERTS, TOPIC_COUNT };

/* So long a task may say nothing before it counts as away: less than ARRIVAL_MS of the workers. */
enum { SILENT_MS = 2000 };

/* To and from one worker of this instance. */
struct channel {
	struct ring up;   /* bulletins of the worker */
	struct ring down; /* bulletins of parents for it */
	_Atomic(struct loop *) loop; /* written by the worker when it can be woken; NULL until then */
	struct bulletin *parents; /* being written; publisher's thread only */
	_Atomic uint64_t dead_delivered; /* written by the publisher: licenses a commit behind it */
	_Atomic uint64_t forward_delivered; /* the same */
	_Atomic size_t waiting_bytes;    /* the same: letters and forwards that wait for Kafka */
	_Atomic size_t up_bytes;         /* bulletins in `up` */
};

/* Greater than what another merger, of which `known` is the greatest that was heard of, may have given out
 * since: by 10 s, but however often mergers change no further ahead of the wall clock, unless that went
 * back. */
static inline uint64_t revision_beyond(uint64_t known)
{
	const uint64_t margin = 10000000;
	uint64_t most = wall_micros() + margin;
	if (known >= most)
		return known;
	return known + margin < most ? known + margin : most;
}

/* What the merger has heard of a task. */
struct source {
	uint64_t term;       /* of the owner who is listened to; 0: nobody yet */
	int64_t heard_ms;    /* loop time when he last spoke */
	int64_t position_ms; /* what its names cover */
	bool has_spoken;     /* under this term, with its names */
	bool is_caught_up;
	bool has_recalled;   /* said under any term what it does not know of */
	bool is_active_before; /* the same of its inputs: what they brought before */
	bool is_far;         /* in another instance */
};

/* A task that a bulletin speaks of. */
struct mention {
	uint32_t task;
	uint64_t term;
};

/* publisher_recall.c. The topics are TOPIC_CURRENT and TOPIC_HISTORY. */
enum { RECALL_TOPIC_COUNT = 2 };
struct recall {
	struct read_back *reading[RECALL_TOPIC_COUNT]; /* NULL: not now */
	int64_t since_ms;    /* wall clock of the records that are wanted; INT64_MAX: none */
	int64_t begun_ms;    /* of those that are read, or were */
	int64_t time_ms;     /* stream time of the oldest state that a task goes on from; INT64_MAX: none */
	int64_t next_try_ms; /* loop time */
	bool is_again;       /* rows may go out meanwhile: those that are read are sent again */
	struct buffer rows;  /* of each its key, from and to, until all have caught up */
	size_t count;
};

/* publisher_merge.c */
struct merging {
	struct merger *merger; /* NULL: this instance does not merge */
	struct source *sources; /* by task */
	size_t caught_up_count;
	bool has_heard_all;    /* every task has spoken since this instance began to merge */
	int64_t confirmed_ms;  /* handed down to all workers */
	int64_t held_until_ms; /* loop time; rows are held back until then or until all have caught up */
	int64_t now_ms;        /* T as the merger knows it; TIME_NONE: not */
	struct publisher_alerts *alerts;
	struct recall recall;
	bool has_far;          /* another instance has spoken: what goes down goes there, too */
};

/* publisher_far.c */
struct far {
	struct exchange *exchange;
	uint64_t announcement;    /* the greatest that was heard of, or made; see hear_down */
	uint64_t own_announcement; /* the last that was made here */
	int64_t next_try_ms;      /* loop time: when to merge again, or to listen again */
	int64_t beat_due_ms;      /* loop time */
	int64_t lease_ms;         /* loop time when the last beat that came back was sent */
	uint64_t farewell;        /* the announcement under which rows may still be on their way; 0: none */
	int64_t farewell_by_ms;   /* loop time */
	int64_t look_due_ms;      /* loop time: when rows are read back once more after a takeover; 0: done */
	int64_t stale_heard_ms;   /* loop time: when rows were last sent again because of a stale merger */
	bool is_up_lost;          /* something did not reach Kafka */
	bool is_down_lost;
	struct bulletin *down;    /* being written: parents, for the others' workers */
	struct bulletin *up;      /* being written: a worker's bulletin on its way to the merger */
	struct buffer *waiting;   /* records that found no room: before anything else is sent */
	size_t waiting_count;
	size_t waiting_capacity;
};

struct publisher {
	struct own_config own;
	const struct config *config; /* it */
	struct shared *shared;
	size_t worker_count;
	size_t task_count;
	size_t waiting_bytes;
	int session_ms;
	struct kafka_connection connection;
	int partition_counts[TOPIC_COUNT]; /* of what is read back; 0 of the others */
	struct channel *channels;
	struct kafka_out *out;
	struct dead_letters *dead;
	struct forwards *forwards; /* NULL: nothing is forwarded */
	struct alertmanager *alertmanager; /* NULL: there is none */
	struct status_board *board;
	struct row_shelf *shelf;
	struct alert_shelf *alert_shelf;
	bool is_shelf_open;
	struct buffer envelope; /* what stands before a row (row_connect.h); empty: rows go out plain */
	struct buffer enveloped; /* a row as it goes out, kept for the next */
	int64_t status_due_ms; /* loop time, as this: */
	int64_t heard_ms;      /* when something last came by the exchange: there are beats all the time */
	struct merging merging;
	struct far far;
	/* While a bulletin is read: */
	struct channel *reading; /* whose it is; NULL: another instance's */
	uint32_t task;           /* that its notes speak of now */
	uint64_t term;
	bool is_heard;           /* they are the owner's */
	int64_t reading_now_ms;  /* T of it */
	struct mention *mentions;
	size_t mention_count;
	size_t mention_capacity;
	struct loop *loop;
	pthread_t thread;
	sem_t is_started; /* the loop is there: workers may wake it */
	int64_t forget_due_ms; /* loop time */
	int64_t paid_ms;       /* loop time up to which emit_rate has been paid out */
	double row_credit;
	bool is_row_lost;
	int64_t stop_by_ms;    /* loop time; 0 until the stop */
	_Atomic int stop_timeout_ms; /* set by publisher_stop: licenses the thread to end */
	bool is_all_sent;
};

/* publisher.c. The first two are what the thread does, for those who turn a publisher themselves. */
void publisher_begin(struct publisher *publisher);
void publisher_turn(struct publisher *publisher);
void publisher_mention(struct publisher *publisher, uint32_t task, uint64_t term);
/* Parents and confirmations for the workers of this instance: the bulletin that is being written to each. */
struct bulletin *publisher_downward(struct channel *channel);
/* A reader that takes the dead letters and the forwards only. */
struct bulletin_reader publisher_deaf_reader(struct publisher *publisher);
const char *publisher_topic(const struct config *config, size_t topic);
/* A right is missing: ends the daemon. */
void publisher_fail(struct publisher *publisher, const char *why);

/* publisher_merge.c */
static inline bool publisher_merges(const struct publisher *publisher)
{
	return publisher->merging.merger != NULL;
}

void publisher_begin_merging(struct publisher *publisher);
void publisher_end_merging(struct publisher *publisher);
/* A reader that puts what it reads into the merger. */
struct bulletin_reader publisher_merging_reader(struct publisher *publisher);
/* All of a bulletin that covers position_ms has been read. */
void publisher_merge_end(struct publisher *publisher, int64_t now_ms, int64_t position_ms);
/* To the workers: what all names cover. */
void publisher_confirm(struct publisher *publisher);
/* Of those tasks that have spoken, all or those of other instances: INT64_MAX without any. */
int64_t publisher_hindmost_ms(const struct publisher *publisher, bool is_far_only);
/* Sends rows, as far as they may go out. Returns their number. */
size_t publisher_send_rows(struct publisher *publisher, int64_t now_ms);

/* publisher_recall.c */
void publisher_recall_begin(struct publisher *publisher);
void publisher_recall_end(struct publisher *publisher);
/* A task knows nothing of what was put out since then, and goes on from that stream time; TIME_NONE: it knows
 * of nothing at all. */
void publisher_recall_ask(struct publisher *publisher, int64_t since_ms, int64_t time_ms);
/* What has gone out so long, and in the minutes before, is asked for again. */
void publisher_recall_again(struct publisher *publisher, int64_t past_ms);
/* Reads some. Returns whether rows may go out. */
bool publisher_recall_turn(struct publisher *publisher);
/* Once all tasks have caught up. */
void publisher_recall_apply(struct publisher *publisher);

/* publisher_alerts.c */
void publisher_begin_alerts(struct publisher *publisher);
void publisher_end_alerts(struct publisher *publisher);
/* An input brought events; the bulletin that is being read says so. */
void publisher_note_activity(struct publisher *publisher, size_t input, uint32_t count);
void publisher_note_activity_before(struct publisher *publisher, size_t input,
				    const struct activity_digest *digest);
/* Judges and sends, if T is a minute further. */
void publisher_say_alerts(struct publisher *publisher, int64_t now_ms);

/* publisher_far.c */
bool far_create(struct publisher *publisher, const struct kafka_connection *connection,
		struct kafka_error *error);
void far_destroy(struct publisher *publisher);
/* Begins or ceases to merge where it is time, reads what has come from others, and sends beats. Returns
 * whether anything came. */
bool far_turn(struct publisher *publisher);
/* Whether rows may go out: nobody else merges. */
bool far_is_leased(const struct publisher *publisher);
/* A worker's bulletin to the instance that merges. */
void far_forward(struct publisher *publisher, const struct bulletin *bulletin);
/* Whether the next bulletin may be forwarded. */
bool far_has_room(const struct publisher *publisher);
void far_report(struct publisher *publisher, const struct kafka_report *report);
/* Parents for the workers of other instances. */
void far_put_parents(struct publisher *publisher, struct slice ad, const struct parents *parents);

#endif
