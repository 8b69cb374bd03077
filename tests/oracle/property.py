"""The property test: `ladderd replay` prints the oracle's rows in any order, with repeats, on any workers.

    python3 tests/oracle/property.py --ladderd build/ladderd --seeds 200 [--first N] [--jobs 2] [--stream]

Each seed's feed is replayed in file order, on 1, 2 and 4 workers, shuffled, and shuffled with a third of its
lines repeated. All outputs must be equal byte by byte, and field by field to the oracle's; the counts of
section 7 must be the oracle's too. --stream does the same once more with `--arrival-order`: the live path,
with a lateness longer than the feed, taken in batches of another size each time. The files of a failing
seed stay where the message says."""

import argparse
import io
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed

sys.dont_write_bytecode = True

from compare import differences, report
from config import config_from
from feed import make_feed
from ladder_oracle import counts_of, replay

TIMEOUT_SECONDS = 60
LATENESS_OVER_ANY_FEED = "89d"
BATCH_SIZES = [1, 2, 63, 64, 257]


class Failed(Exception):
    """Says what is wrong with one run."""


class Variant:
    """One way to feed the same events."""

    def __init__(self, name, lines, workers, rows_file=False):
        self.name = name
        self.lines = lines
        self.workers = workers
        self.rows_file = rows_file


def variants(seed, lines):
    rng = random.Random(f"variants of {seed}")
    shuffled = rng.sample(lines, len(lines))
    repeated = lines + rng.sample(lines, len(lines) // 3)
    rng.shuffle(repeated)
    return [Variant("workers-1", lines, 1), Variant("workers-2", lines, 2, rows_file=True),
            Variant("workers-4", lines, 4), Variant("shuffled", shuffled, 2),
            Variant("repeated", repeated, 4)]


def write_lines(path, lines):
    with open(path, "wb") as file:
        file.write(b"".join(line + b"\n" for line in lines))


def run_ladderd(ladderd, folder, settings, variant, extra):
    """(the rows as bytes, the counts)"""
    base = os.path.join(folder, variant.name + "".join(extra))
    with open(base + ".yaml", "w", encoding="utf-8") as file:
        json.dump({**settings, "workers": variant.workers}, file, ensure_ascii=False, indent=1)
    write_lines(base + ".events.ndjson", variant.lines)
    command = [ladderd, "replay", "-c", base + ".yaml", "--events", base + ".events.ndjson", *extra]
    if variant.rows_file:
        command += ["--rows", base + ".rows.ndjson"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS)
    if not variant.rows_file:
        with open(base + ".rows.ndjson", "wb") as file:
            file.write(done.stdout)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n{said}")
    with open(base + ".rows.ndjson", "rb") as file:
        return file.read(), read_counts(done.stderr)


def read_counts(stderr):
    """The last line that ladderd writes to standard error."""
    try:
        return json.loads(stderr.decode().strip().rsplit("\n", 1)[-1])
    except ValueError:
        raise Failed(f"no counts on standard error: {stderr!r}") from None


def check_counts(want, got):
    """All but `frozen`, which counts steps, not events."""
    wrong = [f"{name}: want {value}, got {got.get(name)}" for name, value in want.items()
             if name != "frozen" and got.get(name) != value]
    if wrong:
        raise Failed("counts: " + "; ".join(wrong))


def check_rows(want, got):
    out = io.StringIO()
    try:
        found = differences(want, got.decode().removesuffix("\n").split("\n") if got else [])
    except (ValueError, KeyError) as problem:
        raise Failed(f"the rows cannot be read: {problem!r}") from None
    report(found, out)
    if found:
        raise Failed(f"{len(found)} fields differ from the oracle\n{out.getvalue()}")


def check_path(ladderd, folder, settings, seed, lines, extra):
    """Every variant of one feed on one path."""
    config = config_from(settings)
    want, counts = replay(lines, config)
    write_lines(os.path.join(folder, "oracle.rows.ndjson"), [row.encode() for row in want])
    first = None
    for variant, size in zip(variants(seed, lines), itertools.cycle(BATCH_SIZES)):
        batch = ["--batch", str(size)] if extra else []
        try:
            rows, got = run_ladderd(ladderd, folder, settings, variant, extra + batch)
            check_counts(counts_of(variant.lines, config), got)
            if first is None:
                check_rows(want, rows)
                first = rows
            elif rows != first:
                check_rows(want, rows)
                raise Failed("the rows are those of workers-1, but not byte by byte")
        except Failed as failed:
            raise Failed(f"{variant.name} {' '.join(extra + batch)}: {failed}") from None
    return len(want), counts["decoded"]


def check_seed(ladderd, seed, stream):
    """(what is wrong or None, the number of rows, of events)"""
    folder = tempfile.mkdtemp(prefix=f"ladder-oracle-{seed}-")
    try:
        settings, lines = make_feed(seed)
        rows, events = check_path(ladderd, folder, settings, seed, lines, [])
        if stream:
            patient = {**settings, "ladder": {**settings["ladder"], "lateness": LATENESS_OVER_ANY_FEED}}
            check_path(ladderd, folder, patient, seed, lines, ["--arrival-order"])
    except (Failed, subprocess.TimeoutExpired) as wrong:
        return f"{wrong}\nfiles: {folder}", 0, 0
    shutil.rmtree(folder)
    return None, rows, events


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ladderd", required=True)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--stream", action="store_true")
    return parser.parse_args()


def again(arguments, seed):
    """The command that repeats one seed."""
    stream = " --stream" if arguments.stream else ""
    return f"python3 {sys.argv[0]} --ladderd {arguments.ladderd} --first {seed} --seeds 1{stream}"


def main():
    arguments = read_arguments()
    ladderd = os.path.abspath(arguments.ladderd)
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    done = all_rows = all_events = 0
    with ProcessPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(check_seed, ladderd, seed, arguments.stream): seed for seed in seeds}
        for future in as_completed(running):
            wrong, rows, events = future.result()
            if wrong:
                pool.shutdown(wait=False, cancel_futures=True)
                seed = running[future]
                print(f"seed {seed}: {wrong}\nagain: {again(arguments, seed)}", flush=True)
                sys.exit(1)
            done, all_rows, all_events = done + 1, all_rows + rows, all_events + events
            if done % 10 == 0 or done == len(seeds):
                print(f"{done} of {len(seeds)} seeds, {all_events} events, {all_rows} rows", flush=True)


if __name__ == "__main__":
    main()
