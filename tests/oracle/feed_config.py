"""The configs of the property test's feeds: the settings of section 3 at a scale that fits the feed."""

from config import duration_ms

# span of the feed -> choices for each duration, so that both sides of each boundary lie in the feed
SCALES = {
    "2h": {"gap": ["10m", "25m", "1h"], "attribution": ["10m", "20m", "7d"],
           "outcome_window": ["20m", "45m", "28d"], "free_window": ["15m", "40m", "72h"],
           "service_window": ["8m", "30m", "24h"], "followup_after": ["90s", "5m", "1h"],
           "lateness": ["10m", "1h", "7d"]},
    "3d": {"gap": ["5h", "1d", "7d"], "attribution": ["4h", "1d", "7d"],
           "outcome_window": ["8h", "36h", "28d"], "free_window": ["6h", "30h", "72h"],
           "service_window": ["2h", "24h"], "followup_after": ["10m", "1h", "3h"],
           "lateness": ["6h", "1d", "7d"]},
    "40d": {"gap": ["3d", "7d"], "attribution": ["2d", "7d"], "outcome_window": ["7d", "28d"],
            "free_window": ["72h", "5d"], "service_window": ["24h", "2d"], "followup_after": ["1h", "12h"],
            "lateness": ["2d", "7d"]},
}
WINDOW_SETS = [
    None,
    [{"length": "5m", "slide": "10s", "emit": "1s"}, {"length": "1h", "slide": "1m", "emit": "5s"},
     {"length": "24h", "slide": "15m"}, {"length": "7d", "slide": "6h"}, {"length": "28d", "slide": "6h"}],
    [{"length": "10m", "slide": "1m", "emit": "1s"}, {"length": "2h", "slide": "10m", "emit": "1m"},
     {"length": "2d", "slide": "1h", "emit": "1m"}],
    [{"length": "90s", "slide": "30s", "emit": "1s"}, {"length": "3h", "slide": "15m", "emit": "1s"},
     {"length": "14d", "slide": "12h", "emit": "1m"}],
]
ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "America/Sao_Paulo",
         "Australia/Lord_Howe"]
CURRENCIES = ["USD", "EUR", "INR", "BRL"]
# An instant that each feed lies around: changes of clocks, a leap day, an ordinary day.
CENTRES = {
    "America/New_York": [1741503600000, 1762063200000],
    "America/Sao_Paulo": [1541300400000, 1518919200000],
    "Australia/Lord_Howe": [1759591800000],
    "UTC": [1709164800000, 1754042400000],
    "Asia/Kolkata": [1754073000000],
    "Asia/Kathmandu": [1754071200000 + 900000],
}


def make_config(rng):
    """(settings as they stand in the file, the feed's span in ms, an instant in its middle)"""
    scale = rng.choice(list(SCALES))
    ladder = {name: rng.choice(choices) for name, choices in SCALES[scale].items() if rng.random() < 0.9}
    ladder["min_words"] = rng.choice([0, 1, 2, 2, 2, 3])
    ladder["imply"] = rng.random() < 0.7
    if rng.random() < 0.6:
        ladder["followup_max"] = rng.choice([0, 1, 2, 3])
    settings = {"default_currency": rng.choice(CURRENCIES[:2]), "ladder": ladder,
                "default_account": rng.choice(["default", "act_1", "conta/ção 100%"])}
    centre_zone = rng.choice(ZONES)
    settings["accounts"] = {
        "act_1": make_account(rng, centre_zone),
        "act_2": make_account(rng, rng.choice(ZONES), spend_from="clicks"),
        "120226305854810726": make_account(rng, rng.choice(ZONES)),
    }
    windows = rng.choice(WINDOW_SETS)
    if windows:
        settings["windows"] = windows
    return settings, duration_ms(scale), rng.choice(CENTRES[centre_zone])


def make_account(rng, zone, spend_from=None):
    account = {"timezone": zone, "currency": rng.choice(CURRENCIES)}
    if spend_from or rng.random() < 0.3:
        account["spend_from"] = spend_from or rng.choice(["reports", "clicks"])
    return account


def make_diagnosis(rng):
    """Volumes that a small feed reaches, and norms on both sides of its rates."""
    norms = {name: rng.choice([0, 0.02, 0.25, 0.5, 0.9, 1])
             for name in ("reply", "qualified", "handoff", "customer") if rng.random() < 0.8}
    if rng.random() < 0.6:
        norms["cost_per_conversation"] = rng.choice([0, 0.5, 300, 20_000.25])
    return {"min_volume": rng.choice([1, 2, 3, 5, 10, 30]), "drop": rng.choice([0, 0, 0.01, 0.3]),
            "norms": norms}
