/* Diagnosis: what is wrong with the ladder of a row, the noun between diagnose and publish. Spec section 8.
 * What is held against what, and when: core/diagnose/diagnose.h and core/publish/norms.h. */
#ifndef LADDER_MODEL_DIAGNOSIS_H
#define LADDER_MODEL_DIAGNOSIS_H

#include <stdbool.h>
#include <stdint.h>

/* A step of the ladder that has a rate; as the weakest one, none is said to be. */
enum judged_rung {
	RUNG_NONE = -1,
#define RUNG(name, constant, counter, of) RUNG_##constant,
#include "core/model/diagnoses.def"
	JUDGED_RUNG_COUNT
};

enum diagnosis {
	DIAGNOSIS_NONE = -1, /* nobody judged */
#define DIAGNOSIS(name, constant, sentence) DIAGNOSIS_##constant,
#include "core/model/diagnoses.def"
	DIAGNOSIS_COUNT
};

/* The numbers of a row that are judged; norms are made of the same. */
enum judged {
	JUDGED_conversations,
	JUDGED_replies,
	JUDGED_qualified,
	JUDGED_handoffs,
	JUDGED_customers,
	JUDGED_spend,
	JUDGED_COUNT
};

enum norm_kind {
	NORM_SETTINGS, /* those of options.h, as plain rates; of an account as a whole */
	NORM_COUNTS    /* what was counted at the account */
};

struct norm {
	enum norm_kind kind;
	int64_t counts[JUDGED_COUNT];  /* NORM_COUNTS */
	int64_t median_conversations;  /* of the account's ads in the span of the row; -1: not known */
};

struct judgement {
	enum judged_rung weakest;
	enum diagnosis diagnosis;
};

struct diagnosis_options;

/* Judges the numbers of one row against its norm. */
typedef struct judgement judge_row(const struct diagnosis_options *options,
				   const int64_t counts[JUDGED_COUNT], const struct norm *norm);

/* NULL of RUNG_NONE and DIAGNOSIS_NONE. */
const char *judged_rung_name(enum judged_rung rung);
const char *diagnosis_name(enum diagnosis diagnosis);

/* The numerator and the denominator of a rung's rate. */
extern const enum judged judged_reached[JUDGED_RUNG_COUNT];
extern const enum judged judged_of[JUDGED_RUNG_COUNT];

/* Whether any rate of these numbers has a denominator of min_volume. If not, no rung is the weakest and there
 * is too little data, whatever the norm. */
static inline bool judged_has_volume(const int64_t counts[JUDGED_COUNT], int64_t min_volume)
{
	return counts[JUDGED_conversations] >= min_volume || counts[JUDGED_qualified] >= min_volume ||
	       counts[JUDGED_handoffs] >= min_volume;
}

#endif
