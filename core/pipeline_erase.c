#include "core/pipeline.h"

bool task_is_erased(const struct task *task, const struct join_event *event)
{
	return erased_covers(task->erased, event->user, event->fact.time_ms) ||
	       erased_covers(task->erased, event->click, event->fact.time_ms);
}

/* Whether a person is to go: an erased one, or a click that one claimed. */
static bool is_to_go(const struct erased *erased, struct slice blob)
{
	const struct blob_header *header = (const struct blob_header *)blob.data;
	struct claim claim;
	struct slice id;
	if (erased_covers(erased, header->key, person_blob_last_ms(blob.data)))
		return true;
	return blob_claim(header, &claim, &id) && erased_covers(erased, claim.person, claim.time_ms);
}

static struct buffer find_people(const struct task *task)
{
	struct buffer keys = {0};
	size_t at = 0;
	for (struct slice blob; (blob = people_next(task->people, &at)).len;) {
		struct key128 key = person_blob_key(blob.data);
		if (is_to_go(task->erased, blob))
			buffer_put(&keys, &key, sizeof(key));
	}
	return keys;
}

size_t task_set_erased(struct task *task, const struct erased *erased)
{
	task->erased = erased;
	people_set_erased(task->people, erased);
	if (erased->count == 0 || people_count(task->people) == 0)
		return 0;
	struct buffer keys = find_people(task);
	if (keys.len)
		task_finish_commit(task);
	for (size_t i = 0; i < keys.len; i += sizeof(struct key128)) {
		struct key128 key;
		memcpy(&key, keys.data + i, sizeof(key));
		people_remove(task->people, key);
	}
	size_t count = keys.len / sizeof(struct key128);
	if (count)
		people_rewrite(task->people);
	buffer_destroy(&keys);
	return count;
}
