"""A lanyard agent on a host of the lab: its daemon, its command line, its stream of events.

Everything here goes by the command-line contract and the API; nothing looks into the agent's own files.
"""
import collections
import json
import os
import re
import select
import signal
import subprocess
import time

import control
import trees
from namespaces import FACTOR, PATIENCE, ROOT, Host, LabError, until

PORT = 4170
BUILD = os.path.abspath(os.environ.get("LANYARD_BUILD", os.path.join(ROOT, "build")))
SANITIZER = re.compile(rb"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:)")
LOG_TAIL = 60

Result = collections.namedtuple("Result", "code out err")


def name_bytes(text):
    """The bytes of a name as the agent's JSON writes it: valid UTF-8 as it is, other bytes \\xNN, backslash doubled."""
    out, i = bytearray(), 0
    while i < len(text):
        if text[i] == "\\":
            if text[i + 1] == "\\":
                out += b"\\"
                i += 2
                continue
            if text[i + 1] != "x":
                raise ValueError("not an escaped name: %r" % text)
            out.append(int(text[i + 2:i + 4], 16))
            i += 4
            continue
        out += text[i].encode()
        i += 1
    return bytes(out)


def name_text(name):
    """The reverse of name_bytes, as the agent writes names."""
    return name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


class AgentHost(Host):
    """A host with one agent: self.home, self.share, self.daemon, self.cli()."""

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.home, self.share = self.path("home"), self.path("share")
        os.makedirs(self.share)
        self.port = PORT
        self.daemon = Daemon(self)

    @property
    def address(self):
        return "%s:%d" % (self.ip, self.port)

    # --- command line ---

    def lanyard(self, *args, timeout=60, wrap=(), env=None, home=None, mistyped=False):
        """Run `lanyard --home HOME ARGS` here and return a Result, whatever the exit code; of a command that there is,
        unless it is mistyped on purpose."""
        cmd = list(wrap) + [os.path.join(BUILD, "lanyard"), "--home", home or self.home] + list(args)
        got = self.run(*cmd, check=False, timeout=timeout * FACTOR, env=clean_env(self, env))
        unknown = b"unknown command" in got.stderr and not mistyped
        if SANITIZER.search(got.stderr) or got.returncode < 0 or unknown:
            raise LabError("lanyard %s: exit %d\n%s" % (args, got.returncode, got.stderr.decode(errors="replace")))
        return Result(got.returncode, got.stdout, got.stderr.decode(errors="replace"))

    def cli(self, *args, timeout=60):
        """Run a command with --json, insist on exit 0, return the document (None when nothing was printed)."""
        route = control.route(args)
        document = self.ask(route) if route else None
        if document is not None:
            return document
        got = self.lanyard("--json", *args, timeout=timeout)
        if got.code != 0:
            raise LabError("%s: lanyard %s: exit %d: %s" % (self.name, list(args), got.code, got.err))
        return json.loads(got.out) if got.out.strip() else None

    def ask(self, route, timeout=10):
        """The answer of the agent's socket; None where it refuses, or none is there."""
        # As the host sees the path: a test may have mounted something there.
        path = "/proc/%d/root%s/control.sock" % (self.pid, self.home)
        return control.ask(path, route, timeout * FACTOR)

    def invite(self, group, *options):
        got = self.lanyard("invite", group, *options)
        if got.code != 0:
            raise LabError("%s: invite %s: exit %d: %s" % (self.name, group, got.code, got.err))
        return got.out.decode().strip()

    def wait_sync(self, timeout=30, peers=None, group=None):
        """As `lanyard wait`: return once the agent says in sync, raise when it does not within timeout."""
        timeout = max(timeout, PATIENCE)
        said = self.ask(control.wait_route(group, timeout * FACTOR, peers), timeout + 15)
        if said is not None and said["in_sync"]:
            return
        args = ["wait"] + ([group] if group else []) + ["--timeout", "%d" % (timeout * FACTOR)]
        args += ["--peers", str(peers)] if peers is not None else []
        got = self.lanyard(*args, timeout=timeout + 15)
        if got.code != 0:
            raise LabError("%s is not in sync: wait: exit %d: %s\n%s" % (
                self.name, got.code, got.err, json.dumps(self.cli("status"), indent=1)))

    def status(self, group=None):
        """The status of one group (by default the only one)."""
        groups = self.cli("status")["groups"]
        found = [g for g in groups if group in (None, g["group"], g["id"])]
        if len(found) != 1:
            raise LabError("%s: %d groups in status: %s" % (self.name, len(found), groups))
        return found[0]

    def counters(self, group=None):
        return self.status(group)["counters"]

    def agent_id(self):
        return self.cli("status")["agent"]

    def peers(self):
        """{agent ID: peer} of the connections there are now."""
        return {p["agent"]: p for p in self.cli("peers")["peers"]}

    def wait_peers(self, number, timeout=20):
        """Wait until exactly number peers are connected."""
        until(lambda: "%s has %d peers, not %d" % (self.name, len(self.peers()), number),
              lambda: len(self.peers()) == number, timeout, every=0.05)

    def problems(self, group=None):
        """{path as bytes: reason} of what cannot sync."""
        return {name_bytes(p["path"]): p["reason"] for p in self.status(group)["problems"]}

    def files(self, group):
        """{path as bytes: file} as `lanyard files` lists them."""
        return {name_bytes(f["path"]): f for f in self.cli("files", group)["files"]}

    def events(self, history=False):
        """The stream of events from now on; with history, also those the agent still remembers."""
        return Events(self, history)

    def read(self, *parts):
        with open(os.path.join(os.fsencode(self.share), *map(os.fsencode, parts)), "rb") as f:
            return f.read()

    def log(self):
        return self.daemon.log()

    def file(self, name):
        return os.path.join(os.fsencode(self.share), os.fsencode(name))


def form(hosts, group="pics", discovery="off", options=(), flags=(), timeout=30):
    """Start agents on hosts, found a group on the first, let the others in by one invite, wait until all are connected.

    With discovery "off" each is told every other's address, which is quickest.
    """
    for host in hosts:
        host.daemon.start(*start_flags(host, hosts, discovery), *flags)
    first, *others = hosts
    first.cli("create", group, "--share", first.share, *options)
    if others:
        token = first.invite(group)
        for host in others:
            host.cli("join", "--invite", token, "--share", host.share)
    for host in hosts:
        host.wait_peers(len(hosts) - 1)
        host.wait_sync(timeout)


def start_flags(host, hosts, discovery):
    flags = ["--discovery", discovery]
    if discovery == "off":
        for other in hosts:
            flags += ["--peer", other.address] if other is not host else []
    return flags


def settle(hosts, timeout=30, peers=None):
    """Wait until every host is in sync with all others (peers: a number for each host) and insist that all trees are identical.

    The first in hosts is the one that changed.  A second round covers what went through a third host.
    """
    for _ in range(1 if len(hosts) < 3 else 2):
        for i, host in enumerate(hosts):
            host.wait_sync(timeout, peers=peers[i] if peers else len(hosts) - 1)
    pictures = [trees.picture(host.share) for host in hosts]
    for host, other in zip(hosts[1:], pictures[1:]):
        said = trees.differences(pictures[0], other)
        if said:
            raise LabError("%s and %s say in sync and differ:\n%s" % (hosts[0].name, host.name, "\n".join(said)))
    return pictures[0]


def in_sync(lab, files):
    """Two hosts in one group that have these files."""
    hosts = [lab.host("a"), lab.host("b")]
    trees.write(hosts[0].share, files)
    form(hosts)
    settle(hosts)
    return hosts


def apart(a, b, on_a, on_b):
    """Let both change while they do not see each other, then together; return the tree they agree on."""
    b.daemon.stop()
    on_a()
    on_b()
    a.wait_sync()
    b.daemon.start()
    b.wait_peers(1)
    return settle([a, b])


def clean_env(host, more=None):
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
    keep.update({"HOME": host.dir, "LC_ALL": "C.UTF-8", "TERM": "dumb", "TZ": "UTC"})
    keep.update(more or {})
    return keep


class Daemon:
    """lanyardd in the foreground; its log is kept over restarts and looked through for sanitizer reports at the end."""

    def __init__(self, host):
        self.host, self.proc, self.args = host, None, ()
        self.log_path = host.path("lanyardd.log")

    def start(self, *args, wrap=(), env=None, wait=True):
        """Start with the given flags (the last ones again when none are given) and return once the agent answers."""
        if self.running():
            raise LabError("the agent of %s runs already" % self.host.name)
        self.args = args or self.args
        cmd = list(wrap) + [os.path.join(BUILD, "lanyardd"), "--home", self.host.home]
        if "--listen" not in self.args:
            cmd += ["--listen", str(self.host.port)]
        with open(self.log_path, "ab") as log:
            self.proc = self.host.popen(*cmd, *self.args, stdout=log, stderr=log, env=clean_env(self.host, env))
        if wait:
            until(lambda: "the agent of %s answers\n%s" % (self.host.name, self.tail()), self._answers, 20)
        return self

    def _answers(self):
        if self.proc.poll() is not None:
            raise LabError("lanyardd of %s ended with %d\n%s" % (self.host.name, self.proc.returncode, self.tail()))
        return self.host.ask("/v1/status") is not None

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    @property
    def pid(self):
        return self.proc.pid

    def stop(self, timeout=15):
        """SIGTERM; the exit must be clean and in time."""
        if not self.running():
            raise LabError("lanyardd of %s was not running\n%s" % (self.host.name, self.tail()))
        self.proc.send_signal(signal.SIGCONT)
        self.proc.send_signal(signal.SIGTERM)
        try:
            code = self.proc.wait(timeout * FACTOR)
        except subprocess.TimeoutExpired:
            raise LabError("lanyardd of %s did not stop on SIGTERM\n%s" % (self.host.name, self.tail()))
        if code != 0:
            raise LabError("lanyardd of %s stopped with %d\n%s" % (self.host.name, code, self.tail()))

    def kill9(self):
        self.proc.kill()
        self.proc.wait()

    def pause(self):
        """SIGSTOP: the process is there and answers nothing."""
        self.proc.send_signal(signal.SIGSTOP)
        until("%s is stopped" % self.host.name, lambda: self._state() == "T")

    def resume(self):
        self.proc.send_signal(signal.SIGCONT)

    def _state(self):
        with open("/proc/%d/stat" % self.pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]

    def reload(self):
        self.proc.send_signal(signal.SIGHUP)

    def rss(self):
        """Resident memory in bytes now, and the most there was."""
        with open("/proc/%d/status" % self.pid) as f:
            text = f.read()
        return tuple(int(re.search(r"Vm%s:\s+(\d+)" % w, text).group(1)) << 10 for w in ("RSS", "HWM"))

    def log(self):
        try:
            with open(self.log_path, "rb") as f:
                return f.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def tail(self, lines=LOG_TAIL):
        return "--- log of %s ---\n%s" % (self.host.name, "\n".join(self.log().splitlines()[-lines:]))

    def finish(self):
        """At the end of a test: stop cleanly when running, and raise on anything a sanitizer had to say."""
        try:
            if self.running():
                self.stop()
            elif self.proc is not None and self.proc.returncode not in (0, -signal.SIGKILL):
                raise LabError("lanyardd of %s ended with %d\n%s" % (self.host.name, self.proc.returncode, self.tail()))
        finally:
            if os.path.exists(self.log_path):
                with open(self.log_path, "rb") as f:
                    report = SANITIZER.search(f.read())
                if report:
                    raise LabError("a sanitizer spoke on %s\n%s" % (self.host.name, self.tail(200)))


class Events:
    """`lanyard --json events --follow`, read as it comes; wait() blocks for one that matches."""

    def __init__(self, host, history=False):
        self.host, self.seen, self.buffer = host, [], b""
        past = [] if history else host.lanyard("--json", "events").out.splitlines()
        self.after = json.loads(past[-1])["number"] if past else 0
        cmd = [os.path.join(BUILD, "lanyard"), "--home", host.home, "--json", "events", "--follow"]
        self.proc = host.popen(*cmd, stdout=subprocess.PIPE, env=clean_env(host))
        os.set_blocking(self.proc.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()

    def poll(self, timeout=0.0):
        """Read what there is, waiting at most timeout seconds for something; return the new events."""
        fd = self.proc.stdout.fileno()
        ready, _, _ = select.select([fd], [], [], timeout)
        if not ready:
            return []
        data = os.read(fd, 1 << 16)
        if not data:
            raise LabError("the event stream of %s ended (exit %s)" % (self.host.name, self.proc.wait(5)))
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        new = [event for event in map(json.loads, lines) if event["number"] > self.after]
        self.seen += new
        return new

    def wait(self, event, timeout=PATIENCE, start=0, **match):
        """The first event of this kind, at or after seen[start], whose fields equal those given; path may be bytes."""
        end, at = time.monotonic() + max(timeout, PATIENCE) * FACTOR, start
        while True:
            for one in self.seen[at:]:
                if one["event"] == event and all(_same(one.get(k), v) for k, v in match.items()):
                    return one
            at = len(self.seen)
            left = end - time.monotonic()
            if left <= 0:
                raise LabError("%s: no event %s %s; seen: %s" % (
                    self.host.name, event, match, [(e["event"], e.get("path")) for e in self.seen[-30:]]))
            self.poll(left)


def _same(value, wanted):
    if isinstance(wanted, bytes):
        return value is not None and name_bytes(value) == wanted
    return value == wanted
