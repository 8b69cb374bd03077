"""Goal: nothing vanishes silently (promise P2). Every class and reason of spec section 7, provoked through
Kafka: a record with anything late or rejected in it goes to the topic of dead letters with its original key,
value and headers and with headers that say why and where it was; nothing else does. The sums are right, and
what was applied is counted; `audit` finds the sums right.
Method: records made of bytes, each with what must become of its items, into one partition, because what is
late depends on what came before. The rows of the history must be those of `replay` over what is applied; its
counts, those of the same items.

labels: sanitize threads"""

import base64
import json
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import (DEAD, HISTORY, LADDERD, Daemon, by_key, create_inputs, difference, read_records,
                         replay, settings, stop_within, write_config, write_events)

DAY_MS = 86_400_000
NOW_MS = int(time.time()) * 1000
RECORD_BYTES = 1 << 16
LARGEST = 3 << 20  # of a record here; librdkafka's own limit for those it sends is 1,000,000
MESSAGES, CLICKS_ONLY = "ladder.messages", "ladder.clicks"
CLASSES = ("applied", "duplicate", "late", "rejected", "ignored")
REASONS = {"json", "encoding", "too_large", "missing_field", "bad_value", "bad_time", "future", "currency",
           "unknown_type"}
OURS = ["ladderd.reason", "ladderd.topic", "ladderd.partition", "ladderd.offset", "ladderd.detail"]


def event(ident, **changes):
    """A message in of an hour ago; a change to None leaves the field out."""
    fields = {"type": "message", "id": ident, "ts": NOW_MS - 3_600_000, "user": "u1", "ad": "ad_1",
              "account": "act_1", "direction": "in", "words": 5, **changes}
    return {name: value for name, value in fields.items() if value is not None}


def text(*events):
    return json.dumps(events[0] if len(events) == 1 else events).encode()


class Record:
    """What is sent, and what must become of its items, in their order: classes and reasons of section 7."""

    def __init__(self, value, *ends, key=b"u1", headers=(), topic=MESSAGES):
        self.value, self.ends, self.key, self.headers, self.topic = value, ends, key, list(headers), topic

    def first_dead(self):
        dead = [end for end in self.ends if end == "late" or end in REASONS]
        return dead[0] if dead else None


def of_reasons():
    deep = b"[" * 20 + b"]" * 20
    return [
        Record(b"no json", "json"),
        Record(b"", "json", key=None),
        Record(None, "json", key=b"tombstone"),
        Record(b"\x00\x01\x02\x00", "json", key=b"\x00\xff\x00",
               headers=[("trace", b"\x00\xfe"), ("none", None)]),
        Record(text(event("d1"))[:-1], "json"),
        Record(b'{"type":"message","type":"click"}', "json"),
        Record(b'{"type":"message","id":"\xff"}', "encoding", headers=[("a", b"1"), ("a", b"2"), ("b", b"")]),
        Record(b"x" * (RECORD_BYTES + 1), "too_large"),
        Record(b"\n" * LARGEST, "too_large"),
        Record(b'{"type":"message","other":' + deep + b"}", "too_large"),
        Record(text(event("i" * 257)), "too_large"),
        Record(text(event("m1", direction=None)), "missing_field"),
        Record(text(event("m2", user=None)), "missing_field"),
        Record(text(event("m3", type=None)), "missing_field"),
        Record(text(event("v1", words=-1)), "bad_value"),
        Record(text(event("v2", type="outcome", stage="customer", value=-5)), "bad_value"),
        Record(text(event("v3", direction="up")), "bad_value"),
        Record(text(event("t1", ts="yesterday")), "bad_time"),
        Record(text(event("t2", type="spend", **{"from": 5, "to": 5})), "bad_time"),
        Record(text(event("f1", ts=NOW_MS + 3_600_000)), "future"),
        Record(text(event("c1", type="click", cost=1, currency="EUR")), "currency"),
        Record(text(event("y1", type="purchase")), "unknown_type"),
        Record(text(event("y2", type=7)), "unknown_type"),
    ]


def of_classes():
    first = event("e1")
    return [
        Record(text(first), "applied", key=b"\xc3\x28"),
        Record(text(first), "duplicate"),
        Record(text(event("l1", ts=NOW_MS - 8 * DAY_MS)), "late", headers=[("from", "é".encode())]),
        Record(text(event("k1", ts=NOW_MS - 6 * DAY_MS)), "applied"),
        Record(text(event("c2", type="click"), event("i1"), event("c3", type="open")), "applied", "ignored",
               "ignored", topic=CLICKS_ONLY),
        Record(text(event("i2", words=-1)), "bad_value", topic=CLICKS_ONLY),
    ]


def of_several():
    """Each item is judged on its own, and one letter holds them all."""
    mixed = [event("s1"), event("s2", ts="?"), event("s3"), event("s4", direction="?"), event("s1")]
    lines = text(event("s5")) + b"\n\n{broken\n" + text(event("s6")) + b"\n\xff\n" + text(event("s7"))
    return [
        Record(text(*mixed), "applied", "bad_time", "applied", "bad_value", "duplicate", key=None),
        Record(json.dumps([event("s8"), 5, [], None]).encode(), "applied", "json", "json", "json"),
        Record(lines, "applied", "json", "applied", "encoding", "applied", headers=[("n", b"\r\n")]),
        Record(b"[]"),
        Record(text(event("s9"), event("s10")), "applied", "applied"),
    ]


def produce(broker, folder, records):
    """All into partition 0, each topic in its order."""
    def encoded(data):
        return None if data is None else base64.b64encode(data).decode()
    for topic in (CLICKS_ONLY, MESSAGES):
        lines = [{"partition": 0, "key": encoded(record.key), "value": encoded(record.value),
                  "headers": [[name, encoded(value)] for name, value in record.headers]}
                 for record in records if record.topic == topic]
        path = write_events(folder / "records", lines)
        assert broker.produce(topic, path, "--records") == len(lines)


def placed(records):
    """(topic, offset) -> the record."""
    offsets = Counter()
    places = {}
    for record in records:
        places[record.topic, offsets[record.topic]] = record
        offsets[record.topic] += 1
    return places


def check_letter(letter, record, is_redacted):
    """Its own header names stand once; what was sent with it stands in its order."""
    headers = dict(letter["headers"])
    assert headers["ladderd.reason"].decode() == record.first_dead(), (headers, record.value)
    assert headers["ladderd.partition"] == b"0" and len(headers["ladderd.detail"]) > 5, headers
    assert [name for name, _ in letter["headers"] if name in OURS] == OURS, letter["headers"]
    others = [(name, value) for name, value in letter["headers"] if name not in OURS]
    assert others == record.headers, (others, record.headers)
    assert letter["key"] == record.key, (letter["key"], record.key)
    value = None if is_redacted else record.value
    assert letter["value"] == value, (letter["headers"], str(letter["value"])[:200], str(value)[:200])


def wait_for_letters(broker, daemon, topic, records):
    count = sum(record.first_dead() is not None for record in records)
    daemon.wait_until(lambda: broker.count(topic) >= count, 60, f"{count} dead letters")


def check_letters(broker, topic, records, is_redacted=False):
    places = placed(records)
    wanted = {place for place, record in places.items() if record.first_dead()}
    found = []
    for letter in read_records(broker, topic):
        headers = dict(letter["headers"])
        found.append((headers["ladderd.topic"].decode(), int(headers["ladderd.offset"])))
        check_letter(letter, places[found[-1]], is_redacted)
    assert sorted(found) == sorted(wanted), (sorted(found), sorted(wanted))


def items_of(record):
    """(item as a line, its end) of those records whose items are events as such."""
    value = record.value or b""
    if len(value) == LARGEST:
        return []
    if value.startswith(b"["):
        return zip([json.dumps([item]).encode() for item in json.loads(value)], record.ends)
    return zip([line for line in value.split(b"\n") if line], record.ends)


def check_replay(broker, folder, config, records):
    """The same items through `replay`: there is no wall clock, and nothing has `types`."""
    items = [item for record in records for item in items_of(record)]
    known = {"future": "applied", "ignored": "applied"}
    ends = Counter(known.get(end, end) for _, end in items)
    path = write_events(folder / "items.ndjson", [line for line, _ in items])
    _, counts = replay(config, path, options=["--arrival-order"])
    assert counts["reasons"] == {reason: ends[reason] for reason in counts["reasons"]}, (counts, ends)
    for name in ("applied", "duplicate", "late", "ignored"):
        assert counts[name] == ends[name], (name, counts, ends)
    assert counts["decoded"] == sum(counts[name] for name in CLASSES) == len(items), counts
    assert counts["rejected"] == sum(counts["reasons"].values()), counts
    _, sorted_counts = replay(config, path)
    assert sorted_counts["late"] == 0 and sorted_counts["applied"] == counts["applied"] + counts["late"]


def check_audit(config, records):
    """The stored sums are those of the records."""
    done = subprocess.run([LADDERD, "audit", "-c", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    for topic in (CLICKS_ONLY, MESSAGES):
        ends = Counter("rejected" if end in REASONS else end
                       for record in records if record.topic == topic for end in record.ends)
        stored = ", ".join(f"{name} {ends[name]}" for name in CLASSES)
        assert f"{topic}: decoded {ends.total()}; stored: {stored}\n" in done.stdout, (stored, done.stdout)


def check_rows(broker, folder, config, records):
    """What is applied is counted; the history alone, because rolling rows follow the wall clock here."""
    lines = [line for record in records for line, end in items_of(record) if end == "applied"]
    want, _ = replay(config, write_events(folder / "applied.ndjson", lines))
    want = {key: line for key, line in want.items() if key.startswith(b'"bucket/')}
    assert len(want) > 10, len(want)
    state = {}

    def is_equal():
        state["problem"] = difference(want, by_key(broker.rows(HISTORY)))
        return not state["problem"]
    try:
        wait_until(is_equal, 30, "the history", interval_s=0.5)
    except TimeoutError as error:
        raise AssertionError(f"{error}: {state['problem']}") from None


def make_settings(folder, broker, redis, **changes):
    made = settings(folder, broker, redis, clock="wall", **changes)
    made["limits"] = {"record_bytes": RECORD_BYTES}
    made["kafka"]["properties"] = {"message.max.bytes": LARGEST + 10000}
    made["kafka"]["inputs"] = [{"topic": CLICKS_ONLY, "types": ["click"]}, {"topic": MESSAGES}]
    return made


def test():
    records = of_classes() + of_reasons() + of_several()
    assert {end for record in records for end in record.ends} >= REASONS | {"applied", "duplicate", "late",
                                                                            "ignored"}
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker, partitions=1)
        produce(broker, folder, records)
        config = write_config(folder, make_settings(folder, broker, redis))
        with Daemon(config) as daemon:
            wait_for_letters(broker, daemon, DEAD, records)
            check_letters(broker, DEAD, records)
            check_rows(broker, folder, config, records)
            stop_within(daemon, 10)
            daemon.start()
            daemon.wait_said("a task is read back", 30)
            stop_within(daemon, 10)
        check_letters(broker, DEAD, records)
        check_audit(config, records)
        check_replay(broker, folder, config, records)
        other = make_settings(folder, broker, redis, dead_letters="redact")
        other["redis"]["namespace"] = "other"
        other["kafka"]["outputs"] = {name: f"other.{name}" for name in ("current", "history", "dead")}
        with Daemon(write_config(folder, other, "other.yaml")) as daemon:
            wait_for_letters(broker, daemon, "other.dead", records)
            check_letters(broker, "other.dead", records, is_redacted=True)
            stop_within(daemon, 10)


if __name__ == "__main__":
    run(test)
