"""A disk that can lose what was not flushed, file systems on it, and a pair of agents of which the victim lives there.

The disk is tests/fault/volatile_disk.c behind a loop device.  cut() makes images of what a power cut at this moment could
leave; such an image is mounted, looked at, and lived on from.  Everything is mounted in a mount namespace that this process
makes for itself, by loop devices that go with their mounts, and every program is killed by the kernel when this process ends:
also a test that is killed leaves nothing.
"""
import contextlib
import ctypes
import os
import shutil
import subprocess
import time

import pytest
import stand
from stand import BUILD, Stand, StandError, until

SERVER = os.path.join(BUILD, "tests", "fault", "volatile_disk")
NOSYNC = os.path.join(BUILD, "tests", "fault", "nosync.so")
GUARD = ["setpriv", "--pdeathsig", "KILL", "--"]
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
HOWS = ("none", "all", "prefix", "some", "torn")
MIB = 1 << 20
# What makes a file system, its size, and how a copy of it is mounted beside it.
KINDS = {
    "ext4": (["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0", "-J", "size=8"], 320 * MIB, "loop"),
    "xfs": (["mkfs.xfs", "-q", "-f", "-K"], 320 * MIB, "loop,nouuid"),
}

libc = ctypes.CDLL(None, use_errno=True)
if shutil.which("losetup") is None:
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"


def run(*cmd):
    got = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    if got.returncode != 0:
        raise StandError("%s: exit %d: %s" % (" ".join(cmd), got.returncode, got.stderr.decode(errors="replace")))
    return got.stdout.decode()


def own_mounts(*devices):
    """Take a mount namespace of our own, once; skip the test where that, or a device it needs, is not available."""
    for device in devices:
        if not os.access(device, os.R_OK | os.W_OK):
            pytest.skip("cannot be tested here: no access to " + device)
    if getattr(own_mounts, "done", False):
        return
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        pytest.skip("cannot be tested here: no mount namespace of its own (%s)" % os.strerror(ctypes.get_errno()))
    own_mounts.done = True


class Disk:
    """One volatile disk, beginning as image does; close() is a power cut that keeps nothing but the images made before."""

    def __init__(self, folder, image):
        self.folder, self.mounted = folder, None
        os.makedirs(folder)
        self.server = subprocess.Popen(GUARD + [SERVER, image, folder], stdin=subprocess.DEVNULL)
        until("the disk is there", self.is_there)

    def is_there(self):
        if self.server.poll() is not None:
            raise StandError("volatile_disk ended with %d" % self.server.returncode)
        return os.path.exists(os.path.join(self.folder, "disk"))

    def mount(self, at, options):
        run("mount", "-o", options, os.path.join(self.folder, "disk"), at)
        self.mounted = at

    def cut(self, how, seed, image):
        with open(os.path.join(self.folder, "control"), "wb", buffering=0) as f:
            f.write(b"cut %s %d %s" % (how.encode(), seed, os.fsencode(image)))

    def counters(self):
        with open(os.path.join(self.folder, "control")) as f:
            return {k: int(v) for k, v in (line.split() for line in f)}

    def close(self):
        for at in (self.mounted, self.folder):
            if at is not None:
                subprocess.run(["umount", "-l", at], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.mounted = None
        # Without its server no request of the old mount is ever answered again, but refused.
        self.server.kill()
        self.server.wait()
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)


class Volume:
    """A file system on volatile disks, one after the other: what a cut leaves is the next one."""

    def __init__(self, folder, kind):
        own_mounts("/dev/fuse", "/dev/loop-control")
        self.folder, self.kind = folder, kind
        make, size, self.options = KINDS[kind]
        self.at, self.generation, self.disk = os.path.join(folder, "at"), 0, None
        os.makedirs(self.at)
        first = self.image()
        with open(first, "wb") as f:
            f.truncate(size)
        run(*make, first)
        self.start(first)

    def image(self):
        self.generation += 1
        return os.path.join(self.folder, "image-%d" % self.generation)

    def start(self, image):
        """Live on from an image, which is used up."""
        self.disk = Disk(os.path.join(self.folder, "disk-%d" % self.generation), image)
        os.unlink(image)
        self.disk.mount(self.at, self.options)

    def cut(self, how, seed):
        image = self.image()
        self.disk.cut(how, seed, image)
        return image

    @contextlib.contextmanager
    def look(self, image):
        """The image mounted, after its journal was played back; it is not changed."""
        copy, at = image + ".look", image + ".at"
        run("cp", "--sparse=always", image, copy)
        os.makedirs(at)
        run("mount", "-o", self.options, copy, at)
        try:
            yield at
        finally:
            run("umount", at)
            os.rmdir(at)
            os.unlink(copy)

    def power_off(self):
        if self.disk is not None:
            self.disk.close()
            self.disk = None


class PowerStand(Stand):
    """The victim's home and share are on a volatile disk; the peer's are safe, in memory."""

    def __init__(self, kind, preload=None):
        super().__init__(("peer", "victim"), ())
        try:
            self.volume = Volume(os.path.join(self.dir, "volume"), kind)
        except BaseException:
            shutil.rmtree(self.dir, ignore_errors=True)
            raise
        v = self.victim
        v.dir = self.volume.at
        v.home, v.share = os.path.join(v.dir, "home"), os.path.join(v.dir, "share")
        os.makedirs(v.home, mode=0o700)
        os.makedirs(v.share)
        for a in self.agents:
            a.wrap = GUARD
        if preload is not None:
            v.env = {"LD_PRELOAD": preload}

    def form(self):
        super().form()
        run("sync", "-f", self.victim.dir)

    def still(self):
        """The victim stops in the middle of what it does: nothing it does later is told to anybody."""
        pid = self.victim.proc.pid
        os.kill(pid, stand.signal.SIGSTOP)
        until("the victim stands still", lambda: all(
            open("/proc/%d/task/%s/stat" % (pid, t)).read().rsplit(")", 1)[1].split()[0] == "T"
            for t in os.listdir("/proc/%d/task" % pid)))

    def lose_power(self, how, seed, between=None):
        """The victim's power is cut; between(image) may look before life goes on. Its agent is not started."""
        self.still()
        image = self.volume.cut(how, seed)
        self.victim.kill9()
        self.volume.power_off()
        if between is not None:
            between(image)
        self.volume.start(image)

    def __exit__(self, *exc):
        for a in self.agents:
            a.kill9()
        self.volume.power_off()
        if os.environ.get("LANYARD_FAULT_KEEP") is None:
            shutil.rmtree(self.dir, ignore_errors=True)
