"""Every diagnosis and every weakest rung, on the feed that has them all: as the feed says, and as the oracle.
And small feeds of what is hardly ever there.

    python3 tests/oracle/directed.py --ladderd build/ladderd"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from config import config_from
from feed_diagnosis import FULL, make_diagnosis_feed
from ladder_oracle import replay
from property import check_path

DIAGNOSES = {"fix_first_response", "traffic_or_offer", "qualification_flow", "chat_flow", "sales_process",
             "reach_or_creative", "healthy", "too_little_data"}
WEAKEST = {None, "reply", "qualified", "handoff", "customer"}


# "Never", as some systems write it, but for the last year: its last day ends behind the calendar of Python.
LATE_YEAR = [b'{"type":"message","id":"1","ts":"9998-12-31T23:59:59Z","user":"u","direction":"in","words":3}']
# One id twice, and only the click says which is which.
ONE_ID = [b'{"type":"open","id":"P","ts":1772600060,"user":"u","ad":"A","click_id":"k1"}',
          b'{"type":"open","id":"P","ts":1772600060,"user":"u","ad":"A","click_id":"k0"}',
          b'{"type":"message","direction":"in","words":3,"id":"o0","ts":1772600061,"click_id":"k0"}']
RUNS = 8  # each with an identity key of its own


def check_one_id(ladderd, folder):
    """Any run, any order."""
    said = set()
    for number in range(RUNS):
        lines = ONE_ID if number % 2 else ONE_ID[::-1]
        for extra in ([], ["--arrival-order"]):
            command = [ladderd, "replay", "-c", os.path.join(folder, "c.yaml"), *extra, "--events", "-"]
            done = subprocess.run(command, input=b"\n".join(lines), capture_output=True, check=True)
            said.add(done.stdout)
    assert len(said) == 1, f"{len(said)} answers to one set of events"


def check_feed(rows):
    """What the oracle says is what the feed was made for."""
    said = {(row["window"], row["basis"], row["level"], row["id"]): (row["diagnosis"], row["weakest_rung"])
            for row in rows if row["kind"] == "rolling"}
    for ad, (*_, diagnosis, weakest) in FULL.items():
        for level, ident in (("ad", ad), ("adset", f"of {ad}")):
            got = said["28d", "cohort", level, ident]
            assert got == (diagnosis, weakest), f"{level} {ident}: want {diagnosis}, {weakest}, got {got}"
    assert {row["diagnosis"] for row in rows} == DIAGNOSES
    assert {row["weakest_rung"] for row in rows} == WEAKEST


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ladderd", required=True)
    ladderd = os.path.abspath(parser.parse_args().ladderd)
    settings, lines = make_diagnosis_feed()
    rows, _ = replay(lines, config_from(settings))
    check_feed([json.loads(row) for row in rows])
    folder = tempfile.mkdtemp(prefix="ladder-directed-")
    for extra in ([], ["--arrival-order"]):
        check_path(ladderd, folder, settings, 1, lines, extra)
        check_path(ladderd, folder, settings, 2, LATE_YEAR, extra)
    with open(os.path.join(folder, "c.yaml"), "w", encoding="utf-8") as file:
        file.write("{}\n")
    check_one_id(ladderd, folder)
    shutil.rmtree(folder)
    print(f"{len(lines)} events, {len(rows)} rows")


if __name__ == "__main__":
    main()
