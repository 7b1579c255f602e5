#!/usr/bin/python3
"""Tries the simulator itself: breaks the product on purpose, one small edit at a time, and looks whether a seed notices.

    tests/sim/mutants.py [--seeds 400] [--only WORDS]
    tests/sim/mutants.py --check      only whether the edits fit their files, and the copy has all that a build needs

Each edit is made in a copy of the tree, which is built there; then the fixed seeds run, and as many as asked for from 1 on,
until one fails.  An edit that no seed notices is ALIVE: a hole in what the simulator does or checks.  One whose text is not in
its file exactly once does NOT APPLY, and is left out.  Exit 1 when one does not apply, or is alive and not known to be.
"""
import argparse
import collections
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("LANYARD_BUILD", "build")
ENDLESS_S = 30  # of a processor, however busy the machine is: a hundred times what a seed takes

# What is broken, the promise, the file, (old text, new text)..., and why it is known to stay alive, if it is. era: what it is is
# there in this one only, so seeds of others cannot notice; 0: any. unit: a unit test that notices, if no seed can.
Mutant = collections.namedtuple("Mutant", "what promise edits known era unit", defaults=("", 0, ""))


def edit(path, old, new):
    return path, old, new


RECONCILE = "sync/plan/reconcile.c"
APPLY = "sync/install/install_apply.c"
PIECES = "sync/get/part_pieces.c"
ROW_META = "sync/local/row_meta.c"
VAULTS = 9  # SCRIPT_ERA_VAULTS

MUTANTS = (
    Mutant("of two versions theirs wins always", "P3", [
        edit(RECONCILE, "theirs_wins = rank(theirs, ours) > 0;\n\tif (order == VERSION_EQUAL", "theirs_wins = true;\n\tif (order == VERSION_EQUAL")]),
    Mutant("a deletion beats an edit that it did not know", "P2", [
        edit(RECONCILE, "int c = (int)b->deleted - (int)a->deleted;", "int c = (int)a->deleted - (int)b->deleted;"),
        edit(RECONCILE, "result = RECONCILE_KEEP;", "result = RECONCILE_TAKE;")]),
    Mutant("what wins does not know what lost", "P3", [
        edit(RECONCILE, "\trecord_join(merged, &other->version);\n}", "\tif (other->version.n == UINT32_MAX)\n\t\trecord_join(merged, &other->version);\n}")]),
    Mutant("a folded version is not marked with what it knew", "P3", [
        edit("sync/plan/version.c", "return adds_nothing(a, b) && version_counter(b, mark_of(a)) > 0;", "return false;")],
        "it costs a conflict copy, which is not a lie"),
    Mutant("a change on top of a full version is not told", "P3", [
        edit("sync/plan/record.c", "if (version_fold(&r->version, fresh) < 0)", "if (r->version.n == VERSION_MAX)")]),
    Mutant("of a conflict no copy is made", "P2", [
        edit(APPLY, "\tif (item->conflict && !item->equal)\n\t\tkept = install_keep_ours(job, item, d, name);\n", "")]),
    Mutant("of a conflict nothing is kept", "P2", [
        edit(APPLY, "\tif (item->conflict && !item->equal)\n\t\tkept = install_keep_ours(job, item, d, name);\n", ""),
        edit(APPLY, "else if (version_store_move(&o->place, job->parts, o->swap) == 0)", "else if (unlinkat(job->parts, o->swap, 0) == 0)")]),
    Mutant("an install does not check what stands in its way", "P2", [
        edit("sync/install/install_item.c", "(ours->kind == RECORD_DIR || seen_match(&ours->seen, st) != SEEN_OTHER);", "true;"),
        edit("sync/install/install_item.c", "(ours->kind == RECORD_DIR || seen_match(&ours->seen, st) == SEEN_SAME);", "true;")]),
    Mutant("every fourth tombstone is not written", "P3", [
        edit("sync/local/change_row.c", "\t\twrite_tombstone(l, r);", "\t\tif (r->seq % 4 != 0)\n\t\t\twrite_tombstone(l, r);")]),
    Mutant("what a disk makes of modes is told", "P3", [
        edit(ROW_META, "return record_is(row, kind) ? row->mode : disk_mode_default(kind);", "return st->mode;")]),
    Mutant("what a disk makes of times is told", "P3", [
        edit(ROW_META, "\tif (record_is(row, kind) && (record_disk_mtime(row) == st->mtime_ns ||", "\tif (row == NULL && (record_disk_mtime(row) == st->mtime_ns ||")]),
    Mutant("a burst of deletions is not held", "P2", [edit("sync/plan/burst.c", "return true;", "return false;")]),
    Mutant("deletions that were forgotten are not known any more", "P3", [
        edit("sync/index/index_forget.c", "return v->n > 0;", "return false;")],
        "nobody checks that what was deleted stays away"),
    Mutant("blocks that arrive are not verified", "P1", [
        edit(PIECES, "memcmp(inputs[i].digest, p->hash, SHA256_SIZE) == 0 && piece_store(job, p, p->bytes.p) < 0",
             "piece_store(job, p, p->bytes.p) < 0")],
        "nobody lies there; tests/unit/test_part.c has blocks that do"),
    Mutant("blocks of local files are not verified", "P1", [
        edit(PIECES, "g.inputs[i].n > 0 && piece_store(job, &job->pieces[at + i], g.inputs[i].p) < 0",
             "piece_store(job, &job->pieces[at + i], g.inputs[i].p) < 0")],
        "its users seldom change a large file unseen; tests/unit/test_fetch_peers.c has one that has rotted"),
    Mutant("blocks that are there are fetched again", "P8", [
        edit(PIECES, "p->ok = g.inputs[i].n > 0;", "p->ok = false;")]),
    Mutant("records are acknowledged before they are dealt with", "P3", [
        edit("sync/peer/news_in.c", "return unstored && unstored <= t->cursor ? unstored - 1 : t->cursor;",
             "return unstored ? t->cursor : t->cursor;")]),
    Mutant("numbers of an index that is lost count for the new one", "P3", [
        edit("sync/peer/news_out.c", "bool same = theirs->have_epoch == index_epoch(t->group->config.index);",
             "bool same = theirs->have_epoch != 0;")]),
    Mutant("what is wanted is forgotten at the end", "P3", [
        edit("sync/fetch/wants.c", "f->walk.more = index_wants_missing(f->c.index) > 0;", "f->walk.more = false;")]),
    Mutant("a reader's record is taken", "readers", [
        edit("sync/peer/talk.c", "return rights_has(t->role_known, RIGHT_WRITE) &&", "return t->role_known != ROLE_NONE ||")]),
    Mutant("a removed member is told news", "removal", [
        edit("sync/peer/peer_group.c", "\t\t\tend_former_member(t);", "\t\t\tt->role = role;")]),
    Mutant("absence by choice is told as a deletion", "P2", [
        edit("sync/fetch/drop_job.c", "index_drop(f->c.index, d->path) < 0", "index_leaving_put(f->c.index, d->path, false) < 0")]),
    Mutant("the last copy is dropped", "P2", [
        edit("sync/fetch/drop.c", "if (d->even_if_last || d->behind ||", "if (d != NULL || d->behind ||")]),
    Mutant("an empty folder that an older index has is told as deleted", "P2", [
        edit("sync/local/gone.c", "(row->kind != RECORD_DIR || own_knows_nothing(l, row))", "row->kind != RECORD_DIR")]),
    Mutant("what a carrier does not bring has no end of waiting", "P3", [
        edit("sync/fetch/carried.c", "\treturn *alone ? late : quiet;", "\t*alone = quiet < late;\n\treturn INT64_MAX;")]),
    Mutant("a part takes over what a run has not", "P1", [
        edit("sync/get/coming_legacy.c", "\t\t\tif (run->have[i])\n", "")]),
    Mutant("a vault is sent the key", "vault", [
        edit("sync/group/roster_keys.c", "if (a == NULL || !roster_may(r, id, RIGHT_KEYS))", "if (a == NULL)")], era=VAULTS),
    Mutant("associated data left out", "vault", [
        edit("sync/seal/object.c", "\treturn 3;\n}\n\n/* --- sealing --- */", "\treturn 0;\n}\n\n/* --- sealing --- */")],
        unit="tests/unit/test_object"),
    Mutant("the old generation is used after a removal", "removal", [
        edit("sync/seal/ring.c", "if (j == NULL || generation_state(j) != GENERATION_FIT)\n\t\treturn NULL;\n\treturn ring_find(g, generation_current(j));",
             "if (j == NULL || generation_state(j) == GENERATION_NONE)\n\t\treturn NULL;\n\treturn ring_first(g);")], era=VAULTS),
    Mutant("a session's counter is set back", "sealed", [
        edit("sync/peer/talk_sealed.c", "\tif (t->seal.wrap == NULL)\n\t\tt->seal.wrap = wrap_new(",
             "\tif (t->seal.wrap == NULL)\n\t\ts->sealed_out = s->sealed_in = 0, t->seal.wrap = wrap_new(")], era=VAULTS),
    Mutant("settled before synced", "vault", [
        edit("sync/vault/vault_arrival.c", "if (vault_store_sync(s->share->root) < 0)", "if (s->share == NULL)")], era=VAULTS),
    Mutant("in sync is said without asking what the others have", "P9", [
        edit("agent/engine/engine_status.c", "return peer_group_missing(e->peers);", "return NULL;")]),
)


def stale():
    """Mutants of which an edit does not apply, since its old text is not there exactly once; says so of each."""
    found = []
    for mutant in MUTANTS:
        for path, old, _ in mutant.edits:
            try:
                with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                    number = f.read().count(old)
            except FileNotFoundError:
                number = 0
            if number != 1:
                print("%-3s %-58s DOES NOT APPLY: %d times in %s: %r" % (mutant.promise, mutant.what, number, path, old), flush=True)
                found.append(mutant)
    return found


def build(tree, what):
    got = subprocess.run(["make", "-s", "WARN=", "B=" + BUILD, os.path.join(BUILD, what)], cwd=tree, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    if got.returncode != 0:
        sys.exit("cannot be built:\n" + got.stdout.decode())


SOURCES = ("Makefile", "base", "discovery", "sync", "agent", "scripts", "tests/sim", "tests/unit")


def unbuildable():
    """What make says if the copies of the sources lack something that it needs; None if not."""
    with tempfile.TemporaryDirectory(prefix="lanyard-mutants-") as tree:
        copy_tree(tree, SOURCES)
        units = {mutant.unit.replace("tests/", "build/tests/", 1) for mutant in MUTANTS if mutant.unit}
        got = subprocess.run(["make", "-n", "B=build", "build/tests/sim/sim", *sorted(units)], cwd=tree, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, check=False)
        return got.stderr.decode() if got.returncode != 0 else None


def copy_tree(to, names):
    for name in names:
        at = os.path.join(ROOT, name)
        if os.path.isdir(at):
            leave_out = shutil.ignore_patterns("unit", "fuzz", "fault", "bench")
            shutil.copytree(at, os.path.join(to, name), symlinks=True, ignore=leave_out if name == BUILD else None)
        elif os.path.exists(at):
            shutil.copy2(at, os.path.join(to, name))


def limit_cpu():
    resource.setrlimit(resource.RLIMIT_CPU, (ENDLESS_S, ENDLESS_S))


def play(command):
    """One seed: what it says when it fails, None when it does not."""
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=limit_cpu, check=False)
    return run.stderr.decode(errors="replace").split("\n")[0] if run.returncode != 0 else None


def ask_unit(tree, test):
    """What a unit test says that notices; None when it does not."""
    build(tree, test)
    run = subprocess.run([os.path.join(tree, BUILD, test)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=limit_cpu, check=False)
    failed = re.findall(rb"^\[  FAILED  \] (\w+)$", run.stdout, re.MULTILINE)
    return test + ": " + (failed[0].decode() if failed else "ended by %d" % run.returncode) if run.returncode != 0 else None


def hunt(tree, number, era):
    """What the first seed that fails says; None when none does. era: only of this one; 0: of any."""
    with open(os.path.join(ROOT, "tests/sim/seeds"), encoding="utf-8") as f:
        fixed = re.findall(r"^(\d+)@(\d+)", f.read(), re.MULTILINE)
    seeds = [[s, "--era", of] for s, of in fixed if era in (0, int(of))]
    seeds += [[str(s)] + (["--era", str(era)] if era else []) for s in range(1, number + 1)]
    for seed in seeds:
        said = play([os.path.join(tree, BUILD, "tests/sim/sim"), "--no-shrink", "--seed"] + seed)
        if said is not None:
            return said
    return None


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=400, help="for each, after the fixed ones (400)")
    ask.add_argument("--from", type=int, default=0, dest="first", help="skip this many")
    ask.add_argument("--only", default="", help="those whose line has this in it")
    ask.add_argument("--check", action="store_true", help="only whether the edits fit their files, and the copy has all that a build needs")
    args = ask.parse_args()
    left_out = stale()
    if args.check:
        said = unbuildable()
        if said is not None:
            print("the copy cannot be built:\n" + said, end="")
        return 1 if left_out or said is not None else 0
    holes = len(left_out)
    with tempfile.TemporaryDirectory(prefix="lanyard-mutants-") as tree:
        copy_tree(tree, (*SOURCES, BUILD))
        for mutant in MUTANTS[args.first:]:
            if args.only not in mutant.what or mutant in left_out:
                continue
            before = {path: open(os.path.join(ROOT, path), encoding="utf-8").read() for path, _, _ in mutant.edits}
            after = dict(before)
            for path, old, new in mutant.edits:
                after[path] = after[path].replace(old, new)
            for path, text in after.items():
                with open(os.path.join(tree, path), "w", encoding="utf-8") as f:
                    f.write(text)
            if mutant.unit:
                caught = ask_unit(tree, mutant.unit)
            else:
                build(tree, "tests/sim/sim")
                caught = hunt(tree, args.seeds, mutant.era)
            for path, text in before.items():
                with open(os.path.join(tree, path), "w", encoding="utf-8") as f:
                    f.write(text)
            alive = "ALIVE" + (", known: " + mutant.known if mutant.known else "")
            print("%-3s %-58s %s" % (mutant.promise, mutant.what, caught or alive), flush=True)
            holes += caught is None and not mutant.known
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
