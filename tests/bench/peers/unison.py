"""Unison: a socket server at the receiver; each change is one run of the client.  Debian ships no unison-fsmonitor, so it
does not watch."""
import os
import subprocess
import time

import netlab
import peers

PORT = "5555"


class Unison(peers.Peer):
    settings = "socket, unencrypted, -batch -times -perms -1 -fastcheck true"
    watches = durable = False
    needs = ("unison",)
    only = ("bigfile", "manyfiles", "insert", "scattered", "rename", "restart", "memory")

    def __init__(self, a, b):
        super().__init__(a, b)
        self.client = self.server = None

    def env(self, host):
        return dict(os.environ, HOME=host.dir, UNISON=host.path("unison"), UNISONLOCALHOSTNAME=host.name)

    def start(self):
        for host in (self.a, self.b):
            os.makedirs(host.path("unison"), exist_ok=True)
        with open(self.b.path("unison.log"), "ab") as log:
            self.server = self.b.popen("unison", "-socket", PORT, "-listen", self.b.ip, env=self.env(self.b), stdout=log,
                                       stderr=log)
        netlab.until("unison listens", lambda: self._listens())
        self.push()

    def _listens(self):
        self.check()
        with open("/proc/%d/net/tcp" % self.b.pid) as f:
            return (":%04X " % int(PORT)) in f.read()

    def push(self):
        self.client = self.a.popen(
            "unison", self.a.share, "socket://%s:%s/%s" % (self.b.ip, PORT, self.b.share), "-ui", "text", "-batch", "-auto",
            "-times", "-perms", "-1", "-fastcheck", "true", "-confirmbigdel=false", "-log=false", "-contactquietly",
            "-silent", env=self.env(self.a), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = self.client.communicate()[0]
        if self.client.returncode != 0:
            raise netlab.LabError("unison: exit %d: %s" % (self.client.returncode, said.decode(errors="replace")[-2000:]))

    def check(self):
        if self.server.poll() is not None:
            raise netlab.LabError("the unison server ended with %d" % self.server.returncode)

    def restart(self):
        start = time.monotonic()
        self.push()
        return time.monotonic() - start

    def pids(self, host):
        proc = self.server if host is self.b else self.client
        return peers.descendants(proc.pid) if proc is not None and proc.poll() is None else []

    def stop(self):
        self.server.terminate()
        self.server.wait()
