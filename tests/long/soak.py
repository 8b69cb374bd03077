"""Goal: ladderd can be left alone. For as long as is wanted, with a genuine broker and Redis that are killed,
paused, and lose a little of what they wrote, its rows are those of `ladderd replay` whenever it is asked, and
it takes no more memory, file descriptors, threads and Redis keys than in the beginning.
Method: the feed of fault_case.py at an even pace of four days a minute (three in two hours: a feed has a
year at most), so that after a few minutes as much is forgotten (ladder.retention) as comes. A fault every few
seconds, drawn by --seed. ladderd itself is killed and stopped in the first three tenths and the last two:
what leaks has the half between to be seen in. Each few minutes faults and feed rest until the rows are right.
Prints a line a minute, and a table; exit code 1 where a row is wrong or something is more than it was in the
first three tenths, and the first 6 minutes, in which little is forgotten yet and all may grow.

    LADDERD=build/ladderd PYTHONPATH=tests/broker python3 tests/long/soak.py --minutes 60

labels: waits"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "daemon"))
from broker import Broker, Redis, run
from daemon_case import LADDERD, Daemon, by_key, replay, stop_within, windows, write_events
from fault_case import FaultCase, Feed

CHUNK_S = 2
# Whoever is behind by the lateness, here 75 s, counts less: one input may be read before another.
DAYS_A_MINUTE, DAYS_MAX = 4, 360
LADDER = {"retention": "14d", "lateness": "5d", "outcome_window": "5d"}
KEPT_DAYS = 21  # both, and what is forgotten once a day
TENTHS = 10
DAEMON_TENTHS = (0, 1, 2, 8, 9)
FIRST_TENTHS = 3  # in which ladderd is killed and stopped, too
LOST_BYTES = 200_000
# What the greatest of later tenths may be: so many times that of the first ones, and so much more.
BOUNDS = {"rss_mib": (1.25, 24), "fds": (1, 8), "threads": (1, 2), "keys": (1.25, 50)}


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rate", type=int, default=100, help="events a second")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


# Of hours and days older than ladder.retention less 28 days they are not made again (README): here, of all.
JUDGED = re.compile(rb'"weakest_rung":(?:null|"[a-z_]*"),"diagnosis":"[a-z_]*"')
JUDGED_FIELDS = (" weakest_rung: ", " diagnosis: ")
DIFFERS = re.compile(r": published .*, recomputed ")


class SoakFeed(Feed):
    """No outcome names the click: it may be the first to do so, weeks later, and `replay` would change by it
    what is older than ladder.retention."""

    def read_lines(self):
        lines = []
        for line in super().read_lines():
            event = json.loads(line)
            if event["type"] == "outcome" and event.pop("click_id", None) and "user" in event:
                line = json.dumps(event).encode()
            lines.append(line)
        write_events(self.path, lines)
        return lines


class SoakCase(FaultCase):
    feed_type = SoakFeed

    def read_rows(self, lines):
        return masked(by_key(lines))

    def audit(self):
        done = subprocess.run([LADDERD, "audit", "-c", self.static, "--max", "10000000"], capture_output=True,
                              text=True)
        found = [line for line in done.stdout.splitlines() if DIFFERS.search(line)]
        wrong = [line for line in found if not (line.startswith("bucket/") and
                                                any(field in line for field in JUDGED_FIELDS))]
        assert not wrong, "\n".join(wrong[:20])
        last = done.stdout.splitlines()[-1]
        assert last.endswith(f"{len(found)} differences, 0 faults of the balance, 0 gaps"), last
        print(last, flush=True)


def days_of(minutes):
    return min(DAYS_A_MINUTE * minutes, DAYS_MAX)


def masked(rows):
    return {key: JUDGED.sub(b'"diagnosis":null', row) if key.startswith(b'"bucket/') else row
            for key, row in rows.items()}


class Gauges:
    """The greatest of each, by tenth."""

    def __init__(self, minutes):
        kept_tenths = -(-TENTHS * KEPT_DAYS // days_of(minutes))
        self.first = min(TENTHS, max(FIRST_TENTHS, kept_tenths))
        self.tenths = [Counter() for _ in range(TENTHS)]
        self.last = Counter()

    def note(self, tenth, **values):
        for name, value in values.items():
            self.last[name] = value
            self.tenths[tenth][name] = max(self.tenths[tenth][name], value)

    def growth(self):
        """What grew beyond its bound, as sentences."""
        for name, (times, more) in BOUNDS.items():
            bound = max(tenth[name] for tenth in self.tenths[:self.first]) * times + more
            for number, tenth in enumerate(self.tenths[self.first:], self.first + 1):
                if tenth[name] > bound:
                    yield f"{name}: {tenth[name]} in tenth {number}, more than {bound:.0f}"


class Soak:
    def __init__(self, case, daemon, options):
        self.case, self.daemon, self.minutes = case, daemon, options.minutes
        self.broker, self.redis = case.broker, case.redis
        self.rng = random.Random(options.seed)
        self.gauges, self.faults = Gauges(options.minutes), Counter()
        self.begin = time.monotonic()
        self.chunk_events = options.rate * CHUNK_S
        self.said = self.sent = 0
        self.bag = []
        self.gap_s = min(20, max(4, self.minutes / 2))

    # ---- Time ----

    def passed(self):
        """From 0 to 1."""
        return (time.monotonic() - self.begin) / (self.minutes * 60)

    def tenth(self):
        return min(TENTHS - 1, int(self.passed() * TENTHS))

    def go_on(self, seconds, is_fed=True):
        """The feed comes, and what is watched is noted."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if is_fed and self.sent < min(1, self.passed()) * self.case.feed.chunks:
                self.case.feed.send_chunk()
                self.sent += 1
            self.note()
            time.sleep(0.3)

    def note(self):
        process = Path(f"/proc/{self.daemon.process.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        if "VmRSS" in status:  # else it ends just now
            self.gauges.note(self.tenth(), rss_mib=int(status["VmRSS"].split()[0]) // 1024,
                             threads=int(status["Threads"]), fds=len(os.listdir(process / "fd")))
        minute = int((time.monotonic() - self.begin) / 60)
        if minute > self.said:
            self.said = minute
            self.say(f"{minute:4} min")

    def say(self, when):
        last = self.gauges.last
        print(f"{when}  sent {self.sent * self.chunk_events:,}  faults {sum(self.faults.values())}  "
              f"RSS {last['rss_mib']} MiB  fds {last['fds']}  threads {last['threads']}  "
              f"keys {last['keys']} and {last['staged']} staged", flush=True)

    def note_keys(self):
        """Staged ones go by themselves: see ledger.h."""
        keys = self.redis.command("KEYS", "*")
        staged = [key for key in keys if b"}:s:" in key]
        for key in staged:
            assert self.redis.command("TTL", key) != -1, f"{key} is staged, and stays for ever"
        self.gauges.note(self.tenth(), keys=len(keys) - len(staged), staged=len(staged))

    # ---- Faults ----

    def pause_daemon(self):
        self.pause(self.daemon)

    def pause_redis(self):
        self.pause(self.redis)

    def pause_broker(self):
        self.pause(self.broker, is_fed=False)

    def pause(self, server, is_fed=True):
        server.pause()
        self.go_on(self.rng.uniform(0.5, 4), is_fed)
        server.resume()

    def kill_redis(self):
        self.redis.wait_rewritten()
        self.redis.kill9()
        self.go_on(self.rng.uniform(0.2, 3))
        self.redis.start()

    def lose_writes(self):
        """The last ones, as by a crash of its machine."""
        self.redis.wait_rewritten()
        self.redis.kill9()
        self.redis.lose_last(self.rng.randrange(1, LOST_BYTES))
        self.redis.start()

    def kill_broker(self):
        self.broker.kill9()
        self.go_on(self.rng.uniform(0.5, 3), is_fed=False)
        self.broker.start()

    def kill_daemon(self):
        self.daemon.kill9()
        time.sleep(self.rng.uniform(0, 1))
        self.daemon.start()

    def stop_daemon(self):
        stop_within(self.daemon, 20)
        self.daemon.start()

    def draw_fault(self):
        """Each of the bag comes before any comes again."""
        if not self.bag:
            self.bag = [self.pause_daemon, self.pause_redis, self.pause_broker, self.kill_redis,
                        self.lose_writes, self.kill_broker, self.kill_daemon, self.stop_daemon]
            self.rng.shuffle(self.bag)
        fault = self.bag.pop()
        if fault in (self.kill_daemon, self.stop_daemon) and self.tenth() not in DAEMON_TENTHS:
            return None
        return fault

    # ---- The run ----

    def check(self):
        """Of what was sent by now."""
        lines = write_events(self.case.folder / "sent.ndjson", self.case.feed.sent_lines())
        self.case.want = masked(replay(self.case.static, lines)[0])
        self.case.wait_for_wanted(self.daemon, 180)
        self.note_keys()

    def run(self):
        every = max(1, self.minutes / 12) * 60
        checked = time.monotonic()
        while self.passed() < 1:
            self.go_on(self.rng.uniform(0.5, 1.5) * self.gap_s)
            self.daemon.check_runs()
            fault = self.draw_fault()
            if fault:
                fault()
                self.faults[fault.__name__] += 1
            self.note_keys()
            if time.monotonic() - checked > every:
                self.check()
                checked = time.monotonic()

    def print_table(self):
        print(f"\n{'tenth':>5}" + "".join(f"{name:>9}" for name in (*BOUNDS, "staged")))
        for number, tenth in enumerate(self.gauges.tenths, 1):
            print(f"{number:5}" + "".join(f"{tenth[name]:9}" for name in (*BOUNDS, "staged")))
        print(", ".join(f"{name} {count}" for name, count in sorted(self.faults.items())), flush=True)


def test(options):
    chunks = options.minutes * 60 // CHUNK_S
    with (tempfile.TemporaryDirectory(prefix="ladder-soak-") as name, Broker() as broker,
          Redis("--auto-aof-rewrite-percentage", "0") as redis):
        spans = windows(("5m", "10s"), ("1h", "1m"), ("24h", "15m"), ("7d", "6h"), emit="5s")
        case = SoakCase(Path(name), broker, redis, chunks, options.rate * CHUNK_S, options.seed,
                        f"{days_of(options.minutes)}d", ladder=LADDER, windows=spans,
                        publish={"history_emit": "5s"})
        whole = masked(case.want)
        with Daemon(case.static) as daemon:
            soak = Soak(case, daemon, options)
            soak.run()
            stop_within(daemon, 20)
        case.want = whole
        case.check(timeout_s=300)
        soak.print_table()
        grown = list(soak.gauges.growth())
        assert not grown, "; ".join(grown)


if __name__ == "__main__":
    run(test, parse_options())
