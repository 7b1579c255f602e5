"""A sealed group of members, by real agents: they sync as in any other group, and what they say of it travels sealed."""
import os

import test_restore
from netlab import settle, start_flags, trees, until
from sealed import found, group_file, join, start, vault_joins

TREE = {"notes.txt": b"planted in plain text\n" * 40, "empty": b"", "dir": None, "dir/large": bytes(range(256)) * 4096,
        "dir/link": ("link", "../notes.txt"), b"odd \xff name": b"x"}


def group(hosts):
    """The first founds it, the others join by an invite."""
    start(hosts)
    found(hosts[0])
    for host in hosts[1:]:
        join(host, hosts[0])
    for host in hosts:
        host.wait_peers(len(hosts) - 1)


def keys(host):
    """What the agent's dump says of its keys."""
    dump, = host.cli("debug", "dump")["groups"]
    return {n["name"]: n["value"] for n in dump["numbers"] if n["part"] == "keys"}


def sealed_frames(host, other):
    """(out, in) on the connection with another member, as the dump counts them."""
    dump, = host.cli("debug", "dump")["groups"]
    numbers, = [m.get("numbers", []) for m in dump["members"] if m["agent"] == other.id]
    return tuple(sum(n["value"] for n in numbers if n["name"] == "sealed_frames" and n["part"] == part) for part in ("out", "in"))


def test_two_sync_both_ways_and_what_they_say_is_sealed(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, TREE)
    group([a, b])
    settle([a, b])
    trees.write(b.share, {"from b": b"b" * 100000, "dir/large": b"changed"})
    settle([b, a])
    assert min(sealed_frames(a, b) + sealed_frames(b, a)) > 4
    assert keys(a)["generation"] == keys(b)["generation"] >= 1
    assert os.stat(os.path.join(a.home, "groups", a.status()["id"], "keys.bin")).st_mode & 0o777 == 0o600
    # What is on the disk is enough after a restart.
    for host in (a, b):
        host.daemon.stop()
    trees.write(a.share, {"while all were away": b"1"})
    for host in (a, b):
        host.daemon.start()
    a.wait_peers(1)
    settle([a, b])


def test_one_comes_by_a_member_s_invite_and_one_by_asking(lab):
    a, b, c, d = (lab.host(n) for n in "abcd")
    for host in (a, b, c, d):
        host.daemon.start("--discovery", "embedded")
        host.id = host.agent_id()
    trees.write(a.share, TREE)
    found(a)
    join(b, a)
    b.wait_peers(1)
    settle([a, b])
    # Founder and inviter are away: any member may let it in, and give it the keys.
    token = a.invite("pics")
    a.daemon.stop()
    c.cli("join", "--invite", token, "--share", c.share)
    settle([b, c])
    a.daemon.start()
    until(lambda: "%s sees the group" % d.name, lambda: d.cli("groups")["seen"], 20)
    d.lanyard("--json", "join", "pics", "--share", d.share, "--timeout", "0")
    until(lambda: "the request is here: %s" % a.cli("requests"), lambda: a.cli("requests")["requests"], 20)
    a.cli("accept", "pics", d.id)
    d.wait_peers(3)
    trees.write(d.share, {"from d": b"d" * 5000})
    settle([d, a, b, c])
    assert len({keys(h)["generation"] for h in (a, b, c, d)}) == 1


def waits_for(host, *words):
    def says():
        group = host.status()
        return group["state"] == "waiting" and all(w in (group["waits_for"] or "") for w in words)
    until(lambda: "%s waits for %s: %s" % (host.name, words, host.status()), says, 20)


def test_a_member_without_keys_waits_until_somebody_has_them(lab):
    a, b, c = (lab.host(n) for n in "abc")
    trees.write(a.share, TREE)
    group([a, c])
    settle([a, c])
    token = a.invite("pics")
    for host in (a, c):
        host.daemon.stop()
    os.unlink(group_file(a, "keys.bin"))
    # An agent that lost its keys is a member still, and lets others in; it can neither scan nor say anything.
    a.daemon.start()
    waits_for(a, "the group's keys", "nobody who has them is connected")
    trees.write(a.share, {"not scanned": b"yet"})
    b.daemon.start(*start_flags(b, [a, b, c], "off"))
    b.id = b.agent_id()
    b.cli("join", "--invite", token, "--share", b.share)
    waits_for(b, "the group's keys", "nobody who has them is connected")
    assert b.lanyard("wait", "--timeout", "0").code == 1
    assert not os.path.exists(group_file(b, "keys.bin"))
    # A restart and a pause change nothing.
    b.daemon.stop()
    b.daemon.start()
    b.cli("pause", "pics")
    b.cli("resume", "pics")
    waits_for(b, "nobody who has them is connected")
    c.daemon.start()
    for host in (a, b, c):
        host.wait_peers(2)
    settle([a, b, c])
    assert keys(a)["held"] == keys(b)["held"] == keys(c)["held"]


def test_one_without_keys_can_be_removed_and_can_leave(lab):
    a, b, c = (lab.host(n) for n in "abc")
    group([a, b])
    settle([a, b])
    b.daemon.stop()
    os.unlink(group_file(b, "keys.bin"))
    a.daemon.stop()
    b.daemon.start()
    waits_for(b, "the group's keys")
    b.daemon.stop()
    a.daemon.start()
    a.cli("remove", "pics", b.id)
    b.daemon.start()
    until(lambda: "b is out: %s" % b.status(), lambda: "no longer a member" in (b.status()["error"] or ""), 20)
    assert not os.path.exists(group_file(b, "keys.bin"))
    b.cli("leave", "pics")
    assert b.cli("groups")["groups"] == []


def test_a_removed_member_gets_no_new_keys_and_the_others_go_on_at_once(lab):
    a, b, c = (lab.host(n) for n in "abc")
    trees.write(a.share, TREE)
    group([a, b, c])
    settle([a, b, c])
    before, held = keys(a)["generation"], keys(c)["held"]
    a.cli("remove", "pics", c.id)
    assert keys(a)["generation"] == before + 1 and keys(a)["seals"] == 1
    trees.write(a.share, {"after": b"not for c"})
    b.wait_peers(1)
    settle([a, b])
    assert keys(a)["generation"] == keys(b)["generation"] == before + 1
    until(lambda: "c is out: %s" % c.status(), lambda: "no longer a member" in (c.status()["error"] or ""), 20)
    assert keys(c)["held"] == held and keys(c)["seals"] == 0
    assert not os.path.exists(c.file("after"))
    # One that is added again gets all of them.
    a.cli("role", "pics", c.id, "member")
    for host in (a, b, c):
        host.wait_peers(2)
    settle([a, b, c])
    assert keys(c)["held"] == keys(a)["held"]


def test_two_removals_apart_end_with_one_generation(lab):
    a, b, c, d = (lab.host(n) for n in "abcd")
    group([a, b, c, d])
    a.cli("role", "pics", b.id, "owner")
    settle([a, b, c, d])
    for host in (b, c, d):
        host.daemon.stop()
    a.cli("remove", "pics", c.id)
    a.daemon.stop()
    b.daemon.start()
    b.cli("remove", "pics", d.id)
    trees.write(b.share, {"sealed apart": b"b"})
    b.wait_sync()
    a.daemon.start()
    a.wait_peers(1)
    settle([a, b], timeout=60)
    assert keys(a)["held"] == keys(b)["held"] and keys(a)["generation"] == keys(b)["generation"]
    for host in (c, d):
        host.daemon.start()
        until(lambda: "%s is out: %s" % (host.name, host.status()), lambda: "no longer a member" in (host.status()["error"] or ""), 30)
        assert keys(host)["held"] < keys(a)["held"]


def test_when_one_leaves_the_others_wait_for_a_new_generation(lab):
    a, b, c = (lab.host(n) for n in "abc")
    group([a, b, c])
    settle([a, b, c])
    before = keys(a)["generation"]
    c.cli("leave", "pics")
    waits_for(a, "a new generation is awaited")
    trees.write(b.share, {"after": b"not for c"})
    until(lambda: "a new generation is here: %s" % keys(a), lambda: keys(a)["generation"] > before, 60)
    b.wait_peers(1)
    settle([b, a])


MIB = 1 << 20


def test_all_cut_in_the_same_places(lab):
    """Those who have the same content send none of it; an insertion costs what is next to it."""
    a, b = lab.host("a"), lab.host("b")
    large = os.urandom(24 * MIB)
    files = {"large": large, "middle": large[:3 * MIB], "small": b"s" * 3000}
    for host in (a, b):
        trees.write(host.share, files)
    group([a, b])
    settle([a, b])
    assert a.counters()["blocks_sent"] == b.counters()["blocks_sent"] == 0
    trees.write(a.share, {"large": large[:MIB] + b"inserted" + large[MIB:]})
    settle([a, b])
    assert 0 < b.counters()["bytes_received"] < 2 * MIB
    os.rename(b.file("large"), b.file("moved"))
    settle([b, a])
    assert a.counters()["blocks_received"] == 0


def test_a_reader_reads_and_a_role_that_is_taken_back_means_other_keys(lab):
    a, b, c = (lab.host(n) for n in "abc")
    trees.write(a.share, TREE)
    group([a, b])
    c.daemon.start(*start_flags(c, [a, b, c], "off"))
    c.id = c.agent_id()
    c.cli("join", "--invite", a.invite("pics", "--role", "reader"), "--share", c.share)
    for host in (a, b, c):
        host.wait_peers(2)
    settle([a, b, c])
    before = keys(a)["generation"]
    a.cli("role", "pics", b.id, "reader")
    assert keys(a)["generation"] == before + 1
    until(lambda: "b is a reader", lambda: b.status()["role"] == "reader", 20)
    trees.write(a.share, {"after": b"all read it"})
    for host in (a, b, c):
        host.wait_peers(2)
    settle([a, b, c])
    assert keys(b)["held"] == keys(c)["held"] == keys(a)["held"]


def test_a_lost_disk_comes_back_by_key_file_and_by_paper(lab):
    a, b = lab.host("a"), lab.host("b")
    trees.write(a.share, TREE)
    group([a, b])
    settle([a, b])
    key, paper = test_restore.export(a), test_restore.export(a, "--paper")
    for what in (key, paper):
        test_restore.lose_disk(a)
        got = test_restore.load(a, what, "--share", a.share)
        assert got.code == 0, got
        a.daemon.start(*start_flags(a, [a, b], "off"))
        a.wait_peers(1)
        settle([b, a])
        assert a.agent_id() == a.id and keys(a)["held"] == keys(b)["held"]
        # Its owner can still change who belongs to the group.
        trees.write(a.share, {"again": what.encode()})
        settle([a, b])


def test_a_member_that_was_away_gets_its_keys_from_a_vault_s_mail(lab):
    a, b, c, v = hosts = [lab.host(n) for n in "abcv"]
    group([a, b, c])
    v.daemon.start(*start_flags(v, hosts, "off"), "--log-level", "debug")
    v.id = v.agent_id()
    vault_joins(v, a)
    settle([a, b, c])
    # While b is away, and c is removed, there is a new generation. Then everybody else goes, too.
    b.daemon.stop()
    generation, mailed = keys(a)["generation"], keys(a)["mailed"]
    a.cli("remove", "pics", c.id)
    assert keys(a)["generation"] == generation + 1
    until(lambda: "mail for a and b is at the vault: %s" % keys(a), lambda: keys(a)["mailed"] >= mailed + 2, 20)
    for host in (a, c):
        host.daemon.stop()
    b.daemon.start()
    until(lambda: "b has the keys of the new generation: %s" % keys(b),
          lambda: keys(b)["seals"] == 1 and keys(b)["generation"] == generation + 1, 20)
    # One whose disk was lost finds its own envelope there.
    b.daemon.stop()
    os.unlink(group_file(b, "keys.bin"))
    b.daemon.start()
    until(lambda: "b has its keys again: %s" % keys(b), lambda: keys(b)["seals"] == 1, 20)
    b.wait_sync()
