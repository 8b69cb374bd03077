/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef LADDER_BASE_UTF8_H
#define LADDER_BASE_UTF8_H

#include "core/base/slice.h"

bool utf8_is_valid(struct slice text);

/* The longest prefix of valid text that is at most len_max bytes and ends between two characters. */
struct slice utf8_cut(struct slice text, size_t len_max);

/* Writes the character, which must be no surrogate and at most U+10FFFF; returns its bytes, 1..4. */
size_t utf8_put(uint32_t character, char *out);

#endif
