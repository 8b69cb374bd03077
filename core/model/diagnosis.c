#include "core/model/diagnosis.h"

#include <stddef.h>

const enum judged judged_reached[JUDGED_RUNG_COUNT] = {
#define RUNG(name, constant, counter, of) [RUNG_##constant] = JUDGED_##counter,
#include "core/model/diagnoses.def"
};

const enum judged judged_of[JUDGED_RUNG_COUNT] = {
#define RUNG(name, constant, counter, of) [RUNG_##constant] = JUDGED_##of,
#include "core/model/diagnoses.def"
};

const char *judged_rung_name(enum judged_rung rung)
{
	static const char *const names[JUDGED_RUNG_COUNT] = {
#define RUNG(name, constant, counter, of) #name,
#include "core/model/diagnoses.def"
	};
	return rung == RUNG_NONE ? NULL : names[rung];
}

const char *diagnosis_name(enum diagnosis diagnosis)
{
	static const char *const names[DIAGNOSIS_COUNT] = {
#define DIAGNOSIS(name, constant, sentence) #name,
#include "core/model/diagnoses.def"
	};
	return diagnosis == DIAGNOSIS_NONE ? NULL : names[diagnosis];
}
