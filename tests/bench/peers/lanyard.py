"""lanyard: an agent on each host, static addresses, its own defaults."""
import os
import time

import agents
import netlab
import peers

GROUP = "bench"


class Lanyard(peers.Peer):
    settings = "TLS 1.3, every file synced to disk; defaults, --discovery off --peer"
    faithful = True
    needs = (os.path.join(agents.BUILD, "lanyardd"), os.path.join(agents.BUILD, "lanyard"))
    group_options = ()

    def start(self):
        netlab.form([self.a, self.b], GROUP, options=self.group_options)
        self.settled(900)

    def part(self):
        """Both are members, their shares still empty, and neither runs."""
        netlab.form([self.a, self.b], GROUP)
        for host in (self.b, self.a):
            host.daemon.stop()

    def alone(self, host):
        """It starts and hashes what it has, in sync with nobody: seconds."""
        start = time.monotonic()
        host.daemon.start()
        host.wait_sync(900, peers=0)
        return time.monotonic() - start

    def meet(self):
        """Both run and see each other from now on: seconds from the connection until both say in sync, CPU-s of both."""
        events = [host.events() for host in (self.a, self.b)]
        before = self.processor()
        self.b.mend()
        met = min(e.wait("peer-connected", 90)["time"] for e in events)
        self.settled(900)
        cpu, ends = self.processor() - before, []
        for e in events:
            while e.poll(0.2):
                pass
            ends.append([one for one in e.seen if one["event"] == "in-sync"][-1]["time"])
            e.close()
        return max(ends) - met, cpu

    def processor(self):
        """CPU-s of both agents since they began."""
        ticks = 0
        for host in (self.a, self.b):
            with open("/proc/%d/stat" % host.daemon.pid) as f:
                ticks += sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def settled(self, timeout):
        for host in (self.b, self.a):
            host.wait_sync(timeout, peers=1)

    def gather(self, hosts):
        self.hosts = hosts
        netlab.form(hosts, GROUP)

    def scatter(self, staged):
        os.rename(staged, os.path.join(self.hosts[0].share, os.path.basename(staged)))
        self.moved = os.path.basename(staged)

    def has(self, host):
        return os.path.exists(os.path.join(host.share, self.moved))

    def finish(self):
        netlab.settle(self.hosts, 900)
        for host in self.hosts[2:]:
            host.daemon.finish()

    def check(self):
        for host in (self.a, self.b):
            if not host.daemon.running():
                raise netlab.LabError("lanyardd of %s ended\n%s" % (host.name, host.daemon.tail()))

    def restart(self):
        self.b.daemon.stop()
        # The sender has seen that the receiver is gone, and is quiet.
        self.a.wait_peers(0)
        self.before = self.a.counters()["records_sent"]
        start = time.monotonic()
        self.b.daemon.start(wait=False)
        while self.b.lanyard("wait", "--peers", "1", "--timeout", "60").code != 0:
            self.check()
            if time.monotonic() - start > 120:
                raise netlab.LabError("not in sync 120 s after a restart\n" + self.b.daemon.tail())
            time.sleep(0.002)
        took = time.monotonic() - start
        self.settled(60)
        return took

    def extra(self):
        return {"records_sent": self.a.counters()["records_sent"] - getattr(self, "before", 0)
                + self.b.counters()["records_sent"]}

    def pids(self, host):
        return [host.daemon.pid] if host.daemon.running() else []

    def logs(self):
        return self.a.daemon.tail() + "\n" + self.b.daemon.tail()

    def stop(self):
        for host in (self.a, self.b):
            host.daemon.finish()


class LanyardSealed(Lanyard):
    settings = "as lanyard, in a sealed group"
    only = ("bigfile", "manyfiles", "scattered")
    group_options = ("--sealed",)
