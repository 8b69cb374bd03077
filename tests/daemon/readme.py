"""Goal: what README.md shows is true: its configurations pass `ladderd check`, its events make its row, and
its rights in Redis are enough.
Method: take the blocks out of the text. The rights are tried with a whole run on a genuine Kafka and
Redis."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

from broker import ROOT, Broker, Redis, run
from daemon_case import Daemon, replay, stop_within, wait_for_rows

LADDERD = Path(os.environ.get("LADDERD", "build/ladderd")).absolute()
README = (ROOT / "README.md").read_text()
TOPIC = "ladder.events"
WINDOWS = "windows: [{length: 1h, slide: 1m, emit: 0}, {length: 28d, slide: 6h, emit: 0}]\n"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```\n", README, re.M | re.S)


def check_config(folder, *options):
    done = subprocess.run([LADDERD, "check", "-c", folder / "ladderd.yaml", *options], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_row(folder, sample):
    files = ["-c", folder / "ladderd.yaml", "--events", folder / "events.ndjson"]
    done = subprocess.run([LADDERD, "replay", *files], check=True, capture_output=True, text=True, timeout=60)
    counts = json.loads(done.stderr.splitlines()[-1])
    assert counts["applied"] == counts["decoded"] == 8, counts
    row, = [row for row in map(json.loads, done.stdout.splitlines()) if row["key"] == sample["key"]]
    for field, value in sample.items():
        assert row[field] == value, f"{field}: README {value}, computed {row[field]}"
    return row


def check_fields(row):
    """Every field that the text names exists in a row."""
    rates = re.findall(r"\b(?:cost_per_\w+|\w+_rate\w*|\w+_p50|counting_gap|cac|roas)\b", README)
    unknown = {name for name in rates if name not in row}
    assert len(set(rates)) > 10 and not unknown, unknown


def run_with_rights(folder, config, rights):
    with Redis() as redis, Broker() as broker:
        broker.create_topic(TOPIC, partitions=2)
        redis.command(*rights.split())
        (folder / "ladderd.yaml").write_text(
            config.replace("127.0.0.1:9092", broker.address)
            .replace("redis://127.0.0.1:6379", f"redis://ladderd:secret@127.0.0.1:{redis.port}")
            .replace("/var/lib/ladderd", str(folder)) + "clock: event\nworkers: 1\nhttp: {listen: \"off\"}\n"
            + "commit: {interval: 100ms}\npublish: {history_emit: 0}\n" + WINDOWS)
        said = check_config(folder, "--connect")
        assert "0 errors, 0 warnings" in said, said
        rows, _ = replay(folder / "ladderd.yaml", folder / "events.ndjson")
        broker.produce(TOPIC, folder / "events.ndjson", "--key", "one person")
        with Daemon(folder / "ladderd.yaml") as daemon:
            wait_for_rows(broker, rows, 120, daemon)
            stop_within(daemon, 10)
            daemon.restart()
            wait_for_rows(broker, rows, 30, daemon)
            stop_within(daemon, 10)
        assert redis.command("GET", "{ladder:0}:vector"), "nothing was committed"


def test():
    config, keyed, secured = blocks("yaml")
    events, sample = blocks("json")
    rights, = blocks("redis")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ladderd.yaml").write_text(config + secured)
        check_config(folder)
        (folder / "ladderd.yaml").write_text(re.sub(r"  inputs:\n(?:    .*\n)*", keyed, config))
        check_config(folder)
        (folder / "ladderd.yaml").write_text(config)
        (folder / "events.ndjson").write_text(events)
        assert "is valid: 1 input, 5 windows, 1 account" in check_config(folder)
        check_fields(check_row(folder, json.loads(sample)))
        for path in re.findall(r"`((?:config|core|daemon|systemd|tests)/[\w./]+)`", README):
            assert (ROOT / path).exists(), f"{path}: there is no such file"
        print("configuration, events and row hold", flush=True)
        run_with_rights(folder, config, rights)


if __name__ == "__main__":
    run(test)
