"""Goal: `ladderd check` names every problem where it is, `--connect` tells each thing that would stop
`ladderd run`, with the exit code of its kind, and neither changes anything. Against a genuine Redis and a
genuine Kafka.

labels: waits"""

import os
import subprocess
import tempfile
from pathlib import Path

from broker import Broker, Redis, free_port, run
from daemon_case import Daemon, create_topic
from redis_cluster import RedisCluster

LADDERD = Path(os.environ.get("LADDERD", "build/ladderd")).absolute()
OK, FAILED, UNAVAILABLE, NO_PERMISSION, CONFIG = 0, 1, 69, 77, 78

TEXT = """\
kafka:
  brokers: {brokers}
  properties: {properties}
  inputs: [{inputs}]
redis: {{url: "{redis}", namespace: "{namespace}"}}
identity: {{key_file: {key_file}}}
"""


class Case:
    """A configuration in a folder of its own; what differs from one that is right is given by name."""

    def __init__(self, folder, brokers, redis):
        self.path = folder / "ladderd.yaml"
        self.usual = dict(brokers=brokers, properties="{}", inputs="{topic: clicks}", redis=redis,
                          namespace="ladder", key_file=folder / "identity.key")

    def check(self, code, *wanted, connect=True, **changes):
        self.path.write_text(TEXT.format(**{**self.usual, **changes}))
        done = subprocess.run([LADDERD, "check", "-c", self.path, *(["--connect"] if connect else [])],
                              capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"exit code {done.returncode}, want {code}:\n{said}"
        for text in wanted:
            assert text in said, f"not said: {text}\n{said}"
        return said


def check_the_file_alone(case):
    case.check(OK, f"{case.path} is valid: 1 input, 5 windows, 0 accounts", connect=False)
    at = f"{case.path}:"
    case.check(CONFIG, at + "5:39: `redis.namespace` must not hold a brace", connect=False, namespace="a{b",
               redis="redis://127.0.0.1:1/0")
    case.check(CONFIG, at + "5:39: `redis.namespace` has more than 64", connect=False, namespace="n" * 65,
               redis="redis://127.0.0.1:1/0")
    case.check(OK, connect=False, namespace="n" * 64)
    case.check(CONFIG, at + " redis.url: ", connect=False, redis="redis://no-colon@host:1/0")
    case.check(CONFIG, at, "no.such.property", connect=False, properties="{no.such.property: 1}")
    case.check(CONFIG, at + "4:", "read twice", connect=False, inputs="{topic: a}, {topic: a}")


def check_redis(case, redis):
    """Kafka is away here, which is said, and does not keep Redis from being asked."""
    said = case.check(UNAVAILABLE, "error    kafka: clicks: the brokers do not answer", "version ",
                      "appendonly is on", "maxmemory-policy noeviction", "scripts are allowed",
                      "0 of 1 tasks looked at have state", "identity.key is not there yet")
    assert "error    redis" not in said and "warning " not in said, said
    redis.command("CONFIG", "SET", "appendonly", "no")
    redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    case.check(UNAVAILABLE, "warning  redis", "appendonly is off", "allkeys-lru would evict")
    redis.command("CONFIG", "SET", "maxmemory", "64mb")
    case.check(UNAVAILABLE, "error    redis", "allkeys-lru evicts state")
    redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis.command("CONFIG", "SET", "appendonly", "yes")
    redis.command("LPUSH", "{ladder:0}:vector", "x")
    case.check(UNAVAILABLE, "{ladder:0}:vector is a list, not a string")
    case.check(UNAVAILABLE, "namespace other: 0 of 1 tasks", namespace="other")
    redis.command("DEL", "{ladder:0}:vector")
    assert redis.command("DBSIZE") == 0


def check_hosts(case, redis):
    """A Redis and its replica, of which either may be the master."""
    with Redis("--replicaof", "127.0.0.1", str(redis.port)) as replica:
        both = f"redis://127.0.0.1:{redis.port},127.0.0.1:{replica.port}/0"
        case.check(OK, f"{replica.port}: a replica, to take over", "0 of 2 tasks", redis=both)
        case.check(CONFIG, "this is a replica, which takes no writes", redis=replica.url)
        nobody = free_port()
        case.check(UNAVAILABLE, f"warning  redis 127.0.0.1:{nobody}: does not answer", "none is a master",
                   redis=f"redis://127.0.0.1:{replica.port},127.0.0.1:{nobody}")
        replica.command("REPLICAOF", "NO", "ONE")
        case.check(CONFIG, "2 hosts of redis.url are masters", redis=both)


def check_cluster(case):
    with RedisCluster(masters=2) as cluster:
        said = case.check(OK, "a cluster of 2 masters", "namespace ladder: 0 of 2 tasks", redis=cluster.url)
        assert said.count("scripts are allowed") == 2, said
        cluster.command("LPUSH", "{ladder:1}:vector", "x")
        case.check(CONFIG, "{ladder:1}:vector is a list, not a string", redis=cluster.url)
        case.check(CONFIG, "no database but 0", redis=cluster.url + "/3")
        first = cluster.nodes[0]
        first.command("CLUSTER", "DELSLOTSRANGE", 10, 12)
        case.check(UNAVAILABLE, "only 16381 of 16384 slots are served", redis=first.url)


def check_rights(case, redis):
    """With Kafka well, the exit code is that of what else is wrong."""
    case.check(UNAVAILABLE, "does not answer", redis=f"redis://127.0.0.1:{free_port()}/0")
    redis.command("ACL", "SETUSER", "narrow", "on", ">secret", "~*", "+ping", "+select", "+type")
    url = f"redis://narrow:secret@127.0.0.1:{redis.port}/0"
    case.check(NO_PERMISSION, "could not be asked", "error    redis", "SCRIPT LOAD", redis=url)
    said = case.check(NO_PERMISSION, "AUTH: WRONGPASS", redis=url.replace("secret", "other-secret"))
    assert "other-secret" not in said, said
    key = case.path.parent / "identity.key"
    key.write_text("ab" * 32 + "\n")
    key.chmod(0o600)
    case.check(OK, "identity.key holds a key", "0 errors, 0 warnings")
    key.write_text("short")
    case.check(CONFIG, "does not hold 64 hexadecimal digits")
    key.chmod(0o644)
    case.check(NO_PERMISSION, "run chmod 600")
    key.unlink()
    case.check(CONFIG, "cannot be created", key_file=case.path.parent / "absent" / "identity.key")


def check_kafka(case, broker, redis):
    case.check(CONFIG, "error    kafka: clicks: there is no such topic")
    create_topic(broker, "clicks", partitions=2)
    said = case.check(OK, "input clicks: 2 partitions", "output ladder.current: not there yet",
                      "output ladder.dead: not there yet", "0 of 2 tasks looked at", "0 errors, 0 warnings")
    assert said == case.check(OK), "a check has changed something"
    create_topic(broker, "ladder.current", partitions=1, cleanup_policy="compact")
    case.check(OK, "output ladder.current: 1 partition\n")
    create_topic(broker, "messages", partitions=3)
    case.check(CONFIG, "input messages: 3 partitions", "all inputs need the same number",
               inputs="{topic: clicks}, {topic: messages}")
    case.check(CONFIG, "kafka: x: there is no such topic", "kafka: y: there is no such topic",
               inputs="{topic: x}, {topic: y}")
    create_topic(broker, "ladder.history", partitions=1, cleanup_policy="delete")
    create_topic(broker, "ladder.dead", partitions=1, cleanup_policy="compact")
    case.check(OK, "warning  kafka: output ladder.history: its cleanup.policy is delete, so rows are kept",
               "warning  kafka: output ladder.dead: its cleanup.policy is compact", "0 errors, 2 warnings")
    for topic in ("ladder.history", "ladder.dead"):
        broker.delete_topic(topic)
    check_rights(case, redis)
    assert not (case.path.parent / "identity.key").exists(), "a check has made a key"


def check_state(case, redis):
    """State of another number of partitions, or of another key."""
    case.check(OK)
    case.path.write_text(case.path.read_text() + 'http: {listen: "off"}\ncommit: {interval: 100ms}\n')
    with Daemon(case.path) as daemon:
        daemon.wait_until(lambda: redis.command("EXISTS", "{ladder:0}:meta", "{ladder:1}:meta") == 2, 30,
                          "commits")
    case.check(OK, "2 of 2 tasks looked at have state", "0 errors")
    case.check(CONFIG, "it was written for 2 partitions, and the inputs have 3",
               inputs="{topic: messages}")
    key = case.path.parent / "identity.key"
    key.write_text("ab" * 32 + "\n")
    case.check(FAILED, "{ladder:0}:meta is sealed with another identity key")
    redis.flushall()


def test():
    with tempfile.TemporaryDirectory() as name, Redis() as redis:
        case = Case(Path(name), f"127.0.0.1:{free_port()}", redis.url)
        check_the_file_alone(case)
        check_redis(case, redis)
        print("passed without Kafka", flush=True)
        with Broker() as broker:
            case.usual["brokers"] = broker.address
            check_kafka(case, broker, redis)
            check_state(case, redis)
            check_hosts(case, redis)
            check_cluster(case)


if __name__ == "__main__":
    run(test)
