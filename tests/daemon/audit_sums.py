"""Goal: `ladderd audit` compares the sums of spec section 7, as they are stored of every input and partition,
with what the records say (promise P2): where all is well it says so, and a count that a bug has changed is
found and named; with inputs keyed by the person, and where events are forwarded.
Method: a feed in which every class and every reason occurs, in each of several partitions, duplicates also in
another topic than their first, several events in a record; then what is stored is altered, the instance is
killed with records before it, a person erased, Redis away."""

import base64
import json
import random
import re
import subprocess
import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, free_port, run, wait_until
from daemon_case import (LADDERD, Daemon, create_topic, settings, stop_within, write_config, write_events)
from stored_case import CLASSES, REASONS, Stored

PARTITIONS = 3
PEOPLE = 60
DAY_MS = 86_400_000
NOW_MS = int(time.time()) * 1000
CLICKS, MESSAGES, OUTCOMES = "clicks", "messages", "outcomes"
DIFFERENCE = re.compile(r"^(.+) \[(\w+)\] (.+): stored (\d+), (?:recomputed|its reasons sum up to) (\d+)"
                        r"(?: to (\d+))?$", re.M)
SOUND = " 0 differences, 0 faults of the balance, 0 gaps"


def broken(dice):
    """One record for each reason: its value, and the reason."""
    base = {"type": "message", "ts": NOW_MS - 3_600_000, "user": "u", "direction": "in", "words": 3}

    def event(**changes):
        fields = {**base, "id": f"b{dice.random()}", **changes}
        return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()
    return {
        "json": event()[:-1],
        "encoding": b'{"type":"message","id":"\xff"}',
        "too_large": event(id="i" * 257),
        "missing_field": event(direction=None),
        "bad_value": event(words=-1),
        "bad_time": event(ts="yesterday"),
        "future": event(ts=NOW_MS + 3_600_000),
        "currency": event(type="click", ad="ad_1", cost=1, currency="EUR"),
        "unknown_type": event(type="purchase"),
    }


class Feed:
    """Records as (topic, partition, value), in the order in which they are sent."""

    def __init__(self, seed, is_keyed):
        self.dice, self.is_keyed = random.Random(seed), is_keyed
        self.records = []
        for number in range(PEOPLE):
            self.add_person(number)
        self.add_all_sorts()

    def put(self, topic, person, *events):
        partition = person % PARTITIONS if self.is_keyed else self.dice.randrange(PARTITIONS)
        value = json.dumps(events[0] if len(events) == 1 else events).encode()
        self.records.append((topic, partition, value))
        if self.dice.random() < 0.15:  # sent again
            self.records.append((topic, partition, value))
        if self.dice.random() < 0.15:  # and by another way
            self.records.append((OUTCOMES, partition, value))

    def add_person(self, number):
        user, click, at = f"u{number}", f"C{number}", NOW_MS - 5 * DAY_MS + number * 3_600_000
        ad = {"ad": f"ad_{number % 5}", "account": "act_1"}

        def event(kind, minutes, **fields):
            return {"type": kind, "id": f"{kind}-{number}-{minutes}", "ts": at + minutes * 60_000, **fields}
        clicked = event("click", 0, click_id=click, **ad)
        self.put(CLICKS, number, clicked)
        self.put(CLICKS, number, event("open", 1, click_id=click, **ad))  # left out there
        self.put(OUTCOMES, number, event("open", 2, click_id=click, **ad))
        written = event("message", 3, user=user, click_id=click, direction="in", words=5, **ad)
        self.put(MESSAGES, number, written)
        if number == 0:  # an event of the click has the id of one of the person: one or both may be applied
            self.put(CLICKS, number, {**clicked, "id": written["id"]})
        self.put(MESSAGES, number, event("message", 5, user=user, direction="out", words=5),
                 event("message", 9, user=user, direction="in", words=9))
        self.put(OUTCOMES, number, event("outcome", 20, user=user, stage="qualified"))
        self.put(OUTCOMES, number, event("outcome", 60, user=user, stage="customer", value="9.50"))
        self.put(CLICKS, number, event("spend", 90, spend=3, impressions=10, clicks=2, conversations=1,
                                       **{"from": at - 3_600_000, "to": at}, **ad))

    def add_all_sorts(self):
        """Late ones, and every reason, everywhere."""
        late = {"type": "message", "ts": NOW_MS - 20 * DAY_MS, "direction": "in", "words": 3}
        for partition in range(PARTITIONS):
            for number in range(partition + 1):
                event = {**late, "id": f"late-{partition}-{number}", "user": f"u{partition}"}
                self.records.append((MESSAGES, partition, json.dumps(event).encode()))
            for topic in (MESSAGES, OUTCOMES):
                self.records += [(topic, partition, value) for value in broken(self.dice).values()]
            several = [{**late, "id": f"s{i}", "ts": NOW_MS - 60_000 * i, "user": f"u{partition}"}
                       for i in range(3)]
            several[1]["words"] = -1
            self.records.append((MESSAGES, partition, json.dumps(several).encode()))


class Case:
    def __init__(self, folder, broker, redis, name, is_keyed):
        self.folder, self.broker, self.redis, self.name = folder, broker, redis, name
        how = {} if is_keyed else {"key": "none"}
        inputs = [{"topic": self.topic(CLICKS), "types": ["click", "spend"], **how},
                  {"topic": self.topic(MESSAGES), "key": "user"}, {"topic": self.topic(OUTCOMES), **how}]
        for kept in inputs:
            create_topic(broker, kept["topic"], PARTITIONS)
        self.settings = settings(folder, broker, redis, clock="wall")
        self.settings["redis"]["namespace"] = name
        self.settings["kafka"].update(inputs=inputs, group=name, outputs={
            output: f"{name}.{output}" for output in ("current", "history", "alerts", "dead", "exchange",
                                                      "erased", "shuffle")})
        self.config = write_config(folder, self.settings, f"{name}.yaml")
        self.sent = {}
        self.send(Feed(1, is_keyed).records)

    def topic(self, name):
        return f"{self.name}.{name}"

    def send(self, records):
        for topic, partition, _ in records:
            place = (self.topic(topic), partition)
            self.sent[place] = self.sent.get(place, 0) + 1
        for name in (CLICKS, MESSAGES, OUTCOMES):
            lines = [{"partition": partition, "key": "", "value": base64.b64encode(value).decode(),
                      "headers": []} for topic, partition, value in records if topic == name]
            if lines:
                self.broker.produce(self.topic(name), write_events(self.folder / "records", lines),
                                    "--records")

    def stored(self, task):
        return Stored(self.redis, self.folder / "identity.key", task, self.name)

    def is_read(self):
        """Everything that was sent is committed; what it made others do, too: nothing has changed since."""
        tasks = [self.stored(task) for task in range(PARTITIONS)]
        before = self.before
        self.before = [task.before["vector"] for task in tasks]
        is_read = all(tasks[partition].offsets[topic] == count for (topic, partition), count in
                      self.sent.items())
        return is_read and self.before == before

    def run_until_read(self, config=None):
        self.before = None
        with Daemon(config or self.config) as daemon:
            daemon.wait_said("a task is read back", 30, count=PARTITIONS)
            daemon.wait_until(lambda: self.is_there() and (time.sleep(1) or self.is_read()), 60,
                              "everything committed")
            stop_within(daemon, 10)

    def is_there(self):
        return all(self.redis.command("EXISTS", f"{{{self.name}:{task}}}:meta") for task in range(PARTITIONS))

    def audit(self, code, *options, config=None):
        done = subprocess.run([LADDERD, "audit", "-c", config or self.config, *options], capture_output=True,
                              text=True, timeout=60)
        said = done.stdout + done.stderr
        assert code in (None, done.returncode), f"exit code {done.returncode}, want {code}:\n{said[-4000:]}"
        return said

    def check_sound(self):
        """Nothing differs, and every class and every reason was there."""
        said = self.audit(0)
        assert SOUND in said and "in sum only" not in said and "up to offset" not in said, said
        sums = {}
        for task in range(PARTITIONS):
            for topic, counts in self.stored(task).counts.items():
                for name, count in counts.items():
                    sums[name] = sums.get(name, 0) + count
                    sums[topic, name] = sums.get((topic, name), 0) + count
        assert all(sums[name] >= PARTITIONS for name in CLASSES + REASONS), sums
        for topic in (self.topic(name) for name in (CLICKS, MESSAGES, OUTCOMES)):
            classes = ", ".join(f"{name} {sums[topic, name]}" for name in CLASSES)
            assert re.search(rf"^{topic}: decoded \d+; stored: {classes}$", said, re.M), said
        print(f"{self.name}: " + ", ".join(f"{name} {count}" for name, count in sums.items()
                                           if count and isinstance(name, str)), flush=True)

    def altered(self, task, name, code=1, offset=0, **changes):
        """What is named where these counts of an input in a task are others, and nothing else may be: the
        class, whether for itself, over all inputs of the task or over all partitions of the input."""
        topic, named = self.topic(name), {}
        with self.stored(task) as stored:
            before = dict(stored.counts[topic])
            stored.offsets[topic] += offset
            stored.add(topic, **changes)
            said = self.audit(code)
        for place, where, what, was, low, high in DIFFERENCE.findall(said):
            assert (place, where) in ((topic, str(task)), (topic, "all"), ("all inputs", str(task))), said
            assert what not in named, said
            named[what] = place
            what = what.split()[-1]
            if (place, where) == (topic, str(task)) and what in before:
                assert int(was) == before[what] + changes.get(what, 0), said
                assert offset or int(low) <= before[what] <= int(high or low), said
        assert f" 0 differences, {len(named)} faults of the balance, 0 gaps" in said, said
        return set(named)

    def check_altered(self, is_keyed):
        cases = [(0, MESSAGES, {"late": 1}, {"decoded", "late"}),
                 (1, OUTCOMES, {"json": 1, "rejected": 1}, {"decoded", "rejected as json"}),
                 (2, OUTCOMES, {"json": -1, "encoding": 1}, {"rejected as json", "rejected as encoding"}),
                 (0, MESSAGES, {"rejected": 1}, {"decoded", "rejected"}),
                 (0, CLICKS, {"ignored": -1}, {"decoded", "ignored"}),
                 (1, MESSAGES, {"future": 1, "currency": -1}, {"rejected as future", "rejected as currency"}),
                 # events that are counted again, and in the other class; more than two of them are open
                 (0, MESSAGES, {"applied": 3}, {"decoded", "applied"}),
                 (1, OUTCOMES, {"duplicate": 3}, {"decoded", "duplicate"}),
                 (2, CLICKS, {"applied": -3, "duplicate": 3}, {"applied", "duplicate"}),
                 (2, MESSAGES, {"applied": -3, "ignored": 3}, {"applied", "ignored"})]
        if is_keyed:
            cases += [(1, MESSAGES, {"applied": 1}, {"decoded", "applied"}),
                      (2, CLICKS, {"applied": 1, "duplicate": -1}, {"applied", "duplicate"})]
        if not is_keyed:
            cases += [(2, CLICKS, {"forwarded": 1}, {"decoded", "forwarded"}),
                      (2, OUTCOMES, {"received": -1, "forwarded": -1}, {"received", "forwarded"})]
        for task, name, changes, wanted in cases:
            named = self.altered(task, name, **changes)
            assert named == wanted, (changes, named, wanted)
        assert "decoded" in self.altered(1, MESSAGES, offset=-1)
        self.audit(0)

    def check_behind(self):
        """Killed before it has committed what it read: compared up to what is stored, and it says so."""
        slow = write_config(self.folder, {**self.settings, "commit": {"interval": "1h"}}, "slow.yaml")
        with Daemon(slow) as daemon:
            daemon.wait_said("a task is read back", 30, count=PARTITIONS)
            time.sleep(1)
            offsets, letters = self.stored(1).offsets, self.broker.count(self.topic("dead"))
            self.send(Feed(2, True).records)
            wait_until(lambda: self.broker.count(self.topic("dead")) >= 2 * letters, 30, "more letters")
            daemon.kill9()
        assert self.stored(1).offsets == offsets
        said = self.audit(None)
        for topic, offset in offsets.items():
            if topic in {place[0] for place in self.sent}:
                line = (f"{topic} [1]: the sums were compared up to offset {offset}, "
                        f"which is what is stored; the log goes on to {self.sent[topic, 1]}")
                assert line in said, (line, said)
        assert " 0 faults of the balance, 0 gaps" in said, said
        self.run_until_read()
        self.check_sound()

    def check_several(self):
        """Which events of a record were late its letter does not say: so what is not compared is told."""
        late = {"type": "message", "ts": NOW_MS - 20 * DAY_MS, "user": "u2", "direction": "in", "words": 3}
        both = json.dumps([{**late, "id": "both-1"}, {**late, "id": "both-2"}]).encode()
        self.send([(MESSAGES, 2, both)])
        self.run_until_read()
        said = self.audit(0)
        note = f"{self.topic(MESSAGES)} [2]: applied, duplicate and late were compared in sum only"
        assert SOUND in said and note in said, said
        assert self.altered(2, MESSAGES, code=0, late=1, applied=-1) == set()
        assert self.altered(2, MESSAGES, late=1) == {"decoded"}

    def check_reordered(self):
        """The inputs stand in another order in the configuration: what is stored goes by their names."""
        kafka = self.settings["kafka"]
        changed = {**self.settings, "kafka": {**kafka, "inputs": kafka["inputs"][::-1]}}
        config = write_config(self.folder, changed, "reordered.yaml")
        self.run_until_read(config)
        said = self.audit(0, config=config)
        assert SOUND in said, said

    def check_erased(self):
        """Events that are sent again for somebody who is erased are ignored."""
        message = {"type": "message", "ts": NOW_MS - DAY_MS, "user": "u1", "direction": "in", "words": 5}
        events = [(MESSAGES, 1, json.dumps({**message, "id": f"again-{i % 7}"}).encode()) for i in range(10)]
        self.before = None
        with Daemon(self.config) as daemon:
            daemon.wait_said("a task is read back", 30, count=PARTITIONS)
            subprocess.run([LADDERD, "erase", "-c", self.config, "--user", "u1"], check=True,
                           capture_output=True)
            time.sleep(2)
            ignored = self.stored(1).counts[self.topic(MESSAGES)]["ignored"]
            self.send(events)
            daemon.wait_until(lambda: time.sleep(1) or self.is_read(), 30, "everything committed")
            stop_within(daemon, 10)
        assert self.stored(1).counts[self.topic(MESSAGES)]["ignored"] == ignored + len(events)
        said = self.audit(None)
        assert "1 people are erased" in said and " 0 faults of the balance, 0 gaps" in said, said

    def check_away(self):
        """What is stored cannot be had, or is not of this configuration."""
        def changed(**changes):
            return write_config(self.folder, {**self.settings, **changes}, "changed.yaml")
        away = changed(redis={"url": f"redis://127.0.0.1:{free_port()}/0", "namespace": self.name})
        said = self.audit(69, config=away)
        assert "does not answer: Connection refused" in said and "--rows-only leaves it out" in said, said
        said = self.audit(0, "--rows-only", config=away)
        assert SOUND in said and "the stored sums were left out (--rows-only)" in said, said
        said = self.audit(78, config=changed(identity={"key_file": str(self.folder / "no.key")}))
        assert "no.key is not here" in said and not (self.folder / "no.key").exists(), said
        other = self.folder / "other.key"
        other.write_text("5" * 64 + "\n")
        other.chmod(0o600)
        said = self.audit(1, config=changed(identity={"key_file": str(other)}))
        assert "is sealed with another identity key" in said, said
        said = self.audit(1, config=changed(redis={**self.settings["redis"], "namespace": "empty"}))
        assert "redis: nothing is stored under redis.namespace empty: no sum was compared" in said, said
        inputs = [{**kept, "key": "none"} for kept in self.settings["kafka"]["inputs"]]
        said = self.audit(78, config=changed(kafka={**self.settings["kafka"], "inputs": inputs}))
        assert "was written for another `key` or `partitioner`" in said, said


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        for kind, is_keyed in (("keyed", True), ("shuffled", False)):
            case = Case(Path(name), broker, redis, kind, is_keyed)
            case.run_until_read()
            case.check_sound()
            case.check_altered(is_keyed)
            case.check_behind()
            if is_keyed:
                case.check_away()
                case.check_reordered()
                case.check_several()
                case.check_erased()


if __name__ == "__main__":
    run(test)
