"""What happens to machines in service."""
import machines
from machines import until

from .ground import insist


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
    """avahi-daemon restarted everywhere"""
    vms = ground.together()
    with ground.step("avahi-daemon is restarted everywhere, and used again"):
        for vm in vms:
            vm.service("restart", "avahi-daemon")
        passes(ground, "after-avahi-restart")
        for vm in vms:
            until("%s uses the new avahi-daemon" % vm.name, lambda: vm.cli("status")["discovery"] == "avahi", 60, every=0.5)


def passes(ground, name, timeout=180):
    """Everything works again: all are connected, and a file from each reaches all."""
    vms = ground.machines
    ground.connected(*vms, timeout=timeout)
    for vm in vms:
        vm.write("%s-%s.txt" % (name, vm.name), ("%s, on %s\n" % (name, vm.name)).encode())
    tree = machines.settle(vms, timeout)
    for vm in vms:
        insist(("%s-%s.txt" % (name, vm.name)).encode() in tree, "%s of %s is missing" % (name, vm.name))
