"""A tree with every odd name lives between two members that never meet, through a vault; and what of it can be found at the vault, in its
memory while it works, and on its wire."""
import base64
import gzip
import os
import random
import shutil
import zlib

import pytest

import needles
from needles import NAME, TEXT, found_in, on_disk
from netlab import trees
from sealed import memory
from test_sealed_vault import handed_over, three, turn
from trees import noise

FILES = 2000
ODD = [b"n" * 255, "\u00e9".encode(), "e\u0301".encode(), b"a\nb", b" ", b" x ", b"-", b"-rf", b"...", b"~", b"con", b"A", b"a", b"x.", b"%s%n",
       b"\xff\xfe", b"\xf0\x9f\x98", "\u202etxt.exe".encode(), b"$(x)", b"*", b"'\"`", b"a.conflict-20260101-000000-aaaaaaaa"]


def odd_tree():
    rng, names = random.Random(1), dict.fromkeys(ODD + [bytes([c]) for c in range(1, 256) if c not in b"./"])
    while len(names) < FILES:
        names[rng.randbytes(rng.choice((2, 3, 9, 100, 255))).translate(None, b"/\0").ljust(2, b"x")] = None
    files = {b"tree/%d/" % (i % 7) + name: b"%d " % i + name * (i % 50) for i, name in enumerate(names)}
    files.update({b"tree/" + b"/".join([b"deep"] * 60): b"below", "tree/large": noise(3 << 20, 5) + TEXT * 5000, b"tree/" + NAME: TEXT * 2000,
                  b"tree/%s/link" % NAME[::-1]: ("link", b"../" + NAME), "tree/empty": b"", "tree/empty folder": None, "tree/zeros": bytes(1 << 20)})
    return files


def test_the_search_finds_what_it_looks_for(lab):
    # No packed form has it in one piece.
    text = TEXT[:10] + b"--" + TEXT * 10
    packed = [needles.zstd_packed(text), gzip.compress(text), zlib.compress(text, 1), zlib.compress(text, 9)]
    for form in [*needles.forms(TEXT), *packed]:
        assert found_in([noise(1000) + form + noise(1000)]) == {TEXT}, form
    assert not any(TEXT in form for form in packed) and found_in([noise(1 << 20)]) == set()
    plain = lab.host("p").path("x")
    trees.write(plain, {NAME: base64.b64encode(b"a" + TEXT + b"b")})
    assert found_in(on_disk(plain)) == {NAME, TEXT}


@pytest.mark.slow
@pytest.mark.seconds(300)
def test_a_tree_lives_through_a_vault_that_reads_nothing_of_it(lab):
    wire = lab.switch().capture()
    a, b, v = three(lab)
    b.daemon.stop()
    trees.write(a.share, {**odd_tree(), "notes.txt": b"plain text\n" * 40, "both": b"before", "edited": b"before", "gone": b"x"})
    at_work = found_in(text for _ in range(2) for text in memory(v))
    handed_over(a, b, v)
    assert b.status()["files"] > FILES
    # A moved tree costs no content, also if the vault was restarted amid it.
    before = v.status()["vault"]["objects"]
    os.rename(b.file("tree"), b.file("moved"))
    b.wait_peers(1)
    v.daemon.stop()
    v.daemon.start()
    handed_over(b, a, v)
    assert v.status()["vault"]["objects"] == before and v.status()["vault"]["rows"] > 2 * FILES
    # Deletions, an edit of what the other deleted, and a conflict; who comes second knows nothing of it.
    a.daemon.stop()
    for name in ("edited", "gone", "moved/empty"):
        os.unlink(b.file(name))
    shutil.rmtree(b.file("moved/deep"))
    trees.write(b.share, {"both": b"by b, longer", "notes.txt": b"changed by b\n" * 50})
    b.daemon.start()
    b.wait_sync(60, peers=1)
    b.daemon.stop()
    trees.write(a.share, {"both": b"by a", "edited": b"by a, who knows nothing of it"})
    a.daemon.start()
    turn(a, b, v)
    turn(b, a, v)
    handed_over(a, b, v)
    assert b.read("edited") == b"by a, who knows nothing of it" and b.read("notes.txt") == b"changed by b\n" * 50
    assert not any(os.path.exists(b.file(name)) for name in ("gone", "moved/deep", "moved/empty"))
    both = {b.read(entry) for entry in os.listdir(b.share) if entry.startswith("both")}
    assert both == {b"by a", b"by b, longer"}
    seen, = b.status()["vaults"]
    assert (seen["agent"], seen["full"], seen["altered"], seen["waits_for"]) == (v.id, False, 0, None)
    # At the vault and on the wire is nothing of it, in no form; the same search finds it at a member.
    assert found_in([*on_disk(v.home, v.share), v.log().encode()]) == at_work == found_in(memory(v)) == set()
    assert found_in(on_disk(b.home, b.share)) == {NAME, TEXT} and NAME in found_in(memory(b))
    flows = wire.stop().flows()
    assert sum(len(data) for key, data in flows.items() if v.ip in key) > 8 << 20
    assert found_in(flows.values()) == set()
