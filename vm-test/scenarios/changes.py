"""What happens to machines in service: reboots, a discovery daemon that goes, addresses that change, cables pulled."""
from namespaces import until

from .ground import insist, machines_only

DHCP_SERVER = "/etc/systemd/network/10-lan.network.d/dhcp.conf"
UPGRADED_AVAHI = "/usr/share/vm-test/avahi-daemon.deb"


@machines_only("a reboot")
def reboot(ground):
    """reboot of all three at once"""
    vms = ground.together()
    with ground.step("VMA, VMB and VMC reboot at once, and sync again by themselves"):
        for vm in vms:
            vm.sh("systemctl --no-block reboot")
        for vm in vms:
            vm.off()
        ground.boot(*vms)
        ground.passes("after-reboot")


def avahi(ground):
    """avahi-daemon restarted, absent, and upgraded"""
    a, b, c = ground.together()
    with ground.step("avahi-daemon is restarted everywhere"):
        for vm in (a, b, c):
            vm.restart_avahi()
        ground.passes("after-avahi-restart")
        for vm in (a, b, c):
            uses_avahi(vm)
    with ground.step("VMB has no avahi-daemon when its service starts, and is found"):
        b.stop_avahi()
        b.restart_service()
        ground.passes("without-avahi")
        insist(b.discovery() == "embedded", b.discovery())
    with ground.step("avahi-daemon comes back on VMB and is used"):
        b.start_avahi()
        uses_avahi(b)
        ground.passes("with-avahi-again")
    if ground.only_machines("avahi-daemon is upgraded"):
        with ground.step("avahi-daemon is upgraded on VMC under the running service"):
            before = c.sh("systemctl show -P MainPID avahi-daemon lanyardd").split()
            c.sh("dpkg -i %s" % UPGRADED_AVAHI, timeout=300)
            after = c.sh("systemctl show -P MainPID avahi-daemon lanyardd").split()
            insist(after[0] not in (before[0], "0") and after[1] == before[1], (before, after))
            uses_avahi(c)
            # Found by a service that starts only now, so what avahi-daemon says of VMC is new.
            a.restart_service()
            ground.passes("after-avahi-upgrade")


def uses_avahi(vm):
    until("%s uses avahi-daemon again" % vm.name, lambda: vm.discovery() == "avahi", 120, every=0.5)


def address(ground):
    """an IP address changes, by hand and by DHCP"""
    a, b, c = ground.together()
    with ground.step("VMB gets another address while it runs"):
        old = b.addresses().split("inet ")[1].split("/")[0]
        new = old.rsplit(".", 1)[0] + ".77"
        b.set_address(new)
        has_address(b, new, old)
        ground.passes("after-new-address", timeout=300)
    with ground.step("VMA's service restarts and finds VMB where it is now"):
        a.restart_service()
        ground.passes("found-at-new-address", timeout=300)
    if ground.only_machines("an address by DHCP"):
        with ground.step("VMB gets its address from a DHCP server on VMA"):
            lease(a, 120)
            b.set_address(None)
            has_address(b, "10.77.0.120", new)
            ground.passes("after-dhcp", timeout=300)
        with ground.step("VMB is plugged in again, and DHCP gives it another one"):
            b.cable(False)
            lease(a, 130)
            b.sh("sleep 3")
            b.cable(True)
            has_address(b, "10.77.0.130", "10.77.0.120")
            ground.passes("after-other-lease", timeout=300)
            lease(a, None)
    b.set_address(old)


def has_address(vm, ip, not_ip):
    until("%s has the address %s and not %s" % (vm.name, ip, not_ip),
          lambda: ip + "/" in vm.addresses() and not_ip + "/" not in vm.addresses(), 120, every=0.5)


def lease(server, number):
    """From now on server's DHCP server has one address to give, 10.77.0.number; None ends it."""
    if number is None:
        server.sh("rm %s && networkctl reload && networkctl reconfigure eth0" % DHCP_SERVER)
        return
    server.sh("mkdir -p $(dirname {file}) && printf '[Network]\\nDHCPServer=yes\\n[DHCPServer]\\nPoolOffset={number}\\nPoolSize=1\\n"
              "EmitDNS=no\\nEmitNTP=no\\nEmitRouter=no\\n' >{file} && networkctl reload && networkctl reconfigure eth0".format(
                  file=DHCP_SERVER, number=number))


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
        ground.passes("after-cable")
        insist(c.exists("while-c-was-away.txt") and a.exists("while-alone.txt"), "a file is missing")
    with ground.step("VMA's interface is down and up again"):
        a.interface_down(20)
        ground.passes("after-interface")
