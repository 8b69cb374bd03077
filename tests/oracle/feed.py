"""Seeded feeds that are small and nasty: make_feed(seed) -> (settings, lines of bytes).

Each event is placed beside an earlier one of its person: exactly one of the durations of spec section 3
after it, a millisecond before or after that, at the same instant, or anywhere. So both sides of each boundary
occur."""

import random

from config import config_from
from feed_broken import broken_lines
from feed_config import make_config, make_diagnosis
from feed_text import Raw, amount_value, count_value, id_value, lines_of, time_value, words_fields
from spans import Days, rolling_spans

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
STAGES = ["unqualified", "partially_qualified", "qualified", "qualified", "handoff", "appointment", "quote",
          "checkout", "demo", "customer", "sale", "sale", "lost", "refund"]
KINDS = ["click", "click", "open", "in", "in", "in", "in", "out", "out", "out", "outcome"]
NAMES_AD = {"click": 1, "open": 0.4, "in": 0.25, "out": 0.05, "outcome": 0.3}
SHOWN_NAMES = ["Verão \"24\"", "夏\n促销", "back\\slash", "ß" * 150, "x\u0001y\u007f"]
ID_FORMS = ["{:x}", "{}", "e/{}", "é{}", "wamid.{}=="]
PERIODS_MS = [1, 999, 7 * 60_000, 3_600_000, 5 * 3_600_000, 23 * 3_600_000, 86_400_000, 2 * 86_400_000]
AD_NAMES = ["120226305854810726", "ad/1", "anúncio 50%", "ad-x", "ad%2F1", "7", "ad_\u202fz", "a" * 256]
# What happened before -> the durations after it that section 3 speaks of.
BOUNDARIES = {
    "in": ["gap", "service_window", "outcome_window", "attribution"],
    "touch": ["attribution"],
    "opening": [5 * MINUTE_MS, HOUR_MS, "service_window"],
    "first_out": ["free_window"],
    "out": ["followup_after", "followup_after"],
}


class Story:
    """One person: what they are called, and when they did what."""

    def __init__(self, user, clicks, start):
        self.user = user
        self.clicks = clicks
        self.now = start
        self.last = {}


class Feed:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.settings, self.span, centre = make_config(self.rng)
        self.settings["diagnosis"] = make_diagnosis(random.Random(f"diagnosis of {seed}"))
        self.config = config_from(self.settings)
        self.start = centre - self.rng.randrange(self.span)
        self.end = self.start + self.span
        self.newest = 0
        self.events = []
        self.used = set()
        self.claims = []
        self.days = Days()
        hot = 4 if self.span > 10 * DAY_MS else 40
        self.hot = [self.start + self.rng.randrange(self.span) for _ in range(hot)]
        self.is_tidy = self.rng.random() < 0.6
        self.accounts = list(self.settings["accounts"]) + ["free/account", self.settings["default_account"]]
        names = dict.fromkeys(["ad-x"] + self.rng.sample(AD_NAMES, self.rng.randrange(2, 6)))
        self.ads = {ad: self.home() for ad in names}

    def full_home(self):
        account, number = self.rng.choice(self.accounts), self.rng.randrange(3)
        return {"account": account, "campaign": f"{account}/c{number}", "adset": f"{account}/c{number}/s%"}

    def home(self):
        """Where an ad belongs; some have no adset, some no campaign, and some campaigns span accounts."""
        home = self.full_home()
        if not self.is_tidy and self.chance(0.3):
            home["account"] = self.rng.choice(self.accounts)
        for level in ("campaign", "adset"):
            if self.rng.random() < 0.15:
                del home[level]
        return home

    def chance(self, probability):
        return self.rng.random() < probability

    # Fields

    def place(self, ad):
        """Some of what is known of an ad; rarely something new, which moves it."""
        share = 1 if self.is_tidy else 0.5
        if self.chance(0.03):
            moved = self.full_home() if self.is_tidy else self.home()
            kept = self.ads[ad] if self.is_tidy else moved
            self.ads[ad] = {**self.ads[ad], **{k: moved[k] for k in kept if self.chance(share)}}
        fields = {"ad": id_value(self.rng, ad)}
        says_all = self.is_tidy and self.chance(0.3)
        for name, value in self.ads[ad].items():
            if says_all if self.is_tidy else self.chance(0.25):
                fields[name] = id_value(self.rng, value)
        for name in ("campaign_name", "adset_name", "ad_name"):
            if self.chance(0.1):
                fields[name] = self.rng.choice(SHOWN_NAMES) + str(self.rng.randrange(3))
        return fields

    def money(self, event, name):
        """An amount in the currency of the account that it is checked against; sometimes it does not say."""
        event[name] = amount_value(self.rng, most=500 if name == "value" else 5_000_000)
        if self.chance(0.6):
            account = str(event.get("account") or self.config.default_account)
            event["currency"] = self.config.account(account).currency
        return event

    def who(self, story, kind):
        """user, click_id or both: clicks mostly know no user, and some messages only a click."""
        click = self.rng.choice(story.clicks)
        by_click = {"click": 0.7, "open": 0.4}.get(kind, 0.15)
        if story.user is None or self.chance(by_click):
            return {"click_id": id_value(self.rng, click)}
        fields = {"user": id_value(self.rng, story.user)}
        if self.chance(0.35):
            fields["click_id"] = id_value(self.rng, click)
            self.claims.append((click, story.now))
        return fields

    def fresh_id(self, ts):
        """Unique with its ts; the order of ids is not the order of events."""
        while True:
            ident = self.rng.choice(ID_FORMS).format(self.rng.randrange(10**6))
            if (ts, ident) not in self.used:
                self.used.add((ts, ident))
                return ident

    # Times

    def next_ts(self, story):
        """Beside an earlier event, on an edge of a bucket, a little later, or anywhere."""
        form = self.rng.random()
        if form < 0.5 and story.last:
            label = self.rng.choice(list(story.last))
            boundary = self.rng.choice(BOUNDARIES[label])
            delay = boundary if isinstance(boundary, int) else getattr(self.config, boundary)
            ts = story.last[label] + delay + self.rng.choice([-1, 0, 0, 1])
        elif form < 0.6:
            ts = story.now
        elif form < 0.67:
            ts = self.edge(story.now) + self.rng.choice([-1, 0, 1])
        elif form < 0.7:
            ts = self.rng.randrange(self.start, self.end)
        else:
            some = self.rng.randrange(1, self.span // 20)
            ts = story.now + self.rng.choice([1, 1000, 20_000, MINUTE_MS, some])
        if not self.start <= ts < self.end:
            ts = self.rng.choice(self.hot)
        return ts // 1000 * 1000 if self.chance(0.1) else ts

    def edge(self, ts):
        if self.chance(0.5):
            return ts // HOUR_MS * HOUR_MS
        account = self.config.account(self.rng.choice(self.accounts))
        return self.days.span(ts, account.timezone).start

    # Events

    def add(self, event, ts, ident=None):
        self.newest = max(self.newest, ts)
        event["ts"] = time_value(self.rng, ts)
        event["id"] = id_value(self.rng, ident or self.fresh_id(ts))
        self.events.append(event)

    def tell(self, story):
        """One more event of a person."""
        kind = self.rng.choice(KINDS)
        ts = self.next_ts(story)
        event = {"type": "message" if kind in ("in", "out") else kind}
        event.update(self.who(story, kind))
        if self.chance(NAMES_AD[kind]):
            event.update(self.place(self.rng.choice(list(self.ads))))
        elif self.chance(0.3):
            event["account"] = id_value(self.rng, self.rng.choice(self.accounts))
        getattr(self, "fill_" + kind)(event)
        self.add(event, ts)
        self.remember(story, kind, ts, "ad" in event and kind != "out" and kind != "outcome")
        if self.chance(0.04):
            self.repeat(event, ts)

    def fill_click(self, event):
        if self.chance(0.5):
            self.money(event, "cost")

    def fill_open(self, event):
        event["cost"] = "not looked at"

    def fill_in(self, event):
        event["direction"] = "in"
        event.update(words_fields(self.rng))
        for name, probability in (("auto", 0.08), ("prefilled", 0.15)):
            if self.chance(probability):
                event[name] = self.chance(0.9)

    def fill_out(self, event):
        event["direction"] = "out"
        event.update(words_fields(self.rng))
        if self.chance(0.3):
            event["auto"] = True

    def fill_outcome(self, event):
        event["stage"] = self.rng.choice(STAGES)
        if event["stage"] in ("customer", "sale", "refund") or self.chance(0.1):
            self.money(event, "value")

    def remember(self, story, kind, ts, is_touch):
        """What later events are placed beside; `opening` is a guess."""
        story.now = ts
        if is_touch:
            story.last["touch"] = ts
        if kind == "in":
            if "in" not in story.last or ts - story.last["in"] >= self.config.gap:
                story.last["opening"] = ts
                story.last.pop("first_out", None)
            story.last["in"] = ts
        if kind == "out":
            story.last["out"] = ts
            story.last.setdefault("first_out", ts)

    def repeat(self, event, ts):
        """A second event of the same id: the same one again, or another of the person at another time."""
        twin = dict(event)
        if self.chance(0.5):
            twin["ts"] = time_value(self.rng, ts)
        else:
            ident, moved = str(event["id"]), ts + self.rng.choice([-HOUR_MS, -1, 1, 5000])
            if (moved, ident) in self.used or moved < self.start:
                return
            self.used.add((moved, ident))
            self.newest = max(self.newest, moved)
            twin["ts"] = time_value(self.rng, moved)
            if event["type"] == "message" and self.chance(0.5):
                twin["direction"] = self.rng.choice(["in", "out"])
        self.events.append(twin)

    def compete(self, number):
        """Another user claims the same click, before, after, or at the very instant of the first claim."""
        for click, ts in self.rng.sample(self.claims, min(number, len(self.claims))):
            ts = max(self.start, ts + self.rng.choice([-60_000, -1, 0, 0, 1, 60_000]))
            rival = f"rival {self.rng.randrange(3)}"
            self.add({"type": "open", "user": rival, "click_id": id_value(self.rng, click)}, ts)

    # Spend

    def spend(self, ad):
        """A few reports of an ad, some of them of one period."""
        starts = []
        for _ in range(self.rng.randrange(1, 7)):
            start = self.rng.choice(starts) if starts and self.chance(0.5) else self.period_start()
            starts.append(start)
            length = self.rng.choice(PERIODS_MS)
            event = self.report(ad, start, length)
            late = self.rng.choice([-HOUR_MS, length // 3, length, length + 5000])
            ts = min(self.end, max(self.start, start + late))
            self.add(event, ts)
            if self.chance(0.1):
                self.repeat(event, ts)

    def report(self, ad, start, length):
        """One report: complete, cut off at reported_at, or of the future."""
        event = {"type": "spend", **self.place(ad)}
        event["from"] = time_value(self.rng, start)
        event["to"] = time_value(self.rng, start + length)
        if self.chance(0.6):
            late = self.rng.choice([-1, 0, 1, length // 2, length - 1, length, length + 1, 2 * length])
            event["reported_at"] = time_value(self.rng, start + late)
        if self.chance(0.9):
            self.money(event, "spend")
        for name, most in (("impressions", 100_000), ("clicks", 3000), ("conversations", 200)):
            if self.chance(0.7):
                event[name] = count_value(self.rng, most)
        if self.chance(0.1):
            event["user"] = {"not": "looked at"}
        return event

    def period_start(self):
        start = self.rng.choice(self.hot)
        hour = start // HOUR_MS * HOUR_MS
        return self.rng.choice([start, hour, hour + 1, self.edge(start)])

    # The whole

    def people(self):
        stories = []
        for number in range(self.rng.randrange(4, 30)):
            clicks = [f"clk{number}{'/%'[i % 2]}{i}" for i in range(self.rng.randrange(1, 4))]
            if number and self.chance(0.15):
                clicks.append(stories[-1].clicks[0])
            user = self.rng.choice([f"user {number}", f"55119{number:08d}", f"usuário/{number}", None])
            stories.append(Story(user, clicks, self.rng.choice(self.hot)))
        return stories

    def window_edges(self, stories):
        """Messages on both sides of where each rolling window begins and ends."""
        for span in rolling_spans(self.config, self.newest):
            for ts in (span.start - 1, span.start, self.newest):
                story = self.rng.choice(stories)
                event = {"type": "message", "direction": "in", **self.who(story, "in")}
                event.update(words_fields(self.rng))
                self.add(event, ts)

    def finish(self, stories):
        """Now and then T lies on a whole hour, or a millisecond beside it."""
        if self.chance(0.5):
            unit = self.rng.choice([HOUR_MS, 6 * HOUR_MS])
            ts = -(-self.end // unit) * unit + self.rng.choice([-1, 0, 0, 1])
            who = self.who(self.rng.choice(stories), "click")
            self.add({"type": "click", **who, **self.place("ad-x")}, ts)

    def build(self):
        stories = self.people()
        few = 300 if self.span > 10 * DAY_MS else 900
        for _ in range(self.rng.randrange(100, few)):
            self.tell(self.rng.choice(stories))
        self.compete(8)
        for ad in list(self.ads):
            self.spend(ad)
        self.finish(stories)
        self.window_edges(stories)
        for name in ("b" * 256, "é" * 128):
            deep = Raw("[" * 15 + "]" * 15)
            self.add({"type": "open", "user": name, "ad": name, "deep": deep}, self.hot[0])
        lines = lines_of(self.rng, self.events)
        lines += broken_lines(self.rng, len(lines) // 25, self.start)
        self.rng.shuffle(lines)
        return self.settings, lines


def make_feed(seed):
    """(settings as a dict, the lines of an events file in no order)"""
    return Feed(seed).build()
