/* Row scope: a row as its key says, the way back from row_put_key (row_json.h). Spec section 6.4. */
#ifndef LADDER_PUBLISH_ROW_SCOPE_H
#define LADDER_PUBLISH_ROW_SCOPE_H

#include "core/base/buffer.h"
#include "core/model/options.h"
#include "core/model/row.h"

struct row_scope {
	enum row_kind kind;
	enum basis basis;
	enum level level;
	size_t window;        /* of rolling rows: which of the options */
	bool is_day;          /* of buckets */
	int64_t from_ms;      /* the same */
	struct slice key;     /* whole */
	struct slice id;      /* as ids are; owned, as `key` */
	struct buffer texts;
};

/* NULL, or what is wrong with the key, a static sentence. */
must_check const char *row_scope_create(struct row_scope *scope, struct slice key,
					const struct options *options);
void row_scope_destroy(struct row_scope *scope);

#endif
