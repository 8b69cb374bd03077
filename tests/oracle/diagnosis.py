"""What a row suffers from: spec section 8, `weakest_rung` and `diagnosis`.

The norm of a row is that of its account (the one the row shows), on the same basis. A rolling row's: the
account's row of the 28d window, or of the longest window without one. A bucket's: the account's buckets of
the same length that end in the 28 days up to the bucket's end. An account's own rows have the setting
`norms`.

The counts are exact (Fractions); only Wilson's bounds and the chance of none are floats."""

import math
from collections import defaultdict
from fractions import Fraction

Z = 3.29
CHANCE_OF_NONE = 0.001
NORM_MS = 28 * 86_400_000
RUNGS = {"reply": ("replies", "conversations"), "qualified": ("qualified", "conversations"),
         "handoff": ("handoffs", "qualified"), "customer": ("customers", "handoffs")}
SUMMED = ("conversations", "replies", "qualified", "handoffs", "customers", "spend")


def wilson(reached, total):
    """(low, high); a rate above 1 counts as 1."""
    reached = min(reached, total)
    half_width = Z * math.sqrt(reached * (total - reached) / total + Z * Z / 4)
    centre = reached + Z * Z / 2
    return (centre - half_width) / (total + Z * Z), (centre + half_width) / (total + Z * Z)


class Norm:
    """What a rate, and the cost of a conversation, is usually; None where nobody knows."""

    def __init__(self, rates, bounds, cost, median):
        self.rates = rates
        self.low = bounds
        self.cost = cost
        self.median = median


def norm_of_settings(settings):
    """The setting's rates as they are, without bounds; 0 is no norm."""
    rates = {rung: settings.norms.get(rung) or None for rung in RUNGS}
    low = {rung: float(rate) for rung, rate in rates.items() if rate}
    return Norm(rates, low, settings.norms.get("cost_per_conversation") or None, None)


def norm_of_counts(sums, median):
    rates, low = dict.fromkeys(RUNGS), {}
    for rung, (reached, total) in RUNGS.items():
        if sums[total] > 0:
            rates[rung] = Fraction(sums[reached], sums[total])
            low[rung] = wilson(sums[reached], sums[total])[0]
    cost = Fraction(sums["spend"], sums["conversations"] * 1_000_000) if sums["conversations"] else None
    return Norm(rates, low, cost, median)


def broken(reached, total, low, settings):
    """The evidence of the alerts; `total` reaches min_volume already."""
    if wilson(reached, total)[1] < (1_000_000 - int(settings.drop * 1_000_000)) / 1_000_000 * low:
        return True
    return reached == 0 and (1 - low) ** total < CHANCE_OF_NONE


def judge(row, norm, settings):
    """(weakest_rung or None, diagnosis)"""
    judged = [rung for rung, (_, total) in RUNGS.items()
              if row[total] >= settings.min_volume and norm.rates[rung] is not None]
    below = {}
    for rung in judged:
        reached, total = RUNGS[rung]
        rate = Fraction(row[reached], row[total])
        if rate < norm.rates[rung]:
            below[rung] = rate / norm.rates[rung]
    weakest = min(below, key=below.get, default=None)
    weak = {rung for rung in judged
            if broken(row[RUNGS[rung][0]], row[RUNGS[rung][1]], norm.low[rung], settings)}
    return weakest, name_it(row, norm, judged, weak)


def name_it(row, norm, judged, weak):
    if not judged:
        return "too_little_data"
    if "reply" in weak:
        return "fix_first_response"
    if "qualified" in weak:
        cost = Fraction(row["spend"], row["conversations"] * 1_000_000)
        return "traffic_or_offer" if norm.cost is not None and cost <= norm.cost else "qualification_flow"
    if "handoff" in weak:
        return "chat_flow"
    if "customer" in weak:
        return "sales_process"
    sells = "customer" in judged and Fraction(row["customers"], row["handoffs"]) >= norm.rates["customer"]
    if sells and norm.median is not None and row["conversations"] < Fraction(norm.median, 10):
        return "reach_or_creative"
    return "healthy"


class Diagnoses:
    """Judges rows once all of them are summed: `rows` is (basis, entity, span) -> sums."""

    def __init__(self, config, rows, shown):
        self.settings = config.diagnosis
        self.rows = rows
        self.shown = shown
        self.window = norm_window(config)
        self.accounts = defaultdict(list)
        self.volumes = defaultdict(list)
        for (basis, (level, ident), span), sums in rows.items():
            if level == "account":
                self.accounts[basis, ident, span.kind, span.window].append((span, sums))
            if level == "ad" and not ident.startswith("organic:") and sums["conversations"] > 0:
                account = shown["ad", ident]["account"]
                self.volumes[basis, account, span].append(sums["conversations"])

    def norm_sums(self, basis, account, span):
        window = self.window if span.kind == "rolling" else span.window
        total = dict.fromkeys(SUMMED, 0)
        for other, sums in self.accounts[basis, account, span.kind, window]:
            if span.kind == "rolling" or span.end - NORM_MS < other.end <= span.end:
                for name in SUMMED:
                    total[name] += sums[name]
        return total

    def median(self, basis, account, span):
        """The nearest rank."""
        volumes = sorted(self.volumes[basis, account, span])
        return volumes[-(-len(volumes) // 2) - 1] if volumes else None

    def of(self, basis, entity, span):
        row = self.rows[basis, entity, span]
        if all(row[total] < self.settings.min_volume for _, total in RUNGS.values()):
            return None, "too_little_data"
        if entity[0] == "account":
            return judge(row, norm_of_settings(self.settings), self.settings)
        account = self.shown[entity]["account"]
        norm = norm_of_counts(self.norm_sums(basis, account, span), self.median(basis, account, span))
        return judge(row, norm, self.settings)


def norm_window(config):
    lengths = {window.length: window.name for window in config.windows}
    return lengths.get(NORM_MS) or (lengths[max(lengths)] if lengths else None)
