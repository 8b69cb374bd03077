"""Goal: `ladderd demo` needs nothing but redis-server, shows ladders whose replies break and recover, ends by
itself or when it is told to, and leaves nothing behind: no process, no folder, no changed terminal.

labels: waits"""

import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

LADDERD = os.environ.get("LADDERD", "build/ladderd")
CAMPAIGN_COUNT = 4
SKIPPED = 77


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


class Demo(unittest.TestCase):
    def setUp(self):
        self.parent = tempfile.mkdtemp(prefix="demo-")
        self.environment = dict(os.environ, TMPDIR=self.parent, TERM="xterm")
        self.process = None

    def tearDown(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.parent)

    def start(self, *options, **files):
        self.process = subprocess.Popen([LADDERD, "demo", *options], env=self.environment, **files)
        return self.process

    def redis_of(self):
        """Its redis-server, once it runs."""
        def commands():
            return {child: Path(f"/proc/{child}/comm").read_text() for child in children(self.process.pid)}
        self.assertTrue(wait_for(lambda: any("redis" in command for command in commands().values())))
        return next(iter(commands()))

    def assert_nothing_is_left(self, redis):
        self.assertTrue(wait_for(lambda: not is_alive(redis), 5), "redis-server lives on")
        self.assertEqual(os.listdir(self.parent), [])

    # ---- Plain lines ----

    def test_replies_break_and_recover(self):
        begin = time.monotonic()
        process = self.start("--seconds", "36", "--rate", "3000", stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        redis = self.redis_of()
        output, log = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, log)
        self.assertLess(time.monotonic() - begin, 36 + 15)
        self.assert_nothing_is_left(redis)
        self.assertNotIn("\033", output)
        blocks = [block for block in output.split("\n\n") if "conversation " in block]
        self.assertGreaterEqual(len(blocks), 5)
        at = [int(re.search(r"demo at (\d+) % of", block)[1]) for block in blocks]
        broken = [block.count(" breaks at reply: ") for block in blocks]
        for place, count in zip(at, broken):
            if place < 35:
                self.assertEqual(count, 0, f"broken too early:\n{output}")
            elif 48 <= place < 65:
                self.assertEqual(count, CAMPAIGN_COUNT, f"not seen to be broken:\n{output}")
            elif place > 85:
                self.assertEqual(count, 0, f"not seen to recover:\n{output}")
        self.assertTrue(any(48 <= place < 65 for place in at) and any(place > 85 for place in at), at)

    def test_a_ladder_gets_narrower(self):
        process = self.start("--seconds", "12", "--rate", "3000", "--scenario", "healthy",
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 0)
        last = [block for block in output.split("\n\n") if "conversation " in block][-1]
        counts = {}
        for line in last.splitlines():
            words = line.split()
            if len(words) > 1 and re.fullmatch(r"[\d,]+", words[1]):
                counts[words[0]] = int(words[1].replace(",", ""))
        rungs = ["impression", "click", "open", "conversation", "reply", "qualified", "handoff", "customer"]
        self.assertEqual([rung for rung in rungs if rung not in counts], [])
        reached = [counts[rung] for rung in rungs]
        self.assertEqual(reached, sorted(reached, reverse=True))
        self.assertGreater(counts["customer"], 0)

    # ---- Ending ----

    def test_signals_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                process = self.start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                redis = self.redis_of()
                time.sleep(2)
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=12), 0)
                self.assert_nothing_is_left(redis)

    def test_redis_does_not_outlive_a_kill(self):
        process = self.start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        redis = self.redis_of()
        process.kill()
        process.wait()
        self.assertTrue(wait_for(lambda: not is_alive(redis), 5))

    def test_a_missing_redis_is_told(self):
        self.environment["PATH"] = self.parent
        process = self.start("--seconds", "10", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        error = process.communicate(timeout=20)[1]
        self.assertEqual(process.returncode, 69)
        self.assertIn("apt-get install redis-server", error)
        self.assertEqual(os.listdir(self.parent), [])

    # ---- A terminal ----

    def test_a_terminal_is_given_back(self):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        process = self.start("--seconds", "10", stdout=theirs, stderr=theirs)
        os.close(theirs)
        redis = self.redis_of()
        output = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            output += piece
        os.close(ours)
        self.assertEqual(process.wait(timeout=20), 0)
        self.assert_nothing_is_left(redis)
        text = output.decode()
        self.assertTrue(text.startswith("\033[?1049h\033[?25l"))
        picture, _, rest = text.partition("\033[?25h\033[?1049l")
        self.assertGreater(picture.count("\033[H"), 10, "not refreshed in place")
        self.assertNotIn("level=info", picture, "a log line tears the picture")
        self.assertIn("conversation ", rest, "the last picture does not stay")
        for frame in picture.split("\033[H")[1:]:
            self.assertLessEqual(frame.count("\n"), 30)


if __name__ == "__main__":
    if not shutil.which("redis-server"):
        print("skipped: redis-server is missing")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
