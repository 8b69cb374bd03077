"""What the benchmarks share: the machine's facts, rounds that alternate, tables, JSON, servers.

A benchmark is a module bench_NAME.py beside this one:

    SENTENCE = "what it measures"            one line, for --list
    def run(bench): ...                      calls, on the Bench it is given:

    bench.setting("events", 8_000_000)       stands above the table
    for round in bench.rounds():             1, 2, ...; progress goes to stderr
        bench.note("path", "events/s", 1.9e6)    a figure of one variant in this round
    bench.ratio("path", "drain", "events/s")     by round, then the median of the ratios
    bench.target("path", "events/s", least=2e6)  what was asked for, shown beside the median
    bench.note_once("engine 10 M", "ns", 300)    a figure that is not repeated

Servers and folders come from bench.enter(context manager): they end with the benchmark, however that ends."""

import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import host_memory

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-bench"
LADDERD = BUILD / "ladderd"
sys.path[:0] = [str(ROOT / "tests" / "broker"), str(ROOT / "tests" / "daemon")]
os.environ.setdefault("BUILD_DIR", str(BUILD))
os.environ.setdefault("LADDERD", str(LADDERD))
os.environ.setdefault("LADDER_KAFKA_LIBS", str(ROOT / "build" / "kafka-libs"))


def say(text):
    print(text, file=sys.stderr, flush=True)


def command_says(*command):
    """The first line that a command prints, or what is wrong with it."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as wrong:
        return f"({wrong})"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "(nothing)"


def read_first(path, pattern, default="?"):
    try:
        found = re.search(pattern, Path(path).read_text())
    except OSError:
        return default
    return found[1].strip() if found else default


def machine():
    """What stands above every table."""
    return {
        "processor": read_first("/proc/cpuinfo", r"model name\s*:\s*(.*)"),
        "cores": os.cpu_count(),
        "memory_gb": round(int(read_first("/proc/meminfo", r"MemTotal:\s*(\d+)", "0")) / 2**20, 1),
        "kernel": platform.release(),
        "huge_pages": read_first("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]"),
        "free_memory": host_memory.said(),
        "ladderd": command_says("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "compiler": command_says("gcc", "--version"),
        "librdkafka": command_says("pkg-config", "--modversion", "rdkafka"),
        "mimalloc": command_says("dpkg-query", "-W", "-f", "${Version}", "libmimalloc-dev"),
        "redis": command_says("redis-server", "--version"),
        "java": command_says("java", "-version"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def build():
    """The tree build-bench/, with the flags that users get."""
    say(f"bench: building {BUILD}")
    configure = ["cmake", "-S", ROOT, "-B", BUILD, "-DLADDER_BENCH=ON", "-DLADDER_TESTS=OFF"]
    for command in (configure, ["cmake", "--build", BUILD, "-j", str(os.cpu_count())]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = done.stdout[-3000:] + done.stderr[-3000:]
            sys.exit(f"bench: {' '.join(map(str, command))} failed:\n{said}")


def json_line(command, **options):
    """The last line that a program prints, as JSON."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid):
    return int(read_first(f"/proc/{pid}/status", r"VmHWM:\s+(\d+)", "0")) / 1024


def short(value):
    """A number of a table: three or four digits that mean something."""
    if isinstance(value, str):
        return value
    if value == int(value) and abs(value) < 10000:
        return f"{int(value)}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def table(rows):
    """Rows of texts, the first the heads, in columns; the first column to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


class Bench:
    """One benchmark while it runs."""

    def __init__(self, name, round_count, is_quick, options):
        self.name, self.round_count, self.is_quick, self.options = name, round_count, is_quick, options
        self.settings, self.figures, self.targets = {}, {}, {}
        self.facts = machine()
        self.stack = contextlib.ExitStack()

    def option(self, name, default, quick=None):
        """What --set NAME=VALUE says, else the default; in a quick run another one."""
        fallback = quick if self.is_quick and quick is not None else default
        value = type(default)(self.options.get(name, fallback))
        self.setting(name, value)
        return value

    def setting(self, name, value):
        self.settings[name] = value

    def enter(self, manager):
        return self.stack.enter_context(manager)

    @contextlib.contextmanager
    def scope(self):
        """What is entered within ends with the block, not with the benchmark."""
        outer, self.stack = self.stack, contextlib.ExitStack()
        try:
            with self.stack:
                yield
        finally:
            self.stack = outer

    def folder(self):
        path = Path(tempfile.mkdtemp(prefix=f"ladder-bench-{self.name}-"))
        self.stack.callback(shutil.rmtree, path, ignore_errors=True)
        return path

    def rounds(self):
        for number in range(1, self.round_count + 1):
            say(f"bench: {self.name}: round {number} of {self.round_count}")
            yield number

    def note(self, variant, figure, value):
        self.figures.setdefault(variant, {}).setdefault(figure, []).append(value)
        say(f"bench: {self.name}: {variant}: {figure} {short(value)}")

    note_once = note

    def ratio(self, variant, other, figure):
        values = [a / b for a, b in zip(self.figures[variant][figure], self.figures[other][figure])]
        self.figures.setdefault(f"{variant} / {other}", {})[figure] = values

    def target(self, variant, figure, least=None, most=None):
        self.targets[variant, figure] = (least, most)

    def wanted(self, variant, figure, median):
        least, most = self.targets.get((variant, figure), (None, None))
        if least is None and most is None:
            return "", ""
        is_met = (least is None or median >= least) and (most is None or median <= most)
        text = f">= {short(least)}" if least is not None else f"<= {short(most)}"
        return text, "yes" if is_met else "no"

    def rows(self):
        yield ["", "figure", "median", "min", "max", "rounds", "asked", "met"]
        for variant, figures in self.figures.items():
            for figure, values in figures.items():
                median = statistics.median(values)
                yield [variant, figure, short(median), short(min(values)), short(max(values)),
                       str(len(values)), *self.wanted(variant, figure, median)]

    def print(self):
        print(f"\n== {self.name}")
        for facts in (self.facts, self.settings):
            print("   " + ", ".join(f"{name}: {value}" for name, value in facts.items()))
        if self.facts["load_before"] > 0.5:
            print(f"   NOTE: the machine was not idle before (load {self.facts['load_before']})")
        print(table(list(self.rows())), flush=True)

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        result = {"name": self.name, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  "machine": self.facts, "settings": self.settings, "figures": self.figures}
        (folder / f"{self.name}.json").write_text(json.dumps(result, indent=1) + "\n")
