"""Where an attack takes place: a victim and an honest member in one group, and a host for the attacker."""
import netlab
from foe import Foe, Papers
from meter import Limits, Meter

GROUP = "pics"


class Scene:
    """victim (the owner) and honest in one group, in sync; foe is the attacker's host, with no agent of ours on it."""

    def __init__(self, lab, files=None):
        self.lab, self.foes = lab, []
        self.victim, self.honest, self.foe = lab.host("victim"), lab.host("honest"), lab.host("foe")
        netlab.trees.write(self.victim.share, files or {"hello": b"world"})
        netlab.form([self.victim, self.honest], GROUP)
        netlab.settle([self.victim, self.honest])

    def stranger(self, key=None, source=None):
        """Connected, with a key that nobody knows."""
        return self.keep(Foe(self.foe, self.victim, key, source))

    def papers(self, victim=None, key=None, role="member"):
        """A membership, by an invite of the owner's."""
        return Papers(self.foe, victim or self.victim, self.victim.invite(GROUP, "--role", role), key)

    def member(self, papers=None, **hello):
        """Connected and up, as a member."""
        return self.keep((papers or self.papers()).connect(**hello))

    def keep(self, foe):
        self.foes.append(foe)
        return foe

    def addresses(self, number):
        """That many further addresses of the attacker's host, to come from."""
        nic = self.foe.nics[0]
        found = ["10.77.%d.%d" % (nic.switch.index, 100 + i) for i in range(number)]
        for ip in found:
            self.foe.run("ip", "addr", "add", ip + "/24", "dev", nic.dev)
        return found

    def attacked(self, what, **limits):
        """The block in which an attack runs; see meter.py."""
        return Meter(self.victim, self.honest, what, Limits(**limits))

    def close(self):
        for foe in self.foes:
            foe.close()
