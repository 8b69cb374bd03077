"""Goal: what a running ladderd says of itself by HTTP is true. The metrics are as Prometheus wants them, and
the events by class are those that `ladderd replay` counts; it is ready when everything is read and Kafka and
Redis answer, and not before; offsets and tasks are those of Kafka; the rows are those that were published,
byte for byte, and come from the instance that merges. `off` opens no port, and an address in use is refused.
Method: a genuine Kafka and Redis, which go away and come back; promtool; two instances.

labels: sanitize threads"""

import json
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from broker import Broker, Redis, Skip, free_port, run, wait_until
from daemon_case import (CURRENT, HISTORY, INPUTS, KEY, OUTPUTS, PARTITIONS, Daemon, generate, refused,
                         replay, settings, stop_within, wait_for_rows, write_config)

EVENTS = 100_000
BAD_REQUEST, UNAVAILABLE = 400, 503
EXIT_UNAVAILABLE = 69
CLASSES = ("applied", "duplicate", "late", "rejected", "ignored")
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
BAD = (b'{"type":"message"', b'{"type":"message","id":"x"}', b'{"type":"dance","id":"y","ts":1}',
       b'{"type":"dance","id":"z","ts":1}', b"\xff\xfe")


# ---- Asking ----

def ask(port, path, **arguments):
    """(status, body, headers)."""
    url = f"http://127.0.0.1:{port}{path}"
    if arguments:
        url += "?" + urllib.parse.urlencode(arguments)
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def ask_json(port, path, **arguments):
    status, body, headers = ask(port, path, **arguments)
    assert headers["Content-Type"] == "application/json", headers
    return status, json.loads(body)


def is_ready(port):
    status, said = ask_json(port, "/readyz")
    assert (status == 200) == said["ready"] == (not said["reasons"]), said
    return said["ready"]


def metrics(port):
    """{(name, label=value, ...): number}, the labels sorted."""
    status, body, headers = ask(port, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    found = {}
    for line in body.decode().splitlines():
        if not line.startswith("#"):
            name, labels, number = SAMPLE.match(line).groups()
            key = (name, *sorted(labels.replace('"', "").split(",") if labels else ()))
            assert key not in found, f"twice: {line}"
            found[key] = float(number)
    return found


def total(numbers, name, *labels):
    """The sum of all lines of a metric that have these labels."""
    lines = [number for key, number in numbers.items() if key[0] == name and set(labels) <= set(key)]
    assert lines, f"no {name} {labels}"
    return sum(lines)


# ---- What must be so ----

def check_promtool(port):
    _, body, _ = ask(port, "/metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stdout + done.stderr, (done.stdout + done.stderr).decode()


def check_events(port, counts):
    """Every class as `ladderd replay` counts it, and the reasons sum up."""
    def wrong():
        numbers = metrics(port)
        got = {word: int(total(numbers, "ladderd_events_total", f"class={word}")) for word in CLASSES}
        want = {word: counts[word] for word in CLASSES}
        return None if got == want else (got, want)
    wait_until(lambda: not wrong(), 10, f"counts as {counts}, not {wrong()}")
    numbers = metrics(port)
    assert total(numbers, "ladderd_rejected_total") == counts["rejected"] == len(BAD)
    for reason, count in (("json", 1), ("encoding", 1), ("missing_field", 1), ("unknown_type", 2)):
        assert total(numbers, "ladderd_rejected_total", f"reason={reason}") == count, reason


def check_offsets(port, broker):
    """Where the metrics and /status say it is, Kafka's partitions end."""
    numbers, status = metrics(port), ask_json(port, "/status")[1]
    assert sorted(task["task"] for task in status["tasks"]) == list(range(PARTITIONS)), status
    for task in status["tasks"]:
        assert task["state"] == "reading" and task["caught_up"] and task["wanted"], task
        for one in task["inputs"]:
            labels = (f"topic={one['topic']}", f"partition={task['task']}")
            assert one["problem"] is None and one["gap"] is None and one["lag"] == 0, one
            assert total(numbers, "ladderd_input_offset", *labels) == one["offset"], one
            assert total(numbers, "ladderd_input_log_end_offset", *labels) == one["log_end"], one
    for topic in INPUTS:
        assert total(numbers, "ladderd_input_offset", f"topic={topic}") == broker.count(topic), topic
    assert total(numbers, "ladderd_input_lag_records") == 0
    assert total(numbers, "ladderd_people") == sum(task["people"] for task in status["tasks"]) > 100
    return status


def check_whole(port, status):
    """What is said of the instance as a whole."""
    numbers = metrics(port)
    for name, want in (("ready", 1), ("kafka_up", 1), ("redis_up", 1), ("merging", 1), ("tasks", PARTITIONS),
                       ("tasks_caught_up", PARTITIONS), ("memory_full", 0), ("gap_offsets_total", 0),
                       ("commits_failed_total", 0), ("input_stopped", 0), ("rows_waiting", 0)):
        assert total(numbers, f"ladderd_{name}") == want, f"{name}: {total(numbers, f'ladderd_{name}')}"
    for name in ("commits_total", "commit_bytes_total", "memory_resident_bytes", "memory_limit_bytes",
                 "stream_time_seconds"):
        assert total(numbers, f"ladderd_{name}") > 0, name
    assert total(numbers, "ladderd_dead_letters_total") == len(BAD)
    assert status["ready"] and status["merging"] and status["kafka_up"] and status["redis_up"], status
    assert status["partitions"] == PARTITIONS and not status["memory"]["full"], status
    assert status["stream_time_ms"] / 1000 == total(numbers, "ladderd_stream_time_seconds"), status


def newest_rows(broker):
    """The last line of each key, with its revision."""
    return {json.loads(KEY.match(line)[1]): line for line in broker.rows(*OUTPUTS).splitlines()}


def kept_rows(port, **arguments):
    status, body, headers = ask(port, "/api/v1/rows", **arguments)
    assert status == 200 and headers["Ladderd-Note"] is None, (status, body[:500])
    assert body.startswith(b"[") and body.endswith(b"]\n")
    lines = body[1:-2].split(b",\n") if body != b"[]\n" else []
    rows = {json.loads(KEY.match(line)[1]): line for line in lines}
    assert len(rows) == len(lines) and list(rows) == sorted(rows, key=str.encode), "twice, or not sorted"
    return rows


def check_rows(port, broker):
    """Kind by kind, level by level: more than 10,000 at once are refused."""
    want, got = newest_rows(broker), {}
    for kind, basis, window, level in {tuple(key.split("/")[:4]) for key in want}:
        got.update(kept_rows(port, kind=kind, basis=basis, window=window, level=level))
    assert got == want, f"{len(got)} rows, want {len(want)}: {sorted(set(got) ^ set(want))[:5]}"
    numbers = metrics(port)
    assert total(numbers, "ladderd_kept_rows") == len(want)
    for topic in (CURRENT, HISTORY):
        assert total(numbers, "ladderd_rows_published_total", f"topic={topic}") == broker.count(topic), topic
    one = json.loads(next(line for key, line in want.items() if key.startswith("rolling/event/1h/campaign/")))
    found = kept_rows(port, level="campaign", id=one["id"], window="1h", basis="event", kind="rolling")
    assert list(found) == [one["key"]], found
    assert not kept_rows(port, level="campaign", id="nobody's")
    check_filters(port, want)
    status, said = ask_json(port, "/api/v1/rows")
    assert len(want) > 10_000 and status == BAD_REQUEST and "more than 10000 rows" in said["error"], said


def check_filters(port, want):
    """By what is above a row and by time, as many as may be."""
    parsed = [json.loads(line) for key, line in want.items() if key.startswith(("rolling/event/1h/ad/",
                                                                                "bucket/event/1h/ad/"))]
    one = next(row for row in parsed if row["kind"] == "bucket" and row["campaign"] and row["adset"])
    scope = {"window": "1h", "basis": "event", "level": "ad"}
    for fields in ({"account": one["account"]}, {"campaign": one["campaign"]}, {"adset": one["adset"]},
                   {"account": one["account"], "campaign": "nobody's"}):
        keys = {row["key"] for row in parsed if all(row[name] == fields[name] for name in fields)}
        assert set(kept_rows(port, **scope, **fields)) == keys, fields
    day_ms = 86_400_000
    spans = {"from_ms": one["from_ms"], "to_ms": one["from_ms"] + day_ms}
    keys = {row["key"] for row in parsed
            if row["from_ms"] >= spans["from_ms"] and row["to_ms"] <= spans["to_ms"]}
    assert set(kept_rows(port, **scope, **spans)) == keys and one["key"] in keys and len(keys) < len(parsed)
    for wrong in ({"limit": 0}, {"limit": 10_001}, {"limit": "x"}, {"from_ms": "1h"}, {"to_ms": ""}):
        status, said = ask_json(port, "/api/v1/rows", **wrong)
        assert status == BAD_REQUEST and next(iter(wrong)) in said["error"], said
    status, said = ask_json(port, "/api/v1/rows", limit=1, **scope)
    assert status == BAD_REQUEST and "more than 1 rows" in said["error"], said
    assert ask_json(port, "/api/v1/rows", limit=1, key="", level="ad", id="nobody's") == (200, [])


def check_bounded(port):
    """Those who ask for much and do not read do not fill the memory, and leave room for small answers."""
    scope = {"kind": "bucket", "level": "ad"}
    path = f"/api/v1/rows?{urllib.parse.urlencode(scope)}"
    size = len(ask(port, "/api/v1/rows", **scope)[1])
    assert size > 5_000_000, size
    lazy = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 + (64 << 20) // size)]
    for one in lazy:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    wait_until(lambda: ask(port, "/api/v1/rows", **scope)[0] == UNAVAILABLE, 10, "no room any more")
    assert ask(port, "/healthz")[0] == 200
    for one in lazy:
        one.close()
    wait_until(lambda: ask(port, "/api/v1/rows", **scope)[0] == 200, 10, "room again")


def check_paths(port):
    assert ask(port, "/healthz")[:2] == (200, b"ok\n")
    status, said = ask_json(port, "/nothing")
    assert status == 404 and "/metrics" in said["error"], said
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", data=b"x" * 1000, method="POST")
    try:
        urllib.request.urlopen(request, timeout=20)
        raise AssertionError("a POST is taken")
    except urllib.error.HTTPError as error:
        assert error.code == 405 and error.headers["Allow"] == "GET, HEAD", error.headers


def check_outages(port, broker, redis, daemon):
    """Not ready while Kafka or Redis is away, and ready again."""
    for server, word in ((redis, "Redis"), (broker, "Kafka")):
        server.kill9()
        daemon.wait_until(lambda: not is_ready(port), 30, f"not ready without {word}")
        said = ask_json(port, "/readyz")[1]
        assert any(word in reason for reason in said["reasons"]), said
        check_promtool(port)
        server.restart()
        daemon.wait_until(lambda: is_ready(port), 60, f"ready again with {word}")


def check_two(port, config, folder, broker, daemon):
    """A second instance: one of the two merges and has the rows, the other says where to look."""
    other_port = free_port()
    other = json.loads(config.read_text())
    other["http"]["listen"] = f"127.0.0.1:{other_port}"
    other["kafka"]["properties"] = {}
    with Daemon(write_config(folder, other, "other.yaml")) as second:
        def is_divided():
            each = [ask_json(asked, "/status")[1] for asked in (port, other_port)]
            tasks = sorted(task["task"] for status in each for task in status["tasks"] if task["wanted"])
            return (tasks == list(range(PARTITIONS)) and all(status["tasks"] for status in each)
                    and all(is_ready(asked) for asked in (port, other_port))
                    and sorted(status["merging"] for status in each) == [False, True] and each)
        each = second.wait_until(is_divided, 90, "two instances that share the tasks")
        ports = dict(zip((status["merging"] for status in each), (port, other_port)))
        for path in ("/api/v1/rows", "/api/v1/alerts"):
            status, said = ask_json(ports[False], path, level="campaign")
            assert status == UNAVAILABLE and "merging" in said["error"], said
        assert total(metrics(ports[False]), "ladderd_merging") == 0
        daemon.wait_until(lambda: ask(ports[True], "/api/v1/rows", level="campaign")[0] == 200, 30,
                          "rows of the merging instance")
        stop_within(second, 20)


def input_status(port, topic, partition):
    return next(one for task in ask_json(port, "/status")[1]["tasks"] if task["task"] == partition
                for one in task["inputs"] if one["topic"] == topic)


def check_gap(folder, config, broker, port):
    """Records that were deleted unread: a partition that stands, with the reason, then one that went on."""
    topic, missing = "ladder.messages", 4
    with Daemon(config) as daemon:
        daemon.wait_until(lambda: is_ready(port), 30, "ready")
        read = input_status(port, topic, 0)["offset"]
        stop_within(daemon, 10)
    broker.produce(topic, folder / "bad.ndjson", "--partition", 0)
    broker.delete_before(topic, 0, read + missing)
    stopped = ("ladderd_input_stopped", "partition=0", f"topic={topic}")
    with Daemon(config) as daemon:
        daemon.wait_said("a partition cannot be read", 30)
        daemon.wait_until(lambda: metrics(port).get(stopped) == 1, 10, "stopped")
        one = input_status(port, topic, 0)
        assert one["offset"] == read and f"offset {read} is wanted" in one["problem"], one
        assert one["log_end"] == read + len(BAD) and one["lag"] == len(BAD), one
        status, said = ask_json(port, "/readyz")
        assert status == UNAVAILABLE and any(one["problem"] in reason for reason in said["reasons"]), said
        check_promtool(port)
        stop_within(daemon, 10)
    skip = json.loads(config.read_text())
    skip["kafka"]["on_gap"] = "skip"
    with Daemon(write_config(folder, skip, "skip.yaml")) as daemon:
        daemon.wait_until(lambda: is_ready(port), 30, "ready")
        daemon.wait_until(lambda: input_status(port, topic, 0)["lag"] == 0, 10, "everything read")
        one = input_status(port, topic, 0)
        assert one["gap"] == {"missing": missing, "last_from": read, "last_to": read + missing}, one
        assert one["problem"] is None and is_ready(port), one
        assert total(metrics(port), "ladderd_gap_offsets_total") == missing
        stop_within(daemon, 10)


# ---- The test ----

def is_listening(process):
    """Whether a process has a TCP port open for others."""
    listening = set()
    for table in ("tcp", "tcp6"):
        lines = Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]
        listening |= {line.split()[9] for line in lines if line.split()[3] == "0A"}
    links = [link.resolve().name for link in Path(f"/proc/{process.pid}/fd").iterdir()]
    return any(f"socket:[{number}]" in links for number in listening)


def check_off(folder, config):
    off = {**config, "http": {"listen": "off"}}
    with Daemon(write_config(folder, off, "off.yaml")) as daemon:
        assert not is_listening(daemon.process), "a port is open"
        stop_within(daemon, 10)


def check_in_use(config, port):
    said = refused(config, EXIT_UNAVAILABLE)
    assert "http.listen" in said and f"127.0.0.1:{port}" in said and "in use" in said, said


def feed(folder, broker):
    """The same into Kafka and into files: made-up events, and some that are none."""
    made = ["--seed", 5, "--events", EVENTS, "--late", 5, "--duplicates", 3, "--ads", 16, "--span", "7d"]
    generate(*made, "--out", folder / "events.ndjson")
    generate(*made, "--kafka", broker.address)
    (folder / "bad.ndjson").write_bytes(b"\n".join(BAD) + b"\n")
    broker.produce("ladder.messages", folder / "bad.ndjson")
    return folder / "events.ndjson", folder / "bad.ndjson"


def watch(folder, config, port, servers, want, counts):
    broker, redis = servers
    redis.stop()
    with Daemon(config) as daemon:
        assert is_listening(daemon.process)
        wait_until(lambda: not is_ready(port), 5, "an answer of /readyz")
        assert any("Redis" in reason for reason in ask_json(port, "/readyz")[1]["reasons"])
        for path in ("/api/v1/rows", "/api/v1/alerts"):
            status, said = ask_json(port, path)
            assert status == UNAVAILABLE and "merging" in said["error"], said
        check_paths(port)
        check_in_use(config, port)
        redis.restart()
        wait_for_rows(broker, want, 120, daemon)
        daemon.wait_until(lambda: is_ready(port), 30, "ready")
        print("ready", flush=True)
        check_promtool(port)
        check_events(port, counts)
        check_whole(port, check_offsets(port, broker))
        check_rows(port, broker)
        check_bounded(port)
        print("numbers and rows are right", flush=True)
        check_outages(port, broker, redis, daemon)
        print("outages are told", flush=True)
        check_two(port, config, folder, broker, daemon)
        stop_within(daemon, 10)


def test():
    if not shutil.which("promtool"):
        raise Skip("promtool is missing: apt-get install prometheus")
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        events = feed(folder, broker)
        port = free_port()
        config = settings(folder, broker, redis, http={"listen": f"127.0.0.1:{port}"})
        path = write_config(folder, config)
        want, counts = replay(path, *events)
        print(f"{counts}, {len(want)} rows", flush=True)
        watch(folder, path, port, (broker, redis), want, counts)
        check_gap(folder, path, broker, port)
        print("a gap is told", flush=True)
        check_off(folder, config)


if __name__ == "__main__":
    run(test)
