"""Hosts made of network namespaces, joined by bridges: the ground every multi-host test and bench stands on.

This is the network half; netlab.py is the front door, with the agents (agents.py) and the trees (trees.py).

Promises: nothing outside the lab's own namespaces and its own folder is touched; every process started here dies with
the process that made the lab, even by SIGKILL; closing a lab ends its processes by pid and removes its folder.
"""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INSIDE = "LANYARD_LAB_INSIDE"
FACTOR = float(os.environ.get("LANYARD_LAB_FACTOR", "1"))
PATIENCE = 40.0  # seconds in which whatever has to come comes, on a busy machine too

CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_REMOUNT, MS_REC, MS_SHARED = 1, 32, 0x4000, 1 << 20
CLONE_FAILS = "cannot make namespaces here: run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"


class LabError(Exception):
    """Something in the lab itself, or an agent, did not do what was asked in time."""


_libc = ctypes.CDLL(None, use_errno=True)


class inside:
    """Sockets that this thread makes are the host's."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open("/proc/%d/ns/net" % self.host.pid, os.O_RDONLY)
        failed = _libc.setns(there, CLONE_NEWNET)
        os.close(there)
        if failed:
            os.close(self.home)
            raise OSError(ctypes.get_errno(), "setns")

    def __exit__(self, *exc):
        _libc.setns(self.home, CLONE_NEWNET)
        os.close(self.home)


def enter(argv=None):
    """Run the rest of this process as root in namespaces of its own, executing itself again when it is not there yet.

    As root this takes a mount and a network namespace; otherwise also a user namespace in which we are root.
    argv is what to execute again, by default this process's own command line.
    """
    if shutil.which("ip") is None:
        os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    if os.environ.get(INSIDE) == "1":
        # Mounts the lab makes later must reach the hosts' mount namespaces, which are slaves of ours.
        _mount("/", MS_REC | MS_SHARED)
        os.environ[INSIDE] = "2"
        # Ended from outside, it still unwinds, so folders are removed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return
    if os.environ.get(INSIDE) == "2":
        return
    ways = [["unshare", "-n", "-m"]] if os.geteuid() == 0 else []
    ways.append(["unshare", "-U", "-r", "-n", "-m"])
    for way in ways:
        if subprocess.run(way + ["true"], stderr=subprocess.DEVNULL).returncode == 0:
            os.environ[INSIDE] = "1"
            sys.stdout.flush()
            sys.stderr.flush()
            os.execvp(way[0], way + (argv or [sys.executable] + sys.orig_argv[1:]))
    raise LabError(CLONE_FAILS)


def _mount(path, flags, data=None):
    """mount(2) itself: mount(8) would hand back options that a user namespace refuses, such as the owner's number."""
    if _libc.mount(b"none", os.fsencode(path), None, flags, data and data.encode()) != 0:
        raise LabError("mount %s: %s" % (path, os.strerror(ctypes.get_errno())))


def until(what, test, timeout=0.0, every=0.02, at_most=None):
    """Call test until it returns something true, and return that; raise LabError after timeout seconds, but not before
    PATIENCE.  at_most: where the time itself is what is tested."""
    timeout = max(timeout, PATIENCE) if at_most is None else at_most
    end = time.monotonic() + timeout * FACTOR
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise LabError("not within %.1f s: %s" % (timeout * FACTOR, what() if callable(what) else what))
        time.sleep(every)


def _guard():
    """Words put before a command so that it dies with us.  The signal follows the starting thread, hence the test."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if threading.current_thread() is threading.main_thread() else []


class Switch:
    """A bridge in a network namespace of its own."""

    def __init__(self, lab, name, index):
        self.lab, self.name, self.index = lab, name, index
        self.ports = {}
        self.holder, self.pid = lab._hold(["unshare", "--net"], "ip link set lo up")
        # Snooping would drop mDNS where nobody answers queries for it; forwarding starts at once without STP.
        self.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "stp_state", "0", "forward_delay", "0")
        self.run("ip", "link", "set", "br0", "addrgenmode", "none", "up")

    def prefix(self):
        return ["nsenter", "--net=/proc/%d/ns/net" % self.pid, "--"] + _guard()

    def run(self, *cmd):
        return self.lab.check(self.prefix() + list(cmd))

    def bytes(self):
        """Bytes that came into the bridge from all of its ports since the ports were made."""
        return sum(c[0] for name, c in _counters(self.pid).items() if name.startswith("p-"))

    def capture(self, path=None):
        """Record every frame on this bridge until stop() or the end of the lab."""
        return Capture(self, path or os.path.join(self.lab.dir, "capture-%s-%d.pcap" % (self.name, time.monotonic_ns())))


def _counters(pid):
    """{interface: (bytes received, bytes sent)} of the network namespace that pid is in."""
    found = {}
    with open("/proc/%d/net/dev" % pid) as f:
        for line in f:
            m = re.match(r"\s*([^:\s]+):\s*(.*)", line)
            if m:
                numbers = m.group(2).split()
                if len(numbers) == 16:
                    found[m.group(1)] = (int(numbers[0]), int(numbers[8]))
    return found


class Capture:
    """Frames seen on a bridge, kept as a pcap file; flows() puts them together so that bytes can be looked for."""

    def __init__(self, switch, path):
        self.switch, self.path = switch, path
        self.proc = switch.lab.popen(switch.prefix() + [sys.executable, os.path.join(HERE, "sniff.py"), "br0", path],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.proc.stdout.readline() != b"listening\n":
            raise LabError("the capture on %s did not start" % switch.name)

    def stop(self):
        """End the capture; raises when the kernel dropped frames, since then nothing can be said of what was on the wire."""
        if self.proc.poll() is None:
            out, _ = self.proc.communicate(timeout=30 * FACTOR)
            if self.proc.returncode != 0 or b"dropped 0\n" not in out:
                raise LabError("the capture lost frames: %r" % out)
        return self

    def flows(self):
        """{(protocol, source, port, destination, port): payload bytes in order}; other frames under ("frame",)."""
        import sniff
        return sniff.flows(self.path)

    def find(self, needle):
        """The flows in which needle appears."""
        return [key for key, data in self.flows().items() if needle in data]


class Host:
    """One machine: network, mount and UTS namespace of its own, a /run of its own, interfaces e0, e1, ..."""

    def __init__(self, lab, name, index, hostname=None):
        self.lab, self.name, self.index = lab, name, index
        self.hostname = hostname or name
        self.dir = os.path.join(lab.dir, name)
        os.makedirs(self.dir)
        self.nics = []
        self.bus = self.mdns = None
        script = ("hostname %s; ip link set lo up; mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/dbus "
                  "/run/avahi-daemon; mount -t sysfs sysfs /sys 2>/dev/null || true" % self.hostname)
        self.holder, self.pid = lab._hold(["unshare", "--net", "--mount", "--uts", "--propagation", "slave"], script)

    # --- running things ---

    def prefix(self):
        """Words that put a command on this host.  The command's pid is the one Popen tells."""
        ns = "/proc/%d/ns/" % self.pid
        return ["nsenter", "--net=" + ns + "net", "--mount=" + ns + "mnt", "--uts=" + ns + "uts", "--"] + _guard()

    def run(self, *cmd, check=True, **kw):
        """Run a command here and return its CompletedProcess, with output captured as bytes."""
        return self.lab.check(self.prefix() + [os.fsdecode(c) for c in cmd], check=check, **kw)

    def popen(self, *cmd, **kw):
        """Start a command here; it ends with the lab at the latest."""
        return self.lab.popen(self.prefix() + [os.fsdecode(c) for c in cmd], **kw)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # --- network ---

    def attach(self, switch, ipv4=True):
        """Give this host one more interface, plugged into switch."""
        nic = Nic(self, switch, len(self.nics), ipv4)
        self.nics.append(nic)
        return nic

    @property
    def ip(self):
        return self.nics[0].ip

    @property
    def ip6(self):
        """Link-local address with the scope, as another host's e0 would write it."""
        return self.nics[0].ip6 + "%e0"

    def link_down(self):
        """Carrier lost on every interface, as when the cable is pulled at this machine."""
        for nic in self.nics:
            nic.carrier(False)

    def link_up(self):
        for nic in self.nics:
            nic.carrier(True)

    def cut(self):
        """Silence: the link stays up, nothing goes through, as when a cable is pulled beyond the switch."""
        for nic in self.nics:
            nic.plug(False)

    def mend(self):
        for nic in self.nics:
            nic.plug(True)

    def reaches(self, address, timeout=3):
        """Whether a packet to address is answered (by a refusal of the connection, as nothing listens there)."""
        code = ("import socket,sys\n"
                "a=socket.getaddrinfo(sys.argv[1],9,type=socket.SOCK_STREAM)[0]\n"
                "s=socket.socket(a[0],a[1]); s.settimeout(float(sys.argv[2]))\n"
                "sys.exit(s.connect_ex(a[4]) != 111)\n")
        return self.run(sys.executable, "-c", code, address, str(timeout), check=False).returncode == 0

    def limit(self, rate="100mbit"):
        """Limit what this host sends and receives, each way, to rate (as tc writes it); None lifts it."""
        for nic in self.nics:
            nic.limit(rate)

    def rx(self):
        """Bytes received on all interfaces but lo."""
        return sum(c[0] for name, c in _counters(self.pid).items() if name != "lo")

    def tx(self):
        return sum(c[1] for name, c in _counters(self.pid).items() if name != "lo")

    def connections(self, port):
        """Established TCP connections of this host in which port is on either side: [(local, remote)]."""
        found = []
        for family in ("tcp", "tcp6"):
            with open("/proc/%d/net/%s" % (self.pid, family)) as f:
                for line in f.readlines()[1:]:
                    _, local, remote, state = line.split()[:4]
                    ports = [int(x.rsplit(":", 1)[1], 16) for x in (local, remote)]
                    if state == "01" and port in ports:
                        found.append((local, remote))
        return found

    # --- avahi ---

    def start_avahi(self):
        """Start a real dbus-daemon and avahi-daemon on this host and return when they answer."""
        conf = self.path("dbus.conf")
        with open(conf, "w") as f:
            f.write('<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>'
                    '<auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow own="*"/>'
                    '<allow send_type="method_call"/><allow send_requested_reply="true" send_type="method_return"/>'
                    '<allow send_requested_reply="true" send_type="error"/><allow receive_type="signal"/>'
                    '<allow send_destination="*"/><allow eavesdrop="false"/></policy></busconfig>\n')
        if self.bus is None or self.bus.poll() is not None:
            # A bus that was killed leaves its socket behind; waiting for the file must not find the old one.
            self.run("rm", "-f", "/run/dbus/system_bus_socket")
            self.bus = self.popen("dbus-daemon", "--config-file=" + conf, "--nofork", "--nopidfile",
                                  stderr=open(self.path("dbus.log"), "ab"))
            sock = "/proc/%d/root/run/dbus/system_bus_socket" % self.pid
            until("dbus-daemon of %s listens" % self.name, lambda: self._alive(self.bus) and os.path.exists(sock))
            self._own_users()
        self.run("rm", "-f", "/run/avahi-daemon/pid", "/run/avahi-daemon/socket")
        with open(self.path("avahi.conf"), "w") as f:
            f.write("[server]\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=%s\nenable-dbus=yes\n"
                    "[publish]\npublish-workstation=no\npublish-hinfo=no\n[wide-area]\nenable-wide-area=no\n"
                    % ",".join(nic.dev for nic in self.nics))
        self.mdns = self.popen("avahi-daemon", "-f", self.path("avahi.conf"), "--no-drop-root", "--no-rlimits",
                               "--no-chroot", stderr=open(self.path("avahi.log"), "ab"))
        until("avahi-daemon of %s answers" % self.name, lambda: self._alive(self.mdns) and self.run(
            "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.Avahi", "/",
            "org.freedesktop.Avahi.Server.GetState", check=False).returncode == 0)

    def _own_users(self):
        """avahi-daemon gives its run directory to the user avahi, who in a user namespace must be none but root."""
        for name, form in (("passwd", "%s:x:0:0::/:/bin/false\n"), ("group", "%s:x:0:\n")):
            with open(self.path(name), "w") as f:
                f.writelines(form % user for user in ("root", "avahi", "messagebus", "netdev"))
            self.run("mount", "--bind", self.path(name), "/etc/" + name)

    def stop_avahi(self, sig=signal.SIGTERM, bus=False):
        """End avahi-daemon, and dbus-daemon too when bus is true."""
        for proc in [self.mdns] + ([self.bus] if bus else []):
            if proc is not None and proc.poll() is None:
                proc.send_signal(sig)
                proc.wait(10 * FACTOR)

    def _alive(self, proc):
        if proc.poll() is not None:
            raise LabError("%s ended with %d on %s" % (proc.args[-1], proc.returncode, self.name))
        return True


class Nic:
    """One interface of a host and its port on a switch."""

    def __init__(self, host, switch, number, ipv4):
        self.host, self.switch, self.dev = host, switch, "e%d" % number
        self.port = "p-%s%d" % (host.name, number)
        self.limited = False
        self.ip = "10.77.%d.%d" % (switch.index, host.index + 1) if ipv4 else None
        self.ip6 = "fe80::%x:%x" % (switch.index + 0x77, host.index + 1)
        self.mac = mac = "02:4c:59:%02x:00:%02x" % (switch.index, host.index + 1)
        switch.run("ip", "link", "add", self.port, "type", "veth", "peer", "name", self.dev, "address", mac, "netns",
                   str(host.pid))
        # No address of the kernel's own making, ours without duplicate detection: usable the moment the link is up.
        host.run("ip", "link", "set", self.dev, "addrgenmode", "none", "up")
        switch.run("ip", "link", "set", self.port, "master", "br0", "addrgenmode", "none", "up")
        host.run("ip", "addr", "add", self.ip6 + "/64", "dev", self.dev, "nodad")
        if ipv4:
            self.set_ip(self.ip)

    def set_ip(self, ip):
        """Change the IPv4 address, as DHCP may; None takes it away."""
        run = self.host.run
        run("ip", "-4", "addr", "flush", "dev", self.dev)
        self.ip = ip
        if ip:
            run("ip", "addr", "add", ip + "/24", "dev", self.dev)
            metric = str(100 + int(self.dev[1:]))
            run("ip", "route", "replace", "224.0.0.0/4", "dev", self.dev, "metric", metric)

    def carrier(self, on):
        self.switch.run("ip", "link", "set", self.port, "up" if on else "down")

    def plug(self, on):
        self.switch.run("ip", "link", "set", self.port, *(["master", "br0"] if on else ["nomaster"]))

    def limit(self, rate):
        if not rate and not self.limited:
            return
        self.limited = bool(rate)
        for run, dev in ((self.host.run, self.dev), (self.switch.run, self.port)):
            run("tc", "qdisc", "replace" if rate else "del", "dev", dev, "root",
                *(["tbf", "rate", rate, "burst", "128kb", "latency", "100ms"] if rate else []))


def memory_free():
    """Bytes that files in memory may take."""
    if not os.access("/dev/shm", os.W_OK):
        return 0
    with open("/proc/meminfo", encoding="ascii") as f:
        available = next(int(line.split()[1]) for line in f if line.startswith("MemAvailable:"))
    return min(available << 10, shutil.disk_usage("/dev/shm").free)


class Lab:
    """Everything made for one test: a folder, switches, hosts, processes.  Use it as a context manager."""

    host_class = Host

    def __init__(self, in_memory=0):
        """in_memory: bytes that the hosts will write.  With twice as much to spare they are kept in memory, unless
        LANYARD_LAB_DIR says where."""
        base = os.environ.get("LANYARD_LAB_DIR") or ("/dev/shm" if 0 < 2 * in_memory <= memory_free() else "/var/tmp")
        os.makedirs(base, exist_ok=True)
        self.dir = tempfile.mkdtemp(prefix="lanyard-lab.", dir=base)
        self.switches, self.hosts, self.procs, self.mounts = [], [], [], []
        self.removal = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def switch(self, name=None):
        sw = Switch(self, name or "s%d" % len(self.switches), len(self.switches))
        self.switches.append(sw)
        return sw

    def host(self, name=None, on=None, ipv4=True, **kw):
        """A new host, plugged into the switches in on (by default the first one, which is made when missing)."""
        if on is None:
            on = [self.switches[0] if self.switches else self.switch()]
        host = self.host_class(self, name or chr(ord("a") + len(self.hosts)), len(self.hosts), **kw)
        for sw in on:
            host.attach(sw, ipv4)
        self.hosts.append(host)
        return host

    def introduce(self):
        """Write every host's hardware address into every other's table.  The kernel has one table of neighbours for all
        namespaces, of 1,024 entries, which a crowd overflows; what is written by hand does not count."""
        nics = [nic for host in self.hosts for nic in host.nics]
        for host in self.hosts:
            lines = ["neigh replace %s lladdr %s dev %s nud permanent\n" % (ip, other.mac, nic.dev)
                     for nic in host.nics for other in nics if other.switch is nic.switch and other is not nic
                     for ip in (other.ip, other.ip6) if ip]
            self.check(host.prefix() + ["ip", "-batch", "-"], input="".join(lines).encode())

    def tmpfs(self, path, size, options=""):
        """Mount a tmpfs of size (as mount writes it) at path; hosts see it too."""
        os.makedirs(path, exist_ok=True)
        self.check(["mount", "-t", "tmpfs", "-o", "size=" + size + options, "tmpfs", path])
        self.mounts.append(path)

    def remount(self, path, size=None, read_only=False):
        """Give a tmpfs another size, or make it read-only or writable again."""
        _mount(path, MS_REMOUNT | (MS_RDONLY if read_only else 0), "size=" + size if size else None)

    def bind(self, source, path):
        """Mount the folder source at path as well; hosts see it too."""
        self.check(["mount", "--bind", source, path])
        self.mounts.append(path)

    def umount(self, path):
        self.check(["umount", "-l", path])
        self.mounts.remove(path)

    def check(self, cmd, check=True, **kw):
        kw.setdefault("timeout", 60 * FACTOR)
        if "input" not in kw:
            kw.setdefault("stdin", subprocess.DEVNULL)
        got = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
        if check and got.returncode != 0:
            raise LabError("%s: exit %d: %s" % (" ".join(cmd), got.returncode, got.stderr.decode(errors="replace")))
        return got

    def popen(self, cmd, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", subprocess.DEVNULL)
        proc = subprocess.Popen(cmd, **kw)
        self.procs.append(proc)
        return proc

    def _hold(self, unshare, script):
        """Start a process that does nothing but keep namespaces alive; it ends when we do, or when its input closes."""
        proc = self.popen(unshare + _guard() + ["sh", "-c", "set -e; " + script + "; echo ready; exec cat >/dev/null"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if proc.stdout.readline() != b"ready\n":
            raise LabError("could not make a namespace: " + script)
        return proc, proc.pid

    def close(self, wait=True):
        """End every process by its pid, unmount, remove the folder.  LANYARD_LAB_KEEP=1 leaves the folder.

        Without wait the folder is still being removed when this returns; self.removal is the process that does it.
        """
        for proc in reversed(self.procs):
            if proc.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    proc.kill()
        for proc in self.procs:
            proc.wait()
            for pipe in (proc.stdin, proc.stdout, proc.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        for path in list(self.mounts):
            self.umount(path)
        if os.environ.get("LANYARD_LAB_KEEP") != "1":
            # Modes a test took away are given back; rm goes deeper than a path may be long, and is quick.
            self.removal = subprocess.Popen(["sh", "-c", 'rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1"; rm -rf "$1"; }',
                                             "sh", self.dir])
            if wait:
                self.removal.wait()
