"""Many small files from one member to four at 1 Gbit/s each: what the source sends, and how long until all have them."""
import os
import time

import ground
import netlab

TITLE = "%(count)d files of %(each)s from one member to %(receivers)d, at 1 Gbit/s each"
SIZES = {"small": {"count": 2000, "each": 4096, "folders": 20, "receivers": 4},
         "full": {"count": 20000, "each": 4096, "folders": 40, "receivers": 4}}
ROWS = (("seconds", "all trees complete and in sync", "s"), ("sent", "sent by the source", "bytes"),
        ("copies", "of one copy", "%"), ("cpu", "CPU, all agents", "s"))
PEERS = ("lanyard",)


def cpu_of(hosts):
    return sum(ground.cpu_of(host.daemon.pid) for host in hosts)


def run(stand, size):
    hosts = [stand.a, stand.b] + [stand.lab.host("r%d" % i) for i in range(size["receivers"] - 1)]
    netlab.form(hosts, "bench")
    staged = os.path.join(stand.stage, "many")
    ground.small_files(staged, size["count"], size["each"], size["folders"])
    for host in hosts:
        host.limit("1gbit")
    ground.disk.settle(stand.lab.dir)
    ground.await_quiet()
    sent, cpu, start = stand.a.tx(), cpu_of(hosts), time.monotonic()
    os.rename(staged, os.path.join(stand.a.share, "many"))
    for host in hosts[1:] + hosts[:1]:
        host.wait_sync(900, peers=len(hosts) - 1)
    took, sent, cpu = time.monotonic() - start, stand.a.tx() - sent, cpu_of(hosts) - cpu
    netlab.settle(hosts, 900)
    for host in hosts[2:]:
        host.daemon.finish()
    return {"seconds": took, "sent": sent, "copies": 100 * sent / (size["count"] * size["each"]), "cpu": cpu}
