"""From the bytes of a line to events: spec section 2, and the order of judging of core/decode/decode.h."""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fractions import Fraction

TYPES = ("click", "open", "message", "outcome", "spend")
STAGES = {"unqualified": "unqualified", "partially_qualified": "partially_qualified",
          "qualified": "qualified", "handoff": "handoff", "appointment": "appointment",
          "quote": "appointment", "checkout": "appointment", "demo": "appointment",
          "customer": "customer", "sale": "customer", "lost": "lost", "refund": "refund"}
REASONS = ("json", "encoding", "too_large", "missing_field", "bad_value", "bad_time", "future", "currency",
           "unknown_type")
REQUIRED = {"click": ("ad",), "open": (), "message": ("direction",), "outcome": ("stage",),
            "spend": ("ad", "from", "to")}
AD_IDS = ("account", "campaign", "adset", "ad")
NAMES = ("campaign_name", "adset_name", "ad_name")
MONEY = {"click": "cost", "outcome": "value", "spend": "spend"}
INT64_MAX = 2**63 - 1
PERIOD_MAX_MS = 400 * 86_400_000
MONEY_MAX_MICROS = 10**18
YEAR_10000_MS = 253_402_300_800_000
JSON_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
                     r"(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)


class Reject(Exception):
    """Carries the reason of section 7."""


class Number(str):
    """A JSON number, kept as its text: never through a double."""


@dataclass
class Event:
    type: str
    id: str
    ts: int
    user: str = ""
    click_id: str = ""
    account: str = ""
    campaign: str = ""
    adset: str = ""
    ad: str = ""
    campaign_name: str = ""
    adset_name: str = ""
    ad_name: str = ""
    currency: str = ""
    money: int = 0
    direction: str = ""
    auto: bool = False
    prefilled: bool = False
    media: bool = False
    words: int = 0
    stage: str = ""
    start: int = 0
    end: int = 0
    reported_at: int = 0
    impressions: int = 0
    clicks: int = 0
    conversations: int = 0

    @property
    def rank(self):
        """Section 3: click 0, open 1, message in 2, message out 3, outcome 4."""
        if self.type == "message":
            return 2 if self.direction == "in" else 3
        return {"click": 0, "open": 1, "outcome": 4, "spend": 5}[self.type]

    @property
    def order(self):
        return (self.ts, self.rank, self.id.encode())


def decode_line(line, config):
    """Yields an Event or a Reject for each item of one record value that has no newline in it."""
    try:
        value = parse(line, config)
    except Reject as reason:
        yield reason
        return
    for item in value if isinstance(value, list) else [value]:
        try:
            yield judge(item, config)
        except Reject as reason:
            yield reason


def parse(line, config):
    if len(line) > config.record_bytes:
        raise Reject("too_large")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Reject("encoding") from None
    try:
        value = json.loads(text, parse_int=number, parse_float=number, parse_constant=no_constant,
                           object_pairs_hook=unique_keys)
    except RecursionError:
        raise Reject("too_large") from None
    except ValueError:
        raise Reject("json") from None
    if not isinstance(value, (dict, list)) or has_bad_text(value):
        raise Reject("json")
    if nesting(value) > config.depth:
        raise Reject("too_large")
    return value


def number(text):
    if math.isinf(float(text)):
        raise ValueError("the number overflows a double")
    return Number(text)


def no_constant(text):
    raise ValueError(text + " is no JSON")


def unique_keys(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return members


def has_bad_text(value):
    """\\u0000 and lone surrogates."""
    if isinstance(value, str):
        return any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return any(has_bad_text(k) or has_bad_text(v) for k, v in value.items())
    return isinstance(value, list) and any(map(has_bad_text, value))


def nesting(value):
    if not isinstance(value, (dict, list)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(nesting, inner), default=0)


def judge(item, config):
    """The event of one JSON value, or the first reason that applies."""
    if not isinstance(item, dict):
        raise Reject("json")
    fields = {k: v for k, v in item.items() if v is not None and v != ""}
    if "type" not in fields:
        raise Reject("missing_field")
    kind = fields["type"]
    if kind not in TYPES:
        raise Reject("unknown_type")
    require(fields, kind)
    event = Event(type=kind, id="", ts=0)
    read_times(event, fields)
    read_long_texts(event, fields, config)
    read_values(event, fields)
    check_currency(event, config)
    return event


def require(fields, kind):
    needed = ("id", "ts") + REQUIRED[kind]
    if any(name not in fields for name in needed):
        raise Reject("missing_field")
    if kind != "spend" and "user" not in fields and "click_id" not in fields:
        raise Reject("missing_field")


def read_times(event, fields):
    event.ts = time_ms(fields["ts"])
    if event.type == "spend":
        event.start = time_ms(fields["from"])
        event.end = time_ms(fields["to"])
        event.reported_at = time_ms(fields["reported_at"]) if "reported_at" in fields else event.ts
        if not 0 < event.end - event.start <= PERIOD_MAX_MS:
            raise Reject("bad_time")


def time_ms(value):
    """Milliseconds of an integer, an integer in a string, or RFC 3339."""
    if not isinstance(value, str):
        raise Reject("bad_time")
    if re.fullmatch(r"-?[0-9]+", value):
        digits = len(value.lstrip("-").lstrip("0"))
        ms = int(value) * (1 if digits >= 12 else 1000)
    elif isinstance(value, Number):
        raise Reject("bad_time")
    else:
        ms = rfc3339_ms(value)
    if not 0 <= ms < YEAR_10000_MS:
        raise Reject("bad_time")
    return ms


def rfc3339_ms(text):
    match = RFC3339.fullmatch(text)
    if not match:
        raise Reject("bad_time")
    *date, fraction, sign, hours, minutes = match.groups()
    if sign and (int(hours) > 23 or int(minutes) > 59):
        raise Reject("bad_time")
    try:
        local = datetime(*map(int, date), tzinfo=timezone.utc)
    except ValueError:
        raise Reject("bad_time") from None
    offset_ms = (int(hours) * 60 + int(minutes)) * 60_000 * (-1 if sign == "-" else 1) if sign else 0
    whole_ms = (local - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
    return whole_ms + int((fraction or "0").ljust(3, "0")[:3]) - offset_ms


def text_fields(event):
    person = () if event.type == "spend" else ("user", "click_id")
    return ("id",) + person + AD_IDS


def read_long_texts(event, fields, config):
    for name in text_fields(event):
        value = fields.get(name, "")
        if isinstance(value, str) and len(value.encode()) > config.id_bytes:
            raise Reject("too_large")
    for name in NAMES:
        value = fields.get(name, "")
        if isinstance(value, str):
            setattr(event, name, value.encode()[:config.id_bytes].decode("utf-8", "ignore"))


def read_values(event, fields):
    for name in text_fields(event):
        setattr(event, name, id_text(fields.get(name, "")))
    if event.ad.startswith("organic:"):
        raise Reject("bad_value")
    for name in NAMES:
        plain_text(fields.get(name, ""))
    if event.type in MONEY:
        event.money = micros(fields.get(MONEY[event.type], Number("0")))
        event.currency = plain_text(fields.get("currency", ""))
    if event.type == "message":
        read_message(event, fields)
    if event.type == "outcome":
        event.stage = STAGES.get(plain_text(fields["stage"]))
        if event.stage is None:
            raise Reject("bad_value")
    if event.type == "spend":
        for name in ("impressions", "clicks", "conversations"):
            setattr(event, name, count(fields.get(name, Number("0"))))


def read_message(event, fields):
    event.direction = plain_text(fields["direction"])
    if event.direction not in ("in", "out"):
        raise Reject("bad_value")
    for name in ("auto", "prefilled", "media"):
        value = fields.get(name, False)
        if not isinstance(value, bool):
            raise Reject("bad_value")
        setattr(event, name, value)
    text = plain_text(fields.get("text", ""))
    in_text = len([run for run in re.split(r"[ \t\n\v\f\r]+", text) if run])
    event.words = count(fields["words"]) if "words" in fields else in_text


def id_text(value):
    """A JSON string, or an integer kept as its text."""
    if isinstance(value, Number) and JSON_INTEGER.fullmatch(value):
        return str(value)
    return plain_text(value)


def plain_text(value):
    if isinstance(value, Number) or not isinstance(value, str):
        raise Reject("bad_value")
    return value


def count(value):
    if not isinstance(value, str) or not JSON_INTEGER.fullmatch(value) or not 0 <= int(value) <= INT64_MAX:
        raise Reject("bad_value")
    return int(value)


def micros(value):
    """A decimal, exactly, in millionths; further digits round half away from zero."""
    if not isinstance(value, str) or not JSON_NUMBER.fullmatch(value):
        raise Reject("bad_value")
    exact = Fraction(value) * 1_000_000
    rounded = math.floor(exact + Fraction(1, 2))
    if exact < 0 or rounded > MONEY_MAX_MICROS:
        raise Reject("bad_value")
    return rounded


def check_currency(event, config):
    account = config.account(event.account or config.default_account)
    if event.currency and event.currency != account.currency:
        raise Reject("currency")
