"""What scenarios stand on: three machines, made when first asked for, and brought into one group when asked for that."""
from member import GROUP, settle
from namespaces import LabError, until

NAMES = ("VMA", "VMB", "VMC")
MEBI = 1 << 20


class Ground:
    def __init__(self, lab, report, options):
        self.lab, self.report = lab, report
        self.big_mb, self.many = options.big_mb, options.many
        self.step = report.step
        self.machines = []

    def fresh(self):
        """Three machines with empty disks, not started."""
        self.forget()
        # A small file takes a block, an inode and its row, and is written twice where it is dropped.
        size = 1024 + 3 * self.big_mb + 2 * self.many * 8192 // MEBI
        self.machines = [self.lab.machine(name, size) for name in NAMES]
        return self.machines

    def forget(self):
        """End what there is."""
        for vm in list(self.machines):
            vm.remove()
        self.machines = []

    def only_machines(self, what):
        """Whether the machines here are machines, for a step that needs that; says so when they are not."""
        if not self.lab.machines_here:
            print("--            needs machines: %s" % what, flush=True)
        return self.lab.machines_here

    def found(self, vm, *how):
        vm.make_share()
        vm.cli("create", GROUP, "--share", vm.share, *how)

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
                settle([a, b, c])
        else:
            self.boot(*self.machines)
            self.connected(*self.machines)
        return self.machines

    def connected(self, *vms, timeout=120):
        for vm in vms:
            vm.wait_peers(len(vms) - 1, timeout)

    def passes(self, name, timeout=180):
        """Everything works again: all are connected, and a file from each reaches all."""
        self.connected(*self.machines, timeout=timeout)
        for vm in self.machines:
            vm.write("%s-%s.txt" % (name, vm.name), ("%s, on %s\n" % (name, vm.name)).encode())
        tree = settle(self.machines, timeout)
        for vm in self.machines:
            insist(("%s-%s.txt" % (name, vm.name)).encode() in tree, "%s of %s is missing" % (name, vm.name))

    def avahi_in_use(self, *vms):
        """Insist that it is the real avahi-daemon that finds the peers."""
        for vm in vms:
            insist(vm.discovery() == "avahi", "%s discovers by %s" % (vm.name, vm.discovery()))


class Download:
    """A large file on its way from one machine to another, slow enough for something to fall into its middle."""

    SPEED = "40mbit"

    def __init__(self, source, vm, name, size, seed):
        """Drop the file at source; return when vm has a fifth of it.  From then on it comes very slowly."""
        self.vm, self.name, self.size = vm, name, size
        vm.limit(self.SPEED)
        source.noise_file(name, size, seed)
        self.done = until("%s has a fifth of %s" % (vm.name, name), self._enough, 300, every=0.2)["done"]
        # A busy guest takes its time for what is to happen next.
        vm.limit("1mbit")

    def _enough(self):
        got = [d for d in self.vm.cli("downloads")["downloads"] if d["path"] == self.name and d["state"] == "D"]
        return got and got[0]["done"] >= self.size // 5 and got[0]

    def underway(self):
        """Insist that what happened now happened in the middle."""
        insist(not self.vm.exists(self.name), "%s has all of %s already" % (self.vm.name, self.name))

    def go_on(self):
        self.vm.limit(None)

    PADDED = 1.3  # a block of a vault's is counted as it comes, padded to 5/4 of the average

    def resumed(self, slack, grows=1):
        """Insist that nothing verified was fetched again (P8); slack is for what was not noted yet, and for other files."""
        after = self.vm.counters()
        insist(after["blocks_resumed"] > 0 and after["bytes_received"] <= grows * (self.size - self.done) + slack,
               (self.size, self.done, after["blocks_resumed"], after["bytes_received"]))
        # That is true of their number too, whatever their sizes are.
        blocks = after["blocks_received"] + after["blocks_resumed"]
        insist(after["blocks_received"] <= blocks * (self.size - self.done) // self.size + 64, (self.size, self.done, after))


def insist(true, said):
    """A check of a scenario: said is what goes into the report when it does not hold."""
    if not true:
        raise LabError("not so: %s" % (said,))


def machines_only(why):
    """For a scenario that namespaces cannot stage."""
    def mark(scenario):
        scenario.needs_machines = why
        return scenario
    return mark
