"""Golden cases: each folder NNN-name has a configuration, events, and rows of which every named field must be
printed exactly so by `ladderd replay`, in file order and in reverse, on one worker and on two.

    python3 tests/golden/golden.py --ladderd build/ladderd"""

import argparse
import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent


def parse(lines):
    rows = (json.loads(line, parse_float=Decimal) for line in lines.splitlines())
    return {row["key"]: row for row in rows}


def replay(ladderd, config, workers, events):
    with tempfile.TemporaryDirectory() as folder:
        path, lines = Path(folder) / "config.yaml", Path(folder) / "events.ndjson"
        path.write_text(f"{config}\nworkers: {workers}\n")
        lines.write_text("".join(events))
        done = subprocess.run([ladderd, "replay", "-c", path, "--events", lines], check=True,
                              capture_output=True, timeout=60)
    return done.stdout


def differences(want, got):
    for key, row in want.items():
        for field, value in row.items():
            if key not in got:
                yield f"{key}: not printed"
                break
            if field not in got[key] or got[key][field] != value:
                yield f"{key}: {field}: want {value}, got {got[key].get(field, 'no such field')}"


def check(case, ladderd):
    config = (case / "config.yaml").read_text()
    events = (case / "events.ndjson").read_text().splitlines(keepends=True)
    want = parse((case / "want.ndjson").read_text())
    first = replay(ladderd, config, 1, events)
    problems = list(differences(want, parse(first)))
    if replay(ladderd, config, 2, events[::-1]) != first:
        problems.append("reversed, on two workers: other bytes")
    for problem in problems:
        print(f"{case.name}: {problem}")
    return not problems


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--ladderd", required=True)
    arguments = parser.parse_args()
    cases = sorted(path.parent for path in HERE.glob("*/want.ndjson"))
    results = [check(case, Path(arguments.ladderd).absolute()) for case in cases]
    print(f"{sum(results)} of {len(results)} cases passed")
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
