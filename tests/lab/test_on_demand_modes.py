"""Switching modes, choosing and letting go: nothing of that is ever told as a deletion."""
import json
import os
import time

import agents
import netlab
from netlab import trees, until
from test_on_demand import FILES, four, here, knows

PATHS = {os.fsencode(p) for p in FILES}


def drop(host, *paths, code=0, options=()):
    got = host.lanyard("drop", "pics", *paths, *options)
    assert got.code == code, got
    return got


def whole(*hosts):
    """All files are at each of these."""
    for host in hosts:
        assert {p for p in here(host)} >= PATHS, host.name


def test_the_mode_is_switched_in_both_directions_and_nothing_is_deleted(lab):
    a, b, c, d = four(lab, FILES)
    d.cli("mode", "pics", "on-demand")
    d.wait_sync(peers=3)
    whole(a, b, c, d)  # what is here stays
    os.unlink(d.file("notes.txt"))  # and is a file like any other: rm deletes it for everybody
    until("a follows", lambda: not os.path.exists(a.file("notes.txt")))
    trees.write(a.share, {"notes.txt": b"notes", "new": b"new"})
    until("d lists it", lambda: {b"new", b"notes.txt"} <= set(d.files("pics")))
    d.wait_sync(peers=3)
    assert not os.path.exists(d.file("new"))
    drop(d, "photos")
    assert here(d).isdisjoint({b"photos/a.jpg", b"photos/b.jpg", b"photos/raw/c.raw"})
    assert not os.path.exists(d.file("photos"))
    said = d.lanyard("mode", "pics", "on-demand").out.decode()
    assert "rm" in said and "everybody" in said
    for _ in range(2):
        d.daemon.stop()
        d.daemon.start()
        d.wait_peers(3)
        d.wait_sync(peers=3)
        assert d.status()["mode"] == "on-demand" and b"photos/a.jpg" not in here(d)
        whole(a, b, c)
    d.cli("mode", "pics", "mirror")
    until("everything is back", lambda: here(d) >= PATHS | {b"new"}, 20)
    netlab.settle([a, b, c, d])


def test_a_restart_in_mid_switch_tells_no_deletion(lab):
    files = {"many/%03d" % i: b"%d" % i * 200 for i in range(200)}
    a, b, c, d = hosts = four(lab, files, modes="d")
    for mode in ("mirror", "on-demand", "mirror"):
        d.lanyard("mode", "pics", mode)
        d.daemon.kill9()
        d.daemon.start()
        d.wait_peers(3)
    d.wait_sync(peers=3)
    d.cli("mode", "pics", "on-demand")
    d.wait_sync(peers=3)
    run = d.popen(os.path.join(agents.BUILD, "lanyard"), "--home", d.home, "drop", "pics", "many", env=agents.clean_env(d))
    until("some are gone", lambda: len(os.listdir(d.file("many"))) < 190, 20)
    d.daemon.kill9()
    run.wait()
    d.daemon.start()
    d.wait_peers(3)
    for host in hosts:
        host.wait_sync(peers=3)
    for host in (a, b, c):
        assert len(here(host)) == 200
    d.cli("mode", "pics", "mirror")
    until("all are back", lambda: len(here(d)) == 200, 30)


def test_the_last_copy_is_not_dropped(lab):
    a, b, c, d = four(lab, FILES, modes="cd")
    d.cli("get", "pics", "photos/a.jpg")
    c.cli("get", "pics", "photos/a.jpg", "photos/b.jpg")
    drop(d, "photos/a.jpg")
    d.cli("get", "pics", "photos/a.jpg", "photos/b.jpg")
    # A mirror cannot drop.
    got = drop(a, "photos/a.jpg", code=1)
    assert "keeps every file" in got.err
    # The others are away.
    for host in (a, b, c):
        host.daemon.stop()
    d.wait_peers(0)
    got = drop(d, "photos/a.jpg", code=1)
    assert "photos/a.jpg: " in got.err and "last copy" in got.err
    assert d.read("photos", "a.jpg") == FILES["photos/a.jpg"]
    # Only c is there, which has another file.
    c.daemon.start()
    d.wait_peers(1)
    trees.write(d.share, {"mine": b"only here"})
    d.wait_sync(peers=1)
    got = drop(d, "mine", code=1)
    assert "last copy" in got.err and d.read("mine") == b"only here"
    drop(d, "photos/a.jpg", "photos/b.jpg")
    got = drop(c, "photos/a.jpg", code=1)
    assert os.path.exists(c.file("photos/a.jpg"))
    drop(d, "mine", options=["--even-if-last"])
    assert not os.path.exists(d.file("mine"))
    until("it is listed still", lambda: d.files("pics")[b"mine"]["members"] == [])


def test_two_that_drop_at_once_do_not_lose_the_file(lab):
    a, b, c, d = hosts = four(lab, {"f%d" % i: b"%d" % i * 1000 for i in range(10)}, modes="cd")
    for host in (c, d):
        host.cli("get", "pics", ".")
    for host in (a, b):
        host.daemon.stop()
    for host in (c, d):
        host.wait_peers(1)
    runs = [h.popen(os.path.join(agents.BUILD, "lanyard"), "--home", h.home, "drop", "pics", ".", env=agents.clean_env(h)) for h in (c, d)]
    for run in runs:
        run.wait(60)
    assert here(c) | here(d) == {b"f%d" % i for i in range(10)}
    for host in (a, b):
        host.daemon.start()
    for host in hosts:
        host.wait_sync(peers=3)
    assert len(here(a)) == 10


def test_nobody_there_says_who_had_it_and_waits_as_long_as_it_is_told(lab):
    a, b, c, d = four(lab, FILES, modes="d")
    knows(d, (a, b, c))
    for host in (a, b, c):
        host.daemon.stop()
    d.wait_peers(0)
    begin = time.monotonic()
    got = d.lanyard("get", "pics", "notes.txt")
    assert got.code == 1 and "nobody who has it is connected" in got.err and "a had it (last seen 20" in got.err
    assert d.lanyard("get", "pics", "notes.txt", "--timeout", "0").code == 1
    assert time.monotonic() - begin < 20 * netlab.FACTOR
    run = d.popen(os.path.join(agents.BUILD, "lanyard"), "--home", d.home, "get", "pics", "notes.txt", "--timeout", "60", env=agents.clean_env(d))
    b.daemon.start()
    assert run.wait(60) == 0 and d.read("notes.txt") == b"notes"
    # What was chosen while nobody was there comes by itself.
    b.daemon.stop()
    d.wait_peers(0)
    assert d.lanyard("get", "pics", "photos/a.jpg", "--timeout", "0").code == 1
    c.daemon.start()
    until("it comes", lambda: b"photos/a.jpg" in here(d), 20)
    got = d.lanyard("get", "pics", "no/such/file")
    assert got.code == 1 and "there is no no/such/file" in got.err


def test_patterns_choose_what_is_and_what_comes(lab):
    a, b, c, d = four(lab, FILES, modes="d")
    d.cli("get", "pics", "photos/*.jpg")
    assert here(d) == {b"photos/a.jpg", b"photos/b.jpg"}
    trees.write(a.share, {"photos/late.jpg": b"late", "photos/late.raw": b"raw", "photos/[odd].jpg": b"odd", "photos/o.jpg": b"o"})
    until("the new one comes", lambda: here(d) >= {b"photos/late.jpg", b"photos/[odd].jpg", b"photos/o.jpg"})
    d.wait_sync(peers=3)
    assert b"photos/late.raw" not in here(d)
    listed = {f["path"]: f for f in d.cli("files", "pics", "photos/*.raw")["files"]}
    assert set(listed) == {"photos/late.raw"} and not listed["photos/late.raw"]["wanted"]
    assert {f["path"] for f in d.cli("files", "pics", "**/*.raw")["files"]} == {"photos/late.raw", "photos/raw/c.raw"}
    # A name with such characters means that file.
    drop(d, "photos/[odd].jpg")
    assert b"photos/[odd].jpg" not in here(d) and b"photos/o.jpg" in here(d)
    choices = d.cli("mode", "pics")
    assert choices["rules"] == [{"pattern": "photos/*.jpg", "get": True}, {"pattern": "photos/\\\\[odd].jpg", "get": False}]
    # The list is a stream: one document, or a line each, in either mode.
    for host in (a, d):
        document = host.cli("files", "pics")
        assert [f["path"] for f in document["files"]] == sorted((f["path"] for f in document["files"]), key=lambda p: p.replace("/", "\0"))
        assert {m["name"] for m in document["members"]} == {"a", "b", "c", "d"}
    text = d.lanyard("files", "pics", "photos").out.decode()
    assert "[here, " in text and "wanted" not in text


def test_a_renamed_file_that_is_wanted_stays_wanted(lab):
    a, b, c, d = four(lab, FILES, modes="d")
    d.cli("get", "pics", "photos/a.jpg")
    d.wait_sync(peers=3)
    os.rename(a.file("photos/a.jpg"), a.file("renamed.jpg"))
    until("it is renamed at d", lambda: here(d) == {b"renamed.jpg"}, 20)
    trees.write(b.share, {"renamed.jpg": b"edited"})
    until("and kept up to date", lambda: d.read("renamed.jpg") == b"edited", 20)
    # What is not here costs nothing: no deletion is held, no version is kept.
    os.unlink(a.file("photos/b.jpg"))
    until("it is not listed any more", lambda: b"photos/b.jpg" not in d.files("pics"))
    d.wait_sync(peers=3)
    assert d.status()["held"] == 0


def test_a_large_file_does_not_keep_what_is_first_waiting(lab):
    a, b, c, d = four(lab, {"big": os.urandom(24 << 20), "other": os.urandom(24 << 20), "small": b"s" * 5000, "first": os.urandom(3 << 20)}, modes="d")
    for host in (a, b, c):
        host.limit("8mbit")  # the large ones take half a minute
    d.lanyard("get", "pics", "big", "other", "--timeout", "0")
    until("it has begun", lambda: [x for x in d.cli("downloads")["downloads"] if x["state"] == "D"])
    d.cli("get", "pics", "small")
    d.cli("get", "pics", "first", "--first")
    states = {x["path"]: x["state"] for x in d.cli("downloads")["downloads"]}
    assert states["first"] == "C" and "D" in (states["big"], states["other"]), json.dumps(states)
    lines = d.lanyard("downloads").out.decode().splitlines()
    for host in (a, b, c):
        host.limit(None)
    assert lines[0].startswith("[D] [pics] ") and lines[-1].startswith("[C] [pics] ")
    d.wait_sync(60)
    history = d.lanyard("downloads", "--history").out.decode().splitlines()
    assert {line.split()[2] for line in history} == {"big", "other", "small", "first"} and all(line.startswith("[C] [pics] ") for line in history)
