"""What somebody who was a member, and is one no more, can read with all that it has: its keys, and a copy of a vault's disk.
old_keys.c is the program that it would write."""
import os
import shutil
import sqlite3
import subprocess

import pytest

from agents import BUILD, FACTOR
from netlab import trees
from roles import agree
from sealed import found, group_file, join, start, vault_joins
from test_sealed_vault import objects
from trees import noise

PAGED = 5 << 20  # bytes of a file whose list has pages
PROGRAM = os.path.join(BUILD, "tests", "lab", "old_keys")


def files(word):
    """A tree that has the word in names and in contents: small files, blocks, and a list so long that it has pages."""
    text = b"content %s\n" % word
    return {b"%s-small" % word: text, b"%s/large" % word: text * 40000, b"%s/paged" % word: noise(PAGED, word[0]) + text,
            b"%s/link" % word: ("link", b"to-" + word)}


def stored(vault):
    """What is at the vault now: its objects' files and its cores' numbers."""
    with sqlite3.connect(group_file(vault, "index.db")) as db:
        cores = {str(seq) for seq, in db.execute("SELECT seq FROM vault_cores")}
    db.close()
    return {("object", os.path.basename(path)) for path in objects(vault)} | {("core", number) for number in cores}


def tries(home, vault, out):
    """({(kind, name)} of what the keys of that home open, the same of what they do not, all that was opened)."""
    os.mkdir(out)
    got = subprocess.run([PROGRAM, home, os.path.join(vault.share, ".lanyard", "vault"), group_file(vault, "index.db"), out],
                         stdout=subprocess.PIPE, check=True, timeout=60 * FACTOR)
    lines = [line.split() for line in got.stdout.decode().splitlines()]
    texts = []
    for name in os.listdir(out):
        with open(os.path.join(out, name), "rb") as f:
            texts.append(f.read())
    return ({(kind, name) for kind, name, how in lines if how == "opened" and kind != "letter"},
            {(kind, name) for kind, name, how in lines if how == "closed" and kind != "letter"}, texts)


def words(texts):
    return {word for word in (b"early", b"middle", b"late") for kind in (b"content %s", b"%s-small", b"to-%s")
            if any(kind % word in text for text in texts)}


def is_stored(members, v):
    """What is at the vault when all members say that it has everything; it is stopped then."""
    for host in members:
        host.wait_sync(60, peers=len(members))
    v.wait_sync(60)
    v.daemon.stop()
    return stored(v)


def home_copied(host, to):
    shutil.copytree(host.home, to, ignore=shutil.ignore_patterns("*.sock"))
    return to


@pytest.mark.slow
@pytest.mark.seconds(240)
def test_the_keys_of_who_is_no_member_any_more_open_what_was_written_before(lab):
    a, b, v, c, d = (lab.host(n) for n in "abvcd")
    start([a, b, v, c, d])
    found(a)
    vault_joins(v, a)
    for host in (b, c, d):
        join(host, a)
    trees.write(a.share, files(b"early"))
    early = is_stored([a, b, c, d], v)
    first = [home_copied(host, host.home + ".early") for host in (c, d)]
    v.daemon.start()
    # One is removed; the other becomes a vault later, and has kept a copy of its home from when it was a member.
    a.cli("remove", "pics", c.id)
    trees.write(a.share, files(b"middle"))
    with open(a.file("early/paged"), "r+b") as f:
        f.write(b"content middle, in a file that was there")
    middle = is_stored([a, b, d], v) - early
    second = home_copied(d, d.home + ".middle")
    v.daemon.start()
    a.cli("role", "pics", d.id, "vault")
    # Whoever has not heard of it yet still seals for it.
    agree([a, b], {a: "owner", b: "member", v: "vault", d: "vault"})
    trees.write(b.share, files(b"late"))
    os.rename(a.file("early-small"), a.file("late-name-of-early"))
    for host in (a, b):
        host.wait_sync(60, peers=3)
    v.wait_sync(60)
    v.daemon.stop()
    whole = stored(v)
    late = whole - middle - early
    for part in (early, middle, late):
        assert sum(name.endswith(".1") for _, name in part) > 64 and any(name.endswith(".2") for _, name in part)
        assert any(kind == "core" for kind, _ in part)
    a.daemon.stop()
    cases = [(home, early, {b"early"}) for home in (*first, c.home)] + [
        (second, early | middle, {b"early", b"middle"}),
        # The same program, with the keys of who is a member, reads everything.
        (a.home, whole, {b"early", b"middle", b"late"})]
    for home, readable, told in cases:
        opened, closed, texts = tries(home, v, home + ".out")
        assert opened == readable & whole, (home, opened ^ (readable & whole))
        assert closed == whole - readable, home
        assert words(texts) == told, home
