#!/usr/bin/python3
"""Tries the property test of the roster itself: breaks a rule on purpose, one small edit at a time, and looks whether it notices.

    tests/unit/roster_mutants.py [--runs 400] [--steps 400] [--only WORDS]

Each edit is made in a copy of the tree, which is built there; then test_roster_merge plays that many seeds.  The bounds are made
small first, so that floods reach them, and the unbroken rules must hold under small bounds as well.  An edit that no seed
notices is ALIVE.  Two rules are too rare for it, and tests/unit/test_roster_removed.c shows them: that not all owners end in
silence, and that no invite names a removal away.  Exit 1 when an edit is alive, or when the text that it replaces is not in its
file exactly once.
"""
import argparse
import collections
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("LANYARD_BUILD", "build")
TEST = "tests/unit/test_roster_merge"

Mutant = collections.namedtuple("Mutant", "what edits")

INTERNAL = "sync/group/roster_internal.h"
JUDGE = "sync/group/roster_judge.c"
SPEAK = "sync/group/roster_speak.c"
WEIGH = "sync/group/roster_weigh.c"
SET = "sync/group/roster.c"

SMALL = (
    (INTERNAL, "ADMITTER_MAX_JOINS = 64,", "ADMITTER_MAX_JOINS = 4,"),
    (INTERNAL, "BRINGER_MAX_WAITING = 64,", "BRINGER_MAX_WAITING = 12,"),
    (INTERNAL, "OWNER_MAX_STATEMENTS = 2048,", "OWNER_MAX_STATEMENTS = 48,"),
    (INTERNAL, "OWNER_ROOM_STATEMENTS = 512,", "OWNER_ROOM_STATEMENTS = 12,"),
    (INTERNAL, "INVITE_SLOTS = 128,", "INVITE_SLOTS = 4,"),
)

MUTANTS = (
    Mutant("no owner is silenced", [(SPEAK, "} while (pardon_one(r) || silence_one(r) || hear_senior(r));", "} while (r->founding == NULL && (pardon_one(r) || silence_one(r) || hear_senior(r)));")]),
    Mutant("silence spares all that was said", [
        (SPEAK, "it->spared = it->marked;", "it->spared = true;"),
        (SPEAK, "it->spared = it->spared && it->marked;", "it->spared = true;"),
        (SPEAK, "less |= it->spared && !it->marked;", "less = false;")]),
    Mutant("silence spares nothing", [(SPEAK, "it->spared = it->marked;", "it->spared = false;")]),
    Mutant("nobody is heard again", [(SPEAK, "} while (pardon_one(r) || silence_one(r) || hear_senior(r));", "} while (silence_one(r) || (r->founding == NULL && (pardon_one(r) || hear_senior(r))));")]),
    Mutant("owners speak in the order in which they came", [(SPEAK, "qsort(now.a, now.n, sizeof(now.a[0]), speakers_by_id);\n", "")]),
    Mutant("only what counts in the end is told", [(WEIGH, "it->valid = it->was_valid = it->heard = true;", "it->valid = it->was_valid = true;"),
                                                   (SET, "\tthrow_away(r);\n\tr->put", "\tHASH_ITER(hh, r->items, it, tmp)\n\t\tit->heard = it->valid;\n\tthrow_away(r);\n\tr->put")]),
    Mutant("an addition defeats a removal", [(WEIGH, "return it->e.kind != ENTRY_ADD || !entry_names(it, other);", "return it->e.kind != ENTRY_ADD;")]),
    Mutant("a leave counts by its date", [(WEIGH, "return leaves && !entry_names(it, other);",
                                            "return leaves && it->e.time_s <= other->e.time_s && !entry_names(it, other);")]),
    Mutant("the last owner leaves", [(JUDGE, "!last || abandoned);", "true);")]),
    Mutant("uses are not counted", [(JUDGE, "(!again && it->invite->used >= it->e.uses) ||", "")]),
    Mutant("what is passed over uses up its admitter's bound", [
        (JUDGE, "it->signer->njoins >= ADMITTER_MAX_JOINS ||", "it->signer->njoins++ >= ADMITTER_MAX_JOINS ||"),
        (JUDGE, "\tit->signer->njoins++;\n", "")]),
    Mutant("admissions count in the order in which they came", [(JUDGE, "\tqsort(joins, n, sizeof(joins[0]), joins_by_claim);\n", "")]),
    Mutant("a revoked invite lets in", [(JUDGE, " && !it->invite->revoked;", ";")]),
    Mutant("a silenced owner's invites let in", [(JUDGE, "it->issuer->acts_by != NULL && !it->issuer->silenced &&", "it->issuer->acts_by != NULL &&")]),
    Mutant("any agent admits", [(JUDGE, "a->admits = by != NULL && rights_has(by->e.role, RIGHT_ADMIT);", "a->admits = by == NULL || by != NULL;")]),
    Mutant("an earlier statement counts as well", [(SET, "\titem_remove(r, old);\n\treturn true;", "\treturn old != NULL;")]),
    Mutant("one bound for all entries", [(SET, "if (item_find(r, hash) != NULL || !replace_older(r, &e, hash))",
                                          "if (item_find(r, hash) != NULL || HASH_COUNT(r->items) > 60 || !replace_older(r, &e, hash))")]),
    Mutant("what does not count is thrown away at once", [(SET, "b->n <= BRINGER_MAX_WAITING)))", "b->n == 0)))")]),
    Mutant("a joiner looks at numbers alone", [("sync/group/roster_statements.c", "last->e.number >= mark->number && statements_are_complete(a, last))",
                                                "last->e.number >= mark->number)")]),
)


def edited(root, edits):
    """Makes the edits; says which text is not there exactly once."""
    for path, old, new in edits:
        name = os.path.join(root, path)
        with open(name, encoding="utf-8") as f:
            text = f.read()
        if text.count(old) != 1:
            return "stands %d times in %s: %s" % (text.count(old), path, old)
        with open(name, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))
    return None


def copy_tree(to):
    for name in ("Makefile", "base", "discovery", "sync", "agent", "tests/unit", BUILD):
        at = os.path.join(ROOT, name)
        if os.path.isdir(at):
            leave_out = shutil.ignore_patterns("test_*", "sim", "fuzz", "fault", "bench")
            shutil.copytree(at, os.path.join(to, name), symlinks=True, ignore=leave_out if name == BUILD else None)
        elif os.path.exists(at):
            shutil.copy2(at, os.path.join(to, name))


def played(tree, runs, steps):
    """What the test says when it fails, None when it does not; a build that fails ends the program."""
    got = subprocess.run(["make", "-s", "WARN=", "B=" + BUILD, os.path.join(BUILD, TEST)], cwd=tree, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    if got.returncode != 0:
        sys.exit("cannot be built:\n" + got.stdout.decode())
    for first in range(1, runs + 1, 50):
        got = subprocess.run([os.path.join(tree, BUILD, TEST), str(first), str(min(50, runs + 1 - first)), str(steps)],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=600)
        if got.returncode != 0:
            return got.stdout.decode(errors="replace").split("\n")[0]
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="lanyard-roster-") as tree:
        copy_tree(tree)
        said = edited(tree, SMALL)
        if said is None and not args.only:
            said = played(tree, args.runs, args.steps)
            print("unbroken, with small bounds: %s" % (said or "holds"), flush=True)
        failed |= said is not None
        for mutant in MUTANTS:
            if args.only not in mutant.what:
                continue
            kept = {}
            for path in {e[0] for e in mutant.edits}:
                with open(os.path.join(tree, path), encoding="utf-8") as f:
                    kept[path] = f.read()
            said = edited(tree, mutant.edits)
            if said is None:
                said = played(tree, args.runs, args.steps)
                print("%s: %s" % (mutant.what, said or "ALIVE"), flush=True)
                failed |= said is None
            else:
                print("%s: %s" % (mutant.what, said), flush=True)
                failed = True
            for path, text in kept.items():
                with open(os.path.join(tree, path), "w", encoding="utf-8") as f:
                    f.write(text)
    sys.exit(failed)


if __name__ == "__main__":
    main()
