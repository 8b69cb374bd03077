"""Style is a test: what a program can check of the style rules and of the table of layers.

    python3 tests/tidy/tidy.py [FILE...]    prints file:line: rule: message, exit code 1 if there is any
    python3 tests/tidy/tidy.py --self-test  shows each rule bad text and good text
    python3 tests/tidy/tidy.py --stats      the lengths of the functions

A line that must break a rule says so and why, in a comment: tidy: allow RULE: REASON."""

import re
import statistics
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LINE_MAX, TAB, FUNCTION_MAX, FILE_MAX = 110, 8, 70, 700
CODE = (".c", ".h", ".def")
CHECKED = (*CODE, ".py", ".sh", ".cmake", ".js", ".css", ".html")

# What each folder may include, lowest first; the longest folder that fits a file counts.
LOW = ["core/base", "core/model", "core/state"]
LAYERS = {
    "core/base": [], "core/model": LOW[:1], "core/state": LOW[:2],
    "core/decode": LOW, "core/join": LOW, "core/window": LOW, "core/diagnose": LOW, "core/publish": LOW,
    "core": ["core"], "config": LOW[:2], "daemon": ["core", "config"],
    "bench": ["core", "config", "daemon", "tests"], "tests": ["core", "config", "daemon"],
}

# Who may include what others made: header, files, and whether only one pair (X.c and X.h) may.
Library = namedtuple("Library", "name header files one_pair")
LIBRARIES = [
    Library("jansson", r"jansson", r"core/decode/reference\.[ch]$|daemon/", True),
    Library("libyaml", r"yaml\.h", r"config/", True),
    Library("librdkafka", r"librdkafka/|rdkafka", r"daemon/(kafka|mock|demo)", False),
    Library("hiredis", r"hiredis", r"daemon/redis", False),
    Library("liburing", r"liburing", r"daemon/(loop|uring)", False),
    Library("libmicrohttpd", r"microhttpd", r"daemon/http\.[ch]$", True),
    Library("libsystemd", r"systemd/", r"daemon/service\.[ch]$", True),
    Library("openssl", r"openssl/", r"daemon/", True),
    Library("libcrypt", r"crypt\.h$", r"daemon/passwords\.[ch]$", True),
    Library("mimalloc", r"mimalloc", r"daemon/", True),
    Library("cmocka", r"cmocka", r"(?!)", False),
]

BANNED = {
    "strcpy": "memcpy with a length", "strcat": "struct buffer", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "gets": "getline", "strtok": "slices", "atoi": "strtoll, which can say no",
    "atol": "strtoll, which can say no", "atof": "strtod, which can say no",
}
IMPURE = ("time clock_gettime gettimeofday clock localtime rand random sleep usleep nanosleep printf vprintf "
          "puts putchar fopen open openat read write pread pwrite socket getenv pthread_mutex_lock "
          "pthread_create").split()

Problem = namedtuple("Problem", "path line rule message")


class Source:
    """One file: its lines, and its code with comments, texts and directives blanked out in place."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.lines = text.split("\n")
        self.is_c = path.endswith(CODE)
        self.folder = path.rpartition("/")[0]
        self.code = blank_directives(blank_comments_and_texts(text)) if self.is_c else ""

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def blank_comments_and_texts(text):
    tokens = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return tokens.sub(lambda token: blank(token.group()), text)


def blank_directives(code):
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda line: blank(line.group()), code, flags=re.M)


def functions(source):
    """(first line, length) of each function: from the end of what stands before it to its closing brace."""
    depth, begin, start, is_function = 0, 0, 0, False
    for found in re.finditer(r"[{};]", source.code):
        at, sign = found.start(), found.group()
        if sign == "{":
            if depth == 0:
                head = source.code[begin:at]
                is_function = head.rstrip().endswith(")") and "=" not in head.split("(")[0]
                start = begin + len(head) - len(head.lstrip())
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0 and is_function:
                first = source.line_of(start)
                yield first, source.line_of(at) - first + 1
        if depth == 0:
            begin = at + 1


UNFINISHED = r"(\b(TODO|FIXME)|(#|//|\*) ?XXX)\b(?!.{0,3}#?\d)"  # tidy: allow todo: the pattern itself


# ---- The rules: each yields (line, message) for one source; its name is the function's with - for _ ----

def rule_line_length(source):
    for number, line in enumerate(source.lines, 1):
        if len(line.expandtabs(TAB)) > LINE_MAX:
            yield number, f"{len(line.expandtabs(TAB))} columns, at most {LINE_MAX}"


def rule_file_length(source):
    if len(source.lines) - 1 > FILE_MAX:
        yield FILE_MAX + 1, f"{len(source.lines) - 1} lines, at most {FILE_MAX}: split the file"


def rule_trailing_space(source):
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield number, "white space at the end of the line"
    if source.text and not source.text.endswith("\n") or source.text.endswith("\n\n"):
        yield len(source.lines), "a file ends with one newline"


def rule_todo(source):
    for number, line in enumerate(source.lines, 1):
        if re.search(UNFINISHED, line):
            yield number, "name the issue by its number, or do it"


def rule_indent(source):
    if not source.path.endswith((".c", ".h")):
        return
    in_comment = False
    for number, line in enumerate(source.lines, 1):
        if not in_comment and re.match(r"\t* *(\t|    +\S)", line) and not re.match(r"\t+ {0,7}\S", line):
            yield number, "C is indented by tabs"
        opened, closed = line.rfind("/*"), line.rfind("*/")
        in_comment = opened > closed or in_comment and closed < 0


def rule_function_length(source):
    if source.is_c:
        for first, length in functions(source):
            if length > FUNCTION_MAX:
                yield first, f"a function of {length} lines, at most {FUNCTION_MAX}"


def rule_banned_call(source):
    for found in calls(source, BANNED):
        yield source.line_of(found.start()), f"{found.group(1)} is banned: {BANNED[found.group(1)]}"


def rule_pure_core(source):
    if source.path.startswith("core/"):
        for found in calls(source, IMPURE):
            yield source.line_of(found.start()), f"{found.group(1)}: core/ has no I/O, no clock and no locks"
        for found in re.finditer(r"\bstdout\b", source.code):
            yield source.line_of(found.start()), "stdout: core/ has no I/O"


def calls(source, names):
    return re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(names), source.code)


def includes(source):
    """(line, bracket, name) of each include, in order."""
    if source.is_c:
        for number, line in enumerate(source.lines, 1):
            found = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if found:
                yield number, found.group(1), found.group(2)


def layer_of(path):
    folders = [folder for folder in LAYERS if path.startswith(folder + "/")]
    return max(folders, key=len, default=None)


def rule_layer(source):
    own = layer_of(source.path)
    for number, bracket, name in includes(source):
        other = layer_of(name)
        if bracket != '"' or own is None or other is None or other == own:
            continue
        if not any(other == low or other.startswith(low + "/") for low in LAYERS[own]):
            yield number, f"{own} must not include {other}: layers include only lower ones, siblings never"


def rule_third_party(source):
    for number, _, name in includes(source):
        for library in LIBRARIES:
            allowed = source.path.startswith(("tests/", "bench/")) or re.match(library.files, source.path)
            if re.match(library.header, name) and not allowed:
                yield number, f"{library.name} is not for {source.path}"


def rule_include_root(source):
    for number, bracket, name in includes(source):
        if bracket == '"' and (layer_of(name) is None or ".." in name):
            yield number, f'"{name}": includes are relative to the root, as "core/base/slice.h"'
        elif bracket == "<" and layer_of(name):
            yield number, f"<{name}>: our own headers stand in quotes"


def rule_include_order(source):
    listed = [each for each in includes(source) if each[2].endswith(".h")]
    own = source.path[:-2] + ".h"
    if source.path.endswith(".c") and any(name == own for _, _, name in listed) and listed[0][2] != own:
        yield listed[0][0], f'the file\'s own header, "{own}", comes first'
    ours_seen = False
    for number, bracket, name in listed:
        if bracket == '"' and name != own:
            ours_seen = True
        elif bracket == "<" and ours_seen:
            yield number, f"<{name}>: the order is own header, system, project"


def rule_guard(source):
    if not source.path.endswith(".h"):
        return
    path = source.path[5:] if source.path.startswith("core/") else source.path
    guard = "LADDER_" + re.sub(r"\W", "_", path).upper()
    directives = [line.strip() for line in source.lines if line.startswith("#")]
    if directives[:2] != [f"#ifndef {guard}", f"#define {guard}"] or directives[-1] != "#endif":
        yield 1, f"the header guard is {guard}"


RULES = {name.removeprefix("rule_").replace("_", "-"): rule
         for name, rule in list(globals().items()) if name.startswith("rule_")}


def allowed(source, line, rule):
    text = source.lines[line - 1] if line <= len(source.lines) else ""
    return re.search(rf"tidy: allow {rule}: \w", text)


def check_source(source):
    for name, rule in RULES.items():
        for line, message in rule(source):
            if not allowed(source, line, name):
                yield Problem(source.path, line, name, message)


def check_pairs(sources):
    """A library that one pair of files wraps is included by no second pair."""
    for library in (each for each in LIBRARIES if each.one_pair):
        users = {}
        for source in sources:
            if source.path.startswith(("daemon/", "config/")):
                for line, _, name in includes(source):
                    if re.match(library.header, name):
                        users.setdefault(re.sub(r"\.\w+$", "", source.path), (source.path, line))
        for path, line in sorted(users.values())[1:]:
            yield Problem(path, line, "third-party", f"{library.name} is wrapped in {min(users)} already")


def is_checked(path):
    inner = path.relative_to(ROOT)
    hidden = any(part.startswith((".", "build")) and part != ".ci" for part in inner.parts[:-1])
    named = inner.name == "CMakeLists.txt" or inner.parts[0] == ".ci"
    return not hidden and (named or path.suffix in CHECKED)


def read_sources(names):
    paths = [Path(name).resolve() for name in names] or [path for path in ROOT.rglob("*") if path.is_file()]
    return [Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
            for path in sorted(paths) if is_checked(path)]


def check_tree(names):
    sources = read_sources(names)
    problems = [problem for source in sources for problem in check_source(source)]
    problems += check_pairs(sources)
    for problem in sorted(problems):
        print(f"{problem.path}:{problem.line}: {problem.rule}: {problem.message}")
    print(f"tidy: {len(sources)} files, {len(problems)} problems")
    return 1 if problems or not sources else 0


def print_stats(names):
    shipped = [source for source in read_sources(names) if not source.path.startswith("tests/")]
    lengths = [length for source in shipped for _, length in functions(source)]
    print(f"{len(lengths)} functions, median {statistics.median(lengths)}, longest {max(lengths)} lines")
    return 0


# ---- The self-test: (rule, path, text, line that must be reported, or None) ----

def function_text(line_count):
    return "static int f(int a)\n{\n" + "\ta++;\n" * (line_count - 3) + "}\n"


OWN, SYSTEM, PROJECT = '#include "core/base/a.h"\n', "#include <stdio.h>\n", '#include "core/base/b.h"\n'

CASES = [
    ("line-length", "core/base/a.c", "\t" * 13 + "abcdefg\n", 1),
    ("line-length", "tests/a.py", "a" * 111 + "\n", 1),
    ("line-length", "core/base/a.c", "\t" * 13 + "abcdef\n", None),
    ("line-length", "core/base/a.c", "/* tidy: allow line-length: a table */" + "a" * 99 + "\n", None),
    ("line-length", "core/base/a.c", "/* tidy: allow line-length: */" + "a" * 99 + "\n", 1),
    ("line-length", "core/base/a.c", "/* tidy: allow indent: a table */" + "a" * 99 + "\n", 1),
    ("file-length", "core/base/a.c", "\n" * 700 + "a\n", 701),
    ("file-length", "core/base/a.c", "\n" * 699 + "a\n", None),
    ("trailing-space", "core/base/a.c", "int a; \n", 1),
    ("trailing-space", "daemon/a.sh", "a\t\nb\n", 1),
    ("trailing-space", "core/base/a.c", "int a;", 1),
    ("trailing-space", "core/base/a.c", "int a;\n", None),
    ("todo", "core/base/a.c", "/* TO" "DO: later */\n", 1),
    ("todo", "tests/a.py", "# FIX" "ME\n", 1),
    ("todo", "tests/a.py", "# XX" "X why\n", 1),
    ("todo", "core/base/a.c", "/* TO" "DO #12: later */\ncurrency = \"XXX\";\n", None),
    ("indent", "core/base/a.c", "{\n    int a;\n", 2),
    ("indent", "core/base/a.c", "{\n  \tint a;\n", 2),
    ("indent", "core/base/a.c", "/* a\n     b */\n\tint a;\n\t    b;\n", None),
    ("function-length", "core/base/a.c", "int b;\n\n" + function_text(71), 3),
    ("function-length", "core/base/a.c", function_text(70) + "\n" + function_text(70), None),
    ("function-length", "core/base/a.c", "static const struct a b = {\n" + "\t{1},\n" * 90 + "};\n", None),
    ("function-length", "core/base/a.c", 'char *s = "}";\n' + function_text(60).replace("++", "-='{'"), None),
    ("function-length", "core/base/a.c", "#define A(x) \\\n\tif (x) { \\\n\n" + function_text(71), 4),
    ("banned-call", "daemon/a.c", "\tstrcpy(a, b);\n", 1),
    ("banned-call", "daemon/a.c", "\n\treturn atoi (a);\n", 2),
    ("banned-call", "daemon/a.c", "\tsnprintf(a); /* sprintf(a) */ b = \"gets(\"; my_gets(a);\n", None),
    ("pure-core", "core/join/a.c", "\tnow = time(NULL);\n", 1),
    ("pure-core", "core/join/a.c", "\tfprintf(stdout, \"a\");\n", 1),
    ("pure-core", "core/base/a.c", "\tfprintf(stderr, \"a\"); sink->write(a); file_read(a);\n", None),
    ("pure-core", "daemon/a.c", "\tnow = time(NULL);\n", None),
    ("layer", "core/base/a.c", '#include "core/model/event.h"\n', 1),
    ("layer", "core/model/a.h", '#include "core/base/slice.h"\n#include "core/state/person.h"\n', 2),
    ("layer", "core/join/a.c", '#include "core/decode/decode.h"\n', 1),
    ("layer", "core/join/a.c", '#include "core/pipeline.h"\n', 1),
    ("layer", "core/pipeline.c", '#include "config/config.h"\n', 1),
    ("layer", "core/pipeline.c", '#include "daemon/run.h"\n', 1),
    ("layer", "config/a.c", '#include "core/state/person.h"\n', 1),
    ("layer", "config/a.c", '#include "daemon/run.h"\n', 1),
    ("layer", "daemon/a.c", '#include "tests/a.h"\n', 1),
    ("layer", "core/join/a.c", '#include "core/join/b.h"\n#include "core/state/a.h"\n', None),
    ("layer", "core/pipeline.c", '#include "core/join/b.h"\n#include "core/window/a.h"\n', None),
    ("layer", "daemon/a.c", '#include "core/join/b.h"\n#include "config/a.h"\n#include "daemon/b.h"\n', None),
    ("third-party", "core/decode/decode.c", "#include <jansson.h>\n", 1),
    ("third-party", "daemon/a.c", "#include <yaml.h>\n", 1),
    ("third-party", "daemon/worker.c", "#include <librdkafka/rdkafka.h>\n", 1),
    ("third-party", "daemon/worker.c", "#include <hiredis/hiredis.h>\n", 1),
    ("third-party", "daemon/worker.c", "#include <liburing.h>\n", 1),
    ("third-party", "core/base/hash.c", "#include <openssl/evp.h>\n", 1),
    ("third-party", "daemon/http.c", "#include <crypt.h>\n", 1),
    ("third-party", "daemon/web.c", "#include <microhttpd.h>\n", 1),
    ("third-party", "daemon/kafka_in.c", "#include <librdkafka/rdkafka.h>\n", None),
    ("third-party", "core/decode/reference.c", "#include <jansson.h>\n", None),
    ("include-root", "core/base/a.c", '#include "slice.h"\n', 1),
    ("include-root", "core/base/a.c", '#include "core/base/../model/a.h"\n', 1),
    ("include-root", "core/base/a.c", "#include <core/base/slice.h>\n", 1),
    ("include-root", "core/base/a.c", '#include "core/base/slice.h"\n#include <stdio.h>\n', None),
    ("include-order", "core/base/a.c", OWN + PROJECT + SYSTEM, 3),
    ("include-order", "core/base/a.c", SYSTEM + OWN + PROJECT, 1),
    ("include-order", "core/base/a.c", OWN + SYSTEM + PROJECT, None),
    ("guard", "core/base/a.h", "#ifndef A_H\n#define A_H\n#endif\n", 1),
    ("guard", "core/base/a.h", "int a;\n", 1),
    ("guard", "core/base/a.h", "#ifndef LADDER_BASE_A_H\n#define LADDER_BASE_A_H\n#endif\n", None),
    ("guard", "core/pipeline.h", "#ifndef LADDER_PIPELINE_H\n#define LADDER_PIPELINE_H\n#endif\n", None),
    ("guard", "tests/a/b.h", "#ifndef LADDER_TESTS_A_B_H\n#define LADDER_TESTS_A_B_H\n#endif\n", None),
]


def self_test():
    failures = 0
    for rule, path, text, line in CASES:
        found = [problem.line for problem in check_source(Source(path, text)) if problem.rule == rule]
        if found != ([line] if line else []):
            failures += 1
            print(f"{rule}: {path}: expected {line}, found {found}:\n{text[:200]}")
    shown = {rule for rule, _, _, line in CASES if line}
    for rule in RULES.keys() - shown:
        failures += 1
        print(f"{rule}: no case shows that it catches anything")
    pairs = [Source(f"daemon/{name}.c", "#include <openssl/evp.h>\n") for name in ("a", "b")]
    if [problem.path for problem in check_pairs(pairs)] != ["daemon/b.c"] or list(check_pairs(pairs[:1])):
        failures += 1
        print("third-party: a second pair is not found")
    print(f"tidy: {len(CASES) + 1} cases, {failures} failures")
    return 1 if failures else 0


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--self-test"]:
        return self_test()
    if arguments[:1] == ["--stats"]:
        return print_stats(arguments[1:])
    return check_tree(arguments)


if __name__ == "__main__":
    sys.exit(main())
