"""Goal: alerts are worth getting up for. A healthy feed of 30 days (weekends, nights, late sales, 50 ads of
different sizes in 4 accounts) makes fewer than one false firing an account; what breaks is found.
Method: --seeds healthy feeds, and --broken seeds of every scenario of alert_feeds.py. Prints two tables:
false firings by alert, and hours from the break to the first firing and from the repair to the last
resolution. Exit code 1 if there are too many false firings, or something that broke was not found.

    LADDERD=build/ladderd python3 tests/long/false_alarms.py --seeds 20 --broken 3 --jobs 2"""

import argparse
import statistics
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from alert_feeds import ACCOUNTS, SCENARIOS, transitions_of

HEALTHY_DAYS = 30


def false_firings(seed):
    return [found for found in transitions_of("healthy", seed, HEALTHY_DAYS) if found.status == "firing"]


def print_false(found_by_seed):
    every = [found for founds in found_by_seed.values() for found in founds]
    print(f"false firings in {len(found_by_seed)} healthy feeds of {HEALTHY_DAYS} days, {ACCOUNTS} accounts "
          f"each: {len(every)}")
    for (name, level), count in sorted(Counter((found.name, found.level) for found in every).items()):
        print(f"  {name:26} {level:9} {count:4}")
    rate = len(every) / len(found_by_seed) / ACCOUNTS
    worst = max(Counter((seed, found.labels.get("account")) for seed, founds in found_by_seed.items()
                        for found in founds).values(), default=0)
    print(f"  an account in 30 days: {rate:.3f} on average, {worst} at worst")
    return rate


def delays(scenario, seed):
    """Hours to the first firing and to the last resolution; None where there is none."""
    begin, end = (percent * scenario.days / 100 for percent in (scenario.begin, scenario.end))
    found = [one for one in transitions_of(scenario.name, seed, scenario.days) if one.name == scenario.alert]
    fired = [one.day for one in found if one.status == "firing" and one.day >= begin]
    resolved = [one.day for one in found if one.status == "resolved" and one.day >= begin]
    is_over = fired and len(resolved) == len([one for one in found if one.status == "firing"])
    return (24 * (min(fired) - begin) if fired else None, 24 * (max(resolved) - end) if is_over else None)


def summary(hours):
    if None in hours:
        return f"{hours.count(None)} of {len(hours)} never"
    return f"{statistics.median(hours):8.1f} ({min(hours):.1f} to {max(hours):.1f})"


def print_delays(pool, seeds):
    """A line a scenario, as it is done. Returns whether all that broke was found."""
    print(f"\n{'scenario':16} {'alert':24} {'hours to fire: median (from, to)':34} hours to resolve")
    is_found = True
    for scenario in SCENARIOS:
        pairs = list(pool.map(partial(delays, scenario), seeds))
        is_found &= all(fired is not None for fired, _ in pairs)
        print(f"{scenario.name:16} {scenario.alert:24} {summary([fired for fired, _ in pairs]):34} "
              f"{summary([resolved for _, resolved in pairs])}", flush=True)
    return is_found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--broken", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    broken_seeds = range(options.first, options.first + options.broken)
    with ThreadPoolExecutor(options.jobs) as pool:
        healthy = dict(zip(seeds, pool.map(false_firings, seeds)))
        rate = print_false(healthy) if healthy else 0
        sys.stdout.flush()
        is_found = print_delays(pool, broken_seeds) if options.broken else True
    return 0 if rate < 1 and is_found else 1


if __name__ == "__main__":
    sys.exit(main())
