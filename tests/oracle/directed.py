"""Every diagnosis and every weakest rung, on the feed that has them all: as the feed says, and as the oracle.

    python3 tests/oracle/directed.py --ladderd build/ladderd"""

import argparse
import json
import os
import shutil
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
    shutil.rmtree(folder)
    print(f"{len(lines)} events, {len(rows)} rows")


if __name__ == "__main__":
    main()
