#include "config/problems.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

void config_problems_add(struct config_problems *problems, unsigned line, unsigned column,
			 const char *format, ...)
{
	char message[1024];
	va_list values;
	va_start(values, format);
	vsnprintf(message, sizeof message, format, values);
	va_end(values);
	for (char *at = message; *at; at++)
		*at = iscntrl((unsigned char)*at) ? '?' : *at;
	problems->items = realloc(problems->items, (problems->count + 1) * sizeof *problems->items);
	CHECK(problems->items != NULL);
	struct config_problem *problem = &problems->items[problems->count++];
	*problem = (struct config_problem){line, column, strdup(message)};
	CHECK(problem->message != NULL);
}

static bool problem_is_before(const struct config_problem *a, const struct config_problem *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void config_problems_sort(struct config_problems *problems)
{
	for (size_t i = 1; i < problems->count; i++) {
		struct config_problem problem = problems->items[i];
		size_t at = i;
		for (; at > 0 && problem_is_before(&problem, &problems->items[at - 1]); at--)
			problems->items[at] = problems->items[at - 1];
		problems->items[at] = problem;
	}
}

void config_problems_print(const struct config_problems *problems, FILE *file)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *problem = &problems->items[i];
		fprintf(file, "%s:", problems->file);
		if (problem->line > 0)
			fprintf(file, "%u:%u:", problem->line, problem->column);
		fprintf(file, " %s\n", problem->message);
	}
}

void config_problems_destroy(struct config_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		free(problems->items[i].message);
	free(problems->items);
	*problems = (struct config_problems){.file = problems->file};
}
