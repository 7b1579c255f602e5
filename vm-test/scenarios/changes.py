"""What happens to machines in service: reboots, a discovery daemon that goes, addresses, cables, clocks and disks."""
import machines
from machines import trees, until

from .ground import insist

MEBI = 1 << 20


def reboot(ground):
    """reboot of all three at once"""
    vms = ground.together()
    with ground.step("VMA, VMB and VMC reboot at once, and sync again by themselves"):
        for vm in vms:
            vm.sh("systemctl --no-block reboot")
        for vm in vms:
            until("%s is down" % vm.name, lambda: not vm.on(), machines.BOOT, every=0.2)
        ground.boot(*vms)
        passes(ground, "after-reboot")


def avahi(ground):
    """avahi-daemon restarted, and absent"""
    a, b, c = ground.together()
    with ground.step("avahi-daemon is restarted everywhere"):
        for vm in (a, b, c):
            vm.service("restart", "avahi-daemon")
        passes(ground, "after-avahi-restart")
        for vm in (a, b, c):
            until("%s uses the new avahi-daemon" % vm.name, lambda: discovery(vm) == "avahi", 60, every=0.5)
    with ground.step("VMB has no avahi-daemon when its service starts, and is found"):
        b.sh("systemctl mask --runtime -q --now avahi-daemon.socket avahi-daemon.service", timeout=120)
        b.service("restart")
        passes(ground, "without-avahi")
        insist(discovery(b) == "embedded", discovery(b))
    with ground.step("avahi-daemon comes back on VMB and is used"):
        b.sh("systemctl unmask --runtime -q avahi-daemon.socket avahi-daemon.service; systemctl start avahi-daemon",
             timeout=120)
        until("VMB uses avahi-daemon again", lambda: discovery(b) == "avahi", 120, every=0.5)
        passes(ground, "with-avahi-again")


def address(ground):
    """an IP address changes"""
    a, b, c = ground.together()
    with ground.step("VMB gets another address while it runs"):
        b.sh("sed -i 's|^Address=.*|Address=10.77.0.77/24|' /etc/systemd/network/10-lan.network && networkctl reload && "
             "networkctl reconfigure eth0")
        until("VMB has the address", lambda: "10.77.0.77/" in b.sh("ip -4 addr show dev eth0"), 60, every=0.5)
        insist("10.77.0.2/" not in b.sh("ip -4 addr show dev eth0"), "the old address is there still")
        passes(ground, "after-new-address", timeout=300)
    with ground.step("VMA's service restarts and finds VMB where it is now"):
        a.service("restart")
        passes(ground, "found-at-new-address", timeout=300)


def link(ground):
    """an interface is down for a minute"""
    a, b, c = ground.together()
    with ground.step("VMC's cable is out: the others drop it"):
        c.cable(False)
        for vm in (a, b):
            vm.wait_peers(1)
        a.write("while-c-was-away.txt", b"from VMA\n")
        c.write("while-alone.txt", b"from VMC\n")
        b.wait_sync(peers=1)
        c.wait_peers(0)
    with ground.step("a minute later it is in again, and all have both files"):
        c.sh("sleep 45", timeout=120)
        c.cable(True)
        passes(ground, "after-cable")
        insist(c.exists("while-c-was-away.txt") and a.exists("while-alone.txt"), "a file is missing")
    with ground.step("VMA's interface is down and up again"):
        a.sh("ip link set eth0 down; sleep 20; ip link set eth0 up", timeout=120)
        passes(ground, "after-interface")


def clock(ground):
    """a clock five years off"""
    a, b, c = ground.together()
    with ground.step("VMB boots five years ahead"):
        b.shut_down()
        ahead = int(a.sh("date +%s")) + 5 * 365 * 86400
        ground.boot(b, clock=machines.time.strftime("%Y-%m-%dT%H:%M:%S", machines.time.gmtime(ahead)))
        insist(abs(int(b.sh("date +%s")) - ahead) < 3600, b.sh("date"))
        passes(ground, "from-the-future")
    with ground.step("what VMB wrote in the future is edited on VMA, and the edit wins"):
        b.write("dated.txt", b"written five years ahead\n")
        machines.settle([b, a, c])
        a.write("dated.txt", b"edited now\n")
        tree = machines.settle([a, b, c])
        insist(c.read("dated.txt") == b"edited now\n", c.read("dated.txt"))
        insist(not [p for p in tree if b"dated.conflict" in p], "a conflict copy of a plain edit")
    with ground.step("VMC's clock falls back five years"):
        c.sh("date -s '%s' >/dev/null && systemctl restart lanyardd" % machines.time.strftime(
            "%Y-%m-%d %H:%M:%S", machines.time.gmtime(ahead - 10 * 365 * 86400)), timeout=120)
        passes(ground, "from-the-past")
    with ground.step("the clocks are right again"):
        for vm in (b, c):
            vm.sh("date -s @%d >/dev/null" % machines.time.time())
        passes(ground, "from-the-present")


def full(ground):
    """a full disk"""
    a, b, c = ground.together()
    with ground.step("VMC's disk is full: it says so, keeps what it has, and the others go on"):
        before = c.picture()
        # The rest goes to root's reserve, of which this disk has none.
        c.sh("cd /srv && fallocate -l $(( $(df --output=avail -B1 . | tail -n 1) - 4 * 1048576 )) .filler")
        a.noise_file("too-big-for-c.bin", 24 * MEBI, seed=11)
        until("VMB has the file", lambda: b.exists("too-big-for-c.bin"), 300, every=0.5)
        until("VMC names the file and the reason", lambda: b"too-big-for-c.bin" in c.problems(), 120, every=0.5)
        print("              VMC says: %s" % c.problems()[b"too-big-for-c.bin"])
        said = trees.differences(before, {p: e for p, e in c.picture().items() if p in before})
        insist(not said, said)
    with ground.step("there is room again: VMC gets it without a hand touching it"):
        c.sh("rm /srv/.filler")
        machines.settle([a, b, c], timeout=300)
        insist(not c.problems(), c.problems())


def passes(ground, name, timeout=180):
    """Everything works again: all are connected, and a file from each reaches all."""
    vms = ground.machines
    ground.connected(*vms, timeout=timeout)
    for vm in vms:
        vm.write("%s-%s.txt" % (name, vm.name), ("%s, on %s\n" % (name, vm.name)).encode())
    tree = machines.settle(vms, timeout)
    for vm in vms:
        insist(("%s-%s.txt" % (name, vm.name)).encode() in tree, "%s of %s is missing" % (name, vm.name))


def discovery(vm):
    return vm.cli("status")["discovery"]
