"""Goal: an input that carried events for a day and is silent now makes SourceSilent fire, and nothing else,
also where ladderd was killed in between: what the inputs carried is kept with the state.
Method: `clock: event`, two inputs. A day of both; kill -9; after the restart only one of them goes on, some
minutes at a time, so that stream time goes on as it would; then the other one, too."""

import json
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import Daemon, create_topic, read_records, settings, stop_within, write_config, write_events

ONE, OTHER, ALERTS = "silence.one", "silence.other", "ladder.alerts"
START_MS, MINUTE_MS, DAY = 1_772_409_600_000, 60_000, 24 * 60
PAUSE_S = 0.12  # longer than what is made known waits
BUSY, RETURN = 60, DAY + 16  # minutes: of the last hour before the silence; its end


def message(prefix, minute, second):
    return {"type": "message", "id": f"{prefix}{minute}.{second}", "user": f"{prefix}{minute % 50}",
            "ts": START_MS + minute * MINUTE_MS + second * 1000, "direction": "in", "words": 3, "ad": "ad_1",
            "account": "act_1", "campaign": "c", "adset": "s"}


def produce(broker, folder, topic, minutes):
    """Two a minute: enough for a day's worth, also where some fall out of it."""
    events = [message(topic, minute, second) for minute in minutes for second in (0, 30)]
    broker.produce(topic, write_events(folder / "part", events), "--key-field", "user")


def said(broker):
    alerts = [json.loads(record["value"]) for record in read_records(broker, ALERTS)]
    return [(alert["labels"]["alertname"], alert["labels"]["id"], alert["status"]) for alert in alerts]


def advance(broker, folder, topics, minutes):
    for minute in minutes:
        for topic in topics:
            produce(broker, folder, topic, [minute])
        time.sleep(PAUSE_S)


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        for topic in (ONE, OTHER):
            create_topic(broker, topic, 1)
        config = settings(folder, broker, redis, clock="event")
        config["kafka"]["inputs"] = [{"topic": ONE}, {"topic": OTHER}]
        config = write_config(folder, config)
        with Daemon(config) as daemon:
            for topic in (ONE, OTHER):
                produce(broker, folder, topic, range(DAY - BUSY))
            daemon.wait_said("a worker has read to the end", 30)
            advance(broker, folder, [ONE, OTHER], range(DAY - BUSY, DAY))
            time.sleep(2)  # a commit with all of it
            daemon.kill9()
        with Daemon(config) as daemon:
            daemon.wait_said("rows that are out already were read back", 30)
            advance(broker, folder, [OTHER], range(DAY, RETURN))
            daemon.wait_until(lambda: said(broker), 20, "an alert")
            assert set(said(broker)) == {("SourceSilent", ONE, "firing")}, said(broker)
            advance(broker, folder, [ONE, OTHER], range(RETURN, RETURN + 12))
            daemon.wait_until(lambda: said(broker)[-1][2] == "resolved", 20, "its end")
            stop_within(daemon, 10)
        assert {alert[:2] for alert in said(broker)} == {("SourceSilent", ONE)}, said(broker)


if __name__ == "__main__":
    run(test)
