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
PEERS = ("lanyard", "aria2", "libtorrent")
PAYLOAD = 1448 / 1514  # of a full frame of TCP over Ethernet


def cpu_of(peer, hosts):
    return sum(ground.cpu_of(pid) for host in hosts for pid in peer.pids(host))


def run(stand, size):
    peer = stand.peer
    hosts = [stand.a, stand.b] + [stand.lab.host("r%d" % i) for i in range(size["receivers"] - 1)]
    peer.gather(hosts)
    staged = os.path.join(stand.stage, "big")
    ground.big_file(staged, size["size"])
    for host in hosts:
        host.limit("%dmbit" % size["mbit"])
    peer.prepare(staged)
    ground.disk.settle(stand.lab.dir)
    ground.await_quiet()
    sent, cpu, start = stand.a.tx(), cpu_of(peer, hosts), time.monotonic()
    peer.scatter(staged)
    for host in hosts[1:]:
        netlab.until("%s has it" % host.name, lambda: peer.has(host), 900, every=0.002)
    took, sent, cpu = time.monotonic() - start, stand.a.tx() - sent, cpu_of(peer, hosts) - cpu
    peer.finish()
    limit = size["size"] * 8 / (size["mbit"] * 1e6 * PAYLOAD)
    return {"seconds": took, "limit": 100 * took / limit, "sent": sent, "copies": 100 * sent / size["size"], "cpu": cpu}
