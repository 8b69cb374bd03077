#include "core/model/event.h"

#include "core/base/check.h"

const char *reason_name(enum reason reason)
{
	static const char *const names[REASON_COUNT] = {
#define REASON(name, sentence) #name,
#include "core/model/reasons.def"
#undef REASON
	};
	CHECK(reason < REASON_COUNT);
	return names[reason];
}

const char *event_type_name(enum event_type type)
{
	static const char *const names[EVENT_TYPE_COUNT] = {
		[EVENT_CLICK] = "click",     [EVENT_OPEN] = "open",   [EVENT_MESSAGE] = "message",
		[EVENT_OUTCOME] = "outcome", [EVENT_SPEND] = "spend",
	};
	CHECK(type < EVENT_TYPE_COUNT);
	return names[type];
}
