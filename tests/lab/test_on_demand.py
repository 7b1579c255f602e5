"""On demand: an agent keeps the group's list, and the content that it chose."""
import json
import os
import re

import agents
import netlab
from netlab import trees, until
from test_cli import read_terminal

FILES = {"photos/a.jpg": b"a" * 3000, "photos/b.jpg": b"b" * 300000, "photos/raw/c.raw": b"c" * 50, "notes.txt": b"notes"}


def four(lab, files, modes=(), **kw):
    """a has the files; the hosts named in modes are on demand, and nothing has come to them."""
    hosts = [lab.host(n) for n in "abcd"]
    trees.write(hosts[0].share, files)
    for host in hosts:
        host.daemon.start(*netlab.start_flags(host, hosts, "off"))
    hosts[0].cli("create", "pics", "--share", hosts[0].share)
    token = hosts[0].invite("pics")
    for host in hosts[1:]:
        more = ("--mode", "on-demand") if host.name in modes else ()
        host.cli("join", "--invite", token, "--share", host.share, *more)
    for host in hosts:
        host.wait_peers(3)
        host.wait_sync()
    return hosts


def knows(host, others):
    """The host has heard of each of the others that it has every file. They say so once it is safe on their disks."""
    ids = {h.agent_id() for h in others}
    until("%s knows who has what" % host.name, lambda: all(set(f["members"]) >= ids for f in host.files("pics").values()), 20)


def here(host):
    """The files in the share's folder."""
    return {k for k, v in trees.picture(host.share).items() if v.kind == "file"}


def test_only_what_is_chosen_comes(lab):
    a, b, c, d = four(lab, FILES, modes="d")
    assert d.status()["mode"] == "on-demand"
    assert here(d) == set()
    knows(d, (a, b, c))
    listed = d.files("pics")
    assert {p for p, f in listed.items() if f["kind"] == "file"} == {os.fsencode(p) for p in FILES}
    for path, file in listed.items():
        assert not file["here"] and not file["wanted"] and file["shared"]
        assert set(file["members"]) == {h.agent_id() for h in (a, b, c)}, path
    d.cli("get", "pics", "photos/a.jpg")
    assert here(d) == {b"photos/a.jpg"}
    d.wait_sync()
    with open(a.file("photos/a.jpg"), "wb") as f:
        f.write(b"new")
    until("the change is at d", lambda: d.read("photos", "a.jpg") == b"new")
    with d.events() as at_d:
        with open(a.file("photos/new.jpg"), "wb") as f:
            f.write(b"unseen")
        at_d.wait("files-listed", group="pics")
    assert b"photos/new.jpg" in d.files("pics")
    d.wait_sync()
    assert here(d) == {b"photos/a.jpg"}


def get_out(host, *args, code=0, timeout=60):
    got = host.lanyard("get", "pics", *args, timeout=timeout)
    assert got.code == code, (args, got)
    return got


def test_a_copy_outside_the_share_comes_from_several_members_and_is_the_callers(lab):
    big = os.urandom(40 << 20)
    a, b, c, d = four(lab, dict(FILES, big=big), modes="d")
    os.symlink("notes.txt", a.file("link"))
    netlab.settle([a, b, c])
    until("d lists it", lambda: b"link" in d.files("pics"))
    d.wait_sync()
    out = d.path("out")
    os.mkdir(out)
    before = [h.counters()["blocks_sent"] for h in (a, b, c)]
    get_out(d, "big", "--to", os.path.join(out, "copy"))
    with open(os.path.join(out, "copy"), "rb") as f:
        assert f.read() == big
    sent = [h.counters()["blocks_sent"] - n for h, n in zip((a, b, c), before)]
    assert all(n > 0 for n in sent), "the blocks came from %s" % sent
    assert here(d) == set() and os.listdir(d.path("share", ".lanyard", "parts")) == []
    assert os.stat(os.path.join(out, "copy")).st_mtime_ns == os.stat(a.file("big")).st_mtime_ns
    got = get_out(d, "big", "--to", os.path.join(out, "copy"), code=1)
    assert "exists already" in got.err
    # Folders, patterns and symlinks.
    get_out(d, "photos", "link", "--to", out)
    assert {k for k in trees.picture(out)} >= {b"photos/a.jpg", b"photos/b.jpg", b"photos/raw/c.raw", b"link"}
    assert os.readlink(os.path.join(out, "link")) == "notes.txt"
    get_out(d, "photos/*.jpg", "--to", os.path.join(out, "jpgs"))
    assert set(os.listdir(os.path.join(out, "jpgs"))) == {"a.jpg", "b.jpg"}
    # What is here is copied from here, whoever is connected.
    d.cli("get", "pics", "notes.txt")
    for host in (a, b, c):
        host.daemon.stop()
    d.wait_peers(0)
    get_out(d, "notes.txt", "--to", os.path.join(out, "notes"))
    got = get_out(d, "photos/a.jpg", "--to", os.path.join(out, "late"), code=1)
    assert "photos/a.jpg" in got.err and " had it (last seen " in got.err and " a had it" in got.err.replace(",", " ")
    assert not os.path.exists(os.path.join(out, "late"))


def test_an_interrupted_copy_goes_on_where_it_was(lab):
    big = os.urandom(30 << 20)
    a, b, c, d = four(lab, {"big": big}, modes="d")
    for host in (a, b, c):
        host.limit("30mbit")
    out = d.path("out")
    os.mkdir(out)
    run = d.popen(os.path.join(agents.BUILD, "lanyard"), "--home", d.home, "get", "pics", "big", "--to", out, env=agents.clean_env(d))

    def part():
        return [n for n in os.listdir(out) if n.endswith(".part")]
    until("some of it is there", lambda: part() and os.path.getsize(os.path.join(out, part()[0])) > 8 << 20, 30)
    run.kill()
    run.wait()
    name, = part()
    with open(os.path.join(out, name), "r+b") as f:
        f.seek(5 << 20)
        f.write(b"rotten")
    before = sum(h.counters()["bytes_sent"] for h in (a, b, c))
    get_out(d, "big", "--to", out)
    with open(os.path.join(out, "big"), "rb") as f:
        assert f.read() == big
    assert part() == []
    assert sum(h.counters()["bytes_sent"] for h in (a, b, c)) - before < len(big) - (1 << 20), "all of it came again"


def test_a_copy_shares_its_part_with_nobody(lab):
    """Neither with another copy at the same time, nor with a file that somebody has put in its place."""
    big = os.urandom(8 << 20)
    a, b, c, d = four(lab, {"big": big}, modes="d")
    for host in (a, b, c):
        host.limit("10mbit")
    out = d.path("out")
    os.mkdir(out)
    run = d.popen(os.path.join(agents.BUILD, "lanyard"), "--home", d.home, "get", "pics", "big", "--to", out, env=agents.clean_env(d))
    until("it has begun", lambda: os.listdir(out) and os.path.getsize(os.path.join(out, os.listdir(out)[0])) > 1 << 20, 30)
    name, = os.listdir(out)
    part, precious = os.path.join(out, name), d.path("precious")
    got = get_out(d, "big", "--to", out, code=1)
    assert "another copy of it to this place is under way" in got.err
    run.kill()
    run.wait()
    os.unlink(part)
    with open(precious, "wb") as f:
        f.write(b"precious")
    os.link(precious, part)
    for host in (a, b, c):
        host.limit(None)
    get_out(d, "big", "--to", out)
    os.unlink(os.path.join(out, "big"))
    with open(part, "wb") as f:
        f.write(big)
    os.chown(part, 12345, 12345)
    os.chmod(part, 0o666)
    get_out(d, "big", "--to", out)
    assert os.listdir(out) == ["big"] and os.stat(os.path.join(out, "big")).st_uid == os.geteuid()
    with open(precious, "rb") as f:
        assert f.read() == b"precious"


def test_a_copy_draws_a_bar_on_a_terminal_only(lab):
    a, b, c, d = four(lab, {"film \x1b[31m.bin": os.urandom(8 << 20), "small": b"s"}, modes="d")
    for host in (a, b, c):
        host.limit("30mbit")
    drawn = read_terminal(d, "get", "pics", "film*", "--to", d.path("film"), until=rb"copied 1 file", seconds=30)
    drawn = re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", drawn)
    assert re.search(rb"\[#+ +\] \d+%  [0-9.]+ [kM]B/s  eta", drawn) and b"\x1b" not in drawn
    plain = get_out(d, "small", "--to", d.path("small.copy"))
    assert b"#" not in plain.out and plain.out.startswith(b"copied 1 file, 1 B, to ")
    assert json.loads(d.lanyard("--json", "get", "pics", "small", "--to", d.path("again")).out) == {"files": 1, "bytes": 1}


def test_downloads_never_overrun_the_screen(lab):
    a, b, c, d = four(lab, {"one": b"1"}, modes="d")
    trees.write(a.share, {"many/%03d" % i: b"%d" % i for i in range(60)})
    until("all are listed", lambda: len(d.files("pics")) == 62, 20)
    d.cli("get", "pics", "many")
    lines = [line for line in read_terminal(d, "downloads", seconds=5).split(b"\r\n") if line]
    assert len(lines) == 23 and lines[-1].startswith(b"... and ") and all(len(line) < 80 for line in lines)
    assert len(d.lanyard("downloads").out.splitlines()) == 32
    assert len(d.lanyard("downloads", "--history").out.splitlines()) == 60
