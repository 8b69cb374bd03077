"""Records that are rejected: each reason of spec section 7 but `future`, which only a live run knows."""

import json

from feed_text import Raw, object_text

NOT_JSON = [
    b"not json", b'{"type":"click"', b'{"type":"click",}', b"5", b'"click"', b"null", b"{'type':1}", b"{} {}",
    b'{"type":"click","id":"d","id":"d","ts":1,"user":"u","ad":"a"}', b'{"a":01}', b'{"a":NaN}',
    b'{"a":1.}', b'{"a":-}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"a":"\\x41"}', b'{"a":"\t"}',
    b'{"a":1e999}', b"[1]", b'[{},"x",[],null]', b'[{"type":"click"}', b"\xef\xbb\xbf{}", b'{"a":tru}',
    b'{"a" 1}', b"]", b'{"a":1}}',
]
NOT_UTF8 = [b'{"user":"\xff"}', b'{"user":"\xc0\xaf"}', b'{"user":"\xed\xa0\x80"}', b'\xfe{}',
            b'{"user":"\xe2\x82"}', b'{"user":"\xf4\x90\x80\x80"}']
BAD_TIMES = ["yesterday", "2025-02-30T00:00:00Z", "2025-08-01T00:00:60Z", "2025-08-01T24:00:00Z",
             "2025-08-01T00:00:00", "2025-08-01", "2025-8-01T00:00:00Z", "1969-12-31T23:59:59Z", Raw("-5"),
             Raw("1.5"), Raw("1754042400.0"), True, {}, [], "2025-08-01T00:00:00.Z", "10000-01-01T00:00:00Z",
             Raw("253402300800000"), "2025-08-01T00:00:00+0530", "17540424oo"]
BAD_VALUES = {
    "click": [("cost", Raw("-1")), ("cost", "12,5"), ("cost", "0x10"), ("cost", True), ("cost", "-0.5"),
              ("cost", []), ("cost", "9223372036854.775808"), ("user", True), ("user", Raw("1.5")),
              ("id", {}), ("ad", False), ("account", []), ("campaign_name", {}), ("currency", [])],
    "open": [("click_id", {}), ("adset", True), ("user", Raw("-1.0"))],
    "message": [("direction", "sideways"), ("direction", "IN"), ("auto", "true"), ("auto", Raw("1")),
                ("prefilled", "no"), ("media", {}), ("words", Raw("-1")), ("words", Raw("1.5")),
                ("words", "two"), ("words", True)],
    "outcome": [("stage", "won"), ("stage", "Sale"), ("stage", []), ("value", Raw("-3")), ("value", "ten"),
                ("value", "1."), ("value", ".5"), ("value", " 5")],
    "spend": [("spend", Raw("-0.01")), ("impressions", "many"), ("impressions", Raw("1.0")),
              ("clicks", Raw("-2")), ("conversations", {}), ("spend", "1 000")],
}
REQUIRED = {"click": ["ad"], "open": [], "message": ["direction"], "outcome": ["stage"],
            "spend": ["ad", "from", "to"]}


def sound(rng, kind, ts):
    """An event with nothing wrong, which a broken one is made of; its id is used nowhere else."""
    event = {"type": kind, "id": f"broken-{rng.randrange(10**9)}", "ts": Raw(ts)}
    if kind != "spend":
        event["user"] = "nobody"
    event.update({"click": {"ad": "ad-x"}, "open": {}, "message": {"direction": "in"},
                  "outcome": {"stage": "lost"},
                  "spend": {"ad": "ad-x", "from": Raw(ts), "to": Raw(ts + 1000)}}[kind])
    return event


def missing(rng, ts):
    kind = rng.choice(list(REQUIRED))
    event = sound(rng, kind, ts)
    name = rng.choice(["type", "id", "ts"] + ([] if kind == "spend" else ["user"]) + REQUIRED[kind])
    if rng.random() < 0.5:
        del event[name]
    else:
        event[name] = rng.choice([None, ""])
    return event


def bad_value(rng, ts):
    kind = rng.choice(list(BAD_VALUES))
    event = sound(rng, kind, ts)
    name, value = rng.choice(BAD_VALUES[kind])
    event[name] = value
    return event


def bad_time(rng, ts):
    kind = rng.choice(list(REQUIRED))
    event = sound(rng, kind, ts)
    if kind != "spend":
        event["ts"] = rng.choice(BAD_TIMES)
        return event
    name = rng.choice(["ts", "from", "to", "reported_at", "to <= from"])
    if name == "to <= from":
        event["to"] = Raw(ts - rng.choice([0, 1, 5000]))
    else:
        event[name] = rng.choice(BAD_TIMES)
    return event


def too_large(rng, ts):
    event = sound(rng, "click", ts)
    if rng.random() < 0.3:
        event["deep"] = Raw("[" * 16 + "]" * 16)
    else:
        name = rng.choice(["id", "user", "click_id", "ad", "account", "adset"])
        event[name] = rng.choice(["x" * 257, "é" * 129])
    return event


def wrong_currency(rng, ts):
    event = sound(rng, rng.choice(["click", "outcome", "spend"]), ts)
    event["currency"] = rng.choice(["XXX", "usd", "US"])
    return event


def unknown_type(rng, ts):
    event = sound(rng, "click", ts)
    event["type"] = rng.choice(["purchase", "Click", "clicks", Raw("7"), True, ["click"], {"type": "click"}])
    return event


MAKERS = [missing, missing, bad_value, bad_value, bad_time, bad_time, too_large, wrong_currency, unknown_type]


def broken_lines(rng, number, ts):
    """`number` lines, most of them rejected for one reason each; `ts` is a time inside the feed."""
    lines = [broken_line(rng, ts) for _ in range(number)]
    if rng.random() < 0.05:
        lines.append(b'{"type":"click","pad":"' + b"x" * (1 << 20) + b'"}')
    return lines


def broken_line(rng, ts):
    form = rng.random()
    if form < 0.2:
        return rng.choice(NOT_JSON)
    if form < 0.3:
        return rng.choice(NOT_UTF8)
    if form < 0.35:
        event = object_text(rng, rng.choice(MAKERS)(rng, ts))
        return ("[" + event + "," + json.dumps(rng.choice([1, "x", None, [{}]])) + "]").encode()
    if form < 0.37:
        return b"[]"
    return object_text(rng, rng.choice(MAKERS)(rng, ts)).encode()
