/* Settings: the rows of settings.def at run time, for the parser and the printers. */
#ifndef LADDER_CONFIG_SETTINGS_H
#define LADDER_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

enum setting_kind {
	KIND_GROUP,         /* a map of settings */
	KIND_TEXT,          /* any text but the empty one */
	KIND_TOPIC,         /* a name that Kafka allows for topics */
	KIND_REDIS_URL,
	KIND_ADDRESS,       /* host:port, or `off` */
	KIND_FILE,          /* the path of a file, or empty for none */
	KIND_ID,            /* as KIND_TEXT, kept as a slice */
	KIND_CURRENCY,      /* three capital letters, kept as a slice */
	KIND_TIMEZONE,      /* an IANA name */
	KIND_WORD,          /* one of the words of the range */
	KIND_WORDS,         /* a list of them */
	KIND_SWITCH,        /* true or false */
	KIND_INTEGER,
	KIND_SIZE,          /* bytes: 65536, 64KiB, 64MB */
	KIND_RATE,          /* bytes a second: 64MB/s */
	KIND_DECIMAL,       /* 0.3, 12.50: kept in millionths */
	KIND_DURATION,      /* 500ms, 10s, 5m, 72h, 7d, 0 */
	KIND_WINDOW_LENGTH, /* a duration whose writing names the window */
	KIND_PROPERTIES,    /* a map of any names to texts */
	KIND_SECRETS,       /* the same, to files that hold the texts */
	KIND_INPUTS,        /* a list of maps */
	KIND_WINDOWS,       /* a list of maps */
	KIND_ACCOUNTS,      /* a map of ids to maps */
	KIND_COUNT
};

enum setting_need { NEED_OPTIONAL, NEED_DERIVED, NEED_REQUIRED, NEED_FOR_RUN, NEED_LIVE = NEED_OPTIONAL };

struct setting {
	const char *path; /* "ladder.gap", "kafka.inputs[].topic", "accounts.<id>.currency" */
	enum setting_kind kind;
	enum setting_need need;
	bool is_live; /* a running ladderd takes a new value */
	size_t offset; /* in struct config, or in the item of the list that it belongs to */
	const char *fallback; /* YAML; an example where it is required; NULL for groups and DERIVED */
	const char *range;    /* see settings.def */
	const char *sentence;
};

enum { SETTING_COUNT_MAX = 96 };

/* All rows, in the order of the file, each group and list before what is in it. */
const struct setting *settings_all(size_t *count);
size_t setting_index(const struct setting *setting);
/* The last part of the path: the key in the file. */
const char *setting_name(const struct setting *setting);
/* The next row directly in `parent` (NULL: the file itself) after `previous` (NULL: the first), or NULL. */
const struct setting *setting_next(const struct setting *parent, const struct setting *previous);
const struct setting *setting_find(const struct setting *parent, const char *name);

/* The row whose key is nearest to `name` among those in `parent`, at most 2 edits away, or NULL. */
const struct setting *setting_nearest(const struct setting *parent, const char *name);
/* The next row after `previous` (NULL: the first) whose key is at most so many edits from `name`, wherever it
 * is, or NULL. */
const struct setting *setting_elsewhere(const char *name, unsigned distance_max,
					const struct setting *previous);

/* How many single letters have to be inserted, left out or replaced to make one of the other, letter
 * case aside; at most 3, which stands for more, too. */
unsigned text_distance(const char *a, const char *b);

/* The range in words: "1s to 90d", "wall, event", "" where there is none. */
void setting_range_print(const struct setting *setting, char *text, size_t size);

#endif
