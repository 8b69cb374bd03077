"""Goal: with `clock: wall` the numbers follow the clock (spec 6.1, 6.2). A quiet partition or topic holds
nothing up; the last rows after the input has gone quiet are exact; windows slide on when nothing arrives, and
a row out of which everything has slid is published once more, with zeros, and not again.
Method: windows of seconds; a burst of events of now, all of one person and so in one partition of one topic;
then nothing; then a burst over all partitions, and nothing. Every record ever written is looked at.

labels: waits"""

import json
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import (CURRENT, HISTORY, Daemon, by_key, create_inputs, difference, is_empty, parsed,
                         read_records, replay, settings, stop_within, windows, write_config, write_events)

SHORT, MIDDLE, LONG = "4s", "12s", "28d"
LATEST_S = 3  # what a row may need from the event to Kafka: emit (100 ms), Kafka, reading it here
MESSAGES = "ladder.messages"


def messages(count, people, ad, prefix):
    """Of now, in."""
    now_ms = int(time.time() * 1000)
    place = {"ad": ad, "account": "act_1", "campaign": "c", "adset": "s"}
    return [{"type": "message", "id": f"{prefix}{i}", "ts": now_ms - i, "user": f"{prefix}{i % people}",
             "direction": "in", "words": 3, **place} for i in range(count)]


class Case:
    def __init__(self, broker, folder):
        self.broker, self.folder, self.events = broker, folder, []

    def produce(self, events):
        self.events += events
        path = write_events(self.folder / "burst", events)
        self.broker.produce(MESSAGES, path, "--key-field", "user")

    def published(self, window, ad, basis="event"):
        """Every row of an ad's window that was ever published, in the order of the log."""
        key = f"rolling/{basis}/{window}/ad/{ad}".encode()
        return [json.loads(record["value"]) for record in read_records(self.broker, CURRENT)
                if record["key"] == key]

    def last(self, window, ad):
        rows = self.published(window, ad)
        return rows[-1] if rows else None


def check_quiet_partitions(case):
    """One partition of twelve has something, all else is empty and always was."""
    case.produce(messages(20, 1, "ad_1", "a"))
    begin = time.monotonic()
    wait_until(lambda: (case.last(SHORT, "ad_1") or {}).get("messages_in") == 20, 10, "the row")
    took = time.monotonic() - begin
    assert took < LATEST_S, f"the row took {took:.1f} s"
    row = case.last(SHORT, "ad_1")
    now_ms = time.time() * 1000
    assert row["from_ms"] <= now_ms - 1 and row["to_ms"] - now_ms <= 2000, (row, now_ms)


def check_sliding(case):
    """Without any event, one window after the other ends with one row of zeros."""
    for window, most_s in ((SHORT, 4 + 2), (MIDDLE, 12 + 4)):
        wait_until(lambda: is_empty(case.last(window, "ad_1")), most_s + LATEST_S, f"zeros in {window}")
    time.sleep(5)
    for window in (SHORT, MIDDLE):
        for basis in ("event", "cohort"):
            rows = case.published(window, "ad_1", basis)
            assert [is_empty(row) for row in rows].count(True) == 1 and is_empty(rows[-1]), rows[-3:]
            revisions = [row["revision"] for row in rows]
            assert revisions == sorted(set(revisions)), revisions
    ends = [row["to_ms"] for row in case.published(MIDDLE, "ad_1")]
    assert len(set(ends)) >= 3 and ends == sorted(ends), f"12s slid over {ends}"
    assert not is_empty(case.last(LONG, "ad_1"))


def check_last_rows(case, config):
    """All partitions, twice; then silence. What a reader has then is exact."""
    for number in range(2):
        case.produce(messages(2000, 50, f"ad_{2 + number}", f"b{number}"))
        time.sleep(0.5)
    want, counts = replay(config, write_events(case.folder / "all", case.events))
    assert counts["applied"] == len(case.events) == counts["decoded"], counts
    history = {key: line for key, line in want.items() if key.startswith(b'"bucket/')}
    state = {}

    def is_equal():
        got = by_key(case.broker.rows(CURRENT, HISTORY))
        bucket = {key: line for key, line in got.items() if key.startswith(b'"bucket/')}
        state["problem"] = difference(history, bucket) or long_difference(want, got)
        return not state["problem"]
    try:
        wait_until(is_equal, 10, "the last rows")
    except TimeoutError as error:
        raise AssertionError(f"{error}: {state['problem']}") from None


def long_difference(want, got):
    """Of the longest window; where it ends, the two clocks differ."""
    def numbers(rows):
        return {(key, field): value for key, row in parsed(rows).items() if f"/{LONG}/" in key
                for field, value in row.items() if field not in ("from", "to", "from_ms", "to_ms")}
    want, got = numbers(want), numbers(got)
    other = [(*name, value, got.get(name)) for name, value in want.items() if got.get(name) != value]
    return f"key, field, wanted, found: {other[0]}" if other or not want else None


def check_restart(case, daemon):
    """What has slid out while nobody was there gets its zeros from the next run."""
    assert not is_empty(case.last(MIDDLE, "ad_3"))
    time.sleep(16)
    daemon.restart()
    wait_until(lambda: is_empty(case.last(MIDDLE, "ad_3")), LATEST_S, "zeros after the restart")
    assert not is_empty(case.last(LONG, "ad_3"))
    stop_within(daemon, 10)


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        spans = windows((SHORT, "2s"), (MIDDLE, "4s"), (LONG, "6h"), emit="100ms")
        changes = {"clock": "wall", "windows": spans, "publish": {"history_emit": "100ms"}}
        config = write_config(folder, settings(folder, broker, redis, **changes))
        with Daemon(config) as daemon:
            case = Case(broker, folder)
            check_quiet_partitions(case)
            check_sliding(case)
            check_last_rows(case, config)
            stop_within(daemon, 10)
            check_restart(case, daemon)


if __name__ == "__main__":
    run(test)
