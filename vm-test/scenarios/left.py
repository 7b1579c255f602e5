"""The seven steps of the LEFT report, on machines that run the installed service under systemd with a real avahi-daemon."""
import os

import machines
from machines import GROUP, trees, until

from .ground import insist

PHOTO = 2 << 20
DIARY = b"private diary " + trees.noise(500, seed=5).hex().encode()
CHANGE = trees.noise(5000, seed=6)
LIMIT = "40mbit"
# A larger file is left out of the capture, which is searched in memory.
CAPTURED_MB = 256


def left(ground):
    """the seven steps of the LEFT report"""
    a, b, c = ground.fresh()
    captures = [ground.lab.bridge.capture()]
    with ground.step("1 VMA boots alone, its service runs, a group is founded"):
        ground.boot(a)
        ground.found(a)
        a.wait_sync()
        ground.avahi_in_use(a)
        status = a.status(GROUP)
        insist(status["in_sync"] and status["peers"] == 0 and status["files"] == 0, status)
    with ground.step("2 a picture is dropped on VMA"):
        a.write("IMG-4711.jpg", trees.noise(PHOTO, seed=2))
        until("VMA knows its picture", lambda: a.status(GROUP)["files"] == 1, 60, every=0.5)
        a.wait_sync()
    with ground.step("3 VMB and VMC boot, join and receive it"):
        ground.boot(b, c)
        token = a.invite(GROUP)
        ground.join(token, b)
        ground.join(token, c)
        ground.connected(a, b, c)
        machines.settle([a, b, c])
        insist(c.read("IMG-4711.jpg") == trees.noise(PHOTO, seed=2), "the picture is another one on VMC")
        ground.avahi_in_use(a, b, c)
    if ground.big_mb > CAPTURED_MB:
        captures[0].stop()
    with ground.step("4 %d MB come from VMB while VMA's service is killed; VMC has them; VMA comes back" % ground.big_mb):
        killed_while_a_big_file_comes(a, b, c, ground.big_mb << 20)
    if ground.big_mb > CAPTURED_MB:
        captures.append(ground.lab.bridge.capture())
    with ground.step("5 a folder with a file inside, on VMC"):
        c.sh("cd %s && install -d -o lanyard -g lanyard holiday-1999" % c.share)
        c.write("holiday-1999/notes-abc.txt", DIARY)
        machines.settle([c, a, b])
        insist(b.read("holiday-1999/notes-abc.txt") == DIARY, "the note is another one on VMB")
    with ground.step("6 a file changed on VMC reaches VMA and VMB"):
        c.channel.put("/srv/.change", CHANGE)
        c.sh("dd if=/srv/.change of=%s/IMG-4711.jpg bs=4096 seek=%d conv=notrunc status=none; rm /srv/.change"
             % (c.share, PHOTO // 2 // 4096))
        machines.settle([c, a, b])
        insist(CHANGE in a.read("IMG-4711.jpg"), "the change is not on VMA")
    with ground.step("7 the wire shows no name and no content"):
        nothing_readable([capture.stop() for capture in captures])


def killed_while_a_big_file_comes(a, b, c, size):
    """The service is stopped so that systemd does not start it again at once; only the kill is without a warning."""
    # VMA gets it slowly, so that the kill falls into the middle.
    a.limit(LIMIT)
    b.noise_file("film-0815.bin", size, seed=4)

    def part_done():
        got = [d for d in a.cli("downloads")["downloads"] if d["path"] == "film-0815.bin" and d["state"] == "D"]
        return got and got[0]["done"] >= size // 5 and got[0]
    done = until("VMA has a fifth of the file", part_done, 300, every=0.2)["done"]
    # A busy guest takes its time for the kill itself.
    a.limit("1mbit")
    a.sh("systemctl mask --runtime -q lanyardd; systemctl kill -s KILL lanyardd; systemctl stop lanyardd")
    insist(done < size and not a.exists("film-0815.bin"), "VMA had all of it before the kill")
    a.limit(None)
    until("VMC has the file", lambda: c.exists("film-0815.bin"), 600, every=0.5)
    a.sh("systemctl unmask --runtime -q lanyardd; systemctl reset-failed lanyardd; systemctl start lanyardd", timeout=120)
    for vm in (a, b, c):
        vm.wait_peers(2, 120)
    machines.settle([b, c, a], timeout=600)
    after = a.counters()
    # What had been verified is not fetched again (P8); what was on its way when the process died may be.
    insist(after["blocks_resumed"] > 0 and after["bytes_received"] <= size - done + (2 << 20), (done, after))


def nothing_readable(captures):
    photo, film = trees.noise(PHOTO, seed=2), noise_start(1 << 20, seed=4)
    secrets = [b"IMG-4711", b"holiday-1999", b"notes-abc", b"private diary", b"film-0815", DIARY[20:60], CHANGE[1000:1040]]
    secrets += [photo[at:at + 32] for at in range(1000, PHOTO, PHOTO // 50)]
    secrets += [film[at:at + 32] for at in range(0, len(film), len(film) // 20)]
    moved, advertised = 0, False
    for capture in captures:
        for key, data in capture.flows().items():
            moved += len(data) if key[0] == "tcp" else 0
            advertised = advertised or b"_lanyard" in data
            for secret in secrets:
                insist(secret not in data, (key, secret))
    # The capture did see the discovery and the transfers, so what it did not see was not there.
    insist(advertised and moved > 2 * PHOTO, (advertised, moved))


def noise_start(size, seed):
    """The first bytes of what noise_file() writes."""
    path = "/tmp/lanyard-vm-noise-%d" % os.getpid()
    trees.noise_file(path, size, seed)
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    return data
