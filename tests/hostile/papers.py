"""Keys, tokens and roster entries as docs/roster.md has them: what a hostile peer shows at the door."""
import base64
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

MEMBER, OWNER = 2, 1
FOUND, ADD, JOIN, REMOVE, LEAVE, REVOKE = 1, 2, 3, 4, 5, 6


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


class Key:
    """An Ed25519 key pair; id is the agent ID it stands for."""

    def __init__(self, seed=None):
        self.private = Ed25519PrivateKey.from_private_bytes(seed or os.urandom(32))
        self.public = raw(self.private.public_key())
        self.id = hashlib.sha256(self.public).digest()
        self.short = int.from_bytes(self.id[:8], "big")

    def sign(self, data):
        return self.private.sign(data)

    def pem(self):
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return bytes([len(s)]) + s


class Token:
    """What stands at the beginning of an invite token."""

    def __init__(self, token):
        data = token.strip().removeprefix("lanyard1-")
        data = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
        self.group, self.role = data[:32], data[32]
        self.expiry, self.uses = struct.unpack(">QI", data[33:45])
        self.key = Key(data[45:77])
        self.issuer, self.signature = data[77:109], data[109:173]

    def request(self, joiner, binding=b"\0" * 32, name="x", role=None, expiry=None):
        """A join request for one connection."""
        body = bytes([2, JOIN]) + self.group + bytes([self.role if role is None else role])
        body += struct.pack(">QI", self.expiry if expiry is None else expiry, self.uses)
        body += self.key.public + self.issuer + self.signature + joiner.public + text(name) + binding
        return body + self.key.sign(b"lanyard join 1\0" + body)


def signed(key, body):
    """An entry: body with the signer's key and signature behind it."""
    body += key.public
    return body + key.sign(b"lanyard roster entry 1\0" + body)


def founding(signer, name, time=1_800_000_000):
    """Another group's first entry."""
    return signed(signer, bytes([1, FOUND]) + struct.pack(">Q", time) + os.urandom(16) + b"\0" + text(name) + text("x"))


def admission(signer, request, time, named=()):
    """The JOIN entry that a member makes of a request."""
    return signed(signer, request + struct.pack(">Q", time) + bytes([len(named)]) + b"".join(named))


def word(kind, group, number, time, words, about):
    """How every entry of an owner's own begins. words: the digest of all else that it said."""
    return bytes([2, kind]) + group + struct.pack(">QQ", number, time) + words + about


def addition(signer, group, whom, number, time, role=MEMBER, name="x", named=(), words=b"\0" * 32):
    return signed(signer, word(ADD, group, number, time, words, whom) + bytes([role]) + text(name) + b"\0" * 32 +
                  bytes([len(named)]) + b"".join(named))


def removal(signer, group, whom, number, time, words=b"\0" * 32):
    return signed(signer, word(REMOVE, group, number, time, words, whom))


def leave(signer, group, number, time, abandon=False):
    return signed(signer, bytes([2, LEAVE]) + group + struct.pack(">QQ", number, time) + bytes([abandon]))


def public_tag(group):
    return hashlib.sha256(b"lanyard tag" + group).digest()[:16]


def request_part(asker, group_tag, r, s, giver, number, name="x", message="", key=None):
    """What an asker signs; giver: an agent ID; key: whose it says it is."""
    part = b"lanyard ask 1\0" + group_tag + (key or asker).public + r + s + giver + struct.pack(">Q", number)
    part += text(name) + text(message)
    return part + asker.sign(part)


def vouched(giver, part, address="10.9.9.9", when=1_800_000_000):
    """A whole request, by the key of the member that says it gave the salt."""
    entry = part + struct.pack(">Q", when) + text(address) + giver.public
    return entry + giver.sign(b"lanyard given 1\0" + entry)


def owners_answer(owner, group_tag, asker_id, number, verdict, when=1_800_000_000):
    entry = b"lanyard answer 1\0" + group_tag + asker_id + struct.pack(">Q", number) + bytes([verdict])
    entry += struct.pack(">Q", when) + owner.public
    return entry + owner.sign(entry)


def code_of(group_tag, key, r, s):
    digits = base64.b32encode(hashlib.sha256(group_tag + key.public + r + s).digest()[:5]).decode().lower()
    return digits[:4] + "-" + digits[4:]


def tag(group, agent, binding):
    return hmac.digest(group, b"lanyard hello" + agent + binding, "sha256")[:16]


def key_of(host):
    with open(os.path.join(host.home, "key.pem"), "rb") as f:
        private = load_pem_private_key(f.read(), None)
    return Key(private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))


class OwnerOf:
    """What an owner's agent would sign, made here so that one peer alone is shown it: by its key and the words it has said."""

    def __init__(self, host, entries, key=None):
        self.key = key or key_of(host)
        self.words = [e for e in entries if e[-96:-64] == self.key.public and e[1] in (FOUND, ADD, REMOVE, REVOKE)]
        self.group = hashlib.sha256(next(e for e in entries if e[1] == FOUND)).digest()

    def _says(self, make, whom, replaced=lambda e: False, **more):
        number = 1 + max((struct.unpack(">Q", e[34:42])[0] if e[1] != FOUND else 1 for e in self.words), default=0)
        self.words = [e for e in self.words if not replaced(e)]
        words = hashlib.sha256(b"".join(sorted(hashlib.sha256(e).digest() for e in self.words))).digest()
        self.words.append(make(self.key, self.group, whom, number, 1_800_000_000, words=words, **more))
        return self.words[-1]

    def removes(self, whom):
        return self._says(removal, whom)

    def adds(self, whom, role):
        return self._says(addition, whom, lambda e: e[1] == ADD and e[82:114] == whom, role=role)
