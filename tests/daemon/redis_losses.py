"""Goal: what Redis loses changes no number (promise P1). What `ladderd run` publishes equals `ladderd replay`
over the same events.
Method: while events come, in an order of a seed: Redis is killed and comes back from its append-only file
(fsync each second); killed, and half of what it wrote since it was rewritten is lost; killed, and comes back
without its file; emptied while it runs; and the broker is killed. Every step looks that it did what it is
there for: that events were still coming, and that a task was told where Redis lost something, and none else.

LADDER_ROUNDS: how often each (1; 50 with LADDER_LONG=1).

labels: waits"""

import os
import random
import re
import shutil
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from broker import Broker, Redis, run
from fault_case import PARTITIONS
from fed_case import FedCase

SEED = int(os.environ.get("LADDER_SEED", 4))
ROUNDS = int(os.environ.get("LADDER_ROUNDS", 50 if os.environ.get("LADDER_LONG") == "1" else 1))
CHUNK_EVENTS, CHUNK_PAUSE_S = 200, 0.3
# More than a round takes: what is left is sent at once in the end.
CHUNKS_A_ROUND = 120
FENCED_TOTAL = re.compile(r"^ladderd_commits_fenced_total (\d+)", re.M)
LOST = "lost=yes"


class Case(FedCase):
    def __init__(self, folder, broker, redis):
        super().__init__(folder, broker, redis, CHUNKS_A_ROUND * ROUNDS, CHUNK_EVENTS, SEED, CHUNK_PAUSE_S)
        self.rng = random.Random(SEED)

    def steps(self):
        steps = [self.restart_redis, self.lose_half, self.lose_file, self.empty_redis, self.restart_broker]
        self.rng.shuffle(steps)
        return steps

    def fenced(self):
        """How often a task was told that what Redis has is not its state."""
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5).read().decode()
        return int(FENCED_TOTAL.search(page)[1])

    @contextmanager
    def losing(self, tasks):
        """What is done within is told to so many tasks, unless the group takes all away, as it does where the
        broker was away too long. In the end all have committed again."""
        fenced, lost = self.fenced(), self.daemon.count_said(LOST)
        yield
        self.daemon.wait_until(lambda: self.fenced() >= fenced + tasks or self.daemon.count_said(LOST) > lost,
                               30, f"{tasks} tasks that are fenced")
        self.wait_for_commits(self.redis)

    def restart_redis(self):
        """Whatever was under way is sent again."""
        before = self.fenced()
        self.redis.kill9()
        time.sleep(self.rng.uniform(0.2, 1.5))
        self.redis.start()
        self.wait_for_commits(self.redis)
        assert self.fenced() == before, self.daemon.said()[-3000:]

    def lose_half(self):
        with self.losing(1):
            self.redis.wait_rewritten()
            self.redis.kill9()
            size = sum(path.stat().st_size for path in self.redis.dir.glob("appendonlydir/*.incr.aof"))
            self.redis.lose_last(size // 2)
            self.redis.start()

    def lose_file(self):
        """Every task is read from the beginning of the log."""
        with self.losing(PARTITIONS):
            self.redis.kill9()
            shutil.rmtree(self.redis.dir / "appendonlydir")
            self.redis.start()

    def empty_redis(self):
        with self.losing(PARTITIONS):
            self.redis.flushall()

    def restart_broker(self):
        """While nobody sends. The group may give all tasks up meanwhile: what was read before may be
        committed late, the second commit is of what came after."""
        with self.sending:
            self.broker.kill9()
            time.sleep(self.rng.uniform(0.2, 2))
            self.broker.start()
        self.wait_for_commits(self.redis)
        self.wait_for_commits(self.redis)

    def run_round(self):
        for step in self.steps():
            self.wait_for_commits(self.redis)
            self.check_is_reading()
            time.sleep(self.rng.uniform(0, 0.5))
            step()
            if ROUNDS == 1:
                print(f"{step.__name__}: fenced {self.fenced()}", flush=True)


def test():
    with (tempfile.TemporaryDirectory(prefix="ladder-losses-") as name, Broker() as broker,
          Redis("--auto-aof-rewrite-percentage", "0") as redis):
        case = Case(Path(name), broker, redis)
        begin = time.monotonic()
        with case.running():
            for number in range(1, ROUNDS + 1):
                case.run_round()
                print(f"round {number} of {ROUNDS}: {time.monotonic() - begin:.0f} s, "
                      f"fenced {case.fenced()}", flush=True)
            case.wait_for_commits(redis)
        case.check(timeout_s=120)


if __name__ == "__main__":
    run(test)
