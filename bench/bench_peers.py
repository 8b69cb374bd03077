"""The same topics and job in Kafka Streams and in Flink, and whether they end with ladderd's numbers."""

import json
import re
import shutil
import subprocess
import time
from decimal import Decimal

from broker import Server, build_dir, jars, java_command
from daemon_bench import (Daemon, PARTITIONS, TOPICS, create_topic, fill, open_broker, open_redis,
                          read_to_end, settings)
from harness import ROOT, cpu_seconds, peak_mb

SENTENCE = "ladderd beside Kafka Streams and Flink on the same topics; the numbers of ads by hour compared"

HERE = ROOT / "bench" / "peers"
AT_END = re.compile(r"the peer has read to the end records=(\d+) ms=(\d+)")
MONEY = ("click_cost", "revenue")
QUIET_S = 5
HISTORY_QUIET_S = 65  # a row of an hour that was sent comes again after publish.history_emit, a minute
HEAP = "6g"


def version(name):
    """Of a peer, as its pom.xml says."""
    return re.search(r"<version>(?!1<)(.*?)</version>", (HERE / name / "pom.xml").read_text())[1]


class Peer(Server):
    """One of bench/peers/, compiled at need, on the topics of TOPICS; its rows go to the topic `output`."""

    start_timeout_s = 600

    def __init__(self, name, broker, output, records):
        self.name, self.broker, self.output, self.records = name, broker, output, records
        super().__init__()

    def command_line(self):
        libs = jars(HERE / self.name / "pom.xml", build_dir() / "peers" / f"{self.name}-libs")
        classes = self.dir / "classes"
        sources = [*(HERE / "job").glob("*.java"), *(HERE / self.name).glob("*.java")]
        subprocess.run(["javac", "-nowarn", "-d", classes, "-cp", f"{libs}/*", *sources], check=True)
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        state = self.dir / "state"
        state.mkdir()
        return [java_command(), f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:+UseParallelGC", log,
                "--add-opens=java.base/java.util=ALL-UNNAMED", "-cp", f"{classes}:{libs}/*", "Main",
                self.broker.address, self.output, self.output, str(state), str(self.records),
                *TOPICS.values()]

    def is_up(self):
        return True

    def read_to_end(self, timeout_s):
        """Records, and the seconds from the first of them to the last: the start of the JVM is not in it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.is_up_or_dead()
            said = AT_END.search(self.log.read_text(errors="replace"))
            if said:
                return int(said[1]), int(said[2]) / 1000
            time.sleep(0.2)
        raise TimeoutError(f"{self.name} did not read to the end within {timeout_s} s")


def wait_quiet(broker, topic, quiet_s=QUIET_S):
    """Until no row was written to a topic for a while."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < quiet_s:
        time.sleep(1)
        now = broker.count(topic)
        if now != count:
            count, since = now, time.monotonic()


def micros(value):
    return int(Decimal(value).scaleb(6))


def peer_rows(broker, topic):
    """key -> counts, of the rows that hold something."""
    rows = {}
    for line in broker.rows(topic).splitlines():
        row = json.loads(line)
        key = row.pop("key")
        del row["revision"]
        if any(row.values()):
            rows[key] = row
    return rows


def ladderd_rows(broker, topic, fields):
    """The same of ladderd's: what happened at an ad in an hour."""
    rows = {}
    for line in broker.rows(topic).splitlines():
        row = json.loads(line, parse_float=Decimal)
        if (row["basis"], row["level"], row["window"]) != ("event", "ad", "1h"):
            continue
        counts = {field: micros(row[field]) if field in MONEY else row[field] for field in fields}
        if any(counts.values()):
            rows[f"{row['id']}/{row['from_ms'] // 3_600_000}"] = counts
    return rows


def compare(name, want, got):
    """Raises with the first rows that differ."""
    wrong = [key for key in sorted(want.keys() | got.keys()) if want.get(key) != got.get(key)]
    if wrong:
        key = wrong[0]
        raise AssertionError(f"{len(wrong)} of {len(want)} rows of {name} differ from ladderd's; the first, "
                             f"{key}: {got.get(key)}, not {want.get(key)}")


def run_ladderd(bench, broker, redis, folder, number):
    daemon = Daemon(settings(folder, broker, redis, number))
    with daemon:
        records, seconds = read_to_end(daemon, 600)
        note(bench, "ladderd", daemon, records, seconds)
        if number == 1:
            wait_quiet(broker, "out.history.1", HISTORY_QUIET_S)
        daemon.stop()
    redis.command("FLUSHALL")
    return records


def note(bench, name, server, records, seconds):
    bench.note(name, "events/s", records / seconds)
    bench.note(name, "CPU s/M", cpu_seconds(server.process.pid) / records * 1e6)
    bench.note(name, "memory MB", peak_mb(server.process.pid))


def run_peer(bench, broker, name, number, records):
    output = f"out.{name}.{number}"
    create_topic(broker, output, PARTITIONS)
    with Peer(name, broker, output, records) as peer:
        note(bench, name, peer, *peer.read_to_end(1800))
        if number == 1:
            wait_quiet(broker, output)
            got = peer_rows(broker, output)
            want = ladderd_rows(broker, "out.history.1", next(iter(got.values())))
            compare(name, want, got)
            bench.note(name, "rows equal", len(want))


def run(bench):
    events = bench.option("events", 4_000_000, quick=100_000)
    people = bench.option("people", 500_000, quick=12_500)
    if not shutil.which("javac"):
        raise FileNotFoundError("javac is missing (apt-get install default-jdk-headless)")
    bench.setting("partitions", PARTITIONS)
    bench.setting("Kafka Streams", version("streams"))
    bench.setting("Flink", version("flink"))
    bench.setting("heap", HEAP)
    bench.setting("commits", "every 5 s")
    bench.setting("job of the peers", "21 counts of an ad by the hour; ladderd does all of its own")
    broker, redis, folder = open_broker(bench), open_redis(bench), bench.folder()
    fill(broker, events, "--people", people)
    for number in bench.rounds():
        records = run_ladderd(bench, broker, redis, folder, number)
        for name in ("streams", "flink"):
            run_peer(bench, broker, name, number, records)
    bench.ratio("ladderd", "streams", "events/s")
    bench.ratio("ladderd", "flink", "events/s")
    bench.target("ladderd / streams", "events/s", least=20)
    bench.target("ladderd / flink", "events/s", least=6)
