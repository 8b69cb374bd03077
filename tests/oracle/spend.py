"""What reports say was spent: spec section 4."""

from dataclasses import dataclass

AMOUNTS = {"spend": "money", "impressions": "impressions", "reported_clicks": "clicks",
           "reported_conversations": "conversations"}


@dataclass
class Report:
    """Amounts that are spread evenly over [start, end); nothing counts before `frozen_before`."""
    ad: str
    start: int
    end: int
    amounts: dict
    frozen_before: int

    def part_before(self, amount, t):
        """floor(A × (t − from) / (to − from))"""
        t = min(max(t, self.start), self.end)
        return amount * (t - self.start) // (self.end - self.start)

    def amounts_in(self, start, end):
        """name -> the difference between the two ends of [start, end)."""
        start, end = max(start, self.frozen_before), max(end, self.frozen_before)
        return {name: self.part_before(amount, end) - self.part_before(amount, start)
                for name, amount in self.amounts.items()}


def reports(spend, config):
    """The reports that count: of each (ad, from) the one with the greatest (reported_at, id)."""
    latest = {}
    for ad, events in spend.items():
        for event in events:
            key = (ad, event.start)
            version = (event.reported_at, event.id.encode(), event)
            if key not in latest or version[:2] > latest[key][:2]:
                latest[key] = version
    return [report_of(event, config) for _, _, event in latest.values()]


def report_of(event, config):
    """A period that ends after reported_at ends there, if that is after `from`."""
    end = event.reported_at if event.start < event.reported_at < event.end else event.end
    amounts = {name: getattr(event, source) for name, source in AMOUNTS.items()}
    return Report(event.ad, event.start, end, amounts, event.ts - config.retention)
