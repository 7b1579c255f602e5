"""Numbers as a table for people: what each tool took, and lanyard's share of it."""
import os

import ground
from scenarios import scenario

OURS = "lanyard"
NOISY = 0.3
PEAKS = (("peak_a", "peak memory, sender", "bytes"), ("peak_b", "peak memory, receiver", "bytes"))


def print_scenario(name, scale, peers, by_peer):
    what = scenario(name)
    size = {k: size_text(v) if k in ("size", "each") else v for k, v in what.SIZES[scale].items()}
    shown = [p for p in peers if p in by_peer]
    print("\n%s" % (what.TITLE % size))
    lines = [[""] + shown]
    for key, label, unit in what.ROWS + tuple(row for row in PEAKS if row not in what.ROWS):
        ours = by_peer.get(OURS, {}).get("median", {}).get(key)
        cells = [cell(p, by_peer[p].get("median", {}).get(key), ours, unit) for p in shown]
        if any(c != "-" for c in cells):
            lines.append([label] + cells)
    print_columns(lines)
    for p in shown:
        if "error" in by_peer[p]:
            print("  %s failed: %s" % (p, by_peer[p]["error"]))
        busy = max([v for r in by_peer[p]["runs"] for k, v in r.items() if k.endswith("elsewhere")], default=0)
        if busy > NOISY:
            print("  %s: other work kept up to %.1f cores busy meanwhile; take its times with care" % (p, busy))


def cell(peer, value, ours, unit):
    if value is None:
        return "-"
    text = number(value, unit)
    # A ratio says something only when there is something on both sides.
    if peer != OURS and ours is not None and value > 0:
        text += " (%s)" % ratio(ours / value)
    return text


def ratio(r):
    return "x%.2f" % r if r >= 0.01 else "x%.4f" % r


def number(value, unit):
    if unit == "bytes":
        return size_text(value)
    if unit == "n":
        return "%d" % value
    return ("%.3f %s" if value < 0.1 else "%.2f %s" if value < 10 else "%.1f %s") % (value, unit)


def size_text(n):
    for name, unit in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= unit:
            return ("%d %s" % (n // unit, name)) if n % unit == 0 else "%.1f %s" % (n / unit, name)
    return "%d B" % n


def print_columns(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))).rstrip())


def print_foot(report):
    facts = report["facts"]
    print("\n(xN): lanyard divided by that tool; below 1, lanyard needs less.  Medians of %d.  Bytes on the wire are both ways, "
          "with all headers." % report["repeat"])
    print("Disk: %s in %s; 256 MiB written and synced at %d MiB/s, fsync of 4 KiB %.2f ms.  %d cores, Linux %s, load "
          "before %.1f." % (facts["file_system"], facts["folder"], facts["dd_256MiB_fsync_MiB_s"], facts["fsync_4KiB_ms"],
                            facts["cores"], facts["kernel"], facts["load_before"]))
    for peer, settings in report["settings"].items():
        print("%s: %s; %s" % (peer, settings, "durable" if ground.peers.tool(peer).durable else "not durable when visible"))
    for peer, programs in report["not_here"].items():
        print("%s left out: %s not here (%s)" % (peer, ", ".join(map(os.path.basename, programs)),
                                                "make" if peer == OURS else "scripts/setup --bench"))
