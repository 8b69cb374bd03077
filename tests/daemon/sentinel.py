"""Goal: ladderd goes on where a genuine Redis Sentinel moves the master, and no number changes (promises P1
and P3). What `ladderd run` publishes equals `ladderd replay` over the same events. The daemon asks no
Sentinel: redis.url names all hosts, and it takes the one that says it is a master.
Method: three sentinels. The replica is cut off while commits go on, then the master is killed, and the
sentinels promote the replica. The old master comes back, with what the new one lost, and takes writes for
some seconds until the sentinels make it a replica: the daemon, killed and started meanwhile, works there, and
has to find the new master.

LADDER_LONG=1: then the sentinels are asked to swap the two, as often as LADDER_ROUNDS says (50)."""

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from broker import Broker, Redis, RedisError, run, wait_until
from daemon_case import FENCED
from failover_case import FailoverCase, role, wait_for_role
from fault_case import PARTITIONS
from fed_case import READ_BACK

SEED = int(os.environ.get("LADDER_SEED", 3))
ROUNDS = int(os.environ.get("LADDER_ROUNDS", 50 if os.environ.get("LADDER_LONG") == "1" else 0))
SENTINELS, QUORUM = 3, 2
FAILOVER_S, AGAIN_S = 90, 15
NAME = "ladder"


class Sentinel(Redis):
    """One Redis Sentinel. It keeps what it learns in its configuration."""

    name = "sentinel"

    def __init__(self, master):
        super().__init__()
        self.settings = self.dir / "sentinel.conf"
        self.settings.write_text(f"bind 127.0.0.1\nport {self.port}\ndir {self.dir}\n"
                                 f"sentinel monitor {NAME} 127.0.0.1 {master.port} {QUORUM}\n"
                                 f"sentinel down-after-milliseconds {NAME} 1000\n"
                                 f"sentinel failover-timeout {NAME} 6000\n")

    def command_line(self):
        return [self.program, str(self.settings), "--sentinel"]

    def about_master(self):
        words = self.command("SENTINEL", "MASTER", NAME)
        return dict(zip(words[::2], words[1::2]))

    def knows_all(self):
        about = self.about_master()
        return (about[b"num-slaves"], about[b"num-other-sentinels"]) == (b"1", b"%d" % (SENTINELS - 1))

    def names(self, redis):
        return int(self.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1]) == redis.port


class Case(FailoverCase):
    def __init__(self, folder, broker, master, replica, sentinels):
        super().__init__(folder, broker, master, replica, SEED, chunks=120 + 60 * ROUNDS)
        self.sentinels = sentinels
        wait_until(lambda: all(each.knows_all() for each in sentinels), 30, "sentinels that know each other")

    def all_name(self, redis):
        return all(each.names(redis) for each in self.sentinels)

    def wait_for_master(self, redis, other=None):
        """Until the sentinels all say so, and so it is."""
        wait_until(lambda: self.all_name(redis), 30, "the sentinels' failover")
        wait_for_role(redis, b"master")
        if other:
            wait_for_role(other, b"slave")

    def promote(self):
        self.lose_last_writes(lambda: self.wait_for_master(self.replica))

    def come_back(self):
        self.daemon.kill9()
        self.master.start()
        assert role(self.master) == b"master"
        self.daemon.start()
        self.daemon.wait_said(READ_BACK, 30, count=PARTITIONS)
        self.wait_for_commits(self.master)
        assert role(self.master) == b"master" and FENCED not in self.daemon.said(), self.daemon.said()
        self.check_is_reading()
        self.wait_for_master(self.replica, self.master)
        self.daemon.wait_said(FENCED, 30, count=PARTITIONS)
        self.wait_for_commits(self.replica)

    def ask_for_failover(self, redis):
        """They give it up where a replica is not promoted within the failover-timeout: on a busy machine."""
        due = 0

        def is_done():
            nonlocal due
            if self.all_name(redis):
                return True
            if time.monotonic() >= due:
                due = time.monotonic() + AGAIN_S
                try:
                    self.sentinels[0].command("SENTINEL", "FAILOVER", NAME)
                except RedisError as error:
                    print(f"a failover is not begun: {error}", flush=True)
            return False
        wait_until(is_done, FAILOVER_S, "a failover that was asked for")

    def swap(self):
        """The old master takes writes for some seconds more, which are lost."""
        old, new = self.replica, self.master
        for _ in range(ROUNDS):
            self.check_is_reading()
            wait_until(lambda: old.command("ROLE")[2], 30, "a replica")
            self.ask_for_failover(new)
            self.wait_for_master(new, old)
            self.wait_for_commits(new)
            old, new = new, old


def test():
    with (tempfile.TemporaryDirectory(prefix="ladder-sentinel-") as name, Broker() as broker,
          Redis() as master, Redis() as replica, ExitStack() as stack):
        sentinels = [stack.enter_context(Sentinel(master)) for _ in range(SENTINELS)]
        case = Case(Path(name), broker, master, replica, sentinels)
        begin = time.monotonic()
        with case.running():
            for step in (case.promote, case.come_back, case.swap):
                step()
                print(f"{time.monotonic() - begin:.1f} s: {step.__name__}", flush=True)
        case.check()


if __name__ == "__main__":
    run(test)
