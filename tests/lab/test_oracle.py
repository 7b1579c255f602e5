"""An outside oracle: seeded scripts of users' deeds and of blows to machines and cables, and every observation explained.

Here a few seeds, for less than a minute; tests/oracle/run.py plays as many as one likes, and single ones again.
"""
import os
import sys

import pytest

import netlab

sys.path.insert(0, os.path.join(netlab.ROOT, "tests", "oracle"))
import round as rounds  # noqa: E402
import script as scripts  # noqa: E402
from ledger import Ledger  # noqa: E402
from netlab import trees  # noqa: E402
from thing import COPY, Lanyard, OnDemand, Sealed  # noqa: E402

LENGTH = 80


@pytest.mark.seconds(240)
@pytest.mark.parametrize("seed", (1, pytest.param(3, marks=pytest.mark.slow)))
def test_everything_that_is_seen_can_be_explained(seed):
    said = []
    one = rounds.play(Lanyard, scripts.make(seed, LENGTH), lambda r: said.append(r.report()))
    assert not one.complaints, said[0]


@pytest.mark.seconds(240)
@pytest.mark.parametrize("seed", (1, pytest.param(2, marks=pytest.mark.slow)))
def test_everything_can_be_explained_where_two_members_keep_what_they_chose(seed):
    said = []
    one = rounds.play(OnDemand, scripts.make(seed, LENGTH, choices=True), lambda r: said.append(r.report()))
    assert not one.complaints, said[0]


@pytest.mark.slow
@pytest.mark.seconds(240)
def test_everything_can_be_explained_where_two_members_meet_through_a_vault_alone():
    said = []
    one = rounds.play(Sealed, scripts.make(1, LENGTH, hosts=3, vault=True), lambda r: said.append(r.report()))
    assert not one.complaints, said[0]


def test_the_script_of_a_seed_is_always_the_same():
    assert scripts.make(7, 50) == scripts.make(7, 50) != scripts.make(8, 50)


# --- that it would see it ---

def entry(content, mode=0o644, mtime=1):
    return trees.Entry("file", mode, mtime, 1, content)


def book(*puts):
    ledger = Ledger(lambda path: COPY.sub("", path))
    for content, path in puts:
        ledger.intend(content, "by a test")
        ledger.put(content, path, 0o644, 1)
    return ledger


def kinds(ledger, tree, kept=()):
    return [c.kind for c in ledger.judge(tree, set(kept))]


def test_what_is_nowhere_is_lost_and_what_is_a_copy_or_a_version_is_not():
    ledger = book(("one", "a"))
    assert kinds(ledger, {}) == ["lost"]
    assert kinds(ledger, {"a": entry("one")}) == kinds(ledger, {}, ["one"]) == []
    assert kinds(ledger, {"a.conflict-20261121-070612-abcdefgh": entry("one")}) == []
    ledger.took("one", "a", 0o644, 1)
    assert kinds(ledger, {}) == []


def test_a_content_that_was_moved_is_owed_where_it_went_though_another_deletes_it_where_it_was():
    ledger = book(("one", "a"))
    ledger.took("one", "a", 0o644, 1)
    ledger.put("one", "b", 0o644, 1)
    ledger.took("one", "a", 0o644, 1)
    assert kinds(ledger, {}) == ["lost"]


def test_what_nobody_wrote_is_torn():
    assert kinds(book(), {"a": entry("half")}) == ["torn"]
    assert kinds(book(), {}, ["half"]) == ["torn"]
    ledger = book()
    ledger.took("half", "a", 0o644, 1)
    assert kinds(ledger, {}) == ["torn"]


def test_what_was_deleted_comes_back_only_where_deeds_crossed():
    ledger = book(("one", "a"))
    ledger.took("one", "a", 0o644, 1)
    assert kinds(ledger, {"a": entry("one")}) == ["came back"]
    crossed = book(("one", "a"), ("two", "a"))
    crossed.took("one", "a", 0o644, 1)
    assert kinds(crossed, {"a": entry("one")}, ["two"]) == []


def test_modes_times_and_folders_that_no_user_gave_are_seen():
    ledger = book(("one", "a"))
    assert kinds(ledger, {"a": entry("one", mode=0o600)}) == kinds(ledger, {"a": entry("one", mtime=2)}) == ["metadata"]
    assert kinds(ledger, {"a": entry("one"), "d": trees.Entry("dir", 0o755, None, None, None)}) == ["stranger"]
