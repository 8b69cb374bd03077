#include "core/state/person_pack.h"

enum { CONVERSATION_BYTES = 32, TOUCH_BYTES = 18 };
#define TIME_MASK ((UINT64_C(1) << 48) - 1)
#define SPAN_MASK ((UINT64_C(1) << 40) - 1)

uint64_t pack_time(int64_t time_ms, uint16_t number)
{
	return ((uint64_t)time_ms & TIME_MASK) | (uint64_t)number << 48;
}

int64_t unpack_time(uint64_t word)
{
	uint64_t time_ms = word & TIME_MASK;
	return time_ms == ((uint64_t)TIME_NONE & TIME_MASK) ? TIME_NONE : (int64_t)time_ms;
}

/* 34 years and more are told as that. */
static uint64_t pack_span(int64_t from_ms, int64_t to_ms)
{
	if (to_ms == TIME_NONE)
		return SPAN_MASK;
	uint64_t span = (uint64_t)(to_ms - from_ms);
	return span < SPAN_MASK ? span : SPAN_MASK - 1;
}

static int64_t unpack_span(int64_t from_ms, uint64_t span)
{
	return span == SPAN_MASK ? TIME_NONE : from_ms + (int64_t)span;
}

static void pack_conversation(const struct conversation *conversation, char *out)
{
	int64_t opened_ms = conversation->opened_ms;
	uint32_t followups = conversation->followup_count < UINT16_MAX ? conversation->followup_count
								       : UINT16_MAX;
	unsigned bits = conversation->kind | (unsigned)conversation->said << 3 |
			(unsigned)conversation->band << 5;
	const uint64_t words[4] = {
		pack_time(opened_ms, (uint16_t)(conversation->flags | bits << 8)),
		pack_span(opened_ms, conversation->last_in_ms) | (uint64_t)followups << 40,
		pack_span(opened_ms, conversation->last_message_ms) | (uint64_t)conversation->ad << 40,
		pack_span(opened_ms, conversation->first_out_ms) | (uint64_t)(conversation->ad >> 24) << 40,
	};
	_Static_assert(sizeof(words) == CONVERSATION_BYTES, "as it is stored");
	memcpy(out, words, sizeof(words));
}

static void unpack_conversation(struct conversation *conversation, const char *bytes)
{
	uint64_t words[4];
	memcpy(words, bytes, sizeof(words));
	int64_t opened_ms = unpack_time(words[0]);
	unsigned bits = unpack_number(words[0]) >> 8;
	*conversation = (struct conversation){
		.opened_ms = opened_ms,
		.last_in_ms = unpack_span(opened_ms, words[1] & SPAN_MASK),
		.last_message_ms = unpack_span(opened_ms, words[2] & SPAN_MASK),
		.first_out_ms = unpack_span(opened_ms, words[3] & SPAN_MASK),
		.ad = (uint32_t)(words[2] >> 40 | words[3] >> 40 << 24),
		.followup_count = (uint16_t)(words[1] >> 40),
		.kind = bits & 7,
		.said = bits >> 3 & 3,
		.band = bits >> 5 & 3,
		.flags = (uint8_t)unpack_number(words[0]),
	};
}

static void pack_touch(const struct touch *touch, char *out)
{
	uint64_t word = pack_time(touch->time_ms, (uint16_t)touch->ad);
	uint16_t ad_high = (uint16_t)(touch->ad >> 16);
	memcpy(out, &touch->click, 8);
	memcpy(out + 8, &word, 8);
	memcpy(out + 16, &ad_high, 2);
}

static void unpack_touch(struct touch *touch, const char *bytes)
{
	uint64_t word;
	uint16_t ad_high;
	memcpy(&touch->click, bytes, 8);
	memcpy(&word, bytes + 8, 8);
	memcpy(&ad_high, bytes + 16, 2);
	touch->time_ms = unpack_time(word);
	touch->ad = unpack_number(word) | (uint32_t)ad_high << 16;
	touch->unused = 0;
}

size_t ladder_bytes(size_t conversation_count, size_t touch_count)
{
	return conversation_count * CONVERSATION_BYTES + touch_count * TOUCH_BYTES;
}

void pack_ladder(const struct ladder *ladder, char *out)
{
	for (size_t i = 0; i < ladder->fixed.conversation_count; i++, out += CONVERSATION_BYTES)
		pack_conversation(&ladder->conversations[i], out);
	for (size_t i = 0; i < ladder->fixed.touch_count; i++, out += TOUCH_BYTES)
		pack_touch(&ladder->touches[i], out);
}

/* ladder->fixed is set. */
void unpack_ladder(struct ladder *ladder, const char *bytes)
{
	ladder_make_room(ladder);
	for (size_t i = 0; i < ladder->fixed.conversation_count; i++, bytes += CONVERSATION_BYTES)
		unpack_conversation(&ladder->conversations[i], bytes);
	for (size_t i = 0; i < ladder->fixed.touch_count; i++, bytes += TOUCH_BYTES)
		unpack_touch(&ladder->touches[i], bytes);
}

void set_head(struct blob_header *header, const struct ladder_fixed *fixed)
{
	header->last_and_opened_last = pack_time(fixed->last_ms, fixed->opened_last);
	header->touch_and_ongoing = pack_time(fixed->touch_ms, fixed->ongoing);
	header->touch_ad = fixed->touch_ad;
	header->conversation_count = fixed->conversation_count & 0x1fff;
	header->touch_count = fixed->touch_count & 0x7fff;
}

void get_head(const struct blob_header *header, struct ladder_fixed *fixed)
{
	fixed->last_ms = unpack_time(header->last_and_opened_last);
	fixed->touch_ms = unpack_time(header->touch_and_ongoing);
	fixed->touch_ad = header->touch_ad;
	fixed->conversation_count = header->conversation_count;
	fixed->touch_count = header->touch_count;
	fixed->ongoing = unpack_number(header->touch_and_ongoing);
	fixed->opened_last = unpack_number(header->last_and_opened_last);
	fixed->unused = 0;
}
