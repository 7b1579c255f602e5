"""A lost disk comes back: key export, a new disk, key import, and the agent is the one it was. Nothing that it lost is taken for deleted."""
import os
import pty
import select
import shutil
import signal
import stat
import termios
import time

import agents
import netlab
from netlab import trees, until

PASSPHRASE = "correct horse battery"


def passphrase_file(host, text=PASSPHRASE, name="passphrase"):
    path = host.path(name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + "\n")
    return path


def export(host, *options, to=None):
    """Its key file, or its page of paper."""
    to = to or host.path("paper" if options else "key")
    answer = host.cli("key", "export", to, *options, "--passphrase-file", passphrase_file(host))
    assert answer["agent"] == host.agent_id() and answer["file"] == to
    return to


def lose_disk(host):
    """The agent is gone, with all that it had."""
    if host.daemon.running():
        host.daemon.kill9()
    for path in (host.home, host.share):
        shutil.rmtree(path)
    os.mkdir(host.share)


def load(host, key, *options, passphrase=PASSPHRASE):
    return host.lanyard("key", "import", key, "--passphrase-file", passphrase_file(host, passphrase, "again"), *options)


def refused(got, *words):
    assert got.code == 1 and all(w in got.err for w in words), got


def three(lab, files, discovery="off"):
    """Three hosts in a group; the first will lose its disk."""
    hosts = [lab.host(n) for n in "abc"]
    trees.write(hosts[0].share, files)
    netlab.form(hosts, discovery=discovery)
    netlab.settle(hosts)
    return hosts


def members(host):
    return {m["agent"]: m["role"] for m in host.cli("members", "pics")["members"]}


FILES = {"one": b"1", "folder/two": b"22" * 5000, "gone": b"0", "large": os.urandom(3 << 20)}


def test_a_lost_disk_comes_back_and_what_was_deleted_meanwhile_stays_deleted(lab):
    a, b, c = three(lab, FILES)
    agent, roles = a.agent_id(), members(b)
    key = export(a)
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    lose_disk(a)
    os.unlink(b.file("gone"))
    trees.write(c.share, {"meanwhile": b"333"})
    netlab.settle([b, c], peers=[1, 1])
    # Neither the others nor the fresh agent are told an address: theirs are in the key file.
    for host, other in ((b, c), (c, b)):
        host.daemon.stop()
        host.daemon.start("--discovery", "off", "--peer", other.address)
    a.daemon.start("--discovery", "off")
    assert a.agent_id() != agent
    got = load(a, key)
    assert got.code == 0 and agent in got.out.decode() and a.share in got.out.decode(), got
    assert a.agent_id() == agent
    a.wait_peers(2)
    tree = netlab.settle([a, b, c])
    assert set(tree) == {b"one", b"folder", b"folder/two", b"large", b"meanwhile"}
    assert members(a) == members(b) == roles and roles[agent] == "owner"
    for host in (b, c):
        assert host.status()["held"] == 0 and host.cli("versions", "pics", "one")["versions"] == []
    # It is a member like before, and its numbers are new: what it changes now is heard by all.
    trees.write(a.share, {"one": b"of a again"})
    netlab.settle([a, b, c])
    a.daemon.stop()
    a.daemon.start()
    netlab.settle([a, b, c])
    assert b.read("one") == b"of a again"
    assert PASSPHRASE not in a.log()


def test_without_an_agent_the_key_goes_into_the_home_and_the_paper_is_enough(lab):
    a, b, c = three(lab, FILES, discovery="embedded")
    agent = a.agent_id()
    paper = export(a, "--paper")
    with open(paper, encoding="ascii") as f:
        text = f.read()
    assert text.startswith("# ") and agent in text and PASSPHRASE not in text
    lose_disk(a)
    typed = a.path("typed")
    with open(typed, "w", encoding="ascii") as f:
        f.write(text.upper().replace("\n", "\r\n").replace("     ", " "))
    got = load(a, typed, "--share", a.share)
    assert got.code == 0 and b"start lanyardd" in got.out, got
    a.daemon.start("--discovery", "embedded")
    assert a.agent_id() == agent
    a.wait_peers(2, timeout=40)
    netlab.settle([a, b, c])
    assert a.read("one") == b"1"


def test_a_share_that_survived_is_merged(lab):
    """Only the system's disk is gone. What changed in the share meanwhile is a change, and nothing is sent twice."""
    a, b, c = three(lab, FILES)
    key = export(a)
    a.daemon.stop()
    shutil.rmtree(a.home)
    trees.write(a.share, {"while it was out": b"4"})
    trees.write(b.share, {"meanwhile": b"333"})
    netlab.settle([b, c], peers=[1, 1])
    assert load(a, key).code == 0
    a.daemon.start("--discovery", "off")
    a.wait_peers(2)
    tree = netlab.settle([a, b, c])
    assert set(tree) == {b"one", b"folder", b"folder/two", b"gone", b"large", b"while it was out", b"meanwhile"}
    assert a.counters()["bytes_received"] < 1 << 20


def test_it_waits_for_a_member_over_restarts_and_says_so(lab):
    a, b, c = three(lab, FILES)
    key = export(a)
    for host in (b, c):
        host.daemon.stop()
    lose_disk(a)
    a.daemon.start("--discovery", "off")
    assert load(a, key).code == 0
    for _ in range(2):
        group, = a.cli("groups")["groups"]
        assert (group["group"], group["state"], group["share"]) == ("pics", "restored", a.share)
        assert "restored from a key file" in a.status()["waits_for"] and a.status()["error"] is None
        assert b"restored" in a.lanyard("status").out
        a.daemon.stop()
        a.daemon.start("--discovery", "off")
    assert trees.picture(a.share) == {}
    # What waits is in the next key file as well.
    again = export(a, to=a.path("key2"))
    lose_disk(a)
    assert load(a, again).code == 0
    a.daemon.start("--discovery", "off")
    b.daemon.start()
    a.wait_peers(1, timeout=70)
    netlab.settle([b, a])


def test_one_that_was_removed_meanwhile_is_told_so_and_comes_back_when_it_is_added_again(lab):
    hosts = b, a, c = three(lab, FILES)
    key, agent = export(a), a.agent_id()
    lose_disk(a)
    b.cli("remove", "pics", agent)
    netlab.settle([b, c], peers=[1, 1])
    assert load(a, key, "--share", a.share).code == 0
    a.daemon.start("--discovery", "off", "--peer", b.address)
    until(lambda: "a is told: %s" % a.status(), lambda: "removed it" in (a.status()["error"] or ""), 30)
    assert trees.picture(a.share) == {} and a.peers() == {}
    b.cli("role", "pics", agent, "member")
    until(lambda: "a is a member again: %s" % a.status(), lambda: a.status()["role"] == "member", 90)
    a.wait_peers(2, timeout=60)
    netlab.settle(hosts)


def test_every_group_comes_back_to_its_place_or_to_a_folder_of_its_name(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    for name in ("docs", "music"):
        trees.write(a.path(name), {"in " + name: name.encode()})
        a.cli("create", name, "--share", a.path(name))
        b.cli("join", "--invite", a.invite(name), "--share", b.path(name))
        a.wait_sync(group=name)
    b.cli("mode", "music", "on-demand")
    b.wait_sync()
    agent, key = b.agent_id(), export(b)
    lose_disk(b)
    for name in ("docs", "music"):
        shutil.rmtree(b.path(name))
    b.daemon.start("--discovery", "off")
    got = b.cli("key", "import", key, "--share", b.path("all"), "--passphrase-file", b.path("passphrase"))
    assert got["agent"] == agent
    assert {g["group"]: g["share"] for g in got["groups"]} == {n: b.path("all/" + n) for n in ("pics", "docs", "music")}
    until("all groups are members again", lambda: all(g["role"] == "member" for g in b.cli("groups")["groups"]), 30)
    b.wait_sync(peers=1)
    assert {g["group"]: g["mode"] for g in b.cli("groups")["groups"]} == {"pics": "mirror", "docs": "mirror", "music": "on-demand"}
    assert trees.picture(b.path("all/docs")) == trees.picture(a.path("docs"))
    assert trees.picture(b.path("all/music")) == {} and b"in music" in b.files("music")


def test_what_is_wrong_with_a_key_is_said_and_changes_nothing(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    key, paper = export(a), export(a, "--paper")
    refused(a.lanyard("key", "export", key, "--passphrase-file", a.path("passphrase")), "is there already")
    refused(load(a, key), "in 1 group already")
    a.daemon.stop()
    refused(load(a, key), "in 1 group already")
    with open(key, "rb") as f:
        good = f.read()
    with open(paper, encoding="ascii") as f:
        lines = f.read().splitlines()
    lines[7] = lines[7][:10] + ("a" if lines[7][10] != "a" else "c") + lines[7][11:]
    wrong = {"flipped": bytes(good[:99] + bytes([good[99] ^ 1]) + good[100:]), "later": b"LANYKEY2" + good[8:], "other": b"a letter\n" * 20,
             "short": good[:-1], "mistyped": ("\n".join(lines) + "\n").encode(), "empty": b""}
    for name, content in wrong.items():
        with open(a.path(name), "wb") as f:
            f.write(content)
    b = lab.host("b")
    for runs in (False, True):
        if runs:
            b.daemon.start("--discovery", "off")
            before = b.agent_id()
        for name, words in (("flipped", "is damaged"), ("short", "is damaged"), ("later", "a later lanyard"), ("other", "not a key file"),
                            ("empty", "not a key file"), ("mistyped", "line 5 is wrong"), ("none", "No such file")):
            refused(load(b, a.path(name)), words)
            # Found before the passphrase is asked for.
            refused(b.lanyard("key", "import", a.path(name), "--passphrase-file", a.path("nowhere")), words)
        refused(load(b, key, passphrase="wrong"), "passphrase is wrong")
        assert not os.path.exists(os.path.join(b.home, "groups"))
    assert b.agent_id() == before and b.cli("groups")["groups"] == []
    # An identity without groups may be replaced.
    assert load(b, key).code == 0 and b.agent_id() != before
    assert "wrong" not in b.log().replace("went wrong", "")


def test_a_key_that_is_in_use_elsewhere_stops_and_nobody_loses_anything(lab):
    """The key file of an agent that still runs: the one that was made from it stops and says why, the other goes on."""
    a, b, c = three(lab, FILES)
    key = export(a)
    d = lab.host("d")
    d.daemon.start("--discovery", "off")
    assert load(d, key, "--share", d.share).code == 0
    until(lambda: "d goes on: %s" % d.status(), lambda: d.status()["error"], 40)
    assert "restored while its agent still runs" in d.status()["error"] and d.status()["state"] == "error"
    assert "restored while" in d.cli("status")["copied"]
    trees.write(b.share, {"after": b"5"})
    netlab.settle([b, a, c])
    assert set(trees.picture(a.share)) == {b"one", b"folder", b"folder/two", b"gone", b"large", b"after"}
    assert not a.cli("status")["copied"] or "this one continues" in a.cli("status")["copied"]
    trees.write(a.share, {"of a": b"6"})
    netlab.settle([a, b, c])


def test_a_group_of_the_settings_that_was_restored_stays_so_at_a_reload(lab):
    """The invite that the settings name is for a machine that was never in the group: the key file is worth more."""
    a, b, c = three(lab, FILES)
    key, invite = export(a), a.invite("pics")
    for host in (b, c):
        host.daemon.stop()
    lose_disk(a)
    with open(a.path("invite"), "w", encoding="ascii") as f:
        f.write(invite)
    with open(a.path("lanyard.conf"), "w", encoding="utf-8") as f:
        f.write("[group pics]\nshare = %s\ninvite-file = %s\n" % (a.path("elsewhere"), a.path("invite")))
    assert load(a, key).code == 0
    a.daemon.start("--discovery", "off", "--config", a.path("lanyard.conf"))
    for n in range(2):
        until("the settings were read", lambda: a.log().count("elsewhere") == n + 1, 20)
        group, = a.cli("groups")["groups"]
        assert (group["state"], group["share"]) == ("restored", a.share)
        a.daemon.reload()


def test_the_agent_goes_on_as_what_its_home_is_after_an_import_that_failed_half_way(lab):
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    key, agent = export(a), a.agent_id()
    a.daemon.stop()
    b.daemon.start("--discovery", "off")
    os.makedirs(os.path.join(b.home, "groups", ".in the way"))
    refused(load(b, key, "--share", b.share), "import it again")
    # It is stopped and started meanwhile, so nobody may answer for a moment.
    until("it starts with the key", lambda: "agent %s" % agent in b.lanyard("status").out.decode(), 20)
    shutil.rmtree(os.path.join(b.home, "groups"))
    assert load(b, key, "--share", b.share).code == 0
    assert b.cli("groups")["groups"][0]["state"] == "restored"


def test_a_folder_that_cannot_be_the_share_is_found_before_the_key_is_replaced(lab):
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    key = export(a)
    a.daemon.stop()
    shutil.rmtree(os.path.join(a.share, ".lanyard"))
    trees.write(a.share, {"not the group's": b"1"})
    for runs in (False, True):
        if runs:
            b.daemon.start("--discovery", "off")
            before = b.agent_id()
        refused(load(b, key), "by --share", "mount the disk")
        refused(load(b, key, "--share", b.home), "agent's home")
        refused(load(b, key, "--share", "/"), "agent's home")
        refused(load(b, key, "--share", "/proc/share"), "virtual")
        assert not os.path.exists(os.path.join(b.home, "groups"))
    assert b.agent_id() == before
    assert load(b, key, "--share", a.share).code == 0


def test_a_path_that_is_not_in_the_key_file_is_said(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    a.cli("create", "deep", "--share", a.path("/".join(["d" * 100] * 3)))
    got = a.lanyard("key", "export", a.path("key"), "--passphrase-file", passphrase_file(a))
    assert got.code == 0 and b"the share of deep is too long" in got.out and b"the share of pics" not in got.out
    got = a.cli("key", "export", a.path("key2"), "--passphrase-file", a.path("passphrase"))
    assert got["without_path"] == ["deep"] and len(got["groups"]) == 2


def ask(host, *args, answers):
    """Run `lanyard` on a terminal, type the answers, one at each colon; what the terminal showed, and the exit status.
    A number is a signal to it. The terminal has to show again what is typed."""
    leader, follower = pty.openpty()
    cmd = [os.path.join(agents.BUILD, "lanyard"), "--home", host.home, *args]
    proc = host.popen("setsid", "--ctty", "--wait", *cmd, stdin=follower, stdout=follower, stderr=follower, env=agents.clean_env(host))
    os.close(follower)
    shown, end = b"", time.monotonic() + 20 * netlab.FACTOR
    answers = list(answers)
    while time.monotonic() < end:
        ready, _, _ = select.select([leader], [], [], 0.1)
        try:
            data = os.read(leader, 4096) if ready else b""
        except OSError:
            break
        shown += data
        if answers and data.endswith(b": "):
            answer = answers.pop(0)
            if isinstance(answer, int):
                os.kill(os.tcgetpgrp(leader), answer)
            else:
                os.write(leader, answer)
    code = proc.wait(10)
    assert termios.tcgetattr(leader)[3] & termios.ECHO
    os.close(leader)
    return shown, code


def test_the_passphrase_is_asked_twice_on_a_terminal_and_never_shown(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    shown, code = ask(a, "key", "export", a.path("key"), answers=[b"secret words\n", b"secret words\n"])
    assert code == 0 and b"again" in shown and b"secret" not in shown and os.path.exists(a.path("key")), shown
    shown, code = ask(a, "key", "export", a.path("other"), answers=[b"secret words\n", b"sacred words\n"])
    assert code == 1 and b"differ" in shown and not os.path.exists(a.path("other"))
    for end in (b"secr\x03", b"secr\x1a", b"secr\x1c", signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        for answers in ([end], [b"secret words\n", end]):
            shown, code = ask(a, "key", "export", a.path("other"), answers=answers)
            assert code == 1 and b"no passphrase" in shown and not os.path.exists(a.path("other")), (end, shown)
    shown, code = ask(a, "key", "export", a.path("other"), answers=[b"x" * 1025 + b"\n"])
    assert code == 1 and b"at most 1024 bytes" in shown and not os.path.exists(a.path("other"))
    b = lab.host("b")
    shown, code = ask(b, "key", "import", a.path("key"), answers=[b"secret words\n"])
    assert code == 0 and b"again" in shown, shown
    # Without a terminal it is not asked for.
    got = b.lanyard("key", "import", a.path("key"))
    assert got.code == 2 and "--passphrase-file" in got.err
