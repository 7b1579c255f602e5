"""Nobody else (P4): a stranger is turned away, once in the log with the reason, and learns nothing."""
import json
import os
import re
import sys

import pytest

import netlab
import stranger
from netlab import trees

SECRET_NAME, SECRET = "salary-list.ods", b"the-content-nobody-else-may-see"


def members(lab, **kw):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {SECRET_NAME: SECRET * 10})
    netlab.form([a, b], "hush-hush", **kw)
    netlab.settle([a, b])
    return a, b


def certificate(host, algorithm="ed25519"):
    """A self-signed certificate, as every agent has one."""
    cert, key = host.path("cert-" + algorithm), host.path("key-" + algorithm)
    kind = {"ed25519": ["ed25519"], "rsa": ["rsa:2048"], "p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}[algorithm]
    host.run("openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=x")
    return cert, key


def knock(host, target, way, cert):
    got = host.run(sys.executable, os.path.join(netlab.ROOT, "tests/lab/stranger.py"), target.ip, str(target.port), way, *cert)
    told = json.loads(got.stdout)
    told["got"] = bytes.fromhex(told["got"])
    return told


def assert_nothing_leaked(told):
    for secret in (SECRET_NAME.encode(), SECRET, b"hush-hush", SECRET_NAME.encode()[:6]):
        assert secret not in told["got"]


def assert_refused(a, x):
    """The log says so. The events do not: a's user need not look at what neighbours try."""
    netlab.until("the log of a says so", lambda: re.search(r"refused .* at \S*%s\S*: \S" % re.escape(x.ip), a.log()))
    assert "refused" not in [json.loads(line)["event"] for line in a.lanyard("--json", "events").out.splitlines()]


def assert_unharmed(a, b):
    """The members noticed nothing: still connected, still syncing."""
    assert set(a.peers()) == {b.agent_id()}
    trees.write(a.share, {"after": os.urandom(8)})
    netlab.settle([a, b])


@pytest.mark.parametrize("way", [w for w in stranger.WAYS if stranger.WAYS[w][0] in ("tcp", "tls12")])
def test_what_is_not_tls_13_gets_not_a_word(lab, way):
    a, b = members(lab)
    x = lab.host("x")
    told = knock(x, a, way, certificate(x))
    assert told["tls"] is None
    # At most an alert of the TLS record layer: seven bytes.
    assert len(told["got"]) <= 7 and told["seconds"] < 15
    assert_refused(a, x)
    assert_unharmed(a, b)


@pytest.mark.parametrize("way", ["no certificate", "other alpn", "no alpn"])
def test_tls_13_without_what_an_agent_has_is_refused(lab, way):
    a, b = members(lab)
    x = lab.host("x")
    told = knock(x, a, way, certificate(x))
    assert_nothing_leaked(told)
    assert told["got"] == b"" and told["seconds"] < 15
    assert_refused(a, x)
    assert_unharmed(a, b)


@pytest.mark.parametrize("algorithm", ["rsa", "p256"])
def test_a_key_of_another_kind_is_refused(lab, algorithm):
    a, b = members(lab)
    x = lab.host("x")
    told = knock(x, a, "hello", certificate(x, algorithm))
    assert told["got"] == b"" and told["seconds"] < 15
    assert_unharmed(a, b)


@pytest.mark.parametrize("way", [w for w in stranger.WAYS if stranger.WAYS[w][0] == "tls"])
def test_who_has_a_key_and_no_membership_learns_nothing(lab, way):
    a, b = members(lab)
    x = lab.host("x")
    told = knock(x, a, way, certificate(x))
    assert told["tls"] == "TLSv1.3" and told["alpn"] == "lanyard/1"
    assert_nothing_leaked(told)
    # Who it speaks to, the software, room for pongs; no index, no roster.
    assert told["seconds"] < 20 and len(told["got"]) < (1000 if way != "flood" else 600_000)
    assert_refused(a, x)
    assert_unharmed(a, b)
    resident, _ = a.daemon.rss()
    assert resident < 200 << 20


def test_openssl_as_a_second_opinion(lab):
    """The same by another client: TLS 1.2 is refused, 1.3 is not."""
    a, b = members(lab)
    x = lab.host("x")
    cert, key = certificate(x)
    where = ["-connect", a.address, "-cert", cert, "-key", key, "-alpn", "lanyard/1"]
    old = x.run("openssl", "s_client", "-tls1_2", *where, check=False)
    assert old.returncode != 0 and b"Cipher is (NONE)" in old.stdout
    new = x.run("openssl", "s_client", "-tls1_3", *where, check=False)
    assert b"TLSv1.3" in new.stdout and b"ALPN protocol: lanyard/1" in new.stdout
    # The certificate itself tells nothing of the group or the host.
    for word in (b"hush", b"pics", SECRET_NAME.encode()):
        assert word not in new.stdout


def test_a_member_of_another_group_is_refused(lab):
    a, b = members(lab)
    x = lab.host("x")
    x.daemon.start("--discovery", "off", "--peer", a.address, "--peer", b.address)
    x.cli("create", "hush-hush", "--share", x.share)
    assert_refused(a, x)
    assert x.peers() == {} and trees.picture(x.share) == {}
    assert_unharmed(a, b)


def test_a_stranger_that_keeps_coming_does_not_fill_the_log(lab):
    a, b = members(lab)
    x = lab.host("x")
    cert = certificate(x)
    lines = []
    for _ in range(12):
        knock(x, a, "plain http", cert)
        lines.append(sum(x.ip in line for line in a.log().splitlines()))
    assert 1 <= lines[-1] <= 3, lines
    assert_unharmed(a, b)


def test_a_crowd_of_idle_strangers_keeps_nobody_out(lab):
    """Connections that say nothing are bounded in number and in time, and a member still gets in."""
    a, b = members(lab)
    x = lab.host("x")
    code = ("import socket,sys\n"
            "s=[socket.create_connection((sys.argv[1],int(sys.argv[2]))) for _ in range(300)]\n"
            "print('open',flush=True); sys.stdin.read()\n")
    before = len(os.listdir("/proc/%d/fd" % a.daemon.pid))
    crowd = x.popen(sys.executable, "-c", code, a.ip, str(a.port), stdin=-1, stdout=-1)
    assert crowd.stdout.readline() == b"open\n"
    assert len(os.listdir("/proc/%d/fd" % a.daemon.pid)) < before + 100
    b.daemon.stop()
    b.daemon.start()
    b.wait_peers(1)
    assert_unharmed(a, b)
    # And after the time a handshake may take they are all gone.
    netlab.until("the idle are gone", lambda: len(os.listdir("/proc/%d/fd" % a.daemon.pid)) <= before + 2, 20)
    crowd.stdin.close()
    crowd.wait(10)


def test_who_left_the_group_is_refused_afterwards(lab):
    a, b = members(lab)
    b.daemon.stop()
    for folder in (b.home, b.share):
        lab.check(["cp", "-a", folder, folder + "-before"])
    b.daemon.start()
    b.wait_peers(1)
    b.cli("leave", "hush-hush")
    netlab.until("a knows", lambda: len(a.cli("members", "hush-hush")["members"]) == 1)
    b.daemon.stop()
    # With the old files it still believes to be a member; the others know better.
    for folder in (b.home, b.share):
        lab.check(["rm", "-rf", folder])
        lab.check(["mv", folder + "-before", folder])
    trees.write(a.share, {"new-secret": b"not for b"})
    with a.events() as events:
        b.daemon.start()
        refused = events.wait("refused", timeout=20)
    assert refused["name"] == "b" and refused["reason"], refused
    assert b" b (" in a.lanyard("events").out.splitlines()[-1]
    a.wait_sync()
    assert a.peers() == {} and not os.path.exists(b.file("new-secret"))


def test_mdns_tells_no_more_than_it_must(lab):
    a, b = lab.host("a", hostname="secret-host-name"), lab.host("b")
    capture = lab.switches[0].capture()
    trees.write(a.share, {SECRET_NAME: SECRET})
    netlab.form([a, b], "hush-hush", discovery="embedded", options=["--hidden"])
    netlab.settle([a, b])

    def announced():
        return b"".join(data for key, data in capture.flows().items() if key[0] == "udp")
    netlab.until("both have announced themselves", lambda: len(set(re.findall(rb"id=[a-z2-7]{52}", announced()))) == 2)
    capture.stop()
    told = announced()
    for word in (b"hush", b"secret-host-name", SECRET_NAME.encode()[:6], b"lanyard 0"):
        assert word not in told
    assert b"_lanyard" in told
