"""A host where the attacker waits for agents to call: what an agent meets that was led astray.

    with Trap(scene.foe, answer) as trap:      # answer(trap, foe, request): called for every request to join; with
                                               # opens=True for every opening of the group, and request may be empty
        ...                                    # an agent dials trap.address
    trap.heard                                 # the types of all frames that came
"""
import contextlib
import socket
import threading

from OpenSSL import SSL, crypto

import wire
from foe import Foe, Gone, certificate, inside
from papers import Key, raw, tag

PORT = 4171


def server_context(key):
    ctx = SSL.Context(SSL.TLS_METHOD)
    ctx.set_min_proto_version(SSL.TLS1_3_VERSION)
    ctx.use_certificate(crypto.load_certificate(crypto.FILETYPE_PEM, certificate(key)))
    ctx.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, key.pem()))
    ctx.set_alpn_select_callback(lambda conn, offered: b"lanyard/1")
    ctx.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *a: True)
    return ctx


class Called(Foe):
    """A connection that the other side made; the rest is as in Foe."""

    def __init__(self, sock, key):
        self.key, self.sock = key, sock
        sock.setblocking(False)
        self.tls = SSL.Connection(server_context(key), sock)
        self.tls.set_accept_state()
        self.got, self.heard = b"", []
        self._when_ready(self.tls.do_handshake)
        self.binding = self.tls.export_keying_material(b"EXPORTER-lanyard", 32)
        self.caller = raw(self.tls.get_peer_certificate().to_cryptography().public_key())


class Trap:
    def __init__(self, host, group, answer, key=None, opens=False):
        self.host, self.group, self.answer, self.key = host, group, answer, key or Key()
        self.address = "%s:%d" % (host.ip, PORT)
        self.heard, self.requests, self.opens = [], 0, opens
        self.ending = False

    def __enter__(self):
        with inside(self.host):
            self.sock = socket.create_server((self.host.ip, PORT))
        self.sock.settimeout(0.2)
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.ending = True
        self.thread.join()
        self.sock.close()

    def _wait(self):
        while not self.ending:
            with contextlib.suppress(socket.timeout, Gone, TimeoutError, SSL.Error):
                sock, _ = self.sock.accept()
                with contextlib.closing(Called(sock, self.key)) as foe:
                    self._talk(foe)

    def _talk(self, foe):
        """As a member would; until the caller has gone."""
        foe.say(wire.hello([tag(self.group, self.key.id, foe.binding)]))
        while not self.ending:
            one = foe.listen(0.2)
            if one is None:
                continue
            kind, payload = one
            self.heard.append(kind)
            if kind == wire.GROUP_OPEN and (self.opens or wire.fields(payload)[4]):
                self.requests += 1
                m = wire.fields(payload)
                self.answer(self, foe, (m[1] or [0])[0], bytes((m[4] or [b""])[0]))
