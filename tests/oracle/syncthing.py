"""Syncthing as the thing that is driven: tuned for speed, with versions and conflict copies kept as well as it can.

Static addresses, the shortest watch delay, a scan every 10 s (it tells deletions only after a minute otherwise), no limit of
conflict copies, simple versioning that keeps 1000 of each file.  At the end each member is told to scan before it is asked,
so that what its watcher missed is not held against it.
"""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree as ET

import netlab
from thing import Ended, NotSettled, Thing

FOLDER = "oracle"
COPY = re.compile(r"\.sync-conflict-\d{8}-\d{6}-[A-Z2-7]{7}")
OPTIONS = {
    "globalAnnounceEnabled": "false", "localAnnounceEnabled": "false", "relaysEnabled": "false", "natEnabled": "false",
    "urAccepted": "-1", "autoUpgradeIntervalH": "0", "crashReportingEnabled": "false", "startBrowser": "false",
    "reconnectionIntervalS": "1", "progressUpdateIntervalS": "-1", "setLowPriority": "false", "stunKeepaliveStartS": "0",
}
FOLDER_OPTIONS = {"caseSensitiveFS": "true", "copyRangeMethod": "all", "disableTempIndexes": "true", "maxConflicts": "-1",
                  "scanProgressIntervalS": "-1", "disableFsync": "false"}


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
            home = host.path("syncthing")
            subprocess.run(["syncthing", "generate", "--home", home, "--no-default-folder", "--skip-port-probing"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            out = subprocess.run(["syncthing", "--device-id", "--home", home], check=True, stdout=subprocess.PIPE).stdout
            self.ids[host] = out.decode().split()[-1]
        for host in self.hosts:
            self._configure(host)
            os.makedirs(os.path.join(host.share, ".stfolder"))
        for host in self.hosts:
            self.start(host)
        self.settle(120)

    def _configure(self, host):
        path = os.path.join(host.path("syncthing"), "config.xml")
        root = ET.parse(path).getroot()
        options = root.find("options")
        for key, value in dict(OPTIONS, listenAddress="tcp://%s:22000" % host.ip).items():
            options.find(key).text = value
        root.find("device").find("address").text = "tcp://%s:22000" % host.ip
        folder = ET.SubElement(root, "folder", id=FOLDER, label=FOLDER, path=host.share, type="sendreceive",
                               rescanIntervalS="10", fsWatcherEnabled="true", fsWatcherDelayS="1", ignorePerms="false",
                               autoNormalize="false")
        ET.SubElement(folder, "device", id=self.ids[host])
        for other in self.peers_of(host):
            theirs = ET.SubElement(root, "device", id=self.ids[other], name=other.name, compression="metadata")
            # Only one of two dials: when both do at once, both connections may be dropped, and 20 s go by.
            dials = self.hosts.index(host) > self.hosts.index(other)
            ET.SubElement(theirs, "address").text = "tcp://%s:22000" % other.ip if dials else "dynamic"
            ET.SubElement(folder, "device", id=self.ids[other])
        for key, value in FOLDER_OPTIONS.items():
            ET.SubElement(folder, key).text = value
        versioning = ET.SubElement(folder, "versioning", type="simple")
        ET.SubElement(versioning, "param", key="keep", val="1000")
        self.keys[host] = root.find("gui/apikey").text
        ET.ElementTree(root).write(path)

    def running(self, host):
        proc = self.procs.get(host)
        if host in self.meant and proc.poll() is not None:
            raise Ended("syncthing of %s ended with %d\n%s" % (host.name, proc.returncode, self.tail(host)))
        return host in self.meant

    def process(self, host):
        return self.procs[host]

    def start(self, host):
        env = dict(os.environ, HOME=host.dir, STNOUPGRADE="1", STNORESTART="1", STMONITORED="yes", GOMAXPROCS="2")
        if os.path.exists(host.path("api.sock")):
            os.unlink(host.path("api.sock"))
        with open(host.path("syncthing.log"), "ab") as log:
            self.procs[host] = host.popen(
                "syncthing", "serve", "--home", host.path("syncthing"), "--no-browser", "--no-restart", "--no-upgrade",
                "--logfile=-", "--gui-address=unix://" + host.path("api.sock"), env=env, stdout=log, stderr=log)
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
        conn = http.client.HTTPConnection("localhost", timeout=timeout)
        conn.sock = socket.socket(socket.AF_UNIX)
        conn.sock.settimeout(timeout)
        try:
            conn.sock.connect(host.path("api.sock"))
            conn.request(method, path + "?" + urllib.parse.urlencode(query), headers={"X-API-Key": self.keys[host]})
            answer = conn.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            conn.close()
        return json.loads(body or b"{}") if answer.status == 200 else None

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
        if not status or status["state"] != "idle" or status["needTotalItems"] or status["errors"]:
            keys = ("state", "error", "errors", "needTotalItems", "needFiles", "needDeletes", "needDirectories")
            failed = self.api(host, "/rest/folder/errors", folder=FOLDER) or {}
            return "%s: %s %s" % (host.name, status and {k: status.get(k) for k in keys}, failed.get("errors"))
        links = (self.api(host, "/rest/system/connections") or {}).get("connections", {})
        for other in self.peers_of(host):
            if not links.get(self.ids[other], {}).get("connected"):
                return "%s is not connected to %s" % (host.name, other.name)
            there = self.api(host, "/rest/db/completion", folder=FOLDER, device=self.ids[other])
            if not there or there["completion"] != 100 or there["needItems"] or there["needDeletes"]:
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
