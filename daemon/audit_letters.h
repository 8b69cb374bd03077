/* Audit letters: what the dead letters say of the records that they are of.
 *
 * A record may have several: it was buried again after a crash, or it held several events of which some went
 * to other tasks (daemon/worker_batch.c). Thread: one. */
#ifndef LADDER_DAEMON_AUDIT_LETTERS_H
#define LADDER_DAEMON_AUDIT_LETTERS_H

#include "config/config.h"
#include "core/base/buffer.h"
#include "core/model/event.h"
#include "daemon/audit_topics.h"

struct audit_letter {
	size_t input; /* its number in the configuration */
	int32_t partition;
	int64_t offset;
	size_t order;      /* in which they were read */
	uint32_t dead_count; /* events of the record that are dead */
	bool is_late;      /* the first of them */
	enum reason reason; /* else; REASON_COUNT: one that is not known */
};

/* Only the run could know: the event is late, or of the future. */
static inline bool audit_letter_is_of_time(const struct audit_letter *letter)
{
	return letter->is_late || letter->reason == REASON_future;
}

struct audit_letters {
	struct buffer letters; /* struct audit_letter */
	bool is_cut;           /* older ones are gone */
};

void audit_letters_destroy(struct audit_letters *letters);

/* Takes a record of the dead topic; what is of no input is passed over. */
void audit_letters_take(struct audit_letters *letters, const struct config_inputs *inputs,
			const struct audit_record *record);
/* After all of them: then they can be found. */
void audit_letters_sort(struct audit_letters *letters);

/* Those of a record, in the order in which they were read. NULL: none. */
const struct audit_letter *audit_letters_find(const struct audit_letters *letters,
					      const struct audit_record *record, size_t *count);

#endif
