"""What tests call and import is what scripts/setup brings, and a run of `make check` that stops says what it did not reach."""
import os
import shutil
import subprocess

import netlab
import pytest

pytestmark = pytest.mark.plain


@pytest.fixture
def tree(tmp_path):
    """A copy of the scripts, with one test that imports a module from a Debian package."""
    shutil.copytree(os.path.join(netlab.ROOT, "scripts"), tmp_path / "scripts")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_it.py").write_text("import os\nimport google.protobuf\n")
    return tmp_path


def without(tree, package):
    setup = tree / "scripts/setup"
    text = setup.read_text()
    assert " %s" % package in text
    setup.write_text(text.replace(" %s" % package, ""))


def bare_path(tree):
    done = subprocess.run([tree / "scripts/bare-path", tree / "bin", "--test"], capture_output=True, text=True)
    return done, set(os.listdir(tree / "bin"))


def test_the_path_of_the_tests_holds_what_the_set_up_brings_and_no_more(tree):
    done, programs = bare_path(tree)
    assert done.returncode == 0, done.stderr
    assert {"avahi-browse", "cc", "ip", "openssl", "sh", "strace"} <= programs
    without(tree, "avahi-utils")
    done, programs = bare_path(tree)
    assert done.returncode == 0 and "avahi-browse" not in programs


def test_a_module_that_the_set_up_does_not_bring_is_named(tree):
    without(tree, "python3-protobuf")
    done, _ = bare_path(tree)
    assert done.returncode == 1
    assert "tests/test_it.py imports google, which no package of scripts/setup brings" in done.stderr


def test_a_check_that_stops_says_what_it_did_not_reach(tree):
    make = tree / "make"
    make.write_text("#!/bin/sh\n[ \"$2\" != two ]\n")
    make.chmod(0o755)
    done = subprocess.run([tree / "scripts/stages", "one", "two", "three", "four"], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "MAKE": str(make)})
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "check: not reached: three, four"
    assert "check: FAILED: two" in done.stdout


def elsewhere(tree, manager):
    """The set-up on a machine with another package manager than apt, and nothing that a build needs."""
    programs = tree / manager
    programs.mkdir()
    for name in ("dirname", "sed"):
        (programs / name).symlink_to(shutil.which(name))
    (programs / manager).write_text("")
    (programs / manager).chmod(0o755)
    return subprocess.run(["/bin/sh", tree / "scripts/setup"], capture_output=True, text=True, env={"PATH": str(programs)})


@pytest.mark.parametrize("manager,says", (("dnf", "dnf install gcc "), ("zypper", "zypper install gcc "), ("pacman", "pacman -S --needed gcc "),
                                          ("apk", "apk add build-base "), ("other", "the equivalents of Debian's gcc ")))
def test_the_set_up_says_what_to_install_where_it_is_not_debian(tree, manager, says):
    done = elsewhere(tree, manager)
    assert done.returncode == 1
    assert says in done.stderr and "uthash" in done.stderr, done.stderr
    # Each library of the Makefile by some name.
    for library in ("uv", "avahi", "ssl", "zstd", "sqlite", "protobuf-c", "microhttpd", "jansson", "curl", "inih", "acl", "qrencode", "xxhash"):
        assert library in done.stderr, library


def test_the_set_up_is_content_where_all_is_found(tree):
    shutil.copy(os.path.join(netlab.ROOT, "Makefile"), tree)
    programs = tree / "bin"
    programs.mkdir()
    for name in ("dirname", "sed", "cc", "make", "pkg-config", "protoc-c"):
        (programs / name).symlink_to(shutil.which(name))
    done = subprocess.run(["/bin/sh", tree / "scripts/setup"], capture_output=True, text=True, env={"PATH": str(programs)})
    assert done.returncode == 0, done.stderr
