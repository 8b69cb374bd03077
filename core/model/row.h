/* Row: one published set of numbers, the noun between publish and the outside. Spec section 6.4.
 * Texts are borrowed; an absent one (len 0) is shown as null. */
#ifndef LADDER_MODEL_ROW_H
#define LADDER_MODEL_ROW_H

#include "core/base/slice.h"
#include "core/model/diagnosis.h"
#include "core/model/level.h"
#include "core/model/step.h"

enum row_kind { ROW_ROLLING, ROW_BUCKET };

/* The times of a row, percentiles of the two histograms. */
enum row_time { ROW_RESPONSE_P50, ROW_RESPONSE_P90, ROW_CLOSE_TIME_P50, ROW_CLOSE_TIME_P90, ROW_TIME_COUNT };

struct row {
	enum row_kind kind;
	enum basis basis;
	enum level level;
	bool is_settled;
	struct slice id;
	struct slice name;
	struct slice account;
	struct slice campaign; /* of the levels below campaign */
	struct slice adset;
	struct slice ad;
	struct slice window; /* "5m"; of buckets "1h" or "1d" */
	struct slice currency;
	int64_t from_ms;
	int64_t to_ms;
	uint64_t revision;
	int64_t counts[COUNTER_COUNT];     /* money in micros */
	int64_t times_ms[ROW_TIME_COUNT];  /* -1: nothing was timed */
	struct judgement judgement;
};

#endif
