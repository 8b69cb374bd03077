"""Goal: a replica that lacks the last writes of its master, and is made master in its place, changes no
number (promises P1 and P3). What `ladderd run` publishes equals `ladderd replay` over the same events. The
daemon knows no Sentinel: redis.url names both hosts.
Method: the replica is cut off while commits go on, then the master is killed and the replica promoted: every
task is fenced, read back, and read again from Kafka. Then the same with a master that lives and is demoted
under the daemon, which loses nothing."""

import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from broker import Broker, Redis, run, wait_until
from daemon_case import (DEAD, FENCED, INPUTS, PARTITIONS, Daemon, create_inputs, generate, replay, settings,
                         start_generate, stop_within, wait_for_rows, write_config)

EVENTS = int(os.environ.get("LADDER_EVENTS", 500_000))
SEED = int(os.environ.get("LADDER_SEED", 2))
FEED = ["--seed", SEED, "--events", EVENTS, "--late", 5, "--duplicates", 3, "--ads", 24, "--span", "21d"]
FEED_S = 20  # how long the events take to come
READ_BACK = "a task is read back"


def vectors(redis):
    return [redis.command("GET", f"{{ladder:{task}}}:vector") for task in range(PARTITIONS)]


def role(redis):
    return redis.command("ROLE")[0]


def follow(replica, master):
    replica.command("REPLICAOF", "127.0.0.1", master.port)
    wait_until(lambda: replica.command("ROLE")[3] == b"connected", 30, "the replica follows")


class Case:
    def __init__(self, master, replica, daemon, feed):
        self.master, self.replica, self.daemon, self.feed = master, replica, daemon, feed

    def check_is_reading(self):
        assert self.feed.poll() is None, "every event is there already: nothing is tested here"
        self.daemon.check_runs()

    def wait_for_commits(self, redis):
        """Until every task has committed there once more."""
        before = vectors(redis)

        def have_committed():
            return all(now not in (None, then) for now, then in zip(vectors(redis), before))
        self.daemon.wait_until(have_committed, 30, "a commit of every task")

    def lose_last_writes(self):
        self.wait_for_commits(self.master)
        wait_until(lambda: None not in vectors(self.replica), 30, "the replica has something of every task")
        self.replica.pause()
        self.master.command("CLIENT", "KILL", "TYPE", "replica")
        self.wait_for_commits(self.master)
        self.wait_for_commits(self.master)
        self.check_is_reading()
        last = vectors(self.master)
        self.master.kill9()
        time.sleep(1)
        self.replica.resume()
        assert role(self.replica) == b"slave"
        assert all(here != there for here, there in zip(vectors(self.replica), last)), "it lacks nothing"
        self.daemon.wait_said("this is a replica, which takes no writes", 30)
        self.replica.command("REPLICAOF", "NO", "ONE")
        self.daemon.wait_said(FENCED, 30, count=PARTITIONS)
        self.daemon.wait_said(READ_BACK, 30, count=2 * PARTITIONS)
        self.wait_for_commits(self.replica)

    def demote(self):
        """The killed one is back as the replica, is up to date, and takes over."""
        self.master.start()
        follow(self.master, self.replica)
        self.check_is_reading()
        self.replica.command("FAILOVER")
        wait_until(lambda: role(self.master) == b"master" and role(self.replica) == b"slave", 30, "a swap")
        self.wait_for_commits(self.master)
        assert self.daemon.count_said(FENCED) == PARTITIONS, self.daemon.said()
        self.check_is_reading()


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as master, Redis() as replica:
        folder = Path(name)
        follow(replica, master)
        create_inputs(broker)
        generate(*FEED, "--out", folder / "events.ndjson")
        both = SimpleNamespace(url=f"redis://127.0.0.1:{replica.port},127.0.0.1:{master.port}/0")
        config = write_config(folder, settings(folder, broker, both))
        want, counts = replay(config, folder / "events.ndjson")
        assert counts["rejected"] == counts["late"] == 0 and len(want) > 1000, counts
        feed = start_generate(*FEED, "--kafka", broker.address, "--rate", EVENTS // FEED_S)
        with Daemon(config) as daemon:
            case = Case(master, replica, daemon, feed)
            begin = time.monotonic()
            for step in (case.lose_last_writes, case.demote):
                step()
                print(f"{time.monotonic() - begin:.1f} s: {step.__name__}", flush=True)
            assert feed.wait(120) == 0, "generate could not send everything"
            in_kafka = sum(broker.count(topic) for topic in INPUTS)
            took = wait_for_rows(broker, want, 120, daemon)
            print(f"{in_kafka} events, {len(want)} rows, equal {took:.0f} s after the last", flush=True)
            assert broker.count(DEAD) == 0
            stop_within(daemon, 10)


if __name__ == "__main__":
    run(test)
