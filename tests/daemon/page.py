"""Goal: the page shows what the rows say, to people who look, click and press keys, in a genuine Chromium,
on a genuine Kafka and Redis: the ladder with its largest drop-off, the cheap message and the dear customer,
what the platform reports against what happened, how fast the first answer came; it follows new events
without reloading; and the browser has nothing to complain of.
Method: an account of four campaigns made so that each of these is known, and the acceptance case of
tests/golden as another. Pictures of the page are kept in the build folder: page*.png; with --pictures those
of the README are made anew."""

import json
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from broker import ROOT, Broker, Redis, build_dir, free_port, run
from browser import Browser
from daemon_case import Daemon, create_topic, settings, windows, write_config, write_events

TOPIC = "ladder.events"
GOLDEN = ROOT / "tests/golden/001-acceptance/events.ndjson"
PICTURES = ROOT / "daemon/web/pictures"
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
NOW_MS = 1_767_722_400_000  # 2026-01-06T18:00:00Z, the day of the acceptance case
# name: conversations, of them replied, qualified, handed off, customers; spend; minutes to the first answer
CAMPAIGNS = {
    "Cheap chats": (120, 70, 6, 5, 1, 60, 4),
    "Good leads": (90, 70, 45, 40, 20, 180, 2),
    "Steady": (80, 60, 40, 30, 12, 160, 90),
    "Other": (60, 45, 30, 20, 8, 150, 30),
}
RUNGS = ["Impression", "Click", "Chat opened", "Conversation", "Reply", "Qualified", "Handed to sales",
         "Appointment", "Customer"]


# ---- Events ----

def person(campaign, number, user, begin_ms, numbers):
    """One who clicks, opens the chat, writes, is answered, and goes as far as his campaign's numbers let."""
    _, replied, qualified, handoffs, customers, _, minutes = numbers
    ad = {"account": "act_2", "campaign": f"c{number}", "campaign_name": campaign, "ad": f"ad_{number}",
          "ad_name": f"{campaign} video"}
    at = [begin_ms]

    def event(kind, after_ms, **fields):
        at[0] += after_ms
        return {"type": kind, "id": f"{user}-{kind}-{at[0]}", "ts": at[0], "user": user, **fields}
    place = int(user.rpartition("-")[2])
    yield event("click", 0, **ad)
    yield event("open", 1000, **ad)
    yield event("message", 1000, direction="in", words=5, **ad)
    yield event("message", minutes * MINUTE_MS, direction="out", words=5)
    if place < replied:
        yield event("message", 1000, direction="in", words=5)
    for stage, count in (("qualified", qualified), ("handoff", handoffs), ("customer", customers)):
        if place < count:
            yield event("outcome", 1000, stage=stage, **({"value": "50"} if stage == "customer" else {}))


def report(number, campaign, spend, conversations, begin_ms, name):
    return {"type": "spend", "id": name, "ts": begin_ms + DAY_MS // 4, "account": "act_2",
            "campaign": f"c{number}", "campaign_name": campaign, "ad": f"ad_{number}", "from": begin_ms,
            "to": begin_ms + HOUR_MS, "spend": str(spend), "impressions": 1000 * conversations,
            "clicks": conversations, "conversations": conversations}


def day(begin_ms, share, name):
    """All campaigns, of each so many people in a hundred."""
    events = []
    for number, (campaign, numbers) in enumerate(CAMPAIGNS.items()):
        scaled = [count * share // 100 for count in numbers[:5]] + list(numbers[5:])
        for place in range(scaled[0]):
            user = f"{name}-{number}-{place}"
            events += person(campaign, number, user, begin_ms + place * 1000, scaled)
        events.append(report(number, campaign, numbers[5] * share / 100, scaled[0], begin_ms,
                             f"{name}-spend-{number}"))
    return sorted(events, key=lambda event: event["ts"])


def produce(broker, folder, events):
    broker.produce(TOPIC, write_events(folder / "some.ndjson", events), "--key", "one person")


# ---- Looking ----

def rows(url, **arguments):
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    with urllib.request.urlopen(f"{url}/api/v1/rows?{query}", timeout=20) as answer:
        return json.loads(answer.read())


def is_ready(url):
    try:
        return urllib.request.urlopen(url + "/readyz", timeout=20).status == 200
    except urllib.error.HTTPError:
        return False


def ladder(browser):
    """name -> (count, rate, cost) as they stand there."""
    lines = table(browser, "ladder")
    names = browser.texts("#ladder tbody th span:first-child")
    return {name: (line[1], line[3], line[4]) for name, line in zip(names, lines)}


def table(browser, name):
    return browser.run("return [...document.querySelectorAll(arguments[0])].map(line =>"
                       " [...line.children].map(cell => cell.textContent.trim()))", f"#{name} tbody tr")


def column(browser, at):
    return browser.run("return [...document.querySelectorAll('#compare tbody tr')].map(line =>"
                       " line.children[arguments[0]].children[0].textContent)", at)


def is_live(browser):
    return "on" in (browser.find("#live").attribute("class") or "")


def check_ladder(browser, url):
    browser.wait(lambda: is_live(browser) and ladder(browser), "the ladder")
    shown = ladder(browser)
    assert list(shown) == RUNGS, shown
    row, = rows(url, kind="rolling", window="24h", basis="cohort", level="account", id="act_2")
    assert shown["Conversation"] == ("350", "100 %", "$1.57"), shown
    assert shown["Customer"] == (str(row["customers"]), "43 %", f"${row['cac']:.2f}"), (shown, row["cac"])
    assert shown["Qualified"][:2] == (str(row["qualified"]), "35 %"), shown
    most, = browser.texts("#ladder tr.most th span:first-child")
    assert most == "Qualified", most
    fill = browser.run("const part = document.querySelector('#ladder tr.most .part');"
                       "const all = part.parentElement;"
                       "return part.getBoundingClientRect().width / all.clientWidth")
    assert abs(fill - row["qualified"] / row["conversations"]) < 0.03, fill


def check_trap(browser):
    trap, = browser.texts("#compare tr.trap th button")
    assert trap == "Cheap chats", trap
    assert "Cheap chats looks cheap at $0.50" in browser.find("#compare-words").text
    assert browser.texts("#compare tr.trap .cheap .rank") == ["1/4"]
    assert browser.texts("#compare tr.trap td.dear .rank") == ["4/4", "4/4"]


def check_sorting(browser):
    def click(title):
        button, = [each for each in browser.find_all("#compare thead button") if each.text.startswith(title)]
        button.click()
    click("Cost per customer")
    assert column(browser, 0) == ["Good leads", "Steady", "Other", "Cheap chats"], column(browser, 0)
    click("Cost per customer")
    assert column(browser, 0) == ["Cheap chats", "Other", "Steady", "Good leads"], column(browser, 0)
    click("Name")
    assert column(browser, 0) == ["Cheap chats", "Good leads", "Other", "Steady"], column(browser, 0)
    head, = browser.find_all("#compare th[aria-sort]")
    assert head.attribute("aria-sort") == "ascending" and head.text.startswith("Name"), head.text


def check_choosing(browser):
    """A campaign by a click in the table, its ad by the list, back by the keyboard; a reload keeps it."""
    button, = [each for each in browser.find_all("#compare tbody button") if each.text == "Cheap chats"]
    button.click()
    title = browser.find("#ladder-title")
    browser.wait(lambda: title.text == "The ladder of Cheap chats", "the campaign's ladder")
    browser.wait(lambda: browser.find("#verdict-title").text == "Cheap conversations with the wrong people",
                 "the campaign's diagnosis")
    check_weakest(browser)
    browser.find("#ad").type("C")
    browser.wait(lambda: title.text == "The ladder of Cheap chats video", "the ad's ladder")
    browser.reload()
    again = ["The ladder of Cheap chats video"]
    browser.wait(lambda: browser.texts("#ladder-title") == again, "the same again")
    assert ladder(browser)["Conversation"][0] == "120"
    browser.find("#campaign").type("a")
    browser.wait(lambda: browser.texts("#ladder-title") == ["The ladder of act_2"], "the account's ladder")


def check_keyboard(browser):
    """Tab reaches everything; arrows move within the windows."""
    browser.find("#account").type("tab")
    reached = set()
    for _ in range(40):
        element = browser.focused()
        reached.add(browser.run("return document.activeElement.id || document.activeElement.name ||"
                                " document.activeElement.textContent.trim()"))
        element.type("tab")
    wanted = {"campaign", "ad", "window", "basis", "level", "Cheap chats", "Cost per customer", "status"}
    assert wanted <= reached, wanted - reached
    browser.find("input[name=window]:checked").type("right")
    browser.wait(lambda: "window=7d" in browser.run("return location.hash"), "the next window")
    browser.wait(lambda: browser.texts("#before-head") == ["Before"], "nothing of a week before")
    browser.find("input[name=window]:checked").type("left")


def check_before(browser):
    """The day before had half of everything."""
    browser.wait(lambda: browser.texts("#before-head") == ["24h before"], "what was before")
    before = browser.run("return [...document.querySelectorAll('#ladder tbody tr')].map(line =>"
                         " line.children[5].children[0].textContent)")
    assert before[RUNGS.index("Conversation")] == "175", before
    changes = browser.texts("#ladder .change")
    assert changes[RUNGS.index("Conversation")] == "+100 % to now", changes


def check_speed(browser):
    lines = table(browser, "speed")
    assert [line[0] for line in lines] == ["in under 5 minutes", "in under an hour", "after an hour or more"]
    assert [line[1] for line in lines] == ["210", "60", "80"] and lines[0][4] == "10 %", lines
    assert "times" in browser.find("#speed-words").text or "×" in browser.find("#speed-words").text


def check_acceptance(browser):
    """The case of the 127, the 84 and the 52."""
    browser.find("#account").type("act-1")
    browser.wait(lambda: browser.texts("#ladder-title") == ["The ladder of act-1"], "the other account")
    words = browser.find("#counted-words").text
    assert "reports 127; 84 messages came from 52 people" in words, words
    lines = [[line[1], line[3]] for line in table(browser, "counted")]
    assert lines[:4] == [["127", "$25.20"], ["84", "$38.10"], ["52", "$61.54"], ["52", "$61.54"]], lines
    browser.find("#account").type("up")
    browser.wait(lambda: browser.texts("#ladder-title") == ["The ladder of act_2"], "the first account")


def check_basis(browser):
    label, = [each for each in browser.find_all(".segments span") if each.text == "by when it happened"]
    label.click()
    browser.wait(lambda: "basis=event" in browser.run("return location.hash"), "the other basis")
    browser.wait(lambda: "after its last message" not in browser.find("#settled").text, "how settled it is")


def check_follows(browser, broker, folder):
    """More events come: the numbers change, and the page was not loaded again."""
    browser.run("window.isTheSame = true")
    more = list(person("Steady", 2, "more-2-0", NOW_MS - 60_000, CAMPAIGNS["Steady"]))[:3]
    produce(broker, folder, more)
    browser.wait(lambda: ladder(browser)["Conversation"][0] == "351", "the new conversation")
    assert browser.run("return window.isTheSame") is True


def check_alerts(browser):
    """What fires is shown with cause and advice, as text and not as markup, and leads to its ladder."""
    own = "CountingGap: account act-1"
    browser.wait(lambda: browser.texts("#alerts strong") == [own], "the alert of the 127 and the 52")
    shown = browser.find("#alerts").text
    for part in ("Cause: the dashboard counts opened chats, not messages", "What to do: take cost per",
                 "75 by 127", "CountingGap fires since 6 Jan 2026", "$3,200.00 spent there"):
        assert part in shown, shown
    browser.find("#alerts button").click()
    browser.wait(lambda: browser.texts("#ladder-title") == ["The ladder of act-1"], "the alert's ladder")
    browser.find("#account").type("act_2")
    browser.wait(lambda: browser.texts("#ladder-title") == ["The ladder of act_2"], "the first account")
    notes = {"summary": "nobody goes on", "description": "<b>61 of 803</b>", "cause": "The first response.",
             "advice": "Look who answers."}
    alert = {"labels": {"alertname": "ReplyBroken", "severity": "warning", "level": "ad"},
             "annotations": notes, "fingerprint": "1", "status": "firing", "currency": "USD",
             "spend_at_risk": 1, "startsAt": "2026-01-06T17:00:00Z"}
    resolved = {**alert, "status": "resolved", "fingerprint": "2"}
    first = {**alert, "labels": {**alert["labels"], "severity": "critical"}, "fingerprint": "3",
             "annotations": {**notes, "summary": "nobody answers"}}
    answer_instead(browser, "/api/v1/alerts", 200, [alert, resolved, first])
    browser.wait(lambda: browser.texts("#alerts strong") == ["nobody answers", "nobody goes on"], "alerts")
    assert "<b>61 of 803</b>" in browser.find("#alerts").text
    answer_genuinely(browser)
    browser.wait(lambda: browser.texts("#alerts strong") == [own], "the genuine alert")


def answer_instead(browser, begin, status, body):
    """What is asked for with this beginning is answered so, until answer_genuinely."""
    browser.run("const [begin, status, body] = arguments; window.genuineFetch ??= window.fetch;"
                "window.fetch = (path, ...rest) => path.startsWith(begin) ?"
                " Promise.resolve(new Response(body, {status})) : genuineFetch(path, ...rest)",
                begin, status, json.dumps(body))


def answer_genuinely(browser):
    browser.run("window.fetch = window.genuineFetch")


def check_refusals(browser, url):
    """What cannot be had is told, and what can be is shown."""
    with urllib.request.urlopen(url + "/status", timeout=20) as answer:
        status = json.loads(answer.read())
    answer_instead(browser, "/status", 200, {**status, "merging": False})
    browser.wait(lambda: "look at the one that has partition 0" in browser.find("#notice").text, "a hint")
    answer_instead(browser, "/api/v1/alerts", 503, {"error": "not yet"})
    browser.wait(lambda: browser.texts("#alerts li") == ["Alerts are not judged yet."], "no judgement")
    assert not browser.find("#notice").text and ladder(browser)["Conversation"][0] == "351"
    label, = [each for each in browser.find_all("#compare-levels span") if each.text == "Ads"]
    label.click()
    browser.wait(lambda: "Steady video" in column(browser, 0), "the ads")
    answer_instead(browser, "/api/v1/rows?limit=2000&kind=rolling&basis=cohort&window=24h&level=ad&", 400,
                   {"error": "more than 2000 rows"})
    browser.wait(lambda: "more than 2000 of them: choose a campaign" in browser.find("#compare-cut").text,
                 "too many ads")
    assert ladder(browser)["Conversation"][0] == "351"
    answer_genuinely(browser)
    browser.find_all("#compare-levels span")[0].click()


def check_key(browser, url):
    """An address that names a row by its key, as an alert's generatorURL, shows it."""
    browser.open(url + "/#rolling/event/24h/ad/ad_0")
    again = ["The ladder of Cheap chats video"]
    browser.wait(lambda: browser.texts("#ladder-title") == again, "the row of the address")
    assert browser.find("input[name=basis]:checked").value_of("value") == "event"
    browser.open(url + "/#account=act_2&window=24h&basis=cohort")
    browser.wait(lambda: browser.texts("#ladder-title") == ["The ladder of act_2"], "the account again")


def check_weakest(browser):
    """Where a rung is the weakest, it is marked, and the diagnosis stands above it in words."""
    weakest = browser.run("return [...document.querySelectorAll('#ladder tbody tr')].filter(line =>"
                          " !line.querySelector('.trap').hidden).map(line => line.dataset.key)")
    assert weakest == ["qualified"], weakest
    why = browser.find("#verdict-why").text
    assert "Weakest: conversations that qualify, 5.0 % where 34 % are usual here." in why, why


def check_security(url):
    """The page may load nothing from elsewhere, run nothing inline, and be framed by nobody."""
    with urllib.request.urlopen(url + "/", timeout=20) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, policy
        assert "unsafe" not in policy and "*" not in policy, policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff", answer.headers
        assert answer.headers["X-Frame-Options"] == "DENY", answer.headers
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8", answer.headers


def take_pictures(browser, url):
    """Those of the README."""
    for name, width, choice, selectors in (
            ("ladder", 900, "campaign=c0", ("#verdict", "#ladder-section")),
            ("compare", 1200, "sort=cost_per_conversation&order=ascending", ("#compare-section",))):
        browser.resize(width, 900)
        browser.open(f"{url}/#account=act_2&window=24h&basis=cohort&{choice}")
        browser.reload()
        title = "The ladder of Cheap chats" if "campaign" in choice else "The ladder of act_2"
        browser.wait(lambda: browser.texts("#ladder-title") == [title], title)
        path = PICTURES / f"{name}.png"
        browser.screenshot(path, *selectors)
        assert path.stat().st_size < 150_000, f"{path}: {path.stat().st_size} bytes"
        print(path, flush=True)


def check_own(browser, url):
    """Nothing was loaded from elsewhere, nothing inline ran, nothing was complained of."""
    loaded = browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded and all(each.startswith(url + "/") for each in loaded), loaded
    assert browser.run("return document.querySelectorAll('script:not([src]), [onclick], style').length") == 0
    errors = browser.errors()
    assert not errors, errors


def check_narrow_and_dark(browser):
    browser.screenshot(build_dir() / "page.png")
    light = browser.run("return getComputedStyle(document.body).backgroundColor")
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    browser.command("Emulation.setEmulatedMedia", features=[scheme])
    dark = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert light != dark, light
    browser.screenshot(build_dir() / "page-dark.png")
    browser.command("Emulation.setDeviceMetricsOverride", width=360, height=780, deviceScaleFactor=1,
                    mobile=True)
    widest = browser.run("return document.documentElement.scrollWidth")
    assert widest <= 360, f"{widest} pixels wide on a screen of 360"
    browser.screenshot(build_dir() / "page-narrow.png")
    browser.command("Emulation.clearDeviceMetricsOverride")


def check_silence(browser, daemon):
    daemon.stop()
    browser.wait(lambda: "no answer" in browser.find("#live").text, "a word on the silence")


def look(browser, daemon, url, broker, folder):
    browser.wait(lambda: is_ready(url), "ready", 60)
    check_security(url)
    browser.open(url + "/#window=24h")
    check_ladder(browser, url)
    check_trap(browser)
    check_sorting(browser)
    check_before(browser)
    check_speed(browser)
    check_choosing(browser)
    check_acceptance(browser)
    check_keyboard(browser)
    check_basis(browser)
    check_follows(browser, broker, folder)
    check_alerts(browser)
    check_key(browser, url)
    check_refusals(browser, url)
    check_own(browser, url)
    if "--pictures" in sys.argv:
        take_pictures(browser, url)
    check_narrow_and_dark(browser)
    check_silence(browser, daemon)


def test():
    with tempfile.TemporaryDirectory() as name, Browser() as browser, Broker() as broker, Redis() as redis:
        folder = Path(name)
        create_topic(broker, TOPIC, 1)
        begin_ms = NOW_MS - 4 * HOUR_MS
        golden = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
        produce(broker, folder, golden + day(begin_ms - DAY_MS, 50, "before") + day(begin_ms, 100, "now"))
        spans = windows(("1h", "1m"), ("24h", "1h"), ("7d", "6h"), ("28d", "6h"))
        config = settings(folder, broker, redis, windows=spans)
        config["kafka"]["inputs"] = [{"topic": TOPIC}]
        config["accounts"] = {}
        config["http"] = {"listen": f"127.0.0.1:{free_port()}"}
        config["alerts"] = {"for": "0"}
        with Daemon(write_config(folder, config)) as daemon:
            look(browser, daemon, "http://" + config["http"]["listen"], broker, folder)
        print(f"pictures: {build_dir()}/page*.png", flush=True)


if __name__ == "__main__":
    run(test)
