"""The settings of a replay, spec section 10, read from a config that is written as JSON (which is YAML)."""

import json
import re
from dataclasses import dataclass, field
from fractions import Fraction
from zoneinfo import ZoneInfo

UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DEFAULT_WINDOWS = [("5m", "10s"), ("1h", "1m"), ("24h", "15m"), ("7d", "6h"), ("28d", "6h")]


def duration_ms(text):
    """"7d", "72h", "5m", "10s", "1500ms"."""
    number, unit = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", text).groups()
    return int(number) * UNIT_MS[unit]


@dataclass
class Account:
    currency: str
    timezone: ZoneInfo
    spend_from: str


@dataclass
class Window:
    name: str
    length: int
    slide: int


@dataclass
class Diagnosis:
    min_volume: int = 30
    drop: Fraction = Fraction(3, 10)
    norms: dict = field(default_factory=dict)


@dataclass
class Config:
    gap: int = duration_ms("7d")
    attribution: int = duration_ms("7d")
    outcome_window: int = duration_ms("28d")
    lateness: int = duration_ms("7d")
    free_window: int = duration_ms("72h")
    service_window: int = duration_ms("24h")
    followup_after: int = duration_ms("1h")
    retention: int = duration_ms("90d")
    min_words: int = 2
    followup_max: int = 2
    imply: bool = True
    default_account: str = "default"
    default_currency: str = "USD"
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    accounts: dict = field(default_factory=dict)
    windows: list = field(default_factory=list)
    record_bytes: int = 1 << 20
    id_bytes: int = 256
    depth: int = 16

    def account(self, account_id):
        """An account that the config does not name has the defaults."""
        plain = Account(self.default_currency, ZoneInfo("UTC"), "reports")
        return self.accounts.get(account_id, plain)


# Settings of sections that the numbers of a replay do not depend on.
IRRELEVANT = {"kafka", "redis", "identity", "http", "workers", "clock", "publish", "commit", "dead_letters",
              "max_tail", "max_ahead"}


def config_from(settings):
    """A Config from the dict that stands in the file."""
    config = Config()
    for key, value in settings.items():
        if key == "ladder":
            read_ladder(config, value)
        elif key == "diagnosis":
            config.diagnosis = read_diagnosis(value)
        elif key == "limits":
            for limit, number in value.items():
                set_known(config, limit, number)
        elif key == "accounts" or key == "windows":
            continue
        elif key not in IRRELEVANT:
            set_known(config, key, value)
    accounts = settings.get("accounts", {})
    config.accounts = {name: read_account(config, value) for name, value in accounts.items()}
    windows = settings.get("windows") or [{"length": a, "slide": b} for a, b in DEFAULT_WINDOWS]
    config.windows = [Window(w["length"], duration_ms(w["length"]), duration_ms(w["slide"])) for w in windows]
    return config


def read_ladder(config, ladder):
    for key, value in ladder.items():
        if key not in IRRELEVANT:
            set_known(config, key, duration_ms(value) if isinstance(value, str) else value)


def read_diagnosis(settings):
    known = Diagnosis(**settings)
    known.drop = Fraction(str(known.drop))
    known.norms = {name: Fraction(str(value)) for name, value in known.norms.items()}
    unknown = set(known.norms) - {"reply", "qualified", "handoff", "customer", "cost_per_conversation"}
    if unknown:
        raise SystemExit(f"oracle: unknown norms {unknown}")
    return known


def set_known(config, key, value):
    if not hasattr(config, key):
        raise SystemExit(f"oracle: unknown setting {key}")
    setattr(config, key, value)


def read_account(config, account):
    unknown = set(account) - {"currency", "timezone", "spend_from"}
    if unknown:
        raise SystemExit(f"oracle: unknown account setting {unknown}")
    return Account(account.get("currency", config.default_currency), ZoneInfo(account.get("timezone", "UTC")),
                   account.get("spend_from", "reports"))


def load_config(path):
    with open(path, encoding="utf-8") as file:
        return config_from(json.load(file))
