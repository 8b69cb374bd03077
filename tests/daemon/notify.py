"""Goal: the service manager hears what it has to: READY once the daemon has joined its group, STATUS,
WATCHDOG as long as every worker and the publisher go on and no longer, STOPPING; a start that waits for Kafka
asks for more time.
Method: a notify socket of our own. What hangs is one thread, which ptrace holds; the others go on.

labels: waits"""

import ctypes
import os
import re
import signal
import socket
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from broker import Broker, Redis, Skip, run
from daemon_case import Daemon, create_inputs, generate, settings, stop_within, write_config

WATCHDOG_S = 1.5
STATUS = re.compile(r"STATUS=(\d+) of (\d+) tasks, (\d+) records/s, (\d+) records behind")
SEIZE, INTERRUPT, DETACH, WAIT_ALL = 0x4206, 0x4207, 17, 0x40000000


class Manager:
    """Where sd_notify(3) sends to, which waits where nobody reads: so a thread does."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.heard, self.given_count = [], 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            self.heard += self.socket.recv(4096).decode().split("\n")

    @contextmanager
    def starting(self):
        os.environ.update(NOTIFY_SOCKET=str(self.path), WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)))
        yield
        del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]

    def listen(self, seconds):
        """What is said until then and was not given yet."""
        time.sleep(seconds)
        lines = self.heard[self.given_count:]
        self.given_count += len(lines)
        return lines

    def wait_for(self, pattern, timeout_s):
        """Until a line fits; what was said up to then."""
        until, lines = time.monotonic() + timeout_s, []
        while time.monotonic() < until:
            lines += self.listen(0.1)
            if any(re.match(pattern, line) for line in lines):
                return lines
        raise AssertionError(f"{timeout_s} s without {pattern}: {lines}")


@contextmanager
def held(daemon, name):
    """One thread of the daemon stands still; the others do not."""
    libc = ctypes.CDLL(None, use_errno=True)
    tasks = Path(f"/proc/{daemon.process.pid}/task")
    thread = next(int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == name)

    def trace(request):
        if libc.ptrace(request, thread, None, None) != 0:
            error = os.strerror(ctypes.get_errno())
            raise Skip(f"a thread cannot be held here: ptrace: {error}")
    trace(SEIZE)
    trace(INTERRUPT)
    os.waitpid(thread, WAIT_ALL)
    yield
    trace(DETACH)


def check_start_without_kafka(manager, broker, daemon):
    broker.pause()
    daemon.awaited = "kafka is not ready for us"
    with manager.starting():
        daemon.start()
    lines = manager.wait_for("EXTEND_TIMEOUT_USEC=", 20)
    lines += manager.wait_for("STATUS=waits for Kafka", 20)
    assert "READY=1" not in lines and "WATCHDOG=1" not in lines, lines
    broker.resume()


def check_ready(manager):
    lines = manager.wait_for("READY=1", 60)
    assert not any(STATUS.match(line) for line in lines[:lines.index("READY=1")]), lines


def check_status(manager, broker):
    generate("--seed", 5, "--events", 20_000, "--kafka", broker.address)
    rates = []
    for _ in range(4):
        line = manager.wait_for(STATUS, 15)[-1]
        said = next(found for text in reversed(manager.heard) if (found := STATUS.match(text)))
        reading, tasks, rate, behind = map(int, said.groups())
        rates.append(rate)
        if (reading, tasks, behind) == (4, 4, 0) and max(rates) > 0:
            return
    raise AssertionError(f"tasks, a rate, and no lag at last: {rates} {line}")


def check_watchdog(manager, daemon, name):
    assert manager.listen(WATCHDOG_S).count("WATCHDOG=1") >= 2, manager.heard[-20:]
    with held(daemon, name):
        manager.listen(WATCHDOG_S)  # half of it until the thread counts as hung
        lines = manager.listen(1.5 * WATCHDOG_S)
        assert "WATCHDOG=1" not in lines, lines
        daemon.check_runs()
        assert f"thread={name.split()[0]}" in daemon.said(), daemon.said()[-2000:]
    manager.wait_for("WATCHDOG=1", 10)


def check_stop(manager, daemon):
    stop_within(daemon, 10)
    lines = manager.listen(0.2)
    assert "STOPPING=1" in lines, lines
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in lines[lines.index("STOPPING=1"):]), lines
    assert "WATCHDOG=1" not in lines[lines.index("STOPPING=1"):], lines


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        manager = Manager(folder)
        daemon = Daemon(write_config(folder, settings(folder, broker, redis)))
        try:
            check_start_without_kafka(manager, broker, daemon)
            check_ready(manager)
            check_status(manager, broker)
            for thread in ("worker 1", "publisher"):
                check_watchdog(manager, daemon, thread)
            check_stop(manager, daemon)
        finally:
            daemon.close()


if __name__ == "__main__":
    run(test)
