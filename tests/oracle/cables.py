"""Cables between hosts on one switch: pulled, blocked one way, the set of hosts split, mended.

Who hears whom is a rule in the bridge itself, by hardware addresses, so no address family gets round it.
"""
import itertools


def mac(host):
    return "02:4c:59:%02x:00:%02x" % (host.nics[0].switch.index, host.index + 1)


class Cables:
    def __init__(self, hosts, apart):
        """apart: pairs of indices that are never joined."""
        self.hosts, self.switch, self.apart = hosts, hosts[0].nics[0].switch, apart
        self.blocked, self.unplugged, self.dead = set(), set(), set()
        self.rule()

    def part(self, apart):
        """From now on these are never joined."""
        self.apart = apart
        self.rule()

    def rule(self):
        """Rewrite the table of who does not hear whom."""
        never = self.apart | {(j, i) for i, j in self.apart}
        drops = "".join("ether saddr %s ether daddr %s drop;\n" % (mac(self.hosts[i]), mac(self.hosts[j]))
                        for i, j in sorted(self.blocked | never))
        table = ("table bridge oracle {}\ndelete table bridge oracle\ntable bridge oracle {\nchain f {\n"
                 "type filter hook forward priority 0;\n%s}\n}\n" % drops)
        self.hosts[0].lab.check(self.switch.prefix() + ["nft", "-f", "-"], stdin=None, input=table.encode())

    def cut(self, i):
        """Silence: pulled beyond the switch, or plugged in again."""
        self.unplugged ^= {i}
        (self.hosts[i].cut if i in self.unplugged else self.hosts[i].mend)()
        return "pulls" if i in self.unplugged else "plugs in"

    def carrier(self, i):
        """The link light goes out, or comes back."""
        self.dead ^= {i}
        (self.hosts[i].link_down if i in self.dead else self.hosts[i].link_up)()
        return "unlights" if i in self.dead else "lights"

    def split(self, side):
        """The hosts in side and the others do not hear each other; what was blocked before is not any more."""
        self.blocked = {(i, j) for i, j in itertools.permutations(range(len(self.hosts)), 2) if (i in side) != (j in side)}
        self.rule()

    def deaf(self, i, of):
        """Host i does not hear the host `of`, which hears it."""
        self.blocked |= {(of, i)}
        self.rule()

    def heal(self):
        self.blocked = set()
        self.rule()
        for i in list(self.unplugged):
            self.cut(i)
        for i in list(self.dead):
            self.carrier(i)
