"""The page's door, as a browser on the agent's machine meets it, and as those do who want more than it gives: pages of other origins, other
users of the machine, old links, rubbish, and clients that take their time."""
import concurrent.futures
import contextlib
import html
import http.client
import http.server
import json
import os
import re
import resource
import select
import socket
import socketserver
import stat

import pytest

import netlab
from namespaces import inside
from netlab import trees, until

PORT = 4171
PATIENCE = 30 * netlab.FACTOR


class Browser:
    """Requests to the door from the agent's own machine. It has a session after enter()."""

    def __init__(self, host):
        self.host, self.cookie, self.token = host, None, None

    def dial(self):
        with inside(self.host):
            s = socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
        return s

    def raw(self, head, connection=None):
        """(status, headers, body) of the answer to these bytes."""
        s = connection or self.dial()
        s.sendall(head)
        answer = http.client.HTTPResponse(s, method=head.split(b" ", 1)[0].decode(errors="replace"))
        answer.begin()
        got = answer.status, answer.headers, answer.read()
        if not connection:
            s.close()
        return got

    def ask(self, method, path, body=None, connection=None, **headers):
        """The same. A header is dropped by None; an underscore stands for a dash."""
        say = {"Host": "127.0.0.1:%d" % PORT}
        if self.cookie:
            say["Cookie"] = self.cookie
        if self.token:
            say["X-Lanyard-Token"] = self.token
        if method == "POST":
            say["Origin"] = "http://127.0.0.1:%d" % PORT
        say.update({k.replace("_", "-"): v for k, v in headers.items()})
        text = json.dumps(body).encode() if body is not None else b""
        if body is not None or method == "POST":
            say["Content-Length"] = str(len(text))
        lines = ["%s %s HTTP/1.1" % (method, path)] + ["%s: %s" % one for one in say.items() if one[1] is not None]
        return self.raw("\r\n".join(lines + ["", ""]).encode() + text, connection)

    def enter(self):
        link = self.host.cli("web")["url"]
        assert link.startswith("http://127.0.0.1:%d/login?link=" % PORT)
        status, headers, text = self.ask("GET", link.split(str(PORT), 1)[1])
        assert status == 200
        cookie = headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie)
        self.cookie, self.token = cookie[0], re.search(rb"#token=([\w-]+)", text).group(1).decode()
        return link


@pytest.fixture
def a(lab):
    host = lab.host("a")
    host.daemon.start("--discovery", "off", "--web", "127.0.0.1:%d" % PORT)
    host.cli("create", "pics", "--share", host.share)
    return host


def test_a_link_begins_a_session_once(a):
    one, two = Browser(a), Browser(a)
    status, _, text = one.ask("GET", "/")
    assert status == 401 and b"lanyard web" in text
    assert one.ask("GET", "/v1/status")[0] == 401
    link = one.enter()
    status, headers, page = one.ask("GET", "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"<title>" in page
    assert json.loads(one.ask("GET", "/v1/status")[2])["groups"][0]["group"] == "pics"
    assert one.ask("POST", "/v1/groups/pics/pause")[0] == one.ask("POST", "/v1/groups/pics/resume")[0] == 200
    # Where no header can be set.
    assert one.ask("GET", "/v1/status?token=" + one.token, X_Lanyard_Token=None)[0] == 200
    status, _, text = two.ask("GET", link.split(str(PORT), 1)[1])
    assert status == 403 and b"lanyard web --revoke" in text
    two.enter()
    assert a.cli("web", "--revoke")["ended"] == 2
    assert one.ask("GET", "/")[0] == two.ask("GET", "/v1/status")[0] == 401
    one.enter()
    assert one.ask("GET", "/v1/status")[0] == 200


@pytest.fixture
def user(a):
    """A user who is not root, with a desktop: user(ARGS) runs `lanyard web ARGS` there. His xdg-open writes down its words."""
    files = a.path("user")
    os.makedirs(os.path.join(files, "run"), 0o700)
    with open(os.path.join(files, "xdg-open"), "w") as f:
        f.write("#!/bin/sh\nprintf '%%s\\n' \"$@\" > %s/opened\n[ -z \"$STAYS\" ] || cat \"$STAYS\"\nexit ${OPENS:-0}\n" % files)
    os.chmod(os.path.join(files, "xdg-open"), 0o755)
    for path in (files, os.path.join(files, "run")):
        os.chown(path, 12345, 12345)
    may_ask = ["setpriv", "--reuid=12345", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"]
    env = {"PATH": "%s:%s" % (files, os.environ["PATH"]), "DISPLAY": ":0", "XDG_RUNTIME_DIR": os.path.join(files, "run")}
    return lambda *args, wrap=(), **more: a.lanyard("web", *args, wrap=[*wrap, *may_ask], env={**env, **more})


def opened(a):
    """What the browser was given, and the link in it."""
    with open(a.path("user", "opened")) as f:
        path, = f.read().splitlines()
    with open(path) as f:
        return path, html.unescape(re.search('content="0;url=([^"]+)"', f.read()).group(1))


def test_a_browser_is_given_a_file_that_only_its_user_can_read(a, user):
    got = user()
    assert (got.code, got.out, got.err) == (0, b"", "")
    path, link = opened(a)
    assert os.path.dirname(path) == a.path("user", "run") and not link.startswith("/")
    mode = os.stat(path)
    assert (stat.S_IMODE(mode.st_mode), mode.st_uid) == (0o600, 12345)
    one = Browser(a)
    assert one.ask("GET", link.split(str(PORT), 1)[1])[0] == 200
    until("the link is used, and the file gone", lambda: not os.path.exists(path), 30)
    # Taken back.
    assert user().code == 0
    second = opened(a)[0]
    assert second != path and os.path.exists(second)
    a.cli("web", "--revoke")
    until("the file is gone", lambda: not os.path.exists(second), 30)
    # The agent ends, and its links with it.
    assert user().code == 0
    third = opened(a)[0]
    a.daemon.stop()
    until("the file is gone", lambda: not os.path.exists(third), 30)


def test_the_file_goes_though_the_browser_stays(a, user):
    """Where xdg-open is the browser, it ends with the browser."""
    fifo = a.path("user", "stays")
    os.mkfifo(fifo)
    os.chmod(fifo, 0o666)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(user, STAYS=fifo)
        until("the browser is given a file", lambda: os.path.exists(a.path("user", "opened")) and os.path.getsize(a.path("user", "opened")), 30)
        path, link = opened(a)
        try:
            assert Browser(a).ask("GET", link.split(str(PORT), 1)[1])[0] == 200
            until("the link is used, and the file gone", lambda: not os.path.exists(path), 30)
            assert not running.done()
        finally:
            os.close(os.open(fifo, os.O_WRONLY))
        assert running.result().code == 0


def test_the_file_stays_while_the_agent_does_not_say_that_the_link_is_over(a, user):
    """At its bound of calls that wait, an agent refuses to be asked. This one does so twice."""
    a.daemon.stop()
    answers = {"/v1/web/link": [(200, {"url": "http://127.0.0.1:1/login?link=x", "expires_in": 300})],
               "/v1/web/await": [(503, {"error": "64 calls"}), (503, {"error": "64 calls"}), (200, {"over": True})]}
    there = []
    fifo = a.path("user", "inherited")
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    class Agent(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, document = answers[self.path].pop(0)
            if self.path == "/v1/web/await":
                there.append(bool([n for n in os.listdir(a.path("user", "run")) if n.endswith(".html")]))
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def address_string(self):
            return "socket"

        def log_message(self, *_):
            pass

    path = os.path.join(a.home, "control.sock")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socketserver.ThreadingUnixStreamServer(path, Agent) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        serving = pool.submit(server.serve_forever, 0.05)
        try:
            assert user(wrap=["sh", "-c", 'exec 9>"$0"; exec "$@"', fifo]).code == 0
            # Whoever waits for the end of the command's descriptors does not wait for the link's.
            until("nothing that was inherited is open", lambda: select.select([held], [], [], 0)[0] and os.read(held, 1) == b"", 30)
            until("the file is gone", lambda: not os.listdir(a.path("user", "run")), 60)
        finally:
            server.shutdown()
            serving.result()
            os.close(held)
            os.unlink(path)
    assert there == [True, True, True]


def test_a_link_is_printed_where_no_browser_opens(a, user):
    for more in ({"OPENS": "3"}, {"DISPLAY": ""}, {"XDG_RUNTIME_DIR": "relative", "OPENS": "3"}):
        got = user(**more)
        assert got.code == 0 and b"/login?link=" in got.out and not os.listdir(a.path("user", "run")), more
    assert b"/login?link=" in user("--print").out
    # A folder that others can look into is not used: the home is.
    os.chmod(a.path("user", "run"), 0o755)
    assert user().code == 0
    assert os.path.dirname(opened(a)[0]) == a.home


def test_the_page_can_be_kept_and_runs_nothing_from_elsewhere(a):
    browser = Browser(a)
    browser.enter()
    status, headers, page = browser.ask("GET", "/")
    assert browser.ask("GET", "/", If_None_Match=headers["ETag"])[0] == 304
    assert browser.ask("HEAD", "/")[:1] + browser.ask("HEAD", "/")[2:] == (200, b"")
    for path in ("/", "/v1/status", "/none", "/login?link=x"):
        headers = browser.ask("GET", path)[1]
        policy = headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy)
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
        assert headers["Cache-Control"] == ("no-cache" if path == "/" else "no-store")
    assert not re.search(rb"<script(?![^>]* src=)|<style|\son\w+=|https?://(?!www.w3.org)", page)


def test_other_pages_and_other_users_get_nothing(a):
    browser = Browser(a)
    browser.enter()
    status = browser.ask("GET", "/v1/status")
    assert status[0] == 200
    before = a.cli("status")["groups"][0]["state"]
    # A page elsewhere has its own name lead here.
    for host in ("evil.example:4171", "127.0.0.1", "127.0.0.1:4172", "localhost.evil.example:4171", "", None):
        for path in ("/", "/v1/status", "/login?link=x"):
            assert browser.ask("GET", path, Host=host)[0] in (400, 421), host
    # It sends a form, or a script asks, from another port, another name, a file.
    for origin in ("http://evil.example", "http://127.0.0.1:8080", "http://localhost:4171", "https://127.0.0.1:4171", "null", None):
        assert browser.ask("POST", "/v1/groups/pics/pause", Origin=origin)[0] == 403, origin
    assert browser.ask("GET", "/v1/status", Origin="http://127.0.0.1:8080")[0] == 403
    assert browser.ask("GET", "/v1/status", Sec_Fetch_Site="same-site")[0] == 403
    # Another user's server on this machine got the cookie, which browsers send to all ports; or just the token.
    for token in (None, "", "x", "A" * 43, browser.cookie.split("=", 1)[1]):
        assert browser.ask("GET", "/v1/status", X_Lanyard_Token=token)[0] == 403, token
        assert browser.ask("POST", "/v1/groups/pics/pause", X_Lanyard_Token=token)[0] == 403, token
    for cookie in (None, "", "lanyard-4171=", "lanyard-4171=" + "A" * 43, "lanyard-4171=" + browser.token, "x" * 4000):
        assert browser.ask("GET", "/v1/status", Cookie=cookie)[0] == 401, cookie
    # A session is not the command line.
    for method, path in (("POST", "/v1/web/link"), ("POST", "/v1/web/revoke"), ("POST", "/v1/key/export"), ("POST", "/v1/key/import"),
                         ("GET", "/v1/debug/dump")):
        assert browser.ask(method, path)[0] == 403, path
    assert a.cli("status")["groups"][0]["state"] == before


def test_paths_and_methods_that_are_not_there(a):
    browser = Browser(a)
    browser.enter()
    for path in ("/web/", "/web/..", "/web/../web/index.html", "/web/%2e%2e/key.pem", "/web/%2fetc/passwd", "/../key.pem", "/%00", "//", "/index.html",
                 "/web/index.html%00.js", "/v1", "/v1/../v1/status", "/web/" + "a" * 8000):
        status, _, text = browser.ask("GET", path)
        assert status in (400, 404) and b"PRIVATE" not in text, path
    assert browser.ask("GET", "/web/index.html")[0] == 200
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "X"):
        assert browser.ask(method, "/v1/status", Origin="http://127.0.0.1:%d" % PORT)[0] in (400, 405), method
    assert browser.ask("POST", "/")[0] == 405
    assert browser.ask("HEAD", "/v1/status")[0] == 405
    assert browser.ask("GET", "/login")[0] == 403


def test_requests_in_one_breath_are_judged_one_by_one(a):
    browser = Browser(a)
    browser.enter()
    head = "GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: %s\r\nX-Lanyard-Token: %s\r\n" % (PORT, browser.cookie, browser.token)
    other = head.replace(browser.token, "x" * 43)
    s = browser.dial()
    s.sendall("".join([head, "\r\n", other, "\r\n", head, "\r\n", other, "Connection: close\r\n\r\n"]).encode())
    said = b""
    while got := s.recv(1 << 16):
        said += got
    s.close()
    assert re.findall(rb"^HTTP/1.1 (\d+)", said, re.M) == [b"200", b"403", b"200", b"403"]


@contextlib.contextmanager
def many_descriptors():
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096 if most == resource.RLIM_INFINITY else min(most, 4096), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))


def test_floods_and_slow_clients_do_no_harm(a):
    browser = Browser(a)
    browser.enter()
    # A head without an end.
    s = browser.dial()
    sent = 0
    with pytest.raises(OSError):
        s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % PORT)
        while sent < 64 << 20:
            s.sendall(b"X-%d: %s\r\n" % (sent, b"x" * 1000))
            sent += 1000
            if select.select([s], [], [], 0)[0]:
                assert s.recv(9) in (b"", b"HTTP/1.1 ")
                raise ConnectionResetError
    assert sent < 16 << 20
    # A thousand that have begun to ask, and do not go on.
    with many_descriptors(), contextlib.ExitStack() as slow:
        for i in range(1000):
            one = slow.enter_context(browser.dial())
            one.sendall((b"GET / HTTP/1.1\r\nHost: 127", b"POST /v1/groups/pics/pause HTTP/1.1\r\nContent-Length: 9\r\n\r\n{", b"")[i % 3])
            if i % 250 == 0:
                assert browser.ask("GET", "/v1/status")[0] == 200
        assert browser.ask("GET", "/v1/status")[0] == 200
        assert a.cli("status")["groups"]
    # The doors are separate: whatever hangs here, the command line is answered.
    assert len(a.cli("status")["groups"]) == 1


class Stream:
    """Server-sent events as they come."""

    def __init__(self, browser, query="", **headers):
        self.s, self.rest = browser.dial(), b""
        say = {"Host": "127.0.0.1:%d" % PORT, "Cookie": browser.cookie, **headers}
        lines = ["GET /v1/stream?token=%s%s HTTP/1.1" % (browser.token, query)] + ["%s: %s" % one for one in say.items()]
        self.s.sendall("\r\n".join(lines + ["", ""]).encode())
        self.answer = http.client.HTTPResponse(self.s)
        self.answer.begin()
        assert self.answer.status == 200 and self.answer.headers["Content-Type"] == "text/event-stream"
        assert self.answer.readline() == b":\n"

    def next(self):
        """(id, event); None: the stream has ended."""
        number = None
        while True:
            line = self.answer.readline()
            if not line:
                return None
            line = line.rstrip(b"\n")
            if line.startswith(b"id: "):
                number = int(line[4:])
            elif line.startswith(b"data: "):
                return number, json.loads(line[6:])

    def until(self, kind):
        while True:
            number, event = self.next()
            assert number == event["number"]
            if event["event"] == kind:
                return event


def test_events_come_by_themselves_and_go_on_where_they_were(a):
    browser = Browser(a)
    browser.enter()
    stream = Stream(browser)
    trees.write(a.share, {"x": b"1"})
    event = stream.until("file-changed")
    assert event["path"] == "x"
    # The connection is lost, and a browser connects again.
    stream.s.close()
    trees.write(a.share, {"y": b"1"})
    until("it is known", lambda: a.status("pics")["files"] == 2, 30)
    again = Stream(browser, **{"Last-Event-ID": str(event["number"])})
    assert again.until("file-changed")["path"] == "y"
    # Of an earlier run of the agent.
    other = Stream(browser, **{"Last-Event-ID": "999999"})
    assert other.next()[1]["event"] in ("lost", "ready")
    # A session that ends takes its streams along.
    a.cli("web", "--revoke")
    with pytest.raises((TypeError, http.client.HTTPException, OSError)):
        again.until("none")


def test_a_taken_address_leaves_the_rest_working(lab):
    a = lab.host("a")
    with inside(a):
        squatter = socket.create_server(("127.0.0.1", PORT))
    a.daemon.start("--discovery", "off", "--web", "127.0.0.1:%d" % PORT)
    assert "the page is not served: 127.0.0.1:%d: Address already in use" % PORT in a.log()
    got = a.lanyard("web")
    assert got.code == 1 and "Address already in use" in got.err
    squatter.close()
    assert a.cli("web")["url"]
    browser = Browser(a)
    browser.enter()
    assert browser.ask("GET", "/v1/status")[0] == 200


def test_it_is_off_by_itself(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    with inside(a), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
    got = a.lanyard("web")
    assert got.code == 1 and "web = 127.0.0.1:4171" in got.err
