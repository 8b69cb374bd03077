"""Goal: `ladderd top` shows the rows of a running ladderd, those of the level, the window and the basis that
are asked for, in the order that is; where there is no terminal once, in plain text. On a terminal keys and
its size change what is seen, NO_COLOR is heeded, and the terminal is given back however it ends.
Method: a genuine Kafka and Redis; a terminal of our own (pty)."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

from broker import Broker, Redis, die_with_parent, free_port, run
from daemon_case import (LADDERD, Daemon, create_inputs, generate, parsed, replay, settings, stop_within,
                         wait_for_rows, write_config)

FEED = ["--seed", 5, "--events", 20_000, "--ads", 12, "--span", "14d"]
EXIT_UNAVAILABLE, EXIT_USAGE = 69, 64
UP, DOWN, RIGHT, LEFT = "\033[A", "\033[B", "\033[C", "\033[D"
LOOKS = re.compile(r"\033\[[0-9;]*m")
SEQUENCE = re.compile(r"\033\[[?0-9;]*[A-Za-z]")


def top(*arguments, code=0, **options):
    done = subprocess.run([LADDERD, "top", *arguments], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == code, f"exit code {done.returncode}, want {code}: {done.stdout}{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def wanted(want, level, window, basis):
    """The rows of a table, by name."""
    prefix = f"rolling/{basis}/{window}/{level}/"
    return {row["name"] or row["id"]: row for key, row in want.items() if key.startswith(prefix)}


def table_of(text):
    """The headings, and the cells of each line by name: names have no two blanks in them."""
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if line.lstrip().startswith("alerts "))
    cells = (re.split(r"  +", line.rstrip()) for line in lines[at + 1:] if re.search(r"  +[-\d]", line))
    return lines[at].split(), {name: rest for name, *rest in cells}


# ---- Without a terminal ----

def check_once(config, want):
    for level, window, basis in (("account", "28d", "event"), ("campaign", "28d", "cohort"),
                                 ("ad", "7d", "event")):
        text = top("-c", config, "--level", level, "--window", window, "--basis", basis, "--sort",
                   "clicks")
        rows = wanted(want, level, window, basis)
        headings, table = table_of(text)
        assert "\033" not in text and text.isascii(), text
        assert f"{level}s, {window}, basis {basis}" in text.splitlines()[0], text
        assert set(table) == {name[:40].rstrip() for name in rows} and rows, (set(table), set(rows))
        column = headings.index("clicksv") - len(headings)
        shown = [int(cells[column].replace(",", "")) for cells in table.values()]
        assert shown == sorted((row["clicks"] for row in rows.values()), reverse=True), (shown, text)


def check_usage(config):
    for arguments, part in ((["--level", "planet"], "planet"), (["--sort", "weather"], "weather"),
                            (["--basis", "both"], "both"), (["--window", "2h"], "no window 2h"),
                            (["twice"], "what is twice for")):
        said = top("-c", config, *arguments, code=EXIT_USAGE)
        assert part in said, said
    assert "-c FILE or --url URL" in top(code=EXIT_USAGE)


# ---- On a terminal ----

class Screen:
    """`ladderd top` on a terminal, and what it shows there."""

    def __init__(self, *arguments, size=(24, 120), **environment):
        self.ours, self.theirs = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.theirs)
        self.written = ""
        self.process = subprocess.Popen(
            [LADDERD, "top", *arguments], stdin=self.theirs, stdout=self.theirs, stderr=self.theirs,
            env={**os.environ, "TERM": "xterm", **environment}, preexec_fn=self.begin)

    def begin(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        die_with_parent()

    def resize(self, lines, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self.ours], [], [], left)[0]:
            try:
                self.written += os.read(self.ours, 65536).decode(errors="replace")
            except OSError:
                return

    def picture(self):
        """The last one that is whole, with its looks."""
        pictures = [text for text in self.written.split("\033[H")[1:] if "\033[J" in text]
        return pictures[-1].split("\033[J")[0].replace("\033[K", "").replace("\r\n", "\n") if pictures else ""

    def text(self):
        return LOOKS.sub("", self.picture())

    def wait_for(self, *parts, seconds=20):
        end = time.monotonic() + seconds
        while not all(part in self.text() for part in parts):
            assert self.process.poll() is None, f"it has ended:\n{self.written[-2000:]}"
            assert time.monotonic() < end, f"{parts} not seen:\n{self.text()}"
            self.read(0.05)
        return self.text()

    def press(self, keys, *parts):
        os.write(self.ours, keys.encode())
        return self.wait_for(*parts)

    def check_given_back(self, status=0):
        """The end, and the terminal as it was."""
        end = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        self.read(0.2)
        assert self.process.returncode == status, (self.process.returncode, self.written[-500:])
        assert termios.tcgetattr(self.theirs) == self.before, "the terminal has other settings"
        self.check_screen_left()
        os.close(self.ours)
        os.close(self.theirs)

    def check_screen_left(self):
        for on, off in (("\033[?1049h", "\033[?1049l"), ("\033[?25l", "\033[?25h")):
            assert self.written.count(on) == self.written.count(off) > 0, on
        assert self.written.rindex("\033[?1049l") > self.written.rindex("\033[?1049h")


def first_names(text, count):
    return list(table_of(text)[1])[:count]


def check_keys(config, want):
    ads = wanted(want, "ad", "28d", "cohort")
    count = len(ads)
    screen = Screen("-c", config, "--window", "28d")
    text = screen.wait_for("campaigns, 28d, basis event", "by spend, the greatest first", "h help")
    assert all(len(line) <= 120 for line in text.splitlines()) and len(text.splitlines()) <= 24
    greatest = first_names(text, 1)
    assert "▼" in screen.picture() and "\033[1m" in screen.picture()
    text = screen.press("r", "by spend, the smallest first")
    assert first_names(text, 1) != greatest, text
    screen.press("r", "by spend, the greatest first")
    screen.press(RIGHT, "by impressions,")
    screen.press(LEFT + LEFT, "by cac,")
    screen.press("w", "campaigns, 5m, basis event")
    screen.press("W", "campaigns, 28d, basis event")
    text = screen.press("b", "campaigns, 28d, basis cohort")
    screen.press("l", "adsets, 28d, basis cohort")
    text = screen.press("l", "ads, 28d, basis cohort", f"1 to {count} of {count}")
    screen.press(DOWN, f"2 to {count} of {count}")
    screen.press(UP, f"1 to {count} of {count}")
    screen.press("h", "page up, page down", "back to the table")
    screen.press("h", "ads, 28d")
    assert set(table_of(screen.text())[1]) == {name[:40] for name in ads}, screen.text()
    columns = len(table_of(screen.text())[0])
    screen.resize(14, 80)
    text = screen.wait_for(f"1 to 10 of {count}")
    assert all(len(line) <= 80 for line in text.splitlines()) and len(text.splitlines()) == 14, text
    assert len(table_of(text)[0]) < columns, "as many columns as before"
    os.write(screen.ours, b"q")
    screen.check_given_back()


def check_no_colour(config):
    screen = Screen("-c", config, NO_COLOR="1")
    screen.wait_for("campaigns, 5m", "alerts")
    assert not LOOKS.search(screen.picture()), repr(screen.picture()[:500])
    os.write(screen.ours, b"q")
    screen.check_given_back()


def check_signals(config):
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 0),
                           (signal.SIGABRT, -signal.SIGABRT)):
        screen = Screen("-c", config)
        screen.wait_for("campaigns, 5m")
        screen.process.send_signal(number)
        screen.check_given_back(status)
    screen = Screen("-c", config)
    screen.wait_for("campaigns, 5m")
    os.write(screen.ours, b"\x1a")
    assert os.WIFSTOPPED(os.waitpid(screen.process.pid, os.WUNTRACED)[1])
    screen.read(0.2)
    screen.check_screen_left()
    assert termios.tcgetattr(screen.theirs) == screen.before
    screen.written = ""
    screen.process.send_signal(signal.SIGCONT)
    screen.wait_for("campaigns, 5m")
    os.write(screen.ours, b"q")
    screen.check_given_back()


def check_outage(config, daemon):
    """What it showed stays, with what is wrong below; and nothing to begin with is no picture."""
    screen = Screen("-c", config, "--window", "28d", "--level", "ad")
    screen.wait_for("ads, 28d", " of ")
    stop_within(daemon, 10)
    text = screen.wait_for("no ladderd answers at", seconds=30)
    assert " of " in text and len(table_of(text)[1]) > 5, text
    os.write(screen.ours, b"q")
    screen.check_given_back()
    said = top("-c", config, code=EXIT_UNAVAILABLE)
    assert "control.socket" in said and "ladderd run -c FILE" in said, said


def test():
    with tempfile.TemporaryDirectory() as name, Broker() as broker, Redis() as redis:
        folder = Path(name)
        port = free_port()
        create_inputs(broker)
        generate(*FEED, "--out", folder / "events.ndjson")
        generate(*FEED, "--kafka", broker.address)
        config = write_config(folder, settings(folder, broker, redis, http={"listen": f"127.0.0.1:{port}"},
                                               control={"socket": str(folder / "control.sock")}))
        rows, _ = replay(config, folder / "events.ndjson")
        want = parsed(rows)
        with Daemon(config) as daemon:
            wait_for_rows(broker, rows, 120, daemon)
            check_once(config, want)
            by_url = top("--url", f"http://127.0.0.1:{port}", "--window", "28d")
            assert table_of(by_url) == table_of(top("-c", config, "--window", "28d")), by_url
            check_usage(config)
            check_keys(config, want)
            print("keys change what is seen", flush=True)
            check_no_colour(config)
            check_signals(config)
            print("the terminal is given back", flush=True)
            check_outage(config, daemon)


if __name__ == "__main__":
    run(test)
