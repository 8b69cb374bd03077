"""What each verb costs: time, and instructions, which do not depend on the machine's load."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from harness import BUILD, ROOT, json_line

SENTENCE = "nanoseconds and instructions an event for each verb"
VERBS = ("decode", "join", "window")
EVENTS = 60_000
KNOWN = ROOT / "bench" / "instructions.json"
TOLERANCE = 1.05


def instructions(program=BUILD / "bench/bench_engine"):
    """By verb, of a fixed input: each run does one verb more, so the difference is what it costs."""
    totals = []
    for verb_count in range(len(VERBS) + 1):
        with tempfile.TemporaryDirectory(prefix="ladder-bench-steps-") as folder:
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", str(program),
                       "--warm", "0", "--events", str(EVENTS), "--chunk", str(EVENTS),
                       "--verbs", str(verb_count)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            totals.append(int(re.search(r"Collected : (\d+)", done.stderr)[1]))
    return {verb: (after - before) / EVENTS for verb, before, after in zip(VERBS, totals, totals[1:])}


def known_instructions():
    return json.loads(Path(KNOWN).read_text())


def run(bench):
    people = bench.option("people", 1_000_000, quick=50_000)
    events = 100_000 if bench.is_quick else 4_000_000
    bench.setting("timed events", events)
    for _ in bench.rounds():
        said = json_line([BUILD / "bench/bench_engine", "--people", people, "--events", events,
                          "--span-events", events])
        for verb in VERBS:
            bench.note(verb, "ns", said[f"{verb}_ns"])
    for verb, count in instructions().items():
        bench.note_once(verb, "instructions", count)
    for verb, most in zip(VERBS, (110, 80, 40)):
        bench.target(verb, "ns", most=most)
        bench.target(verb, "instructions", most=known_instructions()[verb] * TOLERANCE)
