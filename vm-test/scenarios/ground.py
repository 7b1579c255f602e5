"""What scenarios stand on: three machines, made when first asked for, and brought into one group when asked for that."""
import machines
from machines import GROUP, LabError, until

NAMES = ("VMA", "VMB", "VMC")


class Ground:
    def __init__(self, lab, report, big_mb):
        self.lab, self.report, self.big_mb = lab, report, big_mb
        self.step = report.step
        self.machines = []

    def fresh(self):
        """Three machines with empty disks, not started."""
        self.forget()
        self.machines = [self.lab.machine(name, 1024 + 3 * self.big_mb) for name in NAMES]
        return self.machines

    def forget(self):
        """End what there is."""
        for vm in self.machines:
            vm.remove()
        self.machines = []

    def found(self, vm):
        vm.make_share()
        vm.cli("create", GROUP, "--share", vm.share)

    def join(self, token, vm):
        vm.make_share()
        vm.cli("join", "--invite", token, "--share", vm.share)

    def boot(self, *vms, **how):
        """Start those that are off, all at once, and wait until all are up and their agents answer."""
        started = [vm for vm in vms if not vm.on()]
        for vm in started:
            vm.start(wait=False, **how)
        for vm in started:
            vm.booted()
        for vm in vms:
            until("the agent of %s answers" % vm.name, vm.answers, 120, every=0.5)

    def together(self):
        """Three machines in one group, all of them up, connected and in sync."""
        if not self.machines:
            a, b, c = self.fresh()
            with self.step("VMA, VMB and VMC boot and form a group"):
                self.boot(a, b, c)
                self.found(a)
                token = a.invite(GROUP)
                self.join(token, b)
                self.join(token, c)
                self.connected(a, b, c)
                machines.settle([a, b, c])
        else:
            self.boot(*self.machines)
            self.connected(*self.machines)
        return self.machines

    def connected(self, *vms, timeout=120):
        for vm in vms:
            vm.wait_peers(len(vms) - 1, timeout)

    def avahi_in_use(self, *vms):
        """Insist that it is the real avahi-daemon that finds the peers."""
        for vm in vms:
            if vm.sh("systemctl is-active avahi-daemon").strip() != "active":
                raise LabError("%s has no avahi-daemon" % vm.name)
            found = vm.cli("status")["discovery"]
            if found != "avahi":
                raise LabError("%s discovers by %s" % (vm.name, found))


def insist(true, said):
    """A check of a scenario: said is what goes into the report when it does not hold."""
    if not true:
        raise LabError("not so: %s" % (said,))
