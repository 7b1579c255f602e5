"""One round: a script is played on fresh hosts, then all is mended, and what is found is explained or complained of."""
import contextlib
import signal
import threading
import time

import netlab
from cables import Cables
from ledger import Complaint, Ledger
from netlab import trees
import script as scripts
from reader import Reader
from thing import Ended, NotSettled
from users import Users

SETTLE = 90
LOOK_EVERY = 30  # steps


class Round:
    def __init__(self, lab, kind, script):
        self.script, self.lab = script, lab
        self.hosts = [lab.host("h%d" % i) for i in range(script.hosts)]
        self.thing = kind(self.hosts, script.apart)
        self.ledger = Ledger(self.thing.base)
        self.locks = [threading.Lock() for _ in self.hosts]
        self.cables = Cables(self.hosts, set() if kind.meets_first else script.apart)
        self.users = Users(script.seed, self.hosts, self.ledger, self.locks, self.thing.is_own)
        self.frozen, self.paused, self.aside, self.doubled = set(), set(), [], []
        self.complaints, self.reader, self.numbers, self.version = [], None, {}, None
        self.looks = 0

    def run(self):
        """Play, mend, judge; the complaints are in self.complaints."""
        self.thing.form()
        self.cables.part(self.script.apart)
        self.version = self.thing.version()
        with Reader(self.hosts, self.ledger, self.locks, self.thing.is_own) as self.reader:
            try:
                self.play()
                self.mend()
                self.judge()
            except Ended as e:
                self.complain("ended", None, str(e))
            finally:
                for i in list(self.frozen):
                    self.freeze(i)
        for name, path, size, content, _ in self.reader.torn:
            self.complain("torn", path, "%s showed %d bytes that nobody wrote (%s)" % (name, size, content[:12]))
        try:
            self.thing.close()
        except Ended as e:
            self.complain("ended", None, str(e))

    def complain(self, kind, path, text):
        self.complaints.append(Complaint(kind, path, text))

    # --- blows ---

    def play(self):
        blows = ("kill", "end", "freeze", "pause", "cut", "carrier", "split", "deaf", "heal", *scripts.CHOICES)
        for step in self.script.steps:
            time.sleep(step.wait)
            if step.verb in blows:
                getattr(self, step.verb)(step.host, **step.a)
            elif self.thing.has_users(self.hosts[step.host]):
                self.users.play(step)
            if step.number % LOOK_EVERY == LOOK_EVERY - 1:
                self.look()

    def look(self):
        """In the midst of it, when all run and are joined: if they say that they are in sync, it must be so (P9)."""
        whole = not (self.frozen or self.paused or self.thing.apart or self.cables.blocked or self.cables.unplugged
                     or self.cables.dead)
        if not whole or not all(self.thing.running(h) and self.thing.answers(h) for h in self.hosts):
            return
        if self.thing.claims():
            self.looks += 1
            self.compare("dishonest", "said in sync amid the deeds, at step %d, " % len(self.ledger.story))

    def tell(self, text):
        self.ledger.tell("-- " + text)

    def start(self, i):
        self.tell("start %s" % self.hosts[i].name)
        self.thing.start(self.hosts[i])

    def kill(self, i):
        self.frozen.discard(i)
        if not self.thing.running(self.hosts[i]):
            return self.start(i)
        self.tell("kill -9 %s" % self.hosts[i].name)
        return self.thing.kill(self.hosts[i])

    def end(self, i):
        if not self.thing.running(self.hosts[i]):
            return self.start(i)
        if i in self.frozen:
            self.freeze(i)
        self.tell("stop %s" % self.hosts[i].name)
        return self.thing.stop(self.hosts[i])

    def freeze(self, i):
        if not self.thing.running(self.hosts[i]):
            return
        self.frozen ^= {i}
        self.tell("%s %s" % ("SIGSTOP" if i in self.frozen else "SIGCONT", self.hosts[i].name))
        self.thing.process(self.hosts[i]).send_signal(signal.SIGSTOP if i in self.frozen else signal.SIGCONT)

    def pause(self, i):
        if self.thing.running(self.hosts[i]) and i not in self.frozen:
            self.paused ^= {i}
            self.tell("%s %s" % ("pause" if i in self.paused else "resume", self.hosts[i].name))
            self.thing.pause(self.hosts[i], i in self.paused)

    def cut(self, i):
        self.tell("one %s the cable of %s" % (self.cables.cut(i), self.hosts[i].name))

    def carrier(self, i):
        self.tell("one %s the link of %s" % (self.cables.carrier(i), self.hosts[i].name))

    def split(self, i, side):
        self.tell("%s apart from the others" % [self.hosts[j].name for j in side])
        self.cables.split(side)

    def deaf(self, i, of):
        if i != of:
            self.tell("%s does not hear %s" % (self.hosts[i].name, self.hosts[of].name))
            self.cables.deaf(i, of)

    def heal(self, i):
        self.tell("all cables mended")
        self.cables.heal()

    # --- what is kept where ---

    def choose(self, i, text, *command):
        host = self.hosts[i]
        if self.thing.chooses(host) and self.thing.running(host) and i not in self.frozen:
            self.tell("%s: %s%s" % (host.name, text, "" if self.thing.choose(host, *command) else ", refused"))

    def get(self, i, file):
        self.choose(i, "get %s" % file, "get", file)

    def getdir(self, i, folder):
        self.get(i, folder)

    def drop(self, i, file):
        self.choose(i, "drop %s" % file, "drop", file)

    def dropdir(self, i, folder):
        self.drop(i, folder)

    def mode(self, i):
        self.choose(i, "the other mode", "mode")

    # --- the end ---

    def mend(self):
        self.tell("the end: all runs, all is plugged in")
        self.heal(0)
        for i, host in enumerate(self.hosts):
            if i in self.frozen:
                self.freeze(i)
            if not self.thing.running(host):
                self.start(i)
        for i in list(self.paused):
            netlab.until("%s answers" % self.hosts[i].name, lambda: self.thing.answers(self.hosts[i]), 30)
            self.pause(i)

    def judge(self):
        start = time.monotonic()
        try:
            self.thing.settle(SETTLE)
        except NotSettled as e:
            self.complain("not quiet", None, str(e))
        self.numbers["settled"] = time.monotonic() - start
        self.compare("diverged", "")
        if self.thing.take_all():
            self.tell("all members keep everything from now on")
            try:
                self.thing.settle(SETTLE)
            except NotSettled as e:
                self.complain("not quiet", None, str(e))
            self.compare("diverged", "as mirrors, ")
        pictures = [self.thing.picture(h) for h in self.hosts]
        if self.complaints:
            time.sleep(5)
            self.tell("5 s later the trees are %s" % ("identical" if self.thing.alike() else "still different"))
        self.users.account()
        kept = self.thing.kept()
        together = {}
        for picture in reversed(pictures):
            together.update(picture)
        self.complaints += self.ledger.judge(together, kept, {e.data for p in pictures for e in p.values() if e.data is not None})
        if not self.complaints:
            for text in self.thing.complaints():
                self.complain("dishonest", None, text)
        self.aside = self.ledger.set_aside(together, kept)
        self.doubled = self.ledger.doubled(together)
        self.numbers.update(looks=self.looks, doubled=len(self.doubled), paths=len(self.ledger.latest), crossed=len(self.ledger.crossed))
        self.numbers.update(superfluous=len(self.ledger.superfluous(together)), aside=len(self.aside),
                            copies=sum(self.thing.base(p) != p for p in together), contents=len(self.ledger.owed),
                            operations=self.users.done, samples=self.reader.samples,
                            blows=sum(text.startswith("-- ") for _, text, _, _ in self.ledger.story))

    def compare(self, kind, text):
        pictures = [self.thing.picture(h) for h in self.hosts]
        for host, other in zip(self.hosts[1:], pictures[1:]):
            for said in trees.differences(self.thing.kept_of(host, pictures[0], other), other):
                self.complain(kind, said.split("'")[1] if "'" in said else None,
                              "%s%s and %s: %s" % (text, self.hosts[0].name, host.name, said))

    def report(self):
        """Every complaint with the story of its path: who did what, what each member holds and says."""
        out = []
        for c in self.complaints[:8]:
            out.append("%s: %s: %s\n%s" % (c.kind, c.path, c.text, self.ledger.story_of(c)))
            if c.path:
                out += ["  now at %s: %s" % (h.name, self._holds(h, c.path)) for h in self.hosts]
        if len(self.complaints) > 8:
            out.append("and %d more" % (len(self.complaints) - 8))
        words = [c.path for c in self.complaints if c.path]
        out += [self.thing.tail(h, words + ["error", "warning"] if words else ()) for h in self.hosts]
        return "\n".join(out)

    def notes(self):
        """No complaints, but worth a look: contents that are in versions alone though no user took them away, and contents
        that were put once and stand at several paths."""
        return "\n".join("doubled: %s: %s at %s\n%s" % (p, c[:12], where, self.ledger.story_of(
            Complaint("doubled", p, c[:12]))) for c, p, where in self.doubled) + "\n".join("aside: %s: %s\n%s" % (p, c[:12], self.ledger.story_of(Complaint("aside", p, c[:12])))
                         for c, p in self.aside)

    def _holds(self, host, path):
        base = self.thing.base(path)
        with contextlib.suppress(OSError):
            return {p: (e.kind, "%o" % (e.mode or 0), e.mtime, str(e.data)[:12]) for p, e in self.thing.picture(host).items()
                    if self.thing.base(p) == base}
        return "unreadable"


def play(kind, script, keep=None):
    """One whole round in a lab of its own; keep(round) is called before the lab is gone."""
    with netlab.Lab() as lab:
        one = Round(lab, kind, script)
        try:
            one.run()
        finally:
            if keep:
                keep(one)
    return one
