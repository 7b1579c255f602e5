"""The seven basic steps (vm-test/README.md lists them) on three hosts A, B and C, once with discovery embedded in the
agents and once with a real avahi-daemon on every host."""
import os
import shutil

import pytest

import netlab
from netlab import trees

BIG_MB = int(os.environ.get("LANYARD_LAB_BIG_MB", "2400"))
PHOTO = 6 << 20


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


def step1_one_agent_alone(a):
    a.cli("create", "pictures", "--share", a.share)
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
    netlab.until("C has the file", lambda: os.path.exists(c.file("film-0815.bin")), 120, every=0.1)
    a.daemon.start()
    for host in (a, b, c):
        host.wait_peers(2)
    netlab.settle([b, c, a], timeout=120)
    after = a.counters()
    assert after["blocks_resumed"] > 0
    # What had been verified is not fetched again; what was on its way when the process died may be.
    assert after["bytes_received"] <= size - done + (1 << 20), (done, after)


def step5_a_folder_with_a_file_inside(a, b, c):
    os.makedirs(c.file("holiday-1999"))
    drop(c, "holiday-1999/notes-abc.txt", b"private diary " + trees.noise(500, seed=5).hex().encode())
    netlab.settle([c, a, b])
    assert os.path.isdir(a.file("holiday-1999")) and b.read("holiday-1999", "notes-abc.txt").startswith(b"private")


def step6_a_changed_file_reaches_the_others(a, b, c):
    with open(c.file("IMG-4711.jpg"), "r+b") as f:
        f.seek(PHOTO // 2)
        f.write(trees.noise(5000, seed=6))
    netlab.settle([c, a, b])
    assert trees.noise(5000, seed=6) in a.read("IMG-4711.jpg")


def step7_nothing_on_the_wire_can_be_read(captures):
    noise = trees.noise(PHOTO, seed=2)
    secrets = [b"IMG-4711", b"holiday-1999", b"notes-abc", b"private diary", b"film-0815",
               trees.noise(500, seed=5).hex().encode()[:40], trees.noise(5000, seed=6)[1000:1040]]
    secrets += [noise[at:at + 32] for at in range(1000, PHOTO, PHOTO // 50)]
    moved = 0
    for capture in captures:
        flows = capture.flows()
        moved += sum(len(data) for key, data in flows.items() if key[0] == "tcp")
        for key, data in flows.items():
            for secret in secrets:
                assert secret not in data, (key, secret)
    # The capture did see the discovery and the transfers, so what it did not see was not there.
    assert any(b"_lanyard" in data for data in captures[0].flows().values())
    assert moved > 2 * PHOTO


@pytest.mark.slow
@pytest.mark.seconds(400)
@pytest.mark.parametrize("way,size,limit", [
    ("embedded", BIG_MB << 20, None if BIG_MB >= 1000 else "400mbit"),
    pytest.param("avahi", min(BIG_MB, 200) << 20, "400mbit", marks=pytest.mark.avahi)])
def test_the_seven_steps(lab, way, size, limit):
    a, b, c = lab.host("a"), lab.host("b"), lab.host("c")
    flags = discovery_flags([a, b, c], way)
    first = lab.switches[0].capture()
    a.daemon.start(*flags)
    step1_one_agent_alone(a)
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
