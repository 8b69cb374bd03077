/* Value: what one text of the configuration file means, by the kind of its setting. Pure functions. */
#ifndef LADDER_CONFIG_VALUE_H
#define LADDER_CONFIG_VALUE_H

#include <stdint.h>

#include "config/settings.h"

/* A number: KIND_SWITCH (0, 1), KIND_INTEGER, KIND_SIZE (bytes), KIND_RATE (bytes a second),
 * KIND_DECIMAL (millionths), KIND_DURATION and KIND_WINDOW_LENGTH (milliseconds). False if the text is none
 * of this kind. Never negative. */
bool value_number(enum setting_kind kind, const char *text, int64_t *number);

/* Whether a number lies in the row's "low..high"; true where the row has no range. */
bool value_is_in_range(const struct setting *setting, int64_t number);

/* The place of a word among "a|b|c", or -1. */
int value_word(const char *words, const char *word);
/* Copies the word that is nearest to `word` and at most 2 edits away; false if there is none. */
bool value_nearest_word(const char *words, const char *word, char *nearest, size_t size);

/* For the kinds that are kept as texts: what is wrong with it and what is right, or NULL. */
const char *value_text_fault(enum setting_kind kind, const char *text);

/* How a value of this kind is written, for messages and documentation: "a duration such as 7d". */
const char *value_kind_form(enum setting_kind kind);

#endif
