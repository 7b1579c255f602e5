"""What a member says of others' addresses: it is tried, a few at a time, and troubles nobody."""
import base64
import socket
import threading
import time

import netlab
import wire
from foe import inside


class Door:
    """Counts who comes to an address, and answers like something that is not lanyard."""

    def __init__(self, host, ip):
        with inside(host):
            self.socket = socket.create_server((ip, 0), backlog=64)
        self.port, self.calls = self.socket.getsockname()[1], 0
        self.thread = threading.Thread(target=self._answer, daemon=True)
        self.thread.start()

    def _answer(self):
        while True:
            try:
                caller, _ = self.socket.accept()
            except OSError:
                return
            self.calls += 1
            caller.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            caller.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def id_of(host):
    """The 32 bytes behind an agent ID's text."""
    digits = host.agent_id().replace("-", "").upper()
    return base64.b32decode(digits + "=" * (-len(digits) % 8))


def test_a_member_is_told_to_be_at_others_doors(scene):
    absent = scene.papers()                       # a member that is not there
    scene.member(absent).close()
    foe = scene.member()
    own, third = Door(scene.victim, "127.0.0.1"), Door(scene.foe, scene.foe.ip)
    entries = [(absent.key.id, "127.0.0.1", own.port), (absent.key.id, scene.foe.ip, third.port)]
    entries += [(absent.key.id, "::ffff:127.0.0.1", own.port), (absent.key.id, "224.0.0.251", 5353),
                (absent.key.id, "0.0.0.0", own.port), (absent.key.id, "fe80::1", 4170)]
    with scene.attacked("a member told to be at others' doors"):
        for _ in range(40):
            foe.say(wire.addresses(foe.channel, entries))
            time.sleep(0.2)
    assert own.calls == 0
    assert 1 <= third.calls <= 3
    own.close()
    third.close()


def test_members_are_told_at_thousands_of_dead_addresses(scene):
    """The honest member is among those who are said to be where nobody is; it comes back, to a victim that knows where it was."""
    foe = scene.member()
    honest, name = id_of(scene.honest), scene.honest.agent_id()
    lists = [[(honest, "10.77.%d.%d" % (100 + i, 1 + k), 4170) for k in range(250)] for i in range(20)]
    with scene.attacked("5,000 dead addresses of a member", drop=15):
        scene.honest.daemon.kill9()
        netlab.until("it is gone", lambda: name not in scene.victim.peers(), 20)
        for entries in lists:
            foe.say(wire.addresses(foe.channel, entries))
        scene.honest.daemon.start("--discovery", "off")
        # By any of its addresses: it told the victim the link-local one too.
        netlab.until("it is back", lambda: name in scene.victim.peers(), 60)
