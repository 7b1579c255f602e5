"""The same machines as network namespaces of this kernel, with a real avahi-daemon each: quick, and good for what needs no
kernel, clock, disk or service manager of its own.  Here "the service" is lanyardd as it was built, run by the harness.
"""
import os
import shutil
import signal

import namespaces
import trees
from agents import BUILD, AgentHost
from member import GROUP, Member
from namespaces import LabError, until


class NetHost(Member, AgentHost):
    """A host of the namespace lab; its disk is a tmpfs."""

    user = "root"

    def __init__(self, lab, name, index):
        super().__init__(lab, name, index)
        self.disk = self.path("srv")
        self.share, self.home = os.path.join(self.disk, GROUP), os.path.join(self.disk, "home")

    def start(self, wait=True):
        """On, with avahi-daemon and the agent."""
        self.start_avahi()
        self.daemon.start("--discovery", "auto", wait=wait)

    def booted(self):
        until("the agent of %s answers" % self.name, self.daemon._answers, 20)

    def on(self):
        return self.daemon.running()

    def shut_down(self):
        self.daemon.stop()
        self.stop_avahi(bus=True)

    def remove(self):
        if self.on():
            self.daemon.kill9()
        self.stop_avahi(signal.SIGKILL, bus=True)
        for nic in self.nics:
            nic.switch.run("ip", "link", "del", nic.port)
        self.holder.kill()
        self.holder.wait()
        self.lab.umount(self.disk)
        shutil.rmtree(self.dir)
        self.lab.machines.remove(self)

    # --- commands and the share ---

    def sh(self, script, timeout=60, check=True):
        """Run a script by bash as root here; its output, and its messages too when check is off."""
        got = self.run("bash", "-c", script, check=False, timeout=timeout * namespaces.FACTOR)
        if check and got.returncode != 0:
            raise LabError("%s: exit %d: %s\n%s" % (self.name, got.returncode, script,
                                                    (got.stdout + got.stderr).decode(errors="replace")[-3000:]))
        return (got.stdout if check else got.stdout + got.stderr).decode(errors="replace")

    def put(self, path, content):
        with open(path, "wb") as f:
            f.write(content)

    def picture(self):
        return trees.picture(self.share)

    # --- the service ---

    def restart_service(self):
        self.daemon.stop()
        self.daemon.start()

    def kill_service(self):
        self.daemon.kill9()

    def stop_service(self):
        self.daemon.stop()

    def start_service(self):
        self.daemon.start()

    def restart_avahi(self):
        self.stop_avahi()
        self.start_avahi()

    def cap_memory(self, mb):
        """Nothing holds the agent to it here; memory_report() tells what it took."""
        self.restart_service()

    def uncap_memory(self):
        pass

    def memory_report(self):
        return 0, 0, self.daemon.rss()[1] >> 20

    # --- sleep and the network ---

    def suspend(self):
        self.daemon.pause()

    def wake(self):
        self.daemon.resume()

    def cable(self, plugged):
        self.link_up() if plugged else self.link_down()

    def interface_down(self, seconds):
        self.sh("ip link set e0 down; sleep %d; ip link set e0 up" % seconds, timeout=seconds + 10)
        # A kernel takes IPv6 addresses and routes away with the interface; a network manager would put them back.
        self.sh("ip addr replace %s/64 dev e0 nodad; ip route replace 224.0.0.0/4 dev e0 metric 100" % self.nics[0].ip6)

    def set_address(self, ip):
        self.nics[0].set_ip(ip)

    def addresses(self):
        return self.sh("ip -4 addr show dev e0")

    def reports(self):
        with open(self.daemon.log_path) as f:
            log = f.read()
        return (("agent", "cat <<'END OF LOG'\n%s\nEND OF LOG\n" % log),
                ("status", "'%s/lanyard' --home '%s' --json status; ip addr; ls -laR '%s' | head -n 300"
                 % (BUILD, self.home, self.share)))


class Lab(namespaces.Lab):
    """One bridge with hosts on it."""

    host_class = NetHost
    machines_here = False
    accel_name = "none: namespaces of this kernel"

    def __init__(self, image=None):
        super().__init__()
        self.bridge = super().switch("lan")
        self.machines = self.hosts

    def machine(self, name, disk_mb):
        host = self.host(name)
        self.tmpfs(host.disk, "%dm" % disk_mb)
        return host
