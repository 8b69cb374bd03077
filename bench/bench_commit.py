"""What commits do to reading, and what they write. Their calls are timed, not the whole pause: README.md says
what is left out, so there is no target for it here."""

import re

from daemon_bench import Daemon, fill, open_broker, open_redis, read_to_end, settings
from harness import cpu_seconds

SENTENCE = "how long the calls that write commits take, the bytes to Redis, and Redis's own time"
ENDED = re.compile(r"a worker has ended.*? commits=(\d+) pages=(\d+) page_bytes=(\d+) pause_p50_us=(\d+)"
                   r" pause_p999_us=(\d+) pause_max_us=(\d+)")


def run(bench):
    events = bench.option("events", 6_000_000, quick=200_000)
    people = bench.option("people", 3_000_000, quick=50_000)
    broker, redis, folder = open_broker(bench), open_redis(bench), bench.folder()
    fill(broker, events, "--people", people)
    for number in bench.rounds():
        before = cpu_seconds(redis.process.pid)
        daemon = Daemon(settings(folder, broker, redis, number))
        with daemon:
            records, _ = read_to_end(daemon, 600)
            daemon.stop()
            said = [[int(text) for text in found] for found in ENDED.findall(daemon.said())]
        stored = int(redis.command("INFO", "memory").split(b"used_memory:")[1].split(b"\r")[0])
        bench.note("commits", "number", sum(one[0] for one in said))
        bench.note("commits", "commit calls p99.9 ms", max(one[4] for one in said) / 1000)
        bench.note("commits", "longest commit call ms", max(one[5] for one in said) / 1000)
        bench.note("commits", "MB written", sum(one[2] for one in said) / 1e6)
        bench.note("commits", "MB in Redis at the end", stored / 1e6)
        bench.note("commits", "Redis CPU % of a core at 1 M events/s",
                   (cpu_seconds(redis.process.pid) - before) / records * 1e6 * 100)
        redis.command("FLUSHALL")
    bench.target("commits", "Redis CPU % of a core at 1 M events/s", most=10)
