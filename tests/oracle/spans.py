"""The spans of time that rows stand for: spec sections 6.2 and 6.3."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

HOUR_MS = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Span:
    kind: str
    window: str
    start: int
    end: int


def rolling_spans(config, stream_time):
    """`to` is the smallest multiple of `slide` greater than T, `from` = `to` − `length`."""
    spans = []
    for window in config.windows:
        end = (stream_time // window.slide + 1) * window.slide
        spans.append(Span("rolling", window.name, end - window.length, end))
    return spans


def hour_span(t):
    start = t // HOUR_MS * HOUR_MS
    return Span("bucket", "1h", start, start + HOUR_MS)


def instant_ms(moment):
    return (moment - EPOCH) // timedelta(milliseconds=1)


def midnight_ms(date, zone):
    """The first instant of a local day; where the clock skips midnight, the instant of the skip."""
    return instant_ms(datetime(date.year, date.month, date.day, tzinfo=zone).astimezone(timezone.utc))


class Days:
    """The local day that a time lies in, remembered by hour of the hour it was asked for."""

    def __init__(self):
        self.known = {}

    def span(self, t, zone):
        quarter = t // 900_000
        key = (zone.key, quarter)
        if key not in self.known:
            self.known[key] = self.find(quarter * 900_000, zone)
        return self.known[key]

    def find(self, t, zone):
        """No zone changes day or clock within a quarter of an hour of UTC (since 1972)."""
        date = (EPOCH + timedelta(milliseconds=t)).astimezone(zone).date()
        start, end = midnight_ms(date, zone), midnight_ms(date + timedelta(days=1), zone)
        if not start <= t < end:
            raise AssertionError(f"the day {date} of {zone.key} is not one piece of time")
        return Span("bucket", "1d", start, end)


def rfc3339(ms):
    text = (EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{ms % 1000:03d}Z" if ms % 1000 else "Z")


def buckets_over(start, end, next_span):
    """The buckets that [start, end) touches."""
    t = start
    while t < end:
        span = next_span(t)
        yield span
        t = span.end
