"""Goal: what is wrong around the daemon is named, ends it with the right exit code where only somebody's
hand can help, and else is waited out; SIGTERM always ends it within 10 seconds.
Method: one thing wrong at a time, on a genuine Kafka and Redis. The full disk is a tmpfs of its own, or,
where none can be mounted, a snapshot that cannot be written.

labels: waits"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import (INPUTS, LADDERD, Daemon, committed_records, create_inputs, create_topic, generate,
                         refused, replay, settings, start_generate, stop_within, wait_for_rows, write_config)

EVENTS = int(os.environ.get("LADDER_EVENTS", 120_000))
FEED = ["--seed", 3, "--events", EVENTS, "--ads", 12, "--span", "5d"]
LIMIT_S = 10  # for SIGTERM
FAILED, USAGE, TEMPORARY, NO_PERMISSION, CONFIG = 1, 64, 75, 77, 78


class Case:
    def __init__(self, folder, broker, redis):
        self.folder, self.broker, self.redis = folder, broker, redis
        self.config = write_config(folder, settings(folder, broker, redis))

    def changed(self, name, at=None, **changes):
        """Another configuration, with a state of its own, in this Redis or another one."""
        made = settings(self.folder, self.broker, at or self.redis, **changes)
        made["redis"]["namespace"] = name
        return write_config(self.folder, made, f"{name}.yaml")

    def inputs(self, *topics):
        return {"inputs": [{"topic": topic} for topic in topics]}


# ---- What only somebody's hand can help ----

def check_configuration(case):
    path = case.folder / "bad.yaml"
    path.write_text("kafka: {brokers: x}\nredis:\n  urll: redis://x\nworkers: many\n")
    for command in (["run", "-c"], ["check", "-c"]):
        done = subprocess.run([LADDERD, *command, path], capture_output=True, text=True)
        assert done.returncode == CONFIG, done
        for wanted in (f"{path}:3:3: ", "did you mean `url`", f"{path}:4:10: `workers`"):
            assert wanted in done.stderr, (wanted, done.stderr)
    assert subprocess.run([LADDERD, "run"], capture_output=True).returncode == USAGE
    done = subprocess.run([LADDERD, "check", "-c", case.config], capture_output=True, text=True)
    assert done.returncode == 0 and "is valid" in done.stdout, done


def check_topics(case):
    said = refused(case.changed("missing", kafka=case.inputs("ladder.clicks", "no.such.topic")), CONFIG)
    assert "no.such.topic: there is no such topic" in said, said
    create_topic(case.broker, "of.three", 3)
    said = refused(case.changed("uneven", kafka=case.inputs("ladder.clicks", "of.three")), CONFIG)
    assert "ladder.clicks has 4 partitions, of.three has 3" in said, said
    create_topic(case.broker, "of.one", 1)
    config = case.changed("narrow", kafka={"outputs": {"exchange": "of.one"}})
    wanted = "of.one: has 1 partition and needs 2: give it more"
    assert wanted in refused(config, CONFIG)
    done = subprocess.run([LADDERD, "check", "-c", config, "--connect"], capture_output=True, text=True)
    assert done.returncode == CONFIG and wanted in done.stdout + done.stderr, done


def check_identity(case):
    """A key that others can read is refused, with what to do; it is not changed."""
    key = case.folder / "open.key"
    config = case.changed("open", identity={"key_file": str(key)})
    key.write_text("00" * 32 + "\n")
    key.chmod(0o644)
    said = refused(config, NO_PERMISSION)
    assert str(key) in said and "chmod" in said, said
    assert key.stat().st_mode & 0o777 == 0o644
    key.chmod(0o600)
    with Daemon(config) as daemon:
        stop_within(daemon, LIMIT_S)


def check_wrong_type(case):
    """A key of another type: found when the state is read back, and when it turns up later."""
    case.redis.command("RPUSH", "{typed:0}:vector", "x")
    with Daemon(case.changed("typed")) as daemon:
        said = daemon.wait_for_exit(FAILED)
    assert "{typed:0}:vector" in said and "WRONGTYPE" in said, said
    assert case.redis.command("LRANGE", "{typed:0}:vector", "0", "-1") == [b"x"]
    with Daemon(case.changed("retyped")) as daemon:
        daemon.wait_said("a task is read back", 30, count=4)
        case.redis.command("DEL", "{retyped:1}:names")
        case.redis.command("SET", "{retyped:1}:names", "x")
        generate("--seed", 9, "--events", 2000, "--kafka", case.broker.address)
        said = daemon.wait_for_exit(FAILED)
    assert "{retyped:1}:names" in said and "WRONGTYPE" in said, said
    case.redis.flushall()


def check_other_identity(case):
    """State sealed with one key is not read with another."""
    with Daemon(case.changed("sealed")) as daemon:
        wait_until(lambda: case.redis.command("EXISTS", "{sealed:0}:vector"), 30, "a commit")
        stop_within(daemon, LIMIT_S)
    other = {"key_file": str(case.folder / "other.key")}
    with Daemon(case.changed("sealed", identity=other)) as daemon:
        said = daemon.wait_for_exit(FAILED)
    assert "{sealed:" in said and "identity.key_file" in said, said
    case.redis.flushall()


# ---- What is waited out ----

def check_broker_away(case):
    """Nobody at the address: said, tried again, and it goes on when Kafka is there."""
    case.broker.stop()
    daemon = Daemon(case.config)
    daemon.awaited = "kafka is not ready for us"
    with daemon:
        assert "check kafka.brokers, and that they are up" in daemon.said(), daemon.said()
        time.sleep(1.5)  # it is asking again
        print(f"Kafka never there: {stop_within(daemon, LIMIT_S):.1f} s", flush=True)
        daemon.start()
        case.broker.start()
        daemon.wait_said("ladderd is running", 60)
        stop_within(daemon, LIMIT_S)


class TinyDisk:
    """A Redis whose append-only file is on a disk that can be full until there is room() again."""

    def __init__(self):
        self.redis = Redis()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", self.redis.dir],
                                 capture_output=True)
        self.is_disk = mounted.returncode == 0
        print(f"a full disk: {'tmpfs' if self.is_disk else 'a snapshot that fails'}", flush=True)

    def __enter__(self):
        self.redis.start()
        return self

    def __exit__(self, *_):
        self.redis.kill9()
        if self.is_disk:
            subprocess.run(["umount", self.redis.dir], check=True)
        self.redis.close()

    def fill(self):
        if self.is_disk:
            self.ballast = self.redis.dir / "ballast"
            with open(self.ballast, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(1 << 16))
                except OSError:
                    pass
            return
        self.ballast = self.redis.dir / "dump.rdb"
        self.ballast.mkdir()
        self.redis.command("CONFIG", "SET", "save", "3600 1")
        self.redis.command("BGSAVE")
        wait_until(lambda: b"rdb_last_bgsave_status:err" in self.redis.command("INFO", "persistence"), 30,
                   "a snapshot that fails")

    def room(self):
        if self.is_disk:
            self.ballast.unlink()
            return
        self.ballast.rmdir()
        self.redis.command("BGSAVE")


def check_full_output(case):
    """Where what it says cannot be written, that is said once, and it has failed."""
    commands = [["config", "--reference"], ["config", "--defaults"], ["check", "-c", case.config], ["--help"],
                ["erase", "--help"], ["generate", "--seed", 3, "--events", 2000]]
    for command in commands:
        with open("/dev/full", "w") as full:
            done = subprocess.run([LADDERD, *map(str, command)], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=60)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, (command, done)


def check_full_disk(case, want):
    """Said once, not at every try; rows go on; when there is room, commits go on."""
    with TinyDisk() as disk:
        vector = "{tiny:0}:vector"
        with Daemon(case.changed("tiny", at=disk.redis)) as daemon:
            wait_until(lambda: disk.redis.command("EXISTS", vector), 60, "a commit")
            disk.fill()
            generate(*FEED, "--kafka", case.broker.address)
            daemon.wait_said("MISCONF", 30)
            wait_for_rows(case.broker, want, 60, daemon)
            time.sleep(3)
            assert daemon.count_said("MISCONF") <= 2, daemon.said()  # one for each worker
            before = disk.redis.command("GET", vector)
            disk.room()
            daemon.wait_said("redis is back", 30, count=2)
            wait_until(lambda: disk.redis.command("GET", vector) != before, 30, "a commit again")
            stop_within(daemon, LIMIT_S)


# ---- SIGTERM ----

def check_stop_idle(case):
    with Daemon(case.config) as daemon:
        in_kafka = sum(case.broker.count(topic) for topic in INPUTS)
        daemon.wait_until(lambda: committed_records(case.redis) == in_kafka, 60, "all to be committed")
        daemon.restart()
        time.sleep(1)
        stop_within(daemon, LIMIT_S)
        assert daemon.count_said("a task is read back") == 4, daemon.said()
        assert " people=0" not in daemon.said(), daemon.said()


def check_stop_under_load(case, config):
    """Everything it has read is committed: exit code 0. What Redis is away for is not: 75. All that comes is
    there already, so it may end anywhere."""
    feed = start_generate(*FEED, "--kafka", case.broker.address, "--rate", EVENTS // 40)
    with Daemon(config) as daemon:
        for seconds in (0.2, 1, 2):
            time.sleep(seconds)
            took = stop_within(daemon, LIMIT_S)
            assert feed.poll() is None, "nothing was under load"
            print(f"under load: {took:.1f} s", flush=True)
            daemon.start()
        time.sleep(1)
        case.redis.kill9()
        daemon.wait_said("redis is away", 10)
        time.sleep(1)
        print(f"Redis away: {stop_within(daemon, LIMIT_S, TEMPORARY):.1f} s", flush=True)
        assert feed.poll() is None, "nothing was under load"
        daemon.start()
        time.sleep(0.5)
        print(f"Redis away from the start: {stop_within(daemon, LIMIT_S):.1f} s", flush=True)
        case.redis.start()
    feed.kill()
    feed.wait()


def check_stop_without_kafka(case, config):
    """Rows that cannot be sent wait for the next run, which sends them."""
    with Daemon(config) as daemon:
        time.sleep(0.7)
        case.broker.kill9()
        time.sleep(1)
        print(f"Kafka away: {stop_within(daemon, LIMIT_S):.1f} s", flush=True)
        daemon.awaited = "kafka is not ready for us"
        daemon.start()
        print(f"Kafka away from the start: {stop_within(daemon, LIMIT_S):.1f} s", flush=True)
    case.broker.start()


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        case = Case(folder, broker, redis)
        begin = time.monotonic()
        for check in (check_configuration, check_topics, check_identity, check_wrong_type,
                      check_other_identity, check_broker_away, check_full_output):
            check(case)
            print(f"{time.monotonic() - begin:.1f} s: {check.__name__}", flush=True)
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        case = Case(folder, broker, redis)
        generate(*FEED, "--out", folder / "events.ndjson")
        want, _ = replay(case.config, folder / "events.ndjson")
        generate(*FEED, "--kafka", broker.address)
        check_full_disk(case, want)
        check_stop_idle(case)
        check_stop_under_load(case, case.config)
        outputs = {"current": "again.current", "history": "again.history"}
        again = case.changed("again", kafka={"outputs": outputs})
        check_stop_without_kafka(case, again)
        with Daemon(again) as daemon:
            wait_for_rows(broker, want, 60, daemon, topics=outputs.values())
        with Daemon(case.config) as daemon:
            wait_for_rows(broker, want, 60, daemon)


if __name__ == "__main__":
    run(test)
