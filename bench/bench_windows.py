"""Whether the cost of an event grows with the number of ads."""

from harness import BUILD, json_line

SENTENCE = "what the window verb costs an event, by the number of ads"


def run(bench):
    events = bench.option("events", 2_000_000, quick=100_000)
    for _ in bench.rounds():
        for ads in (10, 1_000, 50_000):
            said = json_line([BUILD / "bench/bench_engine", "--ads", ads, "--people", 500_000,
                              "--events", events, "--span-events", events])
            bench.note(f"{ads:,} ads", "window ns", said["window_ns"])
    bench.ratio("50,000 ads", "10 ads", "window ns")
    bench.target("50,000 ads / 10 ads", "window ns", most=1.25)
