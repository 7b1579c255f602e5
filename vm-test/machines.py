"""Virtual machines on one bridge, each with the installed service under systemd and a real avahi-daemon.

A machine is the lab's host (tests/lab/agents.py), so its commands and waits are the same; only they run in a guest.

Promises: nothing outside the harness's own namespaces and its own folder is touched; every process started here dies with
the process that made the lab, even by SIGKILL; a guest's disk outlives the guest, so a power cut is followed by a boot.
"""
import json
import os
import shutil
import socket
import subprocess
import time

import namespaces
import trees
from agents import AgentHost, Result
from channel import Channel
from member import GROUP, Member
from namespaces import LabError, until
from volatile import VolatileDisk

MEMORY = int(os.environ.get("LANYARD_VM_MEMORY_MB", "384"))
# Guests without KVM are 10 to 20 times slower than a host, and there are three of them.
PATIENCE = float(os.environ.get("LANYARD_VM_PATIENCE", "1"))
BOOT = 240 * PATIENCE
# Where a guest stands still for a minute, its systemd would take services for hung, and end them.
UNHURRIED = "systemd.service_watchdogs=no systemd.default_timeout_start_sec=%d " % (90 * PATIENCE) if PATIENCE > 1 else ""

# Kind, mode, time, size, target and name of everything in the share but what is the agent's own; NUL after each field.
LIST = r"cd %s && find . -mindepth 1 -path ./.lanyard -prune -o -printf '%%y\0%%m\0%%T@\0%%s\0%%l\0%%P\0'"
SUMS = "cd %s && find . -path ./.lanyard -prune -o -type f -print0 | xargs -0 -r sha256sum -z --"


def accelerator(image):
    """KVM where a guest really boots with it, otherwise TCG: (name, words for qemu)."""
    kvm = ["-accel", "kvm", "-cpu", "host"]
    if os.environ.get("LANYARD_VM_KVM", "1") != "0" and os.access("/dev/kvm", os.R_OK | os.W_OK):
        # Without a disk, guest/init says so and powers off.
        probe = ["timeout", "15", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35", "-no-reboot", *kvm,
                 "-m", "256", "-kernel", image + "/vmlinuz", "-initrd", image + "/initramfs",
                 "-append", "console=ttyS0 quiet panic=-1 no_timer_check", "-serial", "stdio"]
        got = subprocess.run(probe, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if b"vm-test: no image" in got.stdout:
            return "kvm", kvm
    return "tcg", ["-accel", "tcg,thread=multi,tb-size=64", "-cpu", "max"]


class Machine(Member, AgentHost):
    """One virtual machine with its disk; start() boots it, cut_power() ends it without a warning."""

    user = "lanyard"

    def __init__(self, lab, name, index, switch, disk_mb):
        self.lab, self.name, self.index, self.switch = lab, name, index, switch
        self.dir = os.path.join(lab.dir, name)
        os.makedirs(self.dir)
        self.disk, self.share, self.home = "/srv", "/srv/" + GROUP, "/var/lib/lanyard"
        self.address4 = "10.77.0.%d" % (index + 1)
        self.tap = "vm%d" % index
        self.boots = 0
        self.proc = self.channel = self.monitor = None
        switch.run("ip", "tuntap", "add", self.tap, "mode", "tap")
        switch.run("ip", "link", "set", self.tap, "master", "br0", "addrgenmode", "none", "up")
        disk = self.path("disk")
        with open(disk, "wb") as f:
            f.truncate(disk_mb << 20)
        # Room for an inode to every 8 KiB: small files are what fills it.
        lab.check(["mkfs.ext4", "-q", "-m", "0", "-i", "8192", "-E", "lazy_itable_init=1,lazy_journal_init=1", disk])
        self.cache = VolatileDisk(disk, index)

    # --- power ---

    def start(self, clock=None, wait=True):
        """Boot; return once systemd has started everything, or at once with wait=False (see booted()).

        clock: what the machine's own clock says, in seconds as time.time() tells them.
        """
        self.boots += 1
        console = self.path("console-%d.log" % self.boots)
        for name in ("channel", "monitor"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        image = self.lab.image
        # On a busy host an emulated timer is late, which the kernel's timer check takes for a broken machine and panics.
        cmd = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35",
               *self.lab.accel, "-smp", "1", "-m", str(MEMORY), "-no-reboot",
               "-kernel", image + "/vmlinuz", "-initrd", image + "/initramfs",
               "-append", "console=ttyS0 quiet panic=-1 no_timer_check net.ifnames=0 random.trust_cpu=on mitigations=off "
               "systemd.journald.forward_to_console=0 %svm.name=%s vm.address=%s/24" % (UNHURRIED, self.name, self.address4),
               "-drive", "if=none,id=root,format=raw,readonly=on,file=%s/root.erofs" % image,
               "-device", "virtio-blk-pci,drive=root",
               *self.cache.words(), "-device", "virtio-blk-pci,drive=disk",
               "-netdev", "tap,id=net,ifname=%s,script=no,downscript=no" % self.tap,
               "-device", "virtio-net-pci,id=nic,netdev=net,mac=02:4c:59:77:00:%02x" % (self.index + 1),
               "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
               "-chardev", "socket,id=channel,server=on,wait=off,path=" + self.path("channel"),
               "-device", "virtserialport,chardev=channel,name=vm-control",
               "-chardev", "file,id=console,path=" + console, "-serial", "chardev:console",
               "-qmp", "unix:%s,server=on,wait=off" % self.path("monitor"),
               "-rtc", "base=" + (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(clock)) if clock else "utc")]
        with open(self.path("qemu.log"), "ab") as log:
            self.proc = self.lab.popen(self.switch.prefix() + cmd, stdout=log, stderr=log)
        until("qemu of %s listens" % self.name, lambda: self._running() and os.path.exists(self.path("monitor")), 20)
        self.channel = Channel(self, self.path("channel"))
        if wait:
            self.booted()

    def booted(self):
        """Wait until systemd of a started machine says that everything is up."""
        self.channel.ready(BOOT)
        state = self.sh("systemctl is-system-running --wait", timeout=BOOT, check=False).strip()
        if state != "running":
            raise LabError("%s: systemd is %r\n%s" % (self.name, state, self.sh("systemctl --failed --no-pager", check=False)))

    def _running(self):
        if self.proc.poll() is not None:
            with open(self.path("qemu.log")) as f:
                raise LabError("qemu of %s ended with %d\n%s" % (self.name, self.proc.returncode, f.read()[-2000:]))
        return True

    def on(self):
        return self.proc is not None and self.proc.poll() is None

    def cut_power(self):
        """The machine is gone this instant, with what its kernel and the cache of its disk had not flushed."""
        self.proc.kill()
        self.proc.wait()
        self._forget()
        return self.cache.lose()

    def shut_down(self):
        """As by `poweroff`; return when the machine is off."""
        self.sh("systemctl --no-block poweroff")
        self.off()

    def off(self):
        """Return when the machine, told to end, is off."""
        until("%s is off" % self.name, lambda: self.proc.poll() is not None, BOOT, every=0.2)
        self._forget()
        self.cache.forget()

    def remove(self):
        """The machine and its disk are no more."""
        if self.on():
            self.proc.kill()
            self.proc.wait()
            self._forget()
        self.switch.run("ip", "link", "del", self.tap)
        shutil.rmtree(self.dir)
        self.lab.machines.remove(self)

    def _forget(self):
        self.channel.close()
        self.channel = None

    def qmp(self, command, **arguments):
        """One command to qemu itself."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.path("monitor"))
            with s.makefile("rwb") as f:
                f.readline()
                for name, args in (("qmp_capabilities", {}), (command, arguments)):
                    f.write(json.dumps({"execute": name, "arguments": args}).encode() + b"\n")
                    f.flush()
                    while True:
                        answer = json.loads(f.readline())
                        if "error" in answer:
                            raise LabError("%s: qemu: %s: %s" % (self.name, name, answer["error"]))
                        if "return" in answer:
                            break
                return answer["return"]

    # --- commands ---

    def sh(self, script, timeout=60, check=True):
        """Run a script by bash as root in the guest; its output, and its messages too when check is off."""
        code, out, err = self.channel.run(script, timeout * PATIENCE)
        if check and code != 0:
            raise LabError("%s: exit %d: %s\n%s" % (self.name, code, script, (out + err).decode(errors="replace")[-3000:]))
        return (out if check else out + err).decode(errors="replace")

    def lanyard(self, *args, timeout=60, **_):
        words = " ".join("'%s'" % str(a).replace("'", "'\\''") for a in args)
        code, out, err = self.channel.run("exec lanyard --home %s %s" % (self.home, words), (timeout + 15) * PATIENCE)
        return Result(code, out, err.decode(errors="replace"))

    def wait_sync(self, timeout=120, peers=None, group=None):
        super().wait_sync(timeout * PATIENCE, peers, group)

    def wait_peers(self, number, timeout=90):
        super().wait_peers(number, timeout * PATIENCE)

    # --- the share ---

    def read(self, name):
        return self.channel.get("%s/%s" % (self.share, name))

    def put(self, path, content):
        self.channel.put(path, content)

    def picture(self):
        """The share as trees.picture() would tell it."""
        code, out, err = self.channel.run(LIST % self.share, 120 * PATIENCE)
        code2, sums, err2 = self.channel.run(SUMS % self.share, 600 * PATIENCE)
        if code or code2:
            raise LabError("%s: cannot list the share: %r" % (self.name, err + err2))
        digests = {os.path.normpath(line[66:]): line[:64].decode() for line in sums.split(b"\0") if line}
        found, fields = {}, out.split(b"\0")
        for kind, mode, mtime, size, target, path in zip(*(fields[i::6] for i in range(6))):
            seconds, nanos = mtime.split(b".")
            when, bits = int(seconds) * 10**9 + int(nanos[:9]), int(mode, 8)
            if kind == b"d":
                found[path] = trees.Entry("dir", bits, None, None, None)
            elif kind == b"f":
                found[path] = trees.Entry("file", bits, when, int(size), digests[path])
            elif kind == b"l":
                found[path] = trees.Entry("symlink", None, when, None, target)
            else:
                found[path] = trees.Entry("special", bits, None, None, None)
        return found

    # --- the service ---

    def restart_service(self):
        self.sh("systemctl restart lanyardd", timeout=120)

    def kill_service(self):
        """By SIGKILL; systemd would start it again at once, so it is told not to until start_service()."""
        self.sh("systemctl mask --runtime -q lanyardd; systemctl kill -s KILL lanyardd; systemctl stop lanyardd")

    def stop_service(self):
        self.sh("systemctl stop lanyardd", timeout=120)

    def start_service(self):
        self.sh("systemctl unmask --runtime -q lanyardd; systemctl reset-failed lanyardd; systemctl start lanyardd",
                timeout=120)

    def restart_avahi(self):
        self.sh("systemctl restart avahi-daemon", timeout=120)

    def stop_avahi(self):
        self.sh("systemctl mask --runtime -q --now avahi-daemon.socket avahi-daemon.service", timeout=120)

    def start_avahi(self):
        self.sh("systemctl unmask --runtime -q avahi-daemon.socket avahi-daemon.service; systemctl start avahi-daemon",
                timeout=120)

    def cap_memory(self, mb):
        """The service gets no more than mb from now on, page cache included; the kernel ends it when it needs more."""
        # As a drop-in: the limit of a running service is lowered at the price of what the kernel finds to throw out.
        self.sh("d=/run/systemd/system/lanyardd.service.d && mkdir -p $d && "
                "printf '[Service]\\nMemoryMax=%dM\\nMemorySwapMax=0\\n' >$d/cap.conf && "
                "systemctl daemon-reload && systemctl restart lanyardd" % mb, timeout=120)
        limit = self.sh("systemctl show -P MemoryMax lanyardd").strip()
        if limit != str(mb << 20):
            raise LabError("%s: MemoryMax is %s" % (self.name, limit))

    def uncap_memory(self):
        self.sh("rm /run/systemd/system/lanyardd.service.d/cap.conf && systemctl daemon-reload && systemctl restart lanyardd",
                timeout=120)

    def memory_report(self):
        """(times the kernel ended the service for want of memory, times systemd started it again, peak RSS in MB)."""
        kills, restarts, peak = self.sh(
            "awk '/^oom_kill / { print $2 }' /sys/fs/cgroup/system.slice/lanyardd.service/memory.events; "
            "systemctl show -P NRestarts lanyardd; "
            "awk '/^VmHWM:/ { print $2 }' /proc/$(systemctl show -P MainPID lanyardd)/status").split()
        return int(kills), int(restarts), int(peak) >> 10

    # --- time ---

    def now(self):
        return int(self.sh("date +%s"))

    def set_clock(self, seconds):
        self.sh("date -s @%d >/dev/null" % seconds)

    def suspend(self):
        """To memory, as by closing a laptop's lid; nothing of it answers until wake()."""
        self.sh("{ sleep 0.5; echo mem >/sys/power/state; } >/dev/null 2>&1 </dev/null &")
        until("%s sleeps" % self.name, lambda: self.qmp("query-status")["status"] == "suspended", 60 * PATIENCE, every=0.2)

    def wake(self):
        self.qmp("system_wakeup")
        until("%s is awake" % self.name, lambda: self.sh("echo yes").strip() == "yes", 60 * PATIENCE, every=0.2)

    # --- the network ---

    def cable(self, plugged):
        """Carrier, as the guest sees it."""
        self.qmp("set_link", name="nic", up=plugged)

    def interface_down(self, seconds):
        """The interface is taken down and comes up again, by hand of the machine's admin."""
        self.sh("ip link set eth0 down; sleep %d; ip link set eth0 up" % seconds, timeout=seconds + 100)

    def set_address(self, ip):
        """By hand, or by the DHCP server on the LAN for ip None."""
        line = "Address=%s/24" % ip if ip else "DHCP=ipv4"
        self.sh("sed -i -E 's,^(Address|DHCP)=.*,%s,' /etc/systemd/network/10-lan.network && networkctl reload && "
                "networkctl reconfigure eth0" % line)

    def addresses(self):
        """Its IPv4 addresses on the LAN, as text."""
        return self.sh("ip -4 addr show dev eth0")

    def limit(self, rate=None):
        """Limit what comes to this machine, as tc writes it; None lifts it."""
        self.switch.run("tc", "qdisc", "replace" if rate else "del", "dev", self.tap, "root",
                        *(["tbf", "rate", rate, "burst", "64kb", "latency", "200ms"] if rate else []))

    def console_tail(self, lines=15):
        with open(self.path("console-%d.log" % self.boots), errors="replace") as f:
            return "\n".join(f.read().splitlines()[-lines:])

    def log(self):
        return self.sh("journalctl --no-pager -q -o short-monotonic", check=False)

    def collect(self, folder):
        """What Member.collect() leaves, and consoles even of a machine that answers no more."""
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(self.dir):
            if name.startswith("console-") or name == "qemu.log":
                shutil.copy(self.path(name), folder)
        if self.channel is not None:
            super().collect(folder)

    def reports(self):
        return (("journal", "journalctl --no-pager -q -o short-monotonic"),
                ("status", "lanyard --home %s --json status; lanyard --home %s peers; ip addr; df; "
                 "systemctl status --no-pager lanyardd avahi-daemon; ls -laR %s | head -n 300"
                 % (self.home, self.home, self.share)))


class Lab(namespaces.Lab):
    """One bridge with machines on it."""

    # Whether its hosts have a kernel, a clock, a disk and a service manager of their own.
    machines_here = True

    def __init__(self, image):
        super().__init__()
        self.image = image
        self.accel_name, self.accel = accelerator(image)
        self.machines = []
        self.bridge = self.switch("lan")

    def machine(self, name, disk_mb=1024):
        vm = Machine(self, name, len(self.machines), self.bridge, disk_mb)
        self.machines.append(vm)
        return vm
