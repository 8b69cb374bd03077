"""A restart, until the daemon consumes again."""

import re
import time

from daemon_bench import Daemon, fill, open_broker, open_redis, read_to_end, settings

SENTENCE = "a restart with millions of people in Redis, until everything is read back"
READ_BACK = re.compile(r"a task is read back.*? people=(\d+)")


def run(bench):
    people = bench.option("people", 10_000_000, quick=50_000)
    broker, redis, folder = open_broker(bench), open_redis(bench), bench.folder()
    fill(broker, people * 4, "--people", people * 6 // 10)
    config = settings(folder, broker, redis, 1)
    with Daemon(config) as daemon:
        read_to_end(daemon, 1200)
        daemon.stop()
    for _ in bench.rounds():
        daemon = Daemon(config)
        begin = time.monotonic()
        with daemon:
            daemon.wait_said("a task is read back", 300, count=4)
            seconds = time.monotonic() - begin
            restored = sum(int(text) for text in READ_BACK.findall(daemon.said()))
            bench.note("restart", "people", restored)
            bench.note("restart", "seconds", seconds)
            bench.note("restart", "s per million people", seconds / restored * 1e6)
            daemon.stop()
    bench.target("restart", "seconds", most=10)
