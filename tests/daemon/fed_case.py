"""What the tests of faults that happen while events come share: a feed of which a part is sent every moment
in the background, and a daemon that reads it. What must hold in the end: fault_case.py."""

import threading
from contextlib import contextmanager

from daemon_case import Daemon
from fault_case import PARTITIONS, FaultCase

READ_BACK = "a task is read back"


def vectors(redis):
    return [redis.command("GET", f"{{ladder:{task}}}:vector") for task in range(PARTITIONS)]


class FedCase(FaultCase):
    """pause_s: between two parts of the feed."""

    def __init__(self, folder, broker, redis, chunks, chunk_events, seed, pause_s, **changes):
        super().__init__(folder, broker, redis, chunks, chunk_events, seed, **changes)
        self.pause_s, self.sending = pause_s, threading.Lock()
        self.daemon = Daemon(self.static)

    @contextmanager
    def running(self):
        """The daemon runs, and events come."""
        is_over, failures = threading.Event(), []

        def send():
            try:
                while self.feed.chunk < self.feed.chunks and not is_over.wait(self.pause_s):
                    with self.sending:
                        self.feed.send_chunk()
            except Exception as error:
                failures.append(error)
        with self.daemon:
            sender = threading.Thread(target=send)
            sender.start()
            try:
                yield
            finally:
                is_over.set()
                sender.join()
            assert not failures, failures
            self.daemon.stop()

    def check_is_reading(self):
        assert self.feed.chunk < self.feed.chunks, "every event is there already: nothing is tested here"
        self.daemon.check_runs()

    def wait_for_commits(self, redis):
        """Until every task has committed there once more."""
        before = vectors(redis)

        def have_committed():
            return all(now not in (None, then) for now, then in zip(vectors(redis), before))
        self.daemon.wait_until(have_committed, 60, "a commit of every task")
