"""The seven basic steps (vm-test/README.md lists them) on three hosts A, B and C: with discovery embedded in the agents and
with a real avahi-daemon on every host, in a sealed group, and in a sealed group with C as its vault."""
import os
import shutil

import pytest

import netlab
from netlab import trees

BIG_MB = int(os.environ.get("LANYARD_LAB_BIG_MB", "2400"))
# Large enough that A is not killed in the first second after a member was admitted: until then it may forget the member.
SMALL = 200 << 20
PHOTO = 6 << 20
DIARY = b"private diary " + trees.noise(500, seed=5).hex().encode()
NAMES = [b"IMG-4711", b"holiday-1999", b"notes-abc", b"film-0815"]


def discovery_flags(hosts, way):
    if way == "avahi":
        for host in hosts:
            host.start_avahi()
    return ["--discovery", way]


def drop(host, name, content):
    """As a user drops a file: with a name of its own, mode and time stamps that are not the defaults."""
    path = host.file(name)
    trees.write(host.share, {name: content})
    os.chmod(path, 0o640)
    trees.age(path, 1_712_345_678_123_456_789)


def step1_one_agent_alone(a, *kind):
    a.cli("create", "pictures", "--share", a.share, *kind)
    a.wait_sync()
    status = a.status("pictures")
    assert status["in_sync"] and status["peers"] == 0 and status["files"] == 0


def step2_a_picture_is_dropped(a):
    drop(a, "IMG-4711.jpg", trees.noise(PHOTO, seed=2))
    a.wait_sync()
    assert a.status("pictures")["files"] == 1


def step3_two_more_start_and_get_it(a, b, c, flags):
    token = a.invite("pictures")
    for host in (b, c):
        host.daemon.start(*flags)
        host.cli("join", "--invite", token, "--share", host.share)
    for host in (a, b, c):
        host.wait_peers(2)
    netlab.settle([a, b, c])
    assert c.read("IMG-4711.jpg") == trees.noise(PHOTO, seed=2)


def step4_one_is_killed_while_a_big_file_comes(a, b, c, size, limit):
    done = killed_in_a_big_file(a, b, size, limit)
    netlab.until("C has the file", lambda: os.path.exists(c.file("film-0815.bin")), 120, every=0.1)
    a.daemon.start()
    for host in (a, b, c):
        host.wait_peers(2)
    netlab.settle([b, c, a], timeout=120)
    resumed(a, size, done)


def killed_in_a_big_file(a, b, size, limit):
    """A is killed while it downloads a file of B; returns how much of it A had."""
    if limit:
        b.limit(limit)
    trees.noise_file(b.path("big"), size, seed=4)
    shutil.move(b.path("big"), b.file("film-0815.bin"))

    def part_done():
        got = [d for d in a.cli("downloads")["downloads"] if d["path"] == "film-0815.bin" and d["state"] == "D"]
        return got and got[0]["done"] >= size // 5 and got[0]
    done = netlab.until("A has a fifth of the file", part_done, 60, every=0.05)["done"]
    a.daemon.kill9()
    assert done < size and not os.path.exists(a.file("film-0815.bin"))
    b.limit(None)
    return done


PADDED = 1.3  # a block of a vault's is counted as it comes, padded to 5/4 of the average


def resumed(a, size, done, grows=1):
    """What had been verified is not fetched again; what was on its way when the process died may be."""
    after = a.counters()
    assert after["blocks_resumed"] > 0, after
    assert after["bytes_received"] <= grows * (size - done) + (1 << 20), (done, after)
    # That is true of their number too, whatever their sizes are.
    blocks = after["blocks_received"] + after["blocks_resumed"]
    assert after["blocks_received"] <= blocks * (size - done) // size + 64, (done, after)


def step5_a_folder_with_a_file_inside(a, b, c):
    os.makedirs(c.file("holiday-1999"))
    drop(c, "holiday-1999/notes-abc.txt", DIARY)
    netlab.settle([c, a, b])
    assert os.path.isdir(a.file("holiday-1999")) and b.read("holiday-1999", "notes-abc.txt").startswith(b"private")


def step6_a_changed_file_reaches_the_others(a, b, c):
    change(c)
    netlab.settle([c, a, b])
    assert trees.noise(5000, seed=6) in a.read("IMG-4711.jpg")


def change(host):
    with open(host.file("IMG-4711.jpg"), "r+b") as f:
        f.seek(PHOTO // 2)
        f.write(trees.noise(5000, seed=6))


def secrets():
    """Names, and pieces of contents, that nobody outside may see."""
    photo = trees.noise(PHOTO, seed=2)
    return NAMES + [b"private diary", DIARY[14:54], trees.noise(5000, seed=6)[1000:1040],
                    *(photo[at:at + 32] for at in range(1000, PHOTO, PHOTO // 50))]


def step7_nothing_on_the_wire_can_be_read(captures):
    moved, looked_for = 0, secrets()
    for capture in captures:
        flows = capture.flows()
        moved += sum(len(data) for key, data in flows.items() if key[0] == "tcp")
        for key, data in flows.items():
            for secret in looked_for:
                assert secret not in data, (key, secret)
    # The capture did see the discovery and the transfers, so what it did not see was not there.
    assert any(b"_lanyard" in data for data in captures[0].flows().values())
    assert moved > 2 * PHOTO


@pytest.mark.slow
@pytest.mark.seconds(400)
@pytest.mark.parametrize("way,kind,size,limit", [
    pytest.param("embedded", [], BIG_MB << 20, None if BIG_MB >= 1000 else "400mbit", id="embedded"),
    pytest.param("avahi", [], SMALL, "400mbit", marks=pytest.mark.avahi, id="avahi"),
    pytest.param("embedded", ["--sealed"], SMALL, "400mbit", id="sealed")])
def test_the_seven_steps(lab, way, kind, size, limit):
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    flags = discovery_flags([a, b, c], way)
    first = lab.switches[0].capture()
    a.daemon.start(*flags)
    step1_one_agent_alone(a, *kind)
    step2_a_picture_is_dropped(a)
    step3_two_more_start_and_get_it(a, b, c, flags)
    first.stop()
    step4_one_is_killed_while_a_big_file_comes(a, b, c, size, limit)
    second = lab.switches[0].capture()
    step5_a_folder_with_a_file_inside(a, b, c)
    step6_a_changed_file_reaches_the_others(a, b, c)
    second.stop()
    step7_nothing_on_the_wire_can_be_read([first, second])
    assert a.cli("status")["discovery"] == way
    assert [host.status()["sealed"] for host in (a, b, c)] == [bool(kind)] * 3


# With a vault: from the fourth step on, A and B are never there together.

def step3_a_vault_and_a_member_start_and_get_it(a, b, vault, flags):
    for host, role in ((vault, "vault"), (b, "member")):
        host.daemon.start(*flags)
        host.cli("join", "--invite", a.invite("pictures", "--role", role), "--share", host.share)
    for host in (a, b, vault):
        host.wait_peers(2)
    netlab.settle([a, b], peers=[2, 2])
    vault.wait_sync()
    assert stored(vault) > PHOTO and os.listdir(vault.share) == [".lanyard"]


def stored(vault):
    return vault.status()["vault"]["stored_bytes"]


def step4_the_big_file_is_resumed_from_the_vault(a, b, vault, size, limit):
    done = killed_in_a_big_file(a, b, size, limit)
    b.wait_sync(120, peers=1)
    vault.wait_sync(120)
    assert stored(vault) > PHOTO + size
    b.daemon.stop()
    a.daemon.start()
    a.wait_sync(120, peers=1)
    same(b, a)
    resumed(a, size, done, PADDED)


def handed_over(one, other, vault):
    """What one has is at the vault; then one goes, the other comes, and has it."""
    one.wait_sync(60, peers=1)
    vault.wait_sync(60)
    one.daemon.stop()
    other.daemon.start()
    other.wait_sync(60, peers=1)
    same(one, other)


def same(one, other):
    said = trees.differences(one.share, other.share)
    assert not said, "\n".join(said)


def on_disk(host):
    """Which of the secrets are in a name or a file of the host."""
    found, looked_for = set(), secrets()
    for root in (host.home, host.share):
        for folder, folders, files in os.walk(os.fsencode(root)):
            texts = folders + files
            for name in files:
                if os.path.isfile(os.path.join(folder, name)):
                    with open(os.path.join(folder, name), "rb") as f:
                        texts.append(f.read())
            found |= {secret for secret in looked_for if any(secret in text for text in texts)}
    return found


@pytest.mark.slow
@pytest.mark.seconds(400)
def test_the_seven_steps_with_a_vault(lab):
    a, b, vault = lab.host("a"), lab.host("b"), lab.host("c")
    flags = discovery_flags([a, b, vault], "embedded")
    first = lab.switches[0].capture()
    a.daemon.start(*flags)
    step1_one_agent_alone(a, "--sealed")
    step2_a_picture_is_dropped(a)
    step3_a_vault_and_a_member_start_and_get_it(a, b, vault, flags)
    first.stop()
    step4_the_big_file_is_resumed_from_the_vault(a, b, vault, SMALL, "400mbit")
    second = lab.switches[0].capture()
    # Steps 5 and 6, each seen by the other member when only the vault is there.
    os.makedirs(a.file("holiday-1999"))
    drop(a, "holiday-1999/notes-abc.txt", DIARY)
    handed_over(a, b, vault)
    assert b.read("holiday-1999", "notes-abc.txt") == DIARY
    change(b)
    handed_over(b, a, vault)
    assert trees.noise(5000, seed=6) in a.read("IMG-4711.jpg")
    second.stop()
    step7_nothing_on_the_wire_can_be_read([first, second])
    # Nor on the vault's disk; the same search finds all on a member's but the piece of the picture that was overwritten.
    assert on_disk(vault) == set() and not any(name.decode() in vault.log() for name in NAMES)
    assert len(set(secrets()) - on_disk(a)) <= 1
