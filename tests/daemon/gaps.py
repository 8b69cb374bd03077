"""Goal: what Kafka no longer holds is never passed over in silence (promise P2). Records that were deleted
before they were read, a topic that was created anew, shorter or longer than before, and another number of
partitions: each is named, stops its partition and no other one, and is passed only with on_gap: skip, which
says what is missing.
Method: two people, one in each partition; between two runs the log is changed. The rows must be those of
`ladderd replay` over what could be read.

labels: waits"""

import tempfile
import time
from pathlib import Path

from broker import Broker, Redis, run
from daemon_case import (Daemon, create_topic, replay, settings, stop_within, wait_for_rows, write_config,
                         write_events)

TOPIC = "gaps.events"
OUTPUTS = ("gaps.current", "gaps.history")
START_MS = 1_772_000_000_000
CANNOT = "a partition cannot be read"
SKIPPED = "a gap in the log is skipped"


class Case:
    def __init__(self, folder, broker, redis):
        self.folder, self.broker, self.redis, self.number = folder, broker, redis, 0

    def config(self, on_gap):
        config = settings(self.folder, self.broker, self.redis)
        config["kafka"] |= {"inputs": [{"topic": TOPIC}], "on_gap": on_gap,
                            "outputs": dict(zip(("current", "history"), OUTPUTS))}
        return write_config(self.folder, config, f"{on_gap}.yaml")

    def produce(self, partition, count):
        """So many messages of the person in this partition; returned as a file."""
        events = []
        for _ in range(count):
            self.number += 1
            events.append({"type": "message", "id": f"m{self.number}", "ts": START_MS + self.number * 60_000,
                           "user": f"user{partition}", "direction": "in", "words": 5, "ad": "ad_1",
                           "account": "act_1"})
        path = write_events(self.folder / f"events{self.number}", events)
        self.broker.produce(TOPIC, path, "--partition", partition)
        return path

    def check(self, on_gap, files, *said):
        """A run: it says so, and the rows are those of the files."""
        config = self.config(on_gap)
        want, _ = replay(config, *files)
        with Daemon(config) as daemon:
            for text in said:
                daemon.wait_said(text, 30)
            wait_for_rows(self.broker, want, 30, daemon, topics=OUTPUTS)
            assert bool(said) == (CANNOT in daemon.said()), daemon.said()
            stop_within(daemon, 10)
        print(f"on_gap: {on_gap}: {len(want)} rows equal; said: {said or 'nothing'}", flush=True)

    def replace_topic(self, daemon, files):
        """Once it has read the files, whose rows are returned. It is paused then, and knows of no new one."""
        want, _ = replay(self.config("stop"), *files)
        wait_for_rows(self.broker, want, 30, daemon, topics=OUTPUTS)
        self.broker.delete_topic(TOPIC)
        daemon.wait_said("there is no such topic or partition", 30, count=2)
        daemon.pause()
        create_topic(self.broker, TOPIC, 2)
        return want


def check_deleted_while_running(case, files):
    """The topic is created anew with more in it than had been read of it: nothing shows that but what stands
    where it was read last. Files are changed to what was read in the end."""
    with Daemon(case.config("stop")) as daemon:
        want = case.replace_topic(daemon, files)
        new = [case.produce(0, 50), case.produce(1, 3)]
        daemon.resume()
        daemon.wait_said("is another one than was read there", 30)
        daemon.wait_said("the log ends at 3: the topic was created anew", 30)
        wait_for_rows(case.broker, want, 30, daemon, topics=OUTPUTS)
        stop_within(daemon, 10)
    files += new
    case.check("skip", files, "new_log=yes")
    print("created anew while it is read: named", flush=True)


def check_written_again_while_running(case, files):
    """The topic is created anew, and the same is in it: that is the same log, and it is read on."""
    with Daemon(case.config("stop")) as daemon:
        case.replace_topic(daemon, files)
        for partition, file in enumerate(files):
            case.broker.produce(TOPIC, file, "--partition", partition)
        files += [case.produce(0, 5), case.produce(1, 5)]
        daemon.resume()
        want, _ = replay(case.config("stop"), *files)
        wait_for_rows(case.broker, want, 30, daemon, topics=OUTPUTS)
        stop_within(daemon, 10)
    print("written again while it is read: read on", flush=True)


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        case = Case(Path(name), broker, redis)
        create_topic(broker, TOPIC, 2)
        files = [case.produce(0, 10), case.produce(1, 10)]
        case.check("stop", files)
        check_written_again_while_running(case, files)

        case.produce(0, 5)
        behind_gap = case.produce(0, 5)
        files.append(case.produce(1, 5))
        broker.delete_before(TOPIC, 0, 20)
        case.check("stop", files, "offset 15 is wanted, but the log begins at 20: 5 offsets were deleted")
        files.append(behind_gap)
        case.check("skip", files, SKIPPED, f"topic={TOPIC} partition=0 from=15 to=20 goes_on_at=20 missing=5 "
                   "new_log=no")
        case.check("stop", files)

        broker.delete_topic(TOPIC)
        time.sleep(2)
        create_topic(broker, TOPIC, 2)
        new = case.produce(0, 30)
        case.check("stop", files, "the record at offset 24 is another one than was read there",
                   "offset 20 is wanted, but the log ends at 0: the topic was created anew")
        files.append(new)
        case.check("skip", files, "new_log=yes")
        files.append(case.produce(1, 10))
        case.check("stop", files)
        check_deleted_while_running(case, files)

        broker.delete_topic(TOPIC)
        time.sleep(2)
        create_topic(broker, TOPIC, 3)
        with Daemon(case.config("stop")) as daemon:
            assert "it was written for 2 partitions, and the inputs have 3" in daemon.wait_for_exit(1)


if __name__ == "__main__":
    run(test)
