"""Goal: `ladderd run` says what breaks while it breaks, in the alerts topic, and that it is over after the
repair.
Method: a generated feed in which nobody answers for some hours; what was before comes at once, the rest some
minutes of it at a time, so that stream time goes on as it would."""

import json
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import LADDERD, Daemon, create_topic, read_records, settings, stop_within, write_config

TOPIC, ALERTS, ALERT = "alerts.events", "ladder.alerts", "ConversationsUnanswered"
DAYS, EVENTS = 16, 16 * 13_333
FEED = ["--seed", 1, "--events", EVENTS, "--ads", 50, "--accounts", 4, "--people", 1_000_000,
        "--span", f"{DAYS}d", "--well-run", "--scenario", "dead_inbox"]
BEGIN = 0.52  # of the span: dead_inbox in daemon/generate_scenarios.def
STEP_MS, STEPS = 10 * 60_000, 60
PAUSE_S = 0.15


def ms_of(ts):
    """As feeds write it: seconds or milliseconds, as a number or a text, or RFC 3339."""
    text = str(ts)
    if not text.isdigit():
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
    return int(text) * (1 if len(text) >= 12 else 1000)


def parts_of(path):
    """What comes before anything breaks, then what each step brings: files."""
    lines = [(ms_of(json.loads(line)["ts"]), line) for line in path.read_text().splitlines()]
    first = min(ts for ts, _ in lines)
    break_ms = first + int(DAYS * 86_400_000 * BEGIN)
    parts = {}
    for ts, line in lines:
        step = 0 if ts < break_ms else 1 + (ts - break_ms) // STEP_MS
        parts.setdefault(step, []).append(line)
    for step in range(STEPS + 1):
        part = path.with_suffix(f".{step}")
        part.write_text("".join(f"{line}\n" for line in parts.get(step, [])))
        yield part


def alerts_of(broker):
    """The records of the topic: (key, alert)."""
    return [(record["key"].decode(), json.loads(record["value"])) for record in read_records(broker, ALERTS)]


def check(records):
    """Fires first, each time under its own key and a greater revision; is resolved in the end."""
    revisions, status = {}, {}
    for key, alert in records:
        assert alert["fingerprint"] == key and alert["revision"] > revisions.get(key, 0), alert
        assert key in status or alert["status"] == "firing", alert
        assert alert["annotations"]["cause"] and alert["annotations"]["advice"], alert
        revisions[key], status[key] = alert["revision"], alert["status"]
    names = {alert["labels"]["alertname"] for _, alert in records}
    assert ALERT in names and names <= {ALERT, "ReplyBroken"}, names
    own = {key for key, alert in records if alert["labels"]["alertname"] == ALERT}
    assert all(status[key] == "resolved" for key in own), status
    return len(own)


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_topic(broker, TOPIC, 1)
        events = folder / "events"
        subprocess.run([LADDERD, "generate", *map(str, FEED), "--out", events], check=True)
        config = settings(folder, broker, redis)
        config["kafka"]["inputs"] = [{"topic": TOPIC}]
        before, *steps = parts_of(events)
        broker.produce(TOPIC, before, "--key", "k")
        with Daemon(write_config(folder, config)) as daemon:
            daemon.wait_said("a worker has read to the end", 60)
            time.sleep(1)
            assert broker.count(ALERTS) == 0, alerts_of(broker)
            for step in steps:
                broker.produce(TOPIC, step, "--key", "k")
                time.sleep(PAUSE_S)
            daemon.wait_said("an alert is resolved", 30)
            time.sleep(1)
            stop_within(daemon, 10)
        count = check(alerts_of(broker))
        print(f"{count} times {ALERT}, fired and resolved", flush=True)


if __name__ == "__main__":
    run(test)
