"""Goal: Kafka is spoken to by TLS, and not where its certificate is not to be trusted; passwords come from
files and are told to nobody; and each right that Kafka does not give is named, with what it is for, and ends
the daemon with exit code 77.
Method: a genuine Kafka with a certificate, which asks for a password and gives rights one by one
(StandardAuthorizer), and a Redis that asks for one, too. The files stand where systemd would put
credentials."""

import os
import subprocess
import tempfile
from pathlib import Path
from urllib.request import urlopen

from broker import Broker, Redis, build_dir, free_port, run, wait_until
from daemon_case import (INPUTS, LADDERD, PARTITIONS, Daemon, create_inputs, create_topic, generate,
                         make_certificate, refused, settings, stop_within, write_config)

DONE, UNAVAILABLE, TEMPORARY, NO_PERMISSION, CONFIG = 0, 69, 75, 77, 78
USER, KAFKA_SECRET, REDIS_SECRET = "ladderd", "kafka-word-8fd1", "redis-word-77c2"
OUTPUTS = ("current", "history", "alerts", "dead", "erased", "exchange")
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


def guarded_broker(certificate):
    """Clients of ours come by the first listener and may do everything, ladderd by the second."""
    port = free_port()
    broker = Broker()
    keystore = broker.dir / "keystore.pem"
    keystore.write_text("".join(Path(path).read_text() for path in certificate.values()))
    lines = broker.settings.read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    found.update({
        "listeners": f"{found['listeners']},SASL_SSL://127.0.0.1:{port}",
        "advertised.listeners": f"{found['advertised.listeners']},SASL_SSL://localhost:{port}",
        "listener.security.protocol.map": found["listener.security.protocol.map"] + ",SASL_SSL:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config":
            f'{PLAIN} required user_{USER}="{KAFKA_SECRET}";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    })
    broker.settings.write_text("".join(f"{name}={value}\n" for name, value in found.items()))
    return broker, f"localhost:{port}"


class Case:
    def __init__(self, folder, broker, address, certificate, redis):
        self.folder, self.broker, self.redis = folder, broker, redis
        self.credentials = folder / "credentials"
        self.credentials.mkdir()
        self.write("kafka.password", KAFKA_SECRET)
        self.write("redis.password", REDIS_SECRET)
        self.write("identity.key", "5a" * 32)
        os.environ["CREDENTIALS_DIRECTORY"] = str(self.credentials)
        self.trusted = certificate["cert_file"]
        self.http = f"127.0.0.1:{free_port()}"
        config = settings(folder, broker, redis, identity={"key_file": "identity.key"},
                          http={"listen": self.http})
        config["kafka"].update(brokers=address, secrets={"sasl.password": "kafka.password"})
        config["kafka"]["properties"].update({"security.protocol": "SASL_SSL",
                                              "ssl.ca.location": self.trusted,
                                              "sasl.mechanism": "PLAIN", "sasl.username": USER})
        config["redis"].update(url=f"unix://{redis.socket}?db=3", password_file="redis.password")
        self.settings = config
        self.config = write_config(folder, config)
        self.said = ""

    def write(self, name, text):
        """As systemd does it: the group's bits are those of an access list."""
        path = self.credentials / name
        path.write_text(text + "\n")
        path.chmod(0o440)

    def ask(self, command, *options):
        return subprocess.run([LADDERD, command, "-c", self.config, *options], capture_output=True, text=True,
                              timeout=60)

    def check(self, code, *options):
        return self.run(code, "check", *options)

    def run(self, code, command, *options):
        done = self.ask(command, *options)
        assert done.returncode == code, f"exit code {done.returncode}, want {code}:\n{done}"
        self.said += done.stdout + done.stderr
        return done.stdout + done.stderr

    def refused(self, code, *wanted):
        said = refused(self.config, code)
        self.said += said
        for text in wanted:
            assert text in said, f"not said: {text}\n{said}"

    def give(self, right, kind, name):
        subprocess.run([build_dir() / "tests" / "kafka_rights", self.broker.address, USER, right, kind, name],
                       check=True, timeout=60)


def check_certificate(case):
    """Another one than it is shown."""
    right = Path(case.trusted).read_bytes()
    other = make_certificate(case.folder, "other")["cert_file"]
    Path(case.trusted).write_bytes(Path(other).read_bytes())
    said = case.check(UNAVAILABLE, "--connect")
    assert "certificate verify failed" in said, said
    Path(case.trusted).write_bytes(right)


def check_files(case):
    """Whatever is wrong with a file is said of the file; without --connect none is opened."""
    for name, setting in (("kafka.password", "kafka.secrets: sasl.password"),
                          ("redis.password", "redis.password_file"), ("identity.key", "identity.key_file")):
        path = case.credentials / name
        text = path.read_text()
        path.unlink()
        case.refused(CONFIG, f"{setting}: ", str(path), "LoadCredential=")
        assert f"{setting}: " in case.check(CONFIG, "--connect")
        case.check(0)
        case.write(name, text.strip())


def check_passwords(case):
    case.write("kafka.password", "kafka-word-wrong")
    case.refused(NO_PERMISSION, "check the credentials")
    assert "check the credentials" in case.check(NO_PERMISSION, "--connect")
    case.write("kafka.password", KAFKA_SECRET)


def check_rights(case):
    """What is missing is found one after the other."""
    case.refused(NO_PERMISSION, "ladder.clicks: ", "grant DESCRIBE")
    assert "grant DESCRIBE" in case.check(NO_PERMISSION, "--connect")
    for topic in INPUTS:
        case.give("describe", "topic", topic)
    case.refused(NO_PERMISSION, "ladder.current: ", "grant DESCRIBE")
    case.give("describe", "topic", "ladder.*")
    case.refused(NO_PERMISSION, "ladder.current: ", "grant CREATE")
    case.give("create", "topic", "ladder.*")
    case.refused(NO_PERMISSION, "kafka.group: ladderd: ", "grant READ on the group")
    case.give("read", "group", "ladderd")
    case.refused(NO_PERMISSION, "ladder.erased", "grant READ")
    case.give("read", "topic", "ladder.erased")
    case.refused(NO_PERMISSION, "ladder.exchange", "grant READ")
    case.give("read", "topic", "ladder.exchange")
    case.refused(NO_PERMISSION, "ladder.", "grant WRITE")
    case.give("write", "topic", "ladder.exchange")
    case.refused(NO_PERMISSION, "grant READ and DESCRIBE on the topic")
    for topic in INPUTS:
        case.give("read", "topic", topic)
    case.refused(NO_PERMISSION, "ladder.current", "grant WRITE")
    for name in OUTPUTS:
        case.give("write", "topic", f"ladder.{name}")


def check_told_to_nobody(case):
    assert "0 errors" in case.check(0, "--connect")
    with Daemon(case.config) as daemon:
        daemon.wait_until(lambda: case.broker.count("ladder.current") > 0, 30, "rows")
        arguments = Path(f"/proc/{daemon.process.pid}/cmdline").read_text()
        for path in ("/status", "/metrics", "/readyz"):
            with urlopen(f"http://{case.http}{path}") as answer:
                case.said += answer.read().decode()
        stop_within(daemon, 10)
        case.said += daemon.said() + arguments
    for secret in (KAFKA_SECRET, REDIS_SECRET, "kafka-word-wrong", "5a5a"):
        assert secret not in case.said, f"{secret} was told"


def check_reshard(case):
    """It says what it must say before it has changed anything. What was refused has been a member, and may
    count for a while."""
    for topic in INPUTS:
        case.broker.grow_topic(topic, PARTITIONS + 1)
    case.settings["kafka"]["home_partitions"] = PARTITIONS
    case.config = write_config(case.folder, case.settings)
    create_topic(case.broker, "ladder.shuffle", PARTITIONS)
    wait_until(lambda: case.ask("reshard").returncode != TEMPORARY, 30, "a group without members", 1)
    said = case.run(NO_PERMISSION, "reshard")
    assert "ladder.shuffle: " in said and "grant ALTER" in said, said
    case.give("alter", "topic", "ladder.shuffle")
    assert f"in the first {PARTITIONS} of {PARTITIONS + 1} partitions" in case.run(DONE, "reshard")


def test():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = make_certificate(folder, "kafka")
        broker, address = guarded_broker(certificate)
        with broker, Redis() as redis:
            redis.command("CONFIG", "SET", "requirepass", REDIS_SECRET)
            case = Case(folder, broker, address, certificate, redis)
            create_inputs(broker)
            generate("--seed", 4, "--events", 3000, "--kafka", broker.address)
            check_certificate(case)
            check_files(case)
            check_passwords(case)
            check_rights(case)
            check_told_to_nobody(case)
            check_reshard(case)


if __name__ == "__main__":
    run(test)
