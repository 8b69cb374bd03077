"""Goal: `ladderd erase` forgets a person for good (promise P6). What is kept of him leaves memory and Redis
while the daemon runs, his part of the numbers stays; and when everything is read from Kafka again, or he
comes back in a feed, he is not there.
Method: a feed with one person more; his number by the people that a restart finds, what is stored by the
names of its pages, the numbers by `ladderd replay` with and without him."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from broker import Broker, Redis, run, wait_until
from daemon_case import (INPUTS, LADDERD, PARTITIONS, Daemon, create_inputs, create_topic, generate, replay,
                         settings, stop_within, wait_for_rows, write_config, write_events)

FEED = ["--seed", 3, "--events", 20_000, "--ads", 6, "--span", "14d"]
START_MS = 1_773_489_600_000  # near the end of the feed, so that nothing is late
USER = "+4915112345678"
READ_BACK = re.compile(r'"a task is read back" task=\d+ pages=\d+ people=(\d+)')


def person(count, user=USER):
    """He clicks, claims the click by writing, writes on and buys."""
    click = f"vk{user}"
    yield {"type": "click", "id": f"vc{user}", "ts": START_MS, "click_id": click, "ad": "ad_1",
           "account": "act_1"}
    for number in range(count):
        yield {"type": "message", "id": f"vm{user}{number}", "ts": START_MS + (number + 1) * 60_000,
               "user": user, "click_id": click, "direction": "in", "words": 3, "account": "act_1"}
    yield {"type": "outcome", "id": f"vo{user}", "ts": START_MS + (count + 1) * 60_000, "user": user,
           "stage": "customer", "value": "10", "account": "act_1"}


def people(daemon):
    """What a start found, all tasks together."""
    daemon.wait_said("a task is read back", 30, count=PARTITIONS)
    return sum(map(int, READ_BACK.findall(daemon.said())))


def chunks(redis):
    """The names of all stored pages of people."""
    return {(task, name) for task in range(PARTITIONS)
            for name in redis.command("SMEMBERS", f"{{ladder:{task}}}:names") if name.startswith(b"p/")}


def erase(config, *arguments, code=0, **options):
    done = subprocess.run([LADDERD, "erase", "-c", config, *arguments], capture_output=True, text=True,
                          timeout=60, **options)
    assert done.returncode == code, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def check_other_key(folder, daemon, config):
    """Whoever has not the key that the instances have erases nobody: neither says that it did."""
    other_key = {"key_file": str(folder / "other.key")}
    other = write_config(folder, {**config, "identity": other_key}, "other.yaml")
    assert "other.key is not here" in erase(other, "--user", USER, code=78)
    assert not (folder / "other.key").exists()
    (folder / "other.key").write_text("5a" * 32 + "\n")
    (folder / "other.key").chmod(0o600)
    erase(other, "--user", USER)
    daemon.wait_said("nobody is erased: `ladderd erase` ran with another identity.key_file", 10)


def check_forgotten(broker, redis, config, want):
    """While it runs: he and his click go, everything stored is written again, no number changes."""
    with Daemon(config) as daemon:
        before, stored = people(daemon), chunks(redis)
        wait_for_rows(broker, want, 60, daemon)
        print(erase(config, "--user", "-", input=USER + "\r\n").strip(), flush=True)
        daemon.wait_said("people are erased", 10)
        assert "count=2" in daemon.said(), daemon.said()
        task = int(re.search(r'"people are erased" task=(\d+)', daemon.said())[1])
        own = {chunk for chunk in stored if chunk[0] == task}
        assert own
        wait_until(lambda: not own & chunks(redis), 30, "his task's pages written again")
        wait_for_rows(broker, want, 30, daemon)
        stop_within(daemon, 10)
    with Daemon(config) as daemon:
        assert people(daemon) == before - 2, (people(daemon), before)
        stop_within(daemon, 10)


def check_ids(folder, values):
    """Of nobody, or of what cannot be read, it does not say that it is done; nor does it wait for ever."""
    config = write_config(folder, values)
    assert "nobody is named" in erase(config, "--user", "-", input="\n", code=64)
    unreadable = os.open(folder, os.O_RDONLY)
    assert "cannot be read" in erase(config, "--user", "-", stdin=unreadable, code=1)
    os.close(unreadable)
    nowhere = {**values, "kafka": {**values["kafka"], "brokers": "127.0.0.1:1"}}
    away = write_config(folder, nowhere, "away.yaml")
    many = "".join(f"{number}\n" for number in range(3000))
    assert "nobody behind them was tried" in erase(away, "--user", "-", input=many, code=69)


def check_created_anew(folder, broker, config):
    """The topic is deleted while it is read, and created anew: nobody whom it names then is passed over."""
    for user in ("second", "third"):
        broker.produce(INPUTS[1], write_events(folder / user, person(1, user)), "--key", user)
    with Daemon(config) as daemon:
        daemon.wait_said("a worker has read to the end", 30, count=2)
        broker.delete_topic("ladder.erased")
        daemon.wait_said("there is no such topic or partition", 30)
        daemon.pause()
        create_topic(broker, "ladder.erased", 3, cleanup_policy="compact")
        erase(config, "--user", "second")
        erase(config, "--user", "third")
        daemon.resume()
        daemon.wait_said("people are erased", 330, count=2)  # metadata may be that old
        stop_within(daemon, 10)


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        create_topic(broker, "ladder.erased", 3, cleanup_policy="compact")  # as some brokers do it
        generate(*FEED, "--out", folder / "events.ndjson")
        generate(*FEED, "--kafka", broker.address)
        own = write_events(folder / "own", person(20))
        broker.produce(INPUTS[1], own, "--key", USER)
        values = settings(folder, broker, redis)
        config = write_config(folder, values)
        want, _ = replay(config, folder / "events.ndjson", own)
        without, _ = replay(config, folder / "events.ndjson")
        assert want != without
        with Daemon(config) as daemon:
            wait_for_rows(broker, want, 60, daemon)
            check_other_key(folder, daemon, values)
            stop_within(daemon, 10)
        check_forgotten(broker, redis, config, want)

        redis.flushall()
        click = write_events(folder / "click", list(person(0))[:1])
        without, _ = replay(config, folder / "events.ndjson", click)
        with Daemon(config) as daemon:
            wait_for_rows(broker, without, 60, daemon)
            stop_within(daemon, 10)
        print("read again: he is not there", flush=True)
        check_created_anew(folder, broker, config)
        check_ids(folder, values)
        assert USER not in broker.tool("kafka_rows", "--topic", "ladder.erased", "--raw").decode()
        assert "--user" in erase(config, code=64)


if __name__ == "__main__":
    run(test)
