"""Goal: what breaks is said, where it breaks and what it is, and is said to be over after the repair; nothing
else fires, and nothing above it. The same events in any order give the same alerts.
Method: a generated feed for each alert (alert_feeds.py, daemon/generate_scenarios.def) through
`ladderd replay --alerts`. Without LADDER_LONG=1 and without names of scenarios only a few."""

import os
import random
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alert_feeds import LEVELS, SCENARIOS, generate, replay, transitions_of

SEED = 1
FEW = ["dead_inbox", "unclear_offer"]
TABLE = Path(__file__).parents[2] / "core/model/alerts.def"


def causes():
    """name: (cause, advice), as the table has them."""
    text = TABLE.read_text()
    rows = re.findall(r'^ALERT\((\w+),[^"]*?\d,\s*((?:"[^"]*"\s*)+),\s*((?:"[^"]*"\s*)+)\)', text, re.M)
    return {name: tuple("".join(re.findall(r'"([^"]*)"', part)) for part in parts) for name, *parts in rows}


def is_above(level, top):
    return level in LEVELS and top in LEVELS and LEVELS.index(level) < LEVELS.index(top)


def check_text(found, texts):
    notes = found.alert["annotations"]
    assert (notes["cause"], notes["advice"]) == texts[found.name], found.alert
    assert notes["summary"].startswith(found.name) and found.labels["id"] in notes["summary"], found.alert
    assert found.alert["status"] in ("firing", "resolved") and len(found.alert["fingerprint"]) == 16


def check_pairs(transitions):
    """What fires is resolved, and fires again only then."""
    firing = set()
    for found in transitions:
        key = found.alert["fingerprint"]
        assert (key in firing) == (found.status == "resolved"), found.alert
        firing ^= {key}
    assert not firing, f"{len(firing)} never resolved"


def check(scenario):
    transitions = transitions_of(scenario.name, SEED, scenario.days)
    texts = causes()
    begin, end = (percent * scenario.days / 100 for percent in (scenario.begin, scenario.end))
    for found in transitions:
        check_text(found, texts)
        assert found.name == scenario.alert or found.name in scenario.others, found.alert
        assert found.day >= begin, f"before anything broke: {found.alert}"
        assert not is_above(found.level, scenario.top), f"above what broke: {found.alert}"
    assert all(one.day <= other.day for one, other in zip(transitions, transitions[1:])), "not in order of T"
    check_pairs(transitions)
    own = [found for found in transitions if found.name == scenario.alert]
    assert own, "did not fire"
    assert own[-1].day >= end, "was resolved before the repair"
    if scenario.top == "campaign":
        assert len({found.labels["campaign"] for found in own}) == 1
    return own


def check_order():
    """The set mode: sorted, in the order of the feed, shuffled, all the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = folder / "events.ndjson"
        generate(events, "dead_inbox", SEED, 20)
        as_it_came = replay(folder, events)
        assert as_it_came.count('"firing"') > 0
        lines = events.read_text().splitlines(keepends=True)
        random.Random(SEED).shuffle(lines)
        events.write_text("".join(lines + lines[:1000]))
        assert replay(folder, events) == as_it_came


def tell(scenario):
    try:
        own = check(scenario)
        print(f"ok   {scenario.name}: {scenario.alert}, {len(own)} transitions", flush=True)
        return True
    except AssertionError as error:
        print(f"FAIL {scenario.name}: {error}", flush=True)
        return False


def main():
    names = sys.argv[1:] or ([] if os.environ.get("LADDER_LONG") else FEW)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(tell, [one for one in SCENARIOS if not names or one.name in names]))
    check_order()
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
