"""A genuine Kafka broker and a genuine Redis for the integration tests, each private, in a temporary folder.

    from broker import Broker, Redis, Skip, run

    def test():
        with Broker() as broker, Redis() as redis:
            broker.create_topic("ladder.clicks", partitions=4)
            ... broker.address, redis.url, redis.unix_url ...
            broker.kill9(); broker.restart()

    if __name__ == "__main__":
        run(test)

Both stop when the block ends, and die with the program that started them, however that ends. (They die
with the thread that started them, too: start them from the main thread.) What they wrote is kept in the
folder until then; with LADDER_KEEP=1 the folder stays. `Skip` says what is missing; `run` turns it into exit
code 77.

LADDER_KAFKA_LIBS  where Kafka's jars are kept, fetched by Maven if absent (default $BUILD_DIR/kafka-libs)
BUILD_DIR          the build tree (default build), for the jars and the tools kafka_rows and kafka_admin"""

import base64
import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JAVA_LEAST = 17
PR_SET_PDEATHSIG = 1


class Skip(Exception):
    """This machine cannot run the test; the text says why."""


def run(test, *arguments):
    """Runs test(*arguments) and ends the program: 0 passed, 1 failed, 77 skipped (why: on stdout)."""
    try:
        test(*arguments)
    except Skip as skip:
        print(f"SKIP: {skip}", flush=True)
        sys.exit(77)
    print("passed", flush=True)
    sys.exit(0)


def build_dir():
    return Path(os.environ.get("BUILD_DIR", ROOT / "build"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, timeout_s, what, interval_s=0.05):
    """Calls condition() until it is true and returns that; after timeout_s an error that names `what`."""
    end = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout_s} s")
        time.sleep(interval_s)


LIBC = ctypes.CDLL(None)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """A process with a temporary folder of its own; can be killed and started again over the same files."""

    name = "server"
    start_timeout_s = 60

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix=f"ladder-{self.name}-"))
        self.log = self.dir / f"{self.name}.log"
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, command_line=None):
        line = command_line or self.command_line()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(line, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=die_with_parent,
                                            start_new_session=True)
        wait_until(self.is_up_or_dead, self.start_timeout_s, f"{self.name} at {self.dir}")

    def is_up_or_dead(self):
        if self.process.poll() is not None:
            last = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{last}")
        return self.is_up()

    def signal_and_wait(self, number, timeout_s):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout_s)

    def stop(self):
        """Ends it in good order."""
        self.signal_and_wait(signal.SIGTERM, 60)

    def kill9(self):
        """Ends it as a crash does: what it had not handed to the kernel is lost."""
        self.signal_and_wait(signal.SIGKILL, 60)

    def restart(self):
        """Starts it again, at the same address, over the files it left; stops it first if it runs."""
        self.stop()
        self.start()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def memory_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) // 1024

    def close(self):
        self.kill9()
        if os.environ.get("LADDER_KEEP"):
            print(f"{self.name}: kept {self.dir}", flush=True)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


def java_command():
    java = shutil.which("java")
    if not java:
        raise Skip("java is missing (apt-get install default-jre-headless)")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', said)
    if not version or int(version.group(1)) < JAVA_LEAST:
        raise Skip(f"Kafka needs Java {JAVA_LEAST}, this is {said.splitlines()[0] if said else java}")
    return java


def kafka_libs():
    """The folder that holds Kafka's jars."""
    return jars(HERE / "pom.xml", os.environ.get("LADDER_KAFKA_LIBS", build_dir() / "kafka-libs"))


def jars(pom, libs):
    """The folder with the jars that a pom.xml names, fetched if it is not there or not of this pom.xml."""
    libs = Path(libs).absolute()
    libs.parent.mkdir(parents=True, exist_ok=True)
    with lock_of(libs):
        stamp = libs / "pom.xml"
        if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
            fetch_jars(pom, libs)
    return libs


@contextlib.contextmanager
def lock_of(libs):
    with open(f"{libs}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch_jars(pom, libs):
    maven = shutil.which("mvn")
    if not maven:
        raise Skip(f"{libs} has no jars, and mvn is missing (apt-get install maven)")
    shutil.rmtree(libs, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="ladder-maven-") as folder:
        shutil.copy(pom, folder)
        print(f"broker: fetching the jars of {pom} into {libs}", flush=True)
        command = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={libs}"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
        except subprocess.TimeoutExpired:
            raise Skip(f"mvn could not fetch the jars of {pom} within 600 s") from None
    if done.returncode != 0 or not list(libs.glob("*.jar")):
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["it gave no reason"]
        raise Skip(f"mvn could not fetch the jars of {pom}: {errors[0][:300]}")
    shutil.copy(pom, libs / "pom.xml")


class Broker(Server):
    """One Kafka node, broker and controller (KRaft). `address` is its host:port, the same after a restart.
    `properties` go into its server.properties. is_fast: it is worth its while to compile itself well, for
    what is measured; else it starts in half of the time."""

    name = "kafka"
    start_timeout_s = 90

    def __init__(self, properties=None, heap="768m", is_fast=False):
        self.java, self.libs, self.heap, self.is_fast = java_command(), kafka_libs(), heap, is_fast
        super().__init__()
        self.port, self.controller_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.classes = self.libs / "classes.jsa"
        self.settings = self.dir / "server.properties"
        lines = [f"{name}={value}\n" for name, value in self.all_properties(properties or {}).items()]
        self.settings.write_text("".join(lines))
        self.format()

    def all_properties(self, properties):
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.dir / "logs",
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "message.max.bytes": 16777216,
            **properties,
        }

    def java_line(self, *arguments):
        compiler = [] if self.is_fast else ["-XX:TieredStopAtLevel=1"]
        classes = [f"-XX:SharedArchiveFile={self.classes}"] if self.classes.exists() else []
        return [self.java, f"-Xmx{self.heap}", *compiler, *classes, "-XX:+UseSerialGC",
                "-XX:+ExitOnOutOfMemoryError",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self.libs}/*",
                *map(str, arguments)]

    def format(self):
        """All have the logs that the first formatted, which takes as long as half a start, and the classes
        that it had loaded, without which a start takes twice as long."""
        formatted, logs = self.libs / "formatted", self.dir / "logs"
        with lock_of(self.libs):
            if not formatted.exists():
                self.format_logs()
                part = shutil.copytree(logs, self.libs / "formatting", dirs_exist_ok=True)
                part.rename(formatted)
            if not self.classes.exists():
                shutil.copytree(formatted, logs, dirs_exist_ok=True)
                self.archive_classes()
                shutil.rmtree(logs)
        shutil.copytree(formatted, logs, dirs_exist_ok=True)

    def archive_classes(self):
        """Java writes them as it ends. One that cannot leaves an empty file, and does without."""
        part = self.libs / "classes.part"
        line = self.command_line()
        self.start([line[0], f"-XX:ArchiveClassesAtExit={part}", *line[1:]])
        self.stop()
        part.touch()
        part.rename(self.classes)

    def format_logs(self):
        """Cluster ids begin with A: one in 64 random ones begins with - and is taken for an option."""
        cluster = base64.urlsafe_b64encode(bytes(1) + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        line = self.java_line("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self.settings)
        subprocess.run(line, check=True, capture_output=True)

    def command_line(self):
        return self.java_line("kafka.Kafka", self.settings)

    def is_up(self):
        """True once it names itself in its metadata (request Metadata, version 1, no topics)."""
        request = struct.pack(">hhihi", 3, 1, 7, -1, 0)
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                connection.sendall(struct.pack(">i", len(request)) + request)
                size, _, brokers = struct.unpack(">iii", receive(connection, 12))
                return size > 12 and brokers > 0
        except OSError:
            return False

    # What follows uses the tools beside this folder, built by CMake.

    def tool(self, name, *arguments, **options):
        program = build_dir() / "tests" / name
        done = subprocess.run([program, "--brokers", self.address, *map(str, arguments)], capture_output=True,
                              **options)
        if done.returncode != 0:
            raise RuntimeError(f"{name} {arguments}: exit code {done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def create_topic(self, topic, partitions=1, **settings):
        """Settings with _ for the dot, for example cleanup_policy="compact"."""
        configs = [word for name, value in settings.items()
                   for word in ("--config", f"{name.replace('_', '.')}={value}")]
        self.tool("kafka_admin", "--create", topic, "--partitions", partitions, *configs)

    def grow_topic(self, topic, partitions):
        self.tool("kafka_admin", "--grow", topic, "--partitions", partitions)

    def delete_topic(self, topic):
        self.tool("kafka_admin", "--delete", topic)

    def delete_before(self, topic, partition, offset):
        """What its retention does: the partition's log begins at this offset from now on."""
        self.tool("kafka_admin", "--delete-before", offset, "--topic", topic, "--partition", partition)

    def produce(self, topic, file, *options):
        """The lines of an NDJSON file as records; options as kafka_admin's. Returns how many."""
        return int(self.tool("kafka_admin", "--produce", file, "--topic", topic, *options))

    def rows(self, *topics):
        """The rows that a reader has in the end, as bytes, sorted by key, one a line."""
        return self.tool("kafka_rows", *(word for topic in topics for word in ("--topic", topic)))

    def count(self, topic):
        return int(self.tool("kafka_rows", "--topic", topic, "--count").split()[1])


def receive(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


class RedisError(Exception):
    """Redis answered with an error; the text is its own."""


class Redis(Server):
    """One Redis server on a free TCP port and a UNIX socket, append-only file on. `url` and `unix_url` as in
    ladderd's setting redis.url. `arguments` are more of redis-server's, as "--maxmemory", "64mb"."""

    name = "redis"

    def __init__(self, *arguments):
        self.program = shutil.which("redis-server")
        if not self.program:
            raise Skip("redis-server is missing (apt-get install redis-server)")
        super().__init__()
        self.arguments = arguments
        self.port, self.socket = free_port(), self.dir / "redis.sock"
        self.url, self.unix_url = f"redis://127.0.0.1:{self.port}/0", f"unix://{self.socket}"

    def command_line(self):
        return [self.program, "--bind", "127.0.0.1", "--port", str(self.port),
                "--unixsocket", str(self.socket), "--dir", str(self.dir), "--save", "",
                "--appendonly", "yes", "--appendfsync", "everysec", *self.arguments]

    def is_up(self):
        try:
            return self.command("PING") == b"PONG"
        except (OSError, RedisError):
            return False

    def wait_rewritten(self):
        """Until the append-only file that it loaded is written anew, which ladderd asks for. One that a crash
        cut off before may not be cut again sooner: Redis would not start."""
        def is_done():
            info = self.command("INFO", "persistence")
            return b"aof_rewrite_in_progress:0" in info and b"aof_last_rewrite_time_sec:-1" not in info
        wait_until(is_done, 30, "a rewritten append-only file")

    def lose_last(self, length):
        """While it is down: cuts `length` bytes off its append-only file, as a crash of the machine may."""
        log = max(self.dir.glob("appendonlydir/*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))
        os.truncate(log, max(0, log.stat().st_size - length))

    def flushall(self):
        self.command("FLUSHALL")

    def command(self, *words):
        """One command over a connection of its own: bytes, int, None or a list of them."""
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as answer:
                return read_answer(answer)


def read_answer(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("closed")
    kind, text = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(text.decode())
    if kind == b"+":
        return text
    if kind == b":":
        return int(text)
    if int(text) < 0:
        return None
    if kind == b"$":
        return stream.read(int(text) + 2)[:-2]
    return [read_answer(stream) for _ in range(int(text))]
