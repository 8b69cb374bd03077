"""A person's events become steps: spec section 3, one method for each type of event."""

from dataclasses import dataclass, field

from ads import ORGANIC, organic_ad

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
KINDS = ("auto", "prefilled", "short", "started", "engaged")


@dataclass
class Step:
    """`amount` more of `name` at `ad`: at `event_ts` on basis event, at `cohort_ts` on basis cohort."""
    ad: str
    name: str
    amount: object
    event_ts: int
    cohort_ts: int
    cause_ts: int


@dataclass
class Touch:
    ts: int
    ad: str
    click_id: str


@dataclass
class Conversation:
    ad: str
    opening: int
    last_in: int
    kind: str = None
    reached: set = field(default_factory=set)
    said: str = None
    audit: str = None
    first_out: int = None
    band: str = None
    last_message: str = None
    last_message_ts: int = None
    followups_since_in: int = 0
    overfollowed: bool = False


class Person:
    def __init__(self, name, config, ads):
        self.name = name
        self.config = config
        self.ads = ads
        self.steps = []
        self.forget()

    def forget(self):
        self.touches = []
        self.conversations = []
        self.ongoing_conversation = None
        self.customer_at = set()

    def fold(self, events):
        previous_ts = None
        for event in events:
            if previous_ts is not None and event.ts - previous_ts > self.config.retention:
                self.forget()
            previous_ts = event.ts
            handler = event.direction if event.type == "message" else event.type
            getattr(self, "on_" + handler)(event)
        return self.steps

    # Steps

    def count_now(self, event, ad, name, amount=1):
        """A step that stands at its event's own ts on both bases."""
        self.steps.append(Step(ad, name, amount, event.ts, event.ts, event.ts))

    def count_reached(self, event, conversation, name, amount=1):
        """A step that the cohort basis moves to the conversation's opening: section 5."""
        self.steps.append(Step(conversation.ad, name, amount, event.ts, conversation.opening, event.ts))

    def count_at_opening(self, event, conversation, name, amount):
        """Kinds and audit categories: at the opening on both bases."""
        opening = conversation.opening
        self.steps.append(Step(conversation.ad, name, amount, opening, opening, event.ts))

    # What a person's past says at t

    def touch(self, t):
        """The latest touch at or before t and at most `attribution` older."""
        if self.touches and t - self.touches[-1].ts <= self.config.attribution:
            return self.touches[-1]
        return None

    def touch_of_click(self, click_id):
        """The latest earlier touch with this click_id, of any age."""
        found = [touch for touch in self.touches if click_id and touch.click_id == click_id]
        return found[-1] if found else None

    def recent_touch_of_click(self, click_id, t):
        touch = self.touch_of_click(click_id)
        return touch if touch and t - touch.ts <= self.config.attribution else None

    def ongoing(self, t):
        """The conversation with the latest inbound message, if that message is less than `gap` old."""
        conversation = self.ongoing_conversation
        return conversation if conversation and t - conversation.last_in < self.config.gap else None

    def latest_conversation_at(self, ad):
        found = [conversation for conversation in self.conversations if conversation.ad == ad]
        return found[-1] if found else None

    # click, open

    def on_click(self, event):
        self.count_now(event, event.ad, "clicks")
        self.count_now(event, event.ad, "click_cost", event.money)
        self.touches.append(Touch(event.ts, event.ad, event.click_id))

    def on_open(self, event):
        touch = self.recent_touch_of_click(event.click_id, event.ts) or self.touch(event.ts)
        ad = event.ad or (touch.ad if touch else organic_ad(event, self.config))
        self.count_now(event, ad, "opens")
        if event.ad:
            self.touches.append(Touch(event.ts, event.ad, event.click_id))

    # message in

    def match(self, event):
        """The message's ad and why it is that one: the list 1 to 4."""
        if event.ad:
            return event.ad, "referral"
        clicked = self.recent_touch_of_click(event.click_id, event.ts)
        if clicked:
            return clicked.ad, "click_id"
        touch, ongoing = self.touch(event.ts), self.ongoing(event.ts)
        if touch and ongoing:
            return (touch.ad, "touch") if touch.ts > ongoing.last_in else (ongoing.ad, "ongoing")
        if touch:
            return touch.ad, "touch"
        if ongoing:
            return ongoing.ad, "ongoing"
        return organic_ad(event, self.config), "organic"

    def on_in(self, event):
        ad, match = self.match(event)
        if event.ad:
            self.touches.append(Touch(event.ts, event.ad, event.click_id))
        self.count_now(event, ad, "messages_in")
        self.count_now(event, ad, "match_" + match)
        self.count_now(event, ad, "people", self.name)
        conversation = self.latest_conversation_at(ad)
        if conversation is None or event.ts - conversation.last_in >= self.config.gap:
            conversation = self.open_conversation(event, ad)
        conversation.last_in = event.ts
        conversation.followups_since_in = 0
        self.ongoing_conversation = conversation
        kind = self.kind_of(event)
        if kind == "started" and conversation.first_out is not None and "reply" not in conversation.reached:
            conversation.reached.add("reply")
            self.count_reached(event, conversation, "replies")
        self.raise_kind(event, conversation, "engaged" if "reply" in conversation.reached else kind)
        self.note_message(event, conversation)

    def open_conversation(self, event, ad):
        conversation = Conversation(ad, opening=event.ts, last_in=event.ts)
        self.conversations.append(conversation)
        self.count_now(event, ad, "conversations")
        self.set_audit(event, conversation)
        return conversation

    def kind_of(self, event):
        """`started` is a meaningful message."""
        if event.auto:
            return "auto"
        if event.prefilled:
            return "prefilled"
        if not event.media and event.words < self.config.min_words:
            return "short"
        return "started"

    def raise_kind(self, event, conversation, kind):
        old = conversation.kind
        if old is not None and KINDS.index(old) >= KINDS.index(kind):
            return
        if old is not None:
            self.count_at_opening(event, conversation, "kind_" + old, -1)
        self.count_at_opening(event, conversation, "kind_" + kind, 1)
        conversation.kind = kind

    def note_message(self, event, conversation):
        conversation.last_message = event.direction
        conversation.last_message_ts = event.ts

    # message out

    def on_out(self, event):
        conversation = self.ongoing(event.ts)
        if conversation is None:
            self.count_now(event, organic_ad(event, self.config), "messages_out")
            return
        self.count_now(event, conversation.ad, "messages_out")
        if conversation.first_out is None:
            conversation.first_out = event.ts
        if event.auto:
            self.count_now(event, conversation.ad, "auto_out")
        else:
            self.first_response(event, conversation)
            self.followup(event, conversation)
        self.count_now(event, conversation.ad, self.price_class(event, conversation))
        self.note_message(event, conversation)

    def first_response(self, event, conversation):
        if conversation.band is not None:
            return
        delay = event.ts - conversation.opening
        if delay < 5 * MINUTE_MS:
            conversation.band = "under_5m"
        else:
            conversation.band = "under_1h" if delay < HOUR_MS else "over_1h"
        self.count_reached(event, conversation, "response", delay)
        self.count_reached(event, conversation, "response_" + conversation.band)

    def followup(self, event, conversation):
        silence = event.ts - conversation.last_message_ts
        if conversation.last_message != "out" or silence < self.config.followup_after:
            return
        self.count_now(event, conversation.ad, "followups")
        conversation.followups_since_in += 1
        if conversation.followups_since_in > self.config.followup_max and not conversation.overfollowed:
            conversation.overfollowed = True
            self.count_reached(event, conversation, "overfollowed")

    def price_class(self, event, conversation):
        in_time = conversation.first_out - conversation.opening <= self.config.service_window
        still_free = event.ts - conversation.first_out < self.config.free_window
        if not conversation.ad.startswith(ORGANIC) and in_time and still_free:
            return "out_free"
        if event.ts - conversation.last_in < self.config.service_window:
            return "out_service"
        return "out_paid"

    # outcome

    def on_outcome(self, event):
        conversation = self.conversation_of_outcome(event)
        if conversation is None:
            self.unattributed(event)
            return
        if event.stage == "customer":
            self.count_reached(event, conversation, "orders")
            self.count_reached(event, conversation, "revenue", event.money)
        elif event.stage == "refund":
            self.count_reached(event, conversation, "refunds")
            self.count_reached(event, conversation, "revenue", -event.money)
        if event.stage in ("partially_qualified", "unqualified", "lost"):
            conversation.said = event.stage
        if event.stage in ("qualified", "handoff", "appointment", "customer"):
            self.reach(event, conversation, event.stage)
        self.set_audit(event, conversation)

    def conversation_of_outcome(self, event):
        touch = self.touch_of_click(event.click_id)
        candidates = [self.latest_conversation_at(event.ad) if event.ad else None,
                      self.latest_conversation_at(touch.ad) if touch else None,
                      self.conversations[-1] if self.conversations else None]
        for conversation in candidates:
            if conversation and event.ts - conversation.last_in <= self.config.outcome_window:
                return conversation
        return None

    def unattributed(self, event):
        ad = organic_ad(event, self.config)
        self.count_now(event, ad, "outcomes_unattributed")
        if event.stage == "customer":
            self.count_now(event, ad, "orders")
            self.count_now(event, ad, "revenue", event.money)
        elif event.stage == "refund":
            self.count_now(event, ad, "refunds")
            self.count_now(event, ad, "revenue", -event.money)

    def reach(self, event, conversation, rung):
        if rung in conversation.reached:
            return
        conversation.reached.add(rung)
        plural = {"qualified": "qualified", "handoff": "handoffs", "appointment": "appointments",
                  "customer": "customers"}
        self.count_reached(event, conversation, plural[rung])
        earlier = {"qualified": (), "handoff": ("qualified",)}.get(rung, ("qualified", "handoff"))
        for untagged in earlier if self.config.imply else ():
            if untagged not in conversation.reached:
                conversation.reached.add(untagged)
                self.count_reached(event, conversation, plural[untagged])
                self.count_reached(event, conversation, "implied_" + untagged)
        if rung == "customer":
            self.became_customer(event, conversation)

    def became_customer(self, event, conversation):
        self.count_reached(event, conversation, "close_time", event.ts - conversation.opening)
        if conversation.band is not None:
            self.count_reached(event, conversation, "customers_" + conversation.band)
        account = self.ads.account(conversation.ad)
        if account not in self.customer_at:
            self.customer_at.add(account)
            self.count_reached(event, conversation, "new_customers")

    def set_audit(self, event, conversation):
        if "customer" in conversation.reached:
            audit = "converted"
        elif conversation.reached & {"handoff", "appointment"}:
            audit = "sales_ready"
        elif "qualified" in conversation.reached:
            audit = "qualified"
        else:
            audit = conversation.said or "untagged"
        if audit == conversation.audit:
            return
        if conversation.audit is not None:
            self.count_at_opening(event, conversation, "audit_" + conversation.audit, -1)
        self.count_at_opening(event, conversation, "audit_" + audit, 1)
        conversation.audit = audit
