"""What a PromQL expression may name: the metrics of daemon/metrics.def, each with the labels of its scope."""

import re

from broker import ROOT

LABELS = {"ONE": (), "VERSION": ("version",), "OF_WORKER": ("worker",), "OF_TASK": ("task",),
          "OF_INPUT": ("topic", "partition"), "OF_CLASS": ("topic", "partition", "class"),
          "OF_REASON": ("topic", "partition", "reason"), "OF_TOPIC": ("topic",)}
FROM_PROMETHEUS = {"job", "instance"}
COUNTED = r"(?:rate|irate|increase|resets)\(\s*$"


def read_metrics():
    """{name: (type, labels)}"""
    text = (ROOT / "daemon" / "metrics.def").read_text()
    rows = re.findall(r"^METRIC\((\w+), (\w+), (\w+),", text, re.M)
    assert len(rows) > 30, rows
    return {f"ladderd_{name}": (kind, FROM_PROMETHEUS | set(LABELS[scope])) for kind, scope, name in rows}


METRICS = read_metrics()


def check_expression(expression):
    """Fails where it asks for what is not there, or takes the pace of what is no counter. Returns the names
    of the metrics."""
    found = list(re.finditer(r"\bladderd_\w+", expression))
    for match in found:
        name = match.group()
        assert name in METRICS, f"there is no {name}: {expression}"
        kind, labels = METRICS[name]
        selector = re.match(r"\{([^}]*)\}", expression[match.end():])
        asked = set(re.findall(r'(\w+)\s*(?:=|!=|=~|!~)\s*"', selector[1])) if selector else set()
        assert asked <= labels, f"{name} has no {asked - labels}: {expression}"
        paced = re.search(COUNTED, expression[:match.start()])
        assert not paced or kind == "COUNTER", f"{name} is a gauge: {expression}"
    known = set().union(*(METRICS[match.group()][1] for match in found))
    for labels in re.findall(r"\b(?:by|on|without) \(([^)]*)\)", expression):
        asked = set(re.split(r",\s*", labels))
        assert not found or asked <= known, f"none has {asked - known}: {expression}"
    return {match.group() for match in found}
