"""The page at an address that others on the network can reach (web-remote = yes): what it takes to be opened, who gets in, and what a
stranger on the network can do to it."""
import base64
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import stat

import pytest

import agents
import netlab
from namespaces import inside
from netlab import until

PORT = 4171
PATIENCE = 30 * netlab.FACTOR
PASSWORD = "correct horse battery"
SETTINGS = "[agent]\nlisten = 4170\ndiscovery = off\nweb = 0.0.0.0:%d\nweb-remote = yes\nweb-name = nas.example\n" % PORT


def settings(host, text=SETTINGS):
    with open(host.path("lanyard.conf"), "w") as f:
        f.write(text)
    return "--config", host.path("lanyard.conf")


def set_password(host, password=PASSWORD):
    path = host.path("password")
    with open(path, "w") as f:
        f.write(password + "\n")
    return host.cli("web", "--password-file", path)


def keep_password(host, password=PASSWORD):
    """As an agent keeps one, at a hundredth of the work."""
    def text(b):
        return base64.urlsafe_b64encode(b).rstrip(b"=").decode()
    salt = os.urandom(16)
    os.makedirs(host.home, 0o700, exist_ok=True)
    fd = os.open(os.path.join(host.home, "web-password"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, ("scrypt 10 8 1 %s %s\n" % (text(salt), text(hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)))).encode())
    os.close(fd)


def checks(host, name):
    return [c for c in json.loads(host.lanyard("--json", "doctor").out)["checks"] if c["check"] == name]


def web_now(host):
    """The object `web` of the status."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE)
        s.connect(os.path.join(host.home, "control.sock"))
        s.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(s)
        answer.begin()
        return json.loads(answer.read())["web"]


@pytest.fixture
def hosts(lab):
    """The agent's host with an open page, and a host beside it."""
    a, b = lab.host("a"), lab.host("b")
    keep_password(a)
    a.daemon.start(*settings(a))
    a.cli("create", "pics", "--share", a.share)
    a.web = web_now(a)
    return a, b


class Client:
    """A browser or a program on `where`, at the page of `a`."""

    def __init__(self, a, where, source=None):
        self.a, self.where, self.source = a, where, source
        self.address = a.ip if where is not a else "127.0.0.1"
        self.cookie = self.token = self.bearer = None
        self.seen = None

    def dial(self):
        with inside(self.where):
            return socket.create_connection((self.address, PORT), timeout=PATIENCE, source_address=self.source and (self.source, 0))

    def tls(self, lowest=None, highest=None, alpn=("http/1.1",)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if highest:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = lowest or ssl.TLSVersion.TLSv1
            context.maximum_version = highest
        if alpn:
            context.set_alpn_protocols(list(alpn))
        raw = self.dial()
        try:
            s = context.wrap_socket(raw)
        except BaseException:
            raw.close()
            raise
        self.seen = hashlib.sha256(s.getpeercert(True)).digest()
        return s

    def ask(self, method, path, body=None, connection=None, **headers):
        """(status, headers, body). A header is dropped by None; an underscore stands for a dash."""
        host = "%s:%d" % (self.address, PORT)
        say = {"Host": host}
        if self.cookie:
            say["Cookie"] = self.cookie
        if self.token:
            say["X-Lanyard-Token"] = self.token
        if self.bearer:
            say["Authorization"] = "Bearer " + self.bearer
        elif method == "POST":
            say["Origin"] = "https://" + host
        say.update({k.replace("_", "-"): v for k, v in headers.items()})
        text = json.dumps(body).encode() if body is not None else b""
        if method == "POST":
            say["Content-Length"] = str(len(text))
        lines = ["%s %s HTTP/1.1" % (method, path)] + ["%s: %s" % one for one in say.items() if one[1] is not None]
        s = connection or self.tls()
        s.sendall("\r\n".join(lines + ["", ""]).encode() + text)
        answer = http.client.HTTPResponse(s, method=method)
        answer.begin()
        got = answer.status, answer.headers, answer.read()
        if not connection:
            s.close()
        return got

    def login(self, password=PASSWORD):
        status, headers, text = self.ask("POST", "/login", {"password": password})
        if status == 200:
            self.cookie, self.token = headers["Set-Cookie"].split("; ")[0], json.loads(text)["token"]
            assert {"HttpOnly", "SameSite=Strict", "Path=/", "Secure"} <= set(headers["Set-Cookie"].split("; "))
            assert self.cookie.startswith("__Host-")
        return status


def test_an_address_of_the_network_needs_to_be_asked_for(lab):
    a = lab.host("a")
    options = settings(a, SETTINGS.replace("web-remote = yes\n", ""))

    def check(*args):
        got = a.run(os.path.join(agents.BUILD, "lanyardd"), "--home", a.home, *args, check=False, env=agents.clean_env(a))
        return got.returncode, got.stderr.decode()
    for args in (["--check-config"], []):
        code, said = check(*options, *args)
        assert code == 78 and "lanyard.conf:4: web is '0.0.0.0:4171'" in said and "set web-remote = yes" in said, said
    code, said = check("--web", "192.0.2.1:4171")
    assert code == 78 and "the command line: web is '192.0.2.1:4171'" in said
    # What may be, and is not enough yet, is said beside that.
    code, said = check(*settings(a), "--check-config")
    assert code == 0 and "lanyard web --password" in said
    # This machine's own needs nothing.
    assert check("--check-config", *settings(a, "[agent]\nweb = 127.0.0.1:4171\nweb-remote = no\n")) == (0, "")


def test_without_a_password_the_door_stays_shut(lab):
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start(*settings(a))
    client = Client(a, b)
    with pytest.raises(ConnectionRefusedError):
        client.dial()
    assert "the page is not served: others can reach its address, and there is no password: run lanyard web --password" in a.log()
    got = a.lanyard("web", "--print")
    assert got.code == 1 and "lanyard web --password" in got.err and got.out == b""
    found, = checks(a, "page")
    assert found["state"] == "bad" and "lanyard web --password" in found["text"]
    # From standard input, as from a terminal; a short one is none.
    for text, code in ((b"short\n", 1), (PASSWORD.encode() + b"\n", 0)):
        path = a.path("input")
        with open(path, "wb") as f:
            f.write(text)
        got = a.lanyard("web", "--password-file", "-", wrap=["sh", "-c", 'exec "$@" <' + path, "sh"])
        assert got.code == code, got
    assert b"the page is at https://0.0.0.0:4171" in got.out
    for name in ("web-password", "web.pem"):
        assert stat.S_IMODE(os.stat(os.path.join(a.home, name)).st_mode) == 0o600
    with open(os.path.join(a.home, "web-password")) as f:
        assert re.fullmatch(r"scrypt 15 8 3 [\w-]{22} [\w-]{43}\n", f.read())
    assert client.login() == 200
    found, = checks(a, "page")
    assert found["state"] == "note" and "open to the network at https://0.0.0.0:4171" in found["text"]
    # Without it the door is shut again, and who was in is out.
    stream = client.tls()
    client.ask("GET", "/v1/status", connection=stream)
    now = a.cli("web", "--no-password")
    assert now["address"] is None and not web_now(a)["password"] and "lanyard web --password" in now["problem"]
    with pytest.raises(ConnectionRefusedError):
        client.dial()
    with contextlib.suppress(ConnectionResetError):
        assert stream.recv(1) == b""
    stream.close()


def test_a_password_begins_a_session(hosts):
    a, b = hosts
    client = Client(a, b)
    status, headers, page = client.ask("GET", "/")
    assert status == 401 and b"/web/login.js" in page and "form-action 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers
    assert client.ask("GET", "/login")[0] == client.ask("GET", "/web/login.js")[0] == client.ask("GET", "/web/style.css")[0] == 200
    # Nothing else of it without a session.
    assert client.ask("GET", "/web/app.js")[2] == page and client.ask("GET", "/v1/status")[0] == client.ask("GET", "/metrics")[0] == 401
    assert client.login("correct horse batterx") == 403
    assert client.login() == 200
    status, _, page = client.ask("GET", "/")
    assert status == 200 and b"/web/app.js" in page
    assert json.loads(client.ask("GET", "/v1/status")[2])["groups"][0]["group"] == "pics"
    assert client.ask("POST", "/v1/groups/pics/pause")[0] == client.ask("POST", "/v1/groups/pics/resume")[0] == 200
    for path in ("/v1/web/password", "/v1/web/token", "/v1/web/token/revoke", "/v1/key/export"):
        assert client.ask("POST", path)[0] == 403
    # Logging out ends this session and what is under way in it, and leaves the others alone.
    other = Client(a, b)
    assert other.login() == 200
    streams = []
    for one in (client, other):
        streams.append(one.tls())
        streams[-1].sendall(("GET /v1/stream?token=%s HTTP/1.1\r\nHost: %s:%d\r\nCookie: %s\r\n\r\n" % (one.token, a.ip, PORT, one.cookie)).encode())
        assert streams[-1].recv(12) == b"HTTP/1.1 200"
    for wrong in ({"X_Lanyard_Token": None}, {"X_Lanyard_Token": other.token}, {"Sec_Fetch_Site": "same-site"}, {"Origin": None},
                  {"Origin": "https://evil.example"}):
        assert client.ask("POST", "/logout", **wrong)[0] == 403, wrong
    assert client.ask("POST", "/logout", Cookie=None)[0] == 401 and client.ask("GET", "/logout")[0] == 404
    status, headers, _ = client.ask("POST", "/logout")
    assert status == 200 and headers["Set-Cookie"].startswith(client.cookie.split("=")[0] + "=; ") and "Max-Age=0" in headers["Set-Cookie"]
    while streams[0].recv(1 << 16):
        pass
    assert client.ask("GET", "/v1/status")[0] == client.ask("POST", "/logout")[0] == 401 and other.ask("GET", "/v1/status")[0] == 200
    with open(a.file("new"), "w", encoding="utf-8") as f:
        f.write("x")
    said = b""
    while b"file-changed" not in said:
        got = streams[1].recv(1 << 16)
        assert got, "the other session's stream was cut as well"
        said += got
    for s in streams:
        s.close()
    assert client.login() == 200
    # A link does it as well.
    link = a.cli("web")["url"]
    assert link.startswith("https://nas.example:4171/login?link=")
    assert Client(a, b).ask("GET", link.split(str(PORT), 1)[1])[0] == 200
    # Another password ends all of that.
    set_password(a, "another one entirely")
    assert client.ask("GET", "/v1/status")[0] == 401 and client.login() == 403 and client.login("another one entirely") == 200
    # It is there after a restart, the certificate too.
    before = client.seen
    a.daemon.stop()
    a.daemon.start(*settings(a))
    assert client.ask("GET", "/v1/status")[0] == 401 and client.login("another one entirely") == 200
    assert client.seen == before


def test_the_certificate_is_the_one_that_is_printed(hosts):
    a, b = hosts
    client = Client(a, b)
    client.ask("GET", "/")
    seen = ":".join("%02X" % n for n in client.seen)
    got = a.lanyard("web", "--print")
    assert seen in got.err and got.out.startswith(b"https://")
    web = web_now(a)
    assert web["fingerprint"] == a.web["fingerprint"] == seen and web["remote"] and web["address"] == "https://0.0.0.0:4171"
    assert seen in a.log()
    # Its names: what the settings say, and what this host is called.
    pem = os.path.join(a.home, "web.pem")
    says = a.run("openssl", "x509", "-in", pem, "-noout", "-text").stdout.decode()
    for text in ("DNS:nas.example", "DNS:localhost", "IP Address:127.0.0.1", "IP Address:" + a.ip, "TLS Web Server Authentication", "prime256v1",
                 "CA:FALSE"):
        assert text in says, text
    # A client that trusts it, and only it, finds nothing to object to.
    with open(pem) as f:
        text = f.read()
    trusted = ssl.create_default_context(cadata=text[text.index("-----BEGIN CERTIFICATE"):])
    for name in ("nas.example", a.ip):
        with trusted.wrap_socket(client.dial(), server_hostname=name) as s:
            assert s.version() == "TLSv1.3" and s.selected_alpn_protocol() is None
    # Another name in the settings is one more in it, and the key stays.
    key = text[:text.index("-----BEGIN CERTIFICATE")]
    a.daemon.stop()
    a.daemon.start(*settings(a, SETTINGS + "web-name = other.example\n"))
    with open(pem) as f:
        again = f.read()
    assert again.startswith(key) and again != text and "the page has a new certificate: the old one is not for other.example" in a.log()


def given_certificate(host, name, key="rsa:2048"):
    """Files of an authority, and of a certificate of its for nas.example through another one."""
    def ssl_tool(*args):
        host.run("openssl", *args)
    at = {k: host.path("%s-%s.pem" % (name, k)) for k in ("root", "root-key", "mid", "mid-key", "leaf", "leaf-key", "chain")}
    for k, cn in (("root", "root"), ("mid", "mid"), ("leaf", "nas.example")):
        signer = {"root": (), "mid": ("-CA", at["root"], "-CAkey", at["root-key"]), "leaf": ("-CA", at["mid"], "-CAkey", at["mid-key"])}[k]
        more = ("-addext", "subjectAltName=DNS:nas.example") if k == "leaf" else ("-addext", "basicConstraints=critical,CA:TRUE")
        kind = ("rsa:2048",) if key.startswith("rsa") else ("ec", "-pkeyopt", "ec_paramgen_curve:" + key)
        ssl_tool("req", "-x509", "-newkey", *kind, "-nodes", "-keyout", at[k + "-key"], "-out", at[k], "-days", "90", "-subj", "/CN=" + cn,
                 *more, *signer)
    with open(at["chain"], "w") as f:
        f.write(open(at["leaf"]).read() + open(at["mid"]).read())
    os.chmod(at["leaf-key"], 0o640)
    return at


@pytest.mark.parametrize("key", ["rsa:2048", "P-384"])
def test_the_admin_has_a_certificate_that_browsers_know(hosts, key):
    a, b = hosts
    at = given_certificate(a, "one", key)
    link = a.path("key-link.pem")
    os.symlink(at["leaf-key"], link)
    more = "web-certificate = %s\nweb-key = %s\n" % (at["chain"], link)
    a.daemon.stop()
    os.unlink(os.path.join(a.home, "web.pem"))
    a.daemon.start(*settings(a, SETTINGS + more))
    client = Client(a, b)
    assert client.ask("GET", "/v1/status")[0] == 401 and client.login() == 200
    assert not os.path.exists(os.path.join(a.home, "web.pem"))
    assert web_now(a)["fingerprint"] == ":".join("%02X" % n for n in client.seen)
    # Who knows the authority alone has nothing to object to, by either version of TLS.
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        trusted = ssl.create_default_context(cafile=at["root"])
        trusted.maximum_version = version
        with trusted.wrap_socket(client.dial(), server_hostname="nas.example") as s:
            assert s.getpeercert()["subject"][0][0] == ("commonName", "nas.example")
    assert "web-certificate" not in a.log()
    # The next one is taken at a reload. What is wrong with it is said, and the old one stays.
    other = given_certificate(a, "two", key)
    before = web_now(a)["fingerprint"]
    os.replace(other["chain"], at["chain"])
    a.daemon.reload()
    until("the log says what is wrong", lambda: "the page keeps its certificate: web-certificate" in a.log())
    assert web_now(a)["fingerprint"] == before and client.ask("GET", "/v1/status")[0] == 200
    os.replace(other["leaf-key"], at["leaf-key"])
    a.daemon.reload()
    until("it has the new one", lambda: web_now(a)["fingerprint"] != before)
    assert client.ask("GET", "/v1/status")[0] == 200 and web_now(a)["fingerprint"] == ":".join("%02X" % n for n in client.seen)
    # With what is wrong at the start the page stays shut.
    other = given_certificate(a, "three", key)
    for change, says in ((lambda: os.chmod(at["leaf-key"], 0o644), "everybody can read it"),
                         (lambda: os.replace(other["leaf-key"], at["leaf-key"]), "is not that of the key"),
                         (lambda: os.unlink(at["leaf-key"]), "web-key %s: No such file" % link)):
        a.daemon.stop()
        change()
        a.daemon.start(*settings(a, SETTINGS + more))
        until("the log says so", lambda: "the page is not served" in a.log() and says in a.log())
        with pytest.raises(ConnectionRefusedError):
            Client(a, b).dial()
    a.daemon.stop()
    got = a.run(os.path.join(agents.BUILD, "lanyardd"), "--home", a.home, *settings(a, SETTINGS + "web-key = /x\n"), "--check-config", check=False)
    assert got.returncode == 78 and b"web-certificate and web-key belong together" in got.stderr
    a.daemon.start(*settings(a))


def test_others_cannot_read_its_secrets_or_the_door_stays_shut(hosts):
    a, b = hosts
    a.daemon.stop()
    os.chmod(os.path.join(a.home, "web.pem"), 0o644)
    a.daemon.start(*settings(a))
    assert "the page is not served: web.pem in the home folder can be read by others (mode 0644)" in a.log()
    with pytest.raises(ConnectionRefusedError):
        Client(a, b).dial()
    os.chmod(os.path.join(a.home, "web.pem"), 0o600)
    assert a.lanyard("web", "--print").code == 0
    assert Client(a, b).login() == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_plain_http_and_other_protocols_are_refused(hosts):
    a, b = hosts
    client = Client(a, b)
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            client.tls(highest=version)
    with client.tls(lowest=ssl.TLSVersion.TLSv1_2, highest=ssl.TLSVersion.TLSv1_2) as s:
        assert s.version() == "TLSv1.2" and "ECDHE" in s.cipher()[0]
        assert client.ask("GET", "/login", connection=s)[0] == 200
    with client.tls() as s:
        assert s.version() == "TLSv1.3" and s.selected_alpn_protocol() == "http/1.1"
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        client.tls(alpn=("h2", "lanyard/1"))
    with client.dial() as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(s)
        answer.begin()
        assert answer.status == 400 and b"https://" in answer.read()


def test_other_pages_and_other_names_get_nothing(hosts):
    a, b = hosts
    client = Client(a, b)
    assert client.login() == 200
    mine = "%s:%d" % (a.ip, PORT)
    assert client.ask("GET", "/v1/status")[0] == 200
    for host in ("nas.example", "nas.example:4171", "localhost:4171", a.hostname + ":4171", a.hostname + ".local:4171"):
        assert client.ask("GET", "/v1/status", Host=host)[0] == 200, host
    for host in ("evil.example:4171", a.ip, a.ip + ":80", a.hostname, "", None):
        for path in ("/", "/login", "/v1/status"):
            assert client.ask("GET", path, Host=host)[0] in (400, 421), host
        assert client.ask("POST", "/login", {"password": PASSWORD}, Host=host)[0] in (400, 403, 421), host
    for origin in ("https://evil.example", "http://" + mine, "https://%s:80" % a.ip, "null", None):
        assert client.ask("POST", "/v1/groups/pics/pause", Origin=origin)[0] == 403, origin
        assert client.ask("POST", "/login", {"password": PASSWORD}, Origin=origin)[0] == 403, origin
    assert client.ask("GET", "/v1/status", X_Lanyard_Token=None)[0] == 403
    assert client.ask("GET", "/v1/status", Cookie=None)[0] == 401
    for body in (None, {}, {"password": 1}, {"password": ["x"]}):
        assert client.ask("POST", "/login", body)[0] == 400, body
    assert client.ask("POST", "/login", {"password": ""})[0] == 403


def test_wrong_passwords_are_counted_and_slowed(hosts):
    a, b = hosts
    guesser, owner = Client(a, b), Client(a, a)
    assert owner.login() == 200
    said = [guesser.login("wrong %d" % i) for i in range(6)]
    assert said == [403] * 5 + [429], said
    status, _, text = guesser.ask("POST", "/login", {"password": PASSWORD})
    assert status == 429 and re.search(rb"try again in \d+ s", text)
    # Whoever is at another address comes in, as does a link.
    assert Client(a, a).login() == 200
    assert Client(a, b).ask("GET", a.cli("web")["url"].split(str(PORT), 1)[1])[0] == 200
    assert web_now(a)["wrong_passwords"] == 5
    assert "the page: wrong password from %s" % b.ip in a.log() and PASSWORD not in a.log()
    # Many at once, from many addresses: each waits for its turn or is sent away, and the agent has time for its work.
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        tries = [pool.submit(Client(a, a, "127.0.0.%d" % (2 + i)).login, "wrong") for i in range(60)]
        assert a.cli("status")["groups"]
        said = [t.result() for t in tries]
    assert set(said) <= {403, 429, 503}
    assert 429 in (Client(a, a, "127.0.1.%d" % i).login("wrong") for i in range(1, 100))
    # Whoever has come in from an address before is not held up by them.
    assert owner.login() == 200 and Client(a, a, "127.0.0.99").login() == 429


def test_tokens_of_programs(hosts):
    a, b = hosts
    got = a.lanyard("web", "--token", "prometheus")
    token = got.out.decode().strip()
    assert got.code == 0 and re.fullmatch(r"lanyard_[\w-]{43}", token) and a.web["fingerprint"] in got.err
    reader, owner = Client(a, b), Client(a, b)
    reader.bearer = token
    assert json.loads(reader.ask("GET", "/v1/status")[2])["groups"][0]["group"] == "pics"
    assert b"lanyard_build_info" in reader.ask("GET", "/metrics")[2]
    # Less than a person with files here may see: no names of files.
    for path in ("/v1/groups/pics/files", "/v1/events", "/v1/downloads", "/v1/groups/pics/members"):
        assert reader.ask("GET", path)[0] == 403, path
    assert reader.ask("POST", "/v1/groups/pics/pause")[0] == 403
    assert reader.ask("GET", "/")[0] == 404
    owner.bearer = a.cli("web", "--token", "backup", "--all")["token"]
    assert owner.ask("GET", "/v1/groups/pics/files")[0] == 200
    assert owner.ask("POST", "/v1/groups/pics/pause")[0] == owner.ask("POST", "/v1/groups/pics/resume")[0] == 200
    assert owner.ask("POST", "/v1/web/token", {"name": "more"})[0] == owner.ask("POST", "/v1/key/export")[0] == 403
    # A page elsewhere that came by one, and names that are not ours.
    assert owner.ask("POST", "/v1/groups/pics/pause", Origin="https://evil.example")[0] == 403
    assert owner.ask("GET", "/v1/status", Host="evil.example:4171")[0] == 421
    for text in ("", "x", token[:-1], token + "x", token[:-1] + ("A" if token[-1] != "A" else "B"), "A" * 5000):
        assert Client(a, b).ask("GET", "/v1/status", Authorization="Bearer " + text)[0] == 401, text
    assert a.lanyard("web", "--token", "backup").code == 1 and a.lanyard("web", "--token", "a/b").code == 1
    listed = a.cli("web", "--tokens")["tokens"]
    assert [(t["name"], t["all"]) for t in listed] == [("prometheus", False), ("backup", True)]
    with open(os.path.join(a.home, "web-tokens")) as f:
        assert token not in f.read()
    # It is there after a restart, until it is taken back; what is under way ends with it.
    a.daemon.stop()
    a.daemon.start(*settings(a))
    s = owner.tls()
    s.sendall(("GET /v1/stream HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n\r\n" % (a.ip, PORT, owner.bearer)).encode())
    assert s.recv(12) == b"HTTP/1.1 200"
    a.cli("web", "--revoke-token", "backup")
    with contextlib.suppress(OSError):
        while s.recv(4096):
            pass
    s.close()
    assert owner.ask("GET", "/v1/status")[0] == 401 and reader.ask("GET", "/v1/status")[0] == 200
    assert a.lanyard("web", "--revoke-token", "backup").code == 1
    # A token is enough to have the door open.
    assert a.cli("web", "--no-password")["address"]
    assert reader.ask("GET", "/v1/status")[0] == 200 and Client(a, b).login() == 403
    a.cli("web", "--revoke-token", "prometheus")
    with pytest.raises(ConnectionRefusedError):
        reader.dial()


def test_downloads_and_uploads_go_through_whole(hosts):
    a, b = hosts
    data = os.urandom(3 << 20)
    with open(a.file("big"), "wb") as f:
        f.write(data)
    until("it is known", lambda: a.status("pics")["files"] == 1 and a.status("pics")["in_sync"], 30)
    client = Client(a, b)
    assert client.login() == 200
    with client.tls() as s:
        status, _, text = client.ask("GET", "/v1/groups/pics/content?path=big", connection=s)
        assert status == 200 and len(text) > len(data) and hashlib.sha256(b"".join(pieces(text))).digest() == hashlib.sha256(data).digest()
        # On the same connection.
        assert client.ask("POST", "/v1/groups/pics/pause", {"x": "y" * (300 << 10)}, connection=s)[0] == 200
        assert client.ask("POST", "/v1/groups/pics/resume", connection=s)[0] == 200
        # Too large: it is said, though more comes.
        status, _, text = client.ask("POST", "/v1/groups/pics/pause", {"x": "y" * (700 << 10)}, connection=s)
        assert status == 413


def pieces(text):
    """The bytes of a file, as docs/api.md has it: lines, and after one that has a length that many bytes."""
    at = 0
    while at < len(text):
        end = text.index(b"\n", at)
        line = json.loads(text[at:end])
        at = end + 1
        if "length" in line:
            yield text[at:at + line["length"]]
            at += line["length"]


def test_floods_do_no_harm(hosts):
    a, b = hosts
    client = Client(a, b)
    assert client.login() == 200
    with contextlib.ExitStack() as slow:
        # Silent ones, halves of a hello, rubbish, and requests without an end.
        for i in range(400):
            s = slow.enter_context(client.dial())
            with contextlib.suppress(OSError):
                s.sendall((b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16" + os.urandom(40), b"\x80\x00rubbish")[i % 4])
        for _ in range(40):
            with contextlib.suppress(OSError):
                s = slow.enter_context(client.tls())
                s.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n{")
        # Who comes from elsewhere, and who comes from the same host again.
        mine = Client(a, a)
        assert mine.login() == 200 and mine.ask("GET", "/v1/status")[0] == 200
        assert client.ask("GET", "/v1/status")[0] == 200
        assert a.cli("status")["groups"]
        open_files = len(os.listdir("/proc/%d/fd" % a.daemon.pid))
        assert open_files < 1024, open_files
    until("what is gone is let go", lambda: len(os.listdir("/proc/%d/fd" % a.daemon.pid)) < 64, 60)


def test_strangers_that_take_no_answer_hold_no_slot(hosts):
    """They ask for much in one breath, and read nothing: as many of them as one host may have."""
    a, b = hosts
    client, mine = Client(a, b), Client(a, a)
    assert client.login() == mine.login() == 200
    many = ("GET /web/style.css HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (a.ip, PORT)).encode() * 400
    other = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" * 2000
    with contextlib.ExitStack() as stuck:
        for i in range(80):
            with contextlib.suppress(OSError):
                s = stuck.enter_context(client.tls())
                s.settimeout(0.2)
                s.sendall(other if i % 2 else many)
        assert mine.ask("GET", "/v1/status")[0] == 200
        # A session is kept for as many requests as its browser has.
        with mine.tls() as s:
            for _ in range(3):
                status, headers, _ = mine.ask("GET", "/v1/status", connection=s)
                assert status == 200 and headers["Connection"] != "close"
    # The same by uploads whose bodies never come.
    with contextlib.ExitStack() as stuck:
        for _ in range(80):
            with contextlib.suppress(OSError):
                s = stuck.enter_context(client.tls())
                s.sendall(("POST /v1/groups/pics/upload?path=x HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: 900000\r\n\r\n" % (a.ip, PORT)).encode())
        assert mine.ask("GET", "/v1/status")[0] == 200
    status, headers, _ = Client(a, b).ask("GET", "/login")
    assert status == 200 and headers["Connection"] == "close"
