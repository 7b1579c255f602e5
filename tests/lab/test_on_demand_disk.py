"""What happens on the disk of a member on demand, to its index and its choices: absence by choice is never a deletion, an
act of its user touches only what is here, and every content that somebody wrote survives."""
import glob
import os
import shutil

import agents
import netlab
from netlab import trees, until

FILES = {"d/%d" % i: b"%d" % i for i in range(30)}


def here(host):
    return {k for k, v in trees.picture(host.share).items() if v.kind == "file"}


def mixed(lab, files, chosen=(), mirrors="abc", demand="d"):
    """Mirrors, which have the files, and members on demand, which have what is chosen."""
    hosts = {n: lab.host(n) for n in mirrors + demand}
    all_of_them = list(hosts.values())
    trees.write(hosts["a"].share, files)
    for host in all_of_them:
        host.daemon.start(*netlab.start_flags(host, all_of_them, "off"))
    hosts["a"].cli("create", "pics", "--share", hosts["a"].share)
    token = hosts["a"].invite("pics")
    for host in all_of_them[1:]:
        more = ("--mode", "on-demand") if host.name in demand else ()
        host.cli("join", "--invite", token, "--share", host.share, *more)
    for host in all_of_them:
        host.wait_peers(len(hosts) - 1)
        host.wait_sync()
    for name in demand:
        if chosen:
            hosts[name].cli("get", "pics", *chosen)
        until("%s has what it chose" % name, lambda name=name: {os.fsencode(p) for p in chosen} <= here(hosts[name]))
        hosts[name].wait_sync()
    return [hosts[n] for n in mirrors + demand]


def settled(hosts):
    for _ in range(2):
        for host in hosts:
            host.wait_sync(40, peers=len(hosts) - 1)


def all_have(hosts, files):
    """Nothing was deleted, and nothing came back or twice: the mirrors have just these files."""
    settled(hosts)
    for host in hosts:
        if host.status()["mode"] == "mirror":
            assert {p: host.read(p) for p in here(host)} == {os.fsencode(p): v for p, v in files.items()}, host.name


def index_of(host):
    return os.path.join(host.home, "groups", host.status()["id"], "index.db")


def lose(path):
    for name in glob.glob(path + "*"):
        os.unlink(name)


def test_a_lost_index_deletes_nothing_and_keeps_the_choices(lab):
    hosts = a, b, c, d = mixed(lab, FILES, chosen=["d/1", "d/2", "d/3"])
    d.cli("drop", "pics", "d/2")
    d.cli("unshare", "pics", "d/3")
    trees.write(d.share, {"d/3": b"d's own"})
    path = index_of(d)
    d.daemon.stop()
    lose(path)
    d.daemon.start()
    d.wait_peers(3)
    all_have(hosts, FILES)
    assert d.status()["mode"] == "on-demand"
    assert here(d) == {b"d/1", b"d/3"} and d.read("d", "3") == b"d's own"
    files = d.files("pics")
    assert len([f for f in files.values() if f["kind"] == "file"]) == len(FILES)
    assert not files[b"d/3"]["shared"] and files[b"d/1"]["here"] and not files[b"d/2"]["wanted"]


def test_an_old_home_takes_no_drop_for_a_deletion(lab):
    hosts = a, b, c, d = mixed(lab, FILES, chosen=["d/%d" % i for i in range(25)])
    d.daemon.stop()
    shutil.copytree(d.home, d.path("old"))
    d.daemon.start()
    d.wait_peers(3)
    d.wait_sync()
    d.cli("drop", "pics", *["d/%d" % i for i in range(24)])
    assert here(d) == {b"d/24"}
    d.daemon.stop()
    shutil.rmtree(d.home)
    os.rename(d.path("old"), d.home)
    trees.write(a.share, {"d/24": b"newer"})
    a.wait_sync()
    d.daemon.start()
    d.wait_peers(3)
    all_have(hosts, dict(FILES, **{"d/24": b"newer"}))
    until("d follows", lambda: d.read("d", "24") == b"newer")
    assert d.status()["held"] == 0


def test_a_deletion_here_is_everybodys_and_a_folder_keeps_what_is_elsewhere(lab):
    hosts = a, b, c, d = mixed(lab, FILES, chosen=["d/1", "d/2"])
    shutil.rmtree(d.file("d"))
    left = {p: v for p, v in FILES.items() if p not in ("d/1", "d/2")}
    until("the two are gone at a", lambda: here(a) == {os.fsencode(p) for p in left})
    all_have(hosts, left)
    assert len([f for f in d.files("pics").values() if f["kind"] == "file"]) == len(left)
    d.cli("get", "pics", "d/7")
    until("d/7 has come", lambda: here(d) == {b"d/7"})
    os.unlink(a.file("d/7"))
    os.unlink(a.file("d/8"))
    until("it is gone from d too", lambda: here(d) == set())
    settled(hosts)
    assert b"d/8" not in d.files("pics")


def test_what_is_chosen_is_edited_renamed_and_moved_as_anywhere(lab):
    hosts = a, b, c, d = mixed(lab, FILES, chosen=["d/1", "d/2", "d/3"])
    trees.write(d.share, {"d/1": b"by d", "new": b"made by d"})
    os.rename(d.file("d/2"), d.file("renamed"))
    want = {p: v for p, v in FILES.items() if p != "d/2"}
    want.update({"d/1": b"by d", "new": b"made by d", "renamed": b"2"})
    until("a has it", lambda: here(a) == {os.fsencode(p) for p in want})
    all_have(hosts, want)
    assert here(d) == {b"d/1", b"d/3", b"new", b"renamed"}
    # Renamed by somebody else it is wanted under its new name, and is the same file.
    os.rename(a.file("d/3"), a.file("d/three"))
    until("d has followed", lambda: b"d/three" in here(d) and b"d/3" not in here(d))
    trees.write(a.share, {"d/three": b"still wanted"})
    until("and goes on following", lambda: d.read("d", "three") == b"still wanted")


def test_a_file_made_where_another_is_listed_is_a_conflict_that_loses_nothing(lab):
    hosts = a, b, c, d = mixed(lab, dict(FILES, same=b"same"))
    trees.write(d.share, {"d/5": b"d's fifth", "same": b"same"})
    until("both are at a", lambda: {a.read(p) for p in here(a)} >= {b"5", b"d's fifth"})
    settled(hosts)
    assert sorted(a.read(p) for p in here(a)) == sorted([*FILES.values(), b"d's fifth", b"same"])
    for host in (b, c):
        assert trees.differences(trees.picture(a.share), trees.picture(host.share)) == []
    assert b"d/5" in here(d) and b"same" in here(d)


def test_concurrent_edits_at_members_on_demand_both_survive(lab):
    hosts = a, b, d, e = mixed(lab, FILES, chosen=["d/1"], mirrors="ab", demand="de")
    for host in (d, e):
        host.cut()
    for host in (d, e):
        host.wait_peers(0, timeout=30)
        trees.write(host.share, {"d/1": b"by " + host.name.encode()})
    for host in (d, e):
        host.mend()
    for host in hosts:
        host.wait_peers(3, timeout=60)
    until("both are at a", lambda: {a.read(p) for p in here(a)} >= {b"by d", b"by e"})
    settled(hosts)
    contents = sorted(a.read(p) for p in here(a))
    assert contents == sorted([*(v for p, v in FILES.items() if p != "d/1"), b"by d", b"by e"])
    assert d.read("d", "1") == e.read("d", "1") == a.read("d", "1")


def test_two_mirrors_that_meet_only_through_a_member_on_demand(lab):
    hosts = a, b, d = mixed(lab, FILES, chosen=["d/1"], mirrors="ab", demand="d")
    a.daemon.stop()
    trees.write(b.share, {"seen": b"seen", "d/1": b"by b"})
    until("d lists it", lambda: b"seen" in d.files("pics") and d.read("d", "1") == b"by b")
    d.wait_sync(peers=1)
    b.daemon.stop()
    a.daemon.start()
    a.wait_peers(1)
    until("a lists it too", lambda: b"seen" in a.files("pics"))
    until("a gets the content that d has", lambda: a.read("d", "1") == b"by b")
    assert b"seen" not in here(a)
    os.unlink(a.file("d/2"))
    until("d knows", lambda: b"d/2" not in d.files("pics"))
    a.daemon.stop()
    b.daemon.start()
    until("b knows", lambda: b"d/2" not in here(b))
    a.daemon.start()
    for host in hosts:
        host.wait_peers(2)
    want = {p: v for p, v in FILES.items() if p != "d/2"}
    all_have(hosts, dict(want, seen=b"seen", **{"d/1": b"by b"}))


def test_a_restart_in_the_middle_of_a_drop_or_a_switch_deletes_nothing(lab):
    files = {"d/%d" % i: b"%d" % i * 50 for i in range(400)}
    hosts = a, b, c, d = mixed(lab, files)
    d.cli("mode", "pics", "mirror")
    until("some have come", lambda: len(os.listdir(d.share)) > 1 and len(os.listdir(d.file("d"))) > 50)
    d.daemon.kill9()
    d.daemon.start()
    d.cli("mode", "pics", "on-demand")
    settled(hosts)
    for i in range(3):
        before = len(here(d))
        drop = d.popen(os.path.join(agents.BUILD, "lanyard"), "--home", d.home, "drop", "pics", *["d/%d" % k for k in range(i, 400, 3)],
                       env=agents.clean_env(d))
        until("it has begun", lambda: drop.poll() is not None or len(os.listdir(d.file("d"))) < before, 20)
        d.daemon.kill9()
        drop.wait()
        d.daemon.start()
        d.wait_peers(3)
        d.wait_sync()
    all_have(hosts, files)
    d.cli("mode", "pics", "mirror")
    until("all have come", lambda: len(here(d)) == len(files), 60)
    all_have(hosts, files)


def test_a_full_disk_is_freed_by_a_drop(lab):
    """What a drop has to write first has its place, in a mirror that becomes on demand as well; and get says why it waits."""
    a, b = hosts = [lab.host(n) for n in "ab"]
    lab.tmpfs(b.share, "4m")
    trees.write(a.share, {"large": os.urandom(6 << 20), "small": b"s"})
    for host in hosts:
        host.daemon.start(*netlab.start_flags(host, hosts, "off"))
    a.cli("create", "pics", "--share", a.share)
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    until("b's disk is full", lambda: "full" in b.problems().get(b"large", ""), 30)
    with open(os.path.join(b.share, ".lanyard", "filler"), "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096):
                pass
        except OSError:
            pass
    b.cli("mode", "pics", "on-demand")
    got = b.lanyard("get", "pics", "large", "--timeout", "3")
    assert got.code == 1 and "large: waits: the disk is full" in got.err
    b.cli("drop", "pics", "large")
    b.wait_sync(peers=1)
    b.cli("get", "pics", "small")
    assert here(b) == {b"small"}


def test_what_was_half_fetched_and_is_not_wanted_any_more_goes_with_a_restart(lab):
    """The agent does not look at it for ever, and comes to be in sync."""
    a, b = mixed(lab, {"large": os.urandom(6 << 20)}, mirrors="a", demand="b")
    a.limit("20mbit")
    parts = os.path.join(b.share, ".lanyard", "parts")
    b.cli("mode", "pics", "mirror")
    until("it is half fetched", lambda: any(n.endswith(".map") for n in os.listdir(parts)), 20)
    b.daemon.kill9()
    with open(os.path.join(b.share, ".lanyard", "choices"), "r+") as f:
        text = f.read().replace("mode mirror", "mode on-demand")
        f.seek(0)
        f.truncate()
        f.write(text)
    b.daemon.start()
    b.wait_sync(peers=1)
    until("the part is gone", lambda: os.listdir(parts) == [])


def test_damaged_choices_are_not_shown_as_a_mirror(lab):
    """Nothing comes, and status and mode say why, until the file is mended."""
    a, d = mixed(lab, {"one": b"1", "two": b"2"}, mirrors="a", demand="d", chosen=["one"])
    path = os.path.join(d.share, ".lanyard", "choices")
    with open(path, encoding="ascii") as f:
        text = f.read()
    d.daemon.stop()
    trees.write(d.share, {".lanyard/choices": text.replace("end\n", "").encode()})
    d.daemon.start()
    until("the damage is told", lambda: "damaged" in (d.status()["error"] or ""), 10)
    assert d.status()["mode"] is None and d.cli("groups")["groups"][0]["mode"] is None
    said = d.lanyard("mode", "pics")
    assert said.code == 1 and "status" in said.err
    assert here(d) == {b"one"}
    trees.write(d.share, {".lanyard/choices": text.encode()})
    d.daemon.stop()
    d.daemon.start()
    d.wait_peers(1)
    d.wait_sync()
    assert d.status()["mode"] == "on-demand" and here(d) == {b"one"}
