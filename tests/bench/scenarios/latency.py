"""From the drop of a small file to its being visible and complete at the receiver."""
import os
import random
import statistics
import time

import ground
import watch

TITLE = "drop to visible, %(each)s, %(drops)d drops"
SIZES = {"small": {"drops": 8, "each": 4096}, "full": {"drops": 100, "each": 4096}}
ROWS = (("p50", "p50", "ms"), ("p99", "p99", "ms"), ("worst", "worst", "ms"),
        ("cpu", "CPU per drop, both ends", "ms"), ("switches", "waits per drop, both ends", "n"))


def run(stand, size):
    stand.peer.start()
    ground.await_quiet()
    seen = watch.Inotify(stand.b.share)
    rng = random.Random(7)
    took = []
    # Time and switches of its threads mean something on a busy machine, too.
    threads = ground.Threads([pid for host in (stand.a, stand.b) for pid in stand.peer.pids(host)])
    for i in range(size["drops"] + 1):
        # People are not in step with the agent's timers; the first drop warms up both ends and does not count.
        time.sleep(rng.uniform(0.05, 0.15))
        took.append(drop(stand, seen, "drop%03d" % i, rng.randbytes(size["each"]), in_place=i % 2 == 0))
    used = [each / (size["drops"] + 1) for each in threads.used()]
    seen.close()
    stand.peer.settled(60)
    stand.compare()
    took = sorted(took[1:])
    return {"p50": statistics.median(took) * 1000, "p99": took[-(-len(took) * 99 // 100) - 1] * 1000, "worst": took[-1] * 1000,
            "cpu": used[0] * 1000, "switches": used[1]}


def drop(stand, seen, name, data, in_place):
    """Half of the files are written where they belong, half are moved there.  Seconds until the other end has all of it."""
    target, staged = os.path.join(stand.a.share, name), os.path.join(stand.stage, name)
    if not in_place:
        with open(staged, "wb") as f:
            f.write(data)
    start = time.monotonic()
    if in_place:
        with open(target, "wb") as f:
            f.write(data)
    else:
        os.rename(staged, target)
    while True:
        if name in seen.names(5):
            with open(os.path.join(stand.b.share, name), "rb") as f:
                if f.read() == data:
                    return time.monotonic() - start
        stand.peer.check()
        if time.monotonic() - start > 60:
            raise TimeoutError("%s was not visible after 60 s" % name)
