"""Where the kernel is old, or a filter refuses calls: what the agent promises it keeps, and it says what it does without.

The program `without` (without.c) lets calls fail as they do there. P5 must hold without openat2, so some of the races of
test_races.py are run on what stands in for it, and the unit tests of base/fs on all that does.
"""
import os
import subprocess

import pytest

import test_races
import workloads
from stand import ALL, BUILD, GROUP, PARENT, PATH, SELF, Stand

WITHOUT = os.path.join(BUILD, "tests", "fault", "without")
WALK = "openat2=ENOSYS"
OLD_STATX = WALK + ",statx-mounts=EINVAL"
KERNELS = {
    # What is in containers whose filter is older than the kernel, or in a unit with RestrictSUIDSGID.
    "filter": "openat2=EPERM,faccessat2=EPERM,close_range=EPERM,pidfd_open=EPERM,statx=EPERM,renameat2=EPERM,copy_file_range=EPERM,"
              "name_to_handle_at=EPERM,memfd_create=EPERM,seccomp=EPERM,rseq=EPERM,io_uring_setup=EPERM,epoll_pwait2=EPERM,"
              "sync_file_range=EPERM,fallocate=EPERM,preadv2=EPERM,clone3=ENOSYS",
    "linux-5.4": OLD_STATX + ",utimensat-empty=EINVAL,faccessat2=ENOSYS,close_range=ENOSYS,epoll_pwait2=ENOSYS,clone3=ENOSYS",
    "linux-4.4": WALK + ",utimensat-empty=EINVAL,faccessat2=ENOSYS,close_range=ENOSYS,pidfd_open=ENOSYS,statx=ENOSYS,"
                 "copy_file_range=ENOSYS,rseq=ENOSYS,io_uring_setup=ENOSYS,epoll_pwait2=ENOSYS,preadv2=ENOSYS,clone3=ENOSYS",
    "linux-3.17": WALK + ",utimensat-empty=EINVAL,faccessat2=ENOSYS,close_range=ENOSYS,pidfd_open=ENOSYS,statx=ENOSYS,"
                  "copy_file_range=ENOSYS,rseq=ENOSYS,io_uring_setup=ENOSYS,epoll_pwait2=ENOSYS,preadv2=ENOSYS,clone3=ENOSYS,"
                  # And more than was missing then: a file system may lack the flags of the one, nothing needs the other.
                  "renameat2=ENOSYS,memfd_create=ENOSYS,seccomp=ENOSYS",
}
MOUNTS = {"statx": WALK, "handle": OLD_STATX, "fdinfo": OLD_STATX + ",name_to_handle_at=EPERM",
          "filter": "openat2=EPERM,statx=EPERM,name_to_handle_at=EPERM"}


def passes(rules, unit):
    """A test that was skipped, as those of mounts are where nobody may mount, has proved nothing."""
    got = subprocess.run([WITHOUT, rules, os.path.join(BUILD, "tests", "unit", unit)], capture_output=True, text=True)
    said = got.stdout + got.stderr
    assert got.returncode == 0 and "SKIPPED" not in said and "PASSED" in said, said


@pytest.mark.parametrize("unit", ("test_fs", "test_fs_mount", "test_fs_tree"))
@pytest.mark.parametrize("rules", MOUNTS.values(), ids=MOUNTS)
def test_nothing_leads_out_of_a_folder_without_openat2(unit, rules):
    passes(rules, unit)


def test_the_device_alone_keeps_other_disks_out_and_the_share_says_what_it_does_not():
    passes(MOUNTS["filter"], "test_fs_device")


def test_a_failing_question_about_a_mount_is_not_taken_for_another_mount():
    passes(WALK + ",statx-mounts=ENOMEM", "test_fs_device")


def test_times_of_symlinks_are_set_and_names_are_exchanged_without_the_new_calls():
    for rules, unit in (("utimensat-empty=EINVAL", "test_fs"), (WALK + ",renameat2=EPERM", "test_fs_mount")):
        passes(rules, unit)


class OldStand(Stand):
    def __init__(self, rules):
        super().__init__(("peer", "victim"), ())
        self.victim.wrap = [WITHOUT, rules]


@pytest.mark.parametrize("rules", KERNELS.values(), ids=KERNELS)
def test_an_agent_does_all_its_work_on_an_old_kernel_or_under_a_filter(rules):
    with OldStand(rules) as s:
        assert "openat2 is missing or refused" in s.victim.tail(1000), s.victim.tail(1000)
        assert any("openat2" in lack for lack in s.victim.cli("status")["kernel_lacks"])
        assert s.peer.cli("status")["kernel_lacks"] == []
        said = s.victim.lanyard("doctor").stdout.decode()
        assert "note  kernel: openat2 is missing or refused" in said, said
        runs = []
        for number, (actor, workload) in enumerate([(s.peer, w) for w in workloads.RECEIVED if not w.cold]
                                                   + [(s.victim, w) for w in workloads.SENT if not w.cold]):
            run = workloads.Run(s, workload, number)
            run.actor = actor
            workload.prepare(run)
            runs.append((run, workload))
        s.settle()
        for run, workload in runs:
            workload.act(run)
        os.symlink("nowhere", s.peer.path("link"))
        os.utime(s.peer.path("link"), ns=(5, 1700000001123456789), follow_symlinks=False)
        s.settle()
        for run, workload in runs:
            seen = run.seen(s.victim)
            assert {n: d for n, d in run.final.items() if d is not None} == seen, workload.name
            workload.check(run, seen)
        assert os.lstat(s.victim.path("link")).st_mtime_ns == 1700000001123456789
        assert s.victim.cli("versions", GROUP)["versions"]
        assert not s.victim.status()["problems"]


class WalkRaces(test_races.Races):
    under = [WITHOUT, WALK]


@pytest.fixture
def pair():
    with WalkRaces(names=("f/" * 8 + "peer", "victim")) as s:
        yield s


@pytest.mark.parametrize("how", test_races.LEAD_OUT, ids=test_races.HOWS_NAMES.__getitem__)
def test_something_else_stands_on_the_way_of_a_walk(pair, how):
    """At random calls first, each step of the walk being one, then as fast as a thread can."""
    work = test_races.Work(pair, 1)
    pair.settle()
    for what in (SELF, PARENT):
        swap = pair.order(what, how, back=2, chance=10)
        assert test_races.keep_swapping(pair, work, swap, min(300, test_races.RACES), 20 if ALL else 1) > 0
        test_races.settled(pair)
    paths = [p.rstrip("/") for p in test_races.inside(pair, work)]
    swap = pair.order(PATH, how, race=1, paths=paths)
    assert test_races.keep_swapping(pair, work, swap, test_races.RACES * 10, 20 if ALL else 1) > 0
    test_races.settled(pair)
