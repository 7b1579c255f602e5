"""The lab proves itself: what the other tests lean on is true here."""
import os
import subprocess

import pytest

import netlab
from netlab import trees

pytestmark = pytest.mark.plain


def test_hosts_reach_each_other_by_ipv4_and_link_local_ipv6(lab):
    a, b = lab.host(), lab.host()
    assert a.reaches(b.ip)
    assert a.reaches(b.ip6)
    assert a.run("hostname").stdout == b"a\n" and b.run("hostname").stdout == b"b\n"


def test_hosts_on_different_switches_do_not_reach_each_other(lab):
    left, right = lab.switch(), lab.switch()
    a, b, c = lab.host(on=[left]), lab.host(on=[left, right]), lab.host(on=[right])
    assert a.reaches(b.ip)
    assert c.reaches(b.nics[1].ip)
    assert not a.reaches(c.ip, 0.5)


def test_a_cut_is_silent_and_a_lost_link_is_seen(lab):
    a, b = lab.host(), lab.host()
    b.cut()
    assert b"NO-CARRIER" not in b.run("ip", "link", "show", "e0").stdout
    assert not a.reaches(b.ip, 0.5)
    b.mend()
    assert a.reaches(b.ip)
    b.link_down()
    netlab.until("carrier lost", lambda: b"NO-CARRIER" in b.run("ip", "link", "show", "e0").stdout)
    assert not a.reaches(b.ip, 0.5)
    b.link_up()
    netlab.until("b is back", lambda: a.reaches(b.ip6, 1))
    assert a.reaches(b.ip)


def test_a_new_address_replaces_the_old_one(lab):
    a, b = lab.host(), lab.host()
    old = b.ip
    b.nics[0].set_ip("10.77.0.99")
    assert a.reaches("10.77.0.99")
    assert not a.reaches(old, 0.5)


SERVE = "import socket,sys; s=socket.create_server(('',9000)); print('up',flush=True); c=s.accept()[0]\n" \
        "while c.recv(1<<16): pass"
SEND = "import socket,sys; s=socket.create_connection((sys.argv[1],9000)); s.sendall(bytes.fromhex(sys.argv[2]))"


def send(a, b, data):
    server = b.popen("python3", "-c", SERVE, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"up\n"
    a.run("python3", "-c", SEND, b.ip, data.hex())
    assert server.wait(10) == 0


def test_the_capture_finds_what_was_sent_and_only_that(lab):
    a, b = lab.host(), lab.host()
    capture = lab.switches[0].capture()
    data = trees.noise(40000)
    send(a, b, data)
    capture.stop()
    assert len(capture.find(data)) == 1
    assert capture.find(data[:20000] + b"x") == []


def test_counters_and_rate_limits_are_real(lab):
    a, b = lab.host(), lab.host()
    before = lab.switches[0].bytes(), b.rx()
    send(a, b, bytes(60000))
    assert 60000 < lab.switches[0].bytes() - before[0] < 80000
    assert 60000 < b.rx() - before[1] < 80000
    a.limit("1mbit")
    assert b"rate 1Mbit" in a.run("tc", "qdisc", "show", "dev", "e0").stdout
    a.limit(None)
    assert b"rate 1Mbit" not in a.run("tc", "qdisc", "show", "dev", "e0").stdout


def test_a_tmpfs_is_seen_on_hosts_and_fills_up(lab):
    a = lab.host()
    lab.tmpfs(a.path("small"), "64k")
    with pytest.raises(OSError):
        trees.write(a.path("small"), {"big": bytes(200000)})
    assert a.run("stat", "-f", "-c", "%T", a.path("small")).stdout == b"tmpfs\n"
    lab.umount(a.path("small"))
    assert a.run("mountpoint", "-q", a.path("small"), check=False).returncode != 0


@pytest.mark.avahi
def test_avahi_daemons_see_each_other_and_live_through_a_restart(lab):
    a, b = lab.host(), lab.host()
    a.start_avahi()
    b.start_avahi()
    a.popen("avahi-publish", "-s", "one", "_lab._tcp", "1234", stderr=subprocess.DEVNULL)

    def seen():
        return b";one;" in b.run("avahi-browse", "-ptr", "_lab._tcp").stdout
    netlab.until("b sees what a published", seen)
    b.stop_avahi(9, bus=True)
    b.start_avahi()
    netlab.until("b sees it again", seen)


def test_comparison_sees_every_kind_of_difference(lab):
    a, b = lab.host(), lab.host()
    for host in (a, b):
        trees.write(host.share, {"f": b"1", "d": None, "l": ("link", "x"), b"\xff\n": b"odd", ".lanyard/own": b"1"})
        for name in (b"f", b"l", b"\xff\n"):
            trees.age(host.file(name), 1_600_000_000_123_456_789)
    trees.write(a.share, {".lanyard/own": b"2"})
    same = trees.picture(a.share)
    assert trees.differences(same, b.share) == [] and len(same) == 4

    changes = [("mtime", lambda: trees.age(b.file("f"), 1_600_000_000_123_456_790)),
               ("mode", lambda: os.chmod(b.file("f"), 0o600)), ("mode", lambda: os.chmod(b.file("d"), 0o700)),
               ("only in the second", lambda: trees.write(b.share, {"new": b""})),
               ("only in the first", lambda: os.unlink(b.file(b"\xff\n"))),
               ("data", lambda: (os.unlink(b.file("l")), os.symlink("y", b.file("l")),
                                 trees.age(b.file("l"), 1_600_000_000_123_456_789)))]
    for word, change in changes:
        before = trees.picture(b.share)
        change()
        said = trees.differences(before, b.share)
        assert len(said) == 1 and word in said[0]
    st = os.stat(b.file("f"))
    trees.write(b.share, {"f": b"2"})
    os.utime(b.file("f"), ns=(st.st_mtime_ns, st.st_mtime_ns))
    assert any("data" in line for line in trees.differences(same, b.share))
    assert len(trees.differences(same, b.share)) == 5


def test_names_are_read_back_from_json():
    import agents
    for name in (b"plain", b"new\nline", b"back\\slash", b"\xff\xfe", b"\\xff", "\u00e9".encode(), b"-dash"):
        assert agents.name_bytes(agents.name_text(name)) == name


def test_nothing_is_left_behind():
    with netlab.Lab() as lab:
        lab.host(), lab.host()
        lab.tmpfs(os.path.join(lab.dir, "t"), "64k")
        pids, folder = [p.pid for p in lab.procs], lab.dir
    assert not os.path.exists(folder)
    assert not any(os.path.exists("/proc/%d" % pid) for pid in pids)
