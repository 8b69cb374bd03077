"""Goal: what config/bi has for Pinot, Druid and Snowflake, which cannot run here, names exactly the fields
that rows have, each with its type, and takes null where a row may have null. ClickHouse: see clickhouse.py.
Method: the schema of genuine rows, from `ladderd replay --format connect`, against the parsed files."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from broker import run
from daemon_case import LADDERD, generate, settings, write_config

BI = Path(__file__).resolve().parents[2] / "config/bi"
FEED = ["--seed", 5, "--events", 20_000, "--ads", 5, "--accounts", 1, "--span", "14d"]
# What a field is called there: a text, a whole number, a fraction, true or false; a time beside a text.
CONNECT = {"string": "text", "int64": "integer", "double": "fraction", "boolean": "boolean"}
PINOT = {"STRING": "text", "LONG": "integer", "DOUBLE": "fraction", "BOOLEAN": "boolean"}
DRUID = {"string": "text", "long": "integer", "double": "fraction"}
SNOWFLAKE = {"STRING": "text", "TIMESTAMP_TZ": "text", "NUMBER(19)": "integer", "NUMBER(19, 6)": "fraction",
             "BOOLEAN": "boolean"}


class Nowhere:
    """Neither is asked for anything."""

    address, url = "127.0.0.1:1", "redis://127.0.0.1:1/0"


def genuine_fields(folder):
    """Each field's kind, and whether it may be null, in the order of rows."""
    generate(*FEED, "--out", folder / "events.ndjson")
    config = write_config(folder, settings(folder, Nowhere, Nowhere))
    command = [LADDERD, "replay", "-c", config, "--events", folder / "events.ndjson", "--format", "connect"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["payload"]["kind"] for row in rows} == {"rolling", "bucket"}
    assert all(list(row["payload"]) == [field["field"] for field in row["schema"]["fields"]] for row in rows)
    fields = rows[0]["schema"]["fields"]
    return {field["field"]: (CONNECT[field["type"]], field["optional"]) for field in fields}


def compare(where, fields, got):
    """`got`: each field's kind, and whether it may be null there (None: any may)."""
    assert got.keys() == fields.keys(), f"{where}: {sorted(got.keys() ^ fields.keys())} are not in both"
    for name, (kind, is_null) in fields.items():
        assert got[name][0] == kind, f"{where}: {name} is {got[name][0]}, rows have a {kind}"
        assert got[name][1] in (is_null, None), f"{where}: {name} may {'' if is_null else 'never '}be null"


def check_pinot(fields):
    for name in ("current", "history"):
        schema = json.loads((BI / f"pinot/{name}.schema.json").read_text())
        table = json.loads((BI / f"pinot/{name}.table.json").read_text())
        specs = [spec for part in ("dimension", "metric", "dateTime") for spec in schema[f"{part}FieldSpecs"]]
        assert len({spec["name"] for spec in specs}) == len(specs)
        compare(f"pinot/{name}", fields,
                {spec["name"]: (PINOT[spec["dataType"]], not spec.get("notNull", False)) for spec in specs})
        assert schema["primaryKeyColumns"] == ["key"] and schema["enableColumnBasedNullHandling"]
        assert table["upsertConfig"]["comparisonColumns"] == ["revision"]
        assert table["tableName"] == schema["schemaName"] == table["segmentsConfig"]["schemaName"]
        stream = table["ingestionConfig"]["streamIngestionConfig"]["streamConfigMaps"][0]
        assert stream["stream.kafka.topic.name"] == f"ladder.{name}"


def check_druid(fields):
    # A true or false is a text there.
    fields = fields | {"settled": ("text", False)}
    for name in ("current", "history"):
        spec = json.loads((BI / f"druid/{name}.json").read_text())["spec"]
        columns = spec["dataSchema"]["dimensionsSpec"]["dimensions"]
        got = {column["name"]: (DRUID[column["type"]], None) for column in columns}
        compare(f"druid/{name}", fields, got)
        assert list(fields) == [column["name"] for column in columns]
        assert spec["dataSchema"]["timestampSpec"] == {"column": "from_ms", "format": "millis"}
        assert spec["dataSchema"]["granularitySpec"]["rollup"] is False
        assert spec["ioConfig"]["topic"] == f"ladder.{name}"
    asked = set(re.findall(r'LATEST_BY\("(\w+)"', (BI / "druid/cost_per_rung.sql").read_text()))
    assert asked and asked <= fields.keys(), asked


def check_snowflake(fields):
    sql = re.sub(r"--.*", "", (BI / "snowflake.sql").read_text())
    view = re.search(r"VIEW ladder_rows AS\s+SELECT(.*?)\sFROM ladder_records\s+QUALIFY(.*?);", sql, re.S)
    columns = re.findall(r'record_content:"(\w+)"::([A-Z_]+(?:\([\d, ]+\))?) AS "?(\w+)"?', view[1])
    compare("snowflake", fields, {path: (SNOWFLAKE[cast], None) for path, cast, _ in columns})
    assert all(path == name.lower() for path, _, name in columns)
    assert [path for path, _, _ in columns] == list(fields)
    assert re.findall(r'record_content:"(\w+)"', view[2]) == ["key", "revision"], view[2]
    question = re.search(r"VIEW ladder_cost_per_rung AS\s+SELECT(.*?)\sFROM", sql, re.S)[1]
    asked = {name.lower() for name in re.findall(r'"?(\w+)"?(?: AS \w+)?(?:,|$)', question)}
    assert "cac" in asked and asked <= fields.keys(), asked - fields.keys()
    connector = json.loads((BI / "snowflake-connector.json").read_text())["config"]
    topics = connector["topics"].split(",")
    assert connector["snowflake.topic2table.map"] == ",".join(f"{topic}:ladder_records" for topic in topics)


def check_jdbc(fields):
    sink = json.loads((BI / "jdbc-sink.json").read_text())["config"]
    assert sink["pk.mode"] == "record_value" and sink["pk.fields"] == "key" and "key" in fields
    assert sink["value.converter.schemas.enable"] == "true"


def test():
    with tempfile.TemporaryDirectory() as name:
        fields = genuine_fields(Path(name))
    check_pinot(fields)
    check_druid(fields)
    check_snowflake(fields)
    check_jdbc(fields)


if __name__ == "__main__":
    run(test)
