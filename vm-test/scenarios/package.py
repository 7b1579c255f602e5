"""The package: an upgrade while the service works."""
from member import settle

from .ground import MEBI, Download, insist, machines_only

NEXT = "/usr/share/vm-test/lanyard-next.deb"


@machines_only("a package")
def upgrade(ground):
    """the package is upgraded while a large file comes"""
    a, b, c = ground.together()
    with ground.step("VMC gets a newer package while it downloads, and goes on where it was"):
        before = facts(c)
        film = Download(a, c, "film-upgrade.bin", max(32, ground.big_mb // 2) * MEBI, seed=31)
        c.sh("DEBIAN_FRONTEND=noninteractive dpkg -i %s" % NEXT, timeout=300)
        film.underway()
        after = facts(c)
        c.sh("dpkg --compare-versions '%s' gt '%s'" % (after["package"], before["package"]))
        insist(after["pid"] not in (before["pid"], "0"), "the service is the old one: pid %s" % after["pid"])
        insist(after["agent"] == before["agent"] and after["groups"] == before["groups"], (before, after))
        film.go_on()
        ground.connected(a, b, c)
        settle([a, b, c], timeout=600)
        film.resumed(slack=4 * MEBI)
    with ground.step("and is a member as before"):
        ground.passes("after-upgrade")


def facts(vm):
    return {"package": vm.sh("dpkg-query -W -f '${Version}' lanyard"), "agent": vm.agent_id(),
            "pid": vm.sh("systemctl show -P MainPID lanyardd").strip(),
            "groups": [(group["group"], group["id"]) for group in vm.cli("status")["groups"]]}
