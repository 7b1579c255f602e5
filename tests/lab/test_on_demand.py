"""On demand: an agent keeps the group's list, and the content that it chose."""
import os

import netlab
from netlab import trees, until

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


def here(host):
    """The files in the share's folder."""
    return {k for k, v in trees.picture(host.share).items() if v.kind == "file"}


def test_only_what_is_chosen_comes(lab):
    a, b, c, d = four(lab, FILES, modes="d")
    assert d.status()["mode"] == "on-demand"
    assert here(d) == set()
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
    with open(a.file("photos/new.jpg"), "wb") as f:
        f.write(b"unseen")
    until("d lists the new file", lambda: b"photos/new.jpg" in d.files("pics"))
    d.wait_sync()
    assert here(d) == {b"photos/a.jpg"}
