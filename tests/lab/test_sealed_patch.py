"""A large file that is changed in place moves little, also where two members meet only through a vault."""
import os
import random
import sqlite3

from netlab import trees, until
from sealed import group_file
from test_sealed_vault import third, three
from trees import noise

SIZE, PAGE, EDITS = 32 << 20, 4096, 600


def edit(host, name, seed):
    """Some pages, all over the file."""
    pages = random.Random(seed)
    with open(host.file(name), "r+b") as f:
        for page in pages.sample(range(SIZE // PAGE), EDITS):
            f.seek(page * PAGE + pages.randrange(PAGE - 16))
            f.write(pages.randbytes(16))


def agree_all(a, b, v):
    for host in (a, b):
        host.wait_sync(90, peers=2)
    v.wait_sync(90)
    assert trees.picture(a.share) == trees.picture(b.share)


def test_a_large_file_changed_in_place_moves_little_through_a_vault(lab):
    a, b, v = three(lab)
    c = third(lab, a, v)
    c.daemon.stop()
    trees.write(a.share, {"disk": noise(SIZE, 3)})
    a.wait_sync(90, peers=2)
    v.wait_sync(90)
    b.daemon.stop()
    # Two edits in a row: what is told of the second one is a patch of the same blocks.
    for seed in (1, 2):
        before = a.counters()["bytes_sent"]
        edit(a, "disk", seed)
        a.wait_sync(90, peers=1)
        v.wait_sync(90)
        assert 0 < a.counters()["bytes_sent"] - before < SIZE // 3, seed
    a.daemon.stop()
    # Who has the version before gets the patches; who has nothing, what they are of as well.
    for host, most in ((b, SIZE // 2), (c, 2 * SIZE)):
        host.daemon.start()
        host.wait_sync(90, peers=1)
        assert trees.picture(host.share) == trees.picture(a.share)
        assert host.counters()["bytes_received"] < most, host.name
        host.daemon.stop()


def test_who_has_a_file_from_a_vault_changes_it_for_little(lab):
    a, b, v = three(lab)
    b.daemon.stop()
    trees.write(a.share, {"disk": noise(SIZE, 3)})
    a.wait_sync(90, peers=1)
    v.wait_sync(90)
    a.daemon.stop()
    b.daemon.start()
    b.wait_sync(90, peers=1)
    before = b.counters()["bytes_sent"]
    edit(b, "disk", 1)
    b.wait_sync(90, peers=1)
    v.wait_sync(90)
    assert 0 < b.counters()["bytes_sent"] - before < SIZE // 3


def changes_it_for_little(host, v, seed):
    """What the host, alone with the vault, sends of its change."""
    before = host.counters()["bytes_sent"]
    edit(host, "disk", seed)
    host.wait_sync(90, peers=1)
    v.wait_sync(90)
    assert 0 < host.counters()["bytes_sent"] - before < SIZE // 3, seed


def test_who_has_a_file_from_another_member_changes_it_for_little(lab):
    a, b, v = three(lab)
    trees.write(a.share, {"disk": noise(SIZE, 3)})
    agree_all(a, b, v)
    # What b gets here, the vault has as patches.
    edit(a, "disk", 1)
    agree_all(a, b, v)
    a.daemon.stop()
    for seed in (2, 3):
        changes_it_for_little(b, v, seed)
    a.daemon.start()
    agree_all(a, b, v)
    b.daemon.stop()
    changes_it_for_little(a, v, 4)


def test_who_has_patches_from_a_vault_changes_their_blocks_for_little(lab):
    a, b, v = three(lab)
    c = third(lab, a, v)
    c.daemon.stop()
    b.daemon.stop()
    trees.write(a.share, {"disk": noise(SIZE, 3)})
    a.wait_sync(90, peers=1)
    v.wait_sync(90)
    edit(a, "disk", 1)
    a.wait_sync(90, peers=1)
    v.wait_sync(90)
    a.daemon.stop()
    c.daemon.start()
    c.wait_sync(90, peers=1)
    changes_it_for_little(c, v, 2)


def test_what_is_noted_of_a_file_follows_it(lab):
    a, b, v = three(lab)
    trees.write(a.share, {"before": noise(SIZE, 3)})
    agree_all(a, b, v)
    a.daemon.stop()
    os.rename(b.file("before"), b.file("disk"))
    b.wait_sync(90, peers=1)
    v.wait_sync(90)
    index = sqlite3.connect("file:%s?mode=ro" % group_file(b, "index.db"), uri=True)
    count = "SELECT count(*) FROM bases WHERE path = ?"
    until("the notes follow", lambda: index.execute(count, (b"before",)).fetchone() == (0,), 20)
    index.close()
    changes_it_for_little(b, v, 2)
