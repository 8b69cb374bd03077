#include "daemon/shuffle.h"

#include "core/base/hash.h"

enum { MAGIC = 0x6c73, VERSION = 1 };
enum { BY_KEY = 10, MODE_COUNT = 16 }; /* of a mode: below it how, above it the home partitions */

uint64_t shuffle_mode(const struct config *config)
{
	const struct config_shuffle shuffle = config_shuffle(config);
	if (!shuffle.is_on)
		return 0;
	return (uint64_t)config->kafka.home_partitions * MODE_COUNT +
	       (shuffle.is_by_key ? BY_KEY + (uint64_t)shuffle.users
				  : 1 + (uint64_t)shuffle.users + 3 * (uint64_t)shuffle.clicks);
}

uint64_t shuffle_mode_home_count(uint64_t mode)
{
	return mode / MODE_COUNT;
}

uint32_t shuffle_record_home(enum partitioner partitioner, uint32_t home_count, uint32_t partition,
			     struct slice key)
{
	return key.data ? partition_of_key(partitioner, key, home_count) : partition % home_count;
}

uint64_t shuffle_stamp(const struct config *config, size_t task_count)
{
	struct buffer text = {0};
	if (shuffle_mode(config) == 0)
		return 0;
	buffer_put_text(&text, slice_from(config->kafka.group));
	buffer_put_text(&text, slice_from(config->kafka.outputs.shuffle));
	buffer_put_text(&text, slice_from(config->redis.namespace));
	buffer_put_unsigned(&text, config_home_count(config, task_count));
	buffer_put_unsigned(&text, shuffle_mode(config) % MODE_COUNT);
	uint64_t stamp = hash_text(buffer_slice(&text));
	buffer_destroy(&text);
	return stamp;
}

void shuffle_encode(uint64_t stamp, const struct shuffle_record *record, struct buffer *out)
{
	buffer_put_unsigned(out, MAGIC);
	buffer_put_unsigned(out, VERSION);
	buffer_put_unsigned(out, stamp);
	buffer_put_unsigned(out, record->kind);
	buffer_put_unsigned(out, record->from);
	buffer_put_signed(out, record->sent_ms);
	if (record->kind == SHUFFLE_NOTE) {
		buffer_put_text(out, record->note);
		return;
	}
	buffer_put_text(out, record->topic);
	buffer_put_unsigned(out, record->log);
	buffer_put_signed(out, record->offset);
	buffer_put_unsigned(out, record->item);
	buffer_put_unsigned(out, record->key.data != NULL);
	buffer_put_text(out, record->key);
	buffer_put_text(out, record->headers);
	buffer_put_text(out, record->value);
}

static void decode_event(struct reader *reader, struct shuffle_record *record)
{
	record->topic = reader_text(reader);
	record->log = reader_unsigned(reader);
	record->offset = reader_signed(reader);
	record->item = (uint32_t)reader_unsigned(reader);
	bool has_key = reader_unsigned(reader) != 0;
	record->key = reader_text(reader);
	if (!has_key)
		record->key = (struct slice){NULL, 0};
	record->headers = reader_text(reader);
	record->value = reader_text(reader);
}

enum shuffle_result shuffle_decode(uint64_t stamp, size_t task_count, struct slice bytes,
				   struct shuffle_record *record)
{
	struct reader reader = reader_of(bytes);
	uint64_t magic = reader_unsigned(&reader), version = reader_unsigned(&reader);
	if (reader.failed || magic != MAGIC || version != VERSION)
		return SHUFFLE_DAMAGED;
	uint64_t found = reader_unsigned(&reader);
	if (!reader.failed && found != stamp)
		return SHUFFLE_OTHERS;
	uint64_t kind = reader_unsigned(&reader);
	*record = (struct shuffle_record){.kind = (enum shuffle_kind)kind};
	record->from = (uint32_t)reader_unsigned(&reader);
	record->sent_ms = reader_signed(&reader);
	if (kind == SHUFFLE_NOTE)
		record->note = reader_text(&reader);
	else
		decode_event(&reader, record);
	bool is_sound = !reader.failed && reader_at_end(&reader) && kind <= SHUFFLE_NOTE &&
			record->from < task_count && record->sent_ms >= 0;
	return is_sound ? SHUFFLE_OURS : SHUFFLE_DAMAGED;
}
