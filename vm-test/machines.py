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
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "lab"))

import namespaces  # noqa: E402
import trees  # noqa: E402
from agents import AgentHost, Result  # noqa: E402
from namespaces import LabError, until  # noqa: E402

MEMORY = int(os.environ.get("LANYARD_VM_MEMORY_MB", "384"))
SHARE = "/srv/pictures"
GROUP = "pictures"
# Guests without KVM are 10 to 20 times slower than a host, and there are three of them.
PATIENCE = float(os.environ.get("LANYARD_VM_PATIENCE", "1"))
BOOT = 240 * PATIENCE

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


class Machine(AgentHost):
    """One virtual machine with its disk; start() boots it, cut_power() ends it without a warning."""

    def __init__(self, lab, name, index, switch, disk_mb):
        self.lab, self.name, self.index, self.switch = lab, name, index, switch
        self.dir = os.path.join(lab.dir, name)
        os.makedirs(self.dir)
        self.share, self.home = SHARE, "/var/lib/lanyard"
        self.address4 = "10.77.0.%d" % (index + 1)
        self.tap = "vm%d" % index
        self.boots = 0
        self.proc = self.channel = self.monitor = None
        switch.run("ip", "tuntap", "add", self.tap, "mode", "tap")
        switch.run("ip", "link", "set", self.tap, "master", "br0", "addrgenmode", "none", "up")
        disk = self.path("disk")
        with open(disk, "wb") as f:
            f.truncate(disk_mb << 20)
        lab.check(["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", disk])

    # --- power ---

    def start(self, clock=None, wait=True):
        """Boot; return once systemd has started everything, or at once with wait=False (see booted())."""
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
               "systemd.journald.forward_to_console=0 vm.name=%s vm.address=%s/24" % (self.name, self.address4),
               "-drive", "if=none,id=root,format=raw,readonly=on,file=%s/root.erofs" % image,
               "-device", "virtio-blk-pci,drive=root",
               "-drive", "if=none,id=disk,format=raw,discard=unmap,file=" + self.path("disk"),
               "-device", "virtio-blk-pci,drive=disk",
               "-netdev", "tap,id=net,ifname=%s,script=no,downscript=no" % self.tap,
               "-device", "virtio-net-pci,id=nic,netdev=net,mac=02:4c:59:77:00:%02x" % (self.index + 1),
               "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
               "-chardev", "socket,id=channel,server=on,wait=off,path=" + self.path("channel"),
               "-device", "virtserialport,chardev=channel,name=vm-control",
               "-chardev", "file,id=console,path=" + console, "-serial", "chardev:console",
               "-qmp", "unix:%s,server=on,wait=off" % self.path("monitor"),
               "-rtc", "base=" + (clock or "utc")]
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
        """The machine is gone this instant; what its kernel had not flushed is lost."""
        self.proc.kill()
        self.proc.wait()
        self._forget()

    def shut_down(self):
        """As by `poweroff`; return when the machine is off."""
        self.sh("systemctl --no-block poweroff")
        until("%s is off" % self.name, lambda: self.proc.poll() is not None, BOOT, every=0.2)
        self._forget()

    def remove(self):
        """The machine and its disk are no more."""
        if self.on():
            self.cut_power()
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

    def write(self, name, content):
        """As the user drops a file: all of it at once, by a rename from elsewhere on the disk."""
        self.channel.put("/srv/.dropped", content)
        self.sh("chown lanyard: /srv/.dropped && mv /srv/.dropped '%s/%s'" % (self.share, name))

    def noise_file(self, name, size, seed):
        """size bytes in the share, the same that trees.noise_file() makes for this seed, without carrying them over."""
        key = trees.hashlib.sha256(b"%d" % seed).hexdigest()
        self.sh("head -c %d /dev/zero | openssl enc -aes-128-ctr -nosalt -K %s -iv %s >/srv/.dropped && "
                "chown lanyard: /srv/.dropped && mv /srv/.dropped '%s/%s'"
                % (size, key[:32], key[32:], self.share, name), timeout=600)

    def exists(self, name):
        return self.channel.run("test -e '%s/%s'" % (self.share, name), 30)[0] == 0

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

    def service(self, verb, unit="lanyardd"):
        self.sh("systemctl %s %s" % (verb, unit), timeout=120)

    def main_pid(self):
        return int(self.sh("systemctl show -P MainPID lanyardd"))

    def answers(self):
        """Whether the agent answers its command line."""
        return self.lanyard("--json", "status").code == 0

    def make_share(self):
        self.sh("install -d -o lanyard -g lanyard -m 755 %s" % self.share)

    # --- the network ---

    def cable(self, plugged):
        """Carrier, as the guest sees it."""
        self.qmp("set_link", name="nic", up=plugged)

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
        """Leave in folder what helps to understand a failure: consoles always, journal and status if the guest answers."""
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(self.dir):
            if name.startswith("console-") or name == "qemu.log":
                shutil.copy(self.path(name), folder)
        if not self.on() or self.channel is None:
            return
        for name, script in (("journal", "journalctl --no-pager -q -o short-monotonic"),
                             ("status", "lanyard --home %s --json status; lanyard --home %s peers; ip addr; df; "
                              "systemctl status --no-pager lanyardd avahi-daemon; ls -laR %s | head -n 300"
                              % (self.home, self.home, self.share))):
            try:
                text = self.sh(script, timeout=60, check=False)
            except (LabError, OSError) as e:
                text = "no answer: %s\n" % e
            with open(os.path.join(folder, name + ".log"), "w") as f:
                f.write(text)


class Channel:
    """The virtio-serial port of a guest; guest/control is at its other end."""

    def __init__(self, machine, path):
        self.machine = machine
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.buffer = b""

    def close(self):
        self.sock.close()

    def ready(self, timeout):
        """Wait for the guest's first word."""
        if self._line(timeout) != b"READY":
            raise LabError("%s: the guest did not say READY" % self.machine.name)

    def run(self, script, timeout):
        """(exit code, output, messages) of a script; the guest itself ends one that takes longer."""
        data = script.encode()
        return self._ask(b"RUN %d %d\n" % (max(1, int(timeout)), len(data)), data, timeout + 30)

    def put(self, path, content):
        code, _, _ = self._ask(b"PUT %d %s\n" % (len(content), path.encode()), content, 300)
        if code != 0:
            raise LabError("%s: cannot write %s" % (self.machine.name, path))

    def get(self, path):
        code, out, err = self._ask(b"GET %s\n" % path.encode(), b"", 300)
        if code != 0:
            raise LabError("%s: %s" % (self.machine.name, err.decode(errors="replace")))
        return out

    def _ask(self, head, body, timeout):
        self.sock.settimeout(timeout)
        self.sock.sendall(head + body)
        words = self._line(timeout).split()
        if len(words) != 4 or words[0] != b"DONE":
            raise LabError("%s: the guest says %r" % (self.machine.name, words))
        code, out, err = map(int, words[1:])
        return code, self._bytes(out), self._bytes(err)

    def _line(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            self._more(end)
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def _bytes(self, number):
        parts, have = [self.buffer], len(self.buffer)
        while have < number:
            self.buffer = b""
            self._more(time.monotonic() + 120)
            parts.append(self.buffer)
            have += len(self.buffer)
        data = b"".join(parts)
        self.buffer = data[number:]
        return data[:number]

    def _more(self, end):
        self.sock.settimeout(max(0.1, end - time.monotonic()))
        try:
            data = self.sock.recv(1 << 18)
        except TimeoutError:
            raise LabError("%s: no answer from the guest in time" % self.machine.name) from None
        except ConnectionError:
            data = b""
        if not data:
            raise LabError("%s: the guest is gone\n%s" % (self.machine.name, self.machine.console_tail()))
        self.buffer += data


class Lab(namespaces.Lab):
    """One bridge with machines on it."""

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


def settle(machines, timeout=180):
    """Wait until every machine is in sync with all others and insist that all trees are alike; returns the tree."""
    for _ in range(1 if len(machines) < 3 else 2):
        for vm in machines:
            vm.wait_sync(timeout, peers=len(machines) - 1)
    pictures = [vm.picture() for vm in machines]
    for vm, other in zip(machines[1:], pictures[1:]):
        said = trees.differences(pictures[0], other)
        if said:
            raise LabError("%s and %s say in sync and are not alike:\n%s" % (machines[0].name, vm.name, "\n".join(said)))
    return pictures[0]
