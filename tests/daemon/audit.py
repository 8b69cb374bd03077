"""Goal: `ladderd audit` finds what is wrong between the topics, and nothing where all is well (promise P2).
Method: a feed with duplicates, a late and a broken record; then a row is falsified, one is added, a letter
made up, and the beginning of an input deleted."""

import json
import subprocess
import tempfile
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import (CURRENT, DEAD, HISTORY, INPUTS, LADDERD, Daemon, create_inputs, generate, replay,
                         settings, stop_within, wait_for_rows, write_config)

FEED = ["--seed", 5, "--events", 60_000, "--ads", 12, "--span", "14d", "--duplicates", 3, "--late", 5]
LATE = {"type": "message", "id": "old", "ts": 1_772_400_000_000, "user": "u", "direction": "in", "words": 3,
        "ad": "ad_1", "account": "act_1"}


def audit(config, code, *options):
    done = subprocess.run([LADDERD, "audit", "-c", config, *options], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == code, f"exit code {done.returncode}, want {code}:\n{done.stdout}{done.stderr}"
    return done.stdout


def put_row(broker, folder, topic, row):
    path = folder / "row"
    path.write_text(json.dumps(row, separators=(",", ":")) + "\n")
    broker.produce(topic, path, "--key", row["key"])


def check_falsified(broker, folder, config):
    row = json.loads(broker.rows(HISTORY).splitlines()[0])
    wrong = row | {"revision": row["revision"] + 1, "messages_in": row["messages_in"] + 1}
    put_row(broker, folder, HISTORY, wrong)
    said = audit(config, 1)
    want = f"{row['key']} messages_in: published {wrong['messages_in']}, recomputed {row['messages_in']}"
    assert want in said and " 1 differences, 0 faults of the balance, 0 gaps" in said, said
    put_row(broker, folder, HISTORY, row | {"revision": row["revision"] + 2})
    audit(config, 0)
    other = row | {"key": row["key"] + "x"}
    put_row(broker, folder, CURRENT, other)
    assert f"{other['key']}: published a row, recomputed nothing" in audit(config, 1)
    zeros = {name: 0 for name, value in row.items()
             if isinstance(value, (int, float)) and name not in ("revision", "settled")}
    put_row(broker, folder, CURRENT, other | zeros)
    audit(config, 0)


def check_balance(broker, folder, config):
    path = folder / "letter"
    path.write_text("x\n")
    headers = ("reason=json", f"topic={INPUTS[0]}", "partition=1", "offset=7")
    broker.produce(DEAD, path, "--key", "k", *(word for header in headers
                                               for word in ("--header", f"ladderd.{header}")))
    said = audit(config, 1)
    assert f"{INPUTS[0]} [1] offset 7: it is among the dead letters, but nothing is wrong" in said, said


def check_gap(broker, config):
    broker.delete_before(INPUTS[1], 2, 50)
    said = audit(config, 1, "--max", "1")
    assert f"{INPUTS[1]} [2]: offsets before 50 are gone" in said and " 1 gaps" in said, said
    assert f"{INPUTS[1]} [2]: its sums were not compared: records that they count are gone" in said, said


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        generate(*FEED, "--out", folder / "events.ndjson")
        generate(*FEED, "--kafka", broker.address)
        config = write_config(folder, settings(folder, broker, redis))
        with Daemon(config) as daemon:
            want, _ = replay(config, folder / "events.ndjson")
            wait_for_rows(broker, want, 60, daemon)
            odd = folder / "odd"
            odd.write_text(json.dumps(LATE) + "\n{broken\n")
            broker.produce(INPUTS[1], odd, "--key", "u")
            daemon.wait_until(lambda: broker.count(DEAD) == 2, 30, "two dead letters")
            stop_within(daemon, 10)
        said = audit(config, 0)
        print(said.splitlines()[-1], flush=True)
        assert " 0 differences, 0 faults of the balance, 0 gaps" in said, said
        assert "; 1 records late or of the future" in said and "rejected 1," in said, said
        check_falsified(broker, folder, config)
        check_balance(broker, folder, config)
        check_gap(broker, config)


if __name__ == "__main__":
    run(test)
