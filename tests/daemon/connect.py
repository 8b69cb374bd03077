"""Goal: with `kafka.outputs.format: connect` the converter of Kafka Connect's sinks reads every row as it is,
and ladderd its own rows: who begins to merge reads them back, `audit` compares them, HTTP shows them plain.
Method: a genuine ladderd and broker, the genuine JsonConverter (tests/broker/connect), and rows that a reader
who does not understand the envelope would get wrong."""

import json
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from broker import Broker, Redis, Skip, build_dir, free_port, jars, java_command, run
from daemon_case import (CURRENT, HISTORY, LADDERD, REVISION, Daemon, create_inputs, generate, read_records,
                         replay, settings, stop_within, wait_for_rows, write_config)

CONNECT = Path(__file__).resolve().parents[1] / "broker/connect"
FEED = ["--seed", 5, "--events", 8_000, "--ads", 3, "--accounts", 1, "--span", "14d"]
BEFORE_PAYLOAD = b']},"payload":'
TYPES = {str: "STRING", int: "INT64", float: "FLOAT64", bool: "BOOLEAN"}
MONEY = {"spend", "click_cost", "revenue"}  # counts, too, but with fractions


def plain(value):
    """The row in an envelope; a row without one as it is."""
    if not value.startswith(b'{"schema":{'):
        return value
    return value[value.index(BEFORE_PAYLOAD) + len(BEFORE_PAYLOAD):-1]


class ConnectBroker(Broker):
    def rows(self, *topics):
        """Plain, as those of a topic without envelopes."""
        last = {}
        for record in (record for topic in topics for record in read_records(self, topic)):
            row = plain(record["value"])
            revision = json.loads(row)["revision"]
            if revision >= last.get(record["key"], (0,))[0]:
                last[record["key"]] = revision, row
        return b"\n".join(row for _, (_, row) in sorted(last.items()))


def converted(values):
    """The schema as JsonConverter has it, by field (type, optional, default), and each payload."""
    libs = jars(CONNECT / "pom.xml", build_dir() / "connect-libs")
    command = [java_command(), "-cp", f"{libs}/*", CONNECT / "ReadRows.java"]
    done = subprocess.run(command, input=b"\n".join(values), capture_output=True, timeout=120)
    if b"jdk.compiler" in done.stderr:
        raise Skip("java cannot compile (apt-get install default-jdk-headless)")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    schema, *payloads = done.stdout.splitlines()
    whole, *fields = (field.split("\t") for field in schema.decode().split(";"))
    assert whole == ["ladderd.row", "STRUCT", "false", "1"], whole
    return {name: (kind, optional == "true", default) for name, kind, optional, default in fields}, payloads


def check_converted(values):
    schema, payloads = converted(values)
    rows = [json.loads(plain(value)) for value in values]
    assert [json.loads(payload) for payload in payloads] == rows
    assert list(schema) == list(rows[0])
    for name, (kind, is_optional, default) in schema.items():
        kinds = {type(row[name]) for row in rows}
        assert is_optional or type(None) not in kinds, f"{name} may be null"
        kinds = {TYPES[kind] for kind in kinds - {type(None)}}
        is_right = kinds <= {"INT64", "FLOAT64"} if kind == "FLOAT64" else kinds <= {kind}
        assert is_right, f"{name} is {kind}, rows have {kinds}"
    counts = [name for name, (kind, is_optional, default) in schema.items() if default == "0"]
    floats = {name for name, (_, _, default) in schema.items() if default == "0.0"}
    assert counts[0] == "impressions" and counts[-1] == "match_organic" and floats == MONEY, (counts, floats)
    print(f"{len(rows)} rows, {len(values[0])} bytes where the row has {len(plain(values[0]))}", flush=True)


def check_replay(config, events, want):
    """The same rows, each in the envelope that the daemon writes."""
    command = [LADDERD, "replay", "-c", config, "--events", events, "--format"]
    done = subprocess.run([*command, "connect"], check=True, capture_output=True, timeout=60)
    lines = done.stdout.splitlines()
    assert sorted(REVISION.sub(b'"revision":0', plain(line), 1) for line in lines) == sorted(want.values())
    assert all(json.loads(line).keys() == {"schema", "payload"} for line in lines[:100])
    wrong = subprocess.run([*command, "avro"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 64 and "--format is ladder or connect, not avro" in wrong.stderr, wrong.stderr
    return lines[0][:lines[0].index(BEFORE_PAYLOAD) + len(BEFORE_PAYLOAD)]


def check_http(port):
    """One row of each window and basis."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/rows?level=account", timeout=20) as answer:
        rows = json.load(answer)
    assert rows and all(row["key"].split("/")[3] == "account" for row in rows), rows[:1]


def put_row(broker, folder, topic, key, value):
    path = folder / "row"
    path.write_bytes(value + b"\n")
    broker.produce(topic, path, "--key", key)


def audit(config, code):
    done = subprocess.run([LADDERD, "audit", "-c", config], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"exit code {done.returncode}, want {code}:\n{done.stdout}{done.stderr}"
    return done.stdout


def check_audit(broker, folder, config, envelope):
    """A wrong row is found in an envelope and without one, in a topic that has both."""
    assert " 0 differences, 0 faults of the balance, 0 gaps" in audit(config, 0)
    row = json.loads(broker.rows(HISTORY).splitlines()[0])
    for number, before, behind in ((1, envelope, b"}"), (2, b"", b"")):
        wrong = row | {"revision": row["revision"] + number, "clicks": row["clicks"] + number}
        text = json.dumps(wrong, separators=(",", ":")).encode()
        put_row(broker, folder, HISTORY, row["key"], before + text + behind)
        said = audit(config, 1)
        assert f"{row['key']} clicks: published {wrong['clicks']}, recomputed {row['clicks']}" in said, said


def put_ghost(broker, folder, envelope):
    """A row of an ad that nothing stands for: who begins to merge has to take it back."""
    row = next(row for row in map(json.loads, broker.rows(CURRENT).splitlines())
               if row["key"].startswith("rolling/event/28d/ad/") and row["clicks"])
    row |= {"key": "rolling/event/28d/ad/ghost", "id": "ghost", "ad": "ghost"}
    text = json.dumps(row, separators=(",", ":")).encode()
    put_row(broker, folder, CURRENT, row["key"], envelope + text + b"}")


def check(folder, broker, redis):
    create_inputs(broker)
    generate(*FEED, "--out", folder / "events.ndjson")
    generate(*FEED, "--kafka", broker.address)
    port = free_port()
    base = settings(folder, broker, redis, kafka={"outputs": {"format": "connect"}},
                    http={"listen": f"127.0.0.1:{port}"})
    config = write_config(folder, base)
    want, _ = replay(config, folder / "events.ndjson")
    envelope = check_replay(config, folder / "events.ndjson", want)
    with Daemon(config) as daemon:
        wait_for_rows(broker, want, 60, daemon)
        values = [record["value"] for topic in (CURRENT, HISTORY) for record in read_records(broker, topic)]
        assert all(value.startswith(envelope) for value in values)
        check_converted(values)
        put_ghost(broker, folder, envelope)
        daemon.kill9()
        redis.flushall()
        daemon.start()
        wait_for_rows(broker, want, 60, daemon)
        assert daemon.count_said("rows that are out already were read back") == 1, daemon.said()
        check_http(port)
        stop_within(daemon, 10)
    check_audit(broker, folder, config, envelope)


def test():
    with tempfile.TemporaryDirectory() as name, ConnectBroker() as broker, Redis() as redis:
        check(Path(name), broker, redis)


if __name__ == "__main__":
    run(test)
