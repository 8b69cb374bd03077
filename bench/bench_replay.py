"""ladderd replay of a large file that is not in the page cache."""

import os
import subprocess
import time

from harness import LADDERD, peak_mb, say

SENTENCE = "ladderd replay of a large file, dropped from the page cache before"


def drop_from_cache(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(bench):
    events = bench.option("events", 10_000_000, quick=200_000)
    folder = bench.folder()
    path, config = folder / "events.ndjson", folder / "ladderd.yaml"
    config.write_text("workers: 2\n")
    say(f"bench: replay: writing {events} events")
    subprocess.run([LADDERD, "generate", "--events", str(events), "--out", path], check=True)
    bench.setting("file MB", path.stat().st_size >> 20)
    bench.setting("workers", 2)
    for _ in bench.rounds():
        drop_from_cache(path)
        begin = time.monotonic()
        process = subprocess.Popen([LADDERD, "replay", "-c", config, "--events", path, "--rows", os.devnull],
                                   stderr=subprocess.DEVNULL)
        memory = 0
        while process.poll() is None:
            memory = max(memory, peak_mb(process.pid))
            time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"ladderd replay ended with {process.returncode}")
        bench.note("replay", "events/s", events / (time.monotonic() - begin))
        bench.note("replay", "memory MB", memory)
    bench.target("replay", "events/s", least=2.5e6)
