#!/usr/bin/python3
"""What a large group costs: N agents on one network join, rest, get drops, and lose a third of themselves.

    tests/bench/crowd.py [N]     # 48; prints figures, asserts nothing

LANYARD_BUILD: the programs to measure. Wall times depend on what else the machine does; CPU is of all agents together."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import netlab  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
IDLE_S = 30


def cpu(hosts):
    total = 0
    for host in hosts:
        with open("/proc/%d/stat" % host.daemon.pid) as f:
            words = f.read().rsplit(")", 1)[1].split()
        total += int(words[11]) + int(words[12])
    return total / TICKS


def degrees(hosts):
    return sorted(len(host.peers()) for host in hosts)


def say(what, *figures):
    print("%-34s %s" % (what, "  ".join(figures)), flush=True)


def spread(numbers, unit):
    return "least %.3g, median %.3g, most %.3g %s" % (numbers[0], numbers[len(numbers) // 2], numbers[-1], unit)


def drop(hosts, giver, name):
    """Until it is at all of them: the longest, in seconds."""
    begin, before, left = time.monotonic(), cpu(hosts), list(hosts)
    with open(os.path.join(giver.share, name), "w") as f:
        f.write("to everybody " + name)
    while left and time.monotonic() - begin < 60:
        left = [host for host in left if not os.path.exists(os.path.join(host.share, name))]
        time.sleep(0.005)
    say("a drop is at all", "%.2f s" % (time.monotonic() - begin), "missing at %d" % len(left), "CPU %.2f s" % (cpu(hosts) - before))


def join(lab, number):
    hosts = [lab.host("h%d" % i) for i in range(number)]
    lab.introduce()
    for host in hosts:
        host.daemon.start("--discovery", "embedded", wait=False)
    for host in hosts:
        netlab.until("the agent of %s answers" % host.name, host.daemon._answers, 120)
    hosts[0].cli("create", "pics", "--share", hosts[0].share)
    token, took, before = hosts[0].invite("pics", "--uses", "1000"), [], cpu(hosts)
    for host in hosts[1:]:
        begin = time.monotonic()
        host.cli("join", "--invite", token, "--share", host.share, timeout=120)
        took.append(time.monotonic() - begin)
    say("a join", spread(sorted(took), "s"), "CPU of all %.2f s each" % ((cpu(hosts) - before) / len(took)))
    return hosts


def rest(hosts):
    begin, before = time.monotonic(), [cpu([host]) for host in hosts]
    time.sleep(IDLE_S)
    passed = time.monotonic() - begin
    say("at rest, of a core", spread(sorted((cpu([h]) - b) / passed * 100 for h, b in zip(hosts, before)), "%"))
    say("memory", spread(sorted(host.daemon.rss()[0] / 1e6 for host in hosts), "MB"))
    say("connections", spread(degrees(hosts), ""))


def lose(hosts):
    gone, left = hosts[1::3], [h for i, h in enumerate(hosts) if i % 3 != 1]
    dead = {host.agent_id() for host in gone}
    begin = time.monotonic()
    for host in gone:
        host.daemon.pause()
    while any(dead & set(host.peers()) for host in left) and time.monotonic() - begin < 60:
        time.sleep(0.2)
    say("a third is lost: dropped by all", "%.1f s" % (time.monotonic() - begin), spread(degrees(left), "connections left"))
    drop(left, left[0], "meanwhile")
    for host in gone:
        host.daemon.resume()
    begin = time.monotonic()
    while not all(os.path.exists(os.path.join(h.share, "meanwhile")) for h in gone) and time.monotonic() - begin < 60:
        time.sleep(0.05)
    say("and with those that return", "%.1f s" % (time.monotonic() - begin))


def main():
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 48
    netlab.enter()
    with netlab.Lab() as lab:
        hosts = join(lab, number)
        for i in range(3):
            drop(hosts, hosts[0], "drop%d" % i)
            time.sleep(1)
        time.sleep(IDLE_S)
        rest(hosts)
        drop(hosts, hosts[-1], "late")
        lose(hosts)


if __name__ == "__main__":
    main()
