"""The disk under the shares: what kind it is, making it quiet, and a fresh one for each measurement."""
import os
import shutil
import statistics
import subprocess
import tempfile
import time


def base():
    """The folder under which everything is made."""
    return os.environ.get("LANYARD_BENCH_DIR", "/var/tmp")


class Image:
    """An ext4 of its own in a file, mounted where the lab makes its folders.  Made again for each measurement it carries no
    traces of the last one, what other programs write is not flushed with it, and to drop it costs nothing."""

    def __init__(self, size):
        self.before = os.environ["LANYARD_LAB_DIR"]
        self.dir = tempfile.mkdtemp(prefix="lanyard-bench.", dir=base())
        image, self.mount = os.path.join(self.dir, "image"), os.path.join(self.dir, "mount")
        os.mkdir(self.mount)
        run("truncate", "-s", size, image)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", image)
        device = run("losetup", "-f", "--show", "--direct-io=on", image).decode().strip()
        try:
            run("mount", device, self.mount)
        finally:
            # From now on the device lasts as long as the mount, and the file as long as the device, however we end.
            run("losetup", "-d", device)
            os.unlink(image)
        os.environ["LANYARD_LAB_DIR"] = self.mount

    def close(self):
        os.environ["LANYARD_LAB_DIR"] = self.before
        run("umount", "-l", self.mount)
        os.rmdir(self.mount)
        os.rmdir(self.dir)


def run(*cmd):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE).stdout


def settle(path):
    """Everything written so far is on the disk: the data just made does not weigh on what is measured next."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        subprocess.run(["sync", "-f", path], check=True)
        os.fsync(fd)
    finally:
        os.close(fd)


def facts(base):
    """What kind of disk this is: its file system, 256 MiB written and synced, 4 KiB written and synced."""
    os.makedirs(base, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="lanyard-bench.", dir=base)
    try:
        kind = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", folder], stdout=subprocess.PIPE).stdout.decode().strip()
        big = os.path.join(folder, "big")
        start = time.monotonic()
        subprocess.run(["dd", "if=/dev/zero", "of=" + big, "bs=1M", "count=256", "conv=fsync"], check=True,
                       stderr=subprocess.DEVNULL)
        rate = 256 / (time.monotonic() - start)
        return {"file_system": kind, "dd_256MiB_fsync_MiB_s": round(rate), "fsync_4KiB_ms": _small_sync(folder)}
    finally:
        shutil.rmtree(folder)


def _small_sync(folder):
    took = []
    for i in range(50):
        fd = os.open(os.path.join(folder, "s%d" % i), os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(fd, bytes(4096))
        start = time.monotonic()
        os.fsync(fd)
        took.append(time.monotonic() - start)
        os.close(fd)
    return round(statistics.median(took) * 1000, 3)
