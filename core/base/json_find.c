#include "core/base/json_find.h"

static bool find_member(struct slice json, const char *member, struct slice *rest)
{
	const char *found = memmem(json.data, json.len, member, strlen(member));
	if (!found)
		return false;
	const char *at = found + strlen(member);
	*rest = (struct slice){at, (size_t)(json.data + json.len - at)};
	return true;
}

bool json_find_text(struct slice json, const char *member, struct slice *text)
{
	if (!find_member(json, member, text))
		return false;
	const char *end = memchr(text->data, '"', text->len);
	text->len = end ? (size_t)(end - text->data) : 0;
	return end != NULL;
}

bool json_find_number(struct slice json, const char *member, struct slice *digits, int64_t *number)
{
	struct slice rest;
	if (!find_member(json, member, &rest))
		return false;
	*digits = (struct slice){rest.data, 0};
	for (*number = 0; digits->len < rest.len; digits->len++) {
		char c = rest.data[digits->len];
		if (c < '0' || c > '9')
			break;
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, c - '0', number))
			return false;
	}
	return digits->len > 0;
}
