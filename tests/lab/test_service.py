"""What a service manager gets from lanyardd: the notify protocol, folders, and an end that says why."""
import os
import socket
import time

import netlab
import trees


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, host, watchdog_s=None):
        self.path = host.path("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.env = {"NOTIFY_SOCKET": self.path}
        if watchdog_s:
            self.env["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        self.told = []

    def wait(self, text, timeout=15):
        """Until a message has come that holds text; messages before it are kept in self.told."""
        end = time.monotonic() + timeout * netlab.FACTOR
        while time.monotonic() < end:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                message = self.socket.recv(4096).decode()
            except socket.timeout:
                break
            self.told.append(message)
            if text in message:
                return message
        raise netlab.LabError("the manager was never told %r, only %r" % (text, self.told))


def test_a_manager_is_told_ready_status_reloading_and_stopping(lab):
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    trees.write(a.share, {"d/%03d" % i: b"x" * 100 for i in range(20)})
    manager = Manager(b, watchdog_s=2)
    b.daemon.start("--discovery", "off", "--peer", a.address, env=manager.env)
    manager.wait("READY=1")
    assert "STATUS=not in a group yet: lanyard create, or lanyard join" in manager.told
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    manager.wait("STATUS=1 peer, in sync")
    manager.wait("WATCHDOG=1")
    b.daemon.reload()
    manager.wait("RELOADING=1\nMONOTONIC_USEC=")
    manager.wait("READY=1")
    b.daemon.stop()
    manager.wait("STOPPING=1")


def test_a_stopped_loop_does_not_pat_the_watchdog(lab):
    a = lab.host("a")
    manager = Manager(a, watchdog_s=1)
    a.daemon.start("--discovery", "off", env=manager.env)
    manager.wait("WATCHDOG=1")
    a.daemon.pause()
    manager.socket.settimeout(0.01)
    try:
        while True:
            manager.socket.recv(4096)
    except socket.timeout:
        pass
    manager.socket.settimeout(2)
    try:
        assert not manager.socket.recv(4096)
    except socket.timeout:
        pass
    a.daemon.resume()
    manager.wait("WATCHDOG=1")


def test_the_control_socket_is_in_the_runtime_folder_and_found_by_the_home(lab):
    a = lab.host("a")
    run = a.path("run")
    os.mkdir(run, 0o700)
    a.daemon.start("--discovery", "off", env={"RUNTIME_DIRECTORY": run})
    assert os.path.exists(os.path.join(run, "control.sock"))
    assert os.readlink(os.path.join(a.home, "control.sock")) == os.path.join(run, "control.sock")
    assert a.cli("status")["groups"] == []
    a.daemon.kill9()
    assert a.lanyard("status").code == 3
    # A link that was left behind is in nobody's way, with a manager or without.
    a.daemon.start("--discovery", "off", env={"RUNTIME_DIRECTORY": run})
    a.daemon.stop()
    assert not os.path.exists(os.path.join(run, "control.sock"))
    a.daemon.start("--discovery", "off")
    assert not os.path.islink(os.path.join(a.home, "control.sock")) and a.lanyard("status").code == 0


class Journal:
    """journald's end of its native protocol, on a host."""

    def __init__(self, host):
        path = "/proc/%d/root/run/systemd/journal" % host.pid
        os.makedirs(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path + "/socket")
        # The sender knows that its stderr is the journal by device and inode.
        with open(host.daemon.log_path, "ab") as f:
            st = os.fstat(f.fileno())
        self.env = {"JOURNAL_STREAM": "%d:%d" % (st.st_dev, st.st_ino)}

    def entry(self, timeout=15, **fields):
        """The next entry that has these fields, with what they begin with."""
        self.socket.settimeout(timeout * netlab.FACTOR)
        while True:
            data, entry = self.socket.recv(1 << 18), {}
            while data:
                name, data = data.split(b"\n", 1)
                n = int.from_bytes(data[:8], "little")
                entry[name.decode()], data = data[8:8 + n].decode(), data[8 + n + 1:]
            if all(entry.get(k, "").startswith(v) for k, v in fields.items()):
                return entry


def test_what_the_journal_gets_says_which_group_peer_and_file(lab):
    a, b = lab.host("a"), lab.host("b")
    journal = Journal(b)
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    b.daemon.start("--discovery", "off", "--peer", a.address, env=journal.env)
    b.cli("join", "--invite", a.invite("pics"), "--share", b.share)
    entry = journal.entry(MESSAGE="group pics: connected to ")
    assert entry["GROUP"] == "pics" and entry["PEER"] == a.agent_id() and entry["PRIORITY"] == "6"
    assert "FILE" not in entry
    os.mkfifo(b.file("pi\xe9pe"))
    entry = journal.entry(MESSAGE="pi\xe9pe: not synced: ")
    assert entry["GROUP"] == "pics" and entry["FILE"] == "pi\xe9pe" and entry["PRIORITY"] == "4"
    assert "PEER" not in entry
    assert b.log() == ""


def test_no_core_dump_can_hold_the_key(lab):
    a = lab.host("a")
    a.daemon.start("--discovery", "off")
    with open("/proc/%d/limits" % a.daemon.pid) as f:
        core = [line.split() for line in f if line.startswith("Max core file size")][0]
    assert core[4:6] == ["0", "0"], core
    with open("/proc/%d/status" % a.daemon.pid) as f:
        assert "NoNewPrivs:\t1" in f.read()
