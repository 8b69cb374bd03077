"""Goal: no verb takes more instructions an event than bench/instructions.json says, within 5 %. The count
does not depend on what else the machine does. Where one has become cheaper, the file wants the new figure:

    python3 tests/tools/test_instructions.py --write"""

import json
import os
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("BUILD_DIR", ROOT / "build")) / "bench/bench_engine"
sys.path.insert(0, str(ROOT / "bench"))

from bench_steps import KNOWN, TOLERANCE, instructions, known_instructions


def main():
    for needed in (PROGRAM, Path(shutil.which("valgrind") or "valgrind")):
        if not needed.exists():
            print(f"SKIP: {needed} is missing")
            return 77
    counted = instructions(PROGRAM)
    if "--write" in sys.argv:
        Path(KNOWN).write_text(json.dumps({verb: round(count) for verb, count in counted.items()}) + "\n")
    failed = False
    for verb, known in known_instructions().items():
        change = counted[verb] / known - 1
        failed |= counted[verb] > known * TOLERANCE
        print(f"{verb}: {counted[verb]:.0f} instructions an event, {change:+.1%} of the {known} known")
    if failed:
        print(f"more than 5 % above {KNOWN}: find what grew, or say why and write the new figures (--write)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
