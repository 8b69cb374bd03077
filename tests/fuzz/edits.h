/* Edits: genuine bytes changed here and there, as a fuzzer says. So nearly all of them are as they should
 * be, and what it finds lies deep. An edit is four bytes of the input: where (16 bits, in parts of the
 * length), how, what. */
#ifndef LADDER_TESTS_FUZZ_EDITS_H
#define LADDER_TESTS_FUZZ_EDITS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/slice.h"

enum { EDIT_BYTES = 4 };

/* An exact copy, so that reading beyond it shows; to be freed. */
static inline struct slice edits_apply(struct slice genuine, const uint8_t *edits, size_t edit_count)
{
	char *bytes = malloc(genuine.len + edit_count + 1);
	size_t len = genuine.len;
	CHECK(bytes);
	memcpy(bytes, genuine.data, len);
	for (size_t i = 0; i < edit_count && len > 0; i++) {
		const uint8_t *edit = edits + i * EDIT_BYTES;
		size_t at = (size_t)(edit[0] << 8 | edit[1]) * len >> 16;
		switch (edit[2] % 4) {
		case 0:
			bytes[at] = (char)edit[3];
			break;
		case 1:
			bytes[at] ^= (char)(1 << edit[3] % 8);
			break;
		case 2:
			memmove(bytes + at, bytes + at + 1, --len - at);
			break;
		default:
			memmove(bytes + at + 1, bytes + at, len++ - at);
			bytes[at] = (char)edit[3];
			break;
		}
	}
	char *exact = malloc(len ? len : 1);
	CHECK(exact);
	memcpy(exact, bytes, len);
	free(bytes);
	return (struct slice){exact, len};
}

#endif
