"""Goal: slow brokers make ladderd take no more memory than limits.memory (promise P4). What is to be written
and cannot be waits within bounds: then reading pauses, and the lag says so; it goes on by itself, nothing is
lost, and what it publishes equals `ladderd replay` over the same events.
Method: a genuine quota, producer_byte_rate, on the client that ladderd is, while it forwards most events of a
backlog to other partitions. Then the quota is lifted."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import Daemon, stop_within
from fault_case import FaultCase
from memory import PLAN, peak_mib
from slow_redis import look

EVENTS = int(os.environ.get("LADDER_EVENTS", 200_000))
LIMIT_MIB = 288
RATE_BYTES_S = 20_000
WATCH_S = 3
CLIENT = "ladderd"


def set_quota(broker, change, value):
    subprocess.run(broker.java_line("kafka.admin.ConfigCommand", "--bootstrap-server", broker.address,
                                    "--alter", change, value, "--entity-type", "clients",
                                    "--entity-name", CLIENT),
                   check=True, capture_output=True, timeout=60)


class Case(FaultCase):
    def __init__(self, folder, broker, redis):
        super().__init__(folder, broker, redis, 1, EVENTS, 9, limits={"memory": f"{LIMIT_MIB}MiB"})

    def wait_for_pause(self, daemon):
        """Nothing is read for a while, though there is more and the memory has room."""
        def is_pausing():
            before = look(daemon, self.port)
            time.sleep(WATCH_S)
            now = look(daemon, self.port)
            print(f"{now['input_offset']:.0f} records read, {now['input_lag_records']:.0f} to read, "
                  f"{daemon.memory_mb()} MiB", flush=True)
            assert not now["memory_full"], now
            return now["input_lag_records"] > 0 and now["input_offset"] == before.get("input_offset")
        wait_until(is_pausing, 60, "reading pauses")

    def go_on_after_pause(self):
        set_quota(self.broker, "--add-config", f"producer_byte_rate={RATE_BYTES_S}")
        self.feed.send_rest()
        with Daemon(self.static) as daemon:
            self.wait_for_pause(daemon)
            set_quota(self.broker, "--delete-config", "producer_byte_rate")
            self.wait_for_wanted(daemon, 90)
            assert look(daemon, self.port)["input_lag_records"] == 0
            limit, _, rest = map(int, PLAN.search(daemon.said()).groups())
            print(f"peak {peak_mib(daemon):.0f} MiB of {limit}, {rest} beside buffers", flush=True)
            assert peak_mib(daemon) < limit == LIMIT_MIB
            stop_within(daemon, 15)


def test():
    with (tempfile.TemporaryDirectory(prefix="ladder-slow-") as name,
          Broker({"quota.window.num": 2}) as broker, Redis() as redis):
        case = Case(Path(name), broker, redis)
        case.go_on_after_pause()
        case.check()


if __name__ == "__main__":
    run(test)
