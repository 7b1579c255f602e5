"""Asks an agent at its control socket, as docs/api.md has it.

What a test looks at again and again until it has happened is asked for here: starting the command each time took half of the
machine, under sanitizers most of it.  What `lanyard --json` prints of these is the same document (test_cli.py).
"""
import http.client
import json
import socket
import urllib.parse

PLAIN = ("status", "peers", "groups", "requests", "downloads")
OF_A_GROUP = ("members", "files")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("lanyard", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def route(words):
    """Where the answer is to a command of these words; None where it is another, or none."""
    if len(words) == 1 and words[0] in PLAIN:
        return "/v1/" + words[0]
    if len(words) == 2 and words[0] in OF_A_GROUP:
        return "/v1/groups/%s/%s" % (urllib.parse.quote(words[1], safe=""), words[0])
    return None


def wait_route(group, seconds, peers):
    at = "/v1/groups/%s/wait" % urllib.parse.quote(group, safe="") if group else "/v1/wait"
    return "%s?timeout=%d&peers=%d" % (at, seconds, peers or 0)


def ask(path, route, timeout):
    """The document of a GET; None where the agent refuses, or nobody answers at the socket of that path."""
    connection = _Connection(path, timeout)
    try:
        connection.request("GET", route)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return json.loads(body) if answer.status == 200 else None
