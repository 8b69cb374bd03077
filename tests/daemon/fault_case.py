"""What the tests of faults share: a feed that is sent in parts, with broken records in each, of which most
events are forwarded; and what must hold in the end, whatever was done to ladderd meanwhile: the rows of
`ladderd replay`, every event counted once, every broken record among the dead letters, the last record of
every key the one with the greatest revision, and nothing that `ladderd audit` finds."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from broker import free_port, wait_until
from daemon_case import (DEAD, LADDERD, OUTPUTS, Daemon, by_key, create_topic, difference, generate, is_empty,
                         metrics, read_records, replay, settings, stop_within, write_config, write_events)

PARTITIONS = 4
BROKEN_PER_CHUNK = 4
# Clicks and spend lie anywhere, so that they are forwarded.
TOPICS = {"ladder.chats": {"key": "user"}, "ladder.rest": {"key": "none"}}


class Feed:
    def __init__(self, folder, broker, chunks, chunk_events, seed, span):
        self.folder, self.broker = folder, broker
        events = chunks * chunk_events
        generate("--seed", seed, "--events", events, "--out", folder / "events.ndjson", "--ads", 8,
                 "--span", span, "--people", events // 3, "--duplicates", 3, "--late", 5)
        self.path = folder / "events.ndjson"
        self.lines = self.read_lines()
        self.chunk, self.chunks = 0, chunks
        self.broken = []
        self.counts = {topic: 0 for topic in TOPICS}

    def read_lines(self):
        return self.path.read_bytes().splitlines()

    def sent_lines(self):
        """Without those that are broken."""
        return self.lines[:self.chunk * -(-len(self.lines) // self.chunks)]

    def send_chunk(self, chunks=1):
        """The next part, with some records that are broken."""
        size = -(-len(self.lines) // self.chunks)
        some = self.lines[self.chunk * size:(self.chunk + chunks) * size]
        chats = [line for line in some if json.loads(line)["type"] in ("message", "outcome")]
        rest = [line for line in some if json.loads(line)["type"] not in ("message", "outcome")]
        broken = [b'{"type":"broken","id":"%d-%d"}' % (self.chunk, i) for i in range(BROKEN_PER_CHUNK)]
        self.broken += broken
        self.chunk += chunks
        with ThreadPoolExecutor() as pool:
            sent = [pool.submit(self.send, "ladder.chats", chats, "--key-field", "user"),
                    pool.submit(self.send, "ladder.rest", rest + broken, "--property", "partitioner=random")]
        for each in sent:
            each.result()

    def send(self, topic, lines, *options):
        path = write_events(self.folder / f"{topic}.ndjson", lines)
        self.counts[topic] += self.broker.produce(topic, path, *options)

    def send_rest(self):
        if self.chunk < self.chunks:
            self.send_chunk(self.chunks - self.chunk)


class FaultCase:
    """The configuration `static` is of an instance that comes back as the member of its group that it was.
    `want` is what it must come to."""
    feed_type = Feed

    def __init__(self, folder, broker, redis, chunks, chunk_events, seed, span="14d", properties=None,
                 **changes):
        self.folder, self.broker, self.redis = folder, broker, redis
        for topic in TOPICS:
            create_topic(broker, topic, PARTITIONS)
        self.feed = self.feed_type(folder, broker, chunks, chunk_events, seed, span)
        self.port = free_port()
        inputs = [{"topic": topic, **how} for topic, how in TOPICS.items()]
        http = {"listen": f"127.0.0.1:{self.port}"}
        self.config = settings(folder, broker, redis, http=http, **changes)
        self.config["kafka"] = {"brokers": broker.address, "inputs": inputs}
        self.static = self.config_of("static", {"group.instance.id": "one", **(properties or {})})
        self.want, counts = replay(self.static, self.feed.path)
        assert counts["rejected"] == counts["late"] == 0 and len(self.want) > 500, counts

    def config_of(self, name, properties, **changes):
        config = {**self.config, **changes}
        config["kafka"] = {**config["kafka"], "properties": properties}
        return write_config(self.folder, config, f"{name}.yaml")

    def check(self, timeout_s=60):
        """The rest is sent, and an instance to which nothing happens comes to what must be."""
        self.feed.send_rest()
        with Daemon(self.static) as daemon:
            self.wait_for_wanted(daemon, timeout_s)
            daemon.wait_until(lambda: self.letters() >= set(self.feed.broken), 20, "the dead letters")
            wait_until(self.is_counted, 20, "every event to be counted once")
            stop_within(daemon, 10)
        self.check_stale()
        self.audit()

    def check_stale(self):
        stale = self.broker.tool("kafka_rows", "--stale",
                                 *(word for topic in OUTPUTS for word in ("--topic", topic)))
        assert not stale, f"{len(stale.splitlines())} keys end with an older revision: {stale[:300]}"

    def wait_for_wanted(self, daemon, timeout_s):
        """As where events are forwarded: rows that became empty may be left."""
        begin, problem = time.monotonic(), ""
        while problem is not None:
            daemon.check_runs()
            assert time.monotonic() - begin < timeout_s, f"{problem}\n{daemon.said()[-3000:]}"
            time.sleep(0.5)
            got = self.read_rows(self.broker.rows(*OUTPUTS))
            held = {key: row for key, row in got.items() if key in self.want or not is_empty(json.loads(row))}
            problem = difference(self.want, held)
        print(f"{len(self.want)} rows, equal after {time.monotonic() - begin:.0f} s", flush=True)

    def read_rows(self, lines):
        return by_key(lines)

    def letters(self):
        return {record["value"] for record in read_records(self.broker, DEAD)}

    def is_counted(self):
        counted = {}
        for (topic, _), count in metrics([self.port]).get("ladderd_events_total", {}).items():
            counted[topic] = counted.get(topic, 0) + count
        assert all(counted.get(topic, 0) <= count for topic, count in self.feed.counts.items()), counted
        return all(counted.get(topic) == count for topic, count in self.feed.counts.items())

    def audit(self):
        done = subprocess.run([LADDERD, "audit", "-c", self.static], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        print(done.stdout.splitlines()[-1], flush=True)
