"""Goal: system calls and allocations that fail in a running ladderd change no number (promise P1). Where it
passes (EINTR, a connection reset ...) it goes on and commits; else it may end, with a sentence.
Method: strace lets every so manieth call of a kind fail, many kinds at once where they pass, one at a time
where they do not; a preloaded library lets one allocation fail. Then an instance to which nothing happens
must come to what `ladderd replay` has.

Short: a few of each. LADDER_LONG=1: all, and 100 allocations. LADDER_ROUNDS: so many times."""

import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, build_dir, run
from daemon_case import Daemon, committed_records
from failing_calls import FAILING_MALLOC, strace
from fault_case import FaultCase

IS_LONG = os.environ.get("LADDER_LONG") == "1"
ROUNDS = int(os.environ.get("LADDER_ROUNDS", 1))
SEED = int(os.environ.get("LADDER_SEED", 1))
CHUNK = 1500
ALLOCATIONS = 100 if IS_LONG else 3
RUN_S = 1.0  # so long it runs
EXIT_S = 25  # so long it may take to end
# Call, error, and which of each thread's calls: the first, and then each so manieth.
PASSING = (
    ("io_uring_enter", "EINTR", "9+7"), ("epoll_wait", "EINTR", "3+5"), ("connect", "ECONNREFUSED", "4+3"),
    ("recvfrom", "ECONNRESET", "40+60"), ("sendto", "ECONNRESET", "60+90"), ("sendmsg", "EPIPE", "50+70"),
    ("recvmsg", "ECONNRESET", "50+70"), ("getsockopt", "ENOBUFS", "4+6"), ("read", "EINTR", "900+7"),
    ("clock_nanosleep", "EINTR", "2+3"),
)
STAYING = (
    ("io_uring_setup", "ENOMEM", "1+"), ("clone3", "EAGAIN", "3"), ("recvfrom", "EIO", "20"),
    ("eventfd2", "EMFILE", "2"),
    ("openat", "EMFILE", "120+1"), ("io_uring_enter", "EIO", "200"), ("io_uring_enter", "ENOMEM", "300"),
    ("mmap", "ENOMEM", "260+20"), ("socket", "EMFILE", "2+2"), ("pipe2", "EMFILE", "2"),
    ("write", "EIO", "8"),
    ("mprotect", "ENOMEM", "120+10"), ("sendto", "ENOMEM", "20"), ("epoll_ctl", "ENOMEM", "3"),
    ("setsockopt", "ENOMEM", "5"), ("getrandom", "ENOSYS", "2"), ("accept4", "EMFILE", "1"),
    ("bind", "EADDRINUSE", "1"), ("poll", "ENOMEM", "40"),
)
SHORT = 4  # so many of STAYING, the first


class Failing(Daemon):
    """A ladderd in which calls fail; it may end before it runs."""

    def __init__(self, config_path, faults=(), allocation=None):
        super().__init__(config_path)
        self.faults, self.allocation = faults, allocation

    def command_line(self):
        words = super().command_line()
        if self.allocation is not None:
            return ["env", f"LD_PRELOAD={FAILING_MALLOC}", f"LADDER_FAIL_ALLOCATION={self.allocation}",
                    *words]
        calls = ",".join(dict.fromkeys(call for call, _, _ in self.faults))
        injected = [f"--inject={call}:error={error}:when={when}" for call, error, when in self.faults]
        # -D: the tracer is the grandchild, so that signals go to ladderd itself.
        return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", *injected, "--",
                *words]

    def is_up_or_dead(self):
        return self.process.poll() is not None or self.is_up()

    def end(self):
        """SIGTERM, unless it has ended: how it ended, which must have been with a word where it is not 0."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end within {EXIT_S} s:\n{self.said()[-3000:]}") from None
        said = self.said()
        crashed = "check failed" in said or "Assertion" in said
        is_said = crashed if code < 0 else "level=error" in said or code == 75
        assert code == 0 or is_said and code in (-signal.SIGABRT, 1, 69, 70, 71, 75, 77, 78), \
            f"exit code {code}:\n{said[-3000:]}"
        return code


def name_of(faults):
    return " ".join(f"{call}:{error}" for call, error, _ in faults)


class Case(FaultCase):
    def fail_passing(self, faults):
        """All at once: it goes on, and commits what there is."""
        self.feed.send_chunk()
        before = committed_records(self.redis)
        with Failing(self.static, faults) as daemon:
            begin = time.monotonic()
            daemon.wait_until(lambda: committed_records(self.redis) > before, 60, "a commit")
            time.sleep(RUN_S)
            daemon.check_runs()
            code = daemon.end()
        assert code in (0, 75), f"exit code {code}"
        print(f"{name_of(faults)}: commits, {time.monotonic() - begin:.1f} s", flush=True)

    def fail_staying(self, faults=(), allocation=None):
        self.feed.send_chunk()
        daemon = Failing(self.static, faults, allocation)
        daemon.awaited = ""  # it may never come so far
        with daemon:
            begin = time.monotonic()
            while daemon.process.poll() is None and time.monotonic() - begin < RUN_S:
                time.sleep(0.05)
            code = daemon.end()
        name = name_of(faults) or f"allocation {allocation}"
        print(f"{name}: exit code {code}, {time.monotonic() - begin:.1f} s", flush=True)
        return code

    def count_allocations(self):
        """Of a run that reads a part."""
        self.feed.send_chunk()
        with Failing(self.static, allocation=0) as daemon:
            time.sleep(RUN_S)
            daemon.end()
            return int(daemon.said().split("allocations ")[-1])


def test():
    strace()
    assert FAILING_MALLOC.exists(), f"{FAILING_MALLOC} is not built: {build_dir()}"
    dice = random.Random(SEED)
    staying = STAYING if IS_LONG else STAYING[:SHORT]
    chunks = ROUNDS * (2 + len(staying) + ALLOCATIONS) + 2
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        case = Case(Path(name), broker, redis, chunks, CHUNK, SEED)
        most = case.count_allocations()
        print(f"{most} allocations", flush=True)
        for _ in range(ROUNDS):
            case.fail_passing(PASSING)
            for fault in staying:
                case.fail_staying([fault])
            codes = [case.fail_staying(allocation=dice.randint(1, most)) for _ in range(ALLOCATIONS)]
            assert any(codes), "no allocation that failed had an effect"
        case.check()


if __name__ == "__main__":
    run(test)
