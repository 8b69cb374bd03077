"""What a person and an ad cost in memory."""

from harness import BUILD, json_line

SENTENCE = "bytes a person with six kept events, and an ad that was active for 28 days"


def run(bench):
    persons = bench.option("persons", 2_000_000, quick=20_000)
    said = json_line([BUILD / "bench/bench_memory", persons])
    bench.note_once("person", "bytes of his own", said["blob_bytes"])
    bench.note_once("person", "bytes with slot, rounding and claimed click", said["bytes_per_person"])
    bench.note_once("person", "bytes held", said["held_per_person"])
    bench.note_once("ad", "KiB", said["ad_bytes"] / 1024)
    bench.target("person", "bytes of his own", most=220)
    bench.target("ad", "KiB", most=256)
