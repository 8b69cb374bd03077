#include "daemon/alert_shelf.h"

#include <pthread.h>
#include <stdlib.h>

#include "daemon/json_text.h"

enum { LABEL_MAX = 3 };

struct alerts_said {
	struct buffer texts; /* one JSON behind the other, as buffer_put_text */
	bool is_complete;
};

struct alert_shelf {
	pthread_mutex_t mutex;
	size_t byte_max;
	struct alerts_said put;   /* the publisher's */
	struct alerts_said shown; /* the mutex's, as this: */
	bool is_open;
};

struct alert_shelf *alert_shelf_create(size_t byte_max)
{
	struct alert_shelf *shelf = calloc(1, sizeof(*shelf));
	CHECK(shelf && pthread_mutex_init(&shelf->mutex, NULL) == 0);
	shelf->byte_max = byte_max;
	shelf->put.is_complete = true;
	return shelf;
}

void alert_shelf_destroy(struct alert_shelf *shelf)
{
	if (!shelf)
		return;
	buffer_destroy(&shelf->put.texts);
	buffer_destroy(&shelf->shown.texts);
	pthread_mutex_destroy(&shelf->mutex);
	free(shelf);
}

void alert_shelf_put(struct alert_shelf *shelf, struct slice json)
{
	struct alerts_said *put = &shelf->put;
	if (put->texts.len + json.len > shelf->byte_max)
		put->is_complete = false;
	else
		buffer_put_text(&put->texts, json);
}

static void exchange(struct alert_shelf *shelf, bool is_open)
{
	pthread_mutex_lock(&shelf->mutex);
	struct alerts_said shown = shelf->shown;
	shelf->shown = shelf->put;
	shelf->is_open = is_open;
	pthread_mutex_unlock(&shelf->mutex);
	shown.texts.len = 0;
	shown.is_complete = true;
	shelf->put = shown;
}

void alert_shelf_show(struct alert_shelf *shelf)
{
	exchange(shelf, true);
}

void alert_shelf_close(struct alert_shelf *shelf)
{
	exchange(shelf, false);
}

static void put_wanted(struct alerts_said *said, const struct buffer members[LABEL_MAX], struct buffer *out)
{
	struct reader reader = reader_of(buffer_slice(&said->texts));
	bool is_first = true;
	buffer_put(out, "[", 1);
	while (!reader_at_end(&reader)) {
		struct slice json = reader_text(&reader);
		bool is_wanted = true;
		for (int i = 0; i < LABEL_MAX; i++)
			is_wanted &= json_text_holds(json, buffer_slice(&members[i]));
		if (!is_wanted)
			continue;
		buffer_put(out, ",\n", is_first ? 0 : 2);
		buffer_put(out, json.data, json.len);
		is_first = false;
	}
	buffer_put(out, "]\n", 2);
}

enum alert_found alert_shelf_find(struct alert_shelf *shelf, const struct alert_query *query,
				  struct buffer *out)
{
	struct buffer members[LABEL_MAX] = {{0}};
	json_text_make_member(&members[0], "alertname", query->name);
	json_text_make_member(&members[1], "level", query->level);
	json_text_make_member(&members[2], "id", query->id);
	pthread_mutex_lock(&shelf->mutex);
	enum alert_found found = !shelf->is_open ? ALERT_FOUND_CLOSED
				 : shelf->shown.is_complete ? ALERT_FOUND : ALERT_FOUND_SOME;
	if (shelf->is_open)
		put_wanted(&shelf->shown, members, out);
	pthread_mutex_unlock(&shelf->mutex);
	for (int i = 0; i < LABEL_MAX; i++)
		buffer_destroy(&members[i]);
	return found;
}
