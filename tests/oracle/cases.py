"""Hand-computed cases of spec section 3: events in, counts out. Data for test_oracle.py.

Each case: a title, settings of the section `ladder`, events, and per entity some fields of its row over the
whole time on basis event. An entity is an ad, or "level:id"; an event is made by one of the short functions,
its time is an offset from the start ("1d2h"), its person "u" unless it says otherwise."""

import itertools
import re

from config import UNIT_MS

START_MS = 1_754_006_400_000  # 2025-08-01T00:00:00Z
ids = itertools.count(1)


def offset_ms(text):
    """"6d23h59m59s999ms", "0"."""
    return sum(int(number) * UNIT_MS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d)", text))


def event(kind, at, **fields):
    fields = {"type": kind, "id": f"e{next(ids):04d}", "ts": START_MS + offset_ms(at), **fields}
    if "user" not in fields and "click_id" not in fields and kind != "spend":
        fields["user"] = "u"
    return fields


def click(at, ad, **fields):
    return event("click", at, ad=ad, **fields)


def opened(at, **fields):
    return event("open", at, **fields)


def said(at, **fields):
    """A message in of three words, unless the fields say otherwise."""
    if "text" not in fields and "media" not in fields:
        fields.setdefault("words", 3)
    return event("message", at, direction="in", **fields)


def answered(at, **fields):
    return event("message", at, direction="out", **fields)


def outcome(at, stage, **fields):
    return event("outcome", at, stage=stage, **fields)


ORGANIC = "organic:default"
GAP = "6d23h59m59s999ms"

OPENS = [
    ("a click counts, with its cost, at its ad", {}, [click("0", "a", cost="1.25")],
     {"a": {"clicks": 1, "click_cost": 1.25, "opens": 0}}),
    ("an open counts at its own ad", {}, [click("0", "b", click_id="k", user="u"),
                                          opened("1s", ad="a", click_id="k")],
     {"a": {"opens": 1}, "b": {"opens": 0}}),
    ("else at the ad of its click_id, before a later touch", {},
     [click("0", "b", click_id="k", user="u"), click("1s", "c"), opened("2s", user="u", click_id="k")],
     {"b": {"opens": 1}, "c": {"opens": 0}}),
    ("a click_id exactly `attribution` old still matches", {},
     [click("0", "b", click_id="k", user="u"), click("1s", "c"), opened("7d", user="u", click_id="k")],
     {"b": {"opens": 1}}),
    ("1 ms older it does not: the latest touch does", {},
     [click("0", "b", click_id="k", user="u"), click("1s", "c"), opened("7d1ms", user="u", click_id="k")],
     {"b": {"opens": 0}, "c": {"opens": 1}}),
    ("an open without any touch is organic, at its account", {}, [opened("0", account="z")],
     {"organic:z": {"opens": 1, "account": "z", "campaign": None, "name": None}, "account:z": {"opens": 1}}),
    ("an open is a touch only if it names an ad", {"attribution": "1h"},
     [click("0", "a"), opened("50m"), said("70m"), opened("80m", ad="b", user="v"), said("90m", user="v")],
     {"a": {"opens": 1, "messages_in": 0}, ORGANIC: {"messages_in": 1}, "b": {"match_touch": 1}}),
]

MESSAGES = [
    ("a message with its own ad is a referral and a touch", {}, [said("0", ad="a"), opened("1s")],
     {"a": {"messages_in": 1, "match_referral": 1, "conversations": 1, "opens": 1, "people": 1}}),
    ("a message with a click_id goes to that click's ad", {},
     [click("0", "a", click_id="k", user="u"), click("1s", "b"), said("2s", user="u", click_id="k")],
     {"a": {"match_click_id": 1}, "b": {"messages_in": 0}}),
    ("the touch wins if it is later than the conversation's last message", {},
     [said("0", ad="a"), click("1s", "b"), said("2s")], {"a": {"messages_in": 1}, "b": {"match_touch": 1}}),
    ("a touch at the ts of the conversation's last message is not later", {},
     [click("0", "a", click_id="k", user="u"), click("1s", "b"), said("1s", user="u", click_id="k"),
      said("2s")],
     {"a": {"messages_in": 2, "match_click_id": 1, "match_ongoing": 1}, "b": {"messages_in": 0}}),
    ("with only the conversation there, that one", {"attribution": "1h"}, [said("0", ad="a"), said("1h1ms")],
     {"a": {"match_referral": 1, "match_ongoing": 1, "conversations": 1}}),
    ("with only the touch there, that one", {"gap": "1h"}, [said("0", ad="a"), said("1h")],
     {"a": {"match_referral": 1, "match_touch": 1, "conversations": 2}}),
    ("a touch exactly `attribution` old", {"attribution": "1d"}, [click("0", "a"), said("1d")],
     {"a": {"match_touch": 1}}),
    ("a touch 1 ms older", {"attribution": "1d"}, [click("0", "a"), said("1d1ms")],
     {"a": {"match_touch": 0}}),
    ("with neither, organic", {}, [said("0", account="z")], {"organic:z": {"match_organic": 1,
                                                                           "conversations": 1}}),
    ("1 ms before `gap` the conversation goes on", {}, [said("0"), said(GAP)],
     {ORGANIC: {"conversations": 1}}),
    ("at `gap` another one opens", {}, [said("0"), said("7d")], {ORGANIC: {"conversations": 2, "people": 1}}),
    ("the gap is counted from the last inbound message", {}, [said("0"), said("6d"), said("12d")],
     {ORGANIC: {"conversations": 1, "messages_in": 3}}),
    ("events of one ts: click, open, message in, message out, outcome", {},
     [outcome("0", "qualified"), answered("0"), said("0"), opened("0"), click("0", "a")],
     {"a": {"clicks": 1, "opens": 1, "match_touch": 1, "messages_out": 1, "response_under_5m": 1,
            "qualified": 1}}),
    ("people are distinct persons with a message in", {},
     [said("0", ad="a"), said("1s", ad="a"), said("2s", ad="b"), said("3s", ad="a", user="v"),
      click("4s", "a", user="w")],
     {"a": {"people": 2}, "b": {"people": 1}, "account:default": {"people": 2, "messages_in": 4}}),
]

KINDS = [
    ("a kind is the highest of the messages so far", {},
     [said("0", ad="a", auto=True), said("1s", ad="b", auto=True), said("2s", ad="b", prefilled=True),
      said("3s", ad="c", prefilled=True), said("4s", ad="c", text=" oi\n"), said("5s", ad="d", text="oi"),
      said("6s", ad="d", text="oi\tquero")],
     {"a": {"kind_auto": 1}, "b": {"kind_auto": 0, "kind_prefilled": 1},
      "c": {"kind_prefilled": 0, "kind_short": 1},
      "d": {"kind_short": 0, "kind_started": 1}}),
    ("auto wins over prefilled", {}, [said("0", ad="a", auto=True, prefilled=True)],
     {"a": {"kind_auto": 1, "kind_prefilled": 0, "junk_rate": 1}}),
    ("media is never short, nothing at all is", {}, [said("0", ad="a", media=True),
                                                     said("1s", ad="b", text="")],
     {"a": {"kind_started": 1}, "b": {"kind_short": 1}}),
    ("a no-break space is no white space", {}, [said("0", ad="a", text="a\u00a0b")],
     {"a": {"kind_short": 1}}),
    ("a reply needs a message out first", {}, [said("0", ad="a"), said("1s"), said("2s")],
     {"a": {"replies": 0, "kind_started": 1}}),
    ("an automatic message out is enough, and a reply counts once", {},
     [said("0", ad="a"), answered("1s", auto=True), said("2s"), said("3s")],
     {"a": {"replies": 1, "kind_engaged": 1, "kind_started": 0, "auto_out": 1, "messages_out": 1}}),
    ("a short message is no reply", {}, [said("0", ad="a"), answered("1s"), said("2s", text="oi")],
     {"a": {"replies": 0, "kind_started": 1}}),
    ("a message out of an earlier conversation does not count for the next", {"gap": "1h"},
     [said("0", ad="a"), answered("1s"), said("1h", ad="a")],
     {"a": {"conversations": 2, "replies": 0, "kind_started": 2}}),
]

OUT = [
    ("without a conversation a message out is organic, and nothing else", {},
     [answered("0", auto=True), said("1s", ad="a"), answered("7d1s")],
     {ORGANIC: {"messages_out": 2, "auto_out": 0, "out_free": 0, "out_service": 0, "out_paid": 0},
      "a": {"messages_out": 0}}),
    ("the first response, just under 5 minutes", {}, [said("0", ad="a"), answered("1s", auto=True),
                                                      answered("4m59s999ms"), answered("2h")],
     {"a": {"response_under_5m": 1, "response_under_1h": 0, "response_p50": 299.999,
            "fast_response_rate": 1}}),
    ("at 5 minutes", {}, [said("0", ad="a"), answered("5m")],
     {"a": {"response_under_5m": 0, "response_under_1h": 1}}),
    ("just under an hour", {}, [said("0", ad="a"), answered("59m59s999ms")], {"a": {"response_under_1h": 1}}),
    ("at an hour", {}, [said("0", ad="a"), answered("1h")], {"a": {"response_under_1h": 0,
                                                                   "response_over_1h": 1}}),
    ("a follow-up comes `followup_after` after a message out", {},
     [said("0", ad="a"), answered("1s", auto=True), answered("1h1s"), answered("2h"),
      answered("3h", auto=True)],
     {"a": {"followups": 1, "overfollowed": 0}}),
    ("the third since the last message in is one too many, once", {},
     [said("0", ad="a"), answered("1h"), answered("2h"), answered("3h"), answered("4h"), answered("5h")],
     {"a": {"followups": 4, "overfollowed": 1}}),
    ("a message in starts the count again", {},
     [said("0", ad="a"), answered("1h"), answered("2h"), answered("3h"), said("4h"), answered("5h"),
      answered("6h"),
      answered("7h")],
     {"a": {"followups": 4, "overfollowed": 0}}),
    ("free: the first one exactly `service_window` after the opening, until `free_window` after it", {},
     [said("0", ad="a"), answered("24h"), answered("95h59m59s999ms"), answered("96h")],
     {"a": {"out_free": 2, "out_service": 0, "out_paid": 1}}),
    ("1 ms later nothing is free", {}, [said("0", ad="a"), answered("24h1ms")],
     {"a": {"out_free": 0, "out_paid": 1}}),
    ("service: less than `service_window` after the last message in", {},
     [said("0"), answered("23h59m59s999ms"), answered("24h")], {ORGANIC: {"out_service": 1, "out_paid": 1}}),
]

OUTCOMES = [
    ("at its ad first", {}, [said("0", ad="a"), said("1s", ad="b"), outcome("2s", "qualified", ad="a")],
     {"a": {"qualified": 1, "audit_qualified": 1}, "b": {"qualified": 0, "audit_untagged": 1}}),
    ("then at the ad of its click, of any age", {},
     [click("0", "a", click_id="k", user="u"), said("9d", ad="a"), said("9d1s", ad="b"),
      outcome("9d2s", "qualified", user="u", click_id="k")], {"a": {"qualified": 1}, "b": {"qualified": 0}}),
    ("then the conversation that opened last, not the one that spoke last", {},
     [said("0", ad="a"), said("1s", ad="b"), said("2s", ad="a"), outcome("3s", "qualified", ad="c")],
     {"a": {"qualified": 0}, "b": {"qualified": 1}}),
    ("the last message in exactly `outcome_window` old", {}, [said("0", ad="a"), outcome("28d", "lost")],
     {"a": {"audit_lost": 1}}),
    ("1 ms older: at organic, where only money counts", {},
     [said("0", ad="a"), outcome("28d1ms", "sale", value=10), outcome("28d2ms", "refund", value="2.5")],
     {"a": {"orders": 0, "audit_untagged": 1},
      ORGANIC: {"outcomes_unattributed": 2, "orders": 1, "refunds": 1, "revenue": 7.5, "customers": 0}}),
    ("a later rung implies the earlier ones", {}, [said("0", ad="a"), outcome("1s", "sale", value=5)],
     {"a": {"qualified": 1, "handoffs": 1, "appointments": 0, "customers": 1, "implied_qualified": 1,
            "implied_handoff": 1, "new_customers": 1, "orders": 1, "revenue": 5, "audit_converted": 1}}),
    ("a handoff implies qualified only", {}, [said("0", ad="a"), outcome("1s", "handoff")],
     {"a": {"qualified": 1, "handoffs": 1, "implied_qualified": 1, "implied_handoff": 0,
            "audit_sales_ready": 1}}),
    ("without `imply` nothing is implied", {"imply": False}, [said("0", ad="a"), outcome("1s", "demo")],
     {"a": {"qualified": 0, "handoffs": 0, "appointments": 1, "implied_qualified": 0,
            "audit_sales_ready": 1}}),
    ("a rung is reached once, an order counts each time", {},
     [said("0", ad="a"), outcome("1s", "qualified"), outcome("2s", "customer", value=3),
      outcome("3s", "sale", value=4),
      outcome("4s", "qualified"), outcome("5s", "refund", value=1)],
     {"a": {"qualified": 1, "customers": 1, "implied_qualified": 0, "implied_handoff": 1, "orders": 2,
            "refunds": 1,
            "revenue": 6, "close_time_p50": 2}}),
    ("new_customers: once in a life at an account", {},
     [said("0", ad="a", account="x"), outcome("1s", "sale"), said("2s", ad="b", account="x"),
      outcome("3s", "sale"),
      said("4s", ad="c", account="y"), outcome("5s", "sale")],
     {"a": {"customers": 1, "new_customers": 1}, "b": {"customers": 1, "new_customers": 0},
      "c": {"new_customers": 1}}),
    ("a customer's band is that of a first response that came before", {},
     [said("0", ad="a"), answered("6m"), outcome("7m", "sale"), said("8m", ad="b"), outcome("9m", "sale"),
      answered("10m")],
     {"a": {"customers_under_1h": 1}, "b": {"customers": 1, "customers_under_5m": 0,
                                            "response_under_5m": 1}}),
    ("the last thing said of it, unless it is better", {},
     [said("0", ad="a"), outcome("1s", "lost"), outcome("2s", "unqualified"), said("3s", ad="b"),
      outcome("4s", "qualified"), outcome("5s", "lost")],
     {"a": {"audit_lost": 0, "audit_unqualified": 1, "tagging_rate": 1},
      "b": {"audit_qualified": 1, "audit_lost": 0}}),
]

CLAIMS = [
    ("an unclaimed click is a person of its own", {}, [click("0", "a", click_id="k"),
                                                       said("1s", click_id="k"),
                                                       said("2s", user="u")],
     {"a": {"match_click_id": 1}, ORGANIC: {"match_organic": 1}, "account:default": {"people": 2}}),
    ("a claim moves the click, though it comes later", {},
     [click("0", "a", click_id="k"), said("1s", user="u"), opened("2s", user="u", click_id="k")],
     {"a": {"match_touch": 1, "opens": 1}}),
    ("the smallest (ts, id) claims", {},
     [click("0", "a", click_id="k"), opened("5s", user="v", click_id="k", id="1"),
      opened("5s", user="w", click_id="k", id="0"), said("6s", user="v", account="z"), said("6s", user="w")],
     {"a": {"messages_in": 1, "match_touch": 1, "opens": 1}, "organic:z": {"messages_in": 1}}),
    ("a claim after the events it claims", {},
     [click("0", "a", click_id="k"), said("1s", click_id="k"), said("9d", user="u", click_id="k", ad="b")],
     {"account:default": {"people": 1, "messages_in": 2, "conversations": 2}}),
    ("one id counts once per person, the earliest", {},
     [said("1s", id="x", ad="b"), said("0", id="x", ad="a"), said("0", id="x", ad="c", user="v")],
     {"a": {"messages_in": 1}, "c": {"messages_in": 1}, "account:default": {"messages_in": 2}}),
]

CASES = OPENS + MESSAGES + KINDS + OUT + OUTCOMES + CLAIMS
