"""The kernel's own floor: a process at the sender that hears of a file by inotify and sends it over TCP, and one at the
receiver that writes it, syncs it and renames it.  No agent that keeps files whole and durable can be quicker."""
import os
import sys

import netlab
import peers

PORT = 5999
ENDS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "floor_ends.py")


class Floor(peers.Peer):
    settings = "inotify, TCP, write, fsync, rename; no protocol"
    only = ("latency",)

    def __init__(self, a, b):
        super().__init__(a, b)
        self.procs = {}

    def start(self):
        for host, role, arg in ((self.b, "receive", self.b.ip), (self.a, "send", self.b.ip)):
            self.procs[host] = host.popen(sys.executable, ENDS, role, host.share, arg, str(PORT))
            netlab.until("the floor listens", self._listens)
        netlab.until("the floor is connected", lambda: self.a.connections(PORT))

    def _listens(self):
        self.check()
        with open("/proc/%d/net/tcp" % self.b.pid) as f:
            return (":%04X " % PORT) in f.read()

    def check(self):
        for proc in self.procs.values():
            if proc.poll() is not None:
                raise netlab.LabError("the floor ended with %d" % proc.returncode)

    def pids(self, host):
        return [self.procs[host].pid] if host in self.procs else []

    def stop(self):
        for proc in self.procs.values():
            proc.kill()
            proc.wait()
