"""Goal: the manual pages and what bash completes say what the program takes, no less and no more, and cannot
fall behind it. Method: mandoc, which finds fault with a page; the tables of the source; the program, which
refuses what it does not know; bash, asked as it asks itself when Tab is pressed."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from broker import ROOT, Skip, build_dir, run

MANUAL = build_dir().absolute() / "manual"
LADDERD = build_dir().absolute() / "ladderd"
PAGES = ("ladderd.1", "ladderd.yaml.5")
COMMAND_ROW = re.compile(r'^COMMAND\((\w+), "', re.M)
OPTION_ROW = re.compile(r'\{"([a-z-]+)", (?:required|no)_argument, NULL, \'(.)\'\}'
                        r'|OPTION\(\'(.)\', "([a-z-]+)"')
ASK = r"""
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_ladderd
printf '%s\n' "${COMPREPLY[@]}"
"""


def commands():
    return COMMAND_ROW.findall((ROOT / "daemon" / "commands.def").read_text())


def complete(*words, folder="."):
    """What bash offers for the last of the words."""
    done = subprocess.run(["bash", "--norc", "-c", ASK, "-", MANUAL / "ladderd.bash", "ladderd", *words],
                          check=True, capture_output=True, text=True, cwd=folder, timeout=60)
    assert not done.stderr, done.stderr
    return done.stdout.split()


def offered(command):
    return complete(command, "-")


def lint(path):
    return subprocess.run(["mandoc", "-Tlint", path], capture_output=True, text=True, timeout=60).stdout


def page_text(path):
    """What a reader sees, with any white space as one blank."""
    done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=1000", path], check=True, capture_output=True,
                          text=True, timeout=60)
    return " ".join(re.sub(r".\x08", "", done.stdout).replace("‐", "-").replace("’", "'").split())


# ---- The pages ----

def check_lint(folder):
    for name in PAGES:
        assert not lint(MANUAL / name), lint(MANUAL / name)
    worse = Path(folder) / "worse.1"
    worse.write_text((MANUAL / PAGES[0]).read_text().replace(".SH NAME", ".SQ NAME"))
    assert lint(worse), "mandoc finds no fault with a worse page"


def check_commands():
    text = page_text(MANUAL / "ladderd.1")
    for command in commands():
        said = subprocess.run([LADDERD, command, "--help"], check=True, capture_output=True, text=True)
        words = " ".join(re.sub(r"^usage: ", "", said.stdout).replace("`", "").split())
        at = 0
        for word in words.split():
            at = text.find(word, at)
            assert at >= 0, f"{command}: the page does not say: {word}"
        assert f"ladderd {command}" in text, command


def reference_rows():
    """[setting, type, default, range, live, sentence] of each row of `ladderd config --reference`."""
    said = subprocess.run([LADDERD, "config", "--reference"], check=True, capture_output=True, text=True)
    lines = [line for line in said.stdout.splitlines() if line.startswith("| `")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[cell.replace(r"\|", "|").replace("`", "").strip() for cell in row] for row in rows]


def check_settings():
    text = page_text(MANUAL / "ladderd.yaml.5")
    rows = reference_rows()
    assert len(rows) > 60, rows
    for setting, form, default, allowed, live, sentence in rows:
        want = f" {setting} {sentence}"
        if not form.startswith("a map of settings"):
            want += f" Type: {form}." + (f" Allowed: {allowed}." if allowed else "")
            want += " Live." if live else ""
        if default.startswith("Required"):
            want += " " + re.sub(r"\. Such as (.*)\.$", r", such as \1", default)
        elif default:
            want += f" Default: {default}"
        assert want in text, f"the page does not say: {want}"


# ---- The completion ----

def options_that_parse(command):
    """By the tables that the source of a command gives to getopt."""
    texts = [path.read_text() for path in ROOT.glob(f"daemon/{command}*.c")]
    rows = [row for text in texts if "getopt_long" in text for row in OPTION_ROW.findall(text)]
    return {"-c" if (letter, name) == ("c", "config") else f"--{name}{other_name}"
            for name, letter, _, other_name in rows}


def check_options():
    for command in commands():
        known = options_that_parse(command)
        assert not known or known == set(offered(command)), f"{command}: {known ^ set(offered(command))}"
        for option in offered(command):
            done = subprocess.run([LADDERD, command, option, "1", "--no-such-option"], capture_output=True,
                                  text=True, timeout=60)
            said = done.stdout + done.stderr
            assert option == "--help" or done.returncode == 64, f"{command} {option}: {done.returncode}"
            assert not re.search(rf"unknown option.* {option};", said), said
    assert sum(bool(options_that_parse(command)) for command in commands()) >= 7


def check_completion(folder):
    folder = Path(folder) / "files"
    folder.mkdir()
    assert complete("") == [*commands(), "--help", "--version"]
    assert complete("re") == [name for name in commands() if name.startswith("re")]
    for name in ("one.yaml", "two.ndjson"):
        (folder / name).touch()
    files = ["one.yaml", "two.ndjson"]
    for words, want in (
            (("check", "--c"), ["--connect"]),
            (("run", "-c", ""), files),
            (("run", "-c", "o"), ["one.yaml"]),
            (("run", "-c", "one.yaml", ""), ["-c", "--help"]),
            (("replay", "--events", "one.yaml", ""), files),
            (("replay", "--events", "one.yaml", "--ro"), ["--rows"]),
            (("replay", "--events", "one.yaml", "--rows", ""), files),
            (("replay", "--batch", ""), []),
            (("erase", "--user", ""), []),
            (("demo", "--scenario", "hea"), ["healthy"]),
            (("generate", "--seed", "1", "--ev"), ["--events"]),
            (("no-such-command", ""), [])):
        assert sorted(complete(*words, folder=folder)) == sorted(want), \
            f"{words}: {complete(*words, folder=folder)}, not {want}"


def check_registered():
    script = '. "$1"; complete -p ladderd'
    done = subprocess.run(["bash", "--norc", "-c", script, "-", MANUAL / "ladderd.bash"], check=True,
                          capture_output=True, text=True)
    assert done.stdout == "complete -F _ladderd ladderd\n", done.stdout


def test():
    if not shutil.which("mandoc"):
        raise Skip("mandoc is missing: sh tests/tools/install.sh")
    if not (MANUAL / "ladderd.1").exists():
        raise Skip(f"no {MANUAL}: cmake --build {build_dir()} --target manual")
    with tempfile.TemporaryDirectory() as folder:
        check_lint(folder)
        check_commands()
        check_settings()
        check_options()
        check_completion(folder)
        check_registered()


if __name__ == "__main__":
    run(test)
