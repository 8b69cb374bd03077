"""Goal: ladderd never takes more than limits.memory (promise P4). People and ads fill it: then nothing more
is read, nothing is dropped, and with more memory it goes on to the rows that `ladderd replay` has.
Method: more people than the limit holds; the kernel keeps the highest resident set (VmHWM)."""

import os
import re
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import (Daemon, create_inputs, generate, refused, replay, settings, stop_within,
                         wait_for_rows, write_config)

EVENTS = int(os.environ.get("LADDER_EVENTS", 2_000_000))
FEED = ["--seed", 5, "--events", EVENTS, "--people", EVENTS, "--ads", 12, "--span", "5d"]
LIMIT_MIB = 288
TOO_LITTLE_MIB = 160  # for what was read within the limit
FULL_S = 4  # so long it is watched while it is full
CONFIG = 78
PLAN = re.compile(r'"memory is bounded" limit_mib=(\d+) buffers_mib=(\d+) rest_mib=(\d+)')


def peak_mib(daemon):
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024


def limited(folder, broker, redis, mib):
    asked = settings(folder, broker, redis, limits={"memory": f"{mib}MiB"})
    return write_config(folder, asked, f"{mib}.yaml")


def check_refused(folder, broker, redis):
    said = refused(limited(folder, broker, redis, 100), CONFIG)
    assert "limits.memory is 100 MiB; 2 workers and 12 partitions take" in said, said
    said = refused(limited(folder, broker, redis, 16_000_000), CONFIG)
    assert "limits.memory is 16000000 MiB, but there are" in said, said


def check_full(config):
    """It fills, reads no more, stays within the limit, and ends in time when it is told to."""
    with Daemon(config) as daemon:
        daemon.wait_said("people and ads have filled the memory", 120)
        limit, buffers, rest = map(int, PLAN.search(daemon.said()).groups())
        assert limit == LIMIT_MIB and abs(limit - buffers - rest) <= 1, (limit, buffers, rest)
        time.sleep(FULL_S)
        assert "a worker has read to the end" not in daemon.said(), "the events fit into the memory"
        peak = peak_mib(daemon)
        print(f"full: {peak:.0f} MiB of {LIMIT_MIB}, {rest} for people and ads", flush=True)
        assert rest * 0.9 <= peak <= LIMIT_MIB, peak
        stop_within(daemon, 10)


def check_read_back(config):
    """A state that the limit does not hold is not read back by halves."""
    with Daemon(config) as daemon:
        said = daemon.wait_for_exit(1)
    assert "it fills more than limits.memory leaves" in said, said[-2000:]


def check_goes_on(config, broker, want):
    with Daemon(config) as daemon:
        wait_for_rows(broker, want, 240, daemon)
        stop_within(daemon, 10)


def test():
    with tempfile.TemporaryDirectory(prefix="ladder-memory-") as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        check_refused(folder, broker, redis)
        events = folder / "events.jsonl"
        generate(*FEED, "--out", events)
        generate(*FEED, "--kafka", broker.address)
        config = limited(folder, broker, redis, LIMIT_MIB)
        check_full(config)
        check_read_back(limited(folder, broker, redis, TOO_LITTLE_MIB))
        enough = limited(folder, broker, redis, 4096)
        check_goes_on(enough, broker, replay(enough, events)[0])


if __name__ == "__main__":
    run(test)
