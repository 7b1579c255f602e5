"""People in a group: one asks to join while the owner is away, is accepted as a reader, and becomes a laptop that keeps only what it
chose."""
import json

from member import GROUP, settle
from namespaces import until

from .ground import MEBI, insist

FILES = 300
CHOSEN, OTHER = "album/f0007", "album/f0008"


def people(ground):
    """an owner away, a request, an acceptance, a reader, a laptop on demand"""
    a, b, c = ground.fresh()
    with ground.step("VMA founds a group, VMB joins by invite; VMA, its only owner, is switched off"):
        ground.boot(a, b)
        ground.found(a)
        ground.join(a.invite(GROUP), b)
        ground.connected(a, b)
        a.files_of_noise("album", FILES, 4096)
        a.noise_file("film.bin", 4 * MEBI, seed=31)
        before = settle([a, b])
        a.shut_down()
        b.wait_peers(0)
    with ground.step("VMC sees the group on the network and asks; VMB carries the request"):
        ground.boot(c)
        c.make_share()
        seen = until("VMC sees the group", lambda: [g for g in c.cli("groups")["seen"] if g["group"] == GROUP], 120, every=0.5)
        insist(len(seen) == 1, seen)
        asked = c.lanyard("--json", "join", GROUP, "--share", c.share, "--message", "the laptop in room 2", "--timeout", "1")
        insist(asked.code == 1, asked)
        until("VMB has the request", lambda: b.cli("requests")["requests"], 60, every=0.5)
        for vm in (b, c):
            vm.restart_service()
            until("the agent of %s answers" % vm.name, vm.answers, 120, every=0.5)
    with ground.step("VMA comes back, compares the code and accepts VMC as a reader; VMC has everything"):
        ground.boot(a)
        request = until("VMA has the request", lambda: a.cli("requests", GROUP)["requests"], 120, every=0.5)[0]
        said = json.loads(asked.out)
        insist(request["code"] == said["code"] and said["state"] == "asked" and request["message"] == "the laptop in room 2", (request, said))
        a.cli("accept", GROUP, request["code"], "--role", "reader")
        ground.connected(a, b, c)
        insist(settle([a, b, c]) == before, "VMC has something else")
    a_reader(ground, a, b, c)
    a_laptop(ground, a, b, c)
    with ground.step("as a mirror it gets everything again"):
        c.cli("mode", GROUP, "mirror")
        ground.passes("after-people")


def a_reader(ground, a, b, c):
    with ground.step("what the reader changes stays with it, and revert undoes it"):
        before = a.picture()
        c.write(CHOSEN, b"changed by a reader\n")
        c.write("of-a-reader.txt", b"new by a reader\n")
        c.sh("rm '%s/%s'" % (c.share, OTHER))
        until("VMC lists its changes", lambda: c.status(GROUP)["local_changes"] == 3, 60, every=0.5)
        a.write("by-a-writer.txt", b"changed by its owner\n")
        for vm in (a, b, c, a):
            vm.wait_sync(60, peers=2)
        now = a.picture()
        insist({p: e for p, e in now.items() if p != b"by-a-writer.txt"} == before and b.picture() == now, "a reader changed something")
        insist(c.read("by-a-writer.txt") == b"changed by its owner\n", "VMC has no news")
        c.cli("revert", GROUP)
        insist(settle([c, a, b]) == now, "VMC is not what the others are")


def a_laptop(ground, a, b, c):
    with ground.step("VMC, a member now, keeps what it chooses: nobody takes the rest for deleted"):
        a.cli("role", GROUP, c.agent_id(), "member")
        until("VMC is a member", lambda: c.status(GROUP)["role"] == "member", 60, every=0.5)
        c.cli("mode", GROUP, "on-demand")
        c.cli("drop", GROUP, "album", "film.bin")
        until("VMC has let go of the album", lambda: c.count("album") == 0 and not c.exists("film.bin"), 60, every=0.5)
        c.cli("get", GROUP, CHOSEN)
        until("VMC has the file that it chose", lambda: c.exists(CHOSEN), 60, every=0.2)
        insist(a.count("album") == b.count("album") == FILES and a.exists("film.bin"), "a file that was dropped is gone elsewhere")
        listed = c.cli("files", GROUP)["files"]
        insist(len([f for f in listed if f["path"].startswith("album/f")]) == FILES, len(listed))
    with ground.step("what it chose is kept up to date, over a restart and while VMA is away; its own changes go to all"):
        a.shut_down()
        b.write(CHOSEN, b"as VMB changed it\n")
        b.write(OTHER, b"nobody on VMC wants this\n")
        c.restart_service()
        until("the agent of VMC answers", c.answers, 120, every=0.5)
        until("VMC has the change", lambda: c.exists(CHOSEN) and c.read(CHOSEN) == b"as VMB changed it\n", 120, every=0.5)
        insist(c.count("album") == 1, c.count("album"))
        c.write("from-the-laptop.txt", b"written on the way\n")
        ground.boot(a)
        until("VMA has it", lambda: a.exists("from-the-laptop.txt"), 120, every=0.5)
        insist(a.read("from-the-laptop.txt") == b"written on the way\n", "another one")
        insist(a.count("album") == FILES, a.count("album"))
