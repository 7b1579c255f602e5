"""Memory while many small files are synced, and what the tool costs when all is quiet."""
import os
import time

import ground
from scenarios import cost, cost_rows

TITLE = "%(count)d files of %(each)s: memory, and idle over %(idle)d s"
SIZES = {"small": {"count": 4000, "each": 100, "folders": 20, "idle": 3},
         "full": {"count": 200000, "each": 100, "folders": 1000, "idle": 20}}
ROWS = cost_rows() + (
    ("peak_a", "peak memory, sender", "bytes"), ("peak_b", "peak memory, receiver", "bytes"),
    ("idle_rss_a", "idle memory, sender", "bytes"), ("idle_rss_b", "idle memory, receiver", "bytes"),
    ("idle_cpu_a", "idle CPU, sender", "%"), ("idle_cpu_b", "idle CPU, receiver", "%"),
    ("idle_wakeups_a", "idle wake-ups, sender", "/s"), ("idle_wakeups_b", "idle wake-ups, receiver", "/s"))
once = True


def run(stand, size):
    stand.peer.start()
    staged = os.path.join(stand.stage, "many")
    made = ground.small_files(staged, size["count"], size["each"], size["folders"])
    expected = {os.path.join("many", folder): names for folder, names in made.items()}
    with ground.MemoryPeak(stand) as memory:
        result = cost(stand.timed(lambda: os.rename(staged, os.path.join(stand.a.share, "many")), expected, own_look=False))
    for host in ("a", "b"):
        result["peak_" + host] = memory.peak[host]
    if stand.peer.watches:
        result.update(idle(stand, size["idle"]))
    stand.compare()
    return result


def idle(stand, seconds):
    """Quiet means: what the tool does in the first moments after a transfer is over."""
    time.sleep(min(10, seconds))
    hosts = {h.name: stand.peer.pids(h) for h in (stand.a, stand.b)}
    threads = {name: ground.Threads(pids) for name, pids in hosts.items()}
    start = time.monotonic()
    time.sleep(seconds)
    took, result = time.monotonic() - start, {}
    for name, pids in hosts.items():
        cpu, switches = threads[name].used()
        result["idle_cpu_" + name] = 100 * cpu / took
        result["idle_wakeups_" + name] = switches / took
        result["idle_rss_" + name] = sum(ground.memory_of(pid)[0] for pid in pids)
    return result
