"""Goal: a slow Redis makes ladderd take no more memory (promise P4): what changed and is not committed yet,
and will be copied for its commit, counts as taken. When that fills it, reading pauses, and goes on by itself
once Redis has it; nothing is lost, and what it publishes equals `ladderd replay` over the same events.
Method: between ladderd and a genuine Redis stands a proxy that holds each answer back for seconds, while more
people come than the memory holds twice. The kernel keeps the highest resident set (VmHWM).

LADDER_LONG=1: with more memory, and as many more people, which without the pause take more than the limit."""

import os
import re
import socket
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

from broker import Broker, Redis, free_port, run, wait_until
from daemon_case import (INPUTS, Daemon, committed_records, create_inputs, generate, replay, settings,
                         start_generate, stop_within, wait_for_rows, write_config)
from memory import PLAN, peak_mib

IS_LONG = os.environ.get("LADDER_LONG") == "1"
EVENTS = int(os.environ.get("LADDER_EVENTS", 4_000_000 if IS_LONG else 840_000))
LIMIT_MIB = 640 if IS_LONG else 288
FEED = ["--seed", 5, "--events", EVENTS, "--people", EVENTS, "--ads", 12, "--span", "5d"]
FEED_S = 20 if IS_LONG else 7  # how long the events take to come
DELAY_S = 3
PART_BYTES = 1 << 16
SAMPLE = re.compile(r"^ladderd_(\w+)(?:\{.*\})? (\S+)$", re.M)


class Proxy:
    """Hands everything on at once to Redis, and its answers `delay_s` later, in order."""

    def __init__(self, redis):
        self.redis, self.delay_s = redis, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"
        start(self.accept)

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            server = socket.create_connection(("127.0.0.1", self.redis.port))
            answers = SimpleQueue()
            start(self.hand_on, client, server.sendall, server)
            start(self.hand_on, server, lambda part, to=answers: to.put((time.monotonic(), part)))
            start(self.hold_back, answers, client)

    def hand_on(self, source, put, *closed_after):
        try:
            while part := source.recv(PART_BYTES):
                put(part)
        except OSError:
            pass
        for each in (source, *closed_after):
            each.close()

    def hold_back(self, answers, client):
        try:
            while True:
                came_at, part = answers.get()
                while (left_s := came_at + self.delay_s - time.monotonic()) > 0:
                    time.sleep(min(left_s, 0.05))
                client.sendall(part)
        except OSError:
            pass


def start(call, *arguments):
    threading.Thread(target=call, args=arguments, daemon=True).start()


def look(daemon, port):
    """All metrics, those of all labels added up."""
    daemon.check_runs()
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    numbers = {}
    for name, value in SAMPLE.findall(page):
        numbers[name] = numbers.get(name, 0) + float(value)
    return numbers


class Case:
    def __init__(self, daemon, port, proxy):
        self.daemon, self.port, self.proxy = daemon, port, proxy
        self.numbers = {}

    def look(self):
        self.numbers = look(self.daemon, self.port)
        return self.numbers

    def is_pausing(self):
        """It says so, and does so, though there is more to read."""
        before = self.look()
        if not before.get("memory_full"):
            return False
        time.sleep(0.6)
        now = self.look()
        return (now["memory_full"] and now["input_lag_records"] > 0 and
                now["input_offset"] == before["input_offset"])

    def wait_for_pause(self):
        wait_until(self.is_pausing, 60, "nothing is read")
        paused = self.numbers
        print(f"paused: {paused['input_lag_records']:.0f} records to read, {paused['people']:.0f} people, "
              f"{self.daemon.memory_mb()} MiB", flush=True)
        self.daemon.wait_said("what waits for Redis has filled the memory", 1)
        assert self.proxy.delay_s, "Redis was not slow"
        return paused["input_offset"]

    def check(self, in_kafka):
        paused_at = self.wait_for_pause()
        wait_until(lambda: self.look()["input_offset"] > paused_at, 60, "reading goes on")
        wait_until(lambda: self.look()["input_offset"] == in_kafka(), 120, "the end of the log")


def check_peak(daemon):
    limit, _, rest = map(int, PLAN.search(daemon.said()).groups())
    peak = peak_mib(daemon)
    print(f"peak {peak:.0f} MiB of {limit}, {rest} beside buffers", flush=True)
    assert limit == LIMIT_MIB and peak <= rest * 1.1 + limit / 16 < limit, peak
    assert "people and ads have filled the memory" not in daemon.said(), daemon.said()


def test():
    with (tempfile.TemporaryDirectory(prefix="ladder-slow-") as name, Broker() as broker, Redis() as redis):
        folder, proxy, port = Path(name), Proxy(redis), free_port()
        create_inputs(broker)
        generate(*FEED, "--out", folder / "events.ndjson")
        config = write_config(folder, settings(
            folder, broker, SimpleNamespace(url=proxy.url), http={"listen": f"127.0.0.1:{port}"},
            limits={"memory": f"{LIMIT_MIB}MiB"}))
        want, counts = replay(config, folder / "events.ndjson")
        assert counts["rejected"] == counts["late"] == 0 and len(want) > 500, counts
        with Daemon(config) as daemon:
            case = Case(daemon, port, proxy)
            wait_until(lambda: case.look()["commits_total"] > 0, 30, "the claims")
            feed = start_generate(*FEED, "--kafka", broker.address, "--rate", EVENTS // FEED_S)
            wait_until(lambda: case.look()["people"] > 0, 30, "the first people")
            proxy.delay_s = DELAY_S
            case.check(lambda: sum(broker.count(topic) for topic in INPUTS))
            assert feed.wait(60) == 0, "generate could not send everything"
            wait_for_rows(broker, want, 60, daemon)
            check_peak(daemon)
            proxy.delay_s = 0
            stop_within(daemon, 15)
        in_kafka = sum(broker.count(topic) for topic in INPUTS)
        assert committed_records(redis) == in_kafka >= EVENTS, (committed_records(redis), in_kafka)


if __name__ == "__main__":
    run(test)
