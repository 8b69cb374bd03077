#include "daemon/generate_scenario.h"

#include <stddef.h>
#include <string.h>

enum scope { EVERYWHERE, FIRST_CAMPAIGN };

static const struct {
	const char *name;
	const char *sentence;
} scenario_rows[SCENARIO_COUNT] = {
#define SCENARIO(name, sentence) {#name, sentence},
#include "daemon/generate_scenarios.def"
};

static const struct phase {
	enum scenario scenario;
	enum scope scope;
	unsigned begin_percent;
	unsigned end_percent;
	enum knob knob;
	unsigned percent;
} phases[] = {
#define PHASE(scenario, scope, begin, end, knob, percent) \
	{SCENARIO_##scenario, scope, begin, end, KNOB_##knob, percent},
#include "daemon/generate_scenarios.def"
};

bool scenario_find(const char *name, enum scenario *scenario)
{
	for (unsigned i = 0; i < SCENARIO_COUNT; i++)
		if (strcmp(scenario_rows[i].name, name) == 0) {
			*scenario = i;
			return true;
		}
	return false;
}

const char *scenario_name(enum scenario scenario)
{
	return scenario_rows[scenario].name;
}

const char *scenario_sentence(enum scenario scenario)
{
	return scenario_rows[scenario].sentence;
}

void scenario_print_all(FILE *file)
{
	for (unsigned i = 0; i < SCENARIO_COUNT; i++)
		fprintf(file, "  %-16s %s\n", scenario_rows[i].name, scenario_rows[i].sentence);
}

static bool phase_is_on(const struct phase *phase, enum scenario scenario, unsigned place_percent)
{
	return phase->scenario == scenario && place_percent >= phase->begin_percent &&
	       place_percent < phase->end_percent;
}

unsigned scenario_knob(enum scenario scenario, enum knob knob, unsigned place_percent,
		       bool is_first_campaign)
{
	for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
		const struct phase *phase = &phases[i];
		bool is_here = phase->scope == EVERYWHERE || is_first_campaign;
		if (phase->knob == knob && is_here && phase_is_on(phase, scenario, place_percent))
			return phase->percent;
	}
	return 100;
}

unsigned scenario_well_run_knob(enum knob knob)
{
	switch (knob) {
#define WELL_RUN(name, percent) \
	case KNOB_##name: return percent;
#include "daemon/generate_scenarios.def"
	default: return 100;
	}
}

bool scenario_is_calm(enum scenario scenario, unsigned place_percent)
{
	for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++)
		if (phase_is_on(&phases[i], scenario, place_percent))
			return false;
	return true;
}
