"""A genuine Redis Cluster for the integration tests: three masters with a replica each, made by hand, so that
a test knows which is which.

    with RedisCluster() as cluster:
        ... cluster.url ...
        cluster.command("GET", "{ladder:3}:vector")     wherever that is
        cluster.master_of(slot).kill9()"""

import re

from broker import Redis, RedisError, free_port, wait_until

SLOTS = 16384
NODE_TIMEOUT_MS = 2000


class ClusterNode(Redis):
    name = "redis-node"

    def __init__(self):
        self.bus_port = free_port()
        super().__init__("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port),
                         "--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--repl-diskless-sync-delay", "0")

    def id(self):
        return self.command("CLUSTER", "MYID")

    def info(self, name):
        return re.search(name.encode() + rb":(\S*)", self.command("CLUSTER", "INFO"))[1].decode()

    def role(self):
        return self.command("ROLE")[0].decode()

    def is_running(self):
        return self.process and self.process.poll() is None


class RedisCluster:
    def __init__(self, masters=3):
        self.nodes = [ClusterNode() for _ in range(2 * masters)]
        self.url = f"redis://127.0.0.1:{self.nodes[-1].port}"  # a replica: any node will do

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for node in self.nodes:
            node.close()

    def start(self):
        for epoch, node in enumerate(self.nodes):
            node.start()
            node.command("CLUSTER", "SET-CONFIG-EPOCH", epoch + 1)
        half = len(self.nodes) // 2
        masters, replicas = self.nodes[:half], self.nodes[half:]
        for i, node in enumerate(masters):
            node.command("CLUSTER", "ADDSLOTSRANGE", SLOTS * i // half, SLOTS * (i + 1) // half - 1)
        for node in self.nodes[1:]:
            node.command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self.nodes[0].bus_port)
        count = str(len(self.nodes))
        wait_until(lambda: all(node.info("cluster_known_nodes") == count for node in self.nodes), 20,
                   "every node knows every other")
        for master, replica in zip(masters, replicas):
            replica.command("CLUSTER", "REPLICATE", master.id())
        wait_until(self.is_whole, 30, "the cluster is whole")

    def is_whole(self):
        """All slots are served, and every replica that runs follows. One that is loading does not yet."""
        running = [node for node in self.nodes if node.is_running()]
        try:
            return (all(node.info("cluster_state") == "ok" for node in running) and
                    all(node.command("ROLE")[3] == b"connected" for node in running
                        if node.role() == "slave"))
        except RedisError:
            return False

    def slot(self, key):
        return self.any().command("CLUSTER", "KEYSLOT", key)

    def any(self):
        return next(node for node in self.nodes if node.is_running())

    def at(self, port):
        return next(node for node in self.nodes if node.port == port)

    def masters(self):
        return [node for node in self.nodes if node.is_running() and node.role() == "master"]

    def master_of(self, slot):
        for first, last, master, *_ in self.any().command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return self.at(master[1])
        raise RedisError(f"nobody has slot {slot}")

    def replica_of(self, master):
        ports = [int(port) for _, port, _ in master.command("ROLE")[2]]
        return self.at(ports[0])

    def command(self, *words):
        """At the node that has the key, which is the second word."""
        return self.master_of(self.slot(words[1])).command(*words)

    def begin_move(self, slot, source, target):
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id())
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id())

    def move_keys(self, slot, source, target, most=None):
        """At most so many, all if None; returns how many it moved."""
        moved = 0
        while most is None or moved < most:
            count = 50 if most is None else min(50, most - moved)
            keys = source.command("CLUSTER", "GETKEYSINSLOT", slot, count)
            if not keys:
                break
            source.command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            moved += len(keys)
        return moved

    def end_move(self, slot, source, target):
        for node in (target, source, *self.masters()):
            node.command("CLUSTER", "SETSLOT", slot, "NODE", target.id())

    def fail_over(self, master):
        """Kills a master; returns the replica once it took over."""
        replica = self.replica_of(master)
        master.kill9()
        wait_until(lambda: replica.role() == "master" and self.is_whole(), 30, "the replica takes over")
        return replica
