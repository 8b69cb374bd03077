/* Config: what the configuration file says, checked as a whole. Spec section 10.
 *
 * The fields come from settings.def, where each has its sentence. A struct config is complete and valid,
 * or it does not exist: config_load gives NULL and the problems, never a half of it (promise P5).
 *
 * Ownership: all texts, lists and zones belong to the config and live as long as it. Read-only once
 * loaded, so every thread may read it. Texts end with NUL, slices in it too. Durations are milliseconds,
 * sizes bytes. */
#ifndef LADDER_CONFIG_CONFIG_H
#define LADDER_CONFIG_CONFIG_H

#include <stdio.h>

#include "config/problems.h"
#include "core/base/check.h"
#include "core/base/partition.h"
#include "core/model/options.h"

enum config_clock { CONFIG_CLOCK_WALL, CONFIG_CLOCK_EVENT };
enum config_format { CONFIG_FORMAT_LADDER };
enum config_key { CONFIG_KEY_USER, CONFIG_KEY_CLICK_ID, CONFIG_KEY_NONE };
enum config_on_gap { CONFIG_ON_GAP_STOP, CONFIG_ON_GAP_SKIP };
enum config_row_format { CONFIG_ROW_FORMAT_LADDER, CONFIG_ROW_FORMAT_CONNECT };
enum config_log_format { CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON };
enum config_dead_letters { CONFIG_DEAD_LETTERS_KEEP, CONFIG_DEAD_LETTERS_REDACT };

struct config_property {
	const char *name;
	const char *value;
};

struct config_properties { /* in the order of the file */
	struct config_property *items;
	size_t count;
};

#define CONFIG_FIELD_TEXT const char *
#define CONFIG_FIELD_TOPIC const char *
#define CONFIG_FIELD_REDIS_URL const char *
#define CONFIG_FIELD_ADDRESS const char *
#define CONFIG_FIELD_FILE const char *
#define CONFIG_FIELD_PROPERTIES struct config_properties
#define CONFIG_FIELD_SECRETS struct config_properties
#define CONFIG_FIELD_INPUTS struct config_inputs
#define CONFIG_FIELD_WORD uint32_t  /* the word's place in the row's range: enum config_clock ... */
#define CONFIG_FIELD_WORDS uint32_t /* the same as bits: types has 1 << EVENT_CLICK ... */
#define CONFIG_FIELD_INTEGER uint32_t
#define CONFIG_FIELD_SIZE int64_t
#define CONFIG_FIELD_RATE int64_t
#define CONFIG_FIELD_DURATION int64_t

struct config_input {
#define INPUT(kind, need, name, member, fallback, range, sentence) CONFIG_FIELD_##kind member;
#include "config/settings.def"
};

struct config_inputs { /* in the order of the file */
	struct config_input *items;
	size_t count;
};

struct config {
#define GROUP(path, name, sentence) struct {
#define GROUP_END(name) } name;
#define SETTING(kind, need, group, name, member, fallback, range, sentence) CONFIG_FIELD_##kind member;
#define TOP(kind, need, name, member, fallback, range, sentence) CONFIG_FIELD_##kind member;
#include "config/settings.def"
	struct options options;
	struct config_memory *memory; /* private */
};

/* What the caller will do with it: FOR_RUN rows of settings.def are required then. */
enum config_need { CONFIG_NEED_NOTHING = 0, CONFIG_NEED_KAFKA = 1 };

/* NULL if there is any problem; all of them are then in `problems`, sorted by line. problems->file is set
 * to `path`, which has to live as long. Reads the file, and zones from /usr/share/zoneinfo. */
must_check struct config *config_load(const char *path, enum config_need need,
				      struct config_problems *problems);

/* The same from text; an empty one gives the defaults. problems->file is what the caller set. */
must_check struct config *config_load_text(struct slice yaml, enum config_need need,
					   struct config_problems *problems);

/* Whether events may lie in other partitions than their people, and the partitioners that say where
 * people and clicks are kept. by_key: a record belongs where its key would be if there were only the home
 * partitions, as all inputs are keyed by the person; else what is in it says where. */
struct config_shuffle {
	bool is_on;
	bool is_by_key;
	enum partitioner users;
	enum partitioner clicks;
};
struct config_shuffle config_shuffle(const struct config *config);
/* In how many of so many partitions people are kept: in the first ones. */
uint32_t config_home_count(const struct config *config, size_t partition_count);

/* The topics that tasks read: the inputs, and behind them the shuffle topic where it is on. */
size_t config_read_count(const struct config *config);
const char *config_read_topic(const struct config *config, size_t number);

/* NULL is allowed. */
void config_destroy(struct config *config);

/* A setting that differs between two configurations, as it is written in them; "not set" where it follows
 * from others. NULL: it may hold a password. */
struct config_difference {
	const char *path; /* "ladder.gap", "windows[2].slide", "accounts.act_1.timezone" */
	bool is_live;     /* of settings.def */
	const char *before;
	const char *after;
};

/* Tells each difference, in the order of settings.def. Returns how many there are. A number that is written
 * in another way is none. */
typedef void config_difference_sink(void *ctx, const struct config_difference *difference);
size_t config_compare(const struct config *before, const struct config *after, config_difference_sink *sink,
		      void *ctx);

/* Copies the live settings. Texts stay those of `from`, which has to live on. `config` may be a copy, made by
 * assignment, that is not to be destroyed. */
void config_take_live(struct config *config, const struct config *from);

/* Every setting with its default and its sentence, as a file that loads again to the defaults (YAML), as
 * documentation (Markdown), as a schema for editors (JSON Schema 2020-12). */
void config_print_defaults(FILE *file);
void config_print_reference(FILE *file);
void config_print_schema(FILE *file);
/* The manual page ladderd.yaml(5), in roff; `day` is that of the version, 2026-11-27. */
void config_print_man(FILE *file, const char *version, const char *day);

#endif
