"""Goal: a system call that fails, or an allocation that finds no memory, ends a command with a sentence and
an exit code other than 0, or changes nothing: never a wrong row behind exit code 0, never a crash without a
word, never a hang.
Method: strace lets the Nth system call of a kind fail, or all from the Nth on, in `ladderd replay`, `ladderd
check` and `ladderd generate`, and a preloaded library the Nth allocation; what comes is held against what
comes without. System calls of the loader, before main, are counted and left out.

    failing_calls.py [CALL...]  only these; "allocation" is one

Short: 200 cases of a seed's choice (LADDER_SEED), and what has failed once. LADDER_LONG=1: all of them.
LADDER_CASES: another number."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from broker import Skip, build_dir, run
from daemon_case import LADDERD, generate, windows, write_config

IS_LONG = os.environ.get("LADDER_LONG") == "1"
CASES = int(os.environ.get("LADDER_CASES", 0 if IS_LONG else 200))
SEED = int(os.environ.get("LADDER_SEED", 1))
EVENTS = 3000
TIMEOUT_S = 20
# The call, and what it fails with. Where it is never called without io_uring: that fails, too.
ERRORS = {
    "read": ("EIO", "EINTR", "EISDIR"),
    "write": ("EIO", "ENOSPC", "EINTR"),
    "openat": ("EMFILE", "EACCES", "EIO"),
    "newfstatat": ("EIO", "ENOENT"),
    "close": ("EIO",),
    "lseek": ("ESPIPE",),
    "fadvise64": ("EINVAL",),
    "mmap": ("ENOMEM",),
    "mprotect": ("ENOMEM",),
    "munmap": ("ENOMEM",),
    "madvise": ("ENOMEM",),
    "brk": ("ENOMEM",),
    "clone3": ("EAGAIN", "ENOSYS"),
    "getrandom": ("EINTR", "ENOSYS"),
    "futex": ("EINTR",),
    "io_uring_setup": ("ENOSYS", "EPERM", "ENOMEM"),
    "io_uring_enter": ("EINTR", "EAGAIN", "EBUSY", "ENOMEM", "EIO"),
    "pread64": ("EIO", "EINTR"),
    "sysinfo": ("EPERM",),
}
PASSING = ("EINTR", "EAGAIN", "EBUSY")  # tried again, so they must not stay
FOUND = ("io_uring_enter",)  # replay waited for ever for what was never submitted
ALLOCATION = "allocation"
FAILING_MALLOC = (build_dir() / "tests" / "libfailing_malloc.so").absolute()
WITHOUT_RING = ("--inject=io_uring_setup:error=ENOSYS",)
Command = namedtuple("Command", "name words marker options")
Fault = namedtuple("Fault", "command call error number")
Outcome = namedtuple("Outcome", "code out err")


def strace():
    program = shutil.which("strace")
    if not program:
        raise Skip("strace is missing (apt-get install strace)")
    if subprocess.run([program, "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        raise Skip("strace may not trace here")
    return program


def make_commands(folder):
    config = write_config(folder, {"windows": windows(("1h", "1m"), ("28d", "6h")), "workers": 2,
                                   "accounts": {"act_1": {"timezone": "America/Sao_Paulo"}}})
    events = folder / "events.ndjson"
    generate("--seed", 1, "--events", EVENTS, "--ads", 4, "--out", events)
    replay = ["replay", "-c", str(config), "--events", str(events)]
    bad = folder / "bad.yaml"
    bad.write_text("kafka: {brokers: x}\nredis:\n  urll: redis://x\n")
    return [
        Command("replay", replay, config.name, ()),
        Command("replay without io_uring", replay, config.name, WITHOUT_RING),
        Command("check", ["check", "-c", str(config)], config.name, ()),
        Command("check of a bad file", ["check", "-c", str(bad)], bad.name, ()),
        Command("generate", ["generate", "--seed", "2", "--events", "500"], "write(1", ()),
    ]


def trace(command, options, out="/dev/null"):
    words = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(out), *command.options, *options, "--",
             str(LADDERD), *command.words]
    done = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S)
    return Outcome(done.returncode, done.stdout, done.stderr)


def count_calls(folder, command):
    """By call: how many there are before the marker, in the first thread, and how many at most in one."""
    path = folder / "trace"
    calls = ",".join(ERRORS)
    words = ["strace", "-f", "-qq", "-o", str(path), "-e", f"trace={calls}", *command.options, "--",
             str(LADDERD), *command.words]
    subprocess.run(words, capture_output=True, timeout=TIMEOUT_S)
    before, counts, is_begun = Counter(), {}, False
    for line in path.read_text(errors="replace").splitlines():
        thread, _, text = line.partition(" ")
        call = text.strip().split("(")[0]
        is_begun = is_begun or command.marker in text
        if call in ERRORS:
            counts.setdefault(call, Counter())[thread] += 1
            before[call] += not is_begun
    assert is_begun, f"{command.name}: {command.marker} was not seen"
    return before, {call: max(threads.values()) for call, threads in counts.items()}


def run_without_memory(command, number):
    """The Nth allocation fails; 0: none, and the last line on standard error says how many there are."""
    environment = {**os.environ, "LD_PRELOAD": str(FAILING_MALLOC), "LADDER_FAIL_ALLOCATION": number}
    done = subprocess.run([LADDERD, *command.words], capture_output=True, timeout=TIMEOUT_S, env=environment)
    return Outcome(done.returncode, done.stdout, done.stderr)


def make_allocation_faults(commands):
    for command in commands:
        if command.options:
            continue
        words = run_without_memory(command, "0").err.split()
        assert words[-2] == b"allocations", words[-10:]
        for number in range(1, int(words[-1]) + 1):
            yield Fault(command, ALLOCATION, "ENOMEM", str(number))


def make_faults(folder, commands, wanted):
    if not wanted or ALLOCATION in wanted:
        yield from make_allocation_faults(commands)
    for command in commands:
        before, most = count_calls(folder, command)
        for call, errors in ERRORS.items():
            if wanted and call not in wanted:
                continue
            for number in range(before[call] + 1, most.get(call, 0) + 1):
                for error in errors:
                    yield Fault(command, call, error, str(number))
                    if error not in PASSING and call != "write":  # it could not say so
                        yield Fault(command, call, error, f"{number}+")


def judge(fault, right, got):
    """None, or what is wrong."""
    if got.code == right.code and got.code >= 0:
        return None if got.out == right.out else f"exit code {got.code}, but another output"
    said = got.err.decode(errors="replace")
    if got.code == 0 or not said.strip():
        return f"exit code {got.code} without a word"
    if got.code < 0 and not (got.code == -6 and "check failed" in said):
        return f"ended by signal {-got.code}: {said[-300:]}"
    return None


def choose(faults):
    """A quarter are allocations, of which there are many more."""
    if CASES == 0:
        return faults
    dice, some = random.Random(SEED), []
    for is_allocation, count in ((True, CASES // 4), (False, CASES - CASES // 4)):
        of_kind = [fault for fault in faults if (fault.call == ALLOCATION) == is_allocation]
        some += dice.sample(of_kind, min(count, len(of_kind)))
    return some + [fault for fault in faults if fault.call in FOUND]


def try_fault(fault, right):
    inject = f"--inject={fault.call}:error={fault.error}:when={fault.number}"
    try:
        if fault.call == ALLOCATION:
            got = run_without_memory(fault.command, fault.number)
        else:
            got = trace(fault.command, ["-e", f"trace={fault.call}", inject])
    except subprocess.TimeoutExpired:
        return f"it hangs for {TIMEOUT_S} s", None
    return judge(fault, right, got), got.code


def test(wanted):
    strace()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = make_commands(folder)
        right = {command.name: trace(command, ["-e", "trace=none"]) for command in commands}
        assert right["replay"].code == 0 and len(right["replay"].out) > 100_000, right["replay"].err
        assert right["replay"] == right["replay without io_uring"]
        faults = list(make_faults(folder, commands, wanted))
        some = choose(faults)
        codes, problems = Counter(), []
        with ThreadPoolExecutor(2) as pool:
            results = pool.map(lambda fault: try_fault(fault, right[fault.command.name]), some)
            for done, (fault, (problem, code)) in enumerate(zip(some, results), 1):
                codes[code] += 1
                if problem:
                    place = f"{fault.command.name}: {fault.call} {fault.number} {fault.error}"
                    problems.append(f"{place}: {problem}")
                if done % 500 == 0:
                    print(f"{done} of {len(some)}, {len(problems)} problems", flush=True)
        print(f"{len(some)} of {len(faults)} cases, by exit code: {dict(codes)}", flush=True)
        assert not problems, "\n".join(problems[:60])
        assert len(codes) > 1, "no fault had an effect"


if __name__ == "__main__":
    run(test, sys.argv[1:])
