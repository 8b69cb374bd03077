"""How long after an event its row can be read, under load."""

import subprocess
import time

from daemon_bench import Daemon, TOPICS, open_broker, open_redis, settings
from harness import BUILD, LADDERD, cpu_seconds, json_line

SENTENCE = "from the time at which an event was to be written until its row can be read, at a fixed rate"


def run(bench):
    rate = bench.option("rate", 250_000, quick=5_000)
    markers = bench.option("markers", 600, quick=60)
    bench.setting("markers", f"{markers}, one every 50 ms, each with an ad of its own")
    bench.setting("window", "5m, emit 1 s")
    topics = ",".join(f"{name}={topic}" for name, topic in TOPICS.items())
    for number in bench.rounds():
        with bench.scope():
            broker, redis, folder = open_broker(bench), open_redis(bench), bench.folder()
            daemon = bench.enter(Daemon(settings(folder, broker, redis, number, clock="wall")))
            load = subprocess.Popen([LADDERD, "generate", "--kafka", broker.address, "--topics", topics,
                                     "--events", "1000000000", "--people", "1000000", "--start", "now",
                                     "--rate", str(rate)], stderr=subprocess.DEVNULL)
            bench.stack.callback(load.wait)
            bench.stack.callback(load.kill)
            time.sleep(5)
            before = cpu_seconds(daemon.process.pid), time.monotonic()
            said = json_line([BUILD / "bench/bench_fresh", "--brokers", broker.address, "--input",
                              TOPICS["clicks"], "--rows", f"out.current.{number}", "--markers", markers])
            used = (cpu_seconds(daemon.process.pid) - before[0]) / (time.monotonic() - before[1])
            bench.note("row", "p50 s", said["p50_ms"] / 1000)
            bench.note("row", "p99 s", said["p99_ms"] / 1000)
            bench.note("row", "max s", said["max_ms"] / 1000)
            bench.note("row", "markers never seen", said["markers"] - said["seen"])
            bench.note("row", "cores of ladderd", used)
            daemon.check_runs()
    bench.target("row", "p50 s", most=0.6)
    bench.target("row", "p99 s", most=1.5)
    bench.target("row", "markers never seen", most=0)
