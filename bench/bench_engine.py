"""Decode, join and window on one thread, from records in memory."""

from harness import BUILD, json_line

SENTENCE = "records in memory through decode, join and window on one thread, by the number of people"
TIMED = 4_000_000


def engine(*options):
    return json_line([BUILD / "bench/bench_engine", *options])


def cases(bench):
    """Name, and until when it warms up. People counts those of unclaimed and claimed clicks too."""
    most = bench.option("people", 10_000_000, quick=200_000)
    few = min(1_000_000, most // 10)
    bench.setting("timed events", TIMED)
    bench.setting("ads", 100)
    yield f"{few:,} people", few, ["--until-people", few, "--people", few * 6 // 10]
    yield f"{most:,} people", most, ["--until-people", most, "--people", most * 6 // 10]
    bytes_limit = bench.option("bytes", 8 << 30, quick=0)
    if bytes_limit:
        people = bytes_limit // 290
        yield f"{bytes_limit >> 30} GiB", people, ["--until-bytes", bytes_limit, "--people", people * 6 // 10]


def run(bench):
    names = []
    timed = 200_000 if bench.is_quick else TIMED
    for name, people, options in cases(bench):
        for late in (0, 50):
            variant = name + (", 5 % late" if late else "")
            names.append(variant)
            for _ in bench.rounds():
                # as dense as the whole of the feed: warm-up and timed part together spread over 28 days
                dense = people * 4 + timed
                said = engine("--events", timed, "--late", late, "--span-events", dense, *options)
                bench.note(variant, "events/s", said["events_per_second"])
                for verb in ("decode_ns", "join_ns", "window_ns"):
                    bench.note(variant, verb.replace("_", " "), said[verb])
                bench.note(variant, "bytes a person", said["people_held_bytes"] / said["people"])
    for late in ("", ", 5 % late"):
        few, most = [name for name in names if name.endswith("people" + late)][:2]
        bench.ratio(most, few, "events/s")
        bench.target(most, "events/s", least=3e6)
        bench.target(f"{most} / {few}", "events/s", least=0.75)
