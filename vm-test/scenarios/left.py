"""The seven basic steps (README.md lists them), on machines that run the installed service under systemd with a real avahi-daemon."""
import os

from member import GROUP, settle, trees
from namespaces import until

from .ground import MEBI, Download, insist

PHOTO = 2 * MEBI
DIARY = b"private diary " + trees.noise(500, seed=5).hex().encode()
CHANGE = trees.noise(5000, seed=6)
# A larger file is left out of the capture, which is searched in memory.
CAPTURED_MB = 256


def left(ground):
    """the seven basic steps (README.md lists them)"""
    seven_steps(ground)


def sealed(ground):
    """the seven steps in a sealed group"""
    seven_steps(ground, "--sealed")


def seven_steps(ground, *kind):
    a, b, c = ground.fresh()
    captures = [ground.lab.bridge.capture()]
    with ground.step("1 VMA boots alone, its service runs, a group is founded"):
        ground.boot(a)
        ground.found(a, *kind)
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
        settle([a, b, c])
        insist(c.read("IMG-4711.jpg") == trees.noise(PHOTO, seed=2), "the picture is another one on VMC")
        ground.avahi_in_use(a, b, c)
        for vm in (a, b, c):
            insist(vm.status(GROUP)["sealed"] == bool(kind), "%s says otherwise of the sealing" % vm.name)
    if ground.big_mb > CAPTURED_MB:
        captures[0].stop()
    with ground.step("4 %d MB come from VMB while VMA's service is killed; VMC has them; VMA comes back" % ground.big_mb):
        killed_while_a_big_file_comes(ground, a, b, c)
    if ground.big_mb > CAPTURED_MB:
        captures.append(ground.lab.bridge.capture())
    with ground.step("5 a folder with a file inside, on VMC"):
        c.folder("holiday-1999")
        c.write("holiday-1999/notes-abc.txt", DIARY)
        settle([c, a, b])
        insist(b.read("holiday-1999/notes-abc.txt") == DIARY, "the note is another one on VMB")
    with ground.step("6 a file changed on VMC reaches VMA and VMB"):
        c.overwrite("IMG-4711.jpg", PHOTO // 2, CHANGE)
        settle([c, a, b])
        insist(CHANGE in a.read("IMG-4711.jpg"), "the change is not on VMA")
    with ground.step("7 the wire shows no name and no content"):
        nothing_readable([capture.stop() for capture in captures])


def killed_while_a_big_file_comes(ground, a, b, c):
    film = Download(b, a, "film-0815.bin", ground.big_mb * MEBI, seed=4)
    a.kill_service()
    film.underway()
    film.go_on()
    until("VMC has the file", lambda: c.exists(film.name), 600, every=0.5)
    a.start_service()
    ground.connected(a, b, c)
    settle([b, c, a], timeout=600)
    film.resumed(slack=2 * MEBI)


def secrets():
    """Names, and pieces of contents, that nobody outside may see."""
    photo, film = trees.noise(PHOTO, seed=2), noise_start(MEBI, seed=4)
    return [b"IMG-4711", b"holiday-1999", b"notes-abc", b"private diary", b"film-0815", DIARY[20:60], CHANGE[1000:1040],
            *(photo[at:at + 32] for at in range(1000, PHOTO, PHOTO // 50)),
            *(film[at:at + 32] for at in range(0, len(film), len(film) // 20))]


def nothing_readable(captures):
    looked_for, moved, advertised = secrets(), 0, False
    for capture in captures:
        for key, data in capture.flows().items():
            moved += len(data) if key[0] == "tcp" else 0
            advertised = advertised or b"_lanyard" in data
            for secret in looked_for:
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
