"""Sealed groups and vaults as people use them, by the words of docs/vaults.md: at the keyboard, after a lost disk, and where a vault's disk
fails."""
import os

import pytest

import netlab
from netlab import trees, until
from sealed import found, join, start, vault_joins
from test_restore import export, load, lose_disk
from test_sealed_heads import copy, heads, put_back
from trees import noise

FILES = {"a-needle": b"plain", "folder/large": noise(3 << 20)}


def said(host, *command):
    got = host.lanyard(*command)
    assert got.code == 0, got
    return got.out.decode()


def grouped(lab, names="abv"):
    """An owner with FILES, members, and vaults called v and w; everybody has everything."""
    hosts = [lab.host(name) for name in names]
    trees.write(hosts[0].share, FILES)
    start(hosts)
    found(hosts[0])
    for host in hosts[1:]:
        if host.name in "vw":
            vault_joins(host, hosts[0])
        else:
            join(host, hosts[0])
    for host in hosts + hosts:
        host.wait_sync(60, peers=len(hosts) - 1)
    return hosts


def test_what_a_vault_says_names_nothing_and_its_folder_stays_its_users(lab):
    a, v = lab.host("a"), lab.host("v")
    trees.write(a.share, FILES)
    own = {"own": b"of the vault's user", "sub/own": b"x", "vault/own": b"y"}
    trees.write(v.share, own)
    mine = trees.picture(v.share)
    start([a, v])
    found(a)
    join(v, a, "--role", "vault")
    for host in (a, v, a):
        host.wait_sync(60, peers=1)
    store = v.status()["vault"]
    assert said(v, "verify", "pics").startswith("read %d objects, " % store["objects"])
    assert said(v, "downloads") == "" and said(a, "conflicts", "pics") == ""
    assert v.id in str(a.files("pics")[b"a-needle"])
    told = [said(v, *c) for c in (("debug", "dump"), ("events",), ("status",), ("peers",), ("members", "pics"), ("doctor",))]
    assert not [text for text in told + [v.log()] if "needle" in text or "folder/" in text]
    assert "needle" in said(a, "events")
    # Nothing of its own came to others, and it is all there afterwards.
    assert sorted(a.files("pics")) == [b"a-needle", b"folder", b"folder/large"]
    assert "what it stored in %s is deleted" % v.share in said(v, "leave", "pics")
    assert sorted(os.listdir(v.share)) == ["own", "sub", "vault"] and trees.picture(v.share) == mine
    # It joins as a member, with another folder.
    v.share = v.path("another")
    os.mkdir(v.share)
    join(v, a)
    netlab.settle([a, v])


@pytest.mark.parametrize("form", ["file", "paper"])
def test_a_lost_disk_comes_back_from_a_vault_alone(lab, form):
    a, b, v = grouped(lab)
    trees.write(b.share, {"of b": b"b"})
    b.wait_sync(60, peers=2)
    a.wait_sync(60, peers=2)
    v.wait_sync(60)
    before = trees.picture(a.share)
    key = export(a, *(["--paper"] if form == "paper" else []))
    for host in (a, b):
        lose_disk(host)
    a.daemon.start("--discovery", "off", "--peer", v.address)
    got = load(a, key, "--share", a.share)
    assert got.code == 0, got
    a.wait_sync(60, peers=1)
    differences = trees.differences(before, trees.picture(a.share))
    assert not differences, "\n".join(differences)
    # It goes on: a new member has the keys from it, and what it changes then from the vault.
    b.daemon.start("--discovery", "off", "--peer", v.address, "--peer", a.address)
    join(b, a)
    b.wait_sync(60, peers=2)
    b.daemon.stop()
    trees.write(a.share, {"later": b"l"})
    a.wait_sync(60, peers=1)
    v.wait_sync(60)
    a.daemon.stop()
    b.daemon.start()
    b.wait_sync(60, peers=1)
    assert b.read("later") == b"l" and b.read("of b") == b"b"


def test_a_restored_member_notices_a_vault_that_was_put_back(lab):
    """What the vault had signed when the key file was made is in it."""
    a, v = grouped(lab, "av")
    until(lambda: "a has a head of v: %s" % heads(a), lambda: v.id in heads(a), 60)
    v.daemon.stop()
    copies = copy([v.home, v.share])
    before = heads(a)[v.id]["as_of"]
    v.daemon.start()
    trees.write(a.share, {"after the copy": b"a" * 10000})
    a.wait_sync(60, peers=1)
    until(lambda: "v has signed again: %s" % heads(a), lambda: heads(a)[v.id]["as_of"] > before, 60)
    key = export(a)
    lose_disk(a)
    v.daemon.stop()
    put_back(copies)
    v.daemon.start()
    a.daemon.start("--discovery", "off", "--peer", v.address)
    got = load(a, key, "--share", a.share)
    assert got.code == 0, got
    until(lambda: "a names v: %s" % heads(a), lambda: heads(a).get(v.id, {}).get("blame") in (
        "shows an older state than it signed", "has lost what it kept, or was put back, and began again"), 60)
    a.wait_sync(60, peers=1)
    assert sorted(os.listdir(a.share)) == [".lanyard", "a-needle", "folder"]


def test_a_lost_vault_comes_back_and_is_filled_again(lab):
    a, v = grouped(lab, "av")
    stored = v.status()["vault"]["objects"]
    key = export(v)
    lose_disk(v)
    v.daemon.start("--discovery", "off", "--peer", a.address)
    got = load(v, key)
    assert got.code == 0, got
    until(lambda: "it has all again: %s" % v.status(), lambda: v.status().get("vault", {}).get("objects") == stored, 30)
    assert os.listdir(v.share) == [".lanyard"]


def test_two_vaults_have_everything_from_members(lab):
    a, b, v, w = grouped(lab, "abvw")
    b.daemon.stop()
    w.daemon.stop()
    trees.write(a.share, {"new": b"n"})
    a.wait_sync(60, peers=1)
    v.wait_sync(60)
    # One of them is lost; the member brings the other what it lacks.
    w.daemon.start()
    a.wait_sync(60, peers=2)
    w.wait_sync(60)
    a.daemon.stop()
    v.daemon.stop()
    b.daemon.start()
    b.wait_sync(60, peers=1)
    assert b.read("new") == b"n"


def test_what_only_a_vault_has_is_not_dropped(lab):
    a, b, v = grouped(lab)
    a.cli("mode", "pics", "on-demand")
    b.daemon.stop()
    a.wait_peers(1)
    got = a.lanyard("drop", "pics", "a-needle")
    assert got.code == 1 and "it may be the last copy" in got.err and a.read("a-needle") == b"plain"
    b.daemon.start()
    a.wait_peers(2)
    a.wait_sync(60)
    a.cli("drop", "pics", "a-needle")
    b.daemon.stop()
    a.cli("get", "pics", "a-needle")
    until("the vault gives it", lambda: os.path.exists(a.file("a-needle")), 20)
    assert a.read("a-needle") == b"plain"


def test_a_removed_vault_keeps_what_it_has_until_it_leaves(lab):
    a, v = grouped(lab, "av")
    a.cli("remove", "pics", v.id)
    until(lambda: "it knows: %s" % v.status(), lambda: "no longer a member" in (v.status()["error"] or ""), 20)
    assert os.listdir(os.path.join(v.share, ".lanyard", "vault"))
    trees.write(a.share, {"after": b"not for it"})
    a.wait_sync(30)
    assert a.status()["vaults"] == []
    assert "is deleted" in said(v, "leave", "pics")
    assert os.listdir(v.share) == []


def test_a_vault_whose_disk_is_full_or_gone_says_so(lab):
    a, v = lab.host("a"), lab.host("v")
    lab.tmpfs(v.share, "6m")
    start([a, v])
    found(a)
    vault_joins(v, a)
    trees.write(a.share, {"large%d" % i: noise(1 << 20, i) for i in range(8)})
    until(lambda: "v says that its disk is full: %s" % v.status(), lambda: v.status()["waits_for"] == "more space: the disk is full", 60)
    until(lambda: "a says so: %s" % a.status(), lambda: a.status()["waits_for"] == "the vault v, which is full", 60)
    assert "  waits for more space: the disk is full\n" in said(v, "status") and "stores" in said(v, "status")
    got = v.lanyard("doctor")
    assert got.code == 1 and b"bad   disk of pics: " in got.out, got
    lab.umount(v.share)
    until(lambda: "its folder is missed: %s" % v.status(), lambda: v.status()["error"], 20)
    text = said(v, "status")
    assert "  a vault\n" in text and "vaults cannot read it" not in text, text
    # Nothing is written to what is below the mount.
    assert os.listdir(v.share) == []
    until(lambda: "a goes on: %s" % a.status(), lambda: a.status()["vaults"] == [] and a.status()["in_sync"], 20)


def test_a_disk_that_is_read_only_is_not_called_full(lab):
    a, v = lab.host("a"), lab.host("v")
    lab.tmpfs(v.share, "60m")
    start([a, v])
    found(a)
    vault_joins(v, a)
    lab.remount(v.share, size="60m", read_only=True)
    trees.write(a.share, {"more": noise(1 << 20)})
    until(lambda: "v says why: %s" % v.status(), lambda: "cannot be written to" in (v.status()["waits_for"] or ""), 20)
    assert "; the disk cannot be written to: see the log\n" in said(v, "status")
    assert "cannot be written to: Read-only file system" in v.log()
