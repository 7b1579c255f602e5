#!/usr/bin/python3
"""An outside oracle: seeded scripts of users' deeds and of blows to machines and cables, played on real agents as a black
box, each observation explained at the end or complained of.

    tests/oracle/run.py --seed 1 --seeds 20              # 20 rounds, from seed 1 on
    tests/oracle/run.py --seconds 3600                   # for an hour
    tests/oracle/run.py --seed 7 --only 3,10-40          # a part of one script
    tests/oracle/run.py --on syncthing --go-on --json /tmp/s.json   # another thing; failures are counted, not the end

Exit 1 when something could not be explained; the seed and the story of each path are printed.
"""
import argparse
import collections
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lab")]
import netlab  # noqa: E402
import round as rounds  # noqa: E402
import script as scripts  # noqa: E402
from thing import Lanyard, OnDemand, Sealed  # noqa: E402

LENGTH = 120


def thing(name):
    if name == "syncthing":
        from syncthing import Syncthing
        return Syncthing
    return {"on-demand": OnDemand, "vault": Sealed, "lanyard": Lanyard}[name]


def numbers(text):
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def options():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--seeds", type=int, default=1, help="how many, when --seconds is not given")
    ask.add_argument("--seconds", type=float, help="go on with the next seed for so long")
    ask.add_argument("--length", type=int, default=LENGTH, help="steps of a script")
    ask.add_argument("--hosts", type=int, help="3 to 5 are drawn otherwise")
    ask.add_argument("--only", type=numbers, help="steps to play, the others are left out")
    ask.add_argument("--without", default="", help="deeds and blows to leave out: tofile,tofolder,link")
    ask.add_argument("--on", default="lanyard", choices=("lanyard", "on-demand", "vault", "syncthing"),
                     help="on-demand: lanyard, two of whose members keep only what they chose; vault: a sealed group, the last host a vault")
    ask.add_argument("--go-on", action="store_true", help="count failures and go on")
    ask.add_argument("--json", help="append a line for each round to this file")
    ask.add_argument("--show", action="store_true", help="print the story of all")
    ask.add_argument("--notes", action="store_true", help="print what is odd and no complaint")
    return ask.parse_args()


def play_one(o, seed):
    script = scripts.make(seed, o.length, o.hosts, o.on == "on-demand", o.on == "vault")
    if o.only:
        script = scripts.only(script, o.only)
    script = scripts.without(script, o.without.split(","))
    said = []
    start = time.monotonic()
    one = rounds.play(thing(o.on), script, lambda r: said.append(r.report() if r.complaints else ""))
    found = collections.Counter(c.kind for c in one.complaints)
    line = {"on": o.on, "version": one.version, "seed": seed, "without": o.without, "hosts": script.hosts, "seconds": round(time.monotonic() - start, 1),
            **one.numbers, "found": found}
    print("seed %d: %s" % (seed, ", ".join("%s %s" % (v if not isinstance(v, float) else "%.1f" % v, k)
                                           for k, v in line.items() if k not in ("on", "version", "seed", "without"))), flush=True)
    if o.show:
        print("\n".join("  %3d %s" % s[:2] for s in one.ledger.story))
    if o.show or o.notes:
        print(one.notes())
    if one.complaints:
        print(said[0], flush=True)
    if o.json:
        with open(o.json, "a") as f:
            f.write(json.dumps(line) + "\n")
    return line


def main():
    o = options()
    netlab.enter()
    end, seed, lines = time.monotonic() + (o.seconds or 0), o.seed, []
    while seed < o.seed + o.seeds if o.seconds is None else time.monotonic() < end:
        lines.append(play_one(o, seed))
        seed += 1
        if lines[-1]["found"] and not o.go_on:
            break
    total = collections.Counter()
    for line in lines:
        total.update({k: line.get(k, 0) for k in ("operations", "blows", "contents", "samples")})
        total.update(line["found"])
        total["rounds with a complaint"] += bool(line["found"])
    print("%s, seeds %d to %d: %s" % (o.on, o.seed, seed - 1, ", ".join("%d %s" % (v, k) for k, v in total.items())))
    return 1 if total["rounds with a complaint"] else 0


if __name__ == "__main__":
    sys.exit(main())
