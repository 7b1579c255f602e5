"""A vault in a sealed group, by real agents: it keeps what it cannot read, and members meet through it."""
import hashlib
import json
import os
import re
import shutil
import sqlite3

import pytest

import netlab
from needles import NAME, TEXT
from netlab import trees, until
from roles import agree, refused
from sealed import found, group_file, join, post, start, vault_joins
from trees import noise

KEEPS = "this agent is a vault here: it keeps what it cannot read"


def test_a_vault_says_what_it_is_and_what_it_cannot(lab):
    a, v = lab.host("a"), lab.host("v")
    trees.write(a.share, {"notes": b"plain"})
    start([a, v])
    found(a)
    vault_joins(v, a)
    agree([a, v], {a: "owner", v: "vault"})
    assert (v.status()["role"], v.status()["mode"], a.status().get("vault")) == ("vault", None, None)
    assert v.cli("groups")["groups"][0]["role"] == "vault" and v.cli("groups")["groups"][0]["sealed"]
    until(lambda: "they are connected: %s" % a.peers(), lambda: v.id in a.peers() and a.id in v.peers(), 20)
    assert a.peers()[v.id]["vault_in"] == ["pics"] and "vault_in" not in v.peers()[a.id]
    for command in (("files", "pics"), ("get", "pics", "notes"), ("drop", "pics", "notes"), ("mode", "pics", "on-demand"),
                    ("share", "pics", a.file("notes").decode()), ("unshare", "pics", "notes"), ("conflicts", "pics"), ("release", "pics"),
                    ("versions", "pics", "notes"), ("revert", "pics"), ("get", "pics", "notes", "--to", v.path("out"))):
        refused(v, *command, words=[KEEPS])
    for call, body in (("share", {"paths": ["notes"]}), ("resolve", {"path": "notes", "keep": "both"})):
        status, answer = post(v, "/v1/groups/pics/" + call, **body)
        assert status == 409 and answer["error"] == KEEPS, (call, status, answer)
    assert os.listdir(v.share) == [".lanyard"]
    assert rotten(v) == 0
    assert not os.path.exists(group_file(v, "keys.bin"))
    # A pause, a restart, and a folder that is away for a while.
    v.cli("pause", "pics")
    v.cli("resume", "pics")
    v.daemon.stop()
    v.daemon.start()
    v.wait_peers(1)
    assert v.status()["role"] == "vault" and "vault" in v.status()
    os.rename(v.share, v.share + "-away")
    until(lambda: "its folder is missed: %s" % v.status(), lambda: v.status()["error"], 20)
    os.rename(v.share + "-away", v.share)
    until(lambda: "its folder is back: %s" % v.status(), lambda: not v.status()["error"], 20)
    v.cli("leave", "pics")
    assert not os.path.exists(os.path.join(v.share, ".lanyard"))


def test_a_vault_is_accepted_in_a_sealed_group_alone(lab):
    a, v = lab.host("a"), lab.host("v")
    start([a, v])
    a.cli("create", "plain", "--share", a.share)
    for call, body in (("accept", {}), ("role", {}), ("invite", None)):
        body = {"role": "vault"} if body is None else {"agent": v.id, "role": "vault"}
        status, answer = post(a, "/v1/groups/plain/" + call, **body)
        assert status == 409 and "not sealed" in answer["error"], (call, status, answer)
    a.cli("leave", "plain")
    found(a)
    status, answer = post(a, "/v1/groups/pics/accept", agent=v.id, role="vault")
    assert (status, answer["role"]) == (200, "vault")
    agree([a], {a: "owner", v: "vault"})


def test_a_member_is_made_a_vault_and_a_vault_is_not_made_a_member(lab):
    a, b, v = (lab.host(n) for n in "abv")
    trees.write(a.share, {"notes": b"plain"})
    start([a, b, v])
    found(a)
    join(b, a)
    vault_joins(v, a)
    netlab.until("b has the file", lambda: os.path.exists(b.file("notes")), 20)
    # What is plain on its disk is its user's; what it knew as a member goes.
    a.cli("role", "pics", b.id, "vault")
    until(lambda: "b is a vault: %s" % b.status(), lambda: "vault" in b.status(), 20)
    assert b.read("notes") == b"plain" and not os.path.exists(group_file(b, "keys.bin"))
    trees.write(a.share, {"after": b"not for b"})
    trees.write(b.share, {"own": b"of b"})
    # The other way it stops, in words, also after a restart.
    a.cli("role", "pics", v.id, "member")
    for _ in range(2):
        until(lambda: "v says what it was: %s" % v.status(), lambda: "was a vault here" in (v.status()["error"] or ""), 20)
        assert not os.path.exists(group_file(v, "keys.bin")) and not os.path.exists(v.file("notes"))
        v.daemon.stop()
        v.daemon.start()
    assert not os.path.exists(b.file("after")) and not os.path.exists(a.file("own"))
    trees.write(v.share, {"own": b"of v"})
    v.cli("leave", "pics")
    until(lambda: "v has left", lambda: v.cli("groups")["groups"] == [], 20)
    until(lambda: "the space is free", lambda: os.listdir(v.share) == ["own"], 20)


TREE = {"notes.txt": b"plain text\n" * 40, "empty": b"", "a folder": None, "a folder/large": noise(2 << 20), NAME: TEXT * 2000,
        "a folder/link": ("link", "../notes.txt"), b"odd \xff name": b"x", "zeros": bytes(1 << 20)}


def three(lab, *flags):
    """An owner, a member and a vault; the members have met, and have the keys, and nothing else."""
    a, b, v = (lab.host(n) for n in "abv")
    start([a, b], *flags)
    start([v], "--peer", a.address, "--peer", b.address, *flags)
    found(a)
    vault_joins(v, a)
    join(b, a)
    a.wait_peers(2)
    b.wait_sync(peers=2)
    return a, b, v


def third(lab, owner, vault):
    """A further member, which connects with these two."""
    c = lab.host("c")
    c.daemon.start("--discovery", "off", "--peer", owner.address, "--peer", vault.address, "--log-level", "debug")
    c.id = c.agent_id()
    join(c, owner)
    c.wait_sync(peers=2)
    return c


def turn(one, other, vault):
    """All that one member has is at the vault, and then at the other; the two never run at the same time."""
    one.wait_sync(60, peers=1)
    vault.wait_sync(60)
    one.daemon.stop()
    other.daemon.start()
    other.wait_sync(60, peers=1)


def handed_over(one, other, vault):
    turn(one, other, vault)
    said = trees.differences(trees.picture(one.share), trees.picture(other.share))
    assert not said, "\n".join(said)


def test_more_files_than_may_wait_to_be_acknowledged(lab):
    a, b, v = three(lab)
    b.daemon.stop()
    trees.many(a.file("many").decode(), 5000, size=200)
    handed_over(a, b, v)
    # The vault knows how far each member is: only so it forgets deletions, and gives back space.
    dump, = v.cli("debug", "dump")["groups"]
    settled = {m["agent"]: m["settled"] for m in dump["members"]}
    assert settled[b.id] > 5000, settled


def test_what_is_only_listed_is_read_from_a_vault(lab):
    a, b, v = three(lab)
    b.cli("mode", "pics", "on-demand")
    trees.write(a.share, TREE)
    a.wait_sync(60, peers=2)
    v.wait_sync(60)
    a.daemon.stop()
    b.wait_peers(1)
    assert not os.path.exists(b.file("a folder/large"))
    b.cli("get", "pics", "a folder/large", "--to", b.path("copy"))
    with open(b.path("copy"), "rb") as f:
        assert f.read() == TREE["a folder/large"]
    b.cli("get", "pics", "notes.txt")
    until(lambda: "the file is here", lambda: os.path.exists(b.file("notes.txt")), 20)
    assert b.read("notes.txt") == TREE["notes.txt"]


def test_a_member_that_was_away_gets_new_keys_from_a_vault_alone(lab):
    a, b, v = three(lab)
    c = third(lab, a, v)
    b.daemon.stop()
    trees.write(a.share, {"before": b"for c too"})
    c.wait_sync(60)
    until("c has it", lambda: os.path.exists(c.file("before")), 20)
    a.cli("remove", "pics", c.id)
    trees.write(a.share, {"after": b"not for c", "before": b"changed"})
    handed_over(a, b, v)
    # The owner away, the vault still gives the one that was removed nothing.
    until(lambda: "c is out: %s" % c.status(), lambda: "no longer a member" in (c.status()["error"] or ""), 20)
    assert not os.path.exists(c.file("after")) and c.read("before") == b"for c too"


def test_what_a_removed_member_wrote_is_still_to_be_had_from_a_vault(lab):
    a, b, v = three(lab)
    c = third(lab, a, v)
    # The vault has it from its author alone.
    b.daemon.stop()
    a.daemon.stop()
    trees.write(c.share, {"of c": noise(300000), "d/of c": b"small"})
    c.wait_sync(60, peers=1)
    v.wait_sync(60)
    a.daemon.start()
    a.wait_sync(60, peers=2)
    a.cli("remove", "pics", c.id)
    c.daemon.stop()
    handed_over(a, b, v)
    assert b.read("d/of c") == b"small" and b.read("of c") == noise(300000)


def test_a_file_whose_last_writer_left_for_good_reaches_the_vault_all_the_same(lab):
    a, b, v = three(lab)
    c = third(lab, a, v)
    b.daemon.stop()
    v.daemon.stop()
    # The vault has never heard of it, and its writer has left the group when it comes.
    trees.write(c.share, {"of c": noise(300000), "d/of c": b"small"})
    until("a has it", lambda: os.path.exists(a.file("of c")) and os.path.exists(a.file("d/of c")), 30)
    a.wait_sync(60, peers=1)
    c.cli("leave", "pics")
    c.daemon.stop()
    v.daemon.start()
    a.wait_peers(1)
    handed_over(a, b, v)
    assert b.read("d/of c") == b"small" and b.read("of c") == noise(300000)


def test_a_burst_of_deletions_is_held_across_a_vault_and_what_goes_is_kept(lab):
    a, b, v = three(lab)
    trees.many(a.file("d").decode(), 60, size=500)
    trees.write(a.share, {"doc": b"first"})
    b.daemon.stop()
    handed_over(a, b, v)
    trees.write(b.share, {"doc": b"second"})
    handed_over(b, a, v)
    assert len(a.cli("versions", "pics", "doc")["versions"]) == 1
    # Nobody but the vault is there when the other hears of it.
    tree = trees.picture(a.share)
    shutil.rmtree(a.file("d"))
    until(lambda: "a holds what vanished: %s" % a.status()["holds"], lambda: a.status()["held"] > 50, 20)
    a.cli("release", "pics")
    a.wait_sync(60, peers=1)
    v.wait_sync(60)
    a.daemon.stop()
    b.daemon.start()
    until(lambda: "b holds it: %s" % b.status()["holds"], lambda: b.status()["held"] > 50, 30)
    hold, = b.status()["holds"]
    assert hold["by"] == a.id and not hold["here"] and not b.status()["in_sync"], hold
    assert trees.picture(b.share) == tree
    b.cli("release", "pics")
    b.wait_sync(60, peers=1)
    assert not os.path.exists(b.file("d"))
    path = next(p.decode() for p in tree if p.startswith(b"d/") and tree[p][0] != "dir")
    b.cli("restore", "pics", path)
    b.wait_sync(60, peers=1)
    assert trees.picture(b.share)[path.encode()] == tree[path.encode()]


def test_members_that_meet_do_not_leave_the_vault_behind(lab):
    a, b, v = three(lab)
    c = lab.host("c")
    c.daemon.start("--discovery", "off", "--peer", a.address, "--peer", v.address, "--log-level", "debug")
    join(c, a)
    c.wait_sync(peers=2)
    c.daemon.stop()
    for i in range(12):
        one, other = (a, b) if i % 2 else (b, a)
        trees.write(one.share, {"d%d/f%d" % (i % 3, k): b"%d %d" % (i, k) * 300 for k in range(20)})
        trees.write(other.share, {"both": b"%d" % i, "own %d" % i: noise(100000, i)})
        if i % 4 == 3:
            os.rename(one.file("d%d" % (i % 3)), one.file("moved %d" % i))
    for host in (a, b, v, a, b, v):
        host.wait_sync(60)
    netlab.settle([a, b], peers=[2, 2])
    v.wait_sync(60)
    b.daemon.stop()
    handed_over(a, c, v)


def test_what_is_named_as_lanyards_own_folder_stays_where_it_is(lab):
    a, b, v = three(lab)
    b.daemon.stop()
    trees.write(a.share, {"one/.lanyard": b"a's file", "one/other": b"1", "two/.lanyard/deep": b"in a's folder", "two/other": b"2"})
    # Nothing waits for them, the vault gets neither, and the user is told.
    a.wait_sync(60, peers=1)
    v.wait_sync(60)
    # A file that was seen empty first has two rows there, until b knows the second.
    assert set(a.files("pics")) == {b"one", b"one/other", b"two", b"two/other"} and 4 <= v.status()["vault"]["rows"] <= 6
    both = {b"one/.lanyard", b"two/.lanyard"}
    until(lambda: "both are said: %s" % a.problems("pics"), lambda: set(a.problems("pics")) == both, 20)
    assert all("lanyard's own folder" in p for p in a.problems("pics").values())
    # The other member has such names of its own in the same folders, of the other kind.
    trees.write(b.share, {"one/.lanyard/deep": b"in b's folder", "two/.lanyard": b"b's file"})
    turn(a, b, v)
    assert (b.read("one/other"), b.read("two/other")) == (b"1", b"2")
    assert (b.read("one/.lanyard/deep"), b.read("two/.lanyard")) == (b"in b's folder", b"b's file")
    until(lambda: "b says both: %s" % b.problems("pics"), lambda: set(b.problems("pics")) == both, 20)
    # What is around them is deleted and moved, and they stay, as between members: with their folder, of which the user is told.
    os.unlink(b.file("one/other"))
    os.rename(b.file("two"), b.file("three"))
    b.wait_sync(60, peers=1)
    v.wait_sync(60)
    b.daemon.stop()
    a.daemon.start()
    until(lambda: "a says why the folder stays: %s" % a.problems("pics"), lambda: "not shared" in a.problems("pics").get(b"two", ""), 30)
    until(lambda: "a has the rest", lambda: os.path.exists(a.file("three/other")) and not os.path.exists(a.file("one/other")), 30)
    assert a.read("one/.lanyard") == b"a's file" and a.read("three/other") == b"2" and a.read("two/.lanyard/deep") == b"in a's folder"
    assert not os.path.exists(a.file("three/.lanyard")) and not os.path.exists(a.file("two/other"))


@pytest.mark.parametrize("who", ["vault", "member"])
def test_one_that_lost_its_index_loses_nothing(lab, who):
    a, b, v = three(lab)
    b.daemon.stop()
    trees.write(a.share, TREE)
    handed_over(a, b, v)
    b.daemon.stop()
    loser = v if who == "vault" else a
    if who == "vault":
        v.daemon.stop()
    stored = {path: os.stat(path).st_ino for path in objects(v)}
    for name in os.listdir(os.path.dirname(group_file(loser, "index.db"))):
        if name.startswith("index.db"):
            os.unlink(group_file(loser, name))
    trees.write(a.share, {"later": b"of a"})
    if who == "vault":
        v.daemon.start()
    a.daemon.start()
    handed_over(a, b, v)
    # What the vault has is not sent again, and nothing of it is a change.
    assert all(os.stat(path).st_ino == inode for path, inode in stored.items())
    assert rotten(v) == 0
    trees.write(b.share, {"later still": b"of b"})
    handed_over(b, a, v)
    assert not [name for name in os.listdir(a.share) if "conflict" in name]


@pytest.mark.parametrize("who", ["vault", "member"])
def test_one_that_is_killed_while_it_is_told_goes_on(lab, who):
    a, b, v = three(lab)
    b.daemon.stop()
    for i in range(4):
        trees.many(a.file("many %d" % i).decode(), 200, seed=i)
        trees.write(a.share, {"large %d" % i: noise(3 << 20, i)})
        until(lambda: "some of it is there", lambda: v.status()["vault"]["rows"] > 100 * i, 30)
        killed = v if who == "vault" else a
        killed.daemon.kill9()
        killed.daemon.start()
        killed.wait_peers(1)
    handed_over(a, b, v)


def test_a_full_vault_is_said_at_both_ends(lab):
    a, b, v = three(lab)
    b.daemon.stop()
    v.daemon.stop()
    with open(v.path("small.conf"), "w", encoding="ascii") as f:
        f.write("[agent]\nvault-disk = 2M\n")
    flags = [*netlab.start_flags(v, [a, b, v], "off"), "--log-level", "debug"]
    v.daemon.start(*flags, "--config", v.path("small.conf"))
    trees.write(a.share, {"large%d" % i: noise(1 << 20, i) for i in range(4)})
    until(lambda: "a says that the vault is full: %s" % a.status(), lambda: "full" in (a.status()["waits_for"] or ""), 60)
    until(lambda: "v says that it is full: %s" % v.status(), lambda: "full" in (v.status()["waits_for"] or ""), 60)
    assert v.status()["state"] == "waiting" and v.status()["vault"]["full"]
    assert v.status()["vault"]["stored_bytes"] <= v.status()["vault"]["quota"] == 2 << 20
    assert b"and is full" in a.lanyard("status").out and b"the vault is full" in v.lanyard("status").out
    # With more room for this group it takes the rest, without a restart.
    with open(v.path("small.conf"), "w", encoding="ascii") as f:
        f.write("[agent]\nvault-disk = 2M\n[group pics]\nshare = %s\nvault-disk = 200M\n" % v.share)
    v.daemon.reload()
    until(lambda: "v has more room: %s" % v.status(), lambda: v.status()["vault"]["quota"] == 200 << 20, 20)
    handed_over(a, b, v)


def rotten(vault):
    got = vault.lanyard("--json", "verify", "pics")
    count = json.loads(got.out)["rotten_count"]
    assert got.code == (1 if count else 0)
    return count


def objects(vault):
    return sorted(os.path.join(folder, name) for folder, _, files in os.walk(os.path.join(vault.share, ".lanyard", "vault"))
                  for name in files)


def test_one_flipped_bit_is_found_and_mended_by_a_member(lab):
    a, b, v = three(lab)
    b.daemon.stop()
    trees.write(a.share, TREE)
    a.wait_sync(60, peers=1)
    assert rotten(v) == 0
    a.daemon.stop()
    path = objects(v)[0]
    with open(path, "r+b") as f:
        f.seek(100)
        byte = f.read(1)
        f.seek(100)
        f.write(bytes([byte[0] ^ 1]))
    assert rotten(v) == 1
    a.daemon.start()
    until(lambda: "the object is mended", lambda: rotten(v) == 0, 60)
    handed_over(a, b, v)


def with_its_digest(db, path, sealed):
    """Puts other bytes in the place of an object so that the vault itself cannot tell: behind them and in its index is their digest."""
    name, generation, kind = os.path.basename(path).split(".")
    digest = hashlib.sha256(sealed).digest()
    with open(path, "wb") as f:
        f.write(sealed + digest)
    got = db.execute("UPDATE vault_objects SET size = ?, sum = ? WHERE name = ?",
                     (len(sealed), digest, bytes([int(kind)]) + bytes.fromhex(generation + name)))
    assert got.rowcount == 1


def harm(v, how):
    """Alters each block that the vault has."""
    paths = [path for path in objects(v) if path.endswith(".1")]
    sealed = []
    for path in paths:
        with open(path, "rb") as f:
            sealed.append(f.read()[:-32])
    if how == "one bit":
        sealed = [text[:100] + bytes([text[100] ^ 1]) + text[101:] for text in sealed]
    elif how == "swapped":
        sealed = sealed[1:] + sealed[:1]
    elif how == "under another's head":
        sealed = [text[:46] + other[46:] for text, other in zip(sealed, sealed[1:] + sealed[:1])]
    elif how == "cut":
        sealed = [text[:-64] for text in sealed]
    with sqlite3.connect(group_file(v, "index.db")) as db:
        for path, text in zip(paths, sealed):
            with_its_digest(db, path, text)
    db.close()


@pytest.mark.parametrize("how", ["one bit", "swapped", "under another's head", "cut"])
def test_members_notice_what_a_vault_itself_cannot_and_lose_nothing(lab, how):
    a, b, v = three(lab)
    before = {"early": b"before"}
    trees.write(a.share, before)
    b.wait_sync(60, peers=2)
    until("b has it", lambda: os.path.exists(b.file("early")), 20)
    b.daemon.stop()
    files = {"early": b"after", "small": b"s" * 100, "large": noise(300000), "larger": noise(2 << 20)}
    trees.write(a.share, files)
    a.wait_sync(60, peers=1)
    v.wait_sync(60)
    a.daemon.stop()
    v.daemon.stop()
    harm(v, how)
    v.daemon.start()
    assert rotten(v) == 0
    b.daemon.start()
    until(lambda: "b notices: %s" % b.status()["vaults"], lambda: [s for s in b.status()["vaults"] if s["altered"]], 30)
    said, = b.status()["vaults"]
    assert said["agent"] == v.id and not b.status()["in_sync"]
    text = b.lanyard("status").out.decode()
    counted = re.search(r"vault v gave (\d+) block", text)
    assert counted and int(counted.group(1)) >= said["altered"] and "that an honest vault does not give" in text, text
    assert b.read("early") == b"before" and not any(os.path.exists(b.file(name)) for name in ("small", "large", "larger"))
    # Members give each other what the vault cannot, and nothing that it gave is anywhere.
    a.daemon.start()
    netlab.settle([a, b], peers=[2, 2], timeout=60)
    assert all(b.read(name) == a.read(name) == content for name, content in files.items())
