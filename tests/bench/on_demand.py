#!/usr/bin/python3
"""What a laptop that keeps only what it chose pays for a group of very many files: one host has them, the other joins on demand.

    tests/bench/on_demand.py                    # 100,000 files of 1 KiB in 100 folders
    tests/bench/on_demand.py --files 1000000

Prints the seconds from the join until the list is complete, the memory of the laptop's agent then and at its peak, and the
milliseconds of one `get` as its caller sees them (the median of 21, each of another file), each beside its limit.  Exit 1 when
one is over; on a busy machine the times mean little.
"""
import argparse
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))
import netlab  # noqa: E402

GROUP, SIZE, FOLDERS, GETS = "many", 1024, 100, 21
LIST_S, MEMORY_MB, GET_MS = 3, 30, 50


def fill(root, files):
    for d in range(FOLDERS):
        folder = os.path.join(root, "%03d" % d)
        os.mkdir(folder)
        for n in range(files // FOLDERS):
            with open(os.path.join(folder, "f%05d" % n), "wb") as f:
                f.write(("%d %d\n" % (d, n)).encode().ljust(SIZE, b"."))


def show(what, value, unit, limit):
    print("%-48s %8.1f %-2s (limit %d)%s" % (what, value, unit, limit, "" if value <= limit else "  OVER"), flush=True)
    return value <= limit


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--files", type=int, default=100_000)
    ask.add_argument("--keep", action="store_true", help="wait for Enter at the end, so that one can look at the agents")
    args = ask.parse_args()
    netlab.enter()
    with netlab.Lab() as lab:
        return measure(lab, args)


def join(a, b):
    """B joins and keeps nothing: seconds until its list is complete."""
    token = a.invite(GROUP)
    start = time.monotonic()
    b.cli("join", "--invite", token, "--share", b.share, "--mode", "on-demand")
    b.wait_sync(300, peers=1)
    return time.monotonic() - start


def one_get(b, name):
    start = time.monotonic()
    b.cli("get", GROUP, name)
    took = (time.monotonic() - start) * 1000
    size = os.path.getsize(os.path.join(b.share, name))
    if size != SIZE:
        raise netlab.LabError("%s has %d bytes" % (name, size))
    return took


def measure(lab, args):
    a, b = lab.host("a"), lab.host("b")
    fill(a.share, args.files)
    a.daemon.start("--discovery", "off", "--peer", b.address)
    b.daemon.start("--discovery", "off", "--peer", a.address)
    a.cli("create", GROUP, "--share", a.share)
    a.wait_sync(600)
    good = show("list of %d files complete" % args.files, join(a, b), "s", LIST_S)
    listed = b.status()["listed"]
    if listed < args.files:
        raise netlab.LabError("%d files are listed" % listed)
    good &= show("memory of the laptop's agent, the most", b.daemon.rss()[1] / 1e6, "MB", MEMORY_MB)
    took = [one_get(b, "%03d/f%05d" % (i, i)) for i in range(GETS)]
    good &= show("one get", statistics.median(took), "ms", GET_MS)
    show("memory after %d gets" % GETS, b.daemon.rss()[1] / 1e6, "MB", MEMORY_MB)
    if args.keep:
        input("agents: %d has all, %d is the laptop; Enter ends them " % (a.daemon.pid, b.daemon.pid))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
