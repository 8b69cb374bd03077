/* Alert: what is said when a funnel breaks, and the numbers that it is judged by. Spec section 8. The noun
 * between publish, which has the numbers, and diagnose, which judges them: core/diagnose/alerts.h. */
#ifndef LADDER_MODEL_ALERT_H
#define LADDER_MODEL_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/diagnosis.h"
#include "core/model/level.h"

enum alert {
#define ALERT(name, constant, ...) ALERT_##constant,
#include "core/model/alerts.def"
	ALERT_COUNT
};

enum alert_number {
#define NUMBER(name) NUMBER_##name,
#include "core/model/alerts.def"
	NUMBER_COUNT
};

enum alert_span {
#define SPAN(name, constant, kind, hours, rung) ALERT_SPAN_##constant,
#include "core/model/alerts.def"
	ALERT_SPAN_COUNT
};

enum alert_span_kind { ALERT_SPAN_KIND_WINDOW, ALERT_SPAN_KIND_COHORT, ALERT_SPAN_KIND_AGED };

struct alert_span_row {
	const char *name;
	enum alert_span_kind kind;
	int64_t length_ms;
	enum judged_rung rung; /* COHORT */
};
extern const struct alert_span_row alert_span_rows[ALERT_SPAN_COUNT];

enum alert_rule {
	RULE_BROKEN,
	RULE_RATE_ABOVE,
	RULE_GAP_ABOVE,
	RULE_RATE_UP,
	RULE_COST_UP,
	RULE_NO_RESULT,
	RULE_UNPROFITABLE,
	RULE_UNANSWERED,
	RULE_SILENT,
};

struct alert_row {
	const char *name;
	const char *severity;
	enum alert_span span;
	enum alert_rule rule;
	enum alert_number numerator;
	enum alert_number denominator;
	int64_t limit_micros;
	const char *cause;
	const char *advice;
};
extern const struct alert_row alert_rows[ALERT_COUNT];

const char *alert_number_name(enum alert_number number);

/* ---- What is judged ---- */

/* The numbers of a span and of its baseline; money in micros. */
struct span_numbers {
	bool is_judged; /* the window exists; the cohort has had its time and the baseline is whole */
	int64_t from_ms;
	int64_t to_ms;
	int64_t observed[NUMBER_COUNT];
	int64_t baseline[NUMBER_COUNT];
};

/* What the account's median ad pays, in micros; -1: there is none. */
struct median_costs {
	int64_t conversation; /* by the conversations of MONTH_QUALIFIED */
	int64_t qualified;
	int64_t customer;     /* by those of MONTH_CUSTOMER */
};

enum { SUBJECT_NONE = UINT32_MAX };

/* Somebody of whom alerts are: an account, a campaign, an adset, an ad. Texts are borrowed. */
struct subject {
	uint32_t number;                /* always the same for the same one; small */
	uint32_t parents[PARENT_COUNT]; /* their numbers; SUBJECT_NONE at and below its level */
	enum level level;
	struct slice id;
	struct slice name;     /* len 0: none */
	struct slice currency;
	struct slice parent_ids[PARENT_COUNT]; /* len 0: none */
	struct span_numbers spans[ALERT_SPAN_COUNT];
	struct median_costs medians;   /* of its account */
	int64_t unanswered_count;      /* conversations opened since the last message out */
	int64_t unanswered_since_ms;   /* of the first of them */
	bool is_unanswered_least;      /* since before this was seen: there may be more of them */
};

typedef void subject_sink(void *ctx, const struct subject *subject);

/* Calls for everybody there is, parents first. */
typedef void each_subject(void *ctx, int64_t now_ms, subject_sink *sink, void *sink_ctx);

#endif
