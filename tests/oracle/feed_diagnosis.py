"""A feed in which every diagnosis and every weakest rung is said of some ad: make_diagnosis_feed().

One account with ads of seventy conversations, each of which loses its people at another rung, and a small
one that sells; two accounts more for the setting `norms`; and a month before, of which history tells."""

import json

DAY_MS = 86_400_000
START_MS = 1_754_006_400_000  # 2025-08-01T00:00:00Z
STAGES = ("qualified", "handoff", "customer")

# ad: conversations, replies, qualified, handoffs, customers, spend, what is said of it, its weakest rung
FULL = {
    "usual": (70, 50, 44, 30, 16, 140, "healthy", None),
    "silent": (70, 2, 44, 30, 16, 140, "fix_first_response", "reply"),
    "cheap": (70, 50, 0, 0, 0, 70, "traffic_or_offer", "qualified"),
    "dear": (70, 50, 0, 0, 0, 700, "qualification_flow", "qualified"),
    "stuck": (70, 50, 44, 0, 0, 140, "chat_flow", "handoff"),
    "unsold": (70, 50, 44, 34, 0, 140, "sales_process", "customer"),
    "better": (70, 60, 50, 40, 30, 140, "healthy", None),
    "small": (6, 6, 6, 6, 5, 12, "reach_or_creative", None),
    "tiny": (4, 4, 4, 4, 4, 8, "too_little_data", None),
}
ACCOUNTS = {"full": FULL,
            "shop": {"shop ad": (60, 50, 40, 10, 8, 60, "healthy", None)},
            "mall": {"mall ad": (40, 30, 20, 15, 10, 900, "healthy", None)}}
SETTINGS = {
    "windows": [{"length": "1h", "slide": "1m", "emit": "1s"}, {"length": "28d", "slide": "6h", "emit": "1s"},
                {"length": "56d", "slide": "12h", "emit": "1s"}],
    "ladder": {"lateness": "89d"},
    "accounts": {"full": {"timezone": "Asia/Kolkata"}, "shop": {}, "mall": {}},
    "diagnosis": {"min_volume": 5, "drop": 0.2,
                  "norms": {"reply": 0.7, "handoff": 0.9, "customer": 0.5, "cost_per_conversation": 2}},
}


class Teller:
    def __init__(self):
        self.lines = []

    def add(self, kind, ts, **fields):
        event = {"type": kind, "id": f"{kind}{len(self.lines)}", "ts": ts, **fields}
        self.lines.append(json.dumps(event).encode())

    def conversation(self, account, ad, number, reached, ts):
        """A person writes, is answered, and goes on as far as `reached` says."""
        user = f"{account}/{ad}/{number}/{ts}"
        self.add("message", ts, user=user, direction="in", words=3, ad=ad, account=account, adset=f"of {ad}")
        self.add("message", ts + 60_000, user=user, direction="out", words=3)
        if "reply" in reached:
            self.add("message", ts + 120_000, user=user, direction="in", words=3)
        for minute, stage in enumerate(STAGES, 3):
            if stage in reached:
                self.add("outcome", ts + minute * 60_000, user=user, stage=stage, ad=ad)

    def ad(self, account, ad, numbers, start):
        conversations, *counts, spend = numbers
        for number in range(conversations):
            reached = {rung for rung, count in zip(("reply", *STAGES), counts) if number < count}
            self.conversation(account, ad, number, reached, start + number * 30_000)
        self.add("spend", start + DAY_MS, ad=ad, account=account, spend=spend,
                 **{"from": start, "to": start + DAY_MS})


def make_diagnosis_feed():
    """(settings, lines)"""
    teller = Teller()
    for account, ads in ACCOUNTS.items():
        for ad, numbers in ads.items():
            teller.ad(account, ad, numbers[:6], START_MS)
    for days in (35, 31, 2):
        teller.ad("full", "usual", (12, 3, 3, 3, 3, 24), START_MS - days * DAY_MS)
    return SETTINGS, teller.lines
