"""Goal: what the integration tests stand on can be trusted. A broker keeps acknowledged records over a
crash, Redis its append-only file; kafka_admin sends each line once under the right key; kafka_rows prints
what a reader ends up with."""

import base64
import json
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, RedisError, build_dir, run

EVENTS = 20000


def write_lines(folder, name, lines):
    path = Path(folder) / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def raw_records(broker, topic):
    return [json.loads(line) for line in broker.tool("kafka_rows", "--topic", topic, "--raw").splitlines()]


def check_produce(broker, folder):
    """Each line is sent once, unchanged; one person is always in one partition."""
    whose = [{"user": i % 50} if i % 2 else {"click_id": f"c{i % 40}"} for i in range(EVENTS)]
    lines = [json.dumps({"id": f"e{i}", **who}).encode() for i, who in enumerate(whose)]
    broker.create_topic("feed", partitions=4)
    sent = broker.produce("feed", write_lines(folder, "feed", lines), "--key-field", "user,click_id")
    assert sent == EVENTS == broker.count("feed"), sent
    records = raw_records(broker, "feed")
    assert sorted(base64.b64decode(record["value_base64"]) for record in records) == sorted(lines)
    partitions = {}
    for record in records:
        event = json.loads(base64.b64decode(record["value_base64"]))
        assert record["key"] == str(event.get("user", event.get("click_id"))), record
        partitions.setdefault(record["key"], set()).add(record["partition"])
    assert all(len(found) == 1 for found in partitions.values())
    assert set.union(*partitions.values()) == {0, 1, 2, 3}


def check_crash(broker):
    """A crash loses nothing that was acknowledged, and the address stays."""
    broker.kill9()
    broker.restart()
    assert broker.count("feed") == EVENTS


def check_rows(broker, folder):
    """Of each key the greatest revision wins, not the last written; keys are sorted as bytes."""
    broker.create_topic("rows", partitions=3, cleanup_policy="compact")
    revisions = {"b": [1, 3, 2], "a": [10, 9], "a/b": [7, 7]}
    rows = [json.dumps({"key": key, "revision": revision}).encode().replace(b" ", b"")
            for key, each in revisions.items() for revision in each]
    broker.produce("rows", write_lines(folder, "rows", rows), "--key-field", "key")
    assert broker.rows("rows").splitlines() == [b'{"key":"a","revision":10}', b'{"key":"a/b","revision":7}',
                                                b'{"key":"b","revision":3}']
    other = write_lines(folder, "other", [b'{"key":"b","other":1,"revision":3}'])
    broker.produce("rows", other, "--key-field", "key")
    done = subprocess.run([build_dir() / "tests/kafka_rows", "--brokers", broker.address, "--topic", "rows"],
                          capture_output=True)
    assert done.returncode == 1 and done.stderr == b"b: two values of revision 3\n", done


def check_raw(broker, folder):
    """Bytes that are no text, headers and keys come back as they were sent."""
    value = bytes(range(256)) + b"\n\n"
    path = Path(folder) / "bytes"
    path.write_bytes(value)
    broker.create_topic("dead")
    broker.produce("dead", path, "--whole", "--key", "k", "--header", "ladderd.reason=json", "--header=x=y=z")
    broker.produce("dead", path, "--whole")
    first, second = raw_records(broker, "dead")
    assert base64.b64decode(first["value_base64"]) == value == base64.b64decode(second["value_base64"])
    assert first["headers"] == {"ladderd.reason": "json", "x": "y=z"} and second["headers"] == {}
    assert (first["key"], second["key"], second["key_base64"]) == ("k", None, None)


def check_redis():
    with Redis("--maxmemory", "64mb") as redis:
        redis.command("SET", "k", b"\r\nv")
        assert redis.command("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"67108864"]
        redis.kill9()
        redis.restart()
        assert redis.command("GET", "k") == b"\r\nv"
        try:
            redis.command("LPUSH", "k", "x")
            raise AssertionError("a wrong type is no error")
        except RedisError as error:
            assert str(error).startswith("WRONGTYPE"), error
        redis.command("SET", "last", "1")
        redis.kill9()
        redis.lose_last(5)
        redis.restart()
        assert redis.command("GET", "last") is None and redis.command("GET", "k") == b"\r\nv"
        redis.flushall()
        assert redis.command("GET", "k") is None


def test():
    check_redis()
    begin = time.monotonic()
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        print(f"broker up in {time.monotonic() - begin:.1f} s, {broker.memory_mb()} MB", flush=True)
        check_produce(broker, folder)
        check_crash(broker)
        check_rows(broker, folder)
        check_raw(broker, folder)
        print(f"broker now {broker.memory_mb()} MB", flush=True)


if __name__ == "__main__":
    run(test)
