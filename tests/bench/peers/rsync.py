"""rsync: a daemon at the receiver, unencrypted; each change is one run of the client, pushing."""
import subprocess
import time

import netlab
import peers


class Rsync(peers.Peer):
    settings = "daemon, unencrypted, -a --delete, not synced to disk"
    watches = durable = False
    needs = ("rsync",)
    only = ("bigfile", "gigabit", "manyfiles", "insert", "scattered", "rename", "restart", "memory")
    options = ()

    def __init__(self, a, b):
        super().__init__(a, b)
        self.client = self.daemon = None

    def start(self):
        conf = self.b.path("rsyncd.conf")
        with open(conf, "w") as f:
            f.write("use chroot = no\nuid = 0\ngid = 0\nlog file = %s\n[share]\npath = %s\nread only = no\n"
                    % (self.b.path("rsyncd.log"), self.b.share))
        self.daemon = self.b.popen("rsync", "--daemon", "--no-detach", "--config=" + conf, "--address=" + self.b.ip)
        netlab.until("rsync daemon answers", lambda: self.a.run(
            "rsync", "rsync://%s/" % self.b.ip, check=False).returncode == 0)
        self.push()

    def push(self):
        self.client = self.a.popen("rsync", "-a", "--delete", *self.options, self.a.share + "/",
                                   "rsync://%s/share/" % self.b.ip, stderr=subprocess.PIPE)
        said = self.client.communicate()[1]
        if self.client.returncode != 0:
            raise netlab.LabError("rsync: exit %d: %s" % (self.client.returncode, said.decode(errors="replace")))

    def restart(self):
        start = time.monotonic()
        self.push()
        return time.monotonic() - start

    def pids(self, host):
        proc = self.daemon if host is self.b else self.client
        return peers.descendants(proc.pid) if proc is not None and proc.poll() is None else []

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait()


class RsyncFsync(Rsync):
    settings = "daemon, unencrypted, -a --delete --fsync"
    durable = True
    options = ("--fsync",)


class RsyncSync(Rsync):
    settings = "daemon, unencrypted, -a --delete, then syncfs of the receiver's disk"
    durable = True

    def push(self):
        super().push()
        subprocess.run(["sync", "-f", self.b.share], check=True)
