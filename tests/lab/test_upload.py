"""A file that is uploaded comes into the share whole or not at all, and only where this agent may write."""
import http.client
import json
import os
import socket
import urllib.parse

import pytest

import netlab
from netlab import trees, until
from test_web import Browser, PORT

PATIENCE = 60 * netlab.FACTOR


class Door:
    """The control socket, with bodies that are files."""

    def __init__(self, host, group="pics"):
        self.socket, self.group = os.path.join(host.home, "control.sock"), group

    def dial(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(self.socket)
        return s

    def head(self, length, path, method="POST", **query):
        target = "/v1/groups/%s/upload?%s" % (self.group, urllib.parse.urlencode({"path": path, **query}))
        return ("%s %s HTTP/1.1\r\nHost: lanyard\r\n%s\r\n" % (method, target, length)).encode()

    def begin(self, size, path, **query):
        """A connection that has said what comes, and has sent nothing of it."""
        s = self.dial()
        s.sendall(self.head("Content-Length: %d\r\n" % size, path, **query))
        return s

    def put(self, body, path, **query):
        """(status, document) of a whole upload."""
        s = self.begin(len(body), path, **query)
        s.sendall(body)
        return answer(s)

    def look(self, path, **query):
        s = self.dial()
        s.sendall(self.head("", path, "GET", **query))
        return answer(s)


def answer(s):
    got = http.client.HTTPResponse(s)
    got.begin()
    text = got.status, json.loads(got.read())
    s.close()
    return text


def parts(host):
    """What is left of uploads."""
    return [n for n in os.listdir(host.file(".lanyard/parts")) if n.startswith(b"upload-")]


def nothing_is_left(host):
    until("nothing is left of the upload", lambda: not parts(host), 30)


def started(lab, *flags):
    a = lab.host("a")
    a.daemon.start("--discovery", "off", *flags)
    a.cli("create", "pics", "--share", a.share)
    return a


def test_a_file_comes_to_all_members_as_it_was_sent(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    door, large = Door(a), os.urandom(5 << 20)
    assert door.look("new/folder/film \\\\ \\xff", size=len(large)) == (200, {"path": "new/folder/film \\\\ \\xff", "size": len(large), "exists": False})
    assert not os.path.exists(a.file("new"))
    assert door.put(large, "new/folder/film \\\\ \\xff", mtime=1234567890)[0] == 200
    assert door.put(b"", "empty") == (200, {"path": "empty", "size": 0, "exists": False})
    until("both are at b", lambda: os.path.exists(b.file("empty")) and os.path.exists(b.file(b"new/folder/film \\ \xff")), 60)
    assert b.read(b"new/folder/film \\ \xff") == large and b.read("empty") == b""
    status = os.stat(b.file(b"new/folder/film \\ \xff"))
    assert (int(status.st_mtime), status.st_mode & 0o777) == (1234567890, 0o644)
    netlab.settle([a, b])
    nothing_is_left(a)


def test_what_is_there_is_not_replaced_unasked(lab):
    a = started(lab)
    trees.write(a.share, {"doc.txt": b"old", "folder/x": b"1", "noext": b"1"})
    os.chmod(a.file("doc.txt"), 0o600)
    door = Door(a)
    assert door.look("doc.txt")[1]["exists"]
    status, said = door.put(b"new", "doc.txt")
    assert status == 409 and "replace" in said["error"] and a.read("doc.txt") == b"old"
    assert door.put(b"new", "doc.txt", if_exists="keep-both") == (200, {"path": "doc (2).txt", "size": 3, "exists": True})
    assert door.put(b"newer", "doc.txt", if_exists="keep-both")[1]["path"] == "doc (3).txt"
    assert door.put(b"1", "noext", if_exists="keep-both")[1]["path"] == "noext (2)"
    assert door.put(b"1", "folder", if_exists="keep-both")[1]["path"] == "folder (2)"
    assert (a.read("doc.txt"), a.read("doc (2).txt")) == (b"old", b"new")
    assert door.put(b"newest", "doc.txt", if_exists="replace") == (200, {"path": "doc.txt", "size": 6, "exists": True})
    assert a.read("doc.txt") == b"newest" and os.stat(a.file("doc.txt")).st_mode & 0o777 == 0o600
    assert [v["size"] for v in a.cli("versions", "pics", "doc.txt")["versions"]] == [3]
    assert door.put(b"1", "folder", if_exists="replace")[0] == 409 and door.put(b"1", "doc.txt/x")[0] == 409
    assert door.put(b"1", "x", if_exists="yes")[0] == 400
    # Somebody makes it while it comes.
    s = door.begin(2, "late")
    s.sendall(b"1")
    until("it has begun", lambda: parts(a), 30)
    trees.write(a.share, {"late": b"mine"})
    s.sendall(b"2")
    assert answer(s)[0] == 409 and a.read("late") == b"mine"
    nothing_is_left(a)


def test_names_lead_nowhere_else(lab):
    a = started(lab)
    os.symlink("/etc", a.file("link"))
    trees.write(a.share, {"own.tmp": b"1"})
    trees.write(a.share, {".lanyardignore": b"*.tmp\nsecret/\n"})  # counted by the scan that follows
    until("the rules are known", lambda: a.status("pics")["ignored"], 30)
    os.unlink(a.file("own.tmp"))
    door = Door(a)
    for path in ("", "/etc/x", "../x", "a/../../x", "a//b", "a/", ".", "..", "./x", ".lanyard/x", ".LANYARD/x", "a/.lanyard/versions/x", ".lanyardignore", 
                 "a" * 256, "b/" * 3000 + "c", "\\q"):
        status, said = door.put(b"x", path)
        assert status == 400 and "path" in said["error"], (path, said)
    for path in ("link/x", "a.tmp", "secret/x"):
        assert door.put(b"x", path)[0] == 409, path
    assert door.put(b"x", "link", if_exists="replace")[0] == 200 and not os.path.islink(a.file("link"))
    assert sorted(os.listdir(a.share)) == [".lanyard", ".lanyardignore", "link"] and not os.path.exists("/etc/x")
    for group in ("none", "..", "pics%2f..", ""):
        assert Door(a, group).put(b"{}", "y")[0] == 404, group
    nothing_is_left(a)


def test_lengths_that_lie_and_clients_that_go(lab):
    a = started(lab)
    door = Door(a)
    for head, status in (("", 411), ("Transfer-Encoding: chunked\r\n", 411), ("Content-Length: %d\r\n" % (1 << 40), 507), ("Content-Length: %d\r\n" % (1 << 62), 413),
                         ("Content-Length: 99999999999999999999999\r\n", 413), ("Content-Length: -1\r\n", 400), ("Content-Length: 1x\r\n", 400)):
        s = door.dial()
        s.sendall(door.head(head, "x"))
        got = http.client.HTTPResponse(s)
        got.begin()
        assert got.status == status, head
        s.close()
    assert door.look("x", size=1 << 49)[0] == 507
    for size in (10, 3 << 20):
        s = door.begin(size, "half")
        s.sendall(b"x" * (size - 1))
        until("it has begun", lambda: parts(a), 30)
        s.close()
        nothing_is_left(a)
    # More than was said is another request, and no part of the file.
    s = door.begin(3, "three")
    s.sendall(b"abcdef\r\n\r\n")
    assert answer(s)[0] == 200 and a.read("three") == b"abc"
    # As many as there may be, and one more; each ends by itself, and the agent leaves nothing when it ends.
    open_ones = [door.begin(9, "n%d" % i) for i in range(4)]
    until("all have begun", lambda: len(parts(a)) == 4, 30)
    assert door.put(b"x", "five")[0] == 503
    open_ones.pop().close()
    until("there is room again", lambda: door.put(b"x", "five")[0] == 200, 30)
    a.daemon.stop()
    assert not parts(a)
    a.daemon.start()
    s = door.begin(9, "killed")
    until("it has begun", lambda: parts(a), 30)
    a.daemon.kill9()
    assert parts(a)
    a.daemon.start()
    nothing_is_left(a)
    assert sorted(os.listdir(a.share)) == [".lanyard", "five", "three"]


def test_a_full_disk_is_said_before_the_bytes_come(lab):
    a = lab.host("a")
    lab.tmpfs(a.share, "64m")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    door = Door(a)
    assert door.look("big", size=100 << 20)[0] == 507
    s = door.begin(100 << 20, "big")
    status, said = answer(s)
    assert status == 507 and "no room" in said["error"]
    assert door.put(os.urandom(1 << 20), "fits")[0] == 200
    # It is filled by somebody else; the client gets to read why.
    with open(a.file("filler"), "wb") as f:
        f.truncate(0)
        os.posix_fallocate(f.fileno(), 0, 58 << 20)
    assert door.put(b"x" * (800 << 10), "late")[0] == 507
    nothing_is_left(a)
    os.unlink(a.file("filler"))
    until("there is room again", lambda: door.put(b"x", "late")[0] == 200, 30)


def test_readers_are_refused_with_the_reason(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    a.cli("role", "pics", b.agent_id(), "reader")
    until("b is a reader", lambda: b.status("pics")["role"] == "reader", 30)
    for status, said in (Door(b).put(b"x", "y"), Door(b).look("y")):
        assert status == 403 and "reader" in said["error"]
    assert not os.path.exists(b.file("y"))


def test_other_pages_and_old_sessions_put_nothing_there(lab):
    a = started(lab, "--web", "127.0.0.1:%d" % PORT)
    browser = Browser(a)
    browser.enter()
    url = "/v1/groups/pics/upload?path=x"
    assert browser.ask("POST", url, {})[0] == 200 and a.read("x") == b"{}"
    url = "/v1/groups/pics/upload?path=y"
    for wrong in ({"Origin": "http://evil.example"}, {"Origin": None}, {"Host": "evil.example:4171"}, {"X_Lanyard_Token": None}, {"X_Lanyard_Token": "x" * 43},
                  {"Cookie": None}, {"Sec_Fetch_Site": "cross-site"}):
        assert browser.ask("POST", url, {}, **wrong)[0] in (401, 403, 421), wrong
    # A session that ends takes its uploads along.
    s = browser.dial()
    s.sendall(("POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\nCookie: %s\r\nX-Lanyard-Token: %s\r\nContent-Length: 9\r\n\r\nabc"
               % (url, PORT, PORT, browser.cookie, browser.token)).encode())
    until("it has begun", lambda: parts(a), 30)
    a.cli("web", "--revoke")
    nothing_is_left(a)
    assert s.recv(1) == b"" and not os.path.exists(a.file("y"))


@pytest.mark.seconds(240)
def test_a_client_that_takes_its_time_is_cut_off(lab):
    a = started(lab)
    s = Door(a).begin(1 << 20, "slow")
    s.sendall(b"x")
    until("it has begun", lambda: parts(a), 30)
    assert s.recv(1) == b""
    nothing_is_left(a)
    assert os.listdir(a.share) == [".lanyard"]
