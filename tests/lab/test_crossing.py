"""Two people do different things to one file or folder at once: each case ends the same on both, loses nothing, and makes no
copy where nobody's bytes stood in the way of anybody's (P2, P3)."""
import os
import shutil

import pytest

import netlab
from netlab import apart, in_sync, trees


def files(host, tree):
    return {p.decode(): host.read(p) for p, e in tree.items() if e.kind == "file"}


def everything(*hosts):
    """Every content that a host has in its share, or in its versions."""
    found = set()
    for host in hosts:
        for folder, _, names in os.walk(host.share):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    with open(path, "rb") as f:
                        found.add(f.read())
    return found


def set_time(path):
    os.utime(path, ns=(10 ** 18, 2 * 10 ** 18))  # later than any edit of today


@pytest.mark.parametrize("toucher", ["a", "b"])
@pytest.mark.parametrize("touch", [lambda path: os.chmod(path, 0o640), set_time], ids=["mode", "time"])
def test_new_content_and_a_new_mode_or_time_merge(lab, toucher, touch):
    a, b = in_sync(lab, {"doc": b"old", "dir/doc": b"old too"})
    one, other = (a, b) if toucher == "a" else (b, a)

    def on_one():
        touch(one.file("doc"))
        touch(one.file("dir/doc"))

    def on_other():
        trees.write(other.share, {"doc": b"new", "dir/doc": b"new too"})
    tree = apart(a, b, *((on_one, on_other) if toucher == "a" else (on_other, on_one)))
    assert files(a, tree) == {"doc": b"new", "dir/doc": b"new too"}
    if touch is not set_time:
        assert tree[b"doc"].mode == 0o640 and tree[b"dir/doc"].mode == 0o640


def test_two_modes_and_two_times_merge(lab):
    a, b = in_sync(lab, {"doc": b"same"})
    tree = apart(a, b, lambda: os.chmod(a.file("doc"), 0o600), lambda: set_time(b.file("doc")))
    assert files(b, tree) == {"doc": b"same"}
    tree = apart(a, b, lambda: os.chmod(a.file("doc"), 0o640), lambda: os.chmod(b.file("doc"), 0o604))
    assert files(b, tree) == {"doc": b"same"} and tree[b"doc"].mode in (0o640, 0o604)


@pytest.mark.parametrize("linker", ["a", "b"])
def test_a_folder_against_a_symlink_keeps_both(lab, linker):
    a, b = in_sync(lab, {"start": b""})
    one, other = (a, b) if linker == "a" else (b, a)

    def link():
        os.symlink("start", one.file("x"))

    def folder():
        trees.write(other.share, {"x/inside": b"in the folder"})
    tree = apart(a, b, *((link, folder) if linker == "a" else (folder, link)))
    assert tree[b"x"].kind == "dir" and files(a, tree)["x/inside"] == b"in the folder"
    kept, = [p for p, e in tree.items() if e.kind == "symlink"]
    assert kept.startswith(b"x.conflict-") and tree[kept].data == b"start"


def test_a_deleted_folder_that_somebody_writes_into_lives_for_what_is_new(lab):
    a, b = in_sync(lab, {"dir/sub/old": b"known to both", "dir/other": b"known too"})
    tree = apart(a, b, lambda: shutil.rmtree(a.file("dir")),
                 lambda: trees.write(b.share, {"dir/sub/new": b"written meanwhile"}))
    assert files(a, tree) == {"dir/sub/new": b"written meanwhile"}
    assert {b"known to both", b"known too"} <= everything(b)  # among the versions of the one who did not delete


def test_a_folder_deleted_under_a_busy_writer_loses_nothing(lab):
    # Enough others that the deletions are not a burst to be held.
    a, b = in_sync(lab, dict({"dir/first": b"first"}, **{"stays/%d" % i: b"" for i in range(300)}))
    for i in range(200):
        os.makedirs(b.file("dir"), exist_ok=True)
        trees.write(b.share, {"dir/f%03d" % i: b"number %d" % i})
        if i % 20 == 10:
            netlab.until("a has the last but one", lambda: os.path.exists(a.file("dir/f%03d" % (i - 1))))
            shutil.rmtree(a.file("dir"), ignore_errors=True)
    netlab.settle([a, b])
    missing = {b"number %d" % i for i in range(200)} - everything(a, b)
    assert not missing


def test_a_folder_moved_to_two_places_is_in_both(lab):
    content = {"dir/one": b"1", "dir/sub/two": b"2"}
    a, b = in_sync(lab, dict(content, stays=b"3"))
    tree = apart(a, b, lambda: os.rename(a.file("dir"), a.file("to-a")),
                 lambda: os.rename(b.file("dir"), b.file("to-b")))
    assert files(a, tree) == {"stays": b"3", "to-a/one": b"1", "to-a/sub/two": b"2", "to-b/one": b"1",
                              "to-b/sub/two": b"2"}
    assert b"dir" not in tree


def test_two_folders_moved_into_each_other_keep_what_was_in_them(lab):
    a, b = in_sync(lab, {"x/one": b"1", "y/two": b"2", "stays": b"3"})
    tree = apart(a, b, lambda: os.rename(a.file("x"), a.file("y/x")), lambda: os.rename(b.file("y"), b.file("x/y")))
    assert files(b, tree) == {"stays": b"3", "y/x/one": b"1", "x/y/two": b"2"}


def test_a_file_moved_into_a_folder_that_is_moved_away(lab):
    a, b = in_sync(lab, {"x/one": b"1", "note": b"2"})
    tree = apart(a, b, lambda: os.rename(a.file("x"), a.file("z")), lambda: os.rename(b.file("note"), b.file("x/note")))
    assert files(a, tree) == {"z/one": b"1", "x/note": b"2"}
