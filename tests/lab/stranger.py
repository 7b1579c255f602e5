"""A stranger on the network: connects in the way named, says something, prints all it was told as JSON.

    python3 stranger.py HOST PORT WAY [CERT KEY]

WAY is one of WAYS below.  Output: {"tls": version or null, "alpn": ..., "error": ..., "got": hex, "seconds": until the
other side closed (or the limit)}.
"""
import json
import socket
import ssl
import struct
import sys
import time

LIMIT = 25.0
HELLO, PING, NEWS, GET = 1, 3, 9, 13


def frame(kind, payload, length=None, flags=0):
    return struct.pack(">IBB", len(payload) if length is None else length, kind, flags) + payload


def hello(tags=0):
    """protobuf: version 1, software, name, port, and tags of 16 bytes each."""
    body = b"\x08\x01" + b"\x12\x07lanyard" + b"\x1a\x08stranger" + b"\x20\x01"
    return frame(HELLO, body + b"".join(b"\x2a\x10" + bytes([i % 256]) * 16 for i in range(tags)))


# way: (how to connect, what to send)
WAYS = {
    "plain http": ("tcp", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "plain silent": ("tcp", b""),
    "plain noise": ("tcp", bytes(range(256)) * 64),
    "tls12": ("tls12", b""),
    "no certificate": ("bare", hello()),
    "other alpn": ("http/1.1", hello()),
    "no alpn": ("no alpn", hello()),
    "silent": ("tls", b""),
    "hello": ("tls", hello()),
    "guessing": ("tls", hello(64) + frame(NEWS, b"\x08\x00" * 40) + frame(GET, b"\x08\x00\x10\x05" * 20)),
    "no hello": ("tls", frame(GET, b"\x08\x00\x10\x05") + frame(NEWS, b"\x08\x00")),
    "too long": ("tls", frame(HELLO, b"", length=0xFFFFFFF0)),
    "long hello": ("tls", frame(HELLO, bytes(3 << 20))),
    "malformed": ("tls", frame(HELLO, b"\xff" * 60)),
    "other version": ("tls", frame(HELLO, b"\x08\x63")),
    "many tags": ("tls", hello(700)),
    "zstd bomb": ("tls", frame(HELLO, b"\x7f\xff\xff\xff" + b"\x28\xb5\x2f\xfd" + bytes(100), flags=1)),
    "unknown": ("tls", hello() + b"".join(frame(k, b"x" * 100) for k in range(100, 200))),
    "flood": ("tls", hello() + frame(PING, b"\x08\x01") * 50000),
}


def connect(how, host, port, cert):
    sock = socket.create_connection((host, port), timeout=5)
    sock.settimeout(LIMIT)
    if how == "tcp":
        return sock
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    if how == "tls12":
        ctx.set_ciphers("DEFAULT@SECLEVEL=0")
        ctx.minimum_version, ctx.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2
    if how != "bare":
        ctx.load_cert_chain(*cert)
    if how != "no alpn":
        ctx.set_alpn_protocols([how if "/" in how else "lanyard/1"])
    return ctx.wrap_socket(sock)


def main(host, port, way, *cert):
    how, say = WAYS[way]
    told = {"tls": None, "alpn": None, "error": None, "got": ""}
    got, start = b"", time.monotonic()
    try:
        sock = connect(how, host, int(port), cert)
        if isinstance(sock, ssl.SSLSocket):
            told["tls"], told["alpn"] = sock.version(), sock.selected_alpn_protocol()
        if say:
            sock.sendall(say)
        while True:
            data = sock.recv(1 << 16)
            if not data:
                break
            got += data
    except (OSError, ssl.SSLError) as e:
        told["error"] = str(e)
    told["got"], told["seconds"] = got.hex(), time.monotonic() - start
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
