"""Where keys and plain text of a sealed group must not be: at a vault, whatever it is asked, and new ones at a member that was
made a vault."""
import base64
import os
import time

import pytest

from needles import NAME, TEXT, found_in, on_disk
from netlab import trees, until
from sealed import found, group_file, join, memory, start, vault_joins
from trees import noise

pytestmark = pytest.mark.plain

HEAD, ENTRY, SECRET = 45, 42, 10  # of keys.bin: bytes before its entries, of each, and before the key in it
CALLS = (("status",), ("members", "pics"), ("groups",), ("peers",), ("downloads",), ("invites", "pics"), ("doctor",), ("debug", "dump"))


def secrets(host):
    """The group's keys, from the file that a member has them in."""
    with open(group_file(host, "keys.bin"), "rb") as f:
        form = f.read()
    return {form[at + SECRET:at + SECRET + 32] for at in range(HEAD, len(form) - 32, ENTRY)}


def key_forms(key):
    return [key, key.hex().encode(), key.hex().upper().encode(), base64.b64encode(key)[:-2], base64.urlsafe_b64encode(key)[:-2]]


def said(host):
    """What its agent answers and has logged."""
    yield from (host.lanyard("--json", *call).out for call in CALLS)
    yield host.lanyard("--json", "events").out
    yield host.log().encode()


def known(texts, keys):
    """Which of the keys the texts have, in any form."""
    return {key for text in texts for key in keys if any(form in text for form in key_forms(key))}


def test_a_vault_has_no_key_and_says_no_name(lab):
    a, b, v = (lab.host(n) for n in "abv")
    start([a, b, v])
    found(a)
    join(b, a)
    vault_joins(v, a)
    trees.write(a.share, {NAME: TEXT * 100, "both": b"before"})
    a.wait_sync(60, peers=2)
    # A conflict's name, a problem with a name in it, and parts that a kill left.
    a.daemon.stop()
    trees.write(b.share, {NAME: TEXT * 90 + b"by b"})
    b.wait_sync(60, peers=1)
    b.daemon.stop()
    trees.write(a.share, {NAME: TEXT * 80 + b"by a", NAME + b"-large": TEXT * 400000})
    a.daemon.start()
    until(lambda: "some of it is at the vault", lambda: v.status()["vault"]["rows"] > 2, 30)
    v.daemon.kill9()
    v.daemon.start()
    os.mkfifo(a.file(NAME + b"-fifo"))
    a.wait_sync(60, peers=1)
    b.daemon.start()
    for host in (a, b):
        host.wait_sync(60, peers=2)
    assert [e for e in os.listdir(os.fsencode(a.share)) if b".conflict-" in e]
    v.lanyard("--json", "verify", "pics")
    keys = secrets(a) | secrets(b)
    assert known(on_disk(a.home), keys) == secrets(a) and NAME in found_in(said(a))
    for where in (on_disk(v.home, v.share), memory(v), said(v)):
        texts = list(where)
        assert known(texts, keys) == set() and found_in(texts) == set()


def mappings_with(host, keys):
    """The kernel's flags of each mapping of the agent that has one of the keys in it: "dd" is left out of dumps, "lo" is never swapped."""
    with open("/proc/%d/smaps" % host.daemon.pid, encoding="utf-8") as f:
        flags = [set(line.split()[1:]) for line in f if line.startswith("VmFlags:")]
    with open("/proc/%d/maps" % host.daemon.pid, encoding="utf-8") as maps, open("/proc/%d/mem" % host.daemon.pid, "rb", 0) as m:
        for line, has in zip(maps, flags):
            if line.split()[1][0] != "r" or "[v" in line:
                continue
            first, last = (int(n, 16) for n in line.split()[0].split("-"))
            try:
                m.seek(first)
                if known([m.read(last - first)], keys):
                    yield line.split()[0], has
            except OSError:
                pass


def test_a_member_has_its_keys_in_one_file_and_in_locked_memory_alone(lab):
    wire = lab.switch().capture()
    a, b, c, v = hosts = [lab.host(n) for n in "abcv"]
    for host in hosts:
        host.daemon.start("--discovery", "embedded", "--log-level", "debug")
        host.id = host.agent_id()
    found(a)
    token = a.invite("pics")
    for host in (b, c):
        host.cli("join", "--invite", token, "--share", host.share)
    vault_joins(v, a)
    trees.write(a.share, {NAME: TEXT * 100})
    for host in (a, b):
        host.wait_sync(60, peers=3)
    a.cli("remove", "pics", c.id)
    trees.write(b.share, {"later": noise(300000)})
    for host in (a, b):
        host.wait_sync(60, peers=2)
    keys = secrets(a)
    assert keys == secrets(b) and len(keys) > 1
    for host in (a, b):
        with open(group_file(host, "keys.bin"), "rb") as f:
            form = f.read()
        others = [text for text in on_disk(host.home, host.share) if text != form]
        assert known([form], keys) == keys and known(others, keys) == set()
        assert known(said(host), keys) == set()
        found_at = dict(mappings_with(host, keys))
        assert found_at and all({"dd", "lo"} <= flags for flags in found_at.values()), found_at
    flows = wire.stop().flows()
    assert any(b"_lanyard" in data for data in flows.values())
    assert known([token.encode(), *flows.values()], keys) == set()


def test_one_that_is_made_a_vault_forgets_its_keys_and_gets_no_others(lab):
    a, b, c = (lab.host(n) for n in "abc")
    start([a, b, c])
    found(a)
    for host in (b, c):
        join(host, a)
    trees.write(a.share, {"before": b"x"})
    a.wait_sync(60, peers=2)
    before = secrets(b)
    assert known(memory(b), before) == before
    a.cli("role", "pics", b.id, "vault")
    until(lambda: "b is a vault: %s" % b.status(), lambda: "vault" in b.status(), 20)
    trees.write(a.share, {NAME: TEXT * 1000})
    a.wait_sync(60, peers=2)
    after = secrets(a) - before
    assert after and secrets(c) - before == after
    assert known(memory(b), before | after) == set()
    assert known(on_disk(b.home), before | after) == set()
    assert found_in(memory(b)) == set() and found_in(said(b)) == set() and found_in(on_disk(b.home, b.share)) == set()


def test_no_command_makes_a_plain_frame_for_a_vault(lab):
    a, b, v = (lab.host(n) for n in "abv")
    start([a, b, v])
    found(a)
    join(b, a)
    vault_joins(v, a)
    trees.write(a.share, {"kept": TEXT * 50000, "small": b"s", "dir/deep": noise(300000, 3)})
    for host in (a, b):
        host.wait_sync(60, peers=2)
    a.lanyard("--json", "verify", "pics", "--repair")
    b.cli("mode", "pics", "on-demand")
    b.lanyard("--json", "drop", "pics", "kept")
    b.lanyard("--json", "drop", "pics", "dir/deep")
    with open(a.file("written for long"), "wb") as f:
        for i in range(40):
            f.write(noise(1 << 20, i))
            f.flush()
            time.sleep(0.02)
    until(lambda: "b has heard of it: %s" % b.files("pics"), lambda: "written for long" in str(b.files("pics")), 30)
    b.cli("get", "pics", "written for long")
    b.cli("get", "pics", "kept", "--to", b.path("copy"))
    os.rename(a.file("dir"), a.file("moved"))
    b.cli("mode", "pics", "mirror")
    for host in (a, b):
        host.wait_sync(60, peers=2)
    v.daemon.stop()
    v.daemon.start()
    a.cli("pause", "pics")
    a.cli("resume", "pics")
    for host in (a, b):
        host.wait_sync(60, peers=2)
    for host in (a, b, v):
        assert "without a key" not in host.log() and "misbehaved" not in host.log(), host.log()
