"""Goal: the alert rules for Prometheus (config/prometheus) fire when ladderd is unwell, not before, and none
fires while it is well; they ask for nothing that /metrics does not have.
Method: promtool's unit tests, made from a table: a healthy group of two instances, and what differs."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from broker import ROOT, Skip, run
from metric_names import check_expression

RULES = ROOT / "config" / "prometheus" / "ladderd.rules.yml"
LAST = 90  # minutes
QUERY = 'sum by (alertname, job, instance, topic, partition, worker) (ALERTS{alertstate="firing"})'


def instance(name, merges, partition):
    """The series of an instance, minute by minute: it reads one partition, 100 events a second."""
    own, held = f'instance="{name}"', f'instance="{name}",topic="t",partition="{partition}"'
    series = {f"up{{{own}}}": 1, f"merging{{{own}}}": merges, f"tasks{{{own}}}": 1,
              f"commits_total{{{own}}}": "0+12x", f"memory_resident_bytes{{{own}}}": 5e8,
              f"memory_limit_bytes{{{own}}}": 1e9, f"rows_waiting{{{own}}}": 10,
              f'worker_silent_seconds{{{own},worker="0"}}': 0.2, f"input_offset{{{held}}}": "0+6000x",
              f"input_lag_records{{{held}}}": 50, f'events_total{{{held},class="applied"}}': "0+6000x",
              f'rejected_total{{{held},reason="json"}}': "0+4x",
              f'rejected_total{{{held},reason="future"}}': "0+2x"}
    series.update({f"{each}{{{own}}}": 1 for each in ("ready", "kafka_up", "redis_up")})
    series.update({f"{each}{{{own}}}": 0 for each in (
        "commit_restarts_total", "commits_failed_total", "commits_fenced_total", "memory_full",
        "dead_letters_waiting")})
    series.update({f"{each}{{{held}}}": 0 for each in ("input_stopped", "gap_offsets_total")})
    series.update({f'events_total{{{held},class="{each}"}}': "0+6x" for each in ("rejected", "late")})
    series.update({f"{each}{{{held}}}": "0+60x" for each in ("forwarded_total", "received_total")})
    return series


HEALTHY = {**instance("a", 1, 0), **instance("b", 0, 1)}
A = {"instance": "a"}
TOPIC, HELD = {"topic": "t"}, {"topic": "t", "partition": "0"}
OWN, AT = '{instance="a"}', 'instance="a",topic="t",partition="0"'
OF_0 = f"{{{AT}}}"

# Alert, what differs from a healthy group, the last minute without it, a minute with it, its labels (None: no
# alert at all, at either minute).
CASES = (
    ("LadderdDown", {f"up{OWN}": 0}, 1, 2, A),
    ("LadderdNotReady", {f"ready{OWN}": 0}, 9, 10, A),
    ("LadderdNotReady", {f"ready{OWN}": "0x9 1x80"}, 9, 15, None),
    ("LadderdKafkaDown", {f"kafka_up{OWN}": 0}, 1, 2, A),
    ("LadderdRedisDown", {f"redis_up{OWN}": 0}, 1, 2, A),
    ("LadderdNotOneMerges", {f"merging{OWN}": 0}, 1, 2, {}),
    ("LadderdNotOneMerges", {'merging{instance="b"}': 1}, 1, 2, {}),
    ("LadderdPartitionsMissing", {f"tasks{OWN}": "1x60 0x30"}, 70, 71, {}),
    ("LadderdRestarts", {f"commits_total{OWN}": "0+12x10 0+12x10 0+12x10 0+12x60"}, 32, 33, A),
    ("LadderdWorkerHangs", {f'worker_silent_seconds{{{OWN[1:-1]},worker="0"}}': "0x9 60x80"}, 10, 11,
     {**A, "worker": "0"}),
    ("LadderdInputStopped", {f"input_stopped{OF_0}": "0x9 1x80"}, 10, 11, {**A, **HELD}),
    ("LadderdGap", {f"gap_offsets_total{OF_0}": "0x29 5x60"}, 29, 30, HELD),
    ("LadderdGap", {f"gap_offsets_total{OF_0}": "_x30 5x60"}, 29, 31, HELD),
    ("LadderdGap", {f"gap_offsets_total{OF_0}": "0x29 5x1500"}, 1480, 1490, None),
    ("LadderdLag", {f"input_lag_records{OF_0}": 50_000, f"input_offset{OF_0}": 7}, 10, 12, TOPIC),
    ("LadderdLag", {f"input_lag_records{OF_0}": 20_000}, 30, 60, None),
    ("LadderdRejected", {f'events_total{{{AT},class="rejected"}}': "0+600x",
                         f'rejected_total{{{AT},reason="json"}}': "0+598x"}, 15, 17, TOPIC),
    ("LadderdLate", {f'events_total{{{AT},class="late"}}': "0+600x"}, 15, 17, TOPIC),
    ("LadderdBalanceBroken", {f'rejected_total{{{AT},reason="json"}}': "0+5x"}, 2, 3, {**A, **HELD}),
    ("LadderdForwardedMissing", {f"received_total{OF_0}": "0+30x"}, 50, 52, {}),
    ("LadderdForwardedMissing", {f"received_total{OF_0}": "0+90x"}, 60, 62, {}),
    ("LadderdForwardedMissing", {f"received_total{OF_0}": "0+30x30 3600+90x60"}, 20, 25, None),
    ("LadderdCommitsStandStill", {f"commits_total{OWN}": 100}, 5, 7, A),
    ("LadderdCommitsBeginAgain", {f"commit_restarts_total{OWN}": "0x29 1+1x60"}, 38, 42, A),
    ("LadderdCommitsFail", {f"commits_failed_total{OWN}": "0x29 1x60"}, 29, 30, A),
    ("LadderdFenced", {f"commits_fenced_total{OWN}": "0+5x"}, 15, 40, A),
    ("LadderdMemoryNearLimit", {f"memory_resident_bytes{OWN}": 9.5e8}, 14, 15, A),
    ("LadderdMemoryFull", {f"memory_full{OWN}": 1}, 0, 1, A),
    ("LadderdRowsWait", {f"rows_waiting{OWN}": "200000+1000x"}, 29, 32, A),
    ("LadderdRowsWait", {f"rows_waiting{OWN}": "400000-1000x"}, 29, 60, None),
    ("LadderdDeadLettersWait", {f"dead_letters_waiting{OWN}": 5}, 4, 5, A),
)


def values(each, last):
    """Promtool's notation; a number stays what it is, and what ends with x goes on to the end."""
    if not isinstance(each, str):
        return f"{each:.6g}x{last}" if each != int(each) else f"{int(each)}x{last}"
    return f"{each}{last}" if each.endswith("x") else each


def named(series):
    name, labels = series.split("{", 1)
    return f'{name if name == "up" else "ladderd_" + name}{{job="ladderd",{labels}'


def expected(minute, alert=None, labels=None):
    words = {"alertname": alert, "job": "ladderd", **(labels or {})}
    text = ",".join(f'{name}="{value}"' for name, value in words.items())
    return {"expr": QUERY, "eval_time": f"{minute}m",
            "exp_samples": [{"labels": f"{{{text}}}", "value": 1}] if alert else []}


def unit_test(alert, changes, before, after, labels):
    assert set(changes) <= set(HEALTHY), set(changes) - set(HEALTHY)
    last = max(LAST, after)
    return {"interval": "1m", "name": f"{alert} {changes}",
            "input_series": [{"series": named(series), "values": values(each, last)}
                             for series, each in {**HEALTHY, **changes}.items()],
            "promql_expr_test": [expected(before),
                                 expected(after, alert if labels is not None else None, labels)]}


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_rules(folder, tests):
    path = Path(folder) / "tests.json"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    return promtool("test", "rules", path)


def check_syntax():
    code, said = promtool("check", "rules", RULES)
    assert code == 0, said


def check_names():
    text = RULES.read_text()
    expressions = re.findall(r"expr: (?:>-\n)?((?:.+\n)(?: {10,}.+\n)*)", text)
    assert len(expressions) == text.count("- alert:"), expressions
    for expression in expressions:
        check_expression(expression)


def check_alerts(folder):
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    fired = {case[0] for case in CASES if case[4] is not None}
    assert len(set(alerts)) == len(alerts) and set(alerts) == fired, set(alerts) ^ fired
    tests = [unit_test("healthy", {}, 30, LAST, None), *(unit_test(*case) for case in CASES)]
    code, said = test_rules(folder, tests)
    assert code == 0, said
    code, said = test_rules(folder, [unit_test("healthy", {f"up{OWN}": 0}, 1, 2, None)])
    assert code != 0, "promtool finds no fault with a test that is wrong"


def test():
    if not shutil.which("promtool"):
        raise Skip("promtool is missing: sh tests/tools/install.sh")
    check_syntax()
    check_names()
    with tempfile.TemporaryDirectory() as folder:
        check_alerts(folder)


if __name__ == "__main__":
    run(test)
