"""What the oracle drives: one folder kept identical by the same program on several hosts.  Here is the interface, and lanyard.

A thing is asked for what any such program has: start, stop, kill, pause; is it in sync, and what does it say of itself; which
names are its own, what its conflict copies and its versions are called.
"""
import contextlib
import json
import os
import re
import signal
import time

import netlab
from netlab import trees

GROUP = "oracle"
PING_BYTES = 700  # a second, for one agent: pings and their acknowledgements
COPY = re.compile(r"\.conflict-\d{8}-\d{6}-[a-z2-7]{1,8}(-\d+)?")


class NotSettled(Exception):
    """It does not say that it is in sync."""


class Ended(Exception):
    """A process ended by itself, or not as it should."""


class Thing:
    name = ""
    exact = True  # symlinks' times are kept as well
    meets_first = False  # those that are apart are so only once it is formed

    def __init__(self, hosts, apart):
        """apart: pairs of indices that never talk directly."""
        self.hosts, self.apart = hosts, apart

    def peers_of(self, host):
        i = self.hosts.index(host)
        return [h for j, h in enumerate(self.hosts) if j != i and (min(i, j), max(i, j)) not in self.apart]

    def version(self):
        raise NotImplementedError

    def form(self):
        """Start everywhere, with one empty folder in common; return when all are connected."""

    def running(self, host):
        """Whether it should be running; raises Ended when it ended by itself."""

    def process(self, host):
        """The Popen object."""

    def start(self, host):
        """Start without waiting until it answers."""

    def stop(self, host):
        """A clean end."""

    def kill(self, host):
        """kill -9."""

    def answers(self, host):
        """Whether it can be asked by now."""

    def pause(self, host, on):
        """Pause or resume; nothing when it does not answer in time."""

    def settle(self, seconds):
        """Wait until every one says that it is in sync; raise NotSettled with what they say."""

    def claims(self):
        """Whether all say, now and one after another, that they are in sync with all others; None: it cannot be asked so."""

    def complaints(self):
        """What each says is wrong although it is in sync: [text]."""
        return []

    def is_own(self, path):
        raise NotImplementedError

    def base(self, path):
        """The path whose conflict copy this is, or the path."""
        raise NotImplementedError

    def versions(self, host):
        """Folders in which replaced and deleted files are kept."""
        return []

    def has_users(self, host):
        """Whether it has plain files, which users change."""
        return True

    def chooses(self, host):
        """Whether this one keeps only what its user chose."""
        return False

    def choose(self, host, verb, *paths):
        """Get or drop paths, or change between the modes; whether that was done."""
        raise NotImplementedError

    def take_all(self):
        """From now on all keep everything; whether that is a change."""
        return False

    def kept_of(self, host, whole, found):
        """What of the whole tree the host has to have, which has `found`."""
        return whole

    def tail(self, host, words=()):
        """Log lines, with words those that have one of them."""
        return ""

    def close(self):
        """End all of them; raise Ended on what only the end shows."""

    # --- the same for all ---

    def picture(self, host):
        while True:
            # A file that disappears while one looks is looked for again.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found = {os.fsdecode(p): e for p, e in trees.picture(host.share).items()}
                break
        found = {p: e for p, e in found.items() if not self.is_own(p)}
        for path, e in found.items():
            if e.kind == "symlink":
                found[path] = e._replace(data="link:" + os.fsdecode(e.data), mtime=e.mtime if self.exact else None)
        return found

    def alike(self):
        pictures = [self.picture(h) for h in self.hosts if self.has_users(h)]
        return all(p == pictures[0] for p in pictures)

    def kept(self):
        """Contents among the versions of all members."""
        found = set()
        for host in self.hosts:
            for folder in self.versions(host):
                for at, folders, names in os.walk(folder):
                    for name in names + [n for n in folders if os.path.islink(os.path.join(at, n))]:
                        path = os.path.join(at, name)
                        found.add("link:" + os.readlink(path) if os.path.islink(path) else trees.digest(path))
        return found


class Lanyard(Thing):
    name = "lanyard"

    def version(self):
        return self.hosts[0].lanyard("version").out.decode().split()[-1]

    def form(self):
        for host in self.hosts:
            flags = ["--discovery", "off", "--log-level", "debug"]
            for other in self.peers_of(host):
                flags += ["--peer", other.address]
            host.daemon.start(*flags)
        first, *others = self.hosts
        first.cli("create", GROUP, "--share", first.share)
        token = first.invite(GROUP)
        for host in others:
            host.cli("join", "--invite", token, "--share", host.share)
        self.settle(60)

    def running(self, host):
        daemon = host.daemon
        if daemon.proc.poll() not in (None, 0, -signal.SIGKILL, -signal.SIGTERM):
            raise Ended("lanyardd of %s ended with %d\n%s" % (host.name, daemon.proc.returncode, daemon.tail()))
        return daemon.running()

    def process(self, host):
        return host.daemon.proc

    def start(self, host):
        host.daemon.start(wait=False)

    def stop(self, host):
        try:
            host.daemon.stop()
        except netlab.LabError as e:
            # One that was started a moment before may not have taken the signal over yet.
            if host.daemon.proc.returncode != -signal.SIGTERM:
                raise Ended(str(e)) from e

    def kill(self, host):
        host.daemon.kill9()

    def answers(self, host):
        return host.lanyard("--json", "status").code == 0

    def pause(self, host, on):
        # One that has just been started may not answer yet; then it goes on as it is.
        host.lanyard("pause" if on else "resume", GROUP)

    def settle(self, seconds):
        end = time.monotonic() + seconds * netlab.FACTOR
        for host in self.hosts:
            netlab.until("%s answers" % host.name, lambda: self.answers(host), 30)
        while True:
            said = self._all_wait(5)
            # A member hears only of those it is connected to: what comes through others may come after it said so.
            if (not said and (not self.apart or self.alike())) or time.monotonic() > end:
                break
        if said:
            raise NotSettled(said)

    def _all_wait(self, seconds):
        """A second round covers what went through a third host.  What a burst of deletions held is let go, as users would."""
        for _ in range(2):
            for host in self.hosts:
                if host.status()["held"]:
                    host.cli("release", GROUP)
            for host in self.hosts:
                if self._wait(host, seconds).code != 0:
                    return "\n".join("%s: %s" % (h.name, json.dumps(h.cli("status"), indent=1)) for h in self.hosts)
        return None

    def claims(self):
        return all(self._wait(host, 5).code == 0 for _ in range(2) for host in self.hosts)

    def _wait(self, host, seconds):
        return host.lanyard("wait", GROUP, "--peers", str(len(self.peers_of(host))), "--timeout", "%d" % seconds,
                            timeout=seconds + 15)

    def complaints(self):
        said = []
        for host in self.hosts:
            status = host.status()
            if not status["in_sync"] or status["problems"] or status["pending"] or status["wanted"] or status["held"]:
                said.append("%s said it is in sync, and its status is %s" % (host.name, status))
        noise = self._noise(3.0)
        # A connection that took another's place just now may still be saying hello.
        return said + (noise and self._noise(3.0))

    def _noise(self, seconds):
        """What goes over the wire when all is in sync (P3)."""
        before, wire = [h.counters() for h in self.hosts], [h.tx() for h in self.hosts]
        time.sleep(seconds)
        said = []
        for host, was, sent in zip(self.hosts, before, wire):
            now = host.counters()
            more = {k: now[k] - was[k] for k in was if now[k] != was[k]}
            if more or host.tx() - sent > PING_BYTES * len(self.hosts) * seconds:
                said.append("%s is not silent: %s, %d bytes in %g s" % (host.name, more, host.tx() - sent, seconds))
        return said

    def is_own(self, path):
        return path == ".lanyard" or path.startswith(".lanyard/")

    def base(self, path):
        return COPY.sub("", path)

    def versions(self, host):
        return [os.path.join(host.share, ".lanyard", "versions")]

    def tail(self, host, words=()):
        lines = [line for line in host.log().splitlines() if not words or any(w in line for w in words)]
        return "--- log of %s ---\n%s" % (host.name, "\n".join(lines[-60:]))

    def close(self):
        said = []
        for host in self.hosts:
            with contextlib.suppress(ProcessLookupError):
                try:
                    host.daemon.finish()
                except netlab.LabError as e:
                    said.append(str(e))
        if said:
            raise Ended("\n".join(said))


class OnDemand(Lanyard):
    """lanyard; the last two members keep only what they chose.  The first one is a mirror."""

    def __init__(self, hosts, apart):
        super().__init__(hosts, apart)
        self.choosers = hosts[-2:]

    def form(self):
        super().form()
        for host in self.choosers:
            host.cli("mode", GROUP, "on-demand")
        self.settle(60)

    def chooses(self, host):
        return host in self.choosers

    def choose(self, host, verb, *paths):
        # Where the agent has just been killed or started it may not answer; nothing is chosen then.
        if not self.answers(host):
            return False
        if verb == "mode":
            paths = ["mirror" if self._on_demand(host) else "on-demand"]
        return host.lanyard(verb, GROUP, *paths, *(["--timeout", "0"] if verb == "get" else [])).code == 0

    @staticmethod
    def _on_demand(host):
        return host.status()["mode"] == "on-demand"

    def take_all(self):
        for host in self.choosers:
            host.cli("mode", GROUP, "mirror")
        return True

    def kept_of(self, host, whole, found):
        if host not in self.choosers or not self._on_demand(host):
            return whole
        listed = {os.fsdecode(p): f for p, f in host.files(GROUP).items()}
        return {p: e for p, e in whole.items() if p in found or p not in listed or listed[p]["wanted"]}


class Sealed(Lanyard):
    """lanyard, in a sealed group whose last host is a vault.  Members that are apart meet through it alone."""

    meets_first = True

    def has_users(self, host):
        return host is not self.hosts[-1]

    def form(self):
        for host in self.hosts:
            host.daemon.start(*netlab.start_flags(host, self.hosts, "off"), "--log-level", "debug")
        first, *others, vault = self.hosts
        first.cli("create", GROUP, "--share", first.share, "--sealed")
        token = first.invite(GROUP)
        for host in others:
            host.cli("join", "--invite", token, "--share", host.share)
        vault.cli("join", "--invite", first.invite(GROUP, "--role", "vault"), "--share", vault.share)
        for host in self.hosts:
            host.wait_peers(len(self.hosts) - 1, 60)
        self.settle(60)

    def kept_of(self, host, whole, found):
        return whole if self.has_users(host) else found
