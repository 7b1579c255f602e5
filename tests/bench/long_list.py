#!/usr/bin/python3
"""Whether a very long list holds an agent up: how late it answers others while it switches its mode and lists files.

    tests/bench/long_list.py                    # 100,000 files in 100 folders
    tests/bench/long_list.py --files 1000000

One host has the files, the other joins on demand; then the first goes away, so that nothing is downloaded.  Each row is one
command at the other: its seconds, until its effect is complete; the longest that a small question to the same agent waited
meanwhile, with the median beside it; and how much more memory the agent had in use at its end.
"""
import argparse
import os
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))
import netlab  # noqa: E402
import on_demand  # noqa: E402


class Questions:
    """Asks the agent for its counters over and over, and notes how long each answer took."""

    def __init__(self, host):
        self.host, self.took, self.ended = host, [], threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        socket = os.path.join(self.host.home, "control.sock")
        while not self.ended.is_set():
            got = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{time_total}", "--unix-socket", socket,
                                  "http://lanyard/v1/status"], capture_output=True, text=True, check=True)
            self.took.append(float(got.stdout) * 1000)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.ended.set()
        self.thread.join()


def until_chosen(b):
    while (b.status()["waits_for"] or "").startswith("choosing"):
        pass


def row(b, what, command):
    before, start = b.daemon.rss()[0], time.monotonic()
    with Questions(b) as questions:
        command()
        took = time.monotonic() - start
    print("%-28s %7.2f s   answers after %6.1f ms at most, median %5.1f ms   %+6.1f MB" % (
        what, took, max(questions.took), statistics.median(questions.took), (b.daemon.rss()[0] - before) / 1e6), flush=True)


def switch(b, mode):
    b.cli("mode", on_demand.GROUP, mode)
    until_chosen(b)


def list_all(b, *options):
    got = b.lanyard(*options, "files", on_demand.GROUP, timeout=600)
    if got.code != 0:
        raise netlab.LabError(got.err)


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--files", type=int, default=100_000)
    args = ask.parse_args()
    netlab.enter()
    with netlab.Lab() as lab:
        a, b = lab.host("a"), lab.host("b")
        on_demand.fill(a.share, args.files)
        a.daemon.start("--discovery", "off", "--peer", b.address)
        b.daemon.start("--discovery", "off", "--peer", a.address)
        a.cli("create", on_demand.GROUP, "--share", a.share)
        a.wait_sync(1200)
        on_demand.join(a, b)
        a.daemon.stop()
        row(b, "nothing", lambda: time.sleep(2))
        row(b, "files --json", lambda: list_all(b, "--json"))
        row(b, "files", lambda: list_all(b))
        row(b, "mode mirror", lambda: switch(b, "mirror"))
        row(b, "mode on-demand", lambda: switch(b, "on-demand"))
        row(b, "get of all by a pattern", lambda: (b.lanyard("get", on_demand.GROUP, "**", "--timeout", "0"),
                                                   until_chosen(b)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
