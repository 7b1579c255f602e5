#!/usr/bin/python3
"""Tries the simulator itself: breaks the product on purpose, one small edit at a time, and looks whether a seed notices.

    tests/sim/mutants.py [--seeds 400] [--only WORDS]

Each edit is made in a copy of the tree, which is built there; then the fixed seeds run, and as many as asked for from 1 on,
until one fails.  An edit that no seed notices is ALIVE: a hole in what the simulator does or checks.  Exit 1 when one is that
is not known to be, or when the text that an edit replaces is not in its file exactly once.
"""
import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("LANYARD_BUILD", "build")
ENDLESS_S = 30  # a hundred times what a seed takes

# what is broken, the promise, the file, (old text, new text)..., and why it is known to stay alive, if it is
Mutant = collections.namedtuple("Mutant", "what promise edits known", defaults=("",))


def edit(path, old, new):
    return path, old, new


RECONCILE = "sync/plan/reconcile.c"
APPLY = "sync/install/install_apply.c"
PART = "sync/get/part.c"
ROW_META = "sync/local/row_meta.c"

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
        edit(APPLY, "\tif (item->conflict)\n\t\tkept = install_keep_ours(job, item, d, name);\n", "")]),
    Mutant("of a conflict nothing is kept", "P2", [
        edit(APPLY, "\tif (item->conflict)\n\t\tkept = install_keep_ours(job, item, d, name);\n", ""),
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
        edit(PART, "memcmp(inputs[i].digest, p->hash, SHA256_SIZE) == 0 && piece_store(job, p, p->bytes.p) < 0",
             "piece_store(job, p, p->bytes.p) < 0")],
        "nobody lies there; tests/unit/test_part.c has blocks that do"),
    Mutant("blocks of local files are not verified", "P1", [
        edit(PART, "p->from_offset) != (ssize_t)p->len || !is_right(p, buffer))", "p->from_offset) != (ssize_t)p->len)")],
        "its users seldom change a large file unseen; tests/unit/test_fetch_peers.c has one that has rotted"),
    Mutant("blocks that are there are fetched again", "P8", [
        edit(PART, "p->ok = fs_pread_full(job->part, buffer, p->len, p->offset) == (ssize_t)p->len && is_right(p, buffer);",
             "p->ok = fs_pread_full(job->part, buffer, p->len, p->offset) < 0;")]),
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
    Mutant("in sync is said without asking what the others have", "P9", [
        edit("agent/engine/engine_status.c", "return peer_group_missing(e->peers);", "return NULL;")]),
)


def stale():
    """Edits whose old text is not there exactly once."""
    said = []
    for mutant in MUTANTS:
        for path, old, _ in mutant.edits:
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                number = f.read().count(old)
            if number != 1:
                said.append("%s: stands %d times in %s: %s" % (mutant.what, number, path, old))
    return said


def build(tree):
    got = subprocess.run(["make", "-s", "WARN=", "B=" + BUILD, os.path.join(BUILD, "tests/sim/sim")], cwd=tree, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    if got.returncode != 0:
        sys.exit("cannot be built:\n" + got.stdout.decode())


def copy_tree(to):
    for name in ("Makefile", "base", "discovery", "sync", "agent", "tests/sim", BUILD):
        at = os.path.join(ROOT, name)
        if os.path.isdir(at):
            leave_out = shutil.ignore_patterns("unit", "fuzz", "fault", "bench")
            shutil.copytree(at, os.path.join(to, name), symlinks=True, ignore=leave_out if name == BUILD else None)
        elif os.path.exists(at):
            shutil.copy2(at, os.path.join(to, name))


def play(command):
    """One seed: what it says when it fails, None when it does not."""
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    endless = False
    while True:
        try:
            said = run.communicate(timeout=ENDLESS_S)[1]
            break
        except subprocess.TimeoutExpired:
            endless = True
            # The seed is played by a child, after which its parent cleans up.
            with open("/proc/%d/task/%d/children" % (run.pid, run.pid), encoding="ascii") as f:
                for child in f.read().split():
                    os.kill(int(child), signal.SIGKILL)
    if endless:
        return "seed %s: comes to no end" % command[command.index("--seed") + 1]
    return said.decode(errors="replace").split("\n")[0] if run.returncode != 0 else None


def hunt(tree, number):
    """What the first seed that fails says; None when none does."""
    with open(os.path.join(ROOT, "tests/sim/seeds"), encoding="utf-8") as f:
        fixed = re.findall(r"^(\d+)@(\d+)", f.read(), re.MULTILINE)
    seeds = [[s, "--era", era] for s, era in fixed] + [[str(s)] for s in range(1, number + 1)]
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
    args = ask.parse_args()
    said = stale()
    if said:
        sys.exit("\n".join(said))
    holes = 0
    with tempfile.TemporaryDirectory(prefix="lanyard-mutants-") as tree:
        copy_tree(tree)
        for mutant in MUTANTS[args.first:]:
            if args.only not in mutant.what:
                continue
            before = {path: open(os.path.join(ROOT, path), encoding="utf-8").read() for path, _, _ in mutant.edits}
            after = dict(before)
            for path, old, new in mutant.edits:
                after[path] = after[path].replace(old, new)
            for path, text in after.items():
                with open(os.path.join(tree, path), "w", encoding="utf-8") as f:
                    f.write(text)
            build(tree)
            caught = hunt(tree, args.seeds)
            for path, text in before.items():
                with open(os.path.join(tree, path), "w", encoding="utf-8") as f:
                    f.write(text)
            alive = "ALIVE" + (", known: " + mutant.known if mutant.known else "")
            print("%-3s %-58s %s" % (mutant.promise, mutant.what, caught or alive), flush=True)
            holes += caught is None and not mutant.known
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
