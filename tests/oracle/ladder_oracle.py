"""The rows that `ladderd replay` must print, computed a second time: from the spec, over the whole set.

    python3 tests/oracle/ladder_oracle.py -c CONFIG --events FILE... > rows.ndjson

The config is YAML written as JSON. Standard output: the final row of each key that holds anything, sorted by
key. Standard error: the counts of section 7 as one JSON line."""

import argparse
import json
import sys
from collections import defaultdict

sys.dont_write_bytecode = True

from ads import Ads
from config import load_config
from decode import REASONS, Event, decode_line
from diagnosis import Diagnoses
from fold import Person
from people import people_and_spend
from rows import MONEY, COUNTS, holds_anything, is_settled, row_json, row_key
from spans import Days, buckets_over, hour_span, rolling_spans
from spend import reports

BASES = ("event", "cohort")
LISTS = ("response", "close_time")


def new_sums():
    sums = dict.fromkeys(COUNTS, 0)
    sums.update(dict.fromkeys(MONEY, 0), people=set(), response=[], close_time=[], reported_spend=0)
    return sums


class Totals:
    """(basis, entity, span) -> sums, by adding every step to every row it belongs to."""

    def __init__(self, config, ads, stream_time):
        self.config = config
        self.ads = ads
        self.rolling = rolling_spans(config, stream_time)
        self.days = Days()
        self.zones = {}
        self.rows = defaultdict(new_sums)
        self.frozen = 0

    def entities(self, ad):
        """Each entity of the ad with the time zone of the ad's days: that of the ad's account."""
        zone = self.zones[ad]
        return [(entity, zone) for entity in self.ads.entities(ad)]

    def find_zones(self, ad_names):
        for ad in ad_names:
            for entity in self.ads.entities(ad):
                if entity[0] == "ad":
                    self.zones[ad] = self.config.account(self.ads.shown(entity)["account"]).timezone

    def zone_of_people(self, entity):
        """People are in the days of one zone: of the accounts that have ads there, the first one's by id."""
        account = min((self.ads.account(ad) for ad in self.ads.members[entity]), key=str.encode)
        return self.config.account(account).timezone

    def add_step(self, step):
        for basis, t in (("event", step.event_ts), ("cohort", step.cohort_ts)):
            if step.cause_ts - t > self.config.retention:
                self.frozen += 1
                continue
            spans = [span for span in self.rolling if span.start <= t < span.end] + [hour_span(t)]
            for entity, zone in self.entities(step.ad):
                if step.name == "people":
                    zone = self.zone_of_people(entity)
                for span in spans + [self.days.span(t, zone)]:
                    self.add(self.rows[basis, entity, span], step)

    def add(self, sums, step):
        if step.name == "people":
            sums["people"].add(step.amount)
        elif step.name in LISTS:
            sums[step.name].append(step.amount)
        else:
            sums[step.name] += step.amount

    def add_report(self, report):
        for entity, zone in self.entities(report.ad):
            spans = list(self.rolling)
            spans += buckets_over(report.start, report.end, hour_span)
            spans += buckets_over(report.start, report.end, lambda t: self.days.span(t, zone))
            for span in spans:
                parts = report.amounts_in(span.start, span.end)
                parts["reported_spend"] = parts.pop("spend")
                for basis in BASES if any(parts.values()) else ():
                    sums = self.rows[basis, entity, span]
                    for name, amount in parts.items():
                        sums[name] += amount

    def lines(self, stream_time):
        """(key, JSON) of each row that holds anything."""
        shown = {entity: self.ads.shown(entity) for _, entity, _ in self.rows}
        for (_, entity, _), sums in self.rows.items():
            from_clicks = self.config.account(shown[entity]["account"]).spend_from == "clicks"
            sums["people"] = len(sums["people"])
            sums["spend"] = sums["click_cost"] if from_clicks else sums["reported_spend"]
        diagnoses = Diagnoses(self.config, self.rows, shown)
        for (basis, entity, span), sums in self.rows.items():
            if holds_anything(sums):
                key = row_key(basis, entity, span)
                settled = is_settled(self.config, basis, span, stream_time)
                currency = self.config.account(shown[entity]["account"]).currency
                yield key, row_json(key, basis, entity, span, shown[entity], sums, settled, currency,
                                    diagnoses.of(basis, entity, span))


def decode(lines, config):
    """(the accepted events, reason -> how many items were rejected for it)"""
    events, reasons = [], dict.fromkeys(REASONS, 0)
    for line in lines:
        for item in decode_line(line, config):
            if isinstance(item, Event):
                events.append(item)
            else:
                reasons[str(item)] += 1
    return events, reasons


def class_counts(events, reasons, duplicates, frozen):
    """Section 7: every event ends in exactly one class; a replay has no late, future or ignored one."""
    rejected = sum(reasons.values())
    return {"decoded": len(events) + rejected, "applied": len(events) - duplicates, "duplicate": duplicates,
            "late": 0, "rejected": rejected, "ignored": 0, "reasons": reasons, "folded_early": 0,
            "frozen": frozen}


def counts_of(lines, config):
    """The counts alone, without `frozen`."""
    events, reasons = decode(lines, config)
    return class_counts(events, reasons, people_and_spend(events)[2], 0)


def replay(lines, config):
    """(the rows as a list of JSON texts, sorted by key; the counts)"""
    events, reasons = decode(lines, config)
    people, spend, duplicates = people_and_spend(events)
    ads = Ads(events, config)
    steps = [step for name, theirs in people.items() for step in Person(name, config, ads).fold(theirs)]
    reported = reports(spend, config)
    stream_time = max((event.ts for event in events), default=0)
    totals = Totals(config, ads, stream_time)
    totals.find_zones({step.ad for step in steps} | {report.ad for report in reported})
    for step in steps:
        totals.add_step(step)
    for report in reported:
        totals.add_report(report)
    rows = sorted(totals.lines(stream_time), key=lambda row: row[0].encode())
    return [text for _, text in rows], class_counts(events, reasons, duplicates, totals.frozen)


def read_lines(paths):
    lines = []
    for path in paths:
        with (sys.stdin.buffer if path == "-" else open(path, "rb")) as file:
            content = file.read()
        lines += content.removesuffix(b"\n").split(b"\n") if content else []
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", dest="config", required=True)
    parser.add_argument("--events", nargs="+", required=True)
    arguments = parser.parse_args()
    rows, counts = replay(read_lines(arguments.events), load_config(arguments.config))
    sys.stdout.buffer.write("".join(row + "\n" for row in rows).encode())
    print(json.dumps(counts, separators=(",", ":")), file=sys.stderr)


if __name__ == "__main__":
    main()
