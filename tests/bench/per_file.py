#!/usr/bin/python3
"""What one small file costs, by how many there are: the cost must be the same for the last of a million as for the first.

    tests/bench/per_file.py                              # 20,000 and 160,000 files of up to 100 bytes, 500 to a folder
    tests/bench/per_file.py --files 20000,1000000
    tests/bench/per_file.py --size 4096 --files 50000    # the bench's many files, in more detail

For each count two agents form a group and a tree is moved into one's share.  Prints microseconds per file: by the clock, and of the
processor for the loop's thread and for the workers of each end; the most memory of each end, and the memory when idle.  At the end the
cost of the largest count in that of the smallest.  Environment: LANYARD_LAB_DIR (/dev/shm keeps the disk out of it), LANYARD_BUILD.
"""
import argparse
import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))
import netlab  # noqa: E402

GROUP = "many"
TICK = os.sysconf("SC_CLK_TCK")


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
    ask.add_argument("--perf", help="a shell command to run after the move; %%d %%d are the two agents' process IDs")
    args = ask.parse_args()
    netlab.enter()
    print("   files    wall    sender: loop, workers  receiver: ...   CPU   most MB a, b   idle MB a, b")
    costs = [one(args, int(n)) for n in args.files.split(",")]
    if len(costs) > 1:
        names = ("sender's loop", "sender's workers", "receiver's loop", "receiver's workers")
        print("per file, most to fewest: " + ", ".join("%s %.2f" % (n, x / y) for n, x, y in zip(names, costs[-1], costs[0]) if y)
              + ", all %.2f" % (sum(costs[-1]) / sum(costs[0])))


if __name__ == "__main__":
    main()
