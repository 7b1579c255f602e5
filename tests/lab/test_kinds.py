"""Whatever a Linux folder can hold arrives as it is, or is listed with the reason why not."""
import json
import os
import re
import socket
import stat

import netlab
from netlab import trees

ODD = [b"plain", b"with space", b" ends ", b"new\nline", b"tab\there", b"esc\x1b[31mred\x1b[0m", b"bell\x07",
       b"\xff\xfe\xfd", b"half\xc3", b"\xed\xa0\x80surrogate", b"-rf", b"--help", b"back\\slash", b"\\xff", b"quote'\"",
       b"*?[a]", b"$(touch x)", b"~", b"#hash", b"!bang", b"con.", b"a" * 255, "\u00fc".encode() * 127,
       "e\u0301".encode(), "\u00e9".encode(), "\u202edoc.exe".encode(), b"...", b"..a", b".hidden", b"x.part",
       b"UPPER", b"upper"]


def pair(lab, *, flags=()):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b], flags=flags)
    return a, b


def test_odd_names_arrive_byte_for_byte(lab):
    a, b = pair(lab)
    for name in ODD:
        trees.write(a.share, {name: b"content of " + name, b"dir-" + name[:200] + b"/" + name: name})
    tree = netlab.settle([a, b])
    assert len(tree) == 3 * len(ODD)
    assert a.status()["problems"] == b.status()["problems"] == []
    assert set(b.files("pics")) >= set(ODD)
    # Renamed, changed and deleted they are no different.
    for name in ODD[:6]:
        os.rename(a.file(name), a.file(b"renamed " + name))
        os.unlink(a.file(b"dir-" + name + b"/" + name))
    netlab.settle([a, b])


def test_names_are_printed_with_control_bytes_escaped(lab):
    a, b = pair(lab)
    with b.events() as events:
        trees.write(a.share, {name: b"1" for name in ODD})
        netlab.settle([a, b])
        for name in ODD:
            events.wait("file-installed", path=name)
    for command in (["files", "pics"], ["status"], ["downloads"], ["events"], ["peers"], ["members", "pics"]):
        got = b.lanyard(*command)
        assert got.code == 0
        lines = got.out.decode("utf-8", "strict")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", lines.replace("\n", " ").replace("\t", " ")), command
    listed = b.lanyard("files", "pics").out
    assert b"new\nline" not in listed and b"esc" in listed


def test_empty_files_and_folders_arrive(lab):
    a, b = pair(lab)
    trees.write(a.share, {"empty": b"", "folder": None, "deep/er/est": None, "full/empty": b""})
    assert len(netlab.settle([a, b])) == 7


def test_modes_and_nanoseconds_arrive(lab):
    a, b = pair(lab)
    for i, mode in enumerate((0o600, 0o644, 0o755, 0o444, 0o400, 0o777, 0o640, 0o000, 0o1644, 0o4755, 0o2755)):
        trees.write(a.share, {"f%o" % mode: b"%o" % mode, "d%o/x" % mode: b""})
        os.chmod(a.file("f%o" % mode), mode)
        os.chmod(a.file("d%o" % mode), mode)
        trees.age(a.file("f%o" % mode), 1_000_000_000_000_000_001 * (i % 2) + i)
    trees.write(a.share, {"before-1970": b"", "far": b""})
    trees.age(a.file("before-1970"), -1_234_567_891)
    trees.age(a.file("far"), 4_102_444_800_999_999_999)
    netlab.settle([a, b])
    # Setuid, setgid and sticky would mean other users there: they are each machine's own, and stay.
    for i, bits in ((0o1644, 0o1000), (0o4755, 0o4000), (0o2755, 0o2000)):
        for name in ("f%o" % i, "d%o" % i):
            assert stat.S_IMODE(os.stat(a.file(name)).st_mode) == i
            assert stat.S_IMODE(os.stat(b.file(name)).st_mode) == i & ~bits
    # A read-only file can be updated all the same.
    with open(a.file("f444"), "ab") as f:
        f.write(b"more")
    netlab.settle([a, b])
    assert b.read("f444") == b"444more" and stat.S_IMODE(os.stat(b.file("f444")).st_mode) == 0o444


def test_times_of_other_millennia_arrive_as_near_as_can_be_told_and_are_listed(lab):
    a, b = lab.host("a"), lab.host("b")
    for host in (a, b):
        lab.tmpfs(host.share, "8m")  # which holds any time
    netlab.form([a, b])
    first, last = -9223372037 + 145224192 / 1e9, 9223372036 + 854775807 / 1e9
    odd = {"y2300": (10413792000, last), "y30000": (884541340800, last), "y1600": (-11676096000, first)}
    for name, (when, _) in odd.items():
        trees.write(a.share, {name: name.encode()})
        os.utime(a.file(name), (0, when))
    for host in (a, b):
        host.wait_sync(peers=1)
    for name, (when, arrived) in odd.items():
        assert os.stat(a.file(name)).st_mtime == when and b.read(name) == name.encode()
        assert abs(os.stat(b.file(name)).st_mtime - arrived) < 1
    listed = a.problems()
    assert set(listed) == {name.encode() for name in odd} and all("cannot be represented" in why for why in listed.values())
    assert not b.problems()
    for name in odd:
        os.utime(a.file(name))
    netlab.settle([a, b])
    assert not a.problems()


def test_symlinks_arrive_as_such_and_are_never_followed(lab):
    a, b = pair(lab)
    outside = b.path("outside")
    trees.write(outside, {"secret": b"not ours"})
    trees.write(a.share, {"dangling": ("link", "nowhere"), "absolute": ("link", "/etc/passwd"), "up": ("link", "../.."),
                          "target": b"t", "good": ("link", "target"), "loop": ("link", "loop"), "odd": ("link", b"\xff\n"),
                          "to-outside": ("link", outside), "long": ("link", "x" * 4000)})
    netlab.settle([a, b])
    # Another target, and a folder in the place of a link.
    os.unlink(a.file("good"))
    os.symlink("dangling", a.file("good"))
    os.unlink(a.file("to-outside"))
    trees.write(a.share, {"to-outside/secret": b"ours"})
    netlab.settle([a, b])
    untouched = trees.picture(outside)
    assert set(untouched) == {b"secret"} and untouched[b"secret"].size == len(b"not ours")
    # A link on the receiver's side where the sender has a folder: nothing is written through it.
    trees.write(a.share, {"sub/one": b"1"})
    netlab.settle([a, b])
    os.rename(b.file("sub"), b.path("moved-away"))
    os.symlink(outside, b.file("sub"))
    trees.write(a.share, {"sub/two": b"2"})
    b.wait_sync(peers=1)
    netlab.settle([a, b])
    assert trees.picture(outside) == untouched


def test_holes_stay_holes(lab):
    a, b = pair(lab)
    size = 256 << 20
    with open(a.file("sparse"), "wb") as f:
        f.truncate(size)
        f.seek(100 << 20)
        f.write(trees.noise(100_000))
    with open(a.file("all-hole"), "wb") as f:
        f.truncate(size)
    before = lab.switches[0].bytes()
    netlab.settle([a, b])
    assert lab.switches[0].bytes() - before < 2 << 20
    for name in ("sparse", "all-hole"):
        assert os.stat(b.file(name)).st_blocks * 512 < 16 << 20, name


def test_a_terabyte_with_little_in_it_is_there_at_once(lab):
    """Fetched block by block, zeros and all, it took hours."""
    a, b = pair(lab)
    pieces = {at: trees.noise(8192) for at in (0, 300 << 30, (1 << 40) - 8192)}
    with open(a.path("image"), "wb") as f:
        f.truncate(1 << 40)
        for at, data in pieces.items():
            f.seek(at)
            f.write(data)
    os.rename(a.path("image"), a.file("image"))
    before = lab.switches[0].bytes()
    a.wait_sync(peers=1)
    b.wait_sync(peers=1)
    assert lab.switches[0].bytes() - before < 2 << 20
    with open(b.file("image"), "rb") as f:
        for at, data in pieces.items():
            f.seek(at)
            assert f.read(len(data)) == data
    def is_sparse(path):
        st = os.stat(path)
        return st.st_size == 1 << 40 and st.st_blocks * 512 < 32 << 20
    assert is_sparse(b.file("image"))
    # Read again, and kept and brought back, it is no more than that either.
    b.cli("verify", "pics")
    os.unlink(a.file("image"))
    a.wait_sync(peers=1)
    b.wait_sync(peers=1)
    b.cli("restore", "pics", "image")
    assert is_sparse(b.file("image"))


def test_special_files_are_listed_with_a_reason_and_disturb_nothing(lab):
    a, b = pair(lab)
    os.mkfifo(a.file("fifo"))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.fsdecode(a.file("socket")))
        trees.write(a.share, {"good": b"1"})
        a.wait_sync(peers=1)
        assert set(a.problems()) == {b"fifo", b"socket"} and all(a.problems().values())
    assert set(trees.picture(b.share)) == {b"good"}
    # The problem goes when its cause goes.
    os.unlink(a.file("fifo"))
    os.unlink(a.file("socket"))
    a.wait_sync(peers=1)
    netlab.until("no problems left", lambda: a.problems() == {})
    assert len(netlab.settle([a, b])) == 1


def test_of_many_that_cannot_be_synced_the_number_is_said(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    for i in range(1100):
        os.mkfifo(a.file("fifo%d" % i))
    a.cli("create", "pics", "--share", a.share)
    a.wait_sync()
    status = a.status()
    assert status["problem_count"] == 1100 and len(status["problems"]) == 1000
    said = a.lanyard("status").out
    assert b"not synced: 1000 paths in the share itself: a FIFO cannot be synced" in said
    assert b"... and 100 more (--json shows 1000 of all)" in said
    assert b"1100 paths cannot be synced" in a.lanyard("doctor").out


def test_a_path_too_long_for_any_peer_is_listed_with_a_reason(lab):
    a, b = pair(lab)
    trees.write(a.share, {"good": b"1"})
    fd = os.open(a.share, os.O_RDONLY)
    for _ in range(21):
        os.mkdir("n" * 200, dir_fd=fd)
        deeper = os.open("n" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    a.wait_sync(peers=1)
    b.wait_sync(peers=1)
    assert a.problems() and b.read("good") == b"1"
    assert max(len(p) for p in trees.picture(b.share)) < 4096


def test_ignored_files_stay_at_home(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, {".lanyardignore": b"*.tmp\n/build/\n!keep.tmp\n# comment\n", "x.tmp": b"1", "keep.tmp": b"2",
                          "build/out": b"3", "src/build/out": b"4", "src/y.tmp": b"5", "src/z": b"6"})
    netlab.form([a, b])
    for host in (a, b):
        host.wait_sync(peers=1)
    got = {p for p, e in trees.picture(b.share).items() if e.kind == "file"}
    assert got == {b"keep.tmp", b"src/build/out", b"src/z"}  # the rules are each one's own
    trees.write(b.share, {"theirs.tmp": b"7"})
    b.wait_sync(peers=1)
    assert not os.path.exists(a.file("theirs.tmp"))
    # What is left out is counted, of our own and of what is told.
    assert a.status()["ignored"] == 3 and a.counters()["records_ignored"] >= 1 and b.status()["ignored"] == 0
    assert ".lanyardignore excludes 3 paths here" in a.lanyard("status").out.decode()


def test_new_ignore_rules_neither_delete_nor_send_again(lab):
    a, b = pair(lab)
    logs = {"x.log": trees.noise(300_000), "d/y.log": trees.noise(200_000, seed=1), "d/kept": b"kept"}
    trees.write(a.share, logs)
    tree = netlab.settle([a, b])

    def rule(text):
        """Set the rules on both, and say how many bytes of content that moved."""
        before = a.counters()["bytes_sent"] + b.counters()["bytes_sent"]
        for host in (a, b):
            trees.write(host.share, {".lanyardignore": text})
        for host in (a, b, a):
            host.wait_sync(peers=1)
        return a.counters()["bytes_sent"] + b.counters()["bytes_sent"] - before

    def files(host):
        return {p: e for p, e in trees.picture(host.share).items() if p != b".lanyardignore"}

    assert rule(b"*.log\n") < 1000
    assert files(a) == files(b) == tree
    # What is ignored may change and go, and stays each one's own.
    trees.write(a.share, {"x.log": b"mine alone"})
    os.unlink(b.file("d/y.log"))
    for host in (a, b, a):
        host.wait_sync(peers=1)
    assert b.read("x.log") == logs["x.log"] and a.read("d/y.log") == logs["d/y.log"]
    # Back in the share, changes made meanwhile travel; the rest is known to be there.
    trees.write(a.share, {"x.log": logs["x.log"]})
    trees.write(b.share, {"d/y.log": logs["d/y.log"]})
    assert rule(b"") < 1000
    assert {p for p in files(a)} == {p for p in files(b)} == set(tree)
    assert b.read("x.log") == logs["x.log"] and a.read("d/y.log") == logs["d/y.log"]


def test_what_is_ignored_by_now_is_neither_told_nor_served(lab):
    """By one member whose rules are its own; when they go, all is told that was left out."""
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    netlab.form([a, b])
    trees.write(a.share, {"x.log": trees.noise(300_000), "small.log": b"1", "kept": b"2"})
    netlab.settle([a, b])
    trees.write(a.share, {".lanyardignore": b".lanyardignore\n*.log\n"})
    a.wait_sync(peers=1)
    b.daemon.stop()
    c.daemon.start("--discovery", "off", "--peer", a.address)
    c.cli("join", "--invite", a.invite("pics"), "--share", c.share)
    c.wait_peers(1)
    for host in (a, c, a):
        host.wait_sync(peers=1)
    assert set(trees.picture(c.share)) == {b"kept"}
    trees.write(a.share, {".lanyardignore": b""})
    netlab.until("c is told of all of it", lambda: os.path.exists(c.file("x.log")) and os.path.exists(c.file("small.log")), 30)


def test_senseless_ignore_rules_hide_nothing_else(lab):
    a, b = lab.host("a"), lab.host("b")
    rules = [b"\xff\xfe\x00binary\x1b[31m", b"[unclosed", b"\\", b"!", b"/", b"**/" * 500 + b"deep", b"x" * 300_000]
    for i, rule in enumerate(rules):
        trees.write(a.share, {"file%d" % i: b"%d" % i})
    netlab.form([a, b])
    for i, rule in enumerate(rules):
        trees.write(a.share, {".lanyardignore": b"*.tmp\n" + rule + b"\n", "x%d.tmp" % i: b"no", "y%d" % i: b"yes"})
        for host in (a, b, a):
            host.wait_sync(peers=1)
        assert b.read("y%d" % i) == b"yes" and "\x1b" not in a.log()
        # What cannot be used is said where one looks for it.
        said = a.problems().get(b".lanyardignore", "")
        assert ("skipped" in said or "not used" in said) == (rule != rules[-2]), (rule, said)
    assert {b"file%d" % i for i in range(len(rules))} <= set(trees.picture(b.share))


def test_the_agents_own_folder_is_not_synced(lab):
    a, b = pair(lab)
    trees.write(a.share, {".lanyard/mine": b"1", "good": b"2"})
    netlab.settle([a, b])
    assert not os.path.exists(b.file(".lanyard/mine"))


def test_a_share_in_a_share_is_refused_by_what_it_is_and_one_that_comes_to_be_there_tells_nothing_of_its_own(lab):
    a, b = pair(lab)
    trees.write(a.share, {"sub/file": b"1"})
    shown = os.path.join(os.path.dirname(a.share), "shown")
    for there in (shown + "-link", shown):
        if there == shown:
            os.mkdir(shown)
            lab.check(["mount", "--bind", a.file("sub"), shown])
            lab.mounts.append(shown)
        else:
            os.symlink(a.file("sub"), there)
        got = a.lanyard("create", "inner", "--share", os.path.join(there, "new"))
        assert got.code == 1 and "overlaps with" in got.err and not os.path.exists(a.file("sub/new"))
    # Moved into it while nobody looks: its files come along, its versions and parts do not.
    other = os.path.join(os.path.dirname(a.share), "other")
    a.cli("create", "other", "--share", other)
    trees.write(other, {"ours": b"2", ".lanyard/versions/00/secret": b"3"})
    a.daemon.stop()
    os.rename(other, a.file("moved"))
    a.daemon.start(*netlab.start_flags(a, [a, b], "off"))
    a.wait_sync(peers=1, group="pics")
    b.wait_sync(peers=1)
    assert b.read("moved/ours") == b"2" and not os.path.exists(b.file("moved/.lanyard"))
    assert "lanyard's own folder" in a.problems("pics")[b"moved/.lanyard"]
    # Found where it went, it is one group's all the same: at the start both are opened at once, and one is refused.
    a.daemon.stop()
    os.symlink(a.file("moved"), other)
    a.daemon.start(*netlab.start_flags(a, [a, b], "off"))
    errors = []

    def begun():
        errors[:] = [g["error"] for g in a.cli("status")["groups"] if g["error"]]
        return errors and "scanning" not in [g["state"] for g in a.cli("status")["groups"]]

    netlab.until("one of them is refused", begun, 20)
    assert len(errors) == 1 and "overlaps with" in errors[0]


def test_every_json_document_is_utf8_and_one(lab):
    a, b = pair(lab)
    trees.write(a.share, {name: b"1" for name in ODD})
    netlab.settle([a, b])
    for command in (["status"], ["peers"], ["groups"], ["members", "pics"], ["files", "pics"], ["downloads"]):
        out = b.lanyard("--json", *command).out
        json.loads(out.decode("utf-8", "strict"))
        assert out.endswith(b"\n") and not re.search(rb"[\x00-\x09\x0b-\x1f]", out)
