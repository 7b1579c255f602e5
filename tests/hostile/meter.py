"""What an attack costs its victim: memory, descriptors, processor, disk, and how long others wait meanwhile.

    with scene.attacked("270 keys hold all sessions") as m:
        ...                                     # the attack
        m.drop()                                # an honest member's file arrives, measured
    # on leaving: everything is within the limits, or the test fails; the row goes into the table

While the block runs a thread reads the victim's numbers in /proc, one asks `status` and one drops an honest file, again and
again. The limits are wide: they tell an agent that goes on from one that does not, and stand on a loaded machine.
"""
import os
import re
import threading
import time

from namespaces import FACTOR, LabError

TICK = os.sysconf("SC_CLK_TCK")
MB = 1 << 20
rows = []


class Limits:
    def __init__(self, memory=100, descriptors=128, processor=10.0, disk=32, status=3.0, drop=4.0):
        self.memory = memory            # MB above what it had before
        self.descriptors = descriptors  # above what it had before
        self.processor = processor      # seconds of the victim's, from beginning to end
        self.disk = disk                # MB that its home and share grow
        self.status = status            # seconds until `status` answers
        self.drop = drop                # seconds until an honest file is here


def disk_of(*folders):
    total = 0
    for folder in folders:
        for at, dirs, files in os.walk(folder):
            for name in files + dirs:
                try:
                    total += os.lstat(os.path.join(at, name)).st_blocks * 512
                except OSError:
                    pass
    return total


class Meter:
    def __init__(self, victim, honest, what, limits):
        self.victim, self.honest, self.what, self.limits = victim, honest, what, limits
        self.trouble, self.drops, self.answers = [], [], []
        self.number = 0
        self.stop = threading.Event()
        self.lock = threading.Lock()

    # --- numbers of the process ---

    def _memory(self):
        with open("/proc/%d/status" % self.victim.daemon.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) << 10

    def _processor(self):
        with open("/proc/%d/stat" % self.victim.daemon.pid) as f:
            t = f.read().rsplit(")", 1)[1].split()
        return (int(t[11]) + int(t[12])) / TICK

    def _descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.victim.daemon.pid))

    def _watch(self):
        while not self.stop.wait(0.02):
            try:
                self.memory = max(self.memory, self._memory())
                self.descriptors = max(self.descriptors, self._descriptors())
            except (OSError, AttributeError):
                return  # its end is noticed by the others

    # --- others wait ---

    def ask(self):
        """One `status`, measured."""
        begin = time.monotonic()
        try:
            self.victim.cli("status", timeout=60)
        except Exception as e:
            self.trouble.append("status: %s" % e)
        self.answers.append(time.monotonic() - begin)

    def drop(self):
        """One file of the honest member, measured until the victim has it."""
        with self.lock:
            name, begin = "honest-%d" % self.number, time.monotonic()
            self.number += 1
            with open(self.honest.file(name), "wb") as f:
                f.write(os.urandom(300))
            while not os.path.exists(self.victim.file(name)):
                if time.monotonic() - begin > 60 * FACTOR:
                    self.trouble.append("an honest file did not arrive within %d s" % (60 * FACTOR))
                    break
                time.sleep(0.003)
            self.drops.append(time.monotonic() - begin)
            return self.drops[-1]

    def _again_and_again(self, what):
        while not self.stop.is_set():
            what()
            self.stop.wait(0.25)

    # --- begin and end ---

    def __enter__(self):
        self.calm = self.drop()
        self.drops.clear()
        self.memory = self.memory_before = self._memory()
        self.descriptors = self.descriptors_before = self._descriptors()
        self.processor_before = self._processor()
        self.disk_before = disk_of(self.victim.home, self.victim.share)
        self.begin = time.monotonic()
        jobs = [self._watch, lambda: self._again_and_again(self.ask), lambda: self._again_and_again(self.drop)]
        self.threads = [threading.Thread(target=j, daemon=True) for j in jobs]
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, kind, *exc):
        self.stop.set()
        for t in self.threads:
            t.join()
        if kind is not None or not self.victim.daemon.running():
            if kind is None:
                raise LabError("the victim is dead\n" + self.victim.daemon.tail())
            return
        self.drop()
        self.ask()
        self.seconds = time.monotonic() - self.begin
        self.judge()

    def judge(self):
        used = {"memory": (self.memory - self.memory_before) / MB,
                "descriptors": self.descriptors - self.descriptors_before,
                "processor": self._processor() - self.processor_before,
                "disk": (disk_of(self.victim.home, self.victim.share) - self.disk_before) / MB,
                "status": max(self.answers), "drop": max(self.drops)}
        rows.append((self.what, self.seconds, used, self.calm))
        for name, value in used.items():
            limit = getattr(self.limits, name)
            if name in ("status", "drop"):
                # A loaded machine is slow for everybody: what it takes without an attack is counted in.
                limit = (limit + 10 * self.calm) * FACTOR
            if name == "processor":
                limit *= FACTOR
            if value > limit:
                self.trouble.append("%s: %.1f, and at most %.1f are allowed" % (name, value, limit))
        if self.trouble:
            raise LabError("%s: %s\n%s" % (self.what, "; ".join(self.trouble), self.victim.daemon.tail(30)))


def table():
    """The rows of this run as lines."""
    if not rows:
        return []
    width = max(len(r[0]) for r in rows)
    lines = ["%-*s %7s %9s %5s %8s %7s %8s %8s %8s" % (width, "attack", "seconds", "memory", "fds", "cpu", "disk", "status", "drop",
                                                       "in peace")]
    for what, seconds, used, calm in rows:
        lines.append("%-*s %6.1fs %6.1f MB %5d %7.2fs %4.1f MB %7.2fs %7.2fs %7.2fs" % (
            width, what, seconds, used["memory"], used["descriptors"], used["processor"], used["disk"], used["status"],
            used["drop"], calm))
    return lines
