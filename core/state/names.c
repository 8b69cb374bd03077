#include "core/state/names.h"

#include <stdlib.h>

void names_create(struct names *names)
{
	*names = (struct names){0};
	for (int i = 0; i < NAME_FIELD_COUNT; i++)
		names->fields[i].time_ms = TIME_NONE;
}

void names_destroy(struct names *names)
{
	for (int i = 0; i < NAME_FIELD_COUNT; i++) {
		free((char *)names->fields[i].id.data);
		free((char *)names->fields[i].text.data);
	}
	names_create(names);
}

static struct slice copy_text(struct slice text)
{
	char *copy = malloc(text.len ? text.len : 1);
	CHECK(copy);
	memcpy(copy, text.data, text.len);
	return (struct slice){copy, text.len};
}

static void replace_text(struct slice *place, struct slice text)
{
	if (place->len == text.len && text.len) {
		memcpy((char *)place->data, text.data, text.len);
		return;
	}
	struct slice copy = copy_text(text);
	free((char *)place->data);
	*place = copy;
}

bool names_note(struct names *names, enum name_field field, const struct name_note *note)
{
	struct name_note *known = &names->fields[field];
	if (note->time_ms < known->time_ms)
		return false;
	int order = note->time_ms > known->time_ms ? 1 : slice_compare(note->id, known->id);
	if (order == 0) /* one id, two texts: the greater stands, whichever came first */
		order = slice_compare(note->text, known->text);
	if (order <= 0)
		return false;
	bool is_other = known->time_ms == TIME_NONE || !slice_equal(note->text, known->text);
	known->time_ms = note->time_ms;
	replace_text(&known->id, note->id);
	if (is_other)
		replace_text(&known->text, note->text);
	names->is_changed = true;
	return is_other;
}

void names_note_event(struct names *names, const struct event *event)
{
	const struct slice texts[NAME_FIELD_COUNT] = {
		[NAME_ACCOUNT] = event->account,
		[NAME_CAMPAIGN] = event->campaign,
		[NAME_ADSET] = event->adset,
		[NAME_CAMPAIGN_NAME] = event->campaign_name,
		[NAME_ADSET_NAME] = event->adset_name,
		[NAME_AD_NAME] = event->ad_name,
	};
	for (int i = 0; i < NAME_FIELD_COUNT; i++)
		if (texts[i].len)
			names_note(names, (enum name_field)i,
				   &(struct name_note){event->ts_ms, event->id, texts[i]});
}

void names_encode(const struct names *names, struct buffer *out)
{
	for (int i = 0; i < NAME_FIELD_COUNT; i++) {
		const struct name_note *note = &names->fields[i];
		buffer_put_unsigned(out, note->time_ms != TIME_NONE);
		if (note->time_ms == TIME_NONE)
			continue;
		buffer_put_signed(out, note->time_ms);
		buffer_put_text(out, note->id);
		buffer_put_text(out, note->text);
	}
}

void names_decode(struct names *names, struct reader *reader)
{
	for (int i = 0; i < NAME_FIELD_COUNT; i++) {
		if (reader_unsigned(reader) == 0)
			continue;
		struct name_note note = {.time_ms = reader_signed(reader)};
		note.id = reader_text(reader);
		note.text = reader_text(reader);
		if (!reader->failed)
			names_note(names, (enum name_field)i, &note);
	}
}
