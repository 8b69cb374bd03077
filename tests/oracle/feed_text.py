"""How the feeds of the property test are written down: the many texts that mean the same event."""

import json
from datetime import datetime, timedelta, timezone


# An object this deep has no room for an array around it.
DEEP = "[" * 12


class Raw(str):
    """A text that stands in the JSON as it is: a number with its own way of writing."""


def object_text(rng, event):
    """JSON of a flat event, in shuffled order, with escapes or without."""
    members = list(event.items())
    rng.shuffle(members)
    ascii_only = rng.random() < 0.3
    gap = rng.choice(["", "", " "])
    texts = []
    for name, value in members:
        text = value if isinstance(value, Raw) else json.dumps(value, ensure_ascii=ascii_only)
        texts.append(f"{json.dumps(name)}:{gap}{text}")
    return "{" + ("," + gap).join(texts) + "}"


def time_value(rng, ms):
    """An instant in one of the ways that section 2 allows."""
    forms = [Raw(ms), Raw(ms), Raw(ms), str(ms), "00" + str(ms), rfc3339_value(rng, ms)]
    if ms % 1000 == 0:
        forms += [Raw(ms // 1000), Raw(ms // 1000), str(ms // 1000)]
    return rng.choice(forms)


def rfc3339_value(rng, ms):
    offset = rng.choice([0, 0, 330, 345, -180, -570])
    local = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms) + timedelta(minutes=offset)
    text = local.strftime("%Y-%m-%d") + rng.choice("Tt ") + local.strftime("%H:%M:%S")
    if ms % 1000:
        text += f".{ms % 1000:03d}" + rng.choice(["", "0", "999", "5000001"])
    if offset == 0:
        return text + rng.choice(["Z", "z", "+00:00", "-00:00"])
    return text + f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


def id_value(rng, ident):
    """Digits may stand as an integer."""
    return Raw(ident) if ident.isdigit() and ident[0] != "0" and rng.random() < 0.5 else ident


def amount_value(rng, most):
    """A decimal: many digits, halves that round away from zero, exponents, strings; rarely near `most`."""
    whole, part = rng.randrange(min(most, 500)), rng.randrange(10**6)
    exact = f"{whole}.{part:06d}"
    text = rng.choice([f"{whole}", exact, exact + "5", exact + "4999999999", exact + "500000000000000000001",
                       f"{whole}.5", f"{whole}e-1", f"{whole}.25E1", "0.0000005", "0.0000004", "0",
                       f"{rng.randrange(most)}.{part:06d}"])
    return text if rng.random() < 0.5 else Raw(text)


def count_value(rng, most):
    number = str(rng.choice([0, 1, rng.randrange(most)]))
    return number if rng.random() < 0.3 else Raw(number)


def words_fields(rng):
    """`words`, `text`, both (`words` wins) or nothing, with few words about as often as with many."""
    number = rng.choice([0, 1, 1, 2, 2, 3, 4, 7])
    separators = [" ", "  ", "\t", "\n", "\v", "\f\r", " \u00a0"]
    spoken = ["olá", "quero", "preço", "नमस्ते", "👋🏽", "a\u00a0b", "\"q\"", "100%"]
    text = rng.choice(["", " "]) + rng.choice(separators).join(rng.choice(spoken) for _ in range(number))
    fields = rng.choice([{"words": Raw(number)}, {"words": str(number)}, {"text": text},
                         {"text": text + "\n"}, {"text": text, "words": Raw(rng.randrange(5))}, {}])
    if rng.random() < 0.1:
        fields["media"] = True
    return fields


def decorate(rng, event):
    """Fields that change nothing: unknown ones, null and empty ones."""
    if rng.random() < 0.05:
        name = rng.choice(["adset", "campaign_name", "currency", "click_id"])
        event.setdefault(name, rng.choice([None, ""]))
    if rng.random() < 0.05:
        deep = Raw('{"deep":' + "[" * 14 + "]" * 14 + "}")
        event["raw"] = rng.choice([{"a": [1, {"b": None}]}, [[]], 1.5, "x", deep])
    return event


def lines_of(rng, events):
    """Lines of bytes; now and then several objects in an array, padding, or a carriage return."""
    texts = [object_text(rng, decorate(rng, event)) for event in events]
    lines = []
    while texts:
        taken = 1 if rng.random() > 0.03 else rng.randrange(1, 5)
        group, texts = texts[:taken], texts[taken:]
        if any(DEEP in text for text in group):
            lines += [text.encode() for text in group]
            continue
        line = group[0] if taken == 1 else "[" + rng.choice([",", " , "]).join(group) + "]"
        before, after = rng.choice(["", "", "", " ", "\t"]), rng.choice(["", "", "", " ", "\r"])
        lines.append((before + line + after).encode())
    return lines
