"""Rot is found and mended without anybody's asking."""
import os

import netlab
import rot
import trees


def test_a_scrub_mends_what_rotted(lab):
    a, b = lab.host("a"), lab.host("b")
    os.makedirs(b.home, mode=0o700, exist_ok=True)
    with open(os.path.join(b.home, "lanyard.conf"), "w") as f:
        f.write("[agent]\nscrub-interval = 1s\n")
    with rot.rotting_photo(lab, a, b) as (tree, spoil):
        with b.events() as events:
            spoil()
            event = events.wait("problem", path=b"photo")
            assert "without having been written" in event["reason"]
    netlab.until("the photo is whole again", lambda: trees.picture(b.share) == tree, 20)
    assert trees.picture(a.share) == tree
    netlab.settle([a, b])
