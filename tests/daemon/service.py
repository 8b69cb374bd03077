"""Goal: the unit systemd/ladderd.service is one that systemd understands, and shuts in what it starts.
Method: `systemd-analyze`, which needs no running systemd; and that it does find fault with a worse unit."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from broker import ROOT, Skip, run

LADDERD = Path(os.environ.get("LADDERD", "build/ladderd")).absolute()
UNIT = ROOT / "systemd" / "ladderd.service"
EXPOSURE_MAX = 13  # tenths, of 100; what is left is the network


def analyze(folder, text, *arguments):
    unit = Path(folder) / "ladderd.service"
    unit.write_text(text.replace("/usr/bin/ladderd", str(LADDERD)))
    return subprocess.run(["systemd-analyze", *arguments, unit], capture_output=True, text=True, timeout=60)


def verify(folder, text):
    done = analyze(folder, text, "verify", "--man=no")
    return done.stdout + done.stderr


def exposure(folder, text):
    return analyze(folder, text, "security", "--offline=true", f"--threshold={EXPOSURE_MAX}")


def check_system_calls(text):
    """What the loop runs on is not filtered out: systemd's own lists say so."""
    sets = [word for line in text.splitlines() if line.startswith("SystemCallFilter=@")
            for word in line.split("=", 1)[1].split()]
    done = subprocess.run(["systemd-analyze", "syscall-filter", *sets, "@aio"], capture_output=True,
                          text=True, timeout=60)
    assert re.search(r"^@system-service$.*?^ +@aio$", done.stdout, re.M | re.S), done.stdout
    for call in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
        assert call in done.stdout, done.stdout


def test():
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is missing (apt-get install systemd)")
    text = UNIT.read_text()
    with tempfile.TemporaryDirectory() as folder:
        said = verify(folder, text)
        assert not said, said
        assert "RestrictSpaces" in verify(folder, text.replace("RestrictNamespaces", "RestrictSpaces"))
        done = exposure(folder, text)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        assert exposure(folder, text.replace("CapabilityBoundingSet=\n", "")).returncode != 0
    for line in ("Restart=on-failure", "RestartPreventExitStatus=CONFIG USAGE NOPERM", "TimeoutStopSec=15",
                 "Type=notify", "WatchdogSec=60", "LoadCredential=identity.key:/etc/ladderd/identity.key",
                 "DynamicUser=yes", "RuntimeDirectory=ladderd", "RuntimeDirectoryMode=0700"):
        assert f"\n{line}\n" in text, line
    reload = [line.split("=", 1)[1].split() for line in text.splitlines() if line.startswith("ExecReload=")]
    assert reload[0][1] == "check" and reload[1] == ["/bin/kill", "-HUP", "$MAINPID"], reload
    check_system_calls(text)


if __name__ == "__main__":
    run(test)
