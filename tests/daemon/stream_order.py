"""Goal: the order in which topics and partitions are read changes no number. What ads belong to is said by
clicks alone, which are in another topic and mostly in another partition than the messages, and the backlog
of messages is a hundred times longer; still every row, people included, is that of `replay`, which has the
whole set. Some ads move to another account, of another time zone, on the way.
Method: messages and outcomes of people name only the ad; clicks of others say account (each with a time zone
of its own), campaign and adset, some of them weeks after the first message. Everything is there before the
daemon starts; then once more with one worker. Before that, on a topic of its own, a row that is taken back
by what comes while the daemon is away.

labels: sanitize"""

import os
import random
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import (DEAD, PARTITIONS, REVISION, Daemon, create_inputs, create_topic, replay, settings,
                         stop_within, wait_for_rows, write_config, write_events)

AHEAD_S = 10
MESSAGES = int(os.environ.get("LADDER_EVENTS", 60_000))
CLICKS, OUTCOMES = max(200, MESSAGES // 100), MESSAGES // 20
DAY_MS = 86_400_000
START_MS, SPAN_MS = 1_772_323_200_000, 20 * DAY_MS  # over a night without 02:00 in New York
ZONES = {"act_utc": "UTC", "act_in": "Asia/Kolkata", "act_us": "America/New_York", "act_np": "Asia/Kathmandu",
         "act_to": "Pacific/Tongatapu"}
STAGES = ["qualified", "handoff", "customer", "refund", "lost"]


class Feed:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.ads = [self.make_ad(number) for number in range(30)]
        self.users = [f"55119{number:08d}" for number in range(max(50, MESSAGES // 40))]

    def make_ad(self, number):
        """What an ad belongs to, and when somebody says so first."""
        account = self.rng.choice(list(ZONES))
        return {"ad": f"ad_{number}", "account": account, "campaign": f"{account}/c{number % 4}",
                "adset": f"{account}/c{number % 4}/s{number % 8}",
                "from_ms": START_MS + self.rng.choice([0, 0, SPAN_MS // 20, SPAN_MS // 2])}

    def times(self, count):
        return sorted(START_MS + self.rng.randrange(SPAN_MS) for _ in range(count))

    def messages(self):
        for number, ts in enumerate(self.times(MESSAGES)):
            event = {"type": "message", "id": f"m{number}", "ts": ts, "user": self.rng.choice(self.users),
                     "direction": self.rng.choice(["in", "in", "out"]), "words": self.rng.randrange(6)}
            if event["direction"] == "in" and self.rng.random() < 0.5:
                event["ad"] = self.rng.choice(self.ads)["ad"]
            yield event

    def outcomes(self):
        for number, ts in enumerate(self.times(OUTCOMES)):
            stage = self.rng.choice(STAGES)
            value = {"value": self.rng.randrange(1, 500)} if stage in ("customer", "refund") else {}
            yield {"type": "outcome", "id": f"o{number}", "ts": ts, "user": self.rng.choice(self.users),
                   "stage": stage, **value}

    def clicks(self):
        """One of each ad as soon as it is known, the others at any time; from then on some ads have moved."""
        moved = {"account": "act_us", "campaign": "act_us/c9", "adset": "act_us/c9/s1"}
        firsts = [(ad["from_ms"], ad) for ad in self.ads]
        others = [(ts, self.rng.choice(self.ads)) for ts in self.times(CLICKS)]
        clicks = firsts + [(ts, ad) for ts, ad in others if ts >= ad["from_ms"]]
        for number, (ts, ad) in enumerate(sorted(clicks, key=lambda click: click[0])):
            if ts > START_MS + SPAN_MS * 2 // 3 and ad["ad"].endswith("3"):
                ad = {**ad, **moved}
            said = {name: value for name, value in ad.items() if name != "from_ms"}
            yield {"type": "click", "id": f"c{number}", "ts": ts, "click_id": f"k{number}", "cost": "0.25",
                   **said}


def load(broker, folder, seed):
    """Into Kafka and into files; which are returned."""
    feed = Feed(seed)
    files = []
    for topic, events in (("ladder.messages", feed.messages()), ("ladder.outcomes", feed.outcomes()),
                          ("ladder.clicks", feed.clicks())):
        files.append(write_events(folder / topic, events))
        broker.produce(topic, files[-1], "--key-field", "user,click_id")
    return files


def check_run(broker, folder, redis, want, **changes):
    """Its own state and outputs, so that nothing is left of another run."""
    name = f"workers{changes['workers']}"
    config = settings(folder, broker, redis, accounts={a: {"timezone": zone} for a, zone in ZONES.items()},
                      **changes)
    config["redis"]["namespace"] = name
    config["kafka"]["outputs"] = {"current": f"{name}.current", "history": f"{name}.history"}
    with Daemon(write_config(folder, config, f"{name}.yaml")) as daemon:
        took = wait_for_rows(broker, want, 120, daemon, topics=config["kafka"]["outputs"].values())
        print(f"{name}: {len(want)} rows equal after {took:.0f} s", flush=True)
        stop_within(daemon, 10)
    assert broker.count(DEAD) == 0


def check_taken_back(broker, folder, redis):
    """An open comes before its click, and is organic until then."""
    create_topic(broker, "early", PARTITIONS)
    config = settings(folder, broker, redis, publish={"history_emit": "0"})
    config["kafka"] |= {"inputs": [{"topic": "early"}],
                        "outputs": {"current": "early.current", "history": "early.history"}}
    config["redis"]["namespace"] = "early"
    path = write_config(folder, config, "early.yaml")
    topics = tuple(config["kafka"]["outputs"].values())
    touch = {"click_id": "k", "account": "act_1"}
    events = []
    for event in ({"type": "open", "id": "o", "ts": START_MS + 1000, **touch},
                  {"type": "click", "id": "c", "ts": START_MS, "ad": "ad_1", **touch}):
        broker.produce("early", write_events(folder / "early", [event]), "--key-field", "click_id")
        events.append(event)
        want, _ = replay(path, write_events(folder / "early", events))
        with Daemon(path) as daemon:
            wait_for_rows(broker, want, 30, daemon, topics=topics)
            stop_within(daemon, 10)
    check_revisions(broker, topics)


def check_revisions(broker, topics):
    """However often ladderd is started, none is further ahead of the wall clock than a new merger goes beyond
    what it finds in the topics."""
    revisions = [int(REVISION.search(line)[0].split(b":")[1]) for line in broker.rows(*topics).splitlines()]
    assert max(revisions) < (time.time() + AHEAD_S) * 1e6, max(revisions)


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        check_taken_back(broker, folder, redis)
        create_inputs(broker)
        files = load(broker, folder, seed=7)
        accounts = {account: {"timezone": zone} for account, zone in ZONES.items()}
        config = write_config(folder, settings(folder, broker, redis, accounts=accounts))
        want, counts = replay(config, *files)
        assert counts["rejected"] == counts["late"] == counts["duplicate"] == 0 and len(want) > 1000, counts
        for workers in (4, 1):
            check_run(broker, folder, redis, want, workers=workers)


if __name__ == "__main__":
    run(test)
