"""Goal: several instances are one (promises P1 and P3, design decision 6). What they publish together equals
`ladderd replay` over the same events, while members join, leave, are killed, and are stopped until others
have taken over and then go on.
Method: events come at such a pace that there is always more to read; every step looks that tasks did move,
and that who was stopped too long could change nothing. In the end the last record of every key is the one
with the greatest revision, as a compacted topic needs it.

Short: 3 rounds. LADDER_LONG=1: 84, in which tasks move 500 times. LADDER_ROUNDS: another number."""

import os
import re
import signal
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import (DEAD, INPUTS, OUTPUTS, Daemon, create_inputs, generate, replay, settings,
                         start_generate, stop_within, wait_for_rows, write_config)

EVENTS = int(os.environ.get("LADDER_EVENTS", 600_000))
SEED = int(os.environ.get("LADDER_SEED", 1))
ROUNDS = int(os.environ.get("LADDER_ROUNDS", 84 if os.environ.get("LADDER_LONG") == "1" else 3))
FEED_S = 55 * ROUNDS // 3  # how long the events take to come
FEED = ["--seed", SEED, "--events", EVENTS, "--late", 5, "--duplicates", 3, "--ads", 24, "--span", "21d"]
SESSION_MS = 3000
TAKEN, LET_GO, MERGES = "a task is read back", "a task is let go", "this instance merges"
REFUSED = ("has another owner already", "is not the one this worker goes on from", "lost=yes")


class Case:
    def __init__(self, broker, redis, config, feed):
        self.broker, self.redis, self.config, self.feed = broker, redis, config, feed
        self.daemons = []

    def check_is_reading(self):
        assert self.feed.poll() is None, "every event is there already: nothing is tested here"

    def join(self):
        """One more member, to whom somebody gives a task at least."""
        daemon = Daemon(self.config)
        daemon.__enter__()
        self.daemons.append(daemon)
        daemon.wait_said(TAKEN, 30)
        return daemon

    def leave(self, daemon):
        took = stop_within(daemon, 10)
        self.daemons.remove(daemon)
        daemon.__exit__(None, None, None)
        return took

    def merger(self):
        """The member that merges: it has task 0."""
        return wait_until(lambda: next((daemon for daemon in self.daemons if 0 in held(daemon)), None), 30,
                          "a member with task 0")

    def wait_taken(self, victim, others):
        """Until others have each task that it has, and one of them merges."""
        tasks = held(victim)
        assert tasks, "the merging member has no task"
        wait_until(lambda: tasks <= set().union(*map(held, others)), 40, f"others with tasks {tasks}")
        wait_until(lambda: any(0 in held(other) and MERGES in other.said() for other in others), 30,
                   "a new merger")

    def come_and_go(self):
        for number in range(ROUNDS):
            self.check_is_reading()
            daemon = self.join()
            time.sleep(1)
            took = self.leave(daemon)
            print(f"joined and left ({number}): {took:.1f} s to leave", flush=True)

    def kill(self):
        """The merging member dies; the others take its tasks, and its duty."""
        for _ in range(ROUNDS):
            self.check_is_reading()
            victim = self.merger()
            others = [daemon for daemon in self.daemons if daemon is not victim]
            victim.kill9()
            self.wait_taken(victim, others)
            victim.start()
            victim.wait_said(TAKEN, 30)

    def pause(self):
        """Stopped until others have its tasks; what it then wants to commit is refused, and it goes on with
        what the group gives it."""
        for _ in range(ROUNDS):
            self.check_is_reading()
            victim = self.merger()
            others = [daemon for daemon in self.daemons if daemon is not victim]
            refused = sum(victim.count_said(text) for text in REFUSED)
            own = victim.count_said(TAKEN)
            victim.process.send_signal(signal.SIGSTOP)
            self.wait_taken(victim, others)
            victim.process.send_signal(signal.SIGCONT)
            victim.wait_until(lambda: sum(victim.count_said(text) for text in REFUSED) > refused, 30,
                              "it hears that it is too late")
            victim.wait_said(TAKEN, 30, count=own + 1)


def held(daemon):
    """The tasks that it has, as it says."""
    tasks = set()
    for found in re.finditer(r'"(a task is read back|a task is let go)" task=(\d+)', daemon.said()):
        (tasks.add if found[1] == TAKEN else tasks.discard)(int(found[2]))
    return tasks


def check_last_records(broker):
    """What compaction keeps is what has the greatest revision."""
    stale = broker.tool("kafka_rows", "--stale", *(word for topic in OUTPUTS for word in ("--topic", topic)))
    assert not stale, f"{len(stale.splitlines())} keys end with an older revision: {stale[:300]}"


def test():
    with (tempfile.TemporaryDirectory() as name,
          Broker({"group.min.session.timeout.ms": 1000}) as broker, Redis() as redis):
        folder = Path(name)
        create_inputs(broker)
        generate(*FEED, "--out", folder / "events.ndjson")
        kafka = {"properties": {"session.timeout.ms": str(SESSION_MS), "heartbeat.interval.ms": "300"}}
        config = write_config(folder, settings(folder, broker, redis, kafka=kafka))
        want, counts = replay(config, folder / "events.ndjson")
        assert counts["rejected"] == counts["late"] == 0 and len(want) > 1000, counts
        feed = start_generate(*FEED, "--kafka", broker.address, "--rate", EVENTS // FEED_S)
        case = Case(broker, redis, config, feed)
        try:
            begin = time.monotonic()
            case.join()
            case.join()
            for step in (case.come_and_go, case.kill, case.pause):
                step()
                print(f"{time.monotonic() - begin:.1f} s: {step.__name__}", flush=True)
            assert feed.wait(180 + FEED_S) == 0, "generate could not send everything"
            assert sum(broker.count(topic) for topic in INPUTS) >= EVENTS
            took = wait_for_rows(broker, want, 120, case.daemons[0])
            print(f"{len(want)} rows, equal {took:.0f} s after the last event", flush=True)
            assert broker.count(DEAD) == 0
            check_last_records(broker)
            while case.daemons:
                case.leave(case.daemons[-1])
            wait_for_rows(broker, want, 10)
        except BaseException:
            for daemon in case.daemons:
                print("--- one of them said:\n" + daemon.said()[-4000:], flush=True)
            raise
        finally:
            for daemon in case.daemons:
                daemon.__exit__(None, None, None)


if __name__ == "__main__":
    run(test)
