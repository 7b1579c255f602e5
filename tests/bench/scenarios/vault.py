"""Into a vault and out of it again, beside the same straight from one member to another in a plain group. The two members of the
sealed group are never up together, so every byte goes through the vault. It stores all before the second begins."""
import os
import time

import ground
import netlab
import watch

TITLE = "one file of %(size)s, then %(count)d files of %(each)s: from member to member, into a vault, out of it"
SIZES = {"small": {"size": 64 << 20, "count": 2000, "each": 4096, "folders": 20},
         "full": {"size": 1 << 30, "count": 20000, "each": 4096, "folders": 200}}
ROWS = tuple(("%s_%s%s" % (what, way, key), "%s, %s%s" % (words, where, label), unit)
             for what, words in (("big", "the file"), ("many", "the files"))
             for way, where in (("direct", "member to member"), ("in", "into the vault"), ("out", "out of it"))
             for key, label, unit in (("", "", "s"), ("_cpu", ": CPU of both", "s"), ("_ratio", ": of the direct time", "%"))
             if (way, key) != ("direct", "_ratio"))
PEERS = ("lanyard",)


class Clock:
    """Seconds, and CPU-s of these agents."""

    def __init__(self, *hosts):
        self.hosts, self.start, self.cpu = hosts, time.monotonic(), self._used(hosts)

    def read(self):
        return time.monotonic() - self.start, self._used(self.hosts) - self.cpu

    @staticmethod
    def _used(hosts):
        return sum(ground.cpu_of(host.daemon.pid) for host in hosts)


def put(host, stage, name):
    os.rename(stage, os.path.join(host.share, name))


def form(first, vault, second):
    """A sealed group. Both members have its keys, and the second is down."""
    for host in (first, vault, second):
        host.daemon.start(*netlab.start_flags(host, (first, vault, second), "off"))
    first.cli("create", "kept", "--share", first.share, "--sealed")
    vault.cli("join", "--invite", first.invite("kept", "--role", "vault"), "--share", vault.share)
    second.cli("join", "--invite", first.invite("kept"), "--share", second.share)
    for host in (first, second):
        host.wait_sync(60, peers=2)
    second.daemon.stop()
    first.wait_sync(60, peers=1)


def ready(stand):
    ground.disk.settle(stand.lab.dir)
    ground.await_quiet()


def out_of(stand, vault, second, expected):
    """From the connection of the second with the vault, which is up alone, until all is there."""
    ready(stand)
    complete = watch.Complete(second.share, expected)
    second.daemon.start(wait=False)
    netlab.until("%s sees the vault" % second.name, lambda: second.connections(4170), every=0.002)
    clock = Clock(vault, second)
    complete.wait(900, stand.peer.check)
    return clock.read()


def run(stand, size):
    c, v, d = (stand.lab.host(name) for name in "cvd")
    stand.peer.start()
    form(c, v, d)
    many = lambda stage: ground.small_files(stage, size["count"], size["each"], size["folders"])  # noqa: E731
    big = lambda stage: ground.big_file(stage, size["size"]) or {}  # noqa: E731
    result = {}
    for what, fill in (("big", big), ("many", many)):
        stages = [os.path.join(stand.stage, host.name) for host in (stand.a, c)]
        made = [fill(stage) for stage in stages][0]
        expected = {os.path.join(what, folder): names for folder, names in made.items()} or {"": {what}}
        ready(stand)
        complete, clock = watch.Complete(stand.b.share, expected), Clock(stand.a, stand.b)
        put(stand.a, stages[0], what)
        complete.wait(900, stand.peer.check)
        direct = clock.read()
        stand.peer.settled(900)
        ready(stand)
        clock = Clock(c, v)
        put(c, stages[1], what)
        c.wait_sync(900, peers=1)
        into = clock.read()
        c.daemon.stop()
        out = out_of(stand, v, d, expected)
        d.wait_sync(900, peers=1)
        d.daemon.stop()
        c.daemon.start()
        c.wait_sync(900, peers=1)
        for way, (took, cpu) in (("direct", direct), ("in", into), ("out", out)):
            result.update({"%s_%s" % (what, way): took, "%s_%s_cpu" % (what, way): cpu})
        for way in ("in", "out"):
            result["%s_%s_ratio" % (what, way)] = 100 * result["%s_%s" % (what, way)] / direct[0]
    for one, other in ((stand.a, stand.b), (c, d)):
        said = ground.alike(one.share, other.share, True)
        if said:
            raise netlab.LabError("the trees differ:\n" + "\n".join(said))
    for host in (c, v, d):
        host.daemon.finish()
    return result
