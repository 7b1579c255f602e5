"""Syncthing on hosts of the lab, for those who compare us with it: set for speed, its process, and its REST API.

Static addresses, nothing global, the shortest watch delay, no low priority, no name case checks, blocks copied by
copy_file_range.  The API listens on a Unix socket, so it is reached without entering the host's namespace.
"""
import http.client
import json
import os
import socket
import subprocess
import urllib.parse
import xml.etree.ElementTree as ET

OPTIONS = {
    "globalAnnounceEnabled": "false", "localAnnounceEnabled": "false", "relaysEnabled": "false", "natEnabled": "false",
    "urAccepted": "-1", "autoUpgradeIntervalH": "0", "crashReportingEnabled": "false", "startBrowser": "false",
    "reconnectionIntervalS": "1", "progressUpdateIntervalS": "-1", "setLowPriority": "false", "stunKeepaliveStartS": "0",
    "databaseTuning": "auto", "sendFullIndexOnUpgrade": "false", "limitBandwidthInLan": "false",
}
FOLDER_OPTIONS = {"caseSensitiveFS": "true", "copyRangeMethod": "all", "disableTempIndexes": "true", "scanProgressIntervalS": "-1"}


def generate(host):
    """Makes the host's home and key; returns its device ID."""
    home = host.path("syncthing")
    subprocess.run(["syncthing", "generate", "--home", home, "--no-default-folder", "--skip-port-probing"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    out = subprocess.run(["syncthing", "--device-id", "--home", home], check=True, stdout=subprocess.PIPE).stdout
    return out.decode().split()[-1]


def configure(host, folder, ids, dials, scan_s, options, keep=0):
    """Writes the host's settings; returns the key of its API.

    ids: {host: device ID} of all members.  dials: those whom this one dials.  Only one of two may: when both do at once, both
    connections may be dropped, and 20 s go by.  keep: how many old versions of a file stay.
    """
    path = os.path.join(host.path("syncthing"), "config.xml")
    root = ET.parse(path).getroot()
    for key, value in dict(OPTIONS, listenAddress="tcp://%s:22000" % host.ip).items():
        root.find("options").find(key).text = value
    root.find("device").find("address").text = "tcp://%s:22000" % host.ip
    share = ET.SubElement(root, "folder", id=folder, label=folder, path=host.share, type="sendreceive",
                          rescanIntervalS=str(scan_s), fsWatcherEnabled="true", fsWatcherDelayS="1", ignorePerms="false",
                          autoNormalize="false")
    for other, one in ids.items():
        ET.SubElement(share, "device", id=one)
        if other is not host:
            theirs = ET.SubElement(root, "device", id=one, name=other.name, compression="metadata")
            ET.SubElement(theirs, "address").text = "tcp://%s:22000" % other.ip if other in dials else "dynamic"
    for key, value in dict(FOLDER_OPTIONS, **options).items():
        ET.SubElement(share, key).text = value
    if keep:
        versioning = ET.SubElement(share, "versioning", type="simple")
        ET.SubElement(versioning, "param", key="keep", val=str(keep))
    ET.ElementTree(root).write(path)
    os.makedirs(os.path.join(host.share, ".stfolder"), exist_ok=True)
    return root.find("gui/apikey").text


def serve(host, **env):
    """Starts it, as under systemd, but without the monitor process, which would only add to the memory."""
    if os.path.exists(host.path("api.sock")):
        os.unlink(host.path("api.sock"))
    env = dict(os.environ, HOME=host.dir, STNOUPGRADE="1", STNORESTART="1", STMONITORED="yes", **env)
    with open(host.path("syncthing.log"), "ab") as log:
        return host.popen("syncthing", "serve", "--home", host.path("syncthing"), "--no-browser", "--no-restart", "--no-upgrade",
                          "--logfile=-", "--gui-address=unix://" + host.path("api.sock"), env=env, stdout=log, stderr=log)


def api(host, key, path, method="GET", timeout=65, **query):
    """What it answers, as JSON; None when it does not."""
    conn = http.client.HTTPConnection("localhost", timeout=timeout)
    conn.sock = socket.socket(socket.AF_UNIX)
    conn.sock.settimeout(timeout)
    try:
        conn.sock.connect(host.path("api.sock"))
        conn.request(method, path + "?" + urllib.parse.urlencode(query), headers={"X-API-Key": key})
        answer = conn.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        conn.close()
    return json.loads(body or b"{}") if answer.status == 200 else None


def busy(status):
    """Whether what /rest/db/status says is not the end."""
    return not status or status["state"] != "idle" or status["needTotalItems"] or status["errors"]


def lacks(there):
    """Whether what /rest/db/completion says of another member is not all."""
    return not there or there["completion"] != 100 or there["needItems"] or there["needDeletes"]
