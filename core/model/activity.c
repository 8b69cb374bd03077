#include "core/model/activity.h"

enum { MINUTE_MS = 60000, MINUTES_AN_HOUR = 60 };

void input_activity_note(struct input_activity *activity, int64_t now_ms, uint32_t count)
{
	int64_t minute = now_ms / MINUTE_MS;
	if (minute > activity->minute) {
		int64_t passed = minute - activity->minute;
		for (int64_t i = 0; i < passed && i < ACTIVITY_MINUTES; i++)
			activity->counts[(minute - i) % ACTIVITY_MINUTES] = 0;
		activity->minute = minute;
	}
	activity->counts[activity->minute % ACTIVITY_MINUTES] += count;
}

uint64_t input_activity_count(const struct input_activity *activity)
{
	uint64_t count = 0;
	for (int i = 0; i < ACTIVITY_MINUTES; i++)
		count += activity->counts[i];
	return count;
}

unsigned input_activity_busy_minutes(const struct input_activity *activity)
{
	unsigned busy = 0;
	for (int i = 0; activity->minute > 0 && i < MINUTES_AN_HOUR; i++)
		busy += activity->counts[(activity->minute + ACTIVITY_MINUTES - i) % ACTIVITY_MINUTES] > 0;
	return busy;
}

/* ---- Digest ---- */

static uint64_t *hour_at(struct activity_digest *digest, int64_t hour)
{
	return &digest->hours[hour % ACTIVITY_HOURS];
}

static void digest_advance(struct activity_digest *digest, int64_t minute)
{
	int64_t hour = minute / MINUTES_AN_HOUR;
	int64_t passed_hours = hour - digest->minute / MINUTES_AN_HOUR;
	int64_t passed_minutes = minute - digest->minute;
	for (int64_t i = 0; i < passed_hours && i < ACTIVITY_HOURS; i++)
		*hour_at(digest, hour - i) = 0;
	digest->busy = passed_minutes < MINUTES_AN_HOUR ? digest->busy << passed_minutes : 0;
	digest->busy &= (UINT64_C(1) << MINUTES_AN_HOUR) - 1;
	digest->minute = minute;
}

void activity_digest_note(struct activity_digest *digest, int64_t now_ms, uint64_t count)
{
	int64_t minute = now_ms / MINUTE_MS;
	if (minute > digest->minute)
		digest_advance(digest, minute);
	*hour_at(digest, digest->minute / MINUTES_AN_HOUR) += count;
	digest->busy |= 1;
}

void activity_digest_put(const struct activity_digest *digest, struct buffer *out)
{
	buffer_put_signed(out, digest->minute);
	buffer_put_unsigned(out, digest->busy);
	for (int i = 0; i < ACTIVITY_HOURS; i++)
		buffer_put_unsigned(out, digest->hours[i]);
}

struct activity_digest activity_digest_get(struct reader *reader)
{
	struct activity_digest digest = {.minute = reader_signed(reader)};
	digest.busy = reader_unsigned(reader);
	for (int i = 0; i < ACTIVITY_HOURS; i++)
		digest.hours[i] = reader_unsigned(reader);
	reader->failed |= digest.minute < 0 || digest.minute > INT64_MAX / MINUTE_MS ||
			  digest.busy >> MINUTES_AN_HOUR;
	return reader->failed ? (struct activity_digest){0} : digest;
}

/* At a minute that may be over. */
static void add_at(struct input_activity *activity, int64_t minute, uint64_t count)
{
	if (minute > activity->minute - ACTIVITY_MINUTES && minute >= 0)
		activity->counts[minute % ACTIVITY_MINUTES] += count < UINT32_MAX / 2 ? (uint32_t)count
										     : UINT32_MAX / 2;
}

/* The last minute of the hour that had events, as far as that is known. */
static int64_t busy_minute(const struct activity_digest *digest, int64_t hour)
{
	int64_t end = hour * MINUTES_AN_HOUR + MINUTES_AN_HOUR - 1;
	int64_t from = digest->minute > end ? digest->minute - end : 0;
	int64_t to = digest->minute - hour * MINUTES_AN_HOUR;
	for (int64_t i = from; i <= to && i < MINUTES_AN_HOUR; i++)
		if (digest->busy >> i & 1)
			return digest->minute - i;
	int64_t before = digest->minute - MINUTES_AN_HOUR;
	return end < before ? end : before;
}

void input_activity_add(struct input_activity *activity, const struct activity_digest *digest)
{
	struct activity_digest left = *digest;
	int64_t last_hour = digest->minute / MINUTES_AN_HOUR;
	if (digest->minute <= 0)
		return;
	input_activity_note(activity, digest->minute * MINUTE_MS, 0);
	for (int i = 0; i < MINUTES_AN_HOUR && i < digest->minute; i++) {
		uint64_t *hour = hour_at(&left, (digest->minute - i) / MINUTES_AN_HOUR);
		if (!(digest->busy >> i & 1) || *hour == 0)
			continue;
		add_at(activity, digest->minute - i, 1);
		--*hour;
	}
	for (int64_t hour = last_hour; hour > last_hour - ACTIVITY_HOURS && hour >= 0; hour--)
		if (*hour_at(&left, hour))
			add_at(activity, busy_minute(digest, hour), *hour_at(&left, hour));
}
