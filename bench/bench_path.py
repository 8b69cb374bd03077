"""The whole path beside a bare drain of the same topics, on the same cores."""

from daemon_bench import (Daemon, PARTITIONS, TOPICS, fill, open_broker, open_redis, read_to_end,
                          settings)
from harness import BUILD, cpu_seconds, json_line, peak_mb

SENTENCE = "Kafka to rows, state in Redis, commits on, beside librdkafka alone draining the same topics"


def drain(broker):
    topics = []
    for topic in TOPICS.values():
        topics += ["--topic", topic]
    return json_line([BUILD / "bench/bench_drain", "--brokers", broker.address, *topics,
                      "--partitions", PARTITIONS, "--threads", 2])


def run_path(bench, broker, redis, folder, round_number):
    before = [cpu_seconds(server.process.pid) for server in (broker, redis)]
    daemon = Daemon(settings(folder, broker, redis, round_number))
    with daemon:
        records, seconds = read_to_end(daemon, 600)
        used = cpu_seconds(daemon.process.pid)
        bench.note("path", "ladderd CPU s/M", used / records * 1e6)
        bench.note("path", "memory MB", peak_mb(daemon.process.pid))
        for server, used in zip((broker, redis), before):
            name, spent = server.name, cpu_seconds(server.process.pid) - used
            bench.note("path", f"{name} CPU s/M", spent / records * 1e6)
        bench.note("path", "events/s", records / seconds)
        daemon.stop()
    redis.command("FLUSHALL")


def run(bench):
    events = bench.option("events", 8_000_000, quick=200_000)
    people = bench.option("people", 1_000_000, quick=25_000)
    bench.setting("partitions", PARTITIONS)
    bench.setting("compression", "lz4, one event a record")
    bench.setting("redis", "UNIX socket, append-only file, fsync every second")
    bench.setting("commits", "at the default interval")
    broker, redis, folder = open_broker(bench), open_redis(bench), bench.folder()
    fill(broker, events, "--people", people)
    drain(broker)
    for number in bench.rounds():
        done = drain(broker)
        bench.note("drain", "events/s", done["records"] / done["seconds"])
        bench.note("drain", "CPU s/M", done["cpu_seconds"] / done["records"] * 1e6)
        run_path(bench, broker, redis, folder, number)
    bench.ratio("path", "drain", "events/s")
    bench.target("path", "events/s", least=2e6)
    bench.target("path / drain", "events/s", least=0.8)
