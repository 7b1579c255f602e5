"""rsync: a daemon at the receiver, unencrypted, or ssh; each change is one run of the client, pushing."""
import shlex
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

    def where(self):
        """What rsync's command line says of the receiver."""
        return ["rsync://%s/share/" % self.b.ip]

    def push(self):
        self.client = self.a.popen("rsync", "-a", "--delete", *self.options, self.a.share + "/", *self.where(), stderr=subprocess.PIPE)
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


class RsyncSsh(Rsync):
    """As most use it. Its sshd runs at the receiver, with keys of its own; nobody's settings or keys are read."""
    settings = "over ssh, its default cipher, -a --delete, not synced to disk"
    needs = ("rsync", "/usr/sbin/sshd", "ssh", "ssh-keygen")
    port = 2222

    def start(self):
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.b.path(key)], check=True)
        with open(self.b.path("host.pub")) as f, open(self.b.path("known"), "w") as known:
            known.write("[%s]:%d %s" % (self.b.ip, self.port, f.read()))
        with open(self.b.path("sshd_config"), "w") as f:
            f.write("Port %d\nListenAddress %s\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nUsePAM no\nStrictModes no\n"
                    "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
                    % (self.port, self.b.ip, self.b.path("host"), self.b.path("user.pub")))
        # It insists on that folder, which is the host's own.
        self.b.run("mkdir", "-p", "/run/sshd")
        self.daemon = self.b.popen("/usr/sbin/sshd", "-D", "-f", self.b.path("sshd_config"), "-E", self.b.path("sshd.log"))
        netlab.until(lambda: "sshd answers\n" + self.logs(),
                     lambda: self.a.run(*self.ssh(), "root@" + self.b.ip, "true", check=False).returncode == 0)
        self.push()

    def ssh(self):
        return ["ssh", "-F", "/dev/null", "-p", str(self.port), "-i", self.b.path("user"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "UserKnownHostsFile=" + self.b.path("known"), "-o", "GlobalKnownHostsFile=/dev/null"]

    def where(self):
        return ["-e", shlex.join(self.ssh()), "root@%s:%s/" % (self.b.ip, self.b.share)]

    def logs(self):
        try:
            with open(self.b.path("sshd.log")) as f:
                return f.read()
        except FileNotFoundError:
            return ""


class RsyncSshSync(RsyncSsh):
    settings = "over ssh, its default cipher, -a --delete, then syncfs of the receiver's disk"
    durable = True

    def push(self):
        super().push()
        subprocess.run(["sync", "-f", self.b.share], check=True)
