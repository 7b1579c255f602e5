"""What a seed stands for: a list of deeds of users and of blows to machines and cables, made without looking at anything.

So a seed is the same script over any thing that is driven, and any part of it can be played alone.  Whether a deed finds
what it is about (a file to delete) is seen only when it is played.
"""
import collections
import itertools
import os
import random

FOLDERS = ("", "d", "d/e", "x", "x/y")
FILES = [os.path.join(d, n) for d in FOLDERS for n in ("a.txt", "b", "c.tar.gz")]
MODES = (0o600, 0o644, 0o664, 0o755)
SIZES = (40, 40, 500, 3000, 5000, 90_000, 300_000)

OPENING = 10  # steps that only fill the shares

# number: its place in the script; wait: seconds before it; host: index of who does it or whom it befalls; a: all else
Step = collections.namedtuple("Step", "number wait verb host a")
# apart: pairs of hosts that never talk directly, in the whole run and after it
Script = collections.namedtuple("Script", "seed hosts apart steps")

# verb: (how often, what to draw for it)
DEEDS = {
    "put": (10, "file size mode"), "create": (6, "file size parts"), "rewrite": (4, "file size parts"),
    "append": (5, "file size"), "truncate": (3, "file part"), "patch": (3, "file part"),
    "vim": (3, "file size"), "save": (4, "file size"), "office": (2, "file size"),
    "delete": (5, "file"), "out": (4, "file"), "move": (6, "file other"), "copy": (3, "file other"),
    "chmod": (3, "file mode"), "touch": (3, "file time"),
    "mkdir": (2, "folder"), "rmdir": (2, "folder"), "mvdir": (4, "folder folder2"), "rmtree": (2, "folder"),
    "link": (2, "file"), "tofolder": (2, "file size"), "tofile": (1, "folder size"), "bulk": (2, "folder count"),
}
BLOWS = {
    "kill": (6, ""), "end": (2, ""), "freeze": (4, ""), "pause": (2, ""),
    "cut": (4, ""), "carrier": (2, ""), "split": (3, "side"), "deaf": (3, "of"), "heal": (5, ""),
}
# Where two of the members keep only what they chose.
CHOICES = {"get": (6, "file"), "getdir": (2, "folder"), "drop": (6, "file"), "dropdir": (2, "folder"), "mode": (1, "")}
KILLS, CABLES = ("kill", "end", "freeze"), ("cut", "carrier", "split", "deaf", "heal")
SORTS = (BLOWS, BLOWS, BLOWS, KILLS, KILLS, CABLES, ("kill",), ())
SLOW, QUICK = (0, 0, 0, 0, 0.005, 0.02, 0.1, 0.4), (0, 0, 0, 0.001, 0.005, 0.02)


def _drawer(rng, hosts):
    return {
        "file": lambda: rng.choice(FILES), "other": lambda: rng.choice(FILES), "size": lambda: rng.choice(SIZES),
        "mode": lambda: rng.choice(MODES), "parts": lambda: rng.choice((1, 1, 2, 4)), "part": rng.random,
        "time": lambda: 10**18 + rng.randrange(10**15), "folder": lambda: rng.choice(FOLDERS[1:]),
        "folder2": lambda: rng.choice(FOLDERS[1:] + ("z", "x/z")), "count": lambda: rng.choice((5, 20, 40)),
        "side": lambda: rng.sample(range(hosts), rng.randrange(1, hosts)), "of": lambda: rng.randrange(hosts),
    }


def make(seed, length, hosts=None, choices=False, vault=False):
    """The script of a seed; hosts is 3 to 5, drawn as well when not given.  choices: users also choose what is kept.  vault: the last host is
    one, and of every other seed the others meet through it alone."""
    rng = random.Random(seed)
    drawn = rng.choice((3, 3, 4, 5))
    hosts = hosts or drawn
    # Sometimes the members are a chain: each knows of the far ones through others alone.
    apart = set()
    if rng.random() < 0.25:
        apart = {(i, j) for i in range(hosts) for j in range(i + 2, hosts)}
    if choices:
        apart = set()  # no content comes past a member that does not keep it
    if vault:
        apart = set(itertools.combinations(range(hosts - 1), 2)) if seed % 2 else set()
    blows = rng.choice(SORTS)
    weights = {**{v: w for v, (w, _) in DEEDS.items()}, **{v: BLOWS[v][0] for v in blows}}
    if choices:
        weights.update({v: w for v, (w, _) in CHOICES.items()})
    # Some users are three times as many, and quick: agents hardly keep up with them.
    waits, times = rng.choice(((SLOW, 1), (SLOW, 1), (QUICK, 3)))
    draw, steps = _drawer(rng, hosts), []
    for number in range(length * times):
        verb = rng.choices(list(weights), list(weights.values()))[0] if number >= OPENING else "put"
        args = {what: draw[what]() for what in {**DEEDS, **BLOWS, **CHOICES}[verb][1].split()}
        wait = rng.choice(waits)
        if verb in BLOWS:
            wait += rng.choice((0, 0, 0.05, 0.5))
        steps.append(Step(number, wait, verb, rng.randrange(hosts), args))
    return Script(seed, hosts, apart, steps)


def only(script, numbers):
    """The same script with these steps alone."""
    return script._replace(steps=[s for s in script.steps if s.number in numbers])


def without(script, verbs):
    """The same script, these deeds and blows left out."""
    return script._replace(steps=[s for s in script.steps if s.verb not in verbs])


def data(seed, serial, size):
    """Bytes that are written once only: the first 32 tell them from all others."""
    head = ("%d:%d " % (seed, serial)).ljust(31, ".") + "\n"
    return head.encode() + random.Random(seed << 20 | serial).randbytes(size)
