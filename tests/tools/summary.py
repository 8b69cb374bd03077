"""Adds up what ctest wrote: summary.py STAGE=JUNIT.xml... A stage without its file did not get to its tests.

Prints what failed and what was skipped, with the reason (a line `SKIP: why` of the test's output), and as
the last line the sums. Exit code 1 if anything failed or nothing passed."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def skip_reason(case):
    output = case.findtext("system-out") or ""
    said = re.search(r"^SKIP: (.*)", output, re.M)
    return said.group(1) if said else "it gave no reason"


def read_stage(stage, path):
    """(what, name, reason) of each test of a stage."""
    if not Path(path).is_file():
        yield "failed", stage, "it was not built, or ctest did not run"
        return
    cases = list(ElementTree.parse(path).iter("testcase"))
    if not cases:
        yield "failed", stage, "there is no such test"
    for case in cases:
        name = f"{stage}: {case.get('name')}"
        if case.find("skipped") is not None or case.get("status") == "disabled":
            yield "skipped", name, skip_reason(case)
        elif case.get("status") == "run" and case.find("failure") is None:
            yield "passed", name, ""
        else:
            yield "failed", name, f"after {float(case.get('time', 0)):.0f} s"


def main():
    stages = [argument.split("=", 1) for argument in sys.argv[1:]]
    results = [result for stage, path in stages for result in read_stage(stage, path)]
    for what in ("skipped", "failed"):
        for name, reason in [(name, reason) for found, name, reason in results if found == what]:
            print(f"{what.upper()} {name} ({reason})")
    passed, failed, skipped = (sum(found == what for found, _, _ in results)
                               for what in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
