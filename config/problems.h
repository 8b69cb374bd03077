/* Problems: what is wrong with a configuration file, each with its place and what to do about it. */
#ifndef LADDER_CONFIG_PROBLEMS_H
#define LADDER_CONFIG_PROBLEMS_H

#include <stddef.h>
#include <stdio.h>

struct config_problem {
	unsigned line;   /* from 1; 0: the file as a whole */
	unsigned column; /* from 1, in characters */
	char *message;   /* owned; one line, control characters of the file made visible as ? */
};

/* Starts as {.file = name}. */
struct config_problems {
	const char *file; /* borrowed; what problems are printed for */
	struct config_problem *items;
	size_t count;
};

__attribute__((format(printf, 4, 5)))
void config_problems_add(struct config_problems *problems, unsigned line, unsigned column,
			 const char *format, ...);
/* By line and column; what is at the same place stays in order. */
void config_problems_sort(struct config_problems *problems);
/* One line each: file:line:col: message */
void config_problems_print(const struct config_problems *problems, FILE *file);
void config_problems_destroy(struct config_problems *problems);

#endif
