/* Feed: a seeded stream of events in the order of arrival, for tests of whole tasks.
 *
 * People in groups who share click ids inside their group (so that claims compete), ads of three accounts in
 * three time zones, every type and stage, some events late, some twice, some in a currency that is not the
 * account's. A group is what may not be torn apart between tasks; spend has a random one. */
#ifndef LADDER_TESTS_CORE_FEED_H
#define LADDER_TESTS_CORE_FEED_H

#include "core/model/event.h"
#include "tests/core/fixture.h"

enum { FEED_AD_COUNT = 6, FEED_GROUP_COUNT = 4 };

struct feed_shape {
	uint64_t seed;
	size_t event_count;
	int64_t span_ms;       /* times go from START_MS to here */
	int64_t jitter_ms;     /* and may be this much behind the newest */
	unsigned late_percent; /* events that are 8 to 10 days behind */
	unsigned other_names_percent; /* events with names that say that the ad belongs elsewhere */
	int group_people;
};

struct feed {
	struct event *events;
	unsigned *groups;
	size_t count;
	char **texts;
	size_t text_count;
	struct feed_shape shape;
	struct random random;
};

__attribute__((format(printf, 2, 3))) static inline struct slice feed_text(struct feed *feed,
									   const char *format, ...)
{
	char text[64];
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	feed->texts = realloc(feed->texts, (feed->text_count + 1) * sizeof(char *));
	assert_non_null(feed->texts);
	char *copy = malloc((size_t)len);
	memcpy(copy, text, (size_t)len);
	feed->texts[feed->text_count++] = copy;
	return (struct slice){copy, (size_t)len};
}

static inline int feed_below(struct feed *feed, int limit)
{
	return (int)random_below(&feed->random, limit);
}

/* Account, campaign and adset come together: whose days those of a campaign in two time zones are is open. */
static inline void feed_put_names(struct feed *feed, struct event *event, int ad)
{
	static const char *const accounts[] = {"act_kol", "act_nyc", "act_utc"};
	bool is_elsewhere = random_percent(&feed->random, feed->shape.other_names_percent);
	int place = is_elsewhere ? feed_below(feed, 2 * FEED_AD_COUNT) : ad;
	event->account = slice_from(accounts[place % 3]);
	event->campaign = feed_text(feed, "camp-%d", place % 6);
	event->adset = feed_text(feed, "set/%d", place);
	if (random_percent(&feed->random, 50))
		event->campaign_name = feed_text(feed, "Campaign \"%d\"", place % 6);
	if (random_percent(&feed->random, 50))
		event->ad_name = feed_text(feed, "Ad %d%s", ad, is_elsewhere ? " moved" : "");
}

static inline void feed_put_ad(struct feed *feed, struct event *event, unsigned names_percent)
{
	int ad = feed_below(feed, FEED_AD_COUNT);
	event->ad = feed_text(feed, "ad-%d", ad);
	if (random_percent(&feed->random, names_percent))
		feed_put_names(feed, event, ad);
	else if (random_percent(&feed->random, 3))
		event->currency = TEXT("XXX");
}

static inline void feed_put_person(struct feed *feed, struct event *event, unsigned group)
{
	unsigned ids = (unsigned)feed_below(feed, 10);
	if (ids >= 3)
		event->user = feed_text(feed, "user-%u-%d", group,
					feed_below(feed, feed->shape.group_people));
	if (ids < 5)
		event->click_id = feed_text(feed, "click-%u-%d", group,
					    feed_below(feed, 2 * feed->shape.group_people));
}

static inline void feed_put_spend(struct feed *feed, struct event *event)
{
	int64_t day = random_below(&feed->random, feed->shape.span_ms / DAY_MS + 1);
	feed_put_ad(feed, event, 40);
	event->from_ms = START_MS + day * DAY_MS - (feed_below(feed, 2) ? 330 * MINUTE_MS : 0);
	event->to_ms = event->from_ms + DAY_MS;
	event->reported_at_ms = event->ts_ms;
	event->money_micros = random_below(&feed->random, INT64_C(100000000));
	event->impressions = random_below(&feed->random, 10000);
	event->clicks = random_below(&feed->random, 500);
	event->conversations = random_below(&feed->random, 50);
}

static inline void feed_put_content(struct feed *feed, struct event *event)
{
	switch (event->type) {
	case EVENT_CLICK:
		feed_put_ad(feed, event, 20);
		event->money_micros = random_below(&feed->random, 3) * 123457;
		break;
	case EVENT_OPEN:
		if (random_percent(&feed->random, 40))
			feed_put_ad(feed, event, 20);
		break;
	case EVENT_MESSAGE:
		event->direction = random_percent(&feed->random, 45) ? DIRECTION_OUT : DIRECTION_IN;
		event->is_auto = random_percent(&feed->random, 20);
		event->is_prefilled = random_percent(&feed->random, 10);
		event->word_count = (uint32_t)feed_below(feed, 5);
		if (random_percent(&feed->random, 15))
			feed_put_ad(feed, event, 20);
		break;
	case EVENT_OUTCOME:
		event->stage = (enum event_stage)feed_below(feed, STAGE_COUNT);
		event->money_micros = random_below(&feed->random, 90000000);
		if (random_percent(&feed->random, 20))
			feed_put_ad(feed, event, 20);
		break;
	default:
		feed_put_spend(feed, event);
	}
}

static inline enum event_type feed_type(struct feed *feed)
{
	int number = feed_below(feed, 100);
	return number < 15	? EVENT_CLICK
	       : number < 25	? EVENT_OPEN
	       : number < 75	? EVENT_MESSAGE
	       : number < 92	? EVENT_OUTCOME
				: EVENT_SPEND;
}

static inline void feed_add(struct feed *feed, size_t i)
{
	struct event *event = &feed->events[i];
	unsigned group = (unsigned)feed_below(feed, FEED_GROUP_COUNT);
	int64_t age_ms = random_below(&feed->random, feed->shape.jitter_ms + 1);
	if (random_percent(&feed->random, feed->shape.late_percent))
		age_ms = 8 * DAY_MS + random_below(&feed->random, 2 * DAY_MS);
	int64_t time_ms = feed->shape.span_ms * (int64_t)i / (int64_t)feed->shape.event_count - age_ms;
	*event = (struct event){.type = feed_type(feed), .id = feed_text(feed, "id-%zu", i)};
	event->ts_ms = START_MS + (time_ms < 0 ? 0 : time_ms / (20 * SECOND_MS) * (20 * SECOND_MS));
	if (event->type != EVENT_SPEND)
		feed_put_person(feed, event, group);
	feed_put_content(feed, event);
	feed->groups[i] = group;
}

/* The same id again: the same event, or one that says something else. */
static inline void feed_repeat(struct feed *feed, size_t i)
{
	size_t other = i - 1 - (size_t)random_below(&feed->random, i > 100 ? 100 : (int64_t)i);
	feed->events[i] = feed->events[other];
	feed->groups[i] = feed->groups[other];
	if (random_percent(&feed->random, 40))
		feed->events[i].money_micros += 1;
	if (random_percent(&feed->random, 20))
		feed->events[i].ts_ms += random_below(&feed->random, 2) * 40 * SECOND_MS;
}

static inline void feed_create(struct feed *feed, const struct feed_shape *shape)
{
	*feed = (struct feed){.count = shape->event_count, .shape = *shape, .random = {shape->seed}};
	feed->events = calloc(feed->count, sizeof(*feed->events));
	feed->groups = calloc(feed->count, sizeof(*feed->groups));
	for (size_t i = 0; i < feed->count; i++)
		if (i > 0 && random_percent(&feed->random, 8))
			feed_repeat(feed, i);
		else
			feed_add(feed, i);
}

static inline void feed_destroy(struct feed *feed)
{
	for (size_t i = 0; i < feed->text_count; i++)
		free(feed->texts[i]);
	free(feed->texts);
	free(feed->events);
	free(feed->groups);
}

#endif
