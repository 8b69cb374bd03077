/* Load: a configuration while it is being read. Private to load.c and checks.c. */
#ifndef LADDER_CONFIG_LOAD_H
#define LADDER_CONFIG_LOAD_H

#include "config/config.h"
#include "config/document.h"
#include "config/settings.h"
#include "config/zones.h"

struct config_memory {
	struct zones *zones;
	struct document *file;
	struct document *fallbacks[SETTING_COUNT_MAX]; /* by setting, made when first needed */
};

struct place { /* of a value in the file; line 0: it is not there */
	unsigned line, column;
};

enum { INPUT_COUNT_MAX = 64 };

struct load {
	struct config *config;
	struct config_problems *problems;
	enum config_need need;
	struct place places[SETTING_COUNT_MAX]; /* by setting; of an item's, those of the item at hand */
	struct place topics[INPUT_COUNT_MAX];   /* by input */
	struct place slides[WINDOW_COUNT_MAX];  /* by window, sorted with them */
	struct place lengths[WINDOW_COUNT_MAX];
	bool windows_are_sound; /* each by itself */
};

#define load_add(load, node, ...) \
	config_problems_add((load)->problems, (node)->line, (node)->column, __VA_ARGS__)

/* load.c: maps whose keys are settings. `holder` is the struct that the settings' offsets are in. */
struct place *load_place_of(struct load *load, const struct setting *setting);
void load_map(struct load *load, const struct setting *parent, const struct document_node *node,
	      void *holder);

/* load_single.c: one text, or a list of words. Null (nothing, ~) is no text. */
bool load_is_null(const struct document_node *node);
/* Whether the node is of that kind; if not, it is a problem. */
bool load_has_form(struct load *load, const struct setting *setting, const struct document_node *node,
		   enum document_kind kind);
void load_single(struct load *load, const struct setting *setting, const struct document_node *node,
		 void *holder);
void load_words(struct load *load, const struct setting *setting, const struct document_node *node,
		uint32_t *words);

/* load_lists.c: lists of items, and maps whose keys are the operator's. */
bool load_is_word(struct load *load, const struct document_node *key);
void load_add_twice(struct load *load, const struct document_node *key, unsigned first_line);
/* Zeroed, never NULL, to be freed; aborts where memory is missing. */
void *load_create_items(size_t count, size_t size);
void load_inputs(struct load *load, const struct setting *setting, const struct document_node *node,
		 struct config_inputs *inputs);
void load_windows(struct load *load, const struct setting *setting, const struct document_node *node,
		  struct options *options);
void load_accounts(struct load *load, const struct setting *setting, const struct document_node *node,
		   struct options *options);
void load_properties(struct load *load, const struct setting *setting, const struct document_node *node,
		     struct config_properties *properties);

/* checks.c: what concerns several settings at once; completes and sorts the accounts and windows. */
void load_check(struct load *load);

#endif
