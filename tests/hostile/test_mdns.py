"""What anybody on the link can say over mDNS, to a victim with embedded discovery: floods of it, and members announced where they
are not."""
import base64
import hashlib
import socket
import struct
import time

import pytest

import netlab
from foe import inside
from papers import Token
from scenes import GROUP

PTR, TXT, AAAA, SRV, A, ANY = 12, 16, 28, 33, 1, 255
SERVICE = "_lanyard._tcp.local"
DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


def name(text):
    return b"".join(struct.pack("B", len(label)) + label.encode() for label in text.split(".")) + b"\0"


def record(owner, kind, data, ttl=120, flush=False):
    return name(owner) + struct.pack("!HHIH", kind, 0x8001 if flush else 1, ttl, len(data)) + data


def question(owner, kind):
    return name(owner) + struct.pack("!HH", kind, 1)


def packet(questions=(), answers=()):
    flags = 0 if questions else 0x8400
    return struct.pack("!6H", 0, flags, len(questions), len(answers), 0, 0) + b"".join(questions) + b"".join(answers)


def agent(number):
    """An ID in base32 that nobody has."""
    digits = "".join(DIGITS[number >> 5 * i & 31] for i in range(6))
    return (digits * 9)[:51] + "a"


def announcement(kind, who, serial, ip, port=4170, groups=()):
    """All records of one instance, which shows these groups."""
    instance = "%s-%04x" % (who, serial & 0xffff)
    service, host = instance + "." + SERVICE, instance + ".local"
    txt = b"".join(struct.pack("B", len(s)) + s for s in (b"v=1", b"id=" + who.encode(), *groups))
    return [record(kind, PTR, name(service)), record(service, SRV, struct.pack("!3H", 0, 0, port) + name(host), flush=True),
            record(service, TXT, txt, flush=True), record(host, A, socket.inet_aton(ip), flush=True)]


class Voice:
    """Says packets to everybody on the link of a host."""

    def __init__(self, host):
        with inside(host):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        self.socket.bind((host.ip, 5353))

    def say(self, data):
        self.socket.sendto(data, ("224.0.0.251", 5353))

    def flood(self, make, rate, seconds):
        """make(i) for each packet, at that many per second."""
        begin, i = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            self.say(make(i))
            i += 1
            pause = begin + i / rate - time.monotonic()
            if pause > 0:
                time.sleep(pause)

    def close(self):
        self.socket.close()


@pytest.fixture
def victim(scene):
    """The scene's victim, with embedded discovery."""
    scene.victim.daemon.stop()
    scene.victim.daemon.start("--discovery", "embedded")
    scene.victim.wait_peers(1)
    netlab.until("mDNS serves", lambda: scene.victim.cli("status")["discovery"] == "embedded")
    return scene.victim


@pytest.fixture
def voice(scene):
    v = Voice(scene.foe)
    yield v
    v.close()


def subtype(host):
    digest = hashlib.sha256(b"lanyard tag" + Token(host.invite(GROUP)).group).digest()[:16]
    return "_%s._sub.%s" % (base64.b32encode(digest).decode().lower().rstrip("="), SERVICE)


SECONDS = 10


def many_instances(kind):
    return lambda i: packet(answers=[r for k in range(10) for r in announcement(kind, agent(10 * i + k), k, "10.77.9.9")])


def one_record_changes(kind):
    return lambda i: packet(answers=announcement(kind, agent(1), i, "10.77.%d.%d" % (i >> 8 & 255, i & 255)))


def questions(kind):
    return lambda i: packet(questions=[question(kind, PTR), question(SERVICE, ANY), question(SERVICE, PTR)] * 20)


def known_answers(kind):
    """Questions, with answers that the asker knows already: each is compared with what is to be said."""
    def make(i):
        known = [record(kind, PTR, name("%s-%04x.%s" % (agent(i), k, SERVICE))) for k in range(60)]
        return struct.pack("!6H", 0, 0, 1, len(known), 0, 0) + question(kind, PTR) + b"".join(known)
    return make


SLOW = [pytest.param(make, marks=pytest.mark.slow) for make in (many_instances, questions, known_answers)]


@pytest.mark.parametrize("make", [one_record_changes, *SLOW], ids=lambda f: f.__name__)
def test_a_flood_of_packets(scene, victim, voice, make):
    kind = subtype(victim)
    with scene.attacked("425 mDNS packets a second: " + make.__name__.replace("_", " "), processor=2.4) as m:
        voice.flood(make(kind), 425, SECONDS)
        assert m.drop() < 10
    assert len(victim.peers()) == 1


@pytest.mark.slow
def test_a_member_announced_where_nobody_answers(scene, victim, voice):
    """The honest member comes back and knows nobody's address; the victim, who knows its, is told of forty others meanwhile."""
    kind, honest = subtype(victim), scene.honest.agent_id().replace("-", "")

    def dead(i):
        return packet(answers=announcement(kind, honest, i, "10.77.0.%d" % (100 + i % 40)))
    with scene.attacked("a member announced at dead addresses", drop=12):
        voice.flood(dead, 20, 2)
        scene.honest.daemon.kill9()
        voice.flood(dead, 20, 4)
        scene.honest.daemon.start("--discovery", "off")
        voice.flood(dead, 20, 12)
    assert len(victim.peers()) == 1


def test_a_group_that_is_announced_under_anothers_name(scene, victim, voice):
    """With a public ID that begins like the true one's, and an owner whose name writes to the terminal."""
    true = subtype(victim).split(".")[0][1:]
    false = true[:20] + "aaaaaa"
    group = b"g=%s 9 %s/\x1b[31mv\xff\xe2\x80\xaeictim" % (false.encode(), GROUP.encode())
    guest = scene.foe
    guest.daemon.start("--discovery", "embedded", "--listen", "4199")

    def seen():
        voice.say(packet(answers=announcement(SERVICE, agent(7), 1, guest.ip, groups=[group])))
        return {g["id"] for g in guest.cli("groups")["seen"]}
    netlab.until("both are seen", lambda: seen() == {true, false}, 20)
    for start in ("", "#" + true[:8]):
        got = guest.lanyard("join", GROUP + start, "--share", guest.share, "--timeout", "0")
        assert got.code == 1 and "2 groups have that name" in got.err
        assert not set("\x1b\u202e") & set(got.err + guest.lanyard("groups").out.decode())
    assert "#%s (" % true in got.err and "#%s (" % false in got.err
