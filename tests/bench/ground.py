"""What every measurement stands on: two hosts of the lab on one disk, data made fast, and a meter.

    with ground.Stand("rsync") as stand:
        stand.peer.start()                         # both ends run, and agree on what the shares hold
        took = stand.timed(change, expected)       # drop, transfer, receiver's tree complete; then trees are compared

The sender is always host a, the receiver host b.  Nothing here asserts a time; a tree that differs is an error.
"""
import os
import random
import re
import resource
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))
import namespaces  # noqa: E402
import netlab  # noqa: E402
import trees  # noqa: E402

import disk  # noqa: E402
import peers  # noqa: E402
import watch  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


class Stand:
    """Two hosts and one tool between them."""

    def __init__(self, peer_name):
        self.peer_name = peer_name

    def __enter__(self):
        self.image = disk.Image(os.environ["LANYARD_BENCH_IMAGE"]) if os.environ.get("LANYARD_BENCH_IMAGE") else None
        self.lab = netlab.Lab()
        try:
            self.a, self.b = self.lab.host("a"), self.lab.host("b")
            self.stage = self.a.path("stage")
            os.makedirs(self.stage)
            self.peer = peers.make(self.peer_name, self.a, self.b)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc):
        try:
            if exc[0] is None:
                self.peer.stop()
            elif os.environ.get("LANYARD_BENCH_LOGS"):
                print(self.peer.logs(), file=sys.stderr)
        finally:
            self.close()

    def close(self):
        if self.image is None:
            self.lab.close()
            return
        # The whole disk goes; removing file by file would only take time.
        os.environ["LANYARD_LAB_KEEP"] = "1"
        try:
            self.lab.close()
        finally:
            del os.environ["LANYARD_LAB_KEEP"]
            self.image.close()

    def timed(self, change, expected, timeout=900, own_look=True):
        """Do change() on the sender, let the tool carry it, return what it cost until the receiver's tree is complete.

        expected: see watch.Complete.  The tree is complete when all that is expected is there under its final name;
        afterwards, untimed, the bench waits for the tool and both trees are compared byte for byte.
        """
        disk.settle(self.lab.dir)
        await_quiet()
        complete = watch.Complete(self.b.share, expected)
        with Meter(self) as meter:
            change()
            self.peer.push()
            complete.wait(timeout, self.peer.check)
            meter.mark()
            self.peer.settled(timeout)
        if own_look:
            self.compare()
        return meter.result

    def compare(self):
        said = alike(self.a.share, self.b.share, self.peer.faithful)
        if said:
            raise netlab.LabError("%s: the trees differ:\n%s" % (self.peer_name, "\n".join(said)))

    def seed(self, fill):
        """Make the same tree, times included, in both shares: a start without a transfer."""
        fill(self.a.share)
        subprocess.run(["cp", "-a", "--reflink=never", self.a.share + "/.", self.b.share], check=True)
        disk.settle(self.lab.dir)

    def pids(self):
        """The tool's processes on both hosts."""
        return self.peer.pids(self.a) + self.peer.pids(self.b)

    def wire(self):
        """Bytes through the sender's interface, both ways, Ethernet headers included."""
        return self.a.rx() + self.a.tx()


class Meter:
    """Time, bytes on the wire and CPU from entering to mark(); `said` is the time to leaving, when the tool itself
    says that it is done.  elsewhere: cores that were busy with what is neither the tool nor this bench."""

    def __init__(self, stand):
        self.stand, self.result = stand, None

    def __enter__(self):
        self.wire, self.cpu, self.busy = self.stand.wire(), Cpu(self.stand.pids()), busy_seconds()
        self.own = own_seconds()
        self.start = time.monotonic()
        return self

    def mark(self):
        took = time.monotonic() - self.start
        cpu = self.cpu.used(self.stand.pids())
        busy, own = busy_seconds() - self.busy, own_seconds() - self.own
        self.result = {"seconds": took, "wire": self.stand.wire() - self.wire, "cpu": cpu,
                       "elsewhere": max(0.0, busy - own - cpu) / max(took, 0.01)}

    def __exit__(self, *exc):
        if self.result is not None:
            self.result["said"] = time.monotonic() - self.start


class Cpu:
    """CPU seconds of some processes, of their ended children, and of ended children of ours (one-shot tools)."""

    def __init__(self, pids):
        self.before = {pid: cpu_of(pid) for pid in pids}
        self.children = resource.getrusage(resource.RUSAGE_CHILDREN)

    def used(self, pids):
        total = sum(cpu_of(pid) - self.before.get(pid, 0) for pid in pids)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        return total + now.ru_utime + now.ru_stime - self.children.ru_utime - self.children.ru_stime


def cpu_of(pid):
    """CPU seconds of a process and its ended children; of the living threads to the nanosecond where the kernel tells."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            utime, stime, cutime, cstime = map(int, f.read().rsplit(")", 1)[1].split()[11:15])
    except FileNotFoundError:
        return 0.0
    return (utime + stime + cutime + cstime) / TICK


class Threads:
    """What the threads of processes do from now on, for spans in which hardly anything runs: CPU seconds to the nanosecond, and
    voluntary context switches, which is how often one had waited and woke up. What a thread that ends did in the span is lost."""

    def __init__(self, pids):
        self.pids, self.before = pids, self._each(pids)

    def used(self):
        """(CPU seconds, switches) since this was made."""
        spent = [[now - then for now, then in zip(each, self.before.get(tid, (0, 0)))] for tid, each in self._each(self.pids).items()]
        return sum(cpu for cpu, _ in spent) / 1e9, sum(switches for _, switches in spent)

    @staticmethod
    def _each(pids):
        found = {}
        for folder in ("/proc/%d/task" % pid for pid in pids):
            for tid in os.listdir(folder):
                try:
                    with open("%s/%s/schedstat" % (folder, tid)) as f, open("%s/%s/status" % (folder, tid)) as g:
                        switches = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", g.read(), re.M)
                        found[tid] = int(f.read().split()[0]), int(switches.group(1))
                except (FileNotFoundError, ProcessLookupError):
                    continue
        return found


def busy_seconds():
    """CPU seconds that all processors of the machine were busy, since boot."""
    with open("/proc/stat") as f:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


def await_quiet():
    """Wait, at most LANYARD_BENCH_PATIENCE seconds, for a second in which the machine does next to nothing."""
    end = time.monotonic() + float(os.environ.get("LANYARD_BENCH_PATIENCE", "10"))
    while time.monotonic() < end:
        busy = busy_seconds()
        time.sleep(1)
        if busy_seconds() - busy < 0.1:
            return


def own_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_of(pid):
    """Resident bytes of a process: (all, of these not backed by files)."""
    try:
        with open("/proc/%d/status" % pid) as f:
            text = f.read()
    except FileNotFoundError:
        return 0, 0
    found = [re.search(r"^%s:\s+(\d+) kB" % w, text, re.M) for w in ("VmRSS", "RssAnon")]
    return tuple(int(m.group(1)) << 10 if m else 0 for m in found)


def peak_of(pid):
    """The most resident bytes that a process ever had."""
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^VmHWM:\s+(\d+) kB", f.read(), re.M).group(1)) << 10


class MemoryPeak:
    """The most memory the tool's processes had together on each host, looked at every 20 ms by a thread."""

    def __init__(self, stand):
        self.stand, self.peak, self.done = stand, {"a": 0, "b": 0}, threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.done.set()
        self.thread.join()

    def _look(self):
        while not self.done.wait(0.02):
            for host in (self.stand.a, self.stand.b):
                now = sum(memory_of(pid)[0] for pid in self.stand.peer.pids(host))
                self.peak[host.name] = max(self.peak[host.name], now)


# --- data ---

def big_file(path, size, seed=1):
    """Incompressible bytes, the same for the same seed."""
    trees.noise_file(path, size, seed)


def small_files(root, count, size, folders):
    """count files of size incompressible bytes, all different, spread evenly over folders; returns {folder: names}."""
    rng = random.Random(count)
    per, made = -(-count // folders), {}
    for i in range(count):
        folder = "d%04d" % (i // per)
        if folder not in made:
            made[folder] = set()
            os.makedirs(os.path.join(root, folder))
        name = "f%06d" % i
        made[folder].add(name)
        fd = os.open(os.path.join(root, folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(fd, rng.randbytes(size))
        os.close(fd)
    return made


def alike(one, other, faithful):
    """What two shares differ in, in words; faithful: modes and times count as well as kinds and contents."""
    pictures = [{p: e for p, e in trees.picture(root).items() if not p.startswith((b".lanyard", b".stfolder"))}
                for root in (one, other)]
    if not faithful:
        pictures = [{p: e._replace(mode=None, mtime=None) for p, e in picture.items()} for picture in pictures]
    return trees.differences(*pictures)


enter = namespaces.enter
