"""Goal: the package is the same bytes for the same build; installed, its configuration passes and its program
runs with it; an upgrade leaves what somebody has configured, and the identity key; purging leaves nothing.
Method: a root of its own that lies over this machine's (unshare, overlayfs), which dpkg changes as it would
the machine; a systemctl that writes down what it is asked; a genuine Kafka and Redis."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from broker import Broker, Redis, Skip, build_dir, free_port, run
from daemon_case import Daemon, create_topic, stop_within

UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
IN_NAMESPACE = "LADDER_IN_NAMESPACE"
CONFIG, KEY = "etc/ladderd/ladderd.yaml", "etc/ladderd/identity.key"
UNIT = "lib/systemd/system/ladderd.service"
FILES = ("usr/bin/ladderd", UNIT, CONFIG, KEY, "usr/share/man/man1/ladderd.1.gz",
         "usr/share/man/man5/ladderd.yaml.5.gz", "usr/share/bash-completion/completions/ladderd",
         "usr/share/doc/ladderd/README.md", "usr/share/doc/ladderd/copyright",
         "usr/share/doc/ladderd/changelog.gz", "usr/share/ladderd/prometheus/ladderd.rules.yml",
         "usr/share/ladderd/grafana/ladderd.json")
# What dpkg itself and its triggers write.
CHURN = re.compile(r"(var/lib/dpkg|var/cache|var/log|tmp|run|dev|usr/local/bin/systemctl"
                   r"|usr/sbin/policy-rc.d)(/|$)")
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/tmp/systemctl.log
"""
NEXT = "99.0"


class Root:
    """A root over this machine's; what is changed in it is in memory and ends with this process."""

    def __init__(self, folder):
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        self.path, self.upper = folder / "root", folder / "upper"
        mount("-t", "overlay", "overlay", "-o",
              f"lowerdir=/,upperdir={self.upper},workdir={folder / 'work'}", self.path)
        mount("--bind", "/dev", self.path / "dev")
        mount("-t", "proc", "proc", self.path / "proc")
        (self.path / "run/systemd/system").mkdir(parents=True, exist_ok=True)
        (self.path / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        self.log = self.path / "tmp/systemctl.log"
        systemctl = self.path / "usr/local/bin/systemctl"
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)

    def run(self, *words, **options):
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                       "DEBIAN_FRONTEND": "noninteractive", **options}
        done = subprocess.run(["chroot", self.path, *words], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, env=environment)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def dpkg(self, *words):
        """Returns what systemctl was asked meanwhile."""
        self.log.write_text("")
        self.run("dpkg", *words)
        return self.log.read_text().splitlines()

    def install(self, package, *options):
        shutil.copy(package, self.path / "tmp/ladderd.deb")
        return self.dpkg(*options, "--install", "/tmp/ladderd.deb")

    def left(self):
        """What is there now and was not before, but for dpkg's own."""
        names = [path.relative_to(self.upper) for path in self.upper.rglob("*")]
        return sorted(str(name) for name in names
                      if not CHURN.match(str(name)) and not os.path.lexists(Path("/") / name))


def mount(*words):
    subprocess.run(["mount", *words], check=True, timeout=60)


# ---- The packages ----

def make_package(folder):
    folder.mkdir()
    config = build_dir().absolute() / "CPackConfig.cmake"
    subprocess.run(["cpack", "-G", "DEB", "--config", config, "-B", folder], check=True, capture_output=True,
                   timeout=300)
    package, = folder.glob("ladderd_*.deb")
    return package


def make_next(folder, package):
    """The next version, with another default configuration."""
    tree = folder / "next"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True, timeout=60)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {NEXT}", control.read_text(), flags=re.M))
    with open(tree / CONFIG, "a") as config:
        config.write("workers: 1\n")
    made = folder / "next.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, made], check=True, capture_output=True,
                   timeout=60)
    return made


def field(package, name):
    return subprocess.run(["dpkg-deb", "--field", package, name], check=True, capture_output=True, text=True,
                          timeout=60).stdout.strip()


def check_control(package):
    said = subprocess.run([build_dir() / "ladderd", "--version"], check=True, capture_output=True, text=True)
    assert said.stdout == f"ladderd {field(package, 'Version')}\n", said.stdout
    depends = field(package, "Depends")
    for library in ("libc6", "librdkafka1", "libhiredis", "libmimalloc", "tzdata"):
        assert library in depends, depends


# ---- What becomes of them ----

def check_installed(root, asked):
    for name in FILES:
        assert (root.path / name).exists(), name
    rights = (root.path / KEY).stat()
    assert stat.S_IMODE(rights.st_mode) == 0o600 and rights.st_uid == 0, oct(rights.st_mode)
    assert re.fullmatch(r"[0-9a-f]{64}\n", (root.path / KEY).read_text())
    assert asked == ["--system daemon-reload"], asked
    root.run("ladderd", "check", "-c", f"/{CONFIG}", CREDENTIALS_DIRECTORY="/etc/ladderd")


def configure(root, broker, redis, port):
    """What somebody who installs it would change."""
    config = root.path / CONFIG
    text = config.read_text()
    for default, own in (("127.0.0.1:9092", broker.address), ("127.0.0.1:6379", f"127.0.0.1:{redis.port}"),
                         ("127.0.0.1:9464", f"127.0.0.1:{port}")):
        assert text.count(default) == 1, default
        text = text.replace(default, own)
    config.write_text(text)
    return text


class Service(Daemon):
    """The installed program as its unit starts it: as nobody, who may read the key that is handed over."""

    def __init__(self, root):
        super().__init__(Path("/") / CONFIG)
        self.root = root
        handed = root.path / "run/credentials/ladderd.service"
        handed.mkdir(parents=True)
        shutil.copy(root.path / KEY, handed / "identity.key")
        root.run("chown", "-R", "nobody", "/run/credentials/ladderd.service")

    def command_line(self):
        return ["chroot", "--userspec=nobody:nogroup", str(self.root.path), "/usr/bin/env",
                "CREDENTIALS_DIRECTORY=/run/credentials/ladderd.service", "/usr/bin/ladderd", "run", "-c",
                str(self.config_path)]


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def check_runs(root):
    """Returns the configuration that it ran with."""
    port = free_port()
    with Broker() as broker, Redis() as redis:
        create_topic(broker, "ladder.events", 2)
        text = configure(root, broker, redis, port)
        with Service(root) as service:
            service.wait_until(lambda: is_ready(port), 30, "ready")
            stop_within(service, 10)
    shutil.rmtree(root.path / "run/credentials")
    return text


def check_upgrade(root, package, config):
    key = (root.path / KEY).read_text()
    asked = root.install(package, "--force-confdef", "--force-confold")
    assert "ladderd " + NEXT in root.run("dpkg-query", "--show", "-f", "${Package} ${Version}", "ladderd")
    assert asked == ["--system daemon-reload", "try-restart ladderd.service"], asked
    assert (root.path / CONFIG).read_text() == config
    assert (root.path / (CONFIG + ".dpkg-dist")).exists()
    assert (root.path / KEY).read_text() == key


def check_remove(root, package, config):
    """The configuration and the key stay, and are taken up by whatever is installed next."""
    key = (root.path / KEY).read_text()
    asked = root.dpkg("--remove", "ladderd")
    assert asked == ["stop ladderd.service", "--system daemon-reload"], asked
    assert not (root.path / "usr/bin/ladderd").exists() and not (root.path / UNIT).exists()
    root.install(package, "--force-confold")
    assert (root.path / CONFIG).read_text() == config and (root.path / KEY).read_text() == key


def check_purge(root):
    state = root.path / "var/lib/private/ladderd"
    state.mkdir(parents=True)
    (root.path / "var/lib/ladderd").symlink_to("private/ladderd")
    assert "usr/bin/ladderd" in root.left()
    root.dpkg("--purge", "ladderd")
    assert [name for name in root.left() if name != "var/lib/private"] == [], root.left()
    assert not subprocess.run(["chroot", root.path, "dpkg", "--status", "ladderd"],
                              capture_output=True).stdout


def test():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mount("-t", "tmpfs", "tmpfs", folder)
        try:
            package = make_package(folder / "one")
            assert package.read_bytes() == make_package(folder / "two").read_bytes(), "other bytes"
            check_control(package)
            root = Root(folder)
            check_installed(root, root.install(package))
            config = check_runs(root)
            upgrade = make_next(folder, package)
            check_upgrade(root, upgrade, config)
            check_remove(root, upgrade, config)
            check_purge(root)
        finally:
            subprocess.run(["umount", "--recursive", "--lazy", folder], check=True)


def enter_namespace():
    """This program again, where its mounts are its own and everything that it starts ends with it."""
    if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
        raise Skip("this machine gives no namespaces of its own (root's rights are needed)")
    if not all(map(shutil.which, ("cpack", "dpkg", "dpkg-shlibdeps"))):
        raise Skip("cpack, dpkg or dpkg-shlibdeps is missing: sh tests/tools/install.sh")
    os.execvpe(UNSHARE[0], [*UNSHARE, sys.executable, *sys.argv], {**os.environ, IN_NAMESPACE: "1"})


if __name__ == "__main__":
    run(test if IN_NAMESPACE in os.environ else enter_namespace)
