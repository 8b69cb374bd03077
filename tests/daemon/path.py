"""Goal: what `ladderd run` publishes equals `ladderd replay` over the same events, on a genuine Kafka and
Redis. Method: generate events into 4 partitions of 3 topics, each keyed by its person; run; compare the last
revision of every key of both output topics; then SIGTERM and a second start, which must not change a row."""

import os
import tempfile
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import (Daemon, INPUTS, generate, replay, settings, stop_within, wait_for_rows,
                         write_config)

EVENTS = int(os.environ.get("LADDER_EVENTS", 1_000_000))


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        feed = ["--seed", 1, "--events", EVENTS, "--late", 5, "--duplicates", 3]
        generate(*feed, "--out", folder / "events.ndjson")
        generate(*feed, "--kafka", broker.address)
        in_kafka = sum(broker.count(topic) for topic in INPUTS)
        assert in_kafka >= EVENTS, in_kafka
        config = write_config(folder, settings(folder, broker, redis))
        want, counts = replay(config, folder / "events.ndjson")
        assert counts["rejected"] == 0 and len(want) > 1000, counts
        print(f"{in_kafka} events, {len(want)} rows", flush=True)
        with Daemon(config) as daemon:
            took = wait_for_rows(broker, want, 240, daemon)
            print(f"equal after {took:.0f} s", flush=True)
            stop_within(daemon, 10)
            daemon.restart()
            wait_for_rows(broker, want, 60, daemon)
            stop_within(daemon, 10)


if __name__ == "__main__":
    run(test)
