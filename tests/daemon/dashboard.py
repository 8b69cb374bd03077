"""Goal: what is shipped for Prometheus and Grafana works on a running ladderd: Prometheus scrapes it as the
README says, each panel of the dashboard gets an answer and shows something, each metric is in a panel, and no
rule fires while all is well.
Method: a genuine Prometheus, Kafka and Redis; the dashboard's queries, asked as Grafana asks them. Whether
Grafana takes the dashboard is not tried: only that it has what Grafana wants."""

import json
import shutil
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from broker import ROOT, Broker, Redis, Server, Skip, free_port, run
from daemon_case import Daemon, create_inputs, generate, settings, write_config
from metric_names import METRICS, check_expression

RULES = ROOT / "config" / "prometheus" / "ladderd.rules.yml"
DASHBOARD = json.loads((ROOT / "config" / "grafana" / "ladderd.json").read_text())
EVENTS = 20_000
GRID_COLUMNS = 24
# Shows something only while something is wrong, or while records wait.
MAY_BE_EMPTY = {"Log to read"}
BAD = b'{"type":"dance","id":"y","ts":1}\n'


class Prometheus(Server):
    """Scrapes one ladderd every second and evaluates the rules."""

    name = "prometheus"

    def __init__(self, target):
        super().__init__()
        self.port = free_port()
        self.config = self.dir / "prometheus.yml"
        self.config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "ladderd", "static_configs": [{"targets": [target]}]}]}))

    def command_line(self):
        return ["prometheus", f"--config.file={self.config}", f"--storage.tsdb.path={self.dir / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}"]

    def is_up(self):
        return "Server is ready to receive web requests" in self.log.read_text()

    def ask(self, path, **arguments):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            said = json.load(answer)
        assert said["status"] == "success", said
        return said["data"]

    def value(self, expression):
        result = self.ask("query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else None


# ---- The dashboard by itself ----

def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def check_shape():
    assert DASHBOARD["uid"] == "ladderd" and DASHBOARD["schemaVersion"] >= 36 and DASHBOARD["id"] is None
    every = DASHBOARD["panels"]
    assert len({panel["id"] for panel in every}) == len(every) > 20
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance"], variables
    source = variables["datasource"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus"), source
    taken = set()
    for panel in every:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= GRID_COLUMNS and not cells & taken, f"{panel['title']}: {place}"
        taken |= cells
    for panel in panels():
        assert panel["title"] and panel["description"].endswith((".", ")")), panel["title"]
        assert panel["type"] in ("stat", "timeseries", "table"), panel["type"]
        for part in (panel, *panel["targets"], variables["job"], variables["instance"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, part
        references = [target["refId"] for target in panel["targets"]]
        assert references and len(set(references)) == len(references), panel["title"]


def check_names():
    """Every metric named is there, and every one that is there is named."""
    named = set()
    for panel in panels():
        for target in panel["targets"]:
            named |= check_expression(target["expr"])
            chosen = target["expr"].count('{job=~"$job", instance=~"$instance"')
            assert target["expr"].count("ladderd_") == chosen, target["expr"]
    for variable in DASHBOARD["templating"]["list"][1:]:
        check_expression(variable["definition"])
        assert variable["query"]["query"] == variable["definition"]
    assert named == set(METRICS), named ^ set(METRICS)


# ---- With a running ladderd ----

def as_asked(expression):
    """With the variables replaced as Grafana does."""
    return expression.replace("$__rate_interval", "10s").replace("$job", "ladderd").replace("$instance", ".+")


def check_panels(prometheus):
    now = time.time()
    for panel in panels():
        found = 0
        for target in panel["targets"]:
            expression = as_asked(target["expr"])
            if target["instant"]:
                found += len(prometheus.ask("query", query=expression)["result"])
            else:
                data = prometheus.ask("query_range", query=expression, start=now - 30, end=now, step=1)
                found += len(data["result"])
        assert found or panel["title"] in MAY_BE_EMPTY, f"{panel['title']} shows nothing"


def check_values(prometheus):
    """Some of what it shows, against what is known."""
    shown = {panel["title"]: as_asked(panel["targets"][0]["expr"]) for panel in panels()}
    for title, want in (("Ready", 1), ("Kafka", 1), ("Redis", 1), ("Instances that merge", 1),
                        ("Tasks to catch up", 0), ("Partitions stopped", 0), ("Offsets missing", 0),
                        ("Memory full", 0)):
        assert prometheus.value(shown[title]) == want, f"{title}: {prometheus.value(shown[title])}"


def check_rules(prometheus):
    group, = prometheus.ask("rules", type="alert")["groups"]
    for rule in group["rules"]:
        assert rule["health"] == "ok", f"{rule['name']}: {rule['health']}, {rule.get('lastError')}"
        assert rule["state"] != "firing", f"{rule['name']} fires"


def test_running(folder):
    with Redis() as redis, Broker() as broker:
        create_inputs(broker)
        port = free_port()
        config = write_config(folder, settings(folder, broker, redis, http={"listen": f"127.0.0.1:{port}"}))
        with Prometheus(f"127.0.0.1:{port}") as prometheus, Daemon(config) as daemon:
            daemon.wait_until(lambda: prometheus.value("ladderd_ready") == 1, 30, "ready")
            bad = folder / "bad.ndjson"
            bad.write_bytes(BAD)
            broker.produce("ladder.clicks", bad)
            generate("--seed", 1, "--events", EVENTS, "--kafka", broker.address)
            daemon.wait_until(lambda: prometheus.value("sum(ladderd_events_total)") == EVENTS + 1, 30, "read")
            daemon.wait_until(lambda: prometheus.value("ladderd_dead_letters_total") > 0, 30, "dead letter")
            daemon.wait_until(lambda: prometheus.value("max(ladderd_input_lag_records)") == 0, 30, "no lag")
            check_panels(prometheus)
            check_values(prometheus)
            check_rules(prometheus)


def test():
    check_shape()
    check_names()
    if not shutil.which("prometheus"):
        raise Skip("prometheus is missing: sh tests/tools/install.sh")
    with tempfile.TemporaryDirectory() as folder:
        test_running(Path(folder))


if __name__ == "__main__":
    run(test)
