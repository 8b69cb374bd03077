/* Explain a person: a story (core/join/story.h) in words, or as one JSON object. Spec section 9.
 *
 *   task 2 keeps 8 events of this person, from 2026-03-02T09:00:00Z to 2026-03-05T16:00:00Z
 *
 *   2026-03-02T09:00:40Z  message in, started, click 1
 *       ad_1 by referral: it names the ad itself
 *       conversations, messages_in, match_referral, kind_started, audit_untagged
 *   ...
 *   conversation at ad_1 (campaign cam_1, adset set_1, account act_1), engaged
 *       conversation  2026-03-02T09:00:40Z
 *       reply         2026-03-02T09:05:00Z
 *
 * What an event counted is said by the fields of rows (counters.def); one that it took back has a - in front.
 * There is no id of a person, of a click or of an event in it. Pure functions; the thread that owns the
 * series table. */
#ifndef LADDER_DAEMON_EXPLAIN_PERSON_H
#define LADDER_DAEMON_EXPLAIN_PERSON_H

#include "core/base/buffer.h"
#include "core/join/story.h"

void explain_person_as_text(const struct story *story, const struct fold_context *ctx, uint32_t task,
			    struct buffer *out);
/* {"task", "events", "conversations", "settled"} */
void explain_person_as_json(const struct story *story, const struct fold_context *ctx, uint32_t task,
			    struct buffer *out);

#endif
