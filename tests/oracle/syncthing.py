"""Syncthing as the thing that is driven: tuned for speed, with versions and conflict copies kept as well as it can.

As tests/lab/syncthing_member.py has it, with a scan every 10 s (it tells deletions only after a minute otherwise), no limit of
conflict copies, simple versioning that keeps 1000 of each file.  At the end each member is told to scan before it is asked,
so that what its watcher missed is not held against it.
"""
import os
import re
import signal
import subprocess
import time

import netlab
import syncthing_member as member
from thing import Ended, NotSettled, Thing

FOLDER = "oracle"
COPY = re.compile(r"\.sync-conflict-\d{8}-\d{6}-[A-Z2-7]{7}")
FOLDER_OPTIONS = {"maxConflicts": "-1", "disableFsync": "false"}


class Syncthing(Thing):
    name = "syncthing"
    exact = False

    def __init__(self, hosts, apart):
        super().__init__(hosts, apart)
        self.procs, self.ids, self.keys, self.meant = {}, {}, {}, set()

    def version(self):
        out = subprocess.run(["syncthing", "--version"], check=True, stdout=subprocess.PIPE).stdout.decode()
        return out.split()[1]

    def form(self):
        for host in self.hosts:
            self.ids[host] = member.generate(host)
        for number, host in enumerate(self.hosts):
            ids = {h: self.ids[h] for h in [host] + list(self.peers_of(host))}
            self.keys[host] = member.configure(host, FOLDER, ids, self.hosts[:number], 10, FOLDER_OPTIONS, keep=1000)
        for host in self.hosts:
            self.start(host)
        self.settle(120)

    def running(self, host):
        proc = self.procs.get(host)
        if host in self.meant and proc.poll() is not None:
            raise Ended("syncthing of %s ended with %d\n%s" % (host.name, proc.returncode, self.tail(host)))
        return host in self.meant

    def process(self, host):
        return self.procs[host]

    def start(self, host):
        self.procs[host] = member.serve(host, GOMAXPROCS="2")
        self.meant.add(host)

    def stop(self, host):
        self.meant.discard(host)
        self.procs[host].send_signal(signal.SIGTERM)
        try:
            self.procs[host].wait(30)
        except subprocess.TimeoutExpired:
            self.procs[host].kill()
            self.procs[host].wait()
            raise Ended("syncthing of %s did not stop in 30 s" % host.name) from None

    def kill(self, host):
        self.meant.discard(host)
        self.procs[host].kill()
        self.procs[host].wait()

    def api(self, host, path, method="GET", timeout=65, **query):
        return member.api(host, self.keys[host], path, method, timeout, **query)

    def answers(self, host):
        return self.api(host, "/rest/system/ping") is not None

    def pause(self, host, on):
        self.api(host, "/rest/system/" + ("pause" if on else "resume"), "POST", timeout=5)

    def settle(self, seconds):
        for host in self.hosts:
            netlab.until("syncthing of %s answers" % host.name, lambda: self.running(host) and self.answers(host), 60)
        end, alike_since = time.monotonic() + seconds * netlab.FACTOR, None
        while True:
            for host in self.hosts:
                self.api(host, "/rest/db/scan", "POST", folder=FOLDER)
            said = [self._says(h) for h in self.hosts]
            pictures = [self.picture(h) for h in self.hosts]
            quiet = not any(said)
            if quiet and all(p == pictures[0] for p in pictures):
                # What one member says may be older than what another has just told it.
                alike_since = alike_since or time.monotonic()
                if time.monotonic() - alike_since > 3:
                    return
            else:
                alike_since = None
            if time.monotonic() > end:
                break
            time.sleep(0.5)
        if not quiet:
            raise NotSettled("\n".join(s for s in said if s))

    def _says(self, host):
        """Why this one is not in sync, or None."""
        status = self.api(host, "/rest/db/status", folder=FOLDER)
        if member.busy(status):
            keys = ("state", "error", "errors", "needTotalItems", "needFiles", "needDeletes", "needDirectories")
            failed = self.api(host, "/rest/folder/errors", folder=FOLDER) or {}
            return "%s: %s %s" % (host.name, status and {k: status.get(k) for k in keys}, failed.get("errors"))
        links = (self.api(host, "/rest/system/connections") or {}).get("connections", {})
        for other in self.peers_of(host):
            if not links.get(self.ids[other], {}).get("connected"):
                return "%s is not connected to %s" % (host.name, other.name)
            there = self.api(host, "/rest/db/completion", folder=FOLDER, device=self.ids[other])
            if member.lacks(there):
                return "%s says that %s needs %s" % (host.name, other.name, there)
        return None

    def is_own(self, path):
        first, last = path.split("/")[0], os.path.basename(path)
        return first in (".stfolder", ".stversions") or last.startswith((".syncthing.", "~syncthing~"))

    def base(self, path):
        return COPY.sub("", path)

    def versions(self, host):
        return [os.path.join(host.share, ".stversions")]

    def tail(self, host, words=()):
        with open(host.path("syncthing.log"), errors="replace") as f:
            lines = [line for line in f if not words or any(w in line for w in words)]
        return "--- log of syncthing of %s ---\n%s" % (host.name, "".join(lines[-40:]))

    def close(self):
        for host in self.hosts:
            if host in self.meant and self.procs[host].poll() is None:
                self.stop(host)
