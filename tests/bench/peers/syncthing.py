"""Syncthing at its best on a LAN; see tests/lab/syncthing_member.py."""
import os
import time

import netlab
import peers
import syncthing_member as member

FOLDER = "bench"
FOLDER_OPTIONS = {"maxConcurrentWrites": "16", "hashers": str(os.cpu_count()), "blockPullOrder": "inOrder"}


class Syncthing(peers.Peer):
    settings = ("TLS 1.3, static addresses, fsWatcherDelayS=1 (its least), no discovery, relays, NAT or reports, hashers=%d, "
                "setLowPriority=false, caseSensitiveFS, copyRangeMethod=all, synced to disk" % os.cpu_count())
    needs = ("syncthing",)
    fsync = True

    def __init__(self, a, b):
        super().__init__(a, b)
        self.procs, self.ids, self.keys, self.log_start = {}, {}, {}, {}

    def start(self):
        for host in (self.a, self.b):
            self.ids[host] = member.generate(host)
        for host in (self.a, self.b):
            options = dict(FOLDER_OPTIONS, disableFsync="false" if self.fsync else "true")
            # The receiver dials.
            dials = (self.a,) if host is self.b else ()
            self.keys[host] = member.configure(host, FOLDER, self.ids, dials, 3600, options)
        for host in (self.a, self.b):
            self._run(host)
            self._scanned(host)
            # The first end listens when the second begins to dial; a second attempt would be made only 5 s later.
            netlab.until("syncthing answers", lambda: self.check() or self.api(host, "/rest/system/ping"), 60)
        self.settled(900)

    def _run(self, host):
        log = host.path("syncthing.log")
        self.log_start[host] = os.path.getsize(log) if os.path.exists(log) else 0
        self.procs[host] = member.serve(host)

    def api(self, host, path, **query):
        return member.api(host, self.keys[host], path, **query)

    def _scanned(self, host):
        """The first scan of this process is over.  The API begins too late to tell; the log does not."""
        def over():
            self.check()
            with open(host.path("syncthing.log"), "rb") as log:
                log.seek(self.log_start[host])
                return b"Completed initial scan" in log.read()
        netlab.until("syncthing of %s has scanned" % host.name, over, 900, every=0.005)

    def _in_sync(self, host, other):
        """This end is idle and wants nothing, and knows the other end to want nothing."""
        status = self.api(host, "/rest/db/status", folder=FOLDER)
        if member.busy(status):
            return None
        links = self.api(host, "/rest/system/connections")
        if not links or not links["connections"].get(self.ids[other], {}).get("connected"):
            return None
        there = self.api(host, "/rest/db/completion", folder=FOLDER, device=self.ids[other])
        if member.lacks(there):
            return None
        return status["globalFiles"], status["globalDirectories"], status["globalBytes"]

    def settled(self, timeout):
        def both():
            self.check()
            one, two = self._in_sync(self.a, self.b), self._in_sync(self.b, self.a)
            return one is not None and one == two
        netlab.until("syncthing says in sync", both, timeout, every=0.02)

    def check(self):
        for host, proc in self.procs.items():
            if proc.poll() is not None:
                raise netlab.LabError("syncthing of %s ended with %d\n%s" % (host.name, proc.returncode, self.logs()))

    def restart(self):
        self._end(self.b)
        netlab.until("the sender has noticed", lambda: not self.api(self.a, "/rest/system/connections")["connections"][
            self.ids[self.b]]["connected"], 60)
        start = time.monotonic()
        self._run(self.b)
        self._scanned(self.b)
        self.settled(120)
        return time.monotonic() - start

    def _end(self, host):
        self.procs[host].terminate()
        self.procs[host].wait(30)

    def pids(self, host):
        proc = self.procs.get(host)
        return peers.descendants(proc.pid) if proc is not None and proc.poll() is None else []

    def logs(self):
        said = []
        for host in (self.a, self.b):
            with open(host.path("syncthing.log"), errors="replace") as f:
                said.append("--- syncthing of %s ---\n%s" % (host.name, "".join(f.readlines()[-40:])))
        return "\n".join(said)

    def stop(self):
        for host in (self.a, self.b):
            self._end(host)


class SyncthingNoFsync(Syncthing):
    settings = Syncthing.settings.replace("synced to disk", "disableFsync=true")
    durable = fsync = False
