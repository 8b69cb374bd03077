"""ladderd over a genuine broker and Redis, for the benchmarks of the whole daemon."""

import re
import subprocess

from harness import LADDERD, say
from broker import Broker, Redis
from daemon_case import Daemon, INPUTS, OUTPUTS, create_topic, write_config

PARTITIONS = 4
TOPICS = {"clicks": INPUTS[0], "messages": INPUTS[1], "outcomes": INPUTS[2]}
AT_END = re.compile(r"a worker has read to the end.*? records=(\d+) ms=(\d+)")


def open_broker(bench):
    broker = bench.enter(Broker({"log.segment.bytes": 1 << 30}, heap="1g", is_fast=True))
    for topic in INPUTS:
        create_topic(broker, topic, PARTITIONS)
    return broker


def open_redis(bench):
    return bench.enter(Redis())


def fill(broker, events, *options):
    topics = ",".join(f"{name}={topic}" for name, topic in TOPICS.items())
    say(f"bench: writing {events} events to Kafka")
    subprocess.run([LADDERD, "generate", "--seed", "1", "--events", str(events), "--kafka", broker.address,
                    "--topics", topics, *map(str, options)], check=True, capture_output=True)


def settings(folder, broker, redis, round_number, **changes):
    """The defaults, as a user has them; a namespace and output topics of its own for each round."""
    outputs = {"current": f"out.current.{round_number}", "history": f"out.history.{round_number}",
               "alerts": f"out.alerts.{round_number}", "dead": f"out.dead.{round_number}"}
    config = {
        "kafka": {"brokers": broker.address, "group": f"bench{round_number}",
                  "inputs": [{"topic": topic} for topic in INPUTS], "outputs": outputs},
        "redis": {"url": redis.unix_url, "namespace": f"bench{round_number}"},
        "identity": {"key_file": str(folder / "identity.key")},
        "http": {"listen": "off"},
        "clock": "event",
        "workers": 2,
    }
    config.update(changes)
    return write_config(folder, config, f"ladderd{round_number}.yaml")


def read_to_end(daemon, timeout_s):
    """Until both workers say so: records, and the seconds that the slower one took."""
    daemon.wait_said("a worker has read to the end", timeout_s, count=2)
    said = AT_END.findall(daemon.said())
    return sum(int(records) for records, _ in said), max(int(ms) for _, ms in said) / 1000


__all__ = ["Daemon", "OUTPUTS", "PARTITIONS", "TOPICS", "create_topic", "fill", "open_broker", "open_redis",
           "read_to_end", "settings"]
