"""Goal: on SIGHUP the daemon takes what can change while it runs, says each change, and what it takes holds;
or it takes nothing, and says of every problem where it is, and of what takes a restart what it was and would
be.
Method: a genuine Kafka and Redis, and the service manager's socket, which hears of each reload. What holds is
seen by what the daemon does: how its log is written, and how it goes on behind a gap."""

import json
import re
import signal
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import (INPUTS, Daemon, committed_records, create_inputs, generate, offsets, settings,
                         stop_within, write_config)
from notify import Manager

SECRETS = ("first-word", "second-word")


class Case:
    def __init__(self, folder, broker, redis, manager):
        self.folder, self.manager = folder, manager
        self.usual = settings(folder, broker, redis)
        self.usual["kafka"]["properties"]["ssl.key.password"] = SECRETS[0]
        self.path = write_config(folder, self.usual)
        self.daemon = Daemon(self.path)

    def reload(self, text=None, **changes):
        """Writes the configuration with these changes and sends the signal. Returns what is said until the
        daemon tells the manager that it goes on."""
        config = {**self.usual, **changes}
        self.path.write_text(text or json.dumps(config, indent=1))
        before = len(self.daemon.said())
        self.manager.listen(0.01)
        self.daemon.process.send_signal(signal.SIGHUP)
        lines = self.manager.wait_for("READY=1", 20)
        lines = lines[lines.index("RELOADING=1"):]
        since_us = int(re.fullmatch(r"MONOTONIC_USEC=(\d+)", lines[1])[1])
        assert abs(time.monotonic() * 1e6 - since_us) < 20e6, lines
        return self.daemon.said()[before:]


def check_said(said, *wanted):
    for text in wanted:
        assert text in said, f"not said: {text}\n{said}"
    for secret in SECRETS:
        assert secret not in said, said


def check_nothing_changed(case):
    same = {**case.usual, "commit": {"interval": "0500ms"}}
    check_said(case.reload(**same), "the configuration has not changed")


def check_taken(case):
    """All at once: each is told, and the log's own settings hold at once."""
    said = case.reload(log={"level": "info", "format": "json"}, alerts={"for": "5m", "url": "http://here/"},
                       diagnosis={"norms": {"reply": 0.5}}, publish={"emit_rate": 7, "history_emit": "1s"})
    check_said(said, 'setting="log.format" old="logfmt" new="json"',
               'setting="alerts.for" old="2m" new="5m"', 'setting="publish.emit_rate" old="20000" new="7"',
               'setting="diagnosis.norms.reply" old="0" new="0.5"', "the configuration is taken\" changes=5")
    said = case.reload(log={"level": "error"})
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["setting"]: (line["old"], line["new"]) for line in lines if "setting" in line} == {
        "log.level": ("info", "error"), "log.format": ("json", "logfmt"), "alerts.for": ("5m", "2m"),
        "alerts.url": ("http://here/", "http://127.0.0.1:9464/"),
        "diagnosis.norms.reply": ("0.5", "0"), "publish.emit_rate": ("7", "20000")}, lines
    assert case.reload() == "", "what is below log.level is said"


def check_not_taken(case):
    """With one that cannot be taken, the others are not either."""
    kafka = {**case.usual["kafka"], "group": "other"}
    kafka["properties"] = {**kafka["properties"], "ssl.key.password": SECRETS[1], "linger.ms": 3}
    accounts = {"act_1": {"timezone": "Asia/Tokyo"}, "act_3": {}}
    said = case.reload(kafka=kafka, workers=1, accounts=accounts, log={"format": "json"},
                       windows=case.usual["windows"][:4] + [{"length": "28d", "slide": "1d"}])
    for setting, old, new in (
            ("kafka.group", "ladderd", "other"), ("kafka.properties.linger.ms", "(not shown)", "(not shown)"),
            ("kafka.properties.ssl.key.password", "(not shown)", "(not shown)"), ("workers", "2", "1"),
            ("accounts.act_1.timezone", "America/Sao_Paulo", "Asia/Tokyo"),
            ("accounts.act_2", "there", "not there"), ("accounts.act_3", "not there", "there"),
            ("windows[4].slide", "6h", "1d"), ("windows[4].emit", "1s", "not set")):
        check_said(said, f'takes a restart" setting="{setting}" old="{old}" new="{new}"')
    check_said(said, "the configuration is not taken: restart to take it\" changes=10 restart=9")
    assert "is taken" not in said, said


def check_problems(case):
    said = case.reload(text="workers: many\nlader: {}\nkafka: {brokers: x, inputs: [{topic: y}]}\n")
    check_said(said, "line=1 column=10 ", "line=2 column=1 ", "did you mean `ladder`",
               "the configuration is not taken: the old one holds\" problems=2")
    case.path.unlink()
    case.path.mkdir()
    try:
        case.daemon.process.send_signal(signal.SIGHUP)
        case.daemon.wait_said("cannot be read", 10)
    finally:
        case.path.rmdir()


def check_gap(case, broker, redis):
    """Somebody decides, without a restart: kafka.on_gap."""
    case.path.write_text(json.dumps(case.usual))
    in_kafka = sum(broker.count(topic) for topic in INPUTS)
    case.daemon.wait_until(lambda: committed_records(redis) == in_kafka, 30, "all to be committed")
    stop_within(case.daemon, 10)
    generate("--seed", 4, "--events", 4000, "--kafka", broker.address)
    read = offsets(redis.command("GET", "{ladder:0}:vector"))[0]
    broker.delete_before("ladder.clicks", 0, read + 2)
    with case.manager.starting():
        case.daemon.start()
    case.daemon.wait_said("a partition cannot be read", 30)
    case.manager.wait_for("READY=1", 60)
    assert "a gap in the log is skipped" not in case.daemon.said(), case.daemon.said()
    check_said(case.reload(kafka={**case.usual["kafka"], "on_gap": "skip"}), 'old="stop" new="skip"')
    case.daemon.wait_said(f"topic=ladder.clicks partition=0 from={read} to={read + 2}", 10)


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_inputs(broker)
        generate("--seed", 3, "--events", 4000, "--kafka", broker.address)
        case = Case(folder, broker, redis, Manager(folder))
        try:
            with case.manager.starting():
                case.daemon.start()
            case.manager.wait_for("READY=1", 60)
            check_nothing_changed(case)
            check_taken(case)
            check_not_taken(case)
            check_problems(case)
            check_gap(case, broker, redis)
            stop_within(case.daemon, 10)
        finally:
            case.daemon.close()


if __name__ == "__main__":
    run(test)
