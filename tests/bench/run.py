#!/usr/bin/python3
"""Runs the same work through lanyard and its peers, side by side in the lab, and prints what it took.

    tests/bench/run.py                                     # everything, full size: half an hour
    tests/bench/run.py --scale small                       # everything, small: a smoke run
    tests/bench/run.py --only bigfile,manyfiles --peers lanyard,rsync --repeat 3

Of repeated runs the median is shown, each row by itself.  Times never decide over the exit code; trees that differ
and tools that fail do.  Environment: LANYARD_BENCH_DIR (where hosts' homes and shares are; a real disk with 12 GB to
spare, by default /var/tmp), LANYARD_BENCH_PATIENCE (seconds to wait for a quiet machine before each measurement; 10, small:
0), LANYARD_BUILD, LANYARD_BENCH_LOGS=1 (show a failing tool's log).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disk  # noqa: E402
import ground  # noqa: E402
import peers  # noqa: E402
import table  # noqa: E402
from scenarios import ORDER, scenario  # noqa: E402

DEFAULT_PEERS = ("lanyard", "lanyard-sealed", "rsync", "rsync-sync", "syncthing", "unison", "aria2", "libtorrent", "floor")


def arguments():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--only", metavar="SCENARIOS", default=",".join(ORDER), help="of " + ", ".join(ORDER))
    ask.add_argument("--peers", default=",".join(DEFAULT_PEERS), help="of " + ", ".join(peers.TOOLS))
    ask.add_argument("--scale", choices=("small", "full"), default="full")
    ask.add_argument("--repeat", type=int, help="runs of each (3, small: 1)")
    ask.add_argument("--image", metavar="SIZE", help="a fresh ext4 in a file of this size (24G) for each measurement; needs root")
    ask.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    args = ask.parse_args()
    args.only = known(ask, args.only, ORDER)
    args.peers = known(ask, args.peers, peers.TOOLS)
    args.repeat = args.repeat or (1 if args.scale == "small" else 3)
    return args


def known(ask, text, all_of):
    names = text.split(",")
    for name in names:
        if name not in all_of:
            ask.error("%r is none of %s" % (name, ", ".join(all_of)))
    return names


def peaks(stand):
    """The most memory that an agent ever had on either host, for a scenario that does not look itself."""
    found = {}
    for host in (stand.a, stand.b) if stand.peer.watches else ():
        found["peak_" + host.name] = sum(map(ground.peak_of, stand.peer.pids(host)))
    return found


def measure(name, peer, scale, repeat):
    """{"runs": [...], "median": {...}} or {"error": text} of one tool in one scenario."""
    what, runs = scenario(name), []
    for turn in range(1 if getattr(what, "once", False) else repeat):
        progress("%s: %s%s" % (name, peer, " (%d)" % (turn + 1) if repeat > 1 else ""))
        try:
            with ground.Stand(peer) as stand:
                run = what.run(stand, what.SIZES[scale])
                runs.append(dict(peaks(stand), **run))
        except (ground.netlab.LabError, OSError, subprocess.SubprocessError) as e:
            if os.environ.get("LANYARD_BENCH_LOGS"):
                traceback.print_exc()
            return {"runs": runs, "error": str(e) or type(e).__name__}
    keys = {key for run in runs for key in run}
    return {"runs": runs, "median": {k: statistics.median(run[k] for run in runs) for k in sorted(keys)}}


def disk_facts():
    if not os.environ.get("LANYARD_BENCH_IMAGE"):
        return dict(disk.facts(disk.base()), folder=disk.base())
    image = disk.Image(os.environ["LANYARD_BENCH_IMAGE"])
    try:
        return dict(disk.facts(image.mount), folder="a file in " + disk.base())
    finally:
        image.close()


def progress(text):
    if sys.stderr.isatty():
        print("\r\033[K" + text, end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def main():
    args = arguments()
    ground.enter()
    os.environ["LANYARD_LAB_DIR"] = disk.base()
    if args.image:
        os.environ["LANYARD_BENCH_IMAGE"] = args.image
    os.environ.setdefault("LANYARD_BENCH_PATIENCE", "0" if args.scale == "small" else "10")
    gone = {peer: peers.missing(peer) for peer in args.peers if peers.missing(peer)}
    here = [peer for peer in args.peers if peer not in gone]
    facts = dict(disk_facts(), cores=os.cpu_count(), kernel=os.uname().release,
                 load_before=os.getloadavg()[0])
    results = {}
    for name in args.only:
        results[name] = {peer: measure(name, peer, args.scale, args.repeat) for peer in here
                         if (peers.tool(peer).only is None or name in peers.tool(peer).only)
                         and peer in getattr(scenario(name), "PEERS", here)}
        if not args.json:
            progress("")
            table.print_scenario(name, args.scale, here, results[name])
    report = {"facts": facts, "scale": args.scale, "repeat": args.repeat, "not_here": gone, "results": results,
              "settings": {peer: peers.tool(peer).settings for peer in here}}
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        table.print_foot(report)
    return 1 if any("error" in r for by_peer in results.values() for r in by_peer.values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except ground.netlab.LabError as e:
        print("bench: %s" % e, file=sys.stderr)
        sys.exit(1)
