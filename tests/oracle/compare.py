"""compare.py want.ndjson got.ndjson: every field that differs, as key, field, want, got; exit code 1 if any.

The four times are allowed 2.5 % (spec section 6.4); everything else must be equal as it is written."""

import json
import sys

TIMES = ("response_p50", "response_p90", "close_time_p50", "close_time_p90")
SHOWN = 20
ABSENT = "(absent)"


class Written(str):
    """A number as it is written."""


def parse_row(line):
    """The members of a row in their order, numbers as text."""
    return json.loads(line, parse_int=Written, parse_float=Written)


def same_time(want, got):
    if not isinstance(want, Written) or not isinstance(got, Written):
        return want == got
    return abs(float(got) - float(want)) <= 0.025 * float(want) + 0.001


def same(field, want, got):
    if field in TIMES:
        return same_time(want, got)
    return type(want) is type(got) and want == got


def row_differences(want_line, got_line):
    """(key, field, want, got) of each field of two rows with the same key."""
    if want_line == got_line:
        return []
    want, got = parse_row(want_line), parse_row(got_line)
    found = [(want["key"], field, want.get(field, ABSENT), got.get(field, ABSENT))
             for field in want | got if not same(field, want.get(field, ABSENT), got.get(field, ABSENT))]
    if not found and list(want) != list(got):
        found.append((want["key"], "(order of fields)", " ".join(want), " ".join(got)))
    return found


def by_key(lines):
    return {json.loads(line)["key"]: line for line in lines}


def differences(want_lines, got_lines):
    """Every difference of two lists of rows, the order of the rows included."""
    if want_lines == got_lines:
        return []
    want, got = by_key(want_lines), by_key(got_lines)
    found = []
    for key in sorted(want.keys() | got.keys()):
        if key not in got:
            found.append((key, "(row)", "there", ABSENT))
        elif key not in want:
            found.append((key, "(row)", ABSENT, "there"))
        else:
            found += row_differences(want[key], got[key])
    if not found and list(want) != list(got):
        found.append(("", "(order of rows)", "sorted by key", "otherwise"))
    if len(got) != len(got_lines):
        found.append(("", "(rows)", f"{len(got)} keys", f"{len(got_lines)} rows"))
    return found


def report(found, out):
    for key, field, want, got in found[:SHOWN]:
        print(f"{key}\t{field}\twant {want}\tgot {got}", file=out)
    if len(found) > SHOWN:
        print(f"... and {len(found) - SHOWN} more", file=out)


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        return file.read().removesuffix("\n").split("\n")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: compare.py want.ndjson got.ndjson")
    found = differences(read_rows(sys.argv[1]), read_rows(sys.argv[2]))
    report(found, sys.stdout)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
