"""Is the oracle itself right? Hand-computed cases: section 3 as data in cases.py, the rest of the spec here.

    python3 tests/oracle/test_oracle.py"""

import json
import sys
import unittest
from decimal import Decimal

sys.dont_write_bytecode = True

from cases import CASES, START_MS, answered, click, event, offset_ms, outcome, said  # noqa: E402
from compare import differences  # noqa: E402
from config import config_from  # noqa: E402
from decode import Event, decode_line, micros, time_ms  # noqa: E402
from decode import Number, Reject  # noqa: E402
from diagnosis import SUMMED, Diagnoses, wilson  # noqa: E402
from feed import make_feed  # noqa: E402
from ladder_oracle import replay  # noqa: E402
from rows import COUNTS, decimal, nearest_rank, ratio, row_key  # noqa: E402
from spans import Days, Span  # noqa: E402

WHOLE = [{"length": "60d", "slide": "1d", "emit": "1s"}]
HOUR_MS = 3_600_000


def rows_of(events, **settings):
    """(kind, basis, window, "level:id", from_ms) -> row"""
    lines = [json.dumps(event).encode() for event in events]
    texts, _ = replay(lines, config_from({"windows": WHOLE, **settings}))
    rows = [json.loads(text, parse_float=Decimal) for text in texts]
    return {(r["kind"], r["basis"], r["window"], f"{r['level']}:{r['id']}", r["from_ms"]): r for r in rows}


def whole_row(rows, entity, basis="event"):
    """The rolling row; all counts are 0 where there is none."""
    entity = entity if entity.startswith(("account:", "campaign:", "adset:")) else "ad:" + entity
    found = [row for key, row in rows.items() if key[0] == "rolling" and key[1] == basis and key[3] == entity]
    return found[0] if found else dict.fromkeys(COUNTS, 0)


def bucket(rows, window, entity, at, basis="event"):
    return rows.get(("bucket", basis, window, entity, START_MS + at))


class Section3(unittest.TestCase):
    def test_cases(self):
        self.assertGreater(len(CASES), 40)
        for title, ladder, events, expected in CASES:
            rows = rows_of(events, ladder=ladder)
            backwards = rows_of(events[::-1] + events[:2], ladder=ladder)
            self.assertEqual(rows, backwards, title)
            for entity, fields in expected.items():
                row = whole_row(rows, entity)
                got = {name: row.get(name) for name in fields}
                want = {name: Decimal(str(value)) if isinstance(value, float) else value
                        for name, value in fields.items()}
                self.assertEqual(want, got, f"{title}: {entity}")

    def test_an_ad_moves_with_the_newest_that_names_it(self):
        events = [click("0", "a", account="x", campaign="c", adset="s", ad_name="old"),
                  click("2s", "a", campaign="d", ad_name="new", campaign_name="D"),
                  said("1s", ad="a", campaign="e"),
                  click("3s", "b", campaign="d", account="y", campaign_name="newest D"),
                  answered("0", ad="c")]
        rows = rows_of(events)
        self.assertEqual(whole_row(rows, "a")["campaign"], "d")
        self.assertEqual(whole_row(rows, "a")["adset"], "s")
        self.assertEqual(whole_row(rows, "a")["name"], "new")
        self.assertEqual(whole_row(rows, "campaign:d")["clicks"], 3)
        self.assertEqual(whole_row(rows, "campaign:d")["name"], "newest D")
        self.assertEqual(whole_row(rows, "campaign:d")["account"], "y")
        self.assertEqual(whole_row(rows, "adset:s")["campaign"], "d")
        self.assertEqual(whole_row(rows, "campaign:c")["clicks"], 0)
        self.assertEqual(whole_row(rows, "account:x")["clicks"], 2)
        self.assertIsNone(whole_row(rows, "account:x")["name"])

    def test_of_two_at_one_ts_the_greater_id_is_newer(self):
        for ids in ("pq", "qp"):
            events = [click("0", "a", campaign={"p": "2", "q": "1"}[ident], id=ident) for ident in ids]
            self.assertEqual(whole_row(rows_of(events), "a")["campaign"], "1")


class Section4(unittest.TestCase):
    def report(self, at, spend, start, end, **fields):
        return event("spend", at, ad="a", spend=spend, **{"from": START_MS + offset_ms(start),
                                                         "to": START_MS + offset_ms(end)}, **fields)

    def spends(self, events, hours, **settings):
        rows = rows_of(events, **settings)
        found = [bucket(rows, "1h", "ad:a", hour * HOUR_MS) for hour in hours]
        return [row and row["spend"] for row in found]

    def test_an_amount_is_spread_evenly_and_floored_at_each_end(self):
        events = [self.report("1d", "0.000010", "0", "3h", impressions=10)]
        self.assertEqual(self.spends(events, [0, 1, 2, 3]),
                         [Decimal("0.000003"), Decimal("0.000003"), Decimal("0.000004"), None])
        rows = rows_of(events)
        self.assertEqual([bucket(rows, "1h", "ad:a", h * HOUR_MS)["impressions"] for h in (0, 1, 2)],
                         [3, 3, 4])

    def test_the_newest_report_of_a_period_replaces_the_others(self):
        events = [self.report("1d", "6", "0", "2h", reported_at=START_MS + offset_ms("3h"), id="b"),
                  self.report("2d", "9", "0", "3h", reported_at=START_MS + offset_ms("3h"), id="c"),
                  self.report("3d", "1", "0", "1h", reported_at=START_MS + offset_ms("2h"), id="d"),
                  self.report("1d", "4", "1h", "2h")]
        self.assertEqual(self.spends(events, [0, 1, 2]), [3, 7, 3])

    def test_a_period_ends_at_reported_at(self):
        self.assertEqual(self.spends([self.report("90m", "6", "0", "1d")], [0, 1, 2]), [4, 2, None])
        late = self.report("1d", "6", "0", "2h", reported_at=START_MS)
        self.assertEqual(self.spends([late], [0, 1, 2]), [3, 3, None])

    def test_spend_from_clicks(self):
        events = [self.report("2h", "6", "0", "2h"), click("0", "a", cost="1.5")]
        accounts = {"default": {"spend_from": "clicks"}}
        self.assertEqual(self.spends(events, [0, 1], accounts=accounts), [Decimal("1.5"), None])


class Section5(unittest.TestCase):
    def test_cohort_moves_what_a_conversation_reached_to_its_opening(self):
        rows = rows_of([said("0", ad="a"), answered("2h"), said("3h", ad="a"),
                        outcome("3h", "sale", value=7)])
        moved = {"event": 0, "cohort": 1}
        for basis, number in moved.items():
            opening, later = (bucket(rows, "1h", "ad:a", h * HOUR_MS, basis) for h in (0, 3))
            for name in ("replies", "customers", "new_customers", "orders", "implied_handoff"):
                self.assertEqual((opening[name], later[name]), (number, 1 - number), (basis, name))
            self.assertEqual((opening["kind_engaged"], opening["audit_converted"]), (1, 1))
            self.assertEqual((opening["people"], later["people"], later["messages_in"]), (1, 1, 1))
            self.assertEqual((opening["revenue"], later["revenue"]), (7 * number, 7 - 7 * number))
            self.assertEqual(opening["response_p50"], 7200 if number else None)


    def test_followups_stay_and_overfollowed_moves(self):
        rows = rows_of([said("0", ad="a")] + [answered(f"{hour}h") for hour in (1, 2, 3, 4)])
        for basis, hour in (("event", 4), ("cohort", 0)):
            found = [bucket(rows, "1h", "ad:a", h * HOUR_MS, basis) for h in range(5)]
            self.assertEqual([row["followups"] for row in found], [0, 0, 1, 1, 1])
            self.assertEqual([row["overfollowed"] for row in found], [int(h == hour) for h in range(5)])


class Section6(unittest.TestCase):
    def test_acceptance_case(self):
        """$3,200, 127 conversions reported, 84 messages from 52 people."""
        events = [event("spend", "1d", ad="a", spend=3200, conversations=127,
                        **{"from": START_MS, "to": START_MS + offset_ms("1d")})]
        events += [said(f"{number}m", ad="a", user=f"u{number % 52}") for number in range(84)]
        row = whole_row(rows_of(events), "a")
        self.assertEqual((row["people"], row["messages_in"], row["spend"]), (52, 84, 3200))
        self.assertEqual(row["cost_per_reported_conversation"], Decimal("25.196850"))
        self.assertEqual(row["cost_per_message_in"], Decimal("38.095238"))
        self.assertEqual(row["cost_per_person"], Decimal("61.538462"))
        self.assertEqual(row["counting_gap"], Decimal("0.590551"))

    def test_a_rolling_window_ends_at_the_next_multiple_of_its_slide(self):
        windows = [{"length": "1h", "slide": "10m"}]
        for newest, start in (("1h", "10m"), ("1h9m59s999ms", "10m"), ("59m59s999ms", "0")):
            edge = START_MS + offset_ms(start)
            events = [click(newest, "a"), click("0", "a", ts=edge - 1), click("0", "a", ts=edge)]
            (row,) = [row for row in rows_of(events, windows=windows).values()
                      if row["kind"] == "rolling" and row["level"] == "ad" and row["basis"] == "event"]
            self.assertEqual((row["from_ms"], row["to_ms"], row["clicks"]), (edge, edge + HOUR_MS, 2))

    def test_what_is_older_than_retention_is_frozen_or_forgotten(self):
        events = [said("0", ad="a"), said("2d", ad="a"), outcome("3d", "sale", value=1), said("6d1ms")]
        rows = rows_of(events, ladder={"attribution": "60d", "retention": "2d"})
        event, cohort = (whole_row(rows, "a", basis) for basis in ("event", "cohort"))
        self.assertEqual((event["customers"], cohort["customers"], event["audit_untagged"]), (1, 0, 1))
        self.assertEqual(whole_row(rows, "organic:default")["match_organic"], 1)

    def test_a_day_is_that_of_the_account_shown(self):
        accounts = {"x": {"timezone": "Asia/Kolkata", "currency": "INR"}}
        rows = rows_of([click("0", "a", account="x"), click("18h30m", "a")], accounts=accounts)
        for entity in ("ad:a", "account:x"):
            days = [bucket(rows, "1d", entity, offset_ms("18h30m") - n * 24 * HOUR_MS) for n in (1, 0)]
            self.assertEqual([(day["clicks"], day["currency"]) for day in days], [(1, "INR")] * 2)

    def test_days_of_zones(self):
        """Kolkata's days begin at 18:30Z; New York has days of 23 and 25 hours; São Paulo skips midnight."""
        days = Days()
        for zone, at, start, hours in (
                ("Asia/Kolkata", 1754073000000, 1754073000000, 24),
                                       ("Asia/Kolkata", 1754072999999, 1753986600000, 24),
                ("Asia/Kathmandu", 1754072100000, 1754072100000, 24),
                ("America/New_York", 1741503600000, 1741496400000, 23),
                ("America/New_York", 1762063200000, 1762056000000, 25),
                ("America/Sao_Paulo", 1541300400000, 1541300400000, 23),
                ("America/Sao_Paulo", 1518922799999, 1518832800000, 25)):
            config = config_from({"accounts": {"x": {"timezone": zone}}})
            span = days.span(at, config.account("x").timezone)
            self.assertEqual((span.start, span.end), (start, start + hours * HOUR_MS), zone)

    def test_a_bucket_is_settled_after_lateness(self):
        for newest, event_basis, cohort_basis in (("3h", True, False), ("2h59m59s999ms", False, False),
                                                  ("6h", True, True), ("5h59m59s999ms", True, False)):
            rows = rows_of([click("0", "a"), click(newest, "b")],
                           ladder={"lateness": "2h", "outcome_window": "3h"})
            settled = [bucket(rows, "1h", "ad:a", 0, basis)["settled"] for basis in ("event", "cohort")]
            self.assertEqual(settled, [event_basis, cohort_basis], newest)
            self.assertFalse(whole_row(rows, "a")["settled"])

    def test_forms(self):
        self.assertEqual([decimal(n, 6) for n in (25196850, 3200000000, -1500000, 0, 1, None)],
                         ["25.19685", "3200", "-1.5", "0", "0.000001", "null"])
        self.assertEqual([ratio(1, 2_000_000), ratio(-1, 2_000_000), ratio(1, 2_000_001), ratio(1, 0)],
                         [1, -1, 0, None])
        self.assertEqual([nearest_rank([4, 1, 3, 2], p) for p in (50, 90)], [2, 4])
        self.assertEqual(row_key("event", ("ad", "a/b%"), Span("bucket", "1h", START_MS, START_MS + HOUR_MS)),
                         "bucket/event/1h/ad/a%2Fb%25/2025-08-01T00:00:00Z")
        self.assertEqual(row_key("cohort", ("account", "x"), Span("rolling", "24h", 0, 1)),
                         "rolling/cohort/24h/account/x")


class Section7(unittest.TestCase):
    def judge(self, text):
        items = decode_line(text if isinstance(text, bytes) else text.encode(), config_from({}))
        return [str(item) if isinstance(item, Reject) else item.type for item in items]

    def test_each_reason(self):
        click_text = '{"type":"click","id":"1","ts":1,"user":"u","ad":"a"%s}'
        for text, want in (
                ("{}", ["missing_field"]), ("", ["json"]), ("[]", []), ("[{},1]", ["missing_field", "json"]),
                (b'"\xff"', ["encoding"]), (" " * 1_048_577, ["too_large"]),
                           ("[" * 17 + "]" * 17, ["too_large"]),
                ('{"type":"sale"}', ["unknown_type"]), (click_text % ',"ad":"b"', ["json"]),
                (click_text % "", ["click"]), (click_text % ',"cost":-1', ["bad_value"]),
                (click_text % ',"currency":"EUR"', ["currency"]),
                           (click_text % ',"currency":"USD"', ["click"]),
                (click_text % (',"adset":"' + "x" * 257 + '"'), ["too_large"]),
                (click_text % (',"ad_name":"' + "x" * 257 + '"'), ["click"]),
                (click_text.replace('"ts":1', '"ts":"x"') % ',"cost":-1', ["bad_time"]),
                (click_text.replace('"1"', '""') % "", ["missing_field"])):
            self.assertEqual(self.judge(text), want, text[:80])

    def test_a_currency_is_checked_against_the_event_s_account_or_the_default_one(self):
        config = config_from({"default_account": "x", "accounts": {"x": {"currency": "EUR"}}})
        for fields, want in (({}, 1), ({"currency": "EUR"}, 1), ({"currency": "USD"}, 0),
                             ({"currency": "USD", "account": "y"}, 1),
                             ({"currency": "EUR", "account": "y"}, 0)):
            counts = replay([json.dumps(click("0", "a", **fields)).encode()], config)[1]
            self.assertEqual((counts["applied"], counts["reasons"]["currency"]), (want, 1 - want), fields)

    def test_counts_add_up(self):
        lines = [b"{}", b"x", json.dumps(click("0", "a", id="i")).encode(),
                 json.dumps(click("1s", "a", id="i")).encode()]
        counts = replay(lines, config_from({}))[1]
        self.assertEqual((counts["decoded"], counts["applied"], counts["duplicate"], counts["rejected"]),
                         (4, 1, 1, 2))

    def test_times(self):
        for value, ms in ((Number("99999999999"), 99999999999000), (Number("100000000000"), 100000000000),
                          ("0001754006400", 1754006400000), ("2025-08-01T00:00:00Z", START_MS),
                          ("2025-08-01 05:45:00.1239+05:45", START_MS + 123), ("1970-01-01t00:00:00z", 0)):
            self.assertEqual(time_ms(value), ms)
        for value in ("2025-08-01T00:00:60Z", "2025-02-29T00:00:00Z", Number("1.0"), Number("-1"), True, "",
                      "now"):
            self.assertRaises(Reject, time_ms, value)

    def test_decimals(self):
        for value, want in (("0.0000005", 1), ("0.00000049999", 0), (Number("1e-6"), 1), ("1.25E1", 12500000),
                            ("1000000000000", 10**18)):
            self.assertEqual(micros(value), want)
        for value in ("-1", "+1", ".5", "1.", "0x1", "1,5", " 1", True, "1000000000000.000001"):
            self.assertRaises(Reject, micros, value)


class Section8(unittest.TestCase):
    def days_of(self, days, **settings):
        """Ads `a` and `b` with 10 conversations on each day, those at `a` without a reply."""
        events = []
        for number, day in enumerate(days):
            for person in range(10):
                for ad in "ab":
                    user = f"{ad}{person} of {number}"
                    events += [said(f"{day}d{person}m", ad=ad, user=user),
                               answered(f"{day}d{person}m1s", user=user)]
                    if ad == "b":
                        events.append(said(f"{day}d{person}m2s", user=user))
        return rows_of(events, diagnosis={"min_volume": 5, **settings})

    def test_wilson(self):
        low, high = wilson(500, 1000)
        self.assertAlmostEqual(low, 0.44825979937419, 12)
        self.assertAlmostEqual(high, 0.55174020062618, 12)
        self.assertAlmostEqual(wilson(0, 30)[1], 3.29**2 / (30 + 3.29**2), 12)
        self.assertEqual(wilson(40, 30), wilson(30, 30))

    def test_the_norm_of_a_day_are_the_days_that_end_in_the_28_up_to_its_end(self):
        def day(number):
            return Span("bucket", "1d", number * 24 * HOUR_MS, (number + 1) * 24 * HOUR_MS)
        diagnoses = Diagnoses(config_from({}), {}, {})
        diagnoses.accounts["event", "x", "bucket", "1d"] = [
            (day(number), {**dict.fromkeys(SUMMED, 0), "replies": 10**number}) for number in range(31)]
        for number, want in ((0, "1"), (27, "1" * 28), (28, "1" * 28 + "0"), (30, "1" * 28 + "000")):
            self.assertEqual(diagnoses.norm_sums("event", "x", day(number))["replies"], int(want))

    def test_words(self):
        rows = self.days_of([0, 1, 2])
        self.assertEqual(whole_row(rows, "a")["diagnosis"], "fix_first_response")
        self.assertEqual(whole_row(rows, "a")["weakest_rung"], "reply")
        self.assertEqual((whole_row(rows, "b")["diagnosis"], whole_row(rows, "b")["weakest_rung"]),
                         ("healthy", None))
        account = whole_row(rows, "account:default")
        self.assertEqual((account["diagnosis"], account["weakest_rung"]), ("too_little_data", None))
        account = whole_row(self.days_of([0], norms={"reply": 0.6}), "account:default")
        self.assertEqual((account["diagnosis"], account["weakest_rung"]), ("healthy", "reply"))


class Tools(unittest.TestCase):
    def test_compare_sees_a_difference_and_allows_the_times_their_tolerance(self):
        row = '{"key":"k","clicks":1,"response_p50":%s}'
        self.assertEqual(differences([row % "100"], [row % "102.5"]), [])
        self.assertEqual(differences([row % "100"], [row % "102.6"]), [("k", "response_p50", "100", "102.6")])
        self.assertEqual(differences([row % "null"], [row % "0"]), [("k", "response_p50", None, "0")])
        self.assertEqual(len(differences(['{"key":"k","a":1}'], ['{"key":"k","a":1.0}'])), 1)
        self.assertEqual(len(differences(['{"key":"k","a":1,"b":2}'], ['{"key":"k","b":2,"a":1}'])), 1)
        self.assertEqual(len(differences(['{"key":"k"}', '{"key":"l"}'], ['{"key":"l"}', '{"key":"k"}'])), 1)
        self.assertEqual(len(differences(['{"key":"k"}'], ['{"key":"k"}', '{"key":"k"}'])), 1)
        self.assertEqual(len(differences([], ['{"key":"k"}'])), 1)

    def test_a_feed_is_the_same_for_the_same_seed_and_mostly_sound(self):
        settings, lines = make_feed(7)
        self.assertEqual((settings, lines), make_feed(7))
        config = config_from(settings)
        items = [item for line in lines for item in decode_line(line, config)]
        sound = [item for item in items if isinstance(item, Event)]
        self.assertGreater(len(sound), 0.9 * len(items))
        self.assertEqual({item.type for item in sound}, {"click", "open", "message", "outcome", "spend"})
        self.assertLess(len(sound), len(items))


if __name__ == "__main__":
    unittest.main()
