"""Goal: after the inputs were given more partitions, `ladderd reshard` has the state go on (design decision
6): nothing is read again, and with what comes in old and new partitions the rows end as `ladderd replay` of
all events has them, every event in one class (spec section 7), and `ladderd audit` finds nothing. From 3 to 5
to 6 partitions, once with everything keyed by the person, once with clicks keyed by their click id and the
state in a Redis Cluster.

Each time some is left unread in the old partitions. Before that: what it refuses, and says to do; and that a
reshard which was cut off in the middle is refused by `run`, and ended by another one."""

import json
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, free_port, run, wait_until
from daemon_case import (DEAD, LADDERD, OUTPUTS, Daemon, by_key, create_topic, difference, generate, is_empty,
                         metrics, refused, replay, settings, stop_within, write_config, write_events)
from redis_cluster import RedisCluster
from shuffle import with_rivals

EVENTS = int(os.environ.get("LADDER_EVENTS", 15_000))
SEED = int(os.environ.get("LADDER_SEED", 1))
COUNTS = (3, 5, 6)  # partitions
HOMES = COUNTS[0]
CHUNKS = 8
SHUFFLE = "ladder.shuffle"
DONE, FAILED, TEMPORARY, CONFIG = 0, 1, 75, 78
TOPIC_OF = {"message": "ladder.messages", "click": "ladder.clicks", "open": "ladder.clicks",
            "outcome": "ladder.outcomes", "spend": "ladder.outcomes"}
# topic: how it is read, and how it is written: the key's field, and librdkafka's partitioner
BY_PERSON = {topic: ({"partitioner": "crc32"}, "keyed_by", "consistent_random")
             for topic in ("ladder.messages", "ladder.clicks", "ladder.outcomes")}
BY_CLICK = {
    "ladder.messages": ({}, "user", "murmur2_random"),
    "ladder.clicks": ({"key": "click_id", "partitioner": "fnv1a"}, "click_id", "fnv1a_random"),
    "ladder.outcomes": ({"partitioner": "crc32"}, "user,ad", "consistent_random"),
}


def with_keys(events):
    """A click is keyed by whoever sends its click id, as the person's own events are; spend by its ad."""
    owners = {event["click_id"]: event["user"] for event in events if "click_id" in event and "user" in event}
    return [{**event, "keyed_by": event.get("user") or owners.get(event.get("click_id")) or
             event.get("click_id") or event["ad"]} for event in events]


class Case:
    def __init__(self, folder, broker, redis, topics):
        self.folder, self.broker, self.redis, self.topics = folder, broker, redis, topics
        self.port = free_port()
        self.config = settings(folder, broker, redis, http={"listen": f"127.0.0.1:{self.port}"})
        inputs = [{"topic": topic, **how} for topic, (how, _, _) in topics.items()]
        self.config["kafka"] = {"brokers": broker.address, "inputs": inputs, "properties": {}}
        generate("--seed", SEED, "--events", EVENTS, "--out", folder / "made.ndjson", "--span", "21d",
                 "--ads", 12, "--people", EVENTS // 20, "--duplicates", 3, "--late", 5)
        made = [json.loads(line) for line in (folder / "made.ndjson").read_text().splitlines()]
        self.events = with_keys(made) if topics is BY_PERSON else with_rivals(made, random.Random(SEED))
        self.path = write_events(folder / "events.ndjson", self.events)
        self.counts = {topic: 0 for topic in topics}
        self.chunk = 0
        self.partitions = COUNTS[0]
        for topic in topics:
            create_topic(broker, topic, self.partitions)

    def write(self, name="ladderd.yaml", redis=None, inputs=None, **kafka):
        config = {**self.config, "kafka": {**self.config["kafka"], **kafka}}
        config["redis"] = {**config["redis"], **(redis or {})}
        if inputs:
            config["kafka"]["inputs"] = [{**each, **inputs} for each in config["kafka"]["inputs"]]
        return write_config(self.folder, config, name)

    def send_chunk(self):
        size = -(-len(self.events) // CHUNKS)
        part = self.events[self.chunk * size:(self.chunk + 1) * size]
        self.chunk += 1
        for topic, (_, field, partitioner) in self.topics.items():
            path = write_events(self.folder / "part", [e for e in part if TOPIC_OF[e["type"]] == topic])
            self.counts[topic] += self.broker.produce(topic, path, "--key-field", field, "--property",
                                                      f"partitioner={partitioner}")

    def grow(self, partitions):
        for topic in self.topics:
            self.broker.grow_topic(topic, partitions)
        self.partitions = partitions

    def offsets(self):
        return sum(count for (topic, _), count in metrics([self.port]).get("ladderd_input_offset", {}).items()
                   if topic != SHUFFLE)

    def wait_read(self, daemon):
        daemon.wait_until(lambda: self.offsets() == sum(self.counts.values()), 60, "everything is read")

    def reshard(self, path, code, *texts):
        done = subprocess.run([LADDERD, "reshard", "-c", path], capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"exit code {done.returncode}, not {code}: {said}"
        for text in texts:
            assert text in said, f"{text!r} is not said: {said}"
        return said

    def reshard_new(self, path, count):
        said = self.reshard(path, DONE, f"kept in the first {HOMES} of {self.partitions} partitions")
        assert said.count("goes on with") == count, said
        print(said, end="", flush=True)
        return said

    # ---- What is refused ----

    def check_refused_at_first(self, path):
        """Nothing of it changes anything."""
        before = self.stored()
        if self.topics is BY_PERSON:
            said = refused(self.write("plain.yaml"), 1)
            assert f"it was written for {HOMES} partitions, and the inputs have {self.partitions}" in said
            assert f"set kafka.home_partitions to {HOMES} and run `ladderd reshard`" in said, said
        else:
            said = refused(self.write("plain.yaml"), CONFIG)
            assert f"{SHUFFLE} has {HOMES} partitions, and the inputs have {self.partitions}" in said, said
        self.wait_for_nobody()
        self.reshard(self.write("plain.yaml"), CONFIG, f"set kafka.home_partitions to {HOMES}")
        self.reshard(self.write("wrong.yaml", home_partitions=2), CONFIG,
                     f"set kafka.home_partitions to {HOMES}")
        self.reshard(self.write("wrong.yaml", home_partitions=HOMES, redis={"namespace": "other"}), CONFIG,
                     "redis.namespace other holds no state")
        if self.topics is BY_PERSON:
            self.reshard(self.write("wrong.yaml", home_partitions=HOMES, inputs={"partitioner": "murmur2"}),
                         CONFIG, "which was read there, belongs into partition", "partitioner")
        else:
            self.reshard(self.write("wrong.yaml", home_partitions=HOMES, inputs={"key": "none"}), CONFIG,
                         "another `key` or `partitioner`")
            self.reshard(self.write("wrong.yaml", home_partitions=HOMES, group="other"), CONFIG,
                         "another kafka.group")
        self.check_not_whole(path)
        assert self.stored() == before

    def check_not_whole(self, path):
        keys = [f"{{ladder:1}}:{name}" for name in ("vector", "meta", "names")]
        kept = [self.redis.command("DUMP", key) for key in keys]
        self.redis.command("DEL", *keys)
        self.reshard(path, FAILED, "tasks, but none of task 1: restore Redis from a copy")
        for key, bytes_of in zip(keys, kept):
            self.redis.command("RESTORE", key, "0", bytes_of)
        page = sorted(self.redis.command("SMEMBERS", keys[2]))[0].decode()
        kept = self.redis.command("DUMP", f"{{ladder:1}}:{page}")
        self.redis.command("DEL", f"{{ladder:1}}:{page}")
        self.reshard(path, FAILED, f"{{ladder:1}}:{page} is gone")
        self.redis.command("RESTORE", f"{{ladder:1}}:{page}", "0", kept)

    def stored(self):
        return [self.redis.command("GET", f"{{ladder:{task}}}:{name}")
                for task in range(HOMES) for name in ("vector", "meta")]

    def begin_wrongly(self):
        """New tasks as an instance begins them that is given nothing else, and does not know of homes."""
        homes = [f"{{ladder:{task}}}:*" for task in range(HOMES)]
        moved = [key for home in homes for key in self.redis.command("KEYS", home)]
        for key in moved:
            self.redis.command("RENAME", key, b"aside:" + key)
        with Daemon(self.write("plain.yaml")) as daemon:
            self.wait_read(daemon)
            stop_within(daemon, 10)
        for key in [key for home in homes for key in self.redis.command("KEYS", home)]:
            self.redis.command("DEL", key)
        for key in moved:
            self.redis.command("RENAME", b"aside:" + key, key)

    def cut_off(self, path):
        """As if it had been killed when it had written all tasks but one."""
        keys = ["{ladder:1}:vector", "{ladder:1}:meta"]
        kept = [self.redis.command("GET", key) for key in keys]
        said = self.reshard_new(path, HOMES)
        if self.topics is BY_PERSON:
            assert said.count("is begun anew") == COUNTS[1] - HOMES, said
        for key, value in zip(keys, kept):
            self.redis.command("SET", key, value)
        assert "run `ladderd reshard`, which lets it go on" in refused(path, 1)
        self.wait_for_nobody()
        self.reshard_new(path, 1)

    def wait_for_nobody(self):
        """What was refused has been a member for a moment."""
        def is_empty_group():
            done = subprocess.run([LADDERD, "reshard", "-c", self.write("nobody.yaml", home_partitions=1)],
                                  capture_output=True, timeout=60)
            return done.returncode != TEMPORARY
        wait_until(is_empty_group, 30, "a group without members", 1)

    # ---- What goes on ----

    def wait_for_wanted(self, want, daemon):
        begin, problem = time.monotonic(), ""
        while problem is not None:
            daemon.check_runs()
            assert time.monotonic() - begin < 60, f"{problem}\n{daemon.said()[-3000:]}"
            time.sleep(1)
            got = by_key(self.broker.rows(*OUTPUTS))
            kept = {key: row for key, row in got.items() if key in want or not is_empty(json.loads(row))}
            problem = difference(want, kept)

    def check_balance(self):
        numbers = metrics([self.port])
        events, forwarded = numbers["ladderd_events_total"], numbers["ladderd_forwarded_total"]
        received, offsets = numbers["ladderd_received_total"], numbers["ladderd_input_offset"]
        for topic, count in self.counts.items():
            places = [(topic, partition) for partition in range(self.partitions)]
            assert sum(offsets[place] for place in places) == count, (topic, offsets)
            for place in places:
                ended = events[place] + forwarded[place] - received[place]
                assert ended == offsets[place], f"{place}: {offsets[place]} events, {ended} of them counted"
                assert place[1] < HOMES or events[place] == 0, f"{place}: people are kept there"
            sent = sum(forwarded[place] for place in places)
            assert sum(events[place] for place in places) == count, topic
            assert sent == sum(received[place] for place in places) > 0, topic
            assert all(offsets[place] for place in places), f"every partition has had some: {offsets}"
            print(f"{topic}: {count} events, {sent} of them forwarded", flush=True)

    def go_on(self, partitions):
        """Nobody runs, some is unread in the old partitions, and there are more."""
        self.send_chunk()
        self.grow(partitions)
        self.wait_for_nobody()

    def check_all(self):
        path = self.write("homes.yaml", home_partitions=HOMES)
        want, counts = replay(path, self.path)
        assert counts["rejected"] == counts["late"] == 0 and len(want) > 1000, counts
        with Daemon(self.write("plain.yaml")) as daemon:
            self.send_chunk()
            self.wait_read(daemon)
            self.reshard(path, TEMPORARY, "the group ladderd has 1 member", "stop all instances")
            stop_within(daemon, 10)
        self.go_on(COUNTS[1])
        self.send_chunk()
        self.check_refused_at_first(path)
        if self.topics is BY_PERSON:
            self.begin_wrongly()
        self.wait_for_nobody()
        self.cut_off(path)
        self.reshard(path, DONE, f"nothing to do: the state is for {COUNTS[1]} partitions already")
        with Daemon(path) as daemon:
            self.send_chunk()
            daemon.wait_until(lambda: self.offsets() > sum(self.counts.values()) / 2, 60, "some is read")
            daemon.kill9()
            self.send_chunk()
            daemon.start()
            self.wait_read(daemon)
            stop_within(daemon, 10)
        self.go_on(COUNTS[2])
        self.wait_for_nobody()
        self.reshard_new(path, COUNTS[1])
        with Daemon(path) as daemon:
            while self.chunk < CHUNKS:
                self.send_chunk()
            self.wait_read(daemon)
            self.wait_for_wanted(want, daemon)
            time.sleep(1.5)  # the status is said once a second
            self.check_balance()
            assert self.broker.count(DEAD) == 0
            audit = subprocess.run([LADDERD, "audit", "-c", path], capture_output=True, timeout=300)
            assert audit.returncode == 0, audit.stdout[-3000:].decode()
            stop_within(daemon, 10)


def test():
    for topics, redis_kind in ((BY_PERSON, Redis), (BY_CLICK, RedisCluster)):
        with tempfile.TemporaryDirectory() as name, Broker() as broker, redis_kind() as redis:
            Case(Path(name), broker, redis, topics).check_all()


if __name__ == "__main__":
    run(test)
