"""The seven basic steps in a sealed group in which VMC is a vault: from the fourth step on VMA and VMB are never there together."""
from member import GROUP, trees
from namespaces import until

from .ground import MEBI, Download, insist
from .left import CAPTURED_MB, CHANGE, DIARY, PHOTO, nothing_readable, secrets


def vault(ground):
    """the seven steps in a sealed group, VMC a vault"""
    a, b, c = ground.fresh()
    captures = [ground.lab.bridge.capture()]
    with ground.step("1 VMA boots alone, its service runs, a sealed group is founded"):
        ground.boot(a)
        ground.found(a, "--sealed")
        a.wait_sync()
    with ground.step("2 a picture is dropped on VMA"):
        a.write("IMG-4711.jpg", trees.noise(PHOTO, seed=2))
        until("VMA knows its picture", lambda: a.status(GROUP)["files"] == 1, 60, every=0.5)
        a.wait_sync()
    with ground.step("3 VMB and VMC boot; VMB joins as a member, VMC as a vault; both receive it"):
        ground.boot(b, c)
        ground.join(a.invite(GROUP), b)
        ground.join(a.invite(GROUP, "--role", "vault"), c)
        ground.connected(a, b, c)
        for vm, peers in ((a, 2), (b, 2), (c, None)):
            vm.wait_sync(180, peers=peers)
        same(a, b)
        ground.avahi_in_use(a, b, c)
        insist(c.status(GROUP)["vault"]["stored_bytes"] > PHOTO, c.status(GROUP))
        insist(c.count("") == 0, "VMC has plain files")
    if ground.big_mb > CAPTURED_MB:
        captures[0].stop()
    with ground.step("4 %d MB come from VMB while VMA's service is killed; VMC stores them; VMB goes; VMA comes back" % ground.big_mb):
        film = Download(b, a, "film-0815.bin", ground.big_mb * MEBI, seed=4)
        a.kill_service()
        film.underway()
        film.go_on()
        handed_over(b, a, c)
        film.resumed(slack=2 * MEBI, grows=film.PADDED)
    if ground.big_mb > CAPTURED_MB:
        captures.append(ground.lab.bridge.capture())
    with ground.step("5 a folder with a file inside, on VMA; VMA goes, VMB comes"):
        a.folder("holiday-1999")
        a.write("holiday-1999/notes-abc.txt", DIARY)
        handed_over(a, b, c)
        insist(b.read("holiday-1999/notes-abc.txt") == DIARY, "the note is another one on VMB")
    with ground.step("6 the picture is changed on VMB; VMB goes, VMA comes"):
        b.overwrite("IMG-4711.jpg", PHOTO // 2, CHANGE)
        handed_over(b, a, c)
        insist(CHANGE in a.read("IMG-4711.jpg"), "the change is not on VMA")
    with ground.step("7 neither the wire nor the disk of VMC shows a name or content"):
        nothing_readable([capture.stop() for capture in captures])
        looked_for, seen = c.found_on_disk(secrets())
        insist(seen == 0, "%d of %d secrets are on VMC" % (seen, looked_for))
        # The same search finds all on a member's, but the piece of the picture that was overwritten.
        looked_for, seen = a.found_on_disk(secrets())
        insist(seen >= looked_for - 1 > 20, "the search found %d of %d on VMA" % (seen, looked_for))


def handed_over(one, other, keeper):
    """What one has is at the vault; then one's service stops, the other's starts, and the other has it."""
    one.wait_sync(600, peers=1)
    keeper.wait_sync(600)
    one.stop_service()
    other.start_service()
    other.wait_sync(600, peers=1)
    same(one, other)


def same(one, other):
    said = trees.differences(one.picture(), other.picture())
    insist(not said, "%s and %s differ:\n%s" % (one.name, other.name, "\n".join(said)))
