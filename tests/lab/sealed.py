"""Sealed groups, and vaults of them."""
import http.client
import json
import os
import socket

import netlab


def post(host, path, /, **body):
    """(status, answer) of a call of the agent's API."""
    connection = http.client.HTTPConnection("lanyard", timeout=60 * netlab.FACTOR)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(os.path.join(host.home, "control.sock"))
    connection.request("POST", path, json.dumps(body))
    answer = connection.getresponse()
    status, text = answer.status, answer.read()
    connection.close()
    return status, json.loads(text)


def found(host, group="pics"):
    host.cli("create", group, "--share", host.share, "--sealed")
    one, = host.cli("groups")["groups"]
    assert one["sealed"] is True


def start(hosts, *flags):
    for host in hosts:
        host.daemon.start(*netlab.start_flags(host, hosts, "off"), "--log-level", "debug", *flags)
        host.id = host.agent_id()


def join(host, by, *options):
    host.cli("join", "--invite", by.invite("pics", *options), "--share", host.share)


def vault_joins(host, by):
    join(host, by, "--role", "vault")
    netlab.until(lambda: "%s is a vault: %s" % (host.name, host.status()), lambda: "vault" in host.status(), 20)


def group_file(host, name):
    groups = os.path.join(host.home, "groups")
    group, = os.listdir(groups)
    return os.path.join(groups, group, name)


RESERVED = 1 << 30  # a sanitizer's: address space, not memory


def memory(host):
    """What the host's agent has in memory, mapping by mapping; not what cannot be read, as the guard pages of keys."""
    with open("/proc/%d/maps" % host.daemon.pid, encoding="utf-8") as maps, open("/proc/%d/mem" % host.daemon.pid, "rb", 0) as m:
        for line in maps:
            first, last = (int(n, 16) for n in line.split()[0].split("-"))
            if line.split()[1][0] != "r" or "[v" in line or last - first >= RESERVED:
                continue
            try:
                m.seek(first)
                yield m.read(last - first)
            except OSError:
                pass
