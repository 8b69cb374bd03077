"""Goal: the unit systemd/ladderd.service is one that systemd understands, and shuts in what it starts.
Method: `systemd-analyze`, which needs no running systemd; and that it does find fault with a worse unit."""

import os
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
    for line in ("Restart=on-failure", "RestartPreventExitStatus=CONFIG USAGE NOPERM", "TimeoutStopSec=15"):
        assert f"\n{line}\n" in text, line


if __name__ == "__main__":
    run(test)
