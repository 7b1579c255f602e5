"""The tools that are compared.  Each file here has one class with this interface (Peer); TOOLS lists them by name."""
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys

PYTHON, PIPE = sys.executable, subprocess.PIPE

# name on the command line: (module, class)
TOOLS = {
    "lanyard": ("lanyard", "Lanyard"),
    "lanyard-sealed": ("lanyard", "LanyardSealed"),
    "rsync": ("rsync", "Rsync"),
    "rsync-sync": ("rsync", "RsyncSync"),
    "rsync-fsync": ("rsync", "RsyncFsync"),
    "rsync-ssh": ("rsync", "RsyncSsh"),
    "rsync-ssh-sync": ("rsync", "RsyncSshSync"),
    "syncthing": ("syncthing", "Syncthing"),
    "syncthing-nofsync": ("syncthing", "SyncthingNoFsync"),
    "unison": ("unison", "Unison"),
    "aria2": ("torrent", "Aria2"),
    "libtorrent": ("torrent", "Libtorrent"),
    "floor": ("floor", "Floor"),
}


class Peer:
    """One tool between host a, where things change, and host b, where they must arrive."""

    settings = ""      # what was set, for the table's foot
    watches = True     # it notices changes by itself; otherwise push() is a run of it
    durable = True     # what is visible at the receiver survives a power cut
    faithful = False   # keeps modes and times to the nanosecond, and is held to it
    needs = ()         # programs it cannot do without
    modules = ()       # and modules of Python
    only = None        # the scenarios it can be in; None: all

    def __init__(self, a, b):
        self.a, self.b = a, b

    def start(self):
        """Both ends run and agree on what the shares hold now."""

    def push(self):
        """A tool that does not watch runs now, until it is done."""

    def settled(self, timeout):
        """Return when the tool itself says that both ends are in sync."""

    def check(self):
        """Raise when the tool has died."""

    def restart(self):
        """Stop the receiver's end, start it again, return seconds from the start until it says in sync."""
        raise NotImplementedError

    def pids(self, host):
        return []

    def extra(self):
        """Figures of the tool's own, for the JSON: {name: number}."""
        return {}

    # Of those that bring one file from hosts[0] to several:

    def gather(self, hosts):
        """It is set up on all of these hosts."""
        raise NotImplementedError

    def prepare(self, staged):
        """Whatever is done with the file before the clock starts."""

    def scatter(self, staged):
        """The clock has started: all get the file."""
        raise NotImplementedError

    def has(self, host):
        """Whether it says that the host has it whole."""
        raise NotImplementedError

    def finish(self):
        """The clock has stopped: raise if they do not have the same; end what stop() does not know of."""

    def logs(self):
        return ""

    def stop(self):
        """End both ends; errors that only the end shows are raised."""


def make(name, a, b):
    return tool(name)(a, b)


def tool(name):
    module, cls = TOOLS[name]
    return getattr(importlib.import_module("peers." + module), cls)


def missing(name):
    """The programs and modules that a tool needs and that are not here."""
    return ([p for p in tool(name).needs if shutil.which(p) is None] +
            [m for m in tool(name).modules if importlib.util.find_spec(m) is None])


def descendants(pid):
    """pid and all processes below it."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        try:
            for tid in os.listdir("/proc/%d/task" % one):
                with open("/proc/%d/task/%s/children" % (one, tid)) as f:
                    todo += map(int, f.read().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append(one)
    return found


def version(*cmd):
    """The first line a tool says of itself."""
    return subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode().splitlines()[0].strip()
