"""One big file from one member to several at once, each on a link of its own: how close to the time of one copy, and what the source
sends."""
import os
import time

import ground
import netlab

TITLE = "one file of %(size)s from one member to %(receivers)d, at %(mbit)d Mbit/s each"
SIZES = {"small": {"size": 32 << 20, "receivers": 4, "mbit": 200},
         "full": {"size": 512 << 20, "receivers": 4, "mbit": 1000}}
ROWS = (("seconds", "with all receivers", "s"), ("limit", "of the time that one copy takes on the link", "%"),
        ("sent", "sent by the source", "bytes"), ("copies", "of one copy", "%"), ("cpu", "CPU, all agents", "s"))
PEERS = ("lanyard",)
PAYLOAD = 1448 / 1514  # of a full frame of TCP over Ethernet


def cpu_of(hosts):
    return sum(ground.cpu_of(host.daemon.pid) for host in hosts)


def run(stand, size):
    hosts = [stand.a, stand.b] + [stand.lab.host("r%d" % i) for i in range(size["receivers"] - 1)]
    netlab.form(hosts, "bench")
    staged = os.path.join(stand.stage, "big")
    ground.big_file(staged, size["size"])
    for host in hosts:
        host.limit("%dmbit" % size["mbit"])
    ground.disk.settle(stand.lab.dir)
    ground.await_quiet()
    sent, cpu, start = stand.a.tx(), cpu_of(hosts), time.monotonic()
    os.rename(staged, os.path.join(stand.a.share, "big"))
    for host in hosts[1:]:
        netlab.until("%s has it" % host.name, lambda: os.path.exists(os.path.join(host.share, "big")), 900, every=0.002)
    took, sent, cpu = time.monotonic() - start, stand.a.tx() - sent, cpu_of(hosts) - cpu
    netlab.settle(hosts, 900)
    for host in hosts[2:]:
        host.daemon.finish()
    limit = size["size"] * 8 / (size["mbit"] * 1e6 * PAYLOAD)
    return {"seconds": took, "limit": 100 * took / limit, "sent": sent, "copies": 100 * sent / size["size"], "cpu": cpu}
