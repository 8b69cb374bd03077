"""Goal: `ladderd run` says what breaks while it breaks, in the alerts topic, to an Alertmanager and by HTTP,
and that it is over after the repair.
Method: a generated feed in which nobody answers for some hours, at such times that now is within them; what
was before comes at once, the rest some minutes of it at a time, so that stream time goes on as it would. A
genuine Alertmanager, which is away at first. ladderd is killed while the alert fires: after its restart it
goes on firing, and does not begin anew."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path

from broker import Broker, Redis, Server, Skip, free_port, run
from daemon_case import LADDERD, Daemon, create_topic, read_records, settings, stop_within, write_config

TOPIC, ALERTS, ALERT = "alerts.events", "ladder.alerts", "ConversationsUnanswered"
DAYS, EVENTS = 16, 16 * 13_333
FEED = ["--seed", 1, "--events", EVENTS, "--ads", 50, "--accounts", 4, "--people", 1_000_000,
        "--span", f"{DAYS}d", "--well-run", "--scenario", "dead_inbox"]
BEGIN = 0.52  # of the span: dead_inbox in daemon/generate_scenarios.def
STEP_MS, STEPS = 10 * 60_000, 60
NOW_STEP, LOOK_STEP = 6, 12  # T is now at the first, and the alert is looked for at the second
PAUSE_S = 0.15
AWAY = "the Alertmanager does not take alerts"


class Alertmanager(Server):
    name = "alertmanager"

    def __init__(self):
        if not shutil.which("prometheus-alertmanager"):
            raise Skip("prometheus-alertmanager is missing (apt-get install prometheus-alertmanager)")
        super().__init__()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (self.dir / "config.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")

    def command_line(self):
        return ["prometheus-alertmanager", f"--config.file={self.dir}/config.yml",
                f"--storage.path={self.dir}", f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address="]

    def is_up(self):
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=2).status == 200
        except OSError:
            return False

    def alerts(self):
        """What it shows, by fingerprint of ours."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
            return [alert for alert in json.load(answer) if alert["labels"]["alertname"] == ALERT]


def ms_of(ts):
    """As feeds write it: seconds or milliseconds, as a number or a text, or RFC 3339."""
    text = str(ts)
    if not text.isdigit():
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
    return int(text) * (1 if len(text) >= 12 else 1000)


def shifted(event, shift_ms):
    return event | {name: ms_of(event[name]) + shift_ms for name in ("ts", "from", "to", "reported_at")
                    if name in event}


def parts_of(path):
    """What comes before anything breaks, then what each step brings: files."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    times = [ms_of(event["ts"]) for event in events]
    break_ms = int(time.time() * 1000) - NOW_STEP * STEP_MS
    shift_ms = break_ms - min(times) - int(DAYS * 86_400_000 * BEGIN)
    lines = [(ts + shift_ms, json.dumps(shifted(event, shift_ms))) for event, ts in zip(events, times)]
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
    starts = {(key, alert["startsAt"]) for key, alert in records if key in own}
    assert len(starts) == len(own), f"one fired anew: {starts}"
    return len(own)


def asked(url, **arguments):
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(arguments)}", timeout=20) as answer:
        return json.load(answer)


def check_asked(url, broker, daemon):
    """What is answered by HTTP is what the topic said last of all that fires; each filter takes its part."""
    def is_same():
        last = dict(alerts_of(broker))
        firing = {key: alert for key, alert in last.items() if alert["status"] == "firing"}
        return firing and {alert["fingerprint"]: alert for alert in asked(url)} == firing
    daemon.wait_until(is_same, 20, "the alerts of the topic")
    one = asked(url)[0]["labels"]
    every = asked(url, alertname=one["alertname"], level=one["level"], id=one["id"])
    assert [alert["labels"] for alert in every] == [one], every
    for name in ("alertname", "level", "id"):
        assert all(alert["labels"][name] == one[name] for alert in asked(url, **{name: one[name]}))
        assert asked(url, **{name: "nobody's"}) == []


def check_shown(alertmanager):
    """It is active there, with our words."""
    shown = alertmanager.alerts()
    assert shown and all(alert["status"]["state"] == "active" for alert in shown), shown
    assert all(alert["annotations"]["advice"] for alert in shown), shown


def knows_ends(alertmanager, records):
    """What it knows of the end is what the topic says."""
    last = {key: alert for key, alert in records if alert["labels"]["alertname"] == ALERT}
    ends = {alert["labels"]["id"]: ms_of(alert["endsAt"]) for alert in last.values()}
    shown = {alert["labels"]["id"]: ms_of(alert["endsAt"]) for alert in alertmanager.alerts()}
    return shown and all(abs(ends[one] - at) < 1000 for one, at in shown.items())


def test():
    with (tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis,
          Alertmanager() as alertmanager):
        folder = Path(name)
        create_topic(broker, TOPIC, 1)
        events = folder / "events"
        subprocess.run([LADDERD, "generate", *map(str, FEED), "--out", events], check=True)
        alertmanager.stop()
        config = settings(folder, broker, redis, alerts={"alertmanager": alertmanager.url})
        config["kafka"]["inputs"] = [{"topic": TOPIC}]
        config["http"] = {"listen": f"127.0.0.1:{free_port()}"}
        url = f"http://{config['http']['listen']}/api/v1/alerts"
        before, *steps = parts_of(events)
        broker.produce(TOPIC, before, "--key", "k")
        config = write_config(folder, config)
        with Daemon(config) as daemon:
            daemon.wait_said("a worker has read to the end", 60)
            time.sleep(1)
            assert broker.count(ALERTS) == 0, alerts_of(broker)
            assert asked(url) == []
            for number, step in enumerate(steps, 1):
                broker.produce(TOPIC, step, "--key", "k")
                time.sleep(PAUSE_S)
                if number == LOOK_STEP:
                    daemon.wait_said(AWAY, 30)
                    alertmanager.start()
                    daemon.wait_said("the Alertmanager takes alerts again", 30)
                    check_shown(alertmanager)
                    check_asked(url, broker, daemon)
                    break
            daemon.kill9()
        with Daemon(config) as daemon:
            daemon.wait_said("a worker has read to the end", 60)
            for step in steps[LOOK_STEP:]:
                broker.produce(TOPIC, step, "--key", "k")
                time.sleep(PAUSE_S)
            daemon.wait_said("an alert is resolved", 30)
            daemon.wait_until(lambda: not asked(url, alertname=ALERT), 30, "no alert any more")
            daemon.wait_until(lambda: knows_ends(alertmanager, alerts_of(broker)), 30, "their ends")
            stop_within(daemon, 10)
        records = alerts_of(broker)
        count = check(records)
        assert knows_ends(alertmanager, records), (alertmanager.alerts(), records)
        print(f"{count} times {ALERT}, fired and resolved", flush=True)


if __name__ == "__main__":
    run(test)
