"""What the integration tests of the daemon share: a configuration, the daemon as a process, and the rows it
must end with, which are those of `ladderd replay` over the same events.

Rows are dicts by key; a value is the row's line with revision 0. There are hundreds of thousands of them, so
only those that differ are parsed."""

import base64
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from broker import Server, Skip, die_with_parent, wait_until

LADDERD = Path(os.environ.get("LADDERD", "build/ladderd")).absolute()
INPUTS = ("ladder.clicks", "ladder.messages", "ladder.outcomes")
CURRENT, HISTORY, DEAD = "ladder.current", "ladder.history", "ladder.dead"
OUTPUTS = (CURRENT, HISTORY)
PARTITIONS = 4
SPANS = (("5m", "10s"), ("1h", "1m"), ("24h", "15m"), ("7d", "6h"), ("28d", "6h"))
KEY = re.compile(rb'\{"key":("(?:[^"\\]|\\.)*")')
METRIC = re.compile(r'(ladderd_\w+)\{(.*)\} (\S+)')
REVISION = re.compile(rb'"revision":\d+')
FENCED = "the stored state is not the one this worker goes on from"
QUIET_S = 20  # rows that did not change for so long are the last ones


# ---- Configuration and events ----

def windows(*spans, emit="1s"):
    return [{"length": length, "slide": slide, "emit": emit} for length, slide in spans]


def settings(folder, broker, redis, **changes):
    """A configuration as the README's, for this broker and Redis; JSON is YAML. Everything is emitted within
    a second, so that no test waits for a minute, and a daemon that was killed is the same member again."""
    config = {
        "kafka": {"brokers": broker.address, "inputs": [{"topic": topic} for topic in INPUTS],
                  "properties": {"group.instance.id": "one"}},
        "redis": {"url": getattr(redis, "unix_url", redis.url)},
        "identity": {"key_file": str(folder / "identity.key")},
        "http": {"listen": "off"},
        "control": {"socket": "off"},
        "clock": "event",
        "commit": {"interval": "500ms"},
        "publish": {"history_emit": "1s"},
        "windows": windows(*SPANS),
        "accounts": {"act_1": {"timezone": "America/Sao_Paulo"}, "act_2": {"timezone": "Asia/Kolkata"}},
    }
    for name, value in changes.items():
        config[name] = {**config.get(name, {}), **value} if isinstance(value, dict) else value
    return config


def write_config(folder, config, name="ladderd.yaml"):
    path = folder / name
    path.write_text(json.dumps(config, indent=1))
    return path


def write_events(path, events):
    """Events as dicts, or lines as bytes."""
    with open(path, "wb") as file:
        for event in events:
            file.write((event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n")
    return path


def create_inputs(broker, partitions=PARTITIONS):
    for topic in INPUTS:
        create_topic(broker, topic, partitions)


def create_topic(broker, topic, partitions, **configs):
    """Returns once the broker tells of it: some time after it was created."""
    def is_told():
        try:
            return broker.count(topic) == 0
        except RuntimeError:
            return False
    broker.create_topic(topic, partitions=partitions, **configs)
    wait_until(is_told, 30, topic)


def generate(*arguments):
    subprocess.run([LADDERD, "generate", *map(str, arguments)], check=True, timeout=300)


def start_generate(*arguments):
    """The same in the background; ends with the test."""
    return subprocess.Popen([LADDERD, "generate", *map(str, arguments)], preexec_fn=die_with_parent)


def replay(config_path, *events, options=()):
    """The rows by key, and the counts."""
    done = subprocess.run([LADDERD, "replay", "-c", config_path, *options, "--events", *events], check=True,
                          capture_output=True, timeout=300)
    return by_key(done.stdout), json.loads(done.stderr.splitlines()[-1])


def make_certificate(folder, name):
    """Its paths, as http.tls_server_config has them: of localhost and 127.0.0.1, signed by itself."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        raise Skip("openssl is not here: apt-get install openssl") from None
    return {"cert_file": str(cert), "key_file": str(key)}


# ---- Rows ----

def by_key(lines):
    return {KEY.match(line)[1]: REVISION.sub(b'"revision":0', line, 1) for line in lines.splitlines()}


def parsed(rows):
    """Rows as dicts, by key as text."""
    return {json.loads(key): json.loads(line) for key, line in rows.items()}


def is_empty(row):
    """Published once more with zeros: no row any more."""
    return not any(value for name, value in row.items() if isinstance(value, (int, float)) and is_count(name))


def is_count(name):
    return name not in ("schema", "from_ms", "to_ms", "settled", "revision")


def difference(want, got):
    """None, or a sentence with the first rows that differ."""
    keys = [key for key, line in want.items() if got.get(key) != line]
    keys += [key for key, line in got.items() if key not in want and not is_empty(json.loads(line))]
    if not keys:
        return None
    some = "; ".join(explain(key, want.get(key), got.get(key)) for key in sorted(keys)[:5])
    return f"{len(keys)} of {len(want)} rows differ: {some}"


def explain(key, want, got):
    name = key.decode()
    if want is None or got is None:
        return f"{name}: {'not wanted' if want is None else 'missing'}"
    want, got = json.loads(want), json.loads(got)
    fields = [f"{field} is {got.get(field)}, not {value}" for field, value in want.items()
              if got.get(field) != value]
    return f"{name}: {', '.join(fields[:4]) or 'same fields, other bytes'}"


def wait_for_rows(broker, want, timeout_s, daemon=None, topics=OUTPUTS):
    """Until the last revision of every key is what it must be. Returns how long that took."""
    begin = changed = time.monotonic()
    before = None
    while True:
        if daemon:
            daemon.check_runs()
        got = by_key(broker.rows(*topics))
        problem = difference(want, got)
        now = time.monotonic()
        if not problem:
            return now - begin
        if problem != before:
            before, changed = problem, now
        if now - begin > timeout_s or now - changed > QUIET_S:
            said = daemon.said()[-3000:] if daemon else ""
            raise AssertionError(f"after {now - begin:.0f} s: {problem}\n{said}")
        time.sleep(1)


def read_records(broker, topic):
    """Every record as a dict: key and value (bytes or None), headers as a list of (name, bytes or None)."""
    records = []
    for line in broker.tool("kafka_rows", "--topic", topic, "--raw").splitlines():
        record = json.loads(line)
        headers = [(name, from_base64(value)) for name, value in record["headers_base64"]]
        records.append({"key": from_base64(record["key_base64"]), "headers": headers,
                        "value": from_base64(record["value_base64"])})
    return records


def committed_records(redis, name_space="ladder"):
    """How many records all tasks together have behind them, as the vectors of offsets in Redis say."""
    return sum(sum(offsets(redis.command("GET", f"{{{name_space}:{task}}}:vector") or b""))
               for task in range(PARTITIONS))


def offsets(vector):
    """"5 <owner> <number> ", then how many inputs, and each one's topic and offset (zigzag; -2: none yet)."""
    at, found = len("5 ") + 17 + 17, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = vector[at], at + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    for _ in range(number() if vector else 0):
        topic_bytes = number()
        at += topic_bytes
        value = number()
        found.append(max(0, (value >> 1) ^ -(value & 1)))
    return found


def metrics(ports):
    """Numbers of all instances, added up: by name, then (topic, partition); also by name and class, as in
    "ladderd_events_total late"."""
    sums = {}
    for port in ports:
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        for name, labels, value in METRIC.findall(page):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if "partition" in labels:
                place = (labels["topic"], int(labels["partition"]))
                for named in {name, f"{name} {labels.get('class', '')}".rstrip()}:
                    sums.setdefault(named, {}).setdefault(place, 0)
                    sums[named][place] += int(float(value))
    return sums


def from_base64(text):
    return None if text is None else base64.b64decode(text)


# ---- The daemon ----

class Daemon(Server):
    """`ladderd run` with a configuration; stop() is SIGTERM, kill9() a crash."""

    name = "ladderd"

    def __init__(self, config_path):
        super().__init__()
        self.config_path = config_path
        self.awaited = "ladderd is running"

    def command_line(self):
        return [str(LADDERD), "run", "-c", str(self.config_path)]

    def is_up(self):
        return self.awaited in self.log.read_text()

    def start(self):
        """Returns once it says what is awaited of it; its log begins anew."""
        self.log.write_text("")
        super().start()

    def said(self):
        return self.log.read_text()

    def count_said(self, text):
        return self.said().count(text)

    def wait_until(self, condition, timeout_s, what):
        """As broker.wait_until, while the daemon runs; a failure says what it said."""
        def is_so():
            self.check_runs()
            return condition()
        try:
            return wait_until(is_so, timeout_s, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}:\n{self.said()[-3000:]}") from None

    def wait_said(self, text, timeout_s, count=1):
        """Until it has said so `count` times."""
        self.wait_until(lambda: self.count_said(text) >= count, timeout_s, f"{text!r} from the daemon")

    def check_runs(self):
        if self.process.poll() is not None:
            raise AssertionError(f"ladderd ended with {self.process.returncode}:\n{self.said()[-3000:]}")

    def wait_for_exit(self, code, timeout_s=30):
        """It ends by itself, with this exit code. Returns what it said."""
        self.process.wait(timeout_s)
        assert self.process.returncode == code, f"exit code {self.process.returncode}:\n{self.said()[-3000:]}"
        return self.said()


def refused(config_path, code, timeout_s=30):
    """What `ladderd run` says that must not even start, and the exit code it must end with."""
    done = subprocess.run([LADDERD, "run", "-c", config_path], capture_output=True, text=True,
                          timeout=timeout_s)
    assert done.returncode == code, f"exit code {done.returncode}, want {code}:\n{done.stderr[-3000:]}"
    return done.stderr


def stop_within(daemon, seconds, code=0):
    """SIGTERM, and how long it took. A failure where it takes longer, or ends with another exit code."""
    begin = time.monotonic()
    daemon.signal_and_wait(signal.SIGTERM, 60)
    took = time.monotonic() - begin
    assert took < seconds, f"SIGTERM took {took:.1f} s:\n{daemon.said()[-3000:]}"
    assert daemon.process.returncode == code, \
        f"exit code {daemon.process.returncode}, want {code}:\n{daemon.said()[-2000:]}"
    return took
