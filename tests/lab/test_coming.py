"""Files that have no record yet: their bytes travel while they are written or hashed, and only their records count."""
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import netlab
from netlab import trees

MIB = 1 << 20


class Writer:
    """Writes a file from front to back, at the pace of the test."""

    def __init__(self, path):
        self.f = open(path, "w+b", buffering=0)
        self.random = open("/dev/urandom", "rb")
        self.size = 0

    def write(self, size):
        for _ in range(size // MIB):
            self.f.write(self.random.read(MIB))
            self.size += MIB

    def write_until(self, test, most=1024 * MIB):
        """Writes on at a limited rate, without a pause that looks like the end, until the test is true."""
        stop = threading.Event()

        def run():
            while self.size < most and not stop.wait(0.01):
                self.write(MIB)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            netlab.until("what was written has come", test, 60)
        finally:
            stop.set()
            thread.join()

    def rewrite(self, offset, size):
        os.pwrite(self.f.fileno(), self.random.read(size), offset)

    def shorten(self, size):
        self.f.truncate(size)
        self.f.seek(size)
        self.size = size

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


def told(host):
    return numbers(host, "comings")["bytes_told"]


def received(host):
    return host.counters()["bytes_received"]


def coming_parts(host):
    return [n for n in os.listdir(host.file(".lanyard/parts")) if n.endswith(b".coming")]


def pair(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    return a, b


def alike(a, b, name="big", timeout=60):
    netlab.settle([a, b], timeout=timeout)
    assert digest(a.file(name)) == digest(b.file(name))
    netlab.until("nothing is left of what came before the record", lambda: coming_parts(b) == [], 10)


def test_what_is_copied_in_is_at_the_peer_before_it_is_closed(lab):
    a, b = pair(lab)
    w = Writer(a.file("big"))
    w.write_until(lambda: received(b) >= 48 * MIB)
    assert not os.path.exists(b.file("big"))
    w.close()
    alike(a, b)
    # Nothing was sent again for the record.
    assert received(b) <= w.size * 1.02 + MIB
    assert numbers(b, "fetch")["coming_taken_bytes"] >= 48 * MIB
    assert numbers(b, "fetch")["coming_dropped_bytes"] == 0
    assert numbers(a, "comings")["bytes_wrong"] == 0


def test_what_is_moved_in_travels_while_it_is_hashed(lab):
    a, b = pair(lab)
    trees.noise_file(a.path("big"), 256 * MIB)
    os.rename(a.path("big"), a.file("big"))
    alike(a, b)
    assert told(a) >= 128 * MIB
    assert received(b) <= 257 * MIB


def test_a_recorder_that_writes_its_header_last_costs_one_block_more(lab):
    a, b = pair(lab)
    w = Writer(a.file("big"))
    w.write_until(lambda: received(b) >= 48 * MIB)
    w.rewrite(0, 44)
    w.close()
    alike(a, b)
    assert received(b) <= w.size * 1.02 + 2 * MIB


def test_a_file_that_is_rewritten_behind_the_cutter_arrives_as_it_is(lab):
    """No event says where a file was written to: the record is of the file as it was read in the end."""
    a, b = pair(lab)
    w = Writer(a.file("big"))
    w.write_until(lambda: received(b) >= 48 * MIB)
    for offset in range(MIB, 40 * MIB, 3 * MIB):
        w.rewrite(offset, 100000)
    w.write(8 * MIB)
    w.close()
    alike(a, b)
    # What came twice is bounded.
    assert received(b) <= 2 * w.size


def test_a_file_under_a_name_of_its_own_while_it_is_written_is_sent_once(lab):
    a, b = pair(lab)
    w = Writer(a.file("big.part"))
    w.write_until(lambda: received(b) >= 48 * MIB)
    w.close()
    os.rename(a.file("big.part"), a.file("big"))
    alike(a, b)
    assert received(b) <= w.size * 1.05 + 2 * MIB


@pytest.mark.parametrize("end", ["deleted", "replaced"])
def test_what_is_no_more_while_it_is_written_is_told_no_more(lab, end):
    """Nobody closes it under its name: the writer's agent notices all the same, and makes room for another."""
    a, b = pair(lab)
    w = Writer(a.file("big"))
    w.write_until(lambda: received(b) >= 16 * MIB)
    if end == "deleted":
        os.unlink(a.file("big"))
    else:
        trees.write(a.share, {"other": b"small"})
        os.rename(a.file("other"), a.file("big"))
    netlab.until("no more is told of it", lambda: numbers(a, "comings")["active"] == 0, 20)
    w.close()
    netlab.settle([a, b])
    assert os.path.exists(b.file("big")) == (end == "replaced")


WRITE = "import sys\nwith open(sys.argv[1], 'wb', 0) as f, open('/dev/urandom', 'rb') as r:\n" \
    " for _ in sys.stdin: f.write(r.read(1 << 20))\n"


def test_a_writer_that_is_killed_leaves_what_it_wrote(lab):
    a, b = pair(lab)
    writer = subprocess.Popen([sys.executable, "-c", WRITE, a.file("big")], stdin=subprocess.PIPE)
    for _ in range(512):
        writer.stdin.write(b"\n")
        writer.stdin.flush()
        if received(b) >= 32 * MIB:
            break
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdin.close()
    assert received(b) >= 32 * MIB
    alike(a, b)
    assert received(b) <= 2 * os.path.getsize(a.file("big"))


def test_a_sender_that_is_killed_meanwhile_sends_the_file_in_the_end(lab):
    a, b = pair(lab)
    w = Writer(a.file("big"))
    w.write_until(lambda: received(b) >= 32 * MIB)
    a.daemon.kill9()
    w.write(16 * MIB)
    a.daemon.start()
    b.wait_peers(1)
    w.write(16 * MIB)
    w.close()
    alike(a, b)


def test_a_receiver_that_is_killed_meanwhile_gets_the_file_in_the_end(lab):
    a, b = pair(lab)
    w = Writer(a.file("big"))
    w.write_until(lambda: received(b) >= 32 * MIB)
    b.daemon.kill9()
    assert coming_parts(b) != []
    w.write(16 * MIB)
    b.daemon.start()
    b.wait_peers(1)
    w.write(16 * MIB)
    w.close()
    alike(a, b)


def test_a_receiver_that_leaves_out_the_path_takes_nothing(lab):
    a, b = pair(lab)
    trees.write(b.share, {"own.iso": b"1"})
    trees.write(b.share, {".lanyardignore": b"*.iso\n"})  # counted by the scan that follows
    netlab.until("b goes by its rules", lambda: b.status()["ignored"] == 1, 30)
    w = Writer(a.file("big.iso"))
    w.write_until(lambda: told(a) >= 48 * MIB)
    w.close()
    trees.write(a.share, {"after": b"1"})
    netlab.until("b has what came after", lambda: os.path.exists(b.file("after")), 30)
    assert received(b) < MIB
    assert coming_parts(b) == []


def test_a_file_that_is_sparse_waits_for_its_record(lab):
    a, b = pair(lab)
    with open(a.file("big"), "w+b", buffering=0) as f, open("/dev/urandom", "rb") as r:
        f.truncate(256 * MIB)
        for i in range(32):
            os.pwrite(f.fileno(), r.read(MIB), (i * 37 % 256) * MIB)
            assert received(b) == 0
    alike(a, b)
    assert received(b) <= 40 * MIB


@pytest.mark.parametrize("way", ["its space is there", "each second piece first"])
def test_a_file_whose_writer_jumps_about_waits_for_its_record(lab, way):
    """As a download of another program: it hardly has holes, and what is read of it may be written later."""
    size, piece = 128 * MIB, MIB // 2
    a, b = pair(lab)
    with open(a.file("big"), "w+b", buffering=0) as f, open("/dev/urandom", "rb") as r:
        places = [i ^ 1 for i in range(size // piece)]
        if way == "its space is there":
            os.posix_fallocate(f.fileno(), 0, size)
            places = [i * 37 % len(places) for i in range(len(places))]
        for i in places:
            os.pwrite(f.fileno(), r.read(piece), i * piece)
            time.sleep(0.01)
        early = received(b)
    alike(a, b)
    print("%d MiB before its close, %d in all" % (early // MIB, received(b) // MIB))
    assert early <= 64 * MIB
    assert received(b) <= size + 66 * MIB


def test_a_file_that_becomes_shorter_waits_for_its_record(lab):
    a, b = pair(lab)
    w = Writer(a.file("big"))
    w.write_until(lambda: received(b) >= 48 * MIB)
    w.shorten(8 * MIB)
    netlab.until("no more is told of it", lambda: numbers(a, "comings")["active"] == 0, 20)
    before = received(b)
    w.write(48 * MIB)
    time.sleep(0.5)
    early = received(b) - before
    w.close()
    alike(a, b)
    assert early <= MIB, "%d MiB came of a file that had become shorter" % (early // MIB)


def test_three_receivers_share_what_is_being_written(lab):
    hosts = [lab.host(name) for name in "abcd"]
    netlab.form(hosts)
    a = hosts[0]
    a.limit("200mbit")
    w = Writer(a.file("big"))
    w.write_until(lambda: min(received(h) for h in hosts[1:]) >= 32 * MIB)
    w.close()
    a.limit(None)
    netlab.settle(hosts, timeout=90)
    for h in hosts[1:]:
        assert digest(a.file("big")) == digest(h.file("big"))
    # Three copies went out before members shared runs.
    assert a.counters()["bytes_sent"] <= 2 * w.size
