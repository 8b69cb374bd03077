"""What the integration tests of the daemon share: a configuration, the daemon as a process, and the rows it must
end with, which are those of `ladderd replay` over the same events."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from broker import Server, wait_until

LADDERD = Path(os.environ.get("LADDERD", "build/ladderd")).absolute()
INPUTS = ("ladder.clicks", "ladder.messages", "ladder.outcomes")
OUTPUTS = ("ladder.current", "ladder.history")
PARTITIONS = 4
SPANS = (("5m", "10s"), ("1h", "1m"), ("24h", "15m"), ("7d", "6h"), ("28d", "6h"))


def settings(folder, broker, redis, **changes):
    """A configuration as the README's, for this broker and Redis; JSON is YAML."""
    config = {
        "kafka": {"brokers": broker.address, "inputs": [{"topic": topic} for topic in INPUTS]},
        "redis": {"url": redis.unix_url},
        "identity": {"key_file": str(folder / "identity.key")},
        "clock": "event",
        "commit": {"interval": "500ms"},
        "publish": {"history_emit": "1s"},
        "windows": [{"length": length, "slide": slide, "emit": "1s"} for length, slide in SPANS],
        "accounts": {"act_1": {"timezone": "America/Sao_Paulo"}, "act_2": {"timezone": "Asia/Kolkata"}},
    }
    for name, value in changes.items():
        config[name] = {**config.get(name, {}), **value} if isinstance(value, dict) else value
    return config


def write_config(folder, config):
    path = folder / "ladderd.yaml"
    path.write_text(json.dumps(config, indent=1))
    return path


def generate(*arguments):
    subprocess.run([LADDERD, "generate", *map(str, arguments)], check=True, timeout=300)


def replay(config_path, *events):
    """The rows as a dict by key, without their revisions, and the counts."""
    done = subprocess.run([LADDERD, "replay", "-c", config_path, "--events", *events], check=True,
                          capture_output=True, timeout=300)
    return by_key(done.stdout), json.loads(done.stderr.splitlines()[-1])


def by_key(lines):
    """Rows that hold something, by key: a row that was published once more with zeros is no row any more."""
    rows = {}
    for line in lines.splitlines():
        row = json.loads(line)
        del row["revision"]
        if any(isinstance(value, (int, float)) and value for name, value in row.items() if is_number(name)):
            rows[row["key"]] = row
    return rows


def is_number(name):
    return name not in ("schema", "from_ms", "to_ms", "settled") and not name.startswith(("cost_", "response_p"))


class Daemon(Server):
    """`ladderd run` with a configuration; stop() is SIGTERM, kill9() a crash."""

    name = "ladderd"

    def __init__(self, config_path):
        super().__init__()
        self.config_path = config_path

    def command_line(self):
        return [str(LADDERD), "run", "-c", str(self.config_path)]

    def is_up(self):
        return "ladderd is running" in self.log.read_text()

    def start(self):
        self.log.write_text("")
        super().start()

    def wait_for_exit(self, timeout_s=30):
        return self.process.wait(timeout_s)

    def said(self):
        return self.log.read_text()


def first_difference(want, got):
    for key in sorted(want.keys() | got.keys()):
        if key not in want or key not in got:
            return f"{key}: {'not wanted' if key not in want else 'missing'} ({len(want)} rows, {len(got)} there)"
        for field, value in want[key].items():
            if got[key].get(field) != value:
                return f"{key}: {field}: want {value}, got {got[key].get(field)}"
    return None


def wait_for_rows(broker, want, timeout_s, daemon=None):
    """Until the last revision of every key is what it must be."""
    state = {}

    def is_equal():
        if daemon and daemon.process.poll() is not None:
            raise RuntimeError(f"ladderd ended with {daemon.process.returncode}:\n{daemon.said()[-3000:]}")
        state["got"] = by_key(broker.rows(*OUTPUTS))
        return first_difference(want, state["got"]) is None

    begin = time.monotonic()
    try:
        wait_until(is_equal, timeout_s, "the published rows", interval_s=1)
    except TimeoutError as error:
        raise AssertionError(f"{error}: {first_difference(want, state['got'])}") from None
    return time.monotonic() - begin


def stop_within(daemon, seconds):
    begin = time.monotonic()
    daemon.signal_and_wait(signal.SIGTERM, 60)
    took = time.monotonic() - begin
    assert took < seconds, f"SIGTERM took {took:.1f} s"
    assert daemon.process.returncode == 0, f"exit code {daemon.process.returncode}:\n{daemon.said()[-2000:]}"
