/* Options: what the core needs to know of the configuration, filled by config/ from settings.def.
 * Read-only once the workers run, so every thread may read it. Durations are milliseconds. */
#ifndef LADDER_MODEL_OPTIONS_H
#define LADDER_MODEL_OPTIONS_H

#include "core/base/slice.h"
#include "core/model/diagnosis.h"

enum { WINDOW_COUNT_MAX = 16 };

struct window_options {
	char name[16];      /* the length as it was written: "5m", "24h"; part of every row's key */
	int64_t length_ms;  /* a multiple of slide_ms */
	int64_t slide_ms;   /* divides the slide of every longer window */
	int64_t emit_ms;    /* a row is published at most once in this time */
};

enum spend_source { SPEND_FROM_REPORTS, SPEND_FROM_CLICKS };

struct zone; /* core/base/zone.h */

struct account_options {
	struct slice id;
	struct slice currency;
	const struct zone *zone; /* the account's day; never NULL */
	enum spend_source spend_from;
};

/* What rows are judged by: spec section 8. */
struct diagnosis_options {
	uint32_t min_volume;                   /* 30 */
	int64_t drop_micros;                   /* 0.3 */
	int64_t norm_micros[JUDGED_RUNG_COUNT]; /* of accounts, by enum judged_rung; 0: none */
	int64_t norm_cost_micros;              /* of a conversation; 0: none */
};

/* When alerts are said, and where they point: spec section 8. */
struct alert_options {
	int64_t for_ms;   /* 2 m: so long a condition holds before it is said */
	int64_t keep_ms;  /* 10 m: so long it does not before that is */
	struct slice alertmanager; /* its address, or "off" */
	struct slice url; /* of the page */
};

struct options {
	int64_t gap_ms;            /* 7 d: a conversation ends when this passes without an inbound message */
	int64_t attribution_ms;    /* 7 d */
	int64_t outcome_window_ms; /* 28 d */
	int64_t lateness_ms;       /* 7 d */
	int64_t free_window_ms;    /* 72 h */
	int64_t service_window_ms; /* 24 h */
	int64_t followup_after_ms; /* 1 h */
	int64_t retention_ms;      /* 90 d */
	int64_t max_ahead_ms;      /* 5 m */
	int64_t history_emit_ms;   /* 1 m */
	uint32_t min_words;        /* 2 */
	uint32_t followup_max;     /* 2 */
	uint32_t max_tail;         /* 1000 */
	bool imply;                /* true */
	struct diagnosis_options diagnosis;
	struct alert_options alerts;
	struct slice default_account;
	struct slice default_currency;
	const struct zone *default_zone; /* UTC */
	struct account_options *accounts; /* sorted by id in byte order */
	size_t account_count;
	struct window_options windows[WINDOW_COUNT_MAX]; /* by length, shortest first */
	size_t window_count;
};

/* The options of an account that the configuration does not name: the defaults under that id. */
struct account_options options_account(const struct options *options, struct slice id);

#endif
