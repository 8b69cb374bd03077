"""Goal: a Redis Cluster that is changed or loses nodes changes no number (promises P1 and P3). What
`ladderd run` publishes equals `ladderd replay` over the same events, though meanwhile slots with tasks are
moved to other nodes, the daemon is killed in the middle of that, and a node is killed and its replica takes
over.
Method: three masters with a replica each; events come at such a pace that there is always more to read. Every
step looks that it did what it is there for: that a commit had to wait for a slot on its way and was not
fenced, that it went to the new node afterwards."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, run, wait_until
from daemon_case import (DEAD, FENCED, INPUTS, LADDERD, PARTITIONS, Daemon, create_inputs, generate, replay,
                         settings, start_generate, stop_within, wait_for_rows, write_config)
from redis_cluster import RedisCluster

EVENTS = int(os.environ.get("LADDER_EVENTS", 500_000))
SEED = int(os.environ.get("LADDER_SEED", 1))
FEED = ["--seed", SEED, "--events", EVENTS, "--late", 5, "--duplicates", 3, "--ads", 24, "--span", "21d"]
FEED_S = 25  # how long the events take to come
DETOUR = "the redis cluster sends a task elsewhere, or lets it wait"


def vector_key(task):
    return f"{{ladder:{task}}}:vector"


class Case:
    def __init__(self, cluster, daemon, feed):
        self.cluster, self.daemon, self.feed = cluster, daemon, feed

    def check_is_reading(self):
        assert self.feed.poll() is None, "every event is there already: nothing is tested here"
        self.daemon.check_runs()

    def wait_for_commits(self, *tasks):
        """Until each of the tasks has committed once more."""
        before = {task: self.cluster.command("GET", vector_key(task)) for task in tasks}

        def have_committed():
            return all(self.cluster.command("GET", vector_key(task)) not in (None, before[task])
                       for task in tasks)
        self.daemon.wait_until(have_committed, 30, f"a commit of each of the tasks {tasks}")

    def route(self, task):
        """The slot of a task, the node that has it, and another one."""
        slot = self.cluster.slot(vector_key(task))
        source = self.cluster.master_of(slot)
        return slot, source, next(node for node in self.cluster.masters() if node is not source)

    def wait_for_keys(self, slot, source, least=40):
        """How many there are, once there are some worth moving."""
        def count():
            return source.command("CLUSTER", "COUNTKEYSINSLOT", slot)
        self.daemon.wait_until(lambda: count() >= least, 30, f"{least} keys in slot {slot}")
        return count()

    def move_slot(self):
        """In the middle, some keys here and some there, the task waits for a while, and the others do not."""
        self.wait_for_commits(*range(PARTITIONS))
        self.check_is_reading()
        slot, source, target = self.route(0)
        half = self.wait_for_keys(slot, source) // 2
        detours = self.daemon.count_said(DETOUR)
        self.cluster.begin_move(slot, source, target)
        moved = self.cluster.move_keys(slot, source, target, most=half)
        self.daemon.wait_until(lambda: self.daemon.count_said(DETOUR) > detours, 30, "a commit that waits")
        self.wait_for_commits(*(task for task in range(1, PARTITIONS)))
        moved += self.cluster.move_keys(slot, source, target)
        self.cluster.end_move(slot, source, target)
        self.wait_for_commits(0)
        assert self.cluster.master_of(slot) is target
        print(f"slot {slot} moved with {moved} keys", flush=True)

    def kill_while_a_slot_moves(self):
        """Nothing to go on from is found in one place: it is read back once the slot has arrived."""
        self.check_is_reading()
        slot, source, target = self.route(3)
        half = self.wait_for_keys(slot, source) // 2
        self.cluster.begin_move(slot, source, target)
        self.daemon.kill9()
        self.cluster.move_keys(slot, source, target, most=half)
        self.daemon.start()
        self.daemon.wait_until(lambda: self.daemon.count_said(DETOUR) > 0, 30, "a task asked for elsewhere")
        time.sleep(1)
        assert self.daemon.count_said("a task is read back") < PARTITIONS, self.daemon.said()
        self.cluster.move_keys(slot, source, target)
        time.sleep(0.5)
        self.cluster.end_move(slot, source, target)
        self.daemon.wait_said("a task is read back", 30, count=PARTITIONS)
        self.wait_for_commits(*range(PARTITIONS))

    def fail_over(self):
        """The replica may lack the last writes: then its tasks are fenced and read again, else they go on."""
        self.check_is_reading()
        slot, master, _ = self.route(1)
        replica = self.cluster.fail_over(master)
        self.wait_for_commits(*range(PARTITIONS))
        print(f"failed over, fenced {self.daemon.count_said(FENCED)} times", flush=True)
        master.start()
        wait_until(self.cluster.is_whole, 30, "the killed node is a replica")
        assert self.cluster.master_of(slot) is replica
        self.check_is_reading()


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, RedisCluster() as cluster:
        folder = Path(name)
        create_inputs(broker)
        generate(*FEED, "--out", folder / "events.ndjson")
        config = write_config(folder, settings(folder, broker, cluster))
        want, counts = replay(config, folder / "events.ndjson")
        assert counts["rejected"] == counts["late"] == 0 and len(want) > 1000, counts
        feed = start_generate(*FEED, "--kafka", broker.address, "--rate", EVENTS // FEED_S)
        with Daemon(config) as daemon:
            case = Case(cluster, daemon, feed)
            begin = time.monotonic()
            for step in (case.move_slot, case.kill_while_a_slot_moves, case.fail_over):
                step()
                print(f"{time.monotonic() - begin:.1f} s: {step.__name__}", flush=True)
            assert feed.wait(120) == 0, "generate could not send everything"
            in_kafka = sum(broker.count(topic) for topic in INPUTS)
            took = wait_for_rows(broker, want, 120, daemon)
            print(f"{in_kafka} events, {len(want)} rows, equal {took:.0f} s after the last", flush=True)
            assert broker.count(DEAD) == 0
            stop_within(daemon, 10)
        done = subprocess.run([LADDERD, "audit", "-c", config], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        print(done.stdout.splitlines()[-1], flush=True)


if __name__ == "__main__":
    run(test)
