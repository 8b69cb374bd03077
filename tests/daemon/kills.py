"""Goal: no crash changes a number (promise P1). What `ladderd run` publishes equals `ladderd replay` over the
same events, though meanwhile the daemon is killed, and Kafka is away when it begins anew. What Redis loses:
redis_losses.py.
Method: events come at such a pace that there is always more to read; at random moments of a seed, kill -9
and start again. Every step looks that it did what it is there for: that events were still coming, and that
the daemon had state to go on from."""

import os
import random
import re
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import (DEAD, FENCED, INPUTS, LADDERD, Daemon, committed_records, create_inputs, generate,
                         replay, settings, start_generate, stop_within, wait_for_rows, write_config)

EVENTS = int(os.environ.get("LADDER_EVENTS", 1_000_000))
SEED = int(os.environ.get("LADDER_SEED", 1))
KILLS = int(os.environ.get("LADDER_KILLS", 500 if os.environ.get("LADDER_LONG") == "1" else 10))
FEED = ["--seed", SEED, "--events", EVENTS, "--late", 5, "--duplicates", 3, "--ads", 24, "--span", "21d"]
KILL_S = 2 if KILLS < 100 else 5  # a kill and a start; the long form has to bear other work beside it
FEED_S = 5 + KILL_S * KILLS  # how long the events take to come
READ_BACK = re.compile(r'"a task is read back" task=(\d+) pages=(\d+) people=(\d+)')


class Case:
    def __init__(self, broker, redis, daemon, feed, rng):
        self.broker, self.redis, self.daemon, self.feed, self.rng = broker, redis, daemon, feed, rng

    def pause(self, least_s, most_s):
        time.sleep(self.rng.uniform(least_s, most_s))

    def check_is_reading(self):
        assert self.feed.poll() is None, "every event is there already: nothing is tested here"
        self.daemon.check_runs()

    def kill_daemon(self):
        """At least one kill comes so soon that nothing is committed, the others find state to go on from."""
        people = []
        for number in range(KILLS):
            self.pause(0.1, 1.5) if number else self.pause(0, 0.3)
            self.check_is_reading()
            self.daemon.kill9()
            self.daemon.start()
            self.daemon.wait_said("a task is read back", 30, count=4)
            people.append(sum(int(found[3]) for found in READ_BACK.finditer(self.daemon.said())))
            assert FENCED not in self.daemon.said(), self.daemon.said()
            if number % 50 == 49:
                print(f"{number + 1} of {KILLS} kills, {people[-1]} people found", flush=True)
        print(f"{KILLS} kills, people found: {people[0]} at first, {people[-1]} at last", flush=True)
        assert people[-1] > people[0], people

    def restart_broker(self, in_kafka):
        """Killed while everything is read from the beginning, because Redis was emptied while nobody looked:
        the daemon waits and goes on by itself."""
        self.daemon.stop()
        self.redis.flushall()
        self.daemon.start()
        self.daemon.wait_said("a task is read back", 30, count=4)
        self.pause(0.2, 0.6)
        self.broker.kill9()
        time.sleep(2)
        read = committed_records(self.redis)
        self.broker.start()
        self.daemon.check_runs()
        print(f"Kafka was away after {read} records", flush=True)
        assert read < in_kafka, "it had read everything"


def audit(config):
    """Every event was counted once."""
    done = subprocess.run([LADDERD, "audit", "-c", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    print(done.stdout.splitlines()[-1], flush=True)


def test():
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        generate(*FEED, "--out", folder / "events.ndjson")
        config = write_config(folder, settings(folder, broker, redis))
        want, counts = replay(config, folder / "events.ndjson")
        assert counts["rejected"] == counts["late"] == 0 and len(want) > 1000, counts
        feed = start_generate(*FEED, "--kafka", broker.address, "--rate", EVENTS // FEED_S)
        with Daemon(config) as daemon:
            case = Case(broker, redis, daemon, feed, rng)
            case.kill_daemon()
            assert feed.wait(120 + FEED_S) == 0, "generate could not send everything"
            in_kafka = sum(broker.count(topic) for topic in INPUTS)
            assert in_kafka >= EVENTS, in_kafka
            wait_for_rows(broker, want, 180, daemon)
            case.restart_broker(in_kafka)
            took = wait_for_rows(broker, want, 180, daemon)
            print(f"{in_kafka} events, {len(want)} rows, equal {took:.0f} s after the last", flush=True)
            assert broker.count(DEAD) == 0
            stop_within(daemon, 10)
        audit(config)


if __name__ == "__main__":
    run(test)
