"""Rot is found and mended without anybody's asking."""
import mmap
import os

import netlab
import trees


def test_a_scrub_mends_what_rotted(lab):
    """Bytes that change while size and times stand still: a page of a tmpfs that is mapped and already dirty."""
    a, b = lab.host("a"), lab.host("b")
    lab.tmpfs(b.share, "16m")
    os.makedirs(b.home, mode=0o700, exist_ok=True)
    with open(os.path.join(b.home, "lanyard.conf"), "w") as f:
        f.write("[agent]\nscrub-interval = 1s\n")
    netlab.form([a, b])
    trees.write(a.share, {"photo": trees.noise(300_000), "other": b"fine"})
    netlab.settle([a, b])
    with open(b.file("photo"), "r+b") as f, mmap.mmap(f.fileno(), 0) as page:
        page[1000] = page[1000]
        tree = netlab.settle([b, a])
        with b.events() as events:
            page[1000] ^= 0xFF
            assert trees.picture(b.share) != tree
            event = events.wait("problem", path=b"photo")
            assert "without having been written" in event["reason"]
    netlab.until("the photo is whole again", lambda: trees.picture(b.share) == tree, 20)
    assert trees.picture(a.share) == tree
    netlab.settle([a, b])
