"""The HTTP API answers what docs/api.md says: every route, every field, with its type. A new field fails here until it is described."""
import functools
import http.client
import json
import os
import re
import socket
import urllib.parse

import netlab
from netlab import trees, until

DOCUMENT = os.path.join(netlab.ROOT, "docs", "api.md")
ROUTES = os.path.join(netlab.ROOT, "agent", "api", "api_routes.h")

AGENT, HEX = re.compile(r"[a-z2-7]+(-[a-z2-7]+)+"), re.compile(r"[0-9a-f]{64}")
TYPES = {
    "string": lambda v: isinstance(v, str),
    "name": lambda v: isinstance(v, str) and re.fullmatch(r"([^\\]|\\\\|\\x[0-9a-f]{2})*", v),
    "agent": lambda v: isinstance(v, str) and AGENT.fullmatch(v),
    "hex": lambda v: isinstance(v, str) and HEX.fullmatch(v),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "flag": lambda v: isinstance(v, bool),
    "list": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


@functools.lru_cache(None)
def documented():
    """{"GET /v1/x": {field: type}} of docs/api.md."""
    with open(DOCUMENT, encoding="utf-8") as f:
        text = f.read()
    found = {}
    for title, body in re.findall(r"^### `([^`]+)`\n(.*?)(?=^##|\Z)", text, re.M | re.S):
        table = re.search(r"^\| field \|.*?\n((?:\|.*\n?)+)", body, re.M)
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", table.group(1) if table else "", re.M)
        found[title] = dict(rows)
    return found


def check(route, value, path="", seen=None):
    """Every field below value is described for that route, and has the type that is said."""
    fields = documented()[route]
    if isinstance(value, dict):
        for key, below in value.items():
            name = path + "." + key if path else key
            assert name in fields, "%s: %s is not described in docs/api.md" % (route, name)
            types = fields[name].split(" or ")
            assert below is None and "null" in types or any(TYPES[t](below) for t in types if t != "null"), (route, name, below)
            if seen is not None:
                seen.add((route, name))
            check(route, below, name, seen)
    elif isinstance(value, list):
        for below in value:
            check(route, below, path + "[]", seen)


class Client:
    """Calls an agent's control socket and checks each answer."""

    def __init__(self, host):
        self.socket, self.called, self.seen = os.path.join(host.home, "control.sock"), set(), set()

    def ask(self, method, url, body=None):
        """(status, content type, body) of one request."""
        connection = http.client.HTTPConnection("lanyard", timeout=60 * netlab.FACTOR)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60 * netlab.FACTOR)
        connection.sock.connect(self.socket)
        connection.request(method, url, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        got = answer.status, answer.getheader("Content-Type"), answer.read()
        connection.close()
        return got

    def call(self, route, group=None, status=200, body=None, **query):
        """The checked document of a route; a line at a time for a stream."""
        method, path = route.split(" ")
        url = path.replace("*", urllib.parse.quote(group, safe="")) if group else path
        got, kind, text = self.ask(method, url + ("?" + urllib.parse.urlencode(query) if query else ""), body)
        assert got == status, (route, got, text)
        self.called.add(route)
        if kind == "application/octet-stream":
            lines = [json.loads(line) for line in re.findall(rb"^\{.*\}$|(?<=\w)\{.*\}$", text, re.M)]
            for line in lines:
                check(route, line, "", self.seen)
            return lines
        if kind == "application/x-ndjson":
            lines = [json.loads(line) for line in text.splitlines()]
            prefix = "files[]" if path.endswith("/files") else ""
            for line in lines:
                check(route, line, "" if set(line) == {"members"} else prefix, self.seen)
            return lines
        assert kind == "application/json"
        document = json.loads(text)
        check(route, document, "", self.seen)
        return document


def conflict(a, b):
    trees.write(a.share, {"doc": b"first"})
    netlab.settle([a, b])
    netlab.apart(a, b, lambda: trees.write(a.share, {"doc": b"mine"}), lambda: trees.write(b.share, {"doc": b"theirs"}))


def public_id(host, group):
    one, = [g for g in host.cli("groups")["groups"] if g["group"] == group]
    return one["public_id"]


def asking_and_deciding(api, a, b):
    """a asks to join a group of b, and b, twice, one of a's."""
    b.cli("create", "wanted", "--share", b.path("wanted"))
    tag = public_id(b, "wanted")
    code = api.call("POST /v1/ask", body={"group": "wanted#" + tag, "share": a.path("wanted"), "message": "please", "timeout": 20})["code"]
    assert api.call("GET /v1/ask", public_id=tag, timeout=0)["state"] == "asked"
    assert [g["code"] for g in api.call("GET /v1/status")["asked"]] == [code]
    assert [g["code"] for g in api.call("GET /v1/groups")["asked"]] == [code]
    until("b shows it", lambda: [r["code"] for r in b.cli("requests")["requests"]] == [code], 20)
    b.cli("accept", "wanted", code)
    assert api.call("GET /v1/ask", public_id=tag, timeout=20)["state"] == "accepted"
    api.call("POST /v1/groups/*/leave", "wanted")

    a.cli("create", "ours", "--share", a.path("ours"))
    for decision in ("reject", "accept"):
        b.lanyard("join", "ours#" + public_id(a, "ours"), "--share", b.path("ours"), "--timeout", "0")
        until("a shows it", lambda: api.call("GET /v1/groups/*/requests", "ours")["requests"], 20)
        one, = api.call("GET /v1/requests")["requests"]
        assert api.call("POST /v1/groups/*/" + decision, "ours", body={"agent": one["code"]})["agent"] == b.agent_id()
        if decision == "reject":
            until("b has heard", lambda: b.cli("status")["asked"][0]["state"] == "rejected", 20)
    until("b is a member", lambda: [g for g in b.cli("groups")["groups"] if g["group"] == "ours"], 20)
    owning(api, b.agent_id())


def owning(api, other):
    """a, the owner, gives the other member roles, makes an invite and takes it back, and removes the other one."""
    assert api.call("POST /v1/groups/*/role", "ours", body={"agent": other, "role": "reader"})["role"] == "reader"
    made = api.call("POST /v1/groups/*/invite", "ours", status=201, body={"expires": 60, "role": "reader", "uses": 2})
    listed, = api.call("GET /v1/groups/*/invites", "ours")["invites"]
    assert {k: listed[k] for k in ("id", "role", "uses", "expires")} == {k: made[k] for k in ("id", "role", "uses", "expires")}
    assert api.call("POST /v1/groups/*/revoke", "ours", body={"invite": made["token"]})["id"] == made["id"]
    assert api.call("GET /v1/groups/*/invites", "ours")["invites"][0]["state"] == "revoked"
    assert api.call("POST /v1/groups/*/remove", "ours", body={"agent": other})["agent"] == other
    assert len(api.call("GET /v1/groups/*/members", "ours")["members"]) == 1


def choosing(api, a, b):
    """What this agent keeps of the group."""
    pics = "pics"
    trees.write(b.share, {"chosen/one": b"first", "chosen/two": b"second"})
    netlab.settle([b, a])
    assert api.call("POST /v1/groups/*/mode", pics, body={"mode": "on-demand"})["mode"] == "on-demand"
    a.wait_sync(peers=1)
    assert api.call("POST /v1/groups/*/drop", pics, body={"paths": ["chosen/one"]}) == {"dropped": 1, "refused": [], "refused_count": 0}
    assert not os.path.exists(a.file("chosen/one"))
    b.daemon.stop()
    a.wait_peers(0)
    refused = api.call("POST /v1/groups/*/drop", pics, body={"paths": ["chosen/two"]})
    assert refused["dropped"] == 0 and refused["refused_count"] == 1 and refused["refused"][0]["path"] == "chosen/two"
    assert api.call("POST /v1/groups/*/get", pics, body={"paths": ["chosen"], "first": True})["chosen"] == 1
    waiting = api.call("POST /v1/groups/*/await", pics, body={"paths": ["chosen"], "timeout": 0})
    assert not waiting["here"] and not waiting["source"] and waiting["missing"][0]["path"] == "chosen/one"
    assert waiting["missing"][0]["members"][0]["name"] == "b"
    b.daemon.start()
    assert api.call("POST /v1/groups/*/await", pics, body={"paths": ["chosen"], "timeout": 20})["here"]
    assert api.call("POST /v1/groups/*/unshare", pics, body={"paths": ["chosen/two"]})["paths"] == 1
    choices = api.call("GET /v1/groups/*/choices", pics)
    assert choices == {"mode": "on-demand", "rules": [{"pattern": "chosen", "get": True}], "unshared": ["chosen/two"]}
    assert any(f.get("own") for f in api.call("GET /v1/groups/*/files", pics, path="chosen")["files"])
    assert "members" in api.call("GET /v1/groups/*/files", pics, path="chosen/**", lines=1, members=1)[0]
    assert api.call("POST /v1/groups/*/share", pics, body={"paths": ["chosen/two"]})["paths"] == 1
    assert api.call("POST /v1/groups/*/revert", pics, body={"path": "chosen"})["reverted"] == 0
    content = api.call("GET /v1/groups/*/content", pics, path="chosen/one")
    assert content[0]["size"] == content[1]["length"] == 5 and content[-1] == {"end": "complete"}
    api.call("POST /v1/groups/*/mode", pics, body={"mode": "mirror"})
    netlab.settle([b, a])


def test_every_answer_is_described(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    os.makedirs(a.file("folder"))
    os.symlink("doc", a.file("link"))
    trees.write(b.share, {"large": os.urandom(3 << 20), b"odd \\ \xff": b"1"})
    netlab.settle([b, a])
    conflict(a, b)
    api = Client(a)

    status = api.call("GET /v1/status")
    assert status["groups"][0]["in_sync"] and not status["groups"][0]["problems"]
    assert [p["groups"] for p in api.call("GET /v1/peers")["peers"]] == [["pics"]]
    assert any(d["state"] == "C" for d in api.call("GET /v1/downloads")["downloads"])
    assert [d["path"] for d in api.call("GET /v1/downloads", history=1)["downloads"] if d["path"] == "large"] == ["large"]
    events = api.call("GET /v1/events")
    assert {"ready", "file-installed", "peer-connected", "conflict"} <= {e["event"] for e in events}
    assert api.call("GET /v1/events", after=events[-1]["number"] - 1)[0]["number"] == events[-1]["number"]
    assert api.call("GET /v1/wait", timeout=30, peers=1)["in_sync"]
    assert not api.call("GET /v1/wait", timeout=0, peers=2)["in_sync"]
    assert api.call("GET /v1/groups")["groups"][0]["role"] == "owner"
    assert len(api.call("GET /v1/groups/*/members", "pics")["members"]) == 2
    files = api.call("GET /v1/groups/*/files", "pics")["files"]
    assert {"file", "dir", "symlink"} == {f["kind"] for f in files} and any(f["path"] == r"odd \\ \xff" for f in files)
    assert api.call("GET /v1/groups/*/files", "pics", lines=1) == files
    assert api.call("GET /v1/groups/*/wait", "pics", timeout=30)["in_sync"]
    conflicts = api.call("GET /v1/groups/*/conflicts", "pics")
    assert conflicts == api.call("GET /v1/conflicts") and len(conflicts["conflicts"]) == 1

    assert api.call("POST /v1/groups/*/resolve", "pics", body={"path": "doc", "keep": "theirs"})["resolved"] == 1
    netlab.settle([a, b])
    trees.write(b.share, {"large": b"small now"})
    netlab.settle([b, a])
    versions = api.call("GET /v1/groups/*/versions", "pics", path="large")["versions"]
    assert versions[0]["size"] == 3 << 20
    assert api.call("POST /v1/groups/*/restore", "pics", body={"path": "large", "to": "back"})["to"] == "back"
    assert api.call("POST /v1/groups/*/verify", "pics", body={"repair": True})["rotten"] == []
    assert api.call("POST /v1/groups/*/invite", "pics", status=201, body={"expires": 60})["group"] == "pics"
    assert api.call("POST /v1/groups/*/release", "pics")["released"] == 0
    for where in ((), ("pics",)):
        of = "/groups/*" if where else ""
        assert api.call("POST /v1%s/pause" % of, *where)["paused"] and not api.call("POST /v1%s/resume" % of, *where)["paused"]

    choosing(api, a, b)
    dump = json.dumps([api.call("GET /v1/debug/dump"), api.call("GET /v1/debug/dump", names=0)])
    for name in ("large", "pics", a.share, a.ip, b.ip, '"%s"' % a.name):
        assert name not in dump
    dump = json.dumps(api.call("GET /v1/debug/dump", names=1))
    assert "large" in dump and a.share in dump and b.ip in dump

    made = api.call("POST /v1/groups", status=201, body={"name": "more", "share": a.path("more"), "hidden": True})
    assert api.call("POST /v1/groups/*/leave", made["id"][:8])["share"] == a.path("more")
    b.cli("create", "third", "--share", b.path("third"))
    joined = api.call("POST /v1/join", status=201, body={"token": b.invite("third"), "share": a.path("third"), "timeout": 20})
    assert joined["group"] == "third"

    # A burst that is held.
    trees.write(b.share, {"many/%d" % i: b"%d" % i for i in range(60)})
    netlab.settle([b, a])
    os.mkfifo(a.file("pipe"))
    with open(a.file(".lanyardignore"), "w") as f:
        f.write("folder\n")
    until("a knows both", lambda: a.status("pics")["problems"] and a.status("pics")["ignored"], 30)
    b.wait_sync(peers=1)
    for i in range(60):
        os.unlink(b.file("many/%d" % i))
    until("the burst is held there", lambda: b.status("pics")["holds"], 30)
    other = Client(b)
    assert other.call("GET /v1/status")["groups"][0]["holds"][0]["here"]
    assert other.call("POST /v1/groups/*/release", "pics")["released"] == 60
    until("most of it is held here, too", lambda: a.status("pics")["held"] > 50, 30)
    status = api.call("GET /v1/status")["groups"][0]
    assert api.call("GET /v1/debug/dump", names=1)["groups"][0]["holds"]
    assert status["holds"][0]["files"] == status["held"] > 50 and b"pipe" in a.problems("pics")

    asking_and_deciding(api, a, b)
    with open(ROUTES, encoding="utf-8") as f:
        routes = {"%s %s" % r for r in re.findall(r'ROW\((GET|POST), "([^"]+)"', f.read())}
    assert routes == set(documented()) == api.called


def test_errors(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    api = Client(a)
    for method, url, body, status in (("GET", "/v1/nothing", None, 404), ("POST", "/v1/status", {}, 405),
                                      ("GET", "/v1/groups/none/members", None, 404), ("GET", "/v1/wait?timeout=-1", None, 400),
                                      ("POST", "/v1/groups/pics/resolve", {"path": 1, "keep": "mine"}, 400),
                                      ("POST", "/v1/groups/pics/resolve", [], 400),
                                      ("POST", "/v1/groups/pics/resolve", {"path": "x", "keep": "mine"}, 404),
                                      ("POST", "/v1/groups", {"name": "pics", "share": a.path("x")}, 409),
                                      ("POST", "/v1/join", {"token": "x" * (70 << 10)}, 413)):
        got, kind, text = api.ask(method, url, body)
        answer = json.loads(text)
        assert (got, kind, list(answer)) == (status, "application/json", ["error"]) and answer["error"], (url, got, text)
