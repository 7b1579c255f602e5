"""Two or three real agents on loopback, one of them with the preload library, in a folder in memory.

The agents are driven by the command-line contract alone.  What the library is told goes through a page of shared memory
(class Fault); the agent knows nothing of it.
"""
import ctypes
import errno
import json
import mmap
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lab"))
import control  # noqa: E402
import trees  # noqa: E402

BUILD = os.path.abspath(os.environ.get("LANYARD_BUILD", os.path.join(ROOT, "build")))
PRELOAD = os.environ.get("LANYARD_FAULT_PRELOAD", os.path.join(BUILD, "tests", "fault", "preload.so"))
WHERE = os.environ.get("LANYARD_FAULT_DIR", "/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
ALL = os.environ.get("LANYARD_FAULT") == "all"
GROUP = "g"

KINDS = ("create", "write", "rename", "link", "unlink", "mkdir", "chmod", "utime", "trunc", "sync", "allocate", "clone",
         "open", "read", "stat", "list")
CHANGES = KINDS[:12]
READS = KINDS[12:]
PATIENCE = 60  # seconds in which whatever has to come comes, on a busy machine too
FAILING = KINDS + ("map", "lock", "close", "seek", "watch", "socket")
COUNT, KILL, FAIL, SWAP = range(4)
SELF, PARENT, PATH = range(3)  # what is swapped
LINK, MOUNT, OTHER = range(3)  # for what


class StandError(Exception):
    pass


def until(what, test, seconds=0.0, every=0.005):
    seconds = max(seconds, PATIENCE)
    end = time.monotonic() + seconds
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise StandError("not within %.0f s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(every)


def contents(top):
    """(path below top, open file) of each regular file there; what vanishes meanwhile is left out."""
    for at, _, names in os.walk(top):
        for name in names:
            full = os.path.join(at, name)
            if os.path.islink(full) or not os.path.isfile(full):
                continue
            try:
                f = open(full, "rb")
            except FileNotFoundError:
                continue
            with f:
                yield os.path.relpath(full, top), f


class Swap(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint32) for n in ("what", "how", "back", "chance", "seed", "tries", "again", "undo", "race", "in_")] + [
        (n, ctypes.c_char * 512) for n in ("path", "below", "aside", "file", "folder")]


class Site(ctypes.Structure):
    _fields_ = [("stack", ctypes.c_uint64), ("kind", ctypes.c_uint32), ("calls", ctypes.c_uint32)]


class Control(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint32) for n in ("armed", "action", "at", "count", "fired", "error", "kinds", "times")] + [
        ("what", ctypes.c_char * 480), ("swap", Swap), ("site", ctypes.c_uint64), ("at_site", ctypes.c_uint32),
        ("full", ctypes.c_uint32), ("where", ctypes.c_char * 162), ("sites", Site * 8192)]


class Fault:
    """The shared page: arm() starts counting; disarm() ends it and returns the number of calls."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.truncate(ctypes.sizeof(Control))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)
        self.page = Control.from_buffer(self.map)

    def arm(self, action, at=0, error=0, kinds=CHANGES, times=1, site=0):
        p = self.page
        p.armed = 0
        p.action, p.at, p.error, p.times, p.site = action, at, error, times, site
        p.count = p.fired = p.at_site = p.full = 0
        p.kinds = sum(1 << FAILING.index(k) for k in kinds)
        p.what = p.where = b""
        ctypes.memset(ctypes.addressof(p.sites), 0, ctypes.sizeof(p.sites))
        p.armed = 1

    def disarm(self):
        self.page.armed = 0
        return self.page.count

    @property
    def fired(self):
        return bool(self.page.fired)

    @property
    def what(self):
        return self.page.what.decode(errors="replace")

    def sites(self):
        """{stack: (kind, calls)} of the calls since arm() that could have been made to fail."""
        assert not self.page.full, "too many call sites"
        return {s.stack: (FAILING[s.kind], s.calls) for s in self.page.sites if s.stack}

    def where(self):
        """The agent's functions that the call which failed came from, innermost first."""
        raw = self.page.where.split()
        if not raw:
            return "nowhere"
        # What is on the stack is where a call returns to: the call is before it.
        got = subprocess.run(["addr2line", "-f", "-s", "-e", os.path.join(BUILD, "lanyardd")] + ["%x" % (int(a, 16) - 1) for a in raw],
                             capture_output=True, text=True)
        lines = got.stdout.split("\n")
        return " < ".join("%s %s" % (f, at) for f, at in zip(lines[::2], lines[1::2]))


def free_port():
    """Below the range that connections take theirs from: whoever dials a port of that range that nobody listens on may meet
    itself there, and hold it."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Agent:
    """One lanyardd: home, share, log, and the way to start, kill and ask it."""

    def __init__(self, folder, name, faulty=False):
        self.name, self.dir = name, os.path.join(folder, name)
        self.home, self.share = os.path.join(self.dir, "home"), os.path.join(self.dir, "share")
        os.makedirs(self.home, mode=0o700)
        os.makedirs(self.share)
        self.port = free_port()
        self.log_path = os.path.join(self.dir, "log")
        self.fault = Fault(os.path.join(self.dir, "control")) if faulty else None
        self.roots = (self.home, self.share)  # what the library counts below
        self.proc, self.dials = None, []
        self.wrap, self.env = [], {}  # words before the command; more environment

    def start(self, wait=True):
        if self.fault is not None and not os.path.exists(PRELOAD):
            raise StandError("%s is not built (make fault-lib)" % PRELOAD)
        env = {"PATH": os.environ["PATH"], "HOME": self.dir, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        if self.fault is not None:
            env.update(LD_PRELOAD=PRELOAD, FAULT_CONTROL=self.fault.path, FAULT_ROOTS=":".join(self.roots))
        env.update(self.env)
        cmd = self.wrap + [os.path.join(BUILD, "lanyardd"), "--home", self.home, "--discovery", "off",
               "--listen", "127.0.0.1:%d" % self.port]
        for other in self.dials:
            cmd += ["--peer", "127.0.0.1:%d" % other.port]
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd="/")
        if wait:
            until(lambda: "%s answers\n%s" % (self.name, self.tail()), self.answers)

    def answers(self):
        if not self.running():
            raise StandError("%s ended with %s\n%s" % (self.name, self.proc.returncode, self.tail()))
        path = os.path.join(self.home, "control.sock")
        return os.path.exists(path) and self.lanyard("--json", "status").returncode == 0

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def how_it_ended(self):
        return "" if self.running() else "it ended with %s\n%s" % (self.proc and self.proc.returncode, self.tail())

    def stop(self):
        if self.running():
            self.proc.send_signal(signal.SIGCONT)
            self.proc.send_signal(signal.SIGTERM)
            try:
                code = self.proc.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise StandError("%s does not stop\n%s" % (self.name, self.tail()))
            if code != 0:
                raise StandError("%s stopped with %d\n%s" % (self.name, code, self.tail()))

    def kill9(self):
        if self.proc is not None:
            self.proc.kill()
            self.proc.wait()

    def command(self, *args):
        return [os.path.join(BUILD, "lanyard"), "--home", self.home, *args]

    def lanyard(self, *args, timeout=60):
        return subprocess.run(self.command(*args), capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def begin(self, *args, fault=None, roots=()):
        """A command, started and not waited for; with a library of its own, which counts below roots."""
        env = None
        if fault is not None:
            env = dict(os.environ, LD_PRELOAD=PRELOAD, FAULT_CONTROL=fault.path, FAULT_ROOTS=":".join(roots))
        return subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)

    def cli(self, *args):
        route = control.route(args)
        document = control.ask(os.path.join(self.home, "control.sock"), route, 10) if route else None
        if document is not None:
            return document
        got = self.lanyard("--json", *args)
        if got.returncode != 0:
            raise StandError("%s: lanyard %s: exit %d: %s%s" % (self.name, args, got.returncode, got.stderr.decode(), self.how_it_ended()))
        return json.loads(got.stdout) if got.stdout.strip() else None

    def status(self):
        groups = self.cli("status")["groups"]
        if not groups:
            raise StandError("%s is in no group\n%s" % (self.name, self.tail()))
        return groups[0]

    def waiting(self, seconds=20, peers=1):
        """`lanyard wait`, started and not waited for."""
        return subprocess.Popen(self.command("wait", GROUP, "--peers", str(peers), "--timeout", "%d" % seconds),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_sync(self, seconds=PATIENCE, peers=1):
        got = self.lanyard("wait", GROUP, "--peers", str(peers), "--timeout", "%d" % seconds, timeout=seconds + 15)
        if got.returncode != 0:
            raise StandError("%s does not come in sync: %s\n%s\n%s" % (
                self.name, got.stderr.decode(), json.dumps(self.cli("status"), indent=1), self.tail()))

    def files(self, folder):
        """Paths of the files below a folder of the share that the agent knows of."""
        return [f["path"] for f in self.cli("files", GROUP)["files"] if f["path"].startswith(folder + "/")]

    def path(self, *parts):
        return os.path.join(self.share, *parts)

    def tail(self, lines=25):
        try:
            with open(self.log_path, "rb") as f:
                return "--- log of %s ---\n%s" % (self.name, "\n".join(f.read().decode(errors="replace").splitlines()[-lines:]))
        except FileNotFoundError:
            return ""


class Stand:
    """Agents in one group, each told every other's address; the last one is the victim, with the library loaded."""

    def __init__(self, names=("peer", "victim"), faulty=("victim",)):
        self.dir = tempfile.mkdtemp(prefix="lanyard-fault-", dir=WHERE)
        self.agents = [Agent(self.dir, n, n in faulty) for n in names]
        self.peer, self.victim = self.agents[0], self.agents[-1]
        for a in self.agents:
            a.dials = [b for b in self.agents if b is not a]

    def __enter__(self):
        try:
            self.form()
        except BaseException:
            self.__exit__()
            raise
        return self

    def form(self):
        for a in self.agents:
            a.start()
        self.peer.cli("create", GROUP, "--share", self.peer.share)
        token = self.peer.lanyard("invite", GROUP).stdout.decode().strip()
        for a in self.agents[1:]:
            a.cli("join", "--invite", token, "--share", a.share)
        self.settle()

    def __exit__(self, *exc):
        for a in self.agents:
            a.kill9()
        if os.environ.get("LANYARD_FAULT_KEEP") is None:
            shutil.rmtree(self.dir, ignore_errors=True)

    def settle(self, seconds=PATIENCE, below=""):
        """Wait until all say in sync, and insist that their trees are identical, or only what is below a folder; return the picture."""
        for _ in range(1 if len(self.agents) < 3 else 2):
            for a in self.agents:
                a.wait_sync(seconds, len(self.agents) - 1)
        tops = [os.path.join(a.share, below) for a in self.agents]
        pictures = [trees.picture(top) if os.path.isdir(top) else {} for top in tops]
        for picture in pictures:
            picture.pop(b".lanyardignore", None)  # each machine's own
        for a, other in zip(self.agents[1:], pictures[1:]):
            said = trees.differences(pictures[0], other)
            if said:
                raise StandError("%s and %s say in sync and differ:\n%s\n%s\n%s" % (
                    self.agents[0].name, a.name, "\n".join(said), self.agents[0].tail(), a.tail()))
        return pictures[0]


def error_name(number):
    return errno.errorcode.get(number, "short") if number else "short"
