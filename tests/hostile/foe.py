"""A hostile peer: one TLS connection to an agent, on which anything can be said.

    foe = Foe(host, victim)                    # connected as a stranger with a fresh key
    foe.say(wire.hello([...]))                 # bytes as they are
    foe.hear(wire.HELLO)                       # the next frame of that type: its payload
    papers = Papers(host, victim, token)       # let in by an invite
    foe = papers.connect()                     # as that member, and up: index hellos exchanged

Sockets are made in the network namespace of a host of the lab; the rest runs in the test's own process.
"""
import datetime
import hashlib
import os
import select
import socket
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

import wire
from namespaces import FACTOR, inside
from papers import Key, Token, raw, tag

PATIENCE = 20


class Gone(Exception):
    """The other side has closed the connection."""


def dial(host, victim, source=None):
    """A TCP connection from host, by its address `source` if given, to victim."""
    with inside(host):
        return socket.create_connection((victim.ip, victim.port), timeout=PATIENCE * FACTOR,
                                        source_address=(source, 0) if source else None)


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    then = datetime.datetime(2020, 1, 1)
    cert = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.private.public_key())
    cert = cert.serial_number(1).not_valid_before(then).not_valid_after(then.replace(year=2120)).sign(key.private, None)
    return cert.public_bytes(Encoding.PEM)


def context(key):
    ctx = SSL.Context(SSL.TLS_METHOD)
    ctx.set_min_proto_version(SSL.TLS1_3_VERSION)
    ctx.use_certificate(crypto.load_certificate(crypto.FILETYPE_PEM, certificate(key)))
    ctx.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, key.pem()))
    ctx.set_alpn_protos([b"lanyard/1"])
    ctx.set_verify(SSL.VERIFY_NONE, lambda *a: True)
    return ctx


class Foe:
    def __init__(self, host, victim, key=None, source=None):
        self.host, self.victim, self.key = host, victim, key or Key()
        self.sock = dial(host, victim, source)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.tls = SSL.Connection(context(self.key), self.sock)
        self.tls.set_connect_state()
        self.got, self.heard = b"", []
        self._when_ready(self.tls.do_handshake)
        self.binding = self.tls.export_keying_material(b"EXPORTER-lanyard", 32)
        self.victim_id = hashlib.sha256(raw(self.tls.get_peer_certificate().to_cryptography().public_key())).digest()
        self.channel = self.theirs = None
        self.epoch = self.their_epoch = self.their_seq = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def abort(self):
        """A reset, so that nothing is left in the kernel."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # --- saying and hearing ---

    def _when_ready(self, call, *args, patience=PATIENCE):
        """call(*args), tried again when the socket is ready; None when patience is over."""
        end = time.monotonic() + patience * FACTOR
        while True:
            left = end - time.monotonic()
            try:
                return call(*args)
            except SSL.WantReadError:
                ready = left > 0 and select.select([self.sock], [], [], left)[0]
            except SSL.WantWriteError:
                ready = left > 0 and select.select([], [self.sock], [], left)[1]
            except (SSL.ZeroReturnError, SSL.SysCallError, SSL.Error, OSError) as e:
                raise Gone(repr(e))
            if not ready:
                return None

    def say(self, data, patience=PATIENCE):
        """Send bytes; returns how many went before patience was over (all of them, unless the victim does not read)."""
        sent, view = 0, memoryview(bytes(data))
        while sent < len(view):
            n = self._when_ready(self.tls.send, view[sent:sent + (1 << 16)], patience=patience)
            if n is None:
                break
            sent += n
        return sent

    def _frame(self):
        if len(self.got) < wire.HEADER:
            return None
        n, kind, flags = struct.unpack_from(">IBB", self.got)
        if len(self.got) < wire.HEADER + n:
            return None
        payload, self.got = self.got[wire.HEADER:wire.HEADER + n], self.got[wire.HEADER + n:]
        if flags & wire.ZSTD and kind != wire.BLOCK:
            payload = wire.unpacked(payload)
        return kind, payload

    def listen(self, patience=0.0):
        """The next frame (type, plain payload); None when there is none within patience. Pings are answered."""
        end = time.monotonic() + patience * FACTOR
        while True:
            one = self._frame()
            if one and one[0] == wire.PING:
                self.say(wire.frame(wire.PONG, one[1]))
            elif one:
                return one
            else:
                left = end - time.monotonic()
                data = self._when_ready(self.tls.recv, 1 << 16, patience=max(0.0, left) / FACTOR)
                if data is None:
                    return None
                self.got += data

    def hear(self, kind, patience=PATIENCE):
        """The payload of the next frame of a type; those before it are kept in self.heard."""
        end = time.monotonic() + patience * FACTOR
        while True:
            one = self.listen(max(0.0, end - time.monotonic()) / FACTOR)
            if one is None:
                raise TimeoutError("no frame of type %d; heard %s" % (kind, [k for k, _ in self.heard]))
            if one[0] == kind:
                return one[1]
            self.heard.append(one)

    def hear_all(self, patience=1.0):
        """What comes until it is quiet for so long, or the other side closes."""
        found = []
        try:
            while True:
                one = self.listen(patience)
                if one is None:
                    break
                found.append(one)
        except Gone:
            pass
        return found

    def gone(self, patience=PATIENCE):
        """Whether the victim closes within patience."""
        end = time.monotonic() + patience * FACTOR
        try:
            while time.monotonic() < end:
                self.listen(min(1.0, max(0.0, end - time.monotonic())))
        except Gone:
            return True
        return False

    # --- the way in ---

    def meet(self, group, **hello):
        """Hello both ways; self.theirs is the victim's channel for the group, ours is 0. hello: as wire.hello."""
        self.group = group
        self.say(wire.hello([tag(group, self.key.id, self.binding)], **hello))
        wanted = tag(group, self.victim_id, self.binding)
        tags = wire.fields(self.hear(wire.HELLO))[5]
        if wanted not in tags:
            raise Gone("the victim does not offer the group")
        self.channel, self.theirs = 0, tags.index(wanted)
        return self

    def join(self, token):
        """Let in by an invite; returns the roster's entries."""
        t = Token(token) if isinstance(token, str) else token
        self.meet(t.group)
        self.say(wire.group_open(self.channel, self.theirs, join=t.request(self.key, self.binding)))
        self.hear(wire.GROUP_OPEN)
        return [bytes(e) for e in wire.fields(self.hear(wire.ROSTER))[2]]

    def open(self, group, credential, epoch=None, **hello):
        """As a member by that credential: group opened, index hellos exchanged. hello: as wire.index_hello."""
        self.meet(group)
        self.say(wire.group_open(self.channel, self.theirs, credential=credential))
        self.hear(wire.GROUP_OPEN)
        theirs = wire.fields(self.hear(wire.INDEX_HELLO))
        self.their_epoch, self.their_seq = theirs[2][0], (theirs[3] or [0])[0]
        self.epoch = epoch or int.from_bytes(os.urandom(8), "big")
        self.say(wire.index_hello(self.channel, self.epoch, **hello))
        return self


class Papers:
    """A membership: key, group and credential, good for any number of connections."""

    def __init__(self, host, victim, token, key=None):
        self.host, self.victim, self.key = host, victim, key or Key()
        self.token = Token(token)
        self.group = self.token.group
        with Foe(host, victim, self.key) as foe:
            self.entries = foe.join(self.token)
        self.credential = self.entries[:64]

    def connect(self, victim=None, source=None, **hello):
        """Connected and up."""
        foe = Foe(self.host, victim or self.victim, self.key, source)
        return foe.open(self.group, self.credential, **hello)

    def knock(self, victim=None, source=None):
        """Connected, and met; the group is not opened yet."""
        return Foe(self.host, victim or self.victim, self.key, source).meet(self.group)
