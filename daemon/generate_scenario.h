/* Scenario: what breaks when in generated events, from generate_scenarios.def. */
#ifndef LADDER_DAEMON_GENERATE_SCENARIO_H
#define LADDER_DAEMON_GENERATE_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum knob {
#define KNOB(name, sentence) KNOB_##name,
#include "daemon/generate_scenarios.def"
	KNOB_COUNT
};

enum scenario {
#define SCENARIO(name, sentence) SCENARIO_##name,
#include "daemon/generate_scenarios.def"
	SCENARIO_COUNT
};

/* False where there is none of that name. */
bool scenario_find(const char *name, enum scenario *scenario);

const char *scenario_name(enum scenario scenario);
const char *scenario_sentence(enum scenario scenario);

/* One line each: name and sentence. */
void scenario_print_all(FILE *file);

/* Where a knob stands at a place of the span, 0 to 99 percent, in percent of the normal. */
unsigned scenario_knob(enum scenario scenario, enum knob knob, unsigned place_percent,
		       bool is_first_campaign);

/* Where a knob stands in a business that is well run, in percent of the normal. */
unsigned scenario_well_run_knob(enum knob knob);

/* Nothing is broken there, for anybody. */
bool scenario_is_calm(enum scenario scenario, unsigned place_percent);

#endif
