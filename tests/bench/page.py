#!/usr/bin/python3
"""What an agent pays for its page in a browser, at rest and while files come, and for a scrape of Prometheus.

    tests/bench/page.py [SECONDS]     # 60; prints figures, asserts nothing; needs scripts/setup --test --web

LANYARD_BUILD: the programs to measure. CPU is the agent's alone, in parts of one core, so that other work on the machine matters little."""
import base64
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "web"), os.path.join(HERE, "..", "lab")]
import browser  # noqa: E402
import netlab  # noqa: E402
from test_api import Client  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
FILES_A_SECOND, SCRAPES = 100, 100
GROUPS, MEMBERS = 20, 100


def cpu(host):
    with open("/proc/%d/stat" % host.daemon.pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICKS


def say(what, text):
    print("%-46s %s" % (what, text), flush=True)


def rest(host, seconds):
    before, begin = cpu(host), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu(host) - before) / (time.monotonic() - begin)


def busy(giver, taker, seconds, name):
    """Files come to the taker, at an even rate; returns its CPU per file in ms, and how many came in a second."""
    before, begin, number = cpu(taker), time.monotonic(), 0
    while (now := time.monotonic() - begin) < seconds:
        while number < now * FILES_A_SECOND:
            with open(giver.file("%s-%d" % (name, number)), "wb") as f:
                f.write(b"%d " % number * 100)
            number += 1
        time.sleep(0.01)
    netlab.settle([giver, taker], timeout=120)
    took = time.monotonic() - begin
    return 1000 * (cpu(taker) - before) / number, number / took


def looked_at(lab, seconds):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b], flags=("--web", browser.WEB))
    alone = rest(a, seconds)
    say("at rest, nobody looks", "%.2f %% of a core" % alone)
    with_none, rate = busy(b, a, seconds, "alone")
    say("%.0f files come per second, nobody looks" % rate, "%.2f ms of CPU each" % with_none)
    page = browser.Browser(a)
    try:
        for view in ("", "transfers", "files", "activity"):
            page.go(view)
            time.sleep(5)  # it has asked for what it shows
            say("at rest, the page shows %s" % (view or "the overview"), "%.2f %%" % rest(a, seconds))
        for view in ("", "transfers"):
            page.go(view)
            got, rate = busy(b, a, seconds, "seen" + view)
            say("%.0f files come per second, %s" % (rate, view or "the overview"), "%.2f ms each, so at %d per second the page takes %.1f %% of a core" % (
                got, FILES_A_SECOND, FILES_A_SECOND * (got - with_none) / 10))
    finally:
        page.close()


def scraped(lab):
    host = lab.host("many")
    host.daemon.start("--discovery", "off")
    api = Client(host)
    for i in range(GROUPS):
        api.ask("POST", "/v1/groups", {"name": "group %d" % i, "share": host.path("share%d" % i)})
        for _ in range(MEMBERS // GROUPS):
            text = base64.b32encode(os.urandom(32)).decode().lower().rstrip("=")
            status, _, said = api.ask("POST", "/v1/groups/group%%20%d/role" % i, {"agent": "-".join(text[k:k + 7] for k in range(0, 52, 7)), "role": "member"})
            assert status == 200, said
    before, walls, size = cpu(host), [], 0
    for _ in range(SCRAPES):
        begin = time.monotonic()
        size = len(api.ask("GET", "/metrics")[2])
        walls.append(1000 * (time.monotonic() - begin))
    walls.sort()
    say("a scrape of %d groups, %d members" % (GROUPS, MEMBERS), "%.1f ms of CPU, median %.1f ms, most %.1f ms, %d bytes" % (
        1000 * (cpu(host) - before) / SCRAPES, walls[SCRAPES // 2], walls[-1], size))


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    netlab.enter()
    with netlab.Lab() as lab:
        scraped(lab)
        looked_at(lab, seconds)


if __name__ == "__main__":
    main()
