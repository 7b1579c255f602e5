#!/usr/bin/python3
"""What one small file costs, by how many there are: the cost must be the same for the last of a million as for the first.

    tests/bench/per_file.py                              # 20,000 and 160,000 files of up to 100 bytes, 500 to a folder
    tests/bench/per_file.py --files 20000,1000000
    tests/bench/per_file.py --size 4096 --files 50000    # the bench's many files, in more detail
    tests/bench/per_file.py --floor                      # no agents: what the system takes for a receiver's calls

For each count two agents form a group and a tree is moved into one's share.  So that all counts meet the same machine, memory has been
used before: on a virtual machine the first use of a page costs whatever its host does for it, and a million files use more pages than
anything before them.  And no file has just been written: of such a one an agent asks less.  Prints microseconds per file: by the clock, and of the
processor for the loop's thread and for the workers of each end; the most memory of each end, and the memory when idle.  At the end the
cost of the largest count in that of the smallest.  Environment: LANYARD_LAB_DIR (/dev/shm keeps the disk out of it), LANYARD_BUILD.
"""
import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))
import netlab  # noqa: E402

GROUP = "many"
TICK = os.sysconf("SC_CLK_TCK")
USED = 10 << 10    # bytes of memory that a file takes, the agents' files and the kernel's included
JUST_WRITTEN = 11  # seconds: see sync/local/moves.c


def fill(root, files, size, per_folder):
    """Each file has other bytes; of up to `size`, or exactly that from 1024 on."""
    rng = random.Random(files)
    for i in range(files):
        folder = os.path.join(root, "d%05d" % (i // per_folder))
        if i % per_folder == 0:
            os.makedirs(folder)
        fd = os.open(os.path.join(folder, "f%07d" % i), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(fd, rng.randbytes(size if size >= 1024 else rng.randint(8, max(8, size))))
        os.close(fd)


def use_memory(path, size):
    """Takes memory and gives it back, where files are in memory; at most half of what is free."""
    if subprocess.check_output(["stat", "-f", "-c", "%T", os.path.dirname(path)]).strip() != b"tmpfs":
        return
    with open("/proc/meminfo") as f:
        free = next(int(line.split()[1]) << 10 for line in f if line.startswith("MemAvailable:"))
    block = b"x" * (1 << 20)
    with open(path, "wb") as f:
        for _ in range(min(size, free // 2) >> 20):
            f.write(block)
    os.unlink(path)


def place(folder, parts, numbers, size):
    """As sync/install does with a batch: all are made in a folder of their own, then each is renamed."""
    for i in numbers:
        fd = os.open("%016x-%x.new" % (numbers[0], i), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=parts)
        os.write(fd, b"x" * size)
        os.utime(fd, ns=(i, i))
        os.fstat(fd)
        os.close(fd)
    for i in numbers:
        os.rename("%016x-%x.new" % (numbers[0], i), "f%07d" % i, src_dir_fd=parts, dst_dir_fd=folder)
    for i in numbers:
        os.stat("f%07d" % i, dir_fd=folder, follow_symlinks=False)


def floor(args, files):
    """The kernel's time alone counts: the rest is this script's."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("LANYARD_LAB_DIR")) as top:
        use_memory(os.path.join(top, "used"), files * USED // 2)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_stime
        for first in range(0, files, args.per_folder):
            path = os.path.join(top, "d%05d" % (first // args.per_folder))
            os.makedirs(path)
            os.mkdir(path + ".new")
            fds = [os.open(p, os.O_RDONLY | os.O_DIRECTORY) for p in (path, path + ".new")]
            place(*fds, range(first, min(files, first + args.per_folder)), args.size)
            for fd in fds:
                os.close(fd)
            os.rmdir(path + ".new")
        us = (resource.getrusage(resource.RUSAGE_SELF).ru_stime - before) / files * 1e6
    print("%8d  %6.1f" % (files, us), flush=True)
    return us


def cpu(pid):
    """Seconds of the loop's thread and of all others, ended ones included."""
    def used(path):
        with open(path) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    loop = used("/proc/%d/task/%d/stat" % (pid, pid))
    return loop, used("/proc/%d/stat" % pid) - loop


class Peaks:
    """Memory of the agents, looked at every 50 ms."""

    def __init__(self, hosts):
        self.hosts, self.most, self.done = hosts, {h.name: 0 for h in hosts}, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.done.wait(0.05):
            for h in self.hosts:
                self.most[h.name] = max(self.most[h.name], h.daemon.rss()[0])

    def end(self):
        self.done.set()
        self.thread.join()
        return self.most


def one(args, files):
    with netlab.Lab() as lab:
        a, b = lab.host("a"), lab.host("b")
        netlab.form([a, b], GROUP)
        staged = os.path.join(os.path.dirname(a.share), "staged")
        fill(staged, files, args.size, args.per_folder)
        os.sync()
        time.sleep(JUST_WRITTEN)
        use_memory(os.path.join(os.path.dirname(a.share), "used"), files * USED)
        before = [cpu(h.daemon.pid) for h in (a, b)]
        peaks, start = Peaks([a, b]), time.monotonic()
        os.rename(staged, os.path.join(a.share, "many"))
        if args.perf:
            os.system(args.perf % (a.daemon.pid, b.daemon.pid))
        while b.counters()["files_installed"] < files:
            time.sleep(0.05 if files < 100_000 else 0.5)
        b.wait_sync(3600, peers=1)
        a.wait_sync(3600, peers=1)
        took, most = time.monotonic() - start, peaks.end()
        after = [cpu(h.daemon.pid) for h in (a, b)]
        time.sleep(3)
        idle = [h.daemon.rss()[0] for h in (a, b)]
    us = [(x - y) / files * 1e6 for old, new in zip(before, after) for y, x in zip(old, new)]
    print("%8d  %6.1f  %6.1f %6.1f   %6.1f %6.1f   %6.1f   %5.0f %5.0f   %5.0f %5.0f"
          % (files, took / files * 1e6, *us, sum(us), most["a"] / 1e6, most["b"] / 1e6, idle[0] / 1e6, idle[1] / 1e6), flush=True)
    return us


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--files", default="20000,160000", help="counts, the smallest first")
    ask.add_argument("--size", type=int, default=100)
    ask.add_argument("--per-folder", type=int, default=500)
    ask.add_argument("--floor", action="store_true")
    ask.add_argument("--perf", help="a shell command to run after the move; %%d %%d are the two agents' process IDs")
    args = ask.parse_args()
    if args.floor:
        costs = [floor(args, int(n)) for n in args.files.split(",")]
        print("most to fewest: %.2f" % (costs[-1] / costs[0]))
        return
    netlab.enter()
    print("   files    wall    sender: loop, workers  receiver: ...   CPU   most MB a, b   idle MB a, b")
    costs = [one(args, int(n)) for n in args.files.split(",")]
    if len(costs) > 1:
        names = ("sender's loop", "sender's workers", "receiver's loop", "receiver's workers")
        print("per file, most to fewest: " + ", ".join("%s %.2f" % (n, x / y) for n, x, y in zip(names, costs[-1], costs[0]) if y)
              + ", all %.2f" % (sum(costs[-1]) / sum(costs[0])))


if __name__ == "__main__":
    main()
