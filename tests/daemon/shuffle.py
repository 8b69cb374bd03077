"""Goal: inputs that are not keyed by the person give the same rows (design decision 6). Clicks are keyed by
their click id, or by nothing; messages by the user with one partitioner, outcomes with another; several
people send the same click id. What one instance, then two, one of them killed, then one stopped until the
other has all, publish equals `ladderd replay` over the same events. Of every partition every event ends in
one class or is forwarded, and what is forwarded is received once (spec section 7)."""

import json
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, free_port, run, wait_until
from daemon_case import (DEAD, LADDERD, OUTPUTS, Daemon, by_key, create_topic, difference, generate, is_empty,
                         metrics, refused, replay, settings, stop_within, write_config, write_events)

EVENTS = int(os.environ.get("LADDER_EVENTS", 24_000))
SEED = int(os.environ.get("LADDER_SEED", 1))
PARTITIONS = 5
CHUNKS = 8
SHUFFLE = "ladder.shuffle"
# topic: how it is read, and how it is written: the key's field, and librdkafka's partitioner
TOPICS = {
    "ladder.messages": ({"key": "user"}, "user", "murmur2_random"),
    "ladder.clicks": ({"key": "click_id", "partitioner": "fnv1a"}, "click_id", "fnv1a_random"),
    "ladder.opens": ({"key": "none"}, "none", "random"),
    "ladder.outcomes": ({"key": "user", "partitioner": "crc32"}, "user", "consistent_random"),
}
KINDS = {"message": "ladder.messages", "open": "ladder.opens", "outcome": "ladder.outcomes",
         "spend": "ladder.opens", "click": "ladder.clicks"}


def topic_of(number, event):
    """A third of the clicks are keyed by nothing."""
    return "ladder.opens" if event["type"] == "click" and number % 3 == 0 else KINDS[event["type"]]


def with_rivals(events, dice):
    """Others send the same click id, before or after; and click ids come late, long after their click."""
    users = sorted({event["user"] for event in events if "user" in event})
    made = []
    for event in events:
        made.append(event)
        if event["type"] != "message" or "click_id" not in event or dice.random() < 0.6:
            continue
        rival = {**event, "id": "rival-" + event["id"], "user": dice.choice(users)}
        if dice.random() < 0.5 and made:  # in the order of arrival it comes before
            made.insert(max(0, len(made) - dice.randrange(1, 400)), rival)
        else:
            made.append(rival)
    return made


class Feed:
    def __init__(self, folder, broker):
        self.folder, self.broker = folder, broker
        generate("--seed", SEED, "--events", EVENTS, "--out", folder / "made.ndjson", "--span", "21d",
                 "--ads", 12, "--people", EVENTS // 20, "--duplicates", 3, "--late", 5)
        made = [json.loads(line) for line in (folder / "made.ndjson").read_text().splitlines()]
        self.events = with_rivals(made, random.Random(SEED))
        self.path = write_events(folder / "events.ndjson", self.events)
        self.counts = {topic: 0 for topic in TOPICS}
        self.chunk = 0

    def send_chunk(self):
        """The next part."""
        size = -(-len(self.events) // CHUNKS)
        begin = self.chunk * size
        self.chunk += 1
        assert begin < len(self.events)
        for topic, (_, field, partitioner) in TOPICS.items():
            some = [event for number, event in enumerate(self.events[begin:begin + size], begin)
                    if topic_of(number, event) == topic]
            path = write_events(self.folder / "chunk.ndjson", some)
            self.counts[topic] += self.broker.produce(topic, path, "--key-field", field, "--property",
                                                      f"partitioner={partitioner}")


def check_none_is_late(ports):
    late = {place: count for place, count in metrics(ports)["ladderd_events_total late"].items() if count}
    assert not late, f"in the order in which they were sent none was late: {late}"


def wait_for_wanted(broker, want, daemon, ports):
    """Until all rows are as they must be: nothing is left of what counted as organic until its click's facts
    had come from another partition, though its owner may have been killed just then."""
    begin, problem = time.monotonic(), ""
    while problem is not None:
        daemon.check_runs()
        check_none_is_late(ports)
        assert time.monotonic() - begin < 60, f"{problem}\n{daemon.said()[-3000:]}"
        time.sleep(1)
        got = by_key(broker.rows(*OUTPUTS))
        held = {key: row for key, row in got.items() if key in want or not is_empty(json.loads(row))}
        problem = difference(want, held)
    print(f"{len(want)} rows, equal {time.monotonic() - begin:.0f} s after the last event", flush=True)


def held(ports):
    return len(metrics(ports)["ladderd_input_offset"]) // (len(TOPICS) + 1)


def check_balance(feed, ports):
    numbers = metrics(ports)
    events, forwarded = numbers["ladderd_events_total"], numbers["ladderd_forwarded_total"]
    received, offsets = numbers["ladderd_received_total"], numbers["ladderd_input_offset"]
    for topic, count in feed.counts.items():
        of_topic = [(topic, partition) for partition in range(PARTITIONS)]
        assert sum(offsets[place] for place in of_topic) == count, (topic, offsets)
        for place in of_topic:
            ended = events[place] + forwarded[place] - received[place]
            assert ended == offsets[place], f"{place}: {offsets[place]} events, {ended} of them counted"
        assert sum(events[place] for place in of_topic) == count, topic
        sent = sum(forwarded[place] for place in of_topic)
        assert sent == sum(received[place] for place in of_topic), topic
        print(f"{topic}: {count} events, {sent} of them forwarded", flush=True)
        if topic == "ladder.messages":
            assert sent == 0, "what is keyed by the person as people are kept is not forwarded"
        if topic in ("ladder.opens", "ladder.outcomes"):
            assert sent > count / 2, topic


def start(config, folder, name, port):
    own = {**config, "http": {"listen": f"127.0.0.1:{port}"}}
    own["kafka"] = {**config["kafka"], "properties": {"group.instance.id": name, "session.timeout.ms": "3000",
                                                      "heartbeat.interval.ms": "300"}}
    daemon = Daemon(write_config(folder, own, f"{name}.yaml"))
    daemon.__enter__()
    return daemon


def read_it_all(config, folder, feed, want):
    """One instance, then two; the first is killed, and stays away until the other has what it had, and events
    that are nearly `lateness` newer than those that it has not taken in yet; then the other is stopped, with
    what it has not sent yet, until the first has everything, and goes on."""
    daemons, ports = [], [free_port(), free_port()]
    try:
        for _ in range(3):
            feed.send_chunk()
        daemons.append(start(config, folder, "one", ports[0]))
        daemons.append(start(config, folder, "two", ports[1]))
        daemons[1].wait_said("a task is read back", 20)
        time.sleep(0.3)
        feed.send_chunk()
        daemons[0].kill9()
        feed.send_chunk()
        feed.send_chunk()
        wait_until(lambda: held(ports[1:]) == PARTITIONS, 20, "the other with all tasks")
        daemons[0].start()
        daemons[0].wait_said("a task is read back", 20)
        feed.send_chunk()
        daemons[1].pause()
        daemons[0].wait_said("a task is read back", 20, count=PARTITIONS)
        feed.send_chunk()
        daemons[1].resume()
        assert feed.chunk == CHUNKS
        wait_until(lambda: held(ports) == PARTITIONS, 20, "both with their tasks")
        wait_for_wanted(feed.broker, want, daemons[0], ports)
        time.sleep(1.5)  # the status is said once a second
        check_balance(feed, ports)
        assert feed.broker.count(DEAD) == 0
        for daemon in daemons:
            stop_within(daemon, 10)
    except BaseException:
        for daemon in daemons:
            print("--- one of them said:\n" + daemon.said()[-3000:], flush=True)
        raise
    finally:
        for daemon in daemons:
            daemon.__exit__(None, None, None)


def check_audit(config):
    done = subprocess.run([LADDERD, "audit", "-c", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    print(done.stdout.splitlines()[-1], flush=True)


def check_refused(config, folder):
    """What was written under other settings would lack what is still on its way under those."""
    kafka = config["kafka"]
    first, second, *rest = kafka["inputs"]
    keyed_otherwise = [first, {**second, "partitioner": "crc32"}, *rest]
    for change, why in (({"inputs": keyed_otherwise}, "another `key` or `partitioner`"),
                        ({"group": "other"}, "another kafka.group"),
                        ({"outputs": {"shuffle": "other.shuffle"}}, "kafka.outputs.shuffle")):
        said = refused(write_config(folder, {**config, "kafka": {**kafka, **change}}), 1)
        assert why in said, said[-2000:]


def test():
    with (tempfile.TemporaryDirectory() as name,
          Broker({"group.min.session.timeout.ms": 1000}) as broker, Redis() as redis):
        folder = Path(name)
        for topic in TOPICS:
            create_topic(broker, topic, PARTITIONS)
        inputs = [{"topic": topic, **how} for topic, (how, _, _) in TOPICS.items()]
        config = settings(folder, broker, redis)
        config["kafka"] = {"brokers": broker.address, "inputs": inputs}
        feed = Feed(folder, broker)
        want, counts = replay(write_config(folder, config), feed.path)
        assert counts["rejected"] == counts["late"] == 0 and len(want) > 1000, counts
        read_it_all(config, folder, feed, want)
        assert broker.count(SHUFFLE) > EVENTS / 5
        check_audit(folder / "one.yaml")
        check_refused(config, folder)


if __name__ == "__main__":
    run(test)
