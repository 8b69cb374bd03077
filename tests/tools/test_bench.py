"""Goal: bench/run says what it can, refuses what it cannot, and its figures are the median, the least and the
greatest of the rounds. Nothing is measured here."""

import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import harness

NAMES = {"commit", "engine", "fresh", "memory", "path", "peers", "replay", "restore", "steps", "windows"}


def bench(*arguments):
    return subprocess.run([ROOT / "bench/run", *arguments], capture_output=True, text=True, timeout=60)


def check_commands():
    listed = bench("--list")
    assert listed.returncode == 0, listed.stderr
    assert {line.split()[0] for line in listed.stdout.splitlines()} == NAMES, listed.stdout
    assert "bench/results" in bench("--help").stdout
    wrong = bench("no-such-benchmark")
    assert wrong.returncode == 2 and "no-such-benchmark" in wrong.stderr, wrong.stderr
    assert bench("path", "--set", "events").returncode == 2


def check_figures():
    run = harness.Bench("test", 3, False, {"events": "7"})
    assert run.option("events", 1) == 7
    for path, drain in ((1e6, 4e6), (3e6, 4e6), (2e6, 8e6)):
        run.note("path", "events/s", path)
        run.note("drain", "events/s", drain)
    run.ratio("path", "drain", "events/s")
    run.target("path / drain", "events/s", least=0.2)
    run.target("path", "events/s", least=2.5e6)
    rows = {row[0]: row for row in run.rows()}
    assert rows["path"][1:] == ["events/s", "2,000,000", "1,000,000", "3,000,000", "3", ">= 2,500,000", "no"]
    assert rows["path / drain"][2:] == ["0.25", "0.25", "0.75", "3", ">= 0.2", "yes"], rows["path / drain"]
    assert harness.table([["a", "bb"], ["ccc", "d"]]).splitlines() == ["a    bb", "---  --", "ccc   d"]


def main():
    check_commands()
    check_figures()


if __name__ == "__main__":
    main()
