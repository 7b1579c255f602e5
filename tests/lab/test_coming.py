"""Files that have no record yet: their bytes travel while they are written or hashed, and only their records count."""
import hashlib
import os
import time

import pytest

import netlab
from netlab import trees

MIB = 1 << 20


class Writer:
    """Writes a file from front to back, at the pace of the test."""

    def __init__(self, path):
        self.f = open(path, "wb", buffering=0)
        self.random = open("/dev/urandom", "rb")
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, size):
        for _ in range(size // MIB):
            piece = self.random.read(MIB)
            self.f.write(piece)
            self.hash.update(piece)
            self.size += MIB

    def close(self):
        self.f.close()
        self.random.close()


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(MIB), b""):
            h.update(piece)
    return h.hexdigest()


def numbers(host, part):
    """The agent's counters of one part of it."""
    return {n["name"]: n["value"] for n in host.cli("debug", "dump")["groups"][0]["numbers"] if n["part"] == part}


def received(host):
    return host.counters()["bytes_received"]


def pair(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    return a, b


def write_until_received(writer, b, least, most):
    """Writes on, a little at a time, until the peer has `least` bytes: the file is open all the while."""
    while received(b) < least:
        assert writer.size < most, "the peer has %d bytes after %d were written" % (received(b), writer.size)
        writer.write(2 * MIB)


def test_what_is_copied_in_is_at_the_peer_before_it_is_closed(lab):
    a, b = pair(lab)
    w = Writer(a.file("big"))
    write_until_received(w, b, 48 * MIB, 1024 * MIB)
    assert not os.path.exists(b.file("big"))
    w.close()
    netlab.settle([a, b])
    assert digest(b.file("big")) == w.hash.hexdigest()
    assert received(b) <= w.size * 1.02 + MIB
    print(numbers(a, "comings"), numbers(b, "fetch"))


def test_what_is_moved_in_travels_while_it_is_hashed(lab):
    a, b = pair(lab)
    trees.noise_file(a.path("big"), 256 * MIB)
    os.rename(a.path("big"), a.file("big"))
    netlab.settle([a, b], timeout=60)
    assert digest(b.file("big")) == digest(a.file("big"))
    assert received(b) <= 257 * MIB
    # Most of it was here before there was a record.
    assert numbers(a, "comings")["bytes_told"] >= 200 * MIB
    assert numbers(b, "fetch")["coming_taken_bytes"] >= 16 * MIB
    print(numbers(a, "comings"), numbers(b, "fetch"))
