"""Syncthing at its best on a LAN: static addresses, nothing global, the shortest watch delay, no low priority, no name
case checks, blocks copied by copy_file_range."""
import http.client
import json
import os
import socket
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree as ET

import netlab
import peers

FOLDER = "bench"
OPTIONS = {
    "globalAnnounceEnabled": "false", "localAnnounceEnabled": "false", "relaysEnabled": "false", "natEnabled": "false",
    "urAccepted": "-1", "autoUpgradeIntervalH": "0", "crashReportingEnabled": "false", "startBrowser": "false",
    "reconnectionIntervalS": "1", "progressUpdateIntervalS": "-1", "setLowPriority": "false", "stunKeepaliveStartS": "0",
    "databaseTuning": "auto", "sendFullIndexOnUpgrade": "false", "limitBandwidthInLan": "false",
}
FOLDER_OPTIONS = {
    "caseSensitiveFS": "true", "copyRangeMethod": "all", "disableTempIndexes": "true", "scanProgressIntervalS": "-1",
    "maxConcurrentWrites": "16", "hashers": str(os.cpu_count()), "blockPullOrder": "inOrder",
}


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
            home = host.path("syncthing")
            subprocess.run(["syncthing", "generate", "--home", home, "--no-default-folder", "--skip-port-probing"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            out = subprocess.run(["syncthing", "--device-id", "--home", home], check=True, stdout=subprocess.PIPE).stdout
            self.ids[host] = out.decode().split()[-1]
        for host, other in ((self.a, self.b), (self.b, self.a)):
            self._configure(host, other)
            os.makedirs(os.path.join(host.share, ".stfolder"), exist_ok=True)
        for host in (self.a, self.b):
            self._run(host)
            self._scanned(host)
            # The first end listens when the second begins to dial; a second attempt would be made only 5 s later.
            netlab.until("syncthing answers", lambda: self.check() or self.api(host, "/rest/system/ping"), 60)
        self.settled(900)

    def _configure(self, host, other):
        path = os.path.join(host.path("syncthing"), "config.xml")
        root = ET.parse(path).getroot()
        options = root.find("options")
        for key, value in dict(OPTIONS, listenAddress="tcp://%s:22000" % host.ip).items():
            options.find(key).text = value
        mine = root.find("device")
        mine.find("address").text = "tcp://%s:22000" % host.ip
        theirs = ET.SubElement(root, "device", id=self.ids[other], name=other.name, compression="metadata")
        # Only the receiver dials: when both do at once, both connections may be dropped, and 20 s go by.
        ET.SubElement(theirs, "address").text = "tcp://%s:22000" % other.ip if host is self.b else "dynamic"
        folder = ET.SubElement(root, "folder", id=FOLDER, label=FOLDER, path=host.share, type="sendreceive",
                               rescanIntervalS="3600", fsWatcherEnabled="true", fsWatcherDelayS="1", ignorePerms="false",
                               autoNormalize="false")
        for one in self.ids.values():
            ET.SubElement(folder, "device", id=one)
        for key, value in dict(FOLDER_OPTIONS, disableFsync="false" if self.fsync else "true").items():
            ET.SubElement(folder, key).text = value
        self.keys[host] = root.find("gui/apikey").text
        ET.ElementTree(root).write(path)

    def _run(self, host):
        # As under systemd, but without the monitor process, which would only add to the memory.
        env = dict(os.environ, HOME=host.dir, STNOUPGRADE="1", STNORESTART="1", STMONITORED="yes")
        with open(host.path("syncthing.log"), "ab") as log:
            self.log_start[host] = log.tell()
            self.procs[host] = host.popen(
                "syncthing", "serve", "--home", host.path("syncthing"), "--no-browser", "--no-restart", "--no-upgrade",
                "--logfile=-", "--gui-address=" + self._socket(host), env=env, stdout=log, stderr=log)

    def _socket(self, host):
        """The API listens on a Unix socket, so it is reached without entering the host's namespace."""
        return "unix://" + host.path("api.sock")

    def api(self, host, path, **query):
        conn = http.client.HTTPConnection("localhost", timeout=65)
        conn.sock = socket.socket(socket.AF_UNIX)
        try:
            conn.sock.connect(host.path("api.sock"))
            conn.request("GET", path + "?" + urllib.parse.urlencode(query), headers={"X-API-Key": self.keys[host]})
            answer = conn.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            conn.close()
        return json.loads(body) if answer.status == 200 else None

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
        if not status or status["state"] != "idle" or status["needTotalItems"] or status["errors"]:
            return None
        links = self.api(host, "/rest/system/connections")
        if not links or not links["connections"].get(self.ids[other], {}).get("connected"):
            return None
        there = self.api(host, "/rest/db/completion", folder=FOLDER, device=self.ids[other])
        if not there or there["completion"] != 100 or there["needItems"] or there["needDeletes"]:
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
        if os.path.exists(host.path("api.sock")):
            os.unlink(host.path("api.sock"))

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
