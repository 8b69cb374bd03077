"""What the tests of failovers share: a Redis and its replica, which redis.url both names, and a feed of which
parts come all the time while one takes the other's place: fed_case.py."""

from types import SimpleNamespace

from broker import wait_until
from daemon_case import FENCED
from fault_case import PARTITIONS
from fed_case import READ_BACK, FedCase, vectors

CHUNK_EVENTS = 1000
CHUNK_PAUSE_S = 0.3


def role(redis):
    return redis.command("ROLE")[0]


def wait_for_role(redis, wanted):
    """A Sentinel that changes a role has every connection closed at that moment."""
    def has_role():
        try:
            return role(redis) == wanted
        except ConnectionError:
            return False
    wait_until(has_role, 30, f"the role {wanted.decode()}")


def follow(replica, master):
    replica.command("REPLICAOF", "127.0.0.1", master.port)
    wait_until(lambda: replica.command("ROLE")[3] == b"connected", 30, "the replica follows")


class FailoverCase(FedCase):
    def __init__(self, folder, broker, master, replica, seed, chunks=60, **changes):
        self.master, self.replica = master, replica
        follow(replica, master)
        both = SimpleNamespace(url=f"redis://127.0.0.1:{master.port},127.0.0.1:{replica.port}/0")
        super().__init__(folder, broker, both, chunks, CHUNK_EVENTS, seed, CHUNK_PAUSE_S, **changes)

    def lose_last_writes(self, promote):
        """The replica is cut off while commits go on; then the master is killed, and promote() makes the
        replica a master: every task is fenced, read back, and read again from Kafka."""
        self.wait_for_commits(self.master)
        wait_until(lambda: None not in vectors(self.replica), 30, "the replica has something of every task")
        self.replica.pause()
        self.master.command("CLIENT", "KILL", "TYPE", "replica")
        self.wait_for_commits(self.master)
        self.wait_for_commits(self.master)
        self.check_is_reading()
        last = vectors(self.master)
        self.master.kill9()
        self.replica.resume()
        assert role(self.replica) == b"slave"
        assert all(here != there for here, there in zip(vectors(self.replica), last)), "it lacks nothing"
        self.daemon.wait_said("this is a replica, which takes no writes", 30)
        promote()
        self.daemon.wait_said(FENCED, 30, count=PARTITIONS)
        self.daemon.wait_said(READ_BACK, 30, count=2 * PARTITIONS)
        self.wait_for_commits(self.replica)
