#include "daemon/audit_letters.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/pipeline.h"

void audit_letters_destroy(struct audit_letters *letters)
{
	buffer_destroy(&letters->letters);
}

struct letter {
	const struct config_inputs *inputs;
	struct audit_letter letter;
	bool is_input;
};

static void take_reason(struct audit_letter *letter, const char *text)
{
	letter->is_late = strcmp(text, class_name(CLASS_LATE)) == 0;
	letter->reason = 0;
	while (letter->reason < REASON_COUNT && strcmp(text, reason_name(letter->reason)) != 0)
		letter->reason++;
}

static void take_topic(struct letter *letter, const char *text)
{
	for (size_t i = 0; i < letter->inputs->count; i++)
		if (strcmp(text, letter->inputs->items[i].topic) == 0) {
			letter->letter.input = i;
			letter->is_input = true;
		}
}

/* "... (first of 3 items)" */
static void take_detail(struct audit_letter *letter, const char *text)
{
	static const char opening[] = "(first of ";
	for (const char *at = text; (at = strstr(at, opening)); at++)
		letter->dead_count = (uint32_t)strtoul(at + sizeof(opening) - 1, NULL, 10);
}

static void take_header(void *ctx, const char *name, struct slice value)
{
	struct letter *letter = ctx;
	char text[512] = "";
	if (value.len)
		memcpy(text, value.data, value.len < sizeof(text) ? value.len : sizeof(text) - 1);
	if (strcmp(name, "ladderd.reason") == 0)
		take_reason(&letter->letter, text);
	else if (strcmp(name, "ladderd.partition") == 0)
		letter->letter.partition = (int32_t)strtol(text, NULL, 10);
	else if (strcmp(name, "ladderd.offset") == 0)
		letter->letter.offset = strtoll(text, NULL, 10);
	else if (strcmp(name, "ladderd.topic") == 0)
		take_topic(letter, text);
	else if (strcmp(name, "ladderd.detail") == 0)
		take_detail(&letter->letter, text);
}

void audit_letters_take(struct audit_letters *letters, const struct config_inputs *inputs,
			const struct audit_record *record)
{
	struct letter letter = {.inputs = inputs, .letter = {.dead_count = 1, .reason = REASON_COUNT}};
	letter.letter.order = letters->letters.len / sizeof(letter.letter);
	kafka_in_headers(record->record->handle, take_header, &letter);
	if (letter.is_input)
		buffer_put(&letters->letters, &letter.letter, sizeof(letter.letter));
}

static int compare_records(const struct audit_letter *a, const struct audit_letter *b)
{
	if (a->input != b->input)
		return a->input < b->input ? -1 : 1;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static int compare_letters(const void *left, const void *right)
{
	const struct audit_letter *a = left, *b = right;
	int order = compare_records(a, b);
	return order ? order : (a->order > b->order) - (a->order < b->order);
}

void audit_letters_sort(struct audit_letters *letters)
{
	if (letters->letters.len)
		qsort(letters->letters.data, letters->letters.len / sizeof(struct audit_letter),
		      sizeof(struct audit_letter), compare_letters);
}

const struct audit_letter *audit_letters_find(const struct audit_letters *letters,
					      const struct audit_record *record, size_t *count)
{
	const struct audit_letter wanted = {.input = record->topic, .partition = record->partition,
					    .offset = record->record->offset};
	const struct audit_letter *all = (const void *)letters->letters.data;
	size_t end = letters->letters.len / sizeof(*all), low = 0;
	for (size_t high = end; low < high;) {
		size_t middle = (low + high) / 2;
		if (compare_records(&all[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	size_t behind = low;
	while (behind < end && compare_records(&all[behind], &wanted) == 0)
		behind++;
	*count = behind - low;
	return *count ? &all[low] : NULL;
}
