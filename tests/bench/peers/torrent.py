"""BitTorrent, for one file to several: aria2 and libtorrent, unencrypted, nothing synced to disk.  The torrent is made and known
to all, and the source seeds it, before the clock starts; then the receivers are started."""
import filecmp
import hashlib
import os
import shutil

import netlab
import peers

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORT, TRACKER_PORT = 6881, 6969
PIECE = 256 << 10


def bencode(x):
    if isinstance(x, int):
        return b"i%de" % x
    if isinstance(x, str):
        x = x.encode()
    if isinstance(x, bytes):
        return b"%d:%s" % (len(x), x)
    return b"d" + b"".join(bencode(k) + bencode(x[k]) for k in sorted(x)) + b"e"


def make_torrent(path, announce):
    """What a file of one torrent says (BEP 3)."""
    digests = []
    with open(path, "rb") as f:
        while True:
            piece = f.read(PIECE)
            if not piece:
                break
            digests.append(hashlib.sha1(piece).digest())
    info = {"name": os.path.basename(path), "length": os.path.getsize(path), "piece length": PIECE, "pieces": b"".join(digests)}
    return bencode({"announce": announce, "info": info})


class Torrent(peers.Peer):
    durable = False
    only = ("swarm", "swarm8")

    def __init__(self, a, b):
        super().__init__(a, b)
        self.hosts, self.procs, self.tracker = [], {}, None

    def gather(self, hosts):
        self.hosts = hosts

    def prepare(self, staged):
        """The source's share has the file: that costs nothing while the clock runs."""
        source = self.hosts[0]
        self.name = os.path.basename(staged)
        shutil.copy(staged, source.share)
        self.torrent = source.path("torrent")
        with open(self.torrent, "wb") as f:
            f.write(make_torrent(staged, "http://%s:%d/announce" % (source.ip, TRACKER_PORT)))
        for host in self.hosts[1:]:
            shutil.copy(self.torrent, host.path("torrent"))
        self.member(source, True)

    def scatter(self, _staged):
        for host in self.hosts[1:]:
            self.member(host, False)

    def member(self, host, seed):
        with open(host.path("said"), "wb") as log:
            self.procs[host] = host.popen(*self.command(host, seed), stdout=log, stderr=log)

    def done(self, host):
        return host.path("complete")

    def has(self, host):
        return os.path.exists(self.done(host))

    def check(self):
        for host, proc in self.procs.items():
            if proc.poll() is not None:
                with open(host.path("said"), errors="replace") as f:
                    raise netlab.LabError("%s of %s ended with %d\n%s" % (proc.args[-1], host.name, proc.returncode, f.read()))

    def pids(self, host):
        return [self.procs[host].pid] if host in self.procs else []

    def finish(self):
        first, *others = [os.path.join(host.share, self.name) for host in self.hosts]
        for other in others:
            netlab.until("%s is the source's file" % other, lambda: filecmp.cmp(first, other, shallow=False))

    def stop(self):
        for proc in list(self.procs.values()) + ([self.tracker] if self.tracker else []):
            proc.kill()
            proc.wait()


class Aria2(Torrent):
    settings = "BitTorrent, unencrypted, pieces of 256 KiB, a tracker on the source's host, no DHT, no limits, file-allocation=none"
    needs = ("aria2c",)

    def prepare(self, staged):
        source = self.hosts[0]
        self.tracker = source.popen(peers.PYTHON, os.path.join(HERE, "torrent_tracker.py"), source.ip, str(TRACKER_PORT),
                                    stdout=peers.PIPE)
        if self.tracker.stdout.readline() != b"listening\n":
            raise netlab.LabError("the tracker did not start")
        super().prepare(staged)
        # The receivers are told of the source.
        if self.tracker.stdout.readline() != b"announced\n":
            raise netlab.LabError("the source did not announce itself")

    def command(self, host, seed):
        hook = host.path("hook")
        with open(hook, "w") as f:
            f.write("#!/bin/sh\n: > '%s'\n" % self.done(host))
        os.chmod(hook, 0o755)
        return ("aria2c", "--dir=" + host.share, "--listen-port=%d" % PORT, "--seed-ratio=0", "--seed-time=600",
                "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--bt-require-crypto=false",
                "--bt-min-crypto-level=plain", "--bt-max-peers=0", "--bt-request-peer-speed-limit=0", "--file-allocation=none",
                "--disk-cache=64M", "--check-integrity=false", "--bt-seed-unverified=%s" % ("true" if seed else "false"),
                "--quiet=true", "--no-conf=true", "--allow-overwrite=true",
                "--on-bt-download-complete=" + hook, host.path("torrent"))


class Libtorrent(Torrent):
    settings = "BitTorrent, unencrypted, no uTP, pieces of 256 KiB, no choking, all connected with all at once"
    modules = ("libtorrent",)

    def command(self, host, seed):
        others = ["%s:%d" % (other.ip, PORT) for other in self.hosts if other is not host and not seed]
        return (peers.PYTHON, os.path.join(HERE, "torrent_member.py"), host.path("torrent"), host.share,
                "seed" if seed else "get", "%s:%d" % (host.ip, PORT), self.done(host), *others)

    def prepare(self, staged):
        super().prepare(staged)
        netlab.until("libtorrent seeds", lambda: self.check() or self.has(self.hosts[0]))
