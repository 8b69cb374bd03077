"""What generated feeds say about alerts: which scenario breaks what and when, and the alerts that a replay of
it writes. For alert_scenarios.py and false_alarms.py."""

import json
import os
import subprocess
import tempfile
from collections import namedtuple
from datetime import datetime, timezone
from pathlib import Path

LADDERD = Path(os.environ.get("LADDERD", "build/ladderd")).absolute()
START = datetime(2026, 3, 2, tzinfo=timezone.utc)
ADS, ACCOUNTS, PEOPLE = 50, 4, 1_000_000
EVENTS_A_DAY = 13_333
LEVELS = ["account", "campaign", "adset", "ad"]

# alert: what has to fire; begin and end: of what is broken, in percent of the span, as in
# daemon/generate_scenarios.def; top: the highest level at which the alert may fire; others: alerts that may
# fire as well, because what is broken breaks their rate, too, or still weighs in their window.
Scenario = namedtuple("Scenario", "name alert days begin end top others")
SCENARIOS = [
    Scenario("dead_chat", "OpensWithoutMessages", 30, 52, 53, "campaign", {"CountingGap"}),
    Scenario("dead_inbox", "ConversationsUnanswered", 30, 52, 53, "account", {"ReplyBroken"}),
    Scenario("slow_inbox", "SlowFirstResponse", 30, 52, 53, "account", set()),
    Scenario("dull_answers", "ReplyBroken", 30, 50, 60, "account", {"QualificationBroken"}),
    Scenario("unclear_offer", "QualificationBroken", 30, 50, 60, "account", set()),
    Scenario("lost_handoffs", "HandoffBroken", 30, 50, 60, "account", set()),
    Scenario("high_price", "CloseBroken", 90, 50, 65, "account", set()),
    Scenario("dear_clicks", "CostPerConversationUp", 30, 50, 55, "account", set()),
    Scenario("no_chats", "SpendWithoutResults", 30, 50, 56, "campaign", {"CostPerConversationUp"}),
    Scenario("false_economy", "CheapButUnprofitable", 60, 0, 40, "campaign", set()),
    Scenario("junk", "JunkShare", 30, 50, 55, "account", set()),
    Scenario("counts_twice", "CountingGap", 30, 50, 55, "account", set()),
    Scenario("nobody_tags", "TaggingLow", 60, 0, 40, "account", set()),
    Scenario("pushy", "OverFollowup", 30, 50, 60, "account", set()),
    Scenario("silent_messages", "SourceSilent", 30, 50, 60, "input", set()),
]


def generate(path, scenario, seed, days):
    subprocess.run([LADDERD, "generate", "--seed", str(seed), "--events", str(days * EVENTS_A_DAY), "--ads",
                    str(ADS), "--accounts", str(ACCOUNTS), "--people", str(PEOPLE), "--span", f"{days}d",
                    "--well-run", "--scenario", scenario, "--out", path], check=True)


def replay(folder, events, *options):
    (folder / "ladderd.yaml").write_text("clock: event\nworkers: 1\n")
    subprocess.run([LADDERD, "replay", "-c", folder / "ladderd.yaml", "--events", events, "--rows",
                    "/dev/null", "--alerts", folder / "alerts.ndjson", *options], check=True,
                   stderr=subprocess.DEVNULL)
    return (folder / "alerts.ndjson").read_text()


def days_of(time):
    return (datetime.fromisoformat(time.replace("Z", "+00:00")) - START).total_seconds() / 86400


class Transition:
    """A line of --alerts: `day` is T of it, in days since the feed's start."""

    def __init__(self, line):
        self.alert = json.loads(line)
        self.labels, self.status = self.alert["labels"], self.alert["status"]
        self.name, self.level = self.labels["alertname"], self.labels["level"]
        ends = days_of(self.alert["endsAt"])
        minutes = round(ends * 24 * 60) - (0 if self.status == "resolved" else 5)
        self.day = minutes / (24 * 60)


def transitions_of(scenario, seed, days):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = folder / "events.ndjson"
        generate(events, scenario, seed, days)
        return [Transition(line) for line in replay(folder, events, "--arrival-order").splitlines()]
