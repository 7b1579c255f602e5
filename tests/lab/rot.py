"""Rot: bytes that change while size and times stand still, by a page of a tmpfs that is mapped and already dirty."""
import contextlib
import mmap

import netlab
import trees


@contextlib.contextmanager
def rotting_photo(lab, a, b):
    """a and b in sync in "pics"; yields their tree and what makes b's photo rot, once."""
    lab.tmpfs(b.share, "16m")
    netlab.form([a, b])
    trees.write(a.share, {"photo": trees.noise(300_000), "other": b"fine"})
    netlab.settle([a, b])
    with open(b.file("photo"), "r+b") as f, mmap.mmap(f.fileno(), 0) as page:
        page[1000] = page[1000]
        tree = netlab.settle([b, a])

        def spoil():
            page[1000] ^= 0xFF
            assert trees.picture(b.share) != tree
        yield tree, spoil
