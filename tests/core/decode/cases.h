/* The rows of cases.def, for the unit test and as the seeds of the fuzzer. */
#ifndef LADDER_TESTS_CORE_DECODE_CASES_H
#define LADDER_TESTS_CORE_DECODE_CASES_H

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/slice.h"

struct decode_case {
	struct slice input;   /* ' stands for " */
	const char *expected; /* the text of tests/core/decode/outcome.h; NULL: only the same from both */
	int line;
};

/* One event of each type with no more than it needs, and what comes of it. */
#define CLICK(more) "{'type':'click','id':'a','ts':1,'user':'u','ad':'d'" more "}"
#define OPEN(more) "{'type':'open','id':'a','ts':1,'user':'u'" more "}"
#define MESSAGE(more) "{'type':'message','id':'a','ts':1,'user':'u','direction':'in'" more "}"
#define OUTCOME(more) "{'type':'outcome','id':'a','ts':1,'user':'u','stage':'sale'" more "}"
#define SPEND(more) "{'type':'spend','id':'a','ts':1,'ad':'d','from':1,'to':2" more "}"
#define CLICKED "click ts=1000 id=a user=u ad=d"
#define OPENED "open ts=1000 id=a user=u"
#define MESSAGED "message ts=1000 id=a user=u direction=in"
#define SOLD "outcome ts=1000 id=a user=u stage=customer"
#define SPENT(micros) "spend ts=1000 id=a ad=d" micros " from=1000 to=2000 reported_at=1000"

/* A field that no type has: only its syntax counts. */
#define UNKNOWN(value) OPEN(",'x':" value)

/* An open at a time, and with a user. */
#define OPEN_AT(ts) "{'type':'open','id':'a','user':'u','ts':" ts "}"
#define OPENED_AT(ms) "open ts=" ms " id=a user=u"
#define OPEN_BY(user) "{'type':'open','id':'a','ts':1,'user':" user "}"
#define OPENED_BY(user) "open ts=1000 id=a user=" user

static const struct decode_case cases[] = {
#define CASE(input, expected) {{input, sizeof(input) - 1}, expected, __LINE__},
#include "tests/core/decode/cases.def"
#undef CASE
};

static const size_t case_count = sizeof(cases) / sizeof(*cases);

/* A copy of exactly its length, so that the address sanitizer sees reads beyond it. The caller frees it. */
static inline struct slice case_input(const struct decode_case *row)
{
	size_t len = row->input.len;
	char *copy = malloc(len);
	CHECK(copy || len == 0);
	for (size_t i = 0; i < len; i++)
		copy[i] = row->input.data[i] == '\'' ? '"' : row->input.data[i];
	return (struct slice){copy, len};
}

#endif
