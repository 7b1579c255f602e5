"""The metrics of a real agent, as other programs read them, and what is said of them in docs/api.md."""
import json
import os
import re
import shutil
import subprocess
import time

import jsonschema
from prometheus_client import parser as older
from prometheus_client.openmetrics import parser as openmetrics

import netlab
from netlab import trees, until
from test_api import Client

DOCUMENT = os.path.join(netlab.ROOT, "docs", "api.md")
PACKAGING = os.path.join(netlab.ROOT, "packaging", "prometheus")
OPEN = "application/openmetrics-text; version=1.0.0"


def described():
    with open(DOCUMENT, encoding="utf-8") as f:
        section = f.read().split("### `GET /metrics`", 1)[1].split("\n### ", 1)[0]
    return dict(re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", section, re.M))


def scrape(host, accept=OPEN):
    status, kind, text = Client(host).ask("GET", "/metrics", headers={"Accept": accept} if accept else {})
    assert status == 200 and kind.startswith("application/openmetrics-text" if accept else "text/plain"), (status, kind)
    return text.decode()


def samples(text, name):
    """[(labels, value)] of one family."""
    return [(s.labels, s.value) for family in openmetrics.text_string_to_metric_families(text) for s in family.samples if s.name == name]


def one(text, name):
    (_, value), = samples(text, name)
    return value


def promtool(arguments, text=None):
    """Prometheus' own checker, where it is there: see the target prometheus-test of the Makefile."""
    if shutil.which("promtool"):
        got = subprocess.run(["promtool"] + arguments, input=text, capture_output=True, text=True, cwd=PACKAGING, check=False)
        assert got.returncode == 0 and not got.stderr.strip(), (got.stdout, got.stderr)


def test_rules_and_dashboard_name_only_metrics_that_there_are():
    kinds = {"counter": ["_total"], "info": ["_info"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    names = {name + tail for name, kind in described().items() for tail in kinds[kind]}
    for file in ("lanyard.rules.yml", "lanyard.test.yml", "grafana-dashboard.json"):
        with open(os.path.join(PACKAGING, file), encoding="utf-8") as f:
            used = set(re.findall(r"\b(?:lanyard|process)_[a-z_]+", f.read()))
        assert used and used <= names, used - names
    promtool(["check", "rules", "lanyard.rules.yml"])
    promtool(["test", "rules", "lanyard.test.yml"])
    promtool(["check", "config", "scrape.yml"])


def queries():
    """What the dashboard asks Prometheus, with its variables as Grafana fills them in."""
    with open(os.path.join(PACKAGING, "grafana-dashboard.json"), encoding="utf-8") as f:
        dashboard = json.load(f)
    fill = {"$instance": "a|b", "$group": "pics", "$__rate_interval": "5m"}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            text = target["expr"]
            for name, value in fill.items():
                text = text.replace(name, value)
            yield panel["title"], text


def test_the_dashboard_is_whole_and_its_queries_parse(tmp_path):
    """Grafana is not in Debian, so what it would load is checked piece by piece: fields, places, variables, and each query by promtool."""
    with open(os.path.join(PACKAGING, "grafana-dashboard.json"), encoding="utf-8") as f:
        dashboard = json.load(f)
    panel = {"type": "object", "required": ["type", "title", "gridPos"],
             "properties": {"type": {"enum": ["row", "stat", "gauge", "timeseries", "table", "bargauge", "state-timeline"]}, "title": {"type": "string", "minLength": 1},
                            "gridPos": {"type": "object", "required": ["x", "y", "w", "h"], "additionalProperties": {"type": "integer", "minimum": 0}},
                            "targets": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["refId", "expr"]}}}}
    jsonschema.validate(dashboard, {"type": "object", "required": ["title", "uid", "schemaVersion", "panels", "templating", "time"], "properties": {
        "schemaVersion": {"type": "integer", "minimum": 36}, "panels": {"type": "array", "minItems": 1, "items": panel}, "uid": {"type": "string", "maxLength": 40}}})
    places = [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"], p["gridPos"]["h"]) for p in dashboard["panels"]]
    assert all(x + w <= 24 for x, _, w, _ in places)
    for i, (x, y, w, h) in enumerate(places):
        assert not any(x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h for x2, y2, w2, h2 in places[:i]), dashboard["panels"][i]["title"]
    variables = {"$" + v["name"] for v in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$(?!__)\w+", json.dumps([p.get("targets", []) for p in dashboard["panels"]])))
    assert used <= variables, used - variables
    rules = [{"record": "dashboard:query%d" % i, "expr": text} for i, (_, text) in enumerate(queries())]
    assert len(rules) > 10 and not any("$" in r["expr"] for r in rules)
    (tmp_path / "queries.json").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    promtool(["check", "rules", str(tmp_path / "queries.json")])


def test_metrics_have_a_door_of_their_own(lab):
    """At an address and at a path: metrics alone, whoever asks, and not under a name that a page could have lead here."""
    a = lab.host("a")
    conf = a.path("lanyard.conf")
    with open(conf, "w") as f:
        f.write("[agent]\nmetrics = 127.0.0.1:4172\n")
    a.daemon.start("--config", conf, "--discovery", "off")

    def code(*curl):
        return a.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*", *curl).stdout.decode()

    assert "lanyard_uptime_seconds" in a.run("curl", "-s", "--noproxy", "*", "http://127.0.0.1:4172/metrics").stdout.decode()
    assert code("http://localhost:4172/metrics") == "200" and code("http://127.0.0.1:4172/v1/status") == "404"
    assert code("-H", "Host: evil.example:4172", "http://127.0.0.1:4172/metrics") == "403"
    assert code("-d", "x=1", "http://127.0.0.1:4172/metrics") in ("405", "400")
    a.daemon.stop()
    with open(conf, "w") as f:
        f.write("[agent]\nmetrics = %s\n" % a.path("metrics.sock"))
    a.daemon.start("--config", conf, "--discovery", "off")
    assert code("--unix-socket", a.path("metrics.sock"), "http://lanyard/metrics") == "200"
    assert code("--unix-socket", a.path("metrics.sock"), "http://lanyard/v1/status") == "404"


def test_metrics_are_what_other_programs_read_and_docs_describe(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    trees.write(a.share, {"one": b"1" * 1000, "two": b"2"})
    netlab.settle([a, b])
    promtool(["check", "metrics"], scrape(a, None))
    text = scrape(a)
    families = list(openmetrics.text_string_to_metric_families(text))
    assert {f.name: f.type for f in families} == described()
    assert [f.name for f in older.text_string_to_metric_families(scrape(a, None))]
    assert one(text, "lanyard_group_in_sync") == one(text, "lanyard_member_connected") == 1
    assert one(text, "lanyard_group_files") == 2 and one(text, "lanyard_group_bytes") == 1001
    assert one(text, "lanyard_member_behind_files") == one(text, "lanyard_group_wanted_files") == 0
    assert one(text, "lanyard_peer_sent_bytes_total") > 1000 and one(text, "process_resident_memory_bytes") > 1 << 20
    assert one(text, "lanyard_loop_delay_seconds_count") > 0 and one(text, "process_open_fds") > 5
    labels, last = samples(text, "lanyard_group_last_in_sync_timestamp_seconds")[0]
    assert labels["group"] == "pics" and last >= a.cli("status")["started"]
    until("the disk has told", lambda: samples(scrape(a), "lanyard_group_disk_free_bytes"), 20)
    assert not samples(text, "lanyard_member_behind_since_timestamp_seconds")
    b.daemon.stop()
    until("b is away", lambda: one(scrape(a), "lanyard_member_connected") == 0, 20)
    trees.write(a.share, {"three": b"3"})
    until("b is behind", lambda: one(scrape(a), "lanyard_member_behind_files") == 1, 20)
    assert 0 <= time.time() - one(scrape(a), "lanyard_member_behind_since_timestamp_seconds") < 60
    assert not samples(scrape(a), "lanyard_peer_sent_bytes_total")
