"""Goal: `ladderd explain` says what a running ladderd keeps of a person, as the README's events make it: each
event, its ad and the rule that gave it, what it counted, the rungs; and of a row what it is made of. The
socket is its user's alone, is replaced when its process is gone and not when it answers; who is not known or
with another instance is said so, and no raw id is in an answer or a log.
Method: a genuine Kafka and Redis, events with known matches, two instances.

labels: sanitize threads"""

import json
import os
import re
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

from broker import ROOT, Broker, Redis, run, wait_until
from daemon_case import (INPUTS, LADDERD, Daemon, create_inputs, parsed, replay, settings, stop_within,
                         wait_for_rows, write_config, write_events)

USER = "491520000001"
EXIT_FAILED, EXIT_UNAVAILABLE, EXIT_USAGE = 1, 69, 64
HOUR_S = 3600
START_S = 1_773_489_600  # 2026-03-14T12:00:00Z
FIELDS = re.findall(r"^COUNTER\((\w+)", (ROOT / "core/model/counters.def").read_text(), re.M)


def readme_events():
    blocks = re.findall(r"^```json\n(.*?)^```\n", (ROOT / "README.md").read_text(), re.M | re.S)
    return [json.loads(line) for line in blocks[0].splitlines()]


def message(number, user, hours, **more):
    return {"type": "message", "id": f"{user}-{number}", "ts": START_S + int(hours * HOUR_S), "user": user,
            "account": "act_1", "direction": "in", "words": 3, **more}


def matched(user):
    """One message by each rule, in this order: organic, referral, ongoing, click_id, touch, and out."""
    return [message(0, user, 0), message(1, user, 1, ad="ad_1"), message(2, user, 2),
            {"type": "click", "id": f"{user}-c", "ts": START_S + 3 * HOUR_S, "user": user, "ad": "ad_2",
             "click_id": f"k-{user}", "account": "act_1", "campaign": "cam_2"},
            message(4, user, 4, click_id=f"k-{user}"),
            {"type": "open", "id": f"{user}-o", "ts": START_S + 5 * HOUR_S, "user": user, "ad": "ad_3",
             "account": "act_1"},
            message(6, user, 6), message(7, user, 6.5, direction="out")]


MATCHES = [("organic:act_1", "organic"), ("ad_1", "referral"), ("ad_1", "ongoing"), ("ad_2", "referral"),
           ("ad_2", "click_id"), ("ad_3", "referral"), ("ad_3", "touch"), ("ad_3", "ongoing")]


def explain(config, *arguments, code=0, **options):
    done = subprocess.run([LADDERD, "explain", "-c", config, *arguments], capture_output=True, text=True,
                          timeout=60, **options)
    assert done.returncode == code, f"exit code {done.returncode}, want {code}: {done.stdout}{done.stderr}"
    assert not (done.stdout and done.stderr), done.stderr
    return done.stdout + done.stderr


def explain_json(config, user):
    document = json.loads(explain(config, "--user", user, "--json"))
    assert user not in json.dumps(document)
    task, = document["tasks"]
    return task


# ---- What must be so ----

def check_readme_person(config):
    """The README's person: from the click, which only named a click id, to the sale."""
    person = explain_json(config, USER)
    assert [(event["ad"], event["match"]) for event in person["events"]] == [
        ("ad_1", "referral"), ("ad_1", "referral"), ("ad_1", "referral"), ("ad_1", "ongoing"),
        ("ad_1", "ongoing"), ("ad_1", "opened_last"), ("ad_1", "opened_last")], person
    click, _, first, out, reply, _, sale = person["events"]
    assert click["click"] == first["click"] == 1 and out["click"] is None, person
    assert (click["campaign"], click["adset"], click["account"]) == ("cam_1", "set_1", "act_1"), click
    assert reply["counts"]["replies"] == reply["counts"]["kind_engaged"] == 1, reply
    assert sale["counts"]["revenue"] == 240 and sale["counts"]["implied_handoff"] == 1, sale
    conversation, = person["conversations"]
    assert conversation["rungs"] == {
        "conversation": "2026-03-02T09:00:40Z", "reply": "2026-03-02T09:05:00Z",
        "qualified": "2026-03-02T10:30:00Z", "handoff": "2026-03-05T16:00:00Z",
        "customer": "2026-03-05T16:00:00Z"}, conversation
    assert conversation["kind"] == "engaged" and conversation["response"] == "under_5m", conversation
    text = explain(config, "--user", "-", input=USER + "\n")
    for part in ("2026-03-02T09:00:40Z  message in, started, click 1\n    ad_1 by referral: it names the ad "
                 "itself\n", "conversation at ad_1 (campaign cam_1, adset set_1, account act_1): engaged",
                 "    customer      2026-03-05T16:00:00Z\n", "orders, revenue 240, handoffs"):
        assert part in text, f"no {part!r} in\n{text}"
    assert USER not in text and "ARA1" not in text, text


def check_matches(config, user):
    person = explain_json(config, user)
    assert [(event["ad"], event["match"]) for event in person["events"]] == MATCHES, person["events"]
    by_touch = person["events"][6]
    assert by_touch["why"] == "the latest touch was there, 1h before", by_touch
    fields = [name for event in person["events"] for name in event["counts"] if name.startswith("match_")]
    assert fields == [f"match_{match}" for (_, match), event in zip(MATCHES, person["events"])
                      if event["direction"] == "in"], fields


ROW = "rolling/cohort/28d/ad/ad_1"


def numbers_of(document):
    """The counts of a row that are not 0, as they were published and as the tasks have them."""
    published = document["published"]
    assert not document["elsewhere"] and set(document["counts"]) <= set(published), document
    return {name: published[name] for name in FIELDS if published[name]}, document["counts"]


def check_row(config, want):
    """The row of the ad with a report: what it is made of, by ad, by time, and from which report."""
    document = json.loads(explain(config, "--row", ROW, "--json"))
    row, counts = numbers_of(document)
    assert row == counts, (row, counts)
    with_report, = [task for task in document["tasks"] if task["reports"]]
    assert with_report["reports"] == [
        {"ad": "ad_1", "from": "2026-03-02T03:00:00Z", "to": "2026-03-03T03:00:00Z",
         "reported_at": "2026-03-03T06:00:00Z",
         "amounts": {"impressions": 900, "clicks": 3, "conversations": 2, "spend": 12.4},
         "in_row": {"impressions": 900, "clicks": 3, "conversations": 2, "spend": 12.4}}], with_report
    times = [piece for task in document["tasks"] for piece in task["times"]]
    for name in ("conversations", "customers", "clicks"):
        assert sum(piece["counts"].get(name, 0) for piece in times) == row[name], (name, times)
    text = explain(config, "--row", ROW)
    for part in (ROW + "\npublished with revision ", "it slides on", "the tasks have the same\n",
                 "report of ad_1 for 2026-03-02T03:00:00Z to 2026-03-03T03:00:00Z, made "
                 "2026-03-03T06:00:00Z\n    impressions 900, clicks 3, conversations 2, spend 12.4; all of "
                 "it in this row\n"):
        assert part in text, f"no {part!r} in\n{text}"


def check_rows(config, want):
    """Every kind of row is the sum of what the tasks have."""
    by_kind = {}
    for key in sorted(want):
        by_kind.setdefault(tuple(key.split("/")[:4]), []).append(key)
    keys = [keys[number] for keys in by_kind.values() for number in {0, len(keys) // 2}]
    assert {key.split("/")[3] for key in keys} == {"ad", "adset", "campaign", "account"}, keys
    for key in keys:
        document = json.loads(explain(config, "--row", key, "--json"))
        row, counts = numbers_of(document)
        assert row == counts, (key, row, counts)
        assert (document["settles"] is None) == key.startswith("rolling"), document
    settled = [key for key, row in want.items() if row["settled"]]
    text = explain(config, "--row", settled[0])
    assert "it is settled: nothing changes it any more, since 2026-03-" in text, text


def check_no_row(config):
    assert "no such row" in explain(config, "--row", "rolling/event/1h/ad/no%2Fsuch", code=EXIT_FAILED)
    for key, part in (("rolling/event/2h/ad/ad_1", "window"), ("ad_1", "a key is"),
                      ("bucket/event/1h/ad/ad_1", "a key is"), ("rolling/both/1h/ad/ad_1", "cohort"),
                      ("bucket/event/1h/ad/ad_1/noon", "time"), ("rolling/event/1h/ads/ad_1", "campaign"),
                      ("rolling/event/1h/ad/ad%201", "%2F")):
        said = explain(config, "--row", key, code=EXIT_USAGE)
        assert part in said, (key, said)


def check_socket(path):
    mode = os.stat(path).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode)
    assert [name for name in os.listdir(path.parent) if name.startswith(path.name)] == [path.name]


def check_nobody(config):
    said = explain(config, "--user", "nobody at all", code=EXIT_FAILED)
    assert "nobody here knows this person" in said and "nobody at all" not in said, said
    assert "--user U and --row KEY are needed" in explain(config, code=EXIT_USAGE)


def check_taken(folder, config, daemon):
    """A second one with the same socket goes on without; the first keeps it."""
    other = json.loads(config.read_text())
    other["kafka"] = {**other["kafka"], "properties": {}, "group": "other"}
    other["redis"] = {**other["redis"], "namespace": "other"}
    with Daemon(write_config(folder, other, "other.yaml")) as second:
        second.wait_said("another ladderd answers there", 10)
        stop_within(second, 10)
    daemon.check_runs()
    check_readme_person(config)


def check_two(folder, config, people):
    """Of two instances one has a person, and the other says that he is not there."""
    other = json.loads(config.read_text())
    other["kafka"]["properties"] = {}
    other["control"] = {"socket": str(folder / "second.sock")}
    second_config = write_config(folder, other, "second.yaml")
    with Daemon(second_config):
        def one_each():
            done = [[subprocess.run([LADDERD, "explain", "-c", one, "--user", user], capture_output=True,
                                    text=True, timeout=60) for one in (config, second_config)]
                    for user in people]
            codes = [sorted(one.returncode for one in pair) for pair in done]
            return codes == [[0, EXIT_FAILED]] * len(people) and done
        done = wait_until(one_each, 60, "every person with one instance", interval_s=0.5)
        refused = [one.stderr for pair in done for one in pair if one.returncode]
        assert all("is with another instance" in said for said in refused), refused


def check_off(folder, config):
    other = {**json.loads(config.read_text()), "control": {"socket": "off"}}
    said = explain(write_config(folder, other, "off.yaml"), "--user", USER, code=EXIT_UNAVAILABLE)
    assert "control.socket is `off`" in said, said


def check_ended(path, config):
    said = explain(config, "--user", USER, code=EXIT_UNAVAILABLE)
    assert str(path) in said and "ladderd run -c FILE" in said, said


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        path = folder / "control.sock"
        people = [f"person {number}" for number in range(8)]
        create_inputs(broker)
        events = [write_events(folder / "readme", readme_events())]
        broker.produce(INPUTS[1], events[0], "--key", USER)
        for user in people:
            events.append(write_events(folder / user, matched(user)))
            broker.produce(INPUTS[1], events[-1], "--key", user)
        config = write_config(folder, settings(folder, broker, redis, control={"socket": str(path)}))
        want, _ = replay(config, *events)
        check_ended(path, config)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        with Daemon(config) as daemon:
            daemon.wait_until(lambda: wait_for_rows(broker, want, 60, daemon) or True, 60, "rows")
            check_socket(path)
            check_readme_person(config)
            for user in people:
                check_matches(config, user)
            check_nobody(config)
            check_row(config, want)
            check_rows(config, parsed(want))
            check_no_row(config)
            check_taken(folder, config, daemon)
            check_two(folder, config, people)
            check_off(folder, config)
            said = daemon.said()
            assert USER not in said and people[0] not in said
            stop_within(daemon, 10)
            assert not path.exists()
            check_ended(path, config)


if __name__ == "__main__":
    run(test)
