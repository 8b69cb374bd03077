"""One row as JSON: spec section 6.4. Integers and Fractions only."""

import json
from fractions import Fraction

from spans import rfc3339

COUNTS = """impressions clicks opens conversations replies qualified handoffs appointments customers
    new_customers orders refunds people messages_in messages_out auto_out out_free out_service out_paid
    followups overfollowed implied_qualified implied_handoff outcomes_unattributed reported_clicks
    reported_conversations kind_auto kind_prefilled kind_short kind_started kind_engaged
    audit_untagged audit_unqualified audit_partially_qualified audit_lost audit_qualified audit_sales_ready
    audit_converted response_under_5m response_under_1h response_over_1h customers_under_5m
    customers_under_1h customers_over_1h match_referral match_click_id match_touch match_ongoing
    match_organic""".split()
MONEY = ("spend", "click_cost", "revenue")
COSTS = {"cost_per_click": "clicks", "cost_per_open": "opens", "cost_per_conversation": "conversations",
         "cost_per_reported_conversation": "reported_conversations", "cost_per_message_in": "messages_in",
         "cost_per_person": "people", "cost_per_qualified": "qualified", "cost_per_handoff": "handoffs",
         "cost_per_appointment": "appointments", "cac": "customers"}
TIMES = ("response_p50", "response_p90", "close_time_p50", "close_time_p90")


def micros(exact):
    """A Fraction in millionths, half away from zero."""
    doubled = abs(exact) * 2_000_000
    rounded = (doubled.numerator // doubled.denominator + 1) // 2
    return -rounded if exact < 0 else rounded


def ratio(numerator, denominator):
    """Millionths of a quotient, null where undefined."""
    return None if denominator == 0 else micros(Fraction(numerator, denominator))


def share_missing(numerator, denominator):
    """1 − numerator / denominator"""
    return None if denominator == 0 else micros(1 - Fraction(numerator, denominator))


def per(amount_micros, number):
    """An amount in micros divided by a count, in micros."""
    return ratio(amount_micros, number * 1_000_000)


def rates(row):
    bands = row["response_under_5m"] + row["response_under_1h"] + row["response_over_1h"]
    junk = row["kind_auto"] + row["kind_prefilled"] + row["kind_short"]
    return {
        "open_rate": ratio(row["opens"], row["clicks"]),
        "click_to_message_rate": ratio(row["conversations"], row["clicks"]),
        "reply_rate": ratio(row["replies"], row["conversations"]),
        "qualification_rate": ratio(row["qualified"], row["conversations"]),
        "handoff_rate": ratio(row["handoffs"], row["qualified"]),
        "close_rate": ratio(row["customers"], row["handoffs"]),
        "junk_rate": ratio(junk, row["conversations"]),
        "tagging_rate": share_missing(row["audit_untagged"], row["conversations"]),
        "counting_gap": share_missing(row["conversations"], row["reported_conversations"]),
        "message_to_person_rate": ratio(row["people"], row["messages_in"]),
        "fast_response_rate": ratio(row["response_under_5m"], bands),
        "close_rate_under_5m": ratio(row["customers_under_5m"], row["response_under_5m"]),
        "close_rate_over_1h": ratio(row["customers_over_1h"], row["response_over_1h"]),
        "revenue_per_conversation": per(row["revenue"], row["conversations"]),
        "average_order_value": per(row["revenue"], row["orders"]),
        "revenue_per_customer": per(row["revenue"], row["customers"]),
        "roas": ratio(row["revenue"], row["spend"]),
    }


def nearest_rank(values, percent):
    """Milliseconds: the value at rank ceil(percent × n / 100) of the sorted values."""
    if not values:
        return None
    rank = -(-percent * len(values) // 100)
    return sorted(values)[rank - 1]


def decimal(scaled, digits):
    """An integer of 10^-digits as the shortest decimal; None is null."""
    if scaled is None:
        return "null"
    whole, rest = divmod(abs(scaled), 10**digits)
    text = f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".")
    return "-" + text if scaled < 0 else text


def escaped(ident):
    return ident.replace("%", "%25").replace("/", "%2F")


def row_key(basis, entity, span):
    parts = [span.kind, basis, span.window, entity[0], escaped(entity[1])]
    return "/".join(parts + ([rfc3339(span.start)] if span.kind == "bucket" else []))


def is_settled(config, basis, span, stream_time):
    """True once nothing can change the span; a rolling row always can."""
    wait = config.lateness + (config.outcome_window if basis == "cohort" else 0)
    return span.kind == "bucket" and stream_time >= span.end + wait


def holds_anything(sums):
    return any(sums[name] for name in COUNTS) or any(sums[name] for name in MONEY)


def row_json(key, basis, entity, span, shown, sums, settled, currency, judged):
    """`sums` holds the counts, the money in micros, and the lists `response` and `close_time` in ms;
    `judged` is the weakest rung and the diagnosis."""
    head = {"key": key, "schema": 1, "kind": span.kind, "basis": basis, "level": entity[0], "id": entity[1]}
    head.update(shown)
    head.update({"window": span.window, "from": rfc3339(span.start), "to": rfc3339(span.end),
                 "from_ms": span.start, "to_ms": span.end, "revision": 0, "settled": settled,
                 "currency": currency})
    numbers = [(name, str(sums[name])) for name in COUNTS]
    numbers += [(name, decimal(sums[name], 6)) for name in MONEY]
    numbers += [(name, decimal(per(sums["spend"], sums[count]), 6)) for name, count in COSTS.items()]
    numbers += [(name, decimal(value, 6)) for name, value in rates(sums).items()]
    for name in TIMES:
        values, percent = name.rsplit("_p", 1)
        numbers.append((name, decimal(nearest_rank(sums[values], int(percent)), 3)))
    numbers += zip(("weakest_rung", "diagnosis"), map(json.dumps, judged))
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return text[:-1] + "".join(f',"{name}":{value}' for name, value in numbers) + "}"
