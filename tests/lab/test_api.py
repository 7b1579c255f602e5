"""The HTTP API answers what docs/api.md says: every route, every field, with its type. A new field fails here until it is described."""
import contextlib
import ctypes
import functools
import http.client
import json
import os
import re
import select
import signal
import socket
import urllib.parse

import jsonschema
import pytest

import netlab
from netlab import trees, until

DOCUMENT = os.path.join(netlab.ROOT, "docs", "api.md")
OPENAPI = os.path.join(netlab.ROOT, "agent", "api", "openapi.json")
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


@functools.lru_cache(None)
def openapi():
    with open(OPENAPI, encoding="utf-8") as f:
        return json.load(f)


@functools.lru_cache(None)
def validator(route, status, kind):
    """Of one document, or of one line of a stream, as the OpenAPI document says it."""
    method, path = route.split(" ")
    operation = openapi()["paths"][path.replace("*", "{group}")][method.lower()]
    answer = operation["responses"][str(status)] if status < 400 else openapi()["components"]["responses"]["Error"]
    schema = answer["content"][kind]["schema"]
    return jsonschema.Draft202012Validator(schema.get("x-line", schema))


class Client:
    """Calls an agent's control socket and checks each answer."""

    def __init__(self, host):
        self.socket, self.called, self.seen = os.path.join(host.home, "control.sock"), set(), set()

    def ask(self, method, url, body=None, headers=None):
        """(status, content type, body) of one request. Of an upload, the body is bytes."""
        connection = http.client.HTTPConnection("lanyard", timeout=60 * netlab.FACTOR)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60 * netlab.FACTOR)
        connection.sock.connect(self.socket)
        connection.request(method, url, body if body is None or isinstance(body, bytes) else json.dumps(body), headers or {})
        answer = connection.getresponse()
        got = answer.status, answer.getheader("Content-Type"), answer.read()
        connection.close()
        return got

    def stream(self):
        """The first line of the stream of events."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60 * netlab.FACTOR)
            s.connect(self.socket)
            s.sendall(b"GET /v1/stream?after=0 HTTP/1.1\r\nHost: lanyard\r\n\r\n")
            said = b""
            while not (line := re.search(rb"^id: (\d+)\ndata: (.*)\n\n", said, re.M)):
                said += s.recv(4096)
        self.called.add("GET /v1/stream")
        event = json.loads(line.group(2))
        check("GET /v1/events", event, "", self.seen)
        assert event["number"] == int(line.group(1)) and b"\r\nContent-Type: text/event-stream\r\n" in said
        return event

    def call(self, route, group=None, status=200, body=None, **query):
        """The checked document of a route; a line at a time for a stream."""
        method, path = route.split(" ")
        url = path.replace("*", urllib.parse.quote(group, safe="")) if group else path
        got, kind, text = self.ask(method, url + ("?" + urllib.parse.urlencode(query) if query else ""), body)
        assert got == status, (route, got, text)
        self.called.add(route)
        if route in ("GET /v1/openapi.json", "GET /metrics"):
            return text
        if kind == "application/octet-stream":
            lines = [json.loads(line) for line in re.findall(rb"^\{.*\}$|(?<=\w)\{.*\}$", text, re.M)]
            for line in lines:
                check(route, line, "", self.seen)
                validator(route, status, kind).validate(line)
            return lines
        if kind == "application/x-ndjson":
            lines = [json.loads(line) for line in text.splitlines()]
            prefix = "files[]" if path.endswith("/files") else ""
            for line in lines:
                check(route, line, "" if set(line) == {"members"} else prefix, self.seen)
                validator(route, status, kind).validate(line)
            return lines
        assert kind == "application/json"
        document = json.loads(text)
        check(route, document, "", self.seen)
        validator(route, status, kind).validate(document)
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


def keeping_the_key(api, lab, agent):
    """The key file of the agent, and another one that becomes this agent by it."""
    key = api.call("POST /v1/key/export", body={"passphrase": "words", "paper": True})
    assert key["agent"] == agent and "pics" in key["groups"]
    fresh = lab.host("fresh")
    fresh.daemon.start("--discovery", "off")
    other = Client(fresh)
    wish = {"file": key["file"], "passphrase": "words", "default_share": fresh.path("all")}
    assert api.ask("POST", "/v1/key/import", wish)[0] == other.ask("POST", "/v1/key/import", dict(wish, passphrase="word"))[0] == 409
    got = other.call("POST /v1/key/import", body=wish)
    api.called |= other.called
    assert got["agent"] == agent and fresh.path("all/pics") in [g["share"] for g in got["groups"]]
    until("it is the other agent", lambda: "agent %s" % agent in fresh.lanyard("status").out.decode(), 20)
    fresh.daemon.stop()


def choosing(api, a, b):
    """What this agent keeps of the group."""
    pics = "pics"
    trees.write(b.share, {"chosen/one": b"first", "chosen/two": b"second"})
    netlab.settle([b, a])
    assert api.call("POST /v1/groups/*/mode", pics, body={"mode": "on-demand"})["mode"] == "on-demand"
    a.wait_sync(peers=1)
    assert api.call("POST /v1/groups/*/drop", pics, body={"paths": ["chosen/one"]}) == {"dropped": 1, "refused": [], "refused_count": 0}
    assert not os.path.exists(a.file("chosen/one"))
    for after in ("a", "chosen"):
        page = api.call("GET /v1/groups/*/files", pics, path="chosen", level=1, after=after)
        assert [(f["path"], f["here"]) for f in page["files"]] == [("chosen/one", False), ("chosen/two", True)]
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


def whole_openapi(document):
    """What the specification demands of a document, as far as it is used here; schemas are checked by their own."""
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"]) and {"title", "version"} <= set(document["info"])
    names = []
    for path, item in document["paths"].items():
        assert path.startswith("/")
        for operation in item.values():
            names.append(operation["operationId"])
            inside = [p["name"] for p in operation["parameters"] if p["in"] == "path" and p["required"]]
            assert sorted(inside) == sorted(re.findall(r"\{(\w+)\}", path)), path
            schemas = [p["schema"] for p in operation["parameters"]]
            contents = [operation.get("requestBody", {"content": {}})["content"]]
            contents += [r["content"] for r in operation["responses"].values() if "$ref" not in r]
            assert operation["responses"] and all(r.get("description") or "$ref" in r for r in operation["responses"].values())
            for schema in schemas + [c["schema"] for content in contents for c in content.values()]:
                jsonschema.Draft202012Validator.check_schema(schema)
                assert "x-line" not in schema or jsonschema.Draft202012Validator.check_schema(schema["x-line"]) is None
    assert len(names) == len(set(names))


def paging(api, files):
    """The list in pages, and folder by folder, is the list."""
    got, after = [], ""
    while after is not None:
        page = api.call("GET /v1/groups/*/files", "pics", limit=2, after=after)
        assert len(page["files"]) <= 2
        got, after = got + page["files"], page["next"]
    assert got == files
    got, folders = [], [""]
    while folders:
        folder, after = folders.pop(), ""
        while after is not None:
            page = api.call("GET /v1/groups/*/files", "pics", path=folder, level=1, limit=3, after=after)
            got, after = got + page["files"], page["next"]
            assert {os.path.dirname(f["path"]) for f in page["files"]} <= {folder}
            folders += [f["path"] for f in page["files"] if f["kind"] == "dir"]
    assert sorted(f["path"] for f in got) == sorted(f["path"] for f in files)
    assert api.ask("GET", "/v1/groups/pics/files?path=*&level=1")[0] == api.ask("GET", "/v1/groups/pics/files?after=%5Cq")[0] == 400


def remote_page(api):
    """Who may come in from other machines."""
    assert api.call("GET /v1/status")["web"]["address"] is None
    now = api.call("POST /v1/web/password", body={"password": "correct horse"})
    assert now["address"] == "https://0.0.0.0:4171" and now["fingerprint"] == api.call("POST /v1/web/link")["fingerprint"]
    assert api.call("POST /v1/web/token", body={"name": "prometheus", "all": True})["token"].startswith("lanyard_")
    web = api.call("GET /v1/status")["web"]
    assert web["remote"] and web["password"] and web["tokens"] == 1
    assert api.call("GET /v1/web/tokens")["tokens"][0]["all"]
    assert api.call("POST /v1/web/token/revoke", body={"name": "prometheus"})["address"]


def pieces(api, lab, b):
    """A download that is held back by a limit is seen under way."""
    b.cli("create", "slow", "--share", b.path("slow"))
    trees.write(b.path("slow"), {"movie": os.urandom(8 << 20)})
    c = lab.host("c")
    with open(c.path("lanyard.conf"), "w", encoding="utf-8") as f:
        f.write("[agent]\ndownload-limit = 64K\nweb = 0.0.0.0:4171\nweb-remote = yes\n")
    c.daemon.start("--discovery", "off", "--config", c.path("lanyard.conf"))
    c.cli("join", "--invite", b.invite("slow"), "--share", c.share)
    other = Client(c)
    until("blocks are on their way", lambda: other.ask("GET", "/v1/groups/slow/pieces?path=movie")[0] == 200, 60, every=0.1)
    got = other.call("GET /v1/groups/*/pieces", "slow", path="movie")
    remote_page(other)
    api.called |= other.called
    assert got["size"] == 8 << 20 and 1 < got["blocks"] == got["cells"] and got["cell_blocks"] == 1
    assert {len(got[k]) for k in ("here", "coming", "rare", "from")} == {got["cells"]}
    assert [p["name"] for p in got["peers"]] == ["b"] and got["peers"][0]["blocks"] == got["blocks"] and set(got["rare"]) == {1}
    assert other.ask("GET", "/v1/groups/slow/pieces?path=nothing")[0] == 404 and other.ask("GET", "/v1/groups/slow/pieces")[0] == 400
    c.daemon.stop()


@pytest.mark.seconds(300)
def test_every_answer_is_described(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b], flags=("--web", "127.0.0.1:4171"))
    os.makedirs(a.file("folder"))
    trees.write(a.share, {"tree/in/deep": b"1", "tree/in/deeper": b"2", "tree/other": b"3"})
    os.symlink("doc", a.file("link"))
    trees.write(b.share, {"large": os.urandom(3 << 20), b"odd \\ \xff": b"1"})
    netlab.settle([b, a])
    conflict(a, b)
    api = Client(a)

    status = api.call("GET /v1/status")
    assert status["groups"][0]["in_sync"] and not status["groups"][0]["problems"]
    assert {c["state"] for c in api.call("GET /v1/doctor")["checks"]} <= {"ok", "note"}
    settings = {s["key"]: s["given"] for s in api.call("GET /v1/settings")["settings"]}
    assert {"value": "127.0.0.1:4171", "place": "the command line"} in settings["web"] and settings["memory"] == []
    assert [p["groups"] for p in api.call("GET /v1/peers")["peers"]] == [["pics"]]
    assert any(d["state"] == "C" for d in api.call("GET /v1/downloads")["downloads"])
    assert [d["path"] for d in api.call("GET /v1/downloads", history=1)["downloads"] if d["path"] == "large"] == ["large"]
    events = api.call("GET /v1/events")
    assert {"ready", "file-installed", "peer-connected", "conflict"} <= {e["event"] for e in events}
    assert api.call("GET /v1/events", after=events[-1]["number"] - 1)[0]["number"] == events[-1]["number"]
    restarted = api.call("GET /v1/events", after=1 << 40)
    assert restarted[0]["event"] == "lost" and restarted[0]["lost"] is None and restarted[1]["number"] == 1
    assert api.stream()["number"] == 1
    assert api.call("POST /v1/web/link")["url"].startswith("http://127.0.0.1:4171/login?link=")
    assert api.call("POST /v1/web/await", body={"link": "used or taken back"})["over"]
    assert api.call("POST /v1/web/revoke")["ended"] == 0
    assert api.call("GET /v1/wait", timeout=30, peers=1)["in_sync"]
    assert not api.call("GET /v1/wait", timeout=0, peers=2)["in_sync"]
    assert api.call("GET /v1/groups")["groups"][0]["role"] == "owner"
    assert len(api.call("GET /v1/groups/*/members", "pics")["members"]) == 2
    files = api.call("GET /v1/groups/*/files", "pics")["files"]
    assert {"file", "dir", "symlink"} == {f["kind"] for f in files} and any(f["path"] == r"odd \\ \xff" for f in files)
    assert api.call("GET /v1/groups/*/files", "pics", lines=1) == files
    paging(api, files)
    served = json.loads(api.call("GET /v1/openapi.json"))
    assert served == openapi()
    whole_openapi(served)
    assert b"lanyard_group_in_sync" in api.call("GET /metrics")
    assert api.call("GET /v1/groups/*/wait", "pics", timeout=30)["in_sync"]
    conflicts = api.call("GET /v1/groups/*/conflicts", "pics")
    assert conflicts == api.call("GET /v1/conflicts") and len(conflicts["conflicts"]) == 1

    assert api.call("POST /v1/groups/*/resolve", "pics", body={"path": "doc", "keep": "theirs"})["resolved"] == 1
    netlab.settle([a, b])
    trees.write(b.share, {"large": b"small now"})
    netlab.settle([b, a])
    versions = api.call("GET /v1/groups/*/versions", "pics", path="large")["versions"]
    assert versions[0]["size"] == 3 << 20
    assert "large" in [v["path"] for v in api.call("GET /v1/groups/*/versions", "pics")["versions"]]
    assert api.call("POST /v1/groups/*/restore", "pics", body={"path": "large", "to": "back"})["to"] == "back"
    assert not api.call("GET /v1/groups/*/upload", "pics", path="uploaded", size=3)["exists"]
    assert api.call("POST /v1/groups/*/upload", "pics", body=b"new", path="uploaded")["size"] == 3 and a.read("uploaded") == b"new"
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
    # In one step: of files that go one by one, a slow machine sees few enough at a time not to hold them.
    os.rename(b.file("many"), b.path("many"))
    until("the burst is held there", lambda: b.status("pics")["holds"], 30)
    other = Client(b)
    assert other.call("GET /v1/status")["groups"][0]["holds"][0]["here"]
    assert other.call("POST /v1/groups/*/release", "pics")["released"] >= 60
    until("most of it is held here, too", lambda: a.status("pics")["held"] > 50, 30)
    status = api.call("GET /v1/status")["groups"][0]
    assert api.call("GET /v1/debug/dump", names=1)["groups"][0]["holds"]
    assert status["holds"][0]["files"] == status["held"] > 50 and b"pipe" in a.problems("pics")

    pieces(api, lab, b)
    asking_and_deciding(api, a, b)
    keeping_the_key(api, lab, a.agent_id())
    with open(ROUTES, encoding="utf-8") as f:
        routes = {"%s %s" % r for r in re.findall(r'ROW\((GET|POST), "([^"]+)"', f.read())}
    assert routes == set(documented()) == api.called


def test_settings_say_where_they_are_set(lab):
    a = lab.host("a")
    os.makedirs(a.home, 0o700)
    os.makedirs(os.path.join(a.home, "lanyard.conf.d"))
    main, more = os.path.join(a.home, "lanyard.conf"), os.path.join(a.home, "lanyard.conf.d", "10.conf")

    def write(path, text):
        with open(path, "w") as f:
            f.write(text)
    write(main, "[agent]\n\nmemory = 64M\ndiscovery = auto\npeer = 192.0.2.1:9\n")
    write(more, "# memory\n[agent]\nmemory = 32M\npeer = 192.0.2.2:9\n")
    a.daemon.start("--discovery", "off")
    api = Client(a)

    def given():
        return {s["key"]: [(g["value"], g["place"]) for g in s["given"]] for s in api.call("GET /v1/settings")["settings"] if s["given"]}
    assert given() == {"listen": [(str(a.port), "the command line")], "discovery": [("off", "the command line")],
                       "memory": [("32M", more + ":3")], "peer": [("192.0.2.1:9", main + ":5"), ("192.0.2.2:9", more + ":4")]}
    assert api.call("GET /v1/settings")["pending"] == []
    # Read again: what needs a restart is said.
    write(more, "[agent]\nlog-level = debug\n")
    a.daemon.proc.send_signal(signal.SIGHUP)
    until("it is read again", lambda: "log-level" in given(), 30)
    assert given()["log-level"] == [("debug", more + ":2")] and given()["memory"] == [("64M", main + ":3")]
    assert api.call("GET /v1/settings")["pending"] == ["peer removed", "memory"]


def test_an_invite_comes_as_a_qr_code_if_asked_for(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    api = Client(a)
    assert "qr" not in api.call("POST /v1/groups/*/invite", "pics", status=201)
    qr = api.call("POST /v1/groups/*/invite", "pics", status=201, body={"qr": True})["qr"]
    assert len(qr["rows"]) == qr["size"] and {len(row) for row in qr["rows"]} == {qr["size"]}
    for row in qr["rows"][0], qr["rows"][6], qr["rows"][-1]:
        assert row.startswith("1111111")
    # Drawn by the command: the token, and below it two rows a line, with a light edge of two squares.
    token, *lines = a.lanyard("invite", "pics", "--qr").out.decode().splitlines()
    assert token.startswith("lanyard1-")
    halves = {" ": "11", "\u2580": "01", "\u2584": "10", "\u2588": "00"}
    rows = ["".join(halves[c][half] for c in line) for line in lines for half in (0, 1)]
    size = len(rows[0]) - 4
    assert len(rows) in (size + 4, size + 5) and all("1" not in row for row in rows[:2] + rows[size + 2:])
    assert rows[2][:10] == "0011111110" and all("1" not in row[:2] + row[-2:] for row in rows)
    assert a.cli("invite", "pics", "--qr")["qr"]["size"] == size


def test_rates_are_of_the_last_seconds(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    netlab.settle([a, b])
    apis = Client(a), Client(b)

    def rates():
        (one,), (two,) = (api.call("GET /v1/peers")["peers"] for api in apis)
        return one["rate_in"], one["rate_out"], two["rate_in"], two["rate_out"]

    def group_rates():
        return [(g["group"], g["rate_in"], g["rate_out"]) for api in apis for g in api.call("GET /v1/status")["groups"]]
    a.cli("create", "idle", "--share", a.path("idle"))
    a.limit("16mbit")
    trees.noise_file(a.file("film"), 24 << 20)
    until("a sends, and b receives", lambda: rates()[1] > 500000 and rates()[2] > 500000, 30)
    assert rates()[0] < 500000 and rates()[3] < 500000
    until("the group sends at a, and receives at b", lambda: {(n, i > 100000, o > 100000) for n, i, o in group_rates()} == {
        ("idle", False, False), ("pics", False, True), ("pics", True, False)}, 30)
    text = b.lanyard("peers").out.decode()
    assert re.search(r"in [\d.]+ MB \([\d.]+ [kM]B/s\), out [\d.]+ k?B \([\d.]+ k?B/s\)", text), text
    a.limit("1gbit")
    for host in (a, b):
        host.wait_sync(60, peers=1, group="pics")
    until("nothing passes but signs of life", lambda: max(rates()) < 20000, 30)
    until("no content passes", lambda: all(i == o == 0 for _, i, o in group_rates()), 30)


FAN_CLASS_CONTENT, FAN_MARK_ADD, FAN_OPEN_PERM, FAN_ONDIR, AT_FDCWD = 0x4, 0x1, 0x10000, 0x40000000, -100


@contextlib.contextmanager
def held_at(folder):
    """Whoever opens the folder waits until this ends. Gives a function that returns when somebody does wait."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY)
    if fd < 0:
        pytest.skip("fanotify_init: %s: only root can hold a scan" % os.strerror(ctypes.get_errno()))
    try:
        assert libc.fanotify_mark(fd, FAN_MARK_ADD, ctypes.c_uint64(FAN_OPEN_PERM | FAN_ONDIR), AT_FDCWD, os.fsencode(folder)) == 0
        yield lambda: until("the scan reaches %r" % folder, lambda: select.select([fd], [], [], 0.1)[0], 60)
    finally:
        os.close(fd)


def test_a_scan_says_how_far_it_is(lab):
    a = lab.host("a")
    # More than one step of a walk between the places where it is held, so that what came before is known there.
    trees.write(a.share, {"%s/%04d" % (d, i): b"" for d in "aceg" for i in range(1200)})
    os.mkdir(a.file("b"))
    os.mkdir(a.file("d"))
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    a.wait_sync(60)
    assert "scan" not in a.status()
    a.daemon.stop()

    def progress(least):
        return until("the scan is beyond %d paths" % least, lambda: [s for s in [a.status()["scan"]] if s["seen"] > least], 30)[0]
    with contextlib.ExitStack() as rest:
        second = rest.enter_context(held_at(a.file("d")))
        with held_at(a.file("b")) as first:
            a.daemon.start()
            first()
            one = progress(0)
        second()
        two = progress(one["seen"])
    assert one["seen"] <= 1202 < two["seen"] <= 2404 and one["of"] == two["of"] == 4 * 1200 + 6
    assert all(s["hashing"] == 0 and isinstance(s["eta"], int) for s in (one, two))
    until("the scan has ended", lambda: "scan" not in a.status(), 30)


def test_a_level_goes_on_behind_the_longest_path(lab):
    a = lab.host("a")
    deep = "/".join(["d" * 255] * 15)
    os.makedirs(a.file(deep + "/a"))
    trees.write(a.share, {deep + "/b": b"1"})
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    netlab.settle([a])
    page = Client(a).call("GET /v1/groups/*/files", "pics", path=deep, level=1)
    assert [f["path"][-2:] for f in page["files"]] == ["/a", "/b"]


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
                                      ("POST", "/v1/join", {"token": "x" * (600 << 10)}, 413)):
        got, kind, text = api.ask(method, url, body)
        answer = json.loads(text)
        assert (got, kind, list(answer)) == (status, "application/json", ["error"]) and answer["error"], (url, got, text)
