#include "daemon/generate_tokens.h"

#include <stdlib.h>

#include "core/base/check.h"

enum { CHILDREN = 4 };

void tokens_destroy(struct tokens *tokens)
{
	free(tokens->heap);
	*tokens = (struct tokens){0};
}

static inline bool token_is_before(const struct token *a, const struct token *b)
{
	return a->ts_ms != b->ts_ms ? a->ts_ms < b->ts_ms : (int32_t)(a->order - b->order) < 0;
}

void tokens_push(struct tokens *tokens, struct token token)
{
	if (tokens->count == tokens->capacity) {
		tokens->capacity = tokens->capacity ? 2 * tokens->capacity : 1024;
		tokens->heap = realloc(tokens->heap, tokens->capacity * sizeof *tokens->heap);
		CHECK(tokens->heap);
	}
	token.order = tokens->order++;
	size_t at = tokens->count++;
	while (at && token_is_before(&token, &tokens->heap[(at - 1) / CHILDREN])) {
		tokens->heap[at] = tokens->heap[(at - 1) / CHILDREN];
		at = (at - 1) / CHILDREN;
	}
	tokens->heap[at] = token;
}

static size_t earliest_child(const struct tokens *tokens, size_t parent)
{
	size_t first = parent * CHILDREN + 1;
	size_t end = first + CHILDREN < tokens->count ? first + CHILDREN : tokens->count;
	size_t earliest = first;
	for (size_t child = first + 1; child < end; child++)
		if (token_is_before(&tokens->heap[child], &tokens->heap[earliest]))
			earliest = child;
	return earliest;
}

struct token tokens_pop(struct tokens *tokens)
{
	CHECK(tokens->count);
	struct token top = tokens->heap[0];
	struct token last = tokens->heap[--tokens->count];
	size_t at = 0;
	while (at * CHILDREN + 1 < tokens->count) {
		size_t child = earliest_child(tokens, at);
		if (!token_is_before(&tokens->heap[child], &last))
			break;
		tokens->heap[at] = tokens->heap[child];
		at = child;
	}
	if (tokens->count)
		tokens->heap[at] = last;
	return top;
}
