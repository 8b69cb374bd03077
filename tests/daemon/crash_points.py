"""Goal: wherever ladderd dies, no number changes (promise P1). What it publishes equals `ladderd replay`
over the same events, every event counts once, every broken record is among the dead letters, and `ladderd
audit` finds nothing, though it died at each of the places of daemon/crash_points.def: before and after each
effect of a commit, of reading a task back, of publishing, and of handing a task to another instance.
Method: build/tests/ladderd_crashing is told where to die. For each place a part of the feed is sent, then it
is started, and must die there; a place that is never reached fails the test. All goes on over the same Redis
and topics, so each death meets what the ones before it left behind.

    crash_points.py [NAME...]  only these places

Short: each place once, at the last of its passes. LADDER_LONG=1: each place 20 times, at a pass of a seed's
choice (LADDER_SEED). LADDER_ROUNDS: another number."""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from broker import ROOT, Broker, Redis, build_dir, run
from daemon_case import Daemon, stop_within
from fault_case import PARTITIONS, FaultCase

IS_LONG = os.environ.get("LADDER_LONG") == "1"
ROUNDS = int(os.environ.get("LADDER_ROUNDS", 20 if IS_LONG else 1))
SEED = int(os.environ.get("LADDER_SEED", 1))
CHUNK = 600  # events that are sent before each death
BIG = 60  # so many chunks make a commit that goes out in parts
# A member that died is given up after a second.
SHORT_SESSION = {"session.timeout.ms": "1000", "heartbeat.interval.ms": "200"}
CRASHING = (build_dir() / "tests" / "ladderd_crashing").absolute()
POINT = re.compile(r'^CRASH\((\w+), (\w+), (\d+), "(.*)"\)$', re.M)


Point = namedtuple("Point", "name effect passes")


def read_points():
    text = (ROOT / "daemon" / "crash_points.def").read_text()
    points = [Point(name, effect, int(passes)) for name, effect, passes, _ in POINT.findall(text)]
    assert len(points) == text.count("\nCRASH("), "a line of crash_points.def is not understood"
    return points


class Crashing(Daemon):
    """Dies at a place; without one it is an ordinary ladderd."""

    def __init__(self, config_path, point=None, number=1):
        super().__init__(config_path)
        self.point, self.number = point, number

    def command_line(self):
        if not self.point:
            return super().command_line()
        program = [str(CRASHING), *super().command_line()[1:]]
        return ["env", f"LADDER_CRASH={self.point}:{self.number}", *program]

    def is_up(self):
        """Dead there, or running: a place may come before all is up."""
        return super().is_up() or self.is_dead_there()

    def is_up_or_dead(self):
        return self.is_dead_there() or super().is_up_or_dead()

    def is_dead_there(self):
        return f"crash point {self.point}\n" in self.log.read_text(errors="replace")

    def wait_for_death(self, timeout_s):
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.point} was not passed {self.number} times within {timeout_s} s:\n"
                                 f"{self.said()[-3000:]}") from None
        assert self.process.returncode == -signal.SIGKILL and self.is_dead_there(), \
            f"{self.point}: it ended with {self.process.returncode}:\n{self.said()[-3000:]}"


def chunks_for(point):
    return BIG if point.effect == "BIG_COMMIT" else 1


class Case(FaultCase):
    def __init__(self, folder, broker, redis, chunks):
        super().__init__(folder, broker, redis, chunks, CHUNK, SEED, properties=SHORT_SESSION)
        self.rng = random.Random(SEED)

    def die_alone(self, point):
        """One instance; it comes back as the member of its group that it was."""
        self.feed.send_chunk(chunks_for(point))
        number = self.rng.randint(1, point.passes) if IS_LONG else point.passes
        begin = time.monotonic()
        with Crashing(self.static, point.name, number) as daemon:
            daemon.wait_for_death(20)
        print(f"{point.name}: {number} passes in {time.monotonic() - begin:.1f} s", flush=True)

    def die_leaving(self, points):
        """An instance dies while another joins and takes tasks from it; then it is that one's turn."""
        config = self.config_of("mover", SHORT_SESSION, http={"listen": "off"})
        with Crashing(config, points[0]) as first:
            victim = first
            for point in (*points[1:], None):
                self.feed.send_chunk()
                victim.wait_said("a task is read back", 30, count=PARTITIONS)
                begin = time.monotonic()
                joiner = Crashing(config, point)
                try:
                    joiner.start()
                    victim.wait_for_death(30)
                    print(f"{victim.point}: {time.monotonic() - begin:.1f} s", flush=True)
                finally:
                    victim.close()
                    victim = joiner
            victim.wait_said("a task is read back", 30, count=PARTITIONS)
            stop_within(victim, 10)
            victim.close()

def test(wanted):
    points = read_points()
    names = [point.name for point in points]
    assert set(wanted) <= set(names), f"places are {names}"
    points = [point for point in points if point.name in (wanted or names)]
    alone = [point for point in points if point.effect != "MOVE"]
    moving = [point.name for point in points if point.effect == "MOVE"]
    chunks = ROUNDS * sum(map(chunks_for, points)) + 1
    with (tempfile.TemporaryDirectory() as name,
          Broker({"group.min.session.timeout.ms": 1000}) as broker, Redis() as redis):
        case = Case(Path(name), broker, redis, chunks)
        for number in range(ROUNDS):
            for point in alone:
                case.die_alone(point)
            if moving:
                case.die_leaving(moving)
            print(f"round {number + 1} of {ROUNDS}", flush=True)
        case.check()


if __name__ == "__main__":
    run(test, sys.argv[1:])
