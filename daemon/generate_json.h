/* JSON for generated events: text put down piece by piece into room that the caller knows to be enough.
 * Nothing is escaped: the generator's own texts need none. Numbers are integers or money in cents. */
#ifndef LADDER_DAEMON_GENERATE_JSON_H
#define LADDER_DAEMON_GENERATE_JSON_H

#include <stdint.h>
#include <string.h>

#include "core/base/slice.h"

struct pen {
	char *at; /* where the next byte goes */
};

#define PEN_LITERAL(pen, literal) \
	do { \
		memcpy((pen)->at, literal, sizeof(literal) - 1); \
		(pen)->at += sizeof(literal) - 1; \
	} while (0)

static inline void pen_slice(struct pen *pen, struct slice text)
{
	memcpy(pen->at, text.data, text.len);
	pen->at += text.len;
}

void pen_number(struct pen *pen, uint64_t number);
/* With exactly `width` digits; higher ones fall off. */
void pen_digits(struct pen *pen, uint64_t number, unsigned width);
/* 129.90, rounded down. */
void pen_cents(struct pen *pen, int64_t micros);
/* Eleven letters, digits, - and _ : different numbers, different text. */
void pen_code(struct pen *pen, uint64_t number);
/* RFC 3339 with its quotes. */
void pen_time(struct pen *pen, int64_t time_ms);

#endif
