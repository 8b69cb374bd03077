"""Goal: a replica that lacks the last writes of its master, and is made master in its place, changes no
number (promises P1 and P3). What `ladderd run` publishes equals `ladderd replay` over the same events. The
daemon asks nobody which host is the master: redis.url names both.
Method: the replica is cut off while commits go on, then the master is killed and the replica promoted: every
task is fenced, read back, and read again from Kafka. Then the same with a master that lives and is demoted
under the daemon, which loses nothing. Sentinel does the same in sentinel.py."""

import os
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import FENCED
from failover_case import FailoverCase, follow, role
from fault_case import PARTITIONS

SEED = int(os.environ.get("LADDER_SEED", 2))


def promote(case):
    case.lose_last_writes(lambda: case.replica.command("REPLICAOF", "NO", "ONE"))


def demote(case):
    """The killed one is back as the replica, is up to date, and takes over."""
    case.master.start()
    follow(case.master, case.replica)
    case.check_is_reading()
    case.replica.command("FAILOVER")
    wait_until(lambda: role(case.master) == b"master" and role(case.replica) == b"slave", 30, "a swap")
    case.wait_for_commits(case.master)
    assert case.daemon.count_said(FENCED) == PARTITIONS, case.daemon.said()
    case.check_is_reading()


def test():
    with (tempfile.TemporaryDirectory(prefix="ladder-failover-") as name, Broker() as broker,
          Redis() as master, Redis() as replica):
        case = FailoverCase(Path(name), broker, master, replica, SEED)
        begin = time.monotonic()
        with case.running():
            for step in (promote, demote):
                step(case)
                print(f"{time.monotonic() - begin:.1f} s: {step.__name__}", flush=True)
        case.check()


if __name__ == "__main__":
    run(test)
