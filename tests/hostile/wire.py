"""Frames and messages as docs/protocol.md has them, written by a hand that may also write them wrongly.

Nothing here refuses anything: a number may be too great, a field may come twice, a length may lie. Protobuf is written and
read field by field; `message` is a list of (number, value), in which an int is a varint, bytes and str are lengthy, Fixed is
8 bytes, and a list is the field repeated.
"""
import collections
import ctypes
import struct

HELLO, BYE, PING, PONG, GROUP_OPEN, GROUP_CLOSE, ROSTER, INDEX_HELLO = range(1, 9)
NEWS, NEWS_ACK, LIST_GET, LIST, GET, BLOCK, CANCEL, ADDRESSES = range(9, 17)
ASK, ASK_ANSWER, ASK_REVEAL, REQUESTS = range(20, 24)
HOLD_ASK, HOLD_ANSWER = 18, 19
MAP, HAVE, ANY = 24, 25, 26
COMING = 28
RANGES, SAME = 34, 35
RELAY = 36
KEEP, HERE = 40, 41
KEYS, SEALED, CORES, OBJECT, HEADS, VAULT = range(42, 48)
HEADER = 6
ZSTD = 1

Fixed = collections.namedtuple("Fixed", "value")


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n):
    return n << 1 ^ n >> 63


def field(number, value):
    if isinstance(value, (list, tuple)) and not isinstance(value, Fixed):
        return b"".join(field(number, v) for v in value)
    if isinstance(value, Fixed):
        return varint(number << 3 | 1) + struct.pack("<Q", value.value & (1 << 64) - 1)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else bytes(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def packed(values):
    return b"".join(map(varint, values))


def packed_fixed(values):
    return struct.pack("<%dQ" % len(values), *values)


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return n, at


def fields(data):
    """{number: [values]} of a message; lengthy ones as bytes."""
    found, at = collections.defaultdict(list), 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        elif key & 7 == 2:
            n, at = read_varint(data, at)
            value, at = data[at:at + n], at + n
        else:
            raise ValueError("wire type %d" % (key & 7))
        found[key >> 3].append(value)
    return found


LIKE_WRITER, LIKE_KIND = 1, 2


def records(news):
    """The records of a NEWS with the paths, kinds and versions that they share with the one before them."""
    whole = []
    for r in map(fields, fields(news)[4]):
        like = (r[24] or [0])[0]
        if r[23]:
            r[1] = [bytes(whole[-1][1][0])[:r[23][0]] + bytes((r[1] or [b""])[0])]
        if like & LIKE_WRITER:
            step = (r[25] or [0])[0]
            counter, _ = read_varint(whole[-1][12][0], 0)
            r[11], r[12] = whole[-1][11], [varint(counter + (step >> 1 ^ -(step & 1)))]
        if like & LIKE_KIND:
            for number in (2, 4, 7, 9, 13):
                r[number] = whole[-1][number]
        whole.append(r)
    return whole


def frame(kind, payload=b"", flags=0, length=None):
    return struct.pack(">IBB", len(payload) if length is None else length, kind, flags) + payload


def zstd_of_one_byte(byte, size):
    """A zstd frame of RLE blocks: `size` times one byte out of about size / 32,000 bytes."""
    out = b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", size)
    while size:
        n = min(size, 128 << 10)
        size -= n
        out += struct.pack("<I", n << 3 | 1 << 1 | (not size))[:3] + bytes([byte])
    return out


def unpacked(payload):
    """The plain payload of a frame with flag ZSTD."""
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    size, = struct.unpack_from(">I", payload)
    out = ctypes.create_string_buffer(size)
    n = zstd.ZSTD_decompress(out, ctypes.c_size_t(size), payload[4:], ctypes.c_size_t(len(payload) - 4))
    if n != size:
        raise ValueError("not a zstd frame of %d bytes" % size)
    return out.raw


def zipped(kind, payload):
    """A frame as an honest peer compresses it."""
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_compress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(len(payload) + 1024)
    n = zstd.ZSTD_compress(out, ctypes.c_size_t(len(out)), payload, ctypes.c_size_t(len(payload)), 3)
    return frame(kind, struct.pack(">I", len(payload)) + out.raw[:n], ZSTD)


def bomb(kind, size, byte=0):
    """A control frame that says it unpacks to `size` bytes, and does."""
    return frame(kind, struct.pack(">I", size) + zstd_of_one_byte(byte, size), ZSTD)


def hello(tags=(), name="x", port=0, life=1, version=1, software="lanyard 0.1.0", asks=False, sealed=True):
    return frame(HELLO, message((1, version), (2, software), (3, name), (4, port), (5, list(tags)), (6, Fixed(life)), (8, int(asks)),
                                (9, int(sealed))))


def ping(cookie=1):
    return frame(PING, message((1, cookie)))


def bye(reason="", copied=False):
    return frame(BYE, message((1, reason), (2, int(copied))))


def group_open(channel, yours, credential=(), join=b"", digest=b""):
    return frame(GROUP_OPEN, message((1, channel), (2, yours), (3, list(credential)), *([(4, join)] if join else []),
                                     (5, digest)))


def group_close(channel, reason="", closes=0):
    return frame(GROUP_CLOSE, message((1, channel), (2, reason), (3, closes)))


def ask(tag, commitment, entries=(), number=0):
    return frame(ASK, message((1, tag), (2, commitment), (3, list(entries)), (4, number)))


def ask_reveal(tag, request):
    return frame(ASK_REVEAL, message((1, tag), (2, request)))


def requests(channel, entries=(), digest=b""):
    return frame(REQUESTS, message((1, channel), (2, digest), (3, list(entries))))


def roster(channel, entries):
    return frame(ROSTER, message((1, channel), (2, list(entries))))


def index_hello(channel, epoch, seq=0, have_epoch=0, have_seq=0, settled=0, no_inline=False, forgotten=0,
                shown=0, signature=b"", on_demand=False, role=2, ranges=False):
    return frame(INDEX_HELLO, message((1, channel), (2, Fixed(epoch)), (3, seq), (4, Fixed(have_epoch)), (5, have_seq),
                                      (6, settled), (7, int(no_inline)), (8, forgotten), (9, shown), (10, signature),
                                      (11, int(on_demand)), (12, role), (13, int(ranges))))


def ranges(channel, what, rows=0, digests=b"", again=(), everything=False):
    return frame(RANGES, message((1, channel), (2, what), (3, rows), (4, digests), (5, packed(again)), (6, int(everything))))


def same(channel, records, ended=False):
    """records: (writer, counter, number) of each, or None for a row that is gone."""
    each = [message((11, packed_fixed([r[0]])), (12, packed([r[1]])), (14, r[2])) if r else b"" for r in records]
    return frame(SAME, message((1, channel), (2, each), (3, int(ended))))


FILE, DIR, SYMLINK = 1, 2, 3


def record(path, seq, kind=FILE, deleted=False, mode=0o644, mtime_ns=1_700_000_000_000_000_000, size=0, nblocks=0, root=b"",
           target=b"", writers=(), counters=(), by=0, content=None, blocks=b"", more=()):
    """One record of a NEWS; more: further fields as for message()."""
    return message((1, path), (2, kind), (3, int(deleted)), (4, mode), (5, zigzag(mtime_ns)), (6, size), (7, nblocks), (8, root),
                   (9, 16), (10, target), (11, packed_fixed(writers)), (12, packed(counters)), (13, Fixed(by)), (14, seq),
                   *([(15, content)] if content is not None else []), (16, blocks), *more)


def news(channel, after, upto, records, carrier=0):
    return frame(NEWS, message((1, channel), (2, after), (3, upto), (4, list(records)), (6, Fixed(carrier))))


def relay(channel, contents):
    """contents: (root, bytes) of each."""
    return frame(RELAY, message((1, channel), (2, b"".join(root for root, _ in contents)), (3, [data for _, data in contents])))


def news_ack(channel, received, settled, epoch):
    return frame(NEWS_ACK, message((1, channel), (2, received), (3, settled), (4, Fixed(epoch))))


def keep(needed, spare=False):
    return frame(KEEP, message((1, int(needed)), (2, int(spare))))


def here(channel, ids, age=0):
    """ids: agent IDs of 32 bytes; age: of the word about them, in seconds."""
    return frame(HERE, message((1, channel), (2, b"".join(i[:8] + bytes([age]) for i in ids))))


def list_get(channel, request, size, nblocks, root, first=0):
    return frame(LIST_GET, message((1, channel), (2, request), (3, size), (4, nblocks), (5, root), (6, first)))


def want(request, offset, length, digest):
    return message((1, request), (2, offset), (3, length), (4, digest))


def get(channel, size, nblocks, root, wants):
    return frame(GET, message((1, channel), (2, size), (3, nblocks), (4, root), (5, list(wants))))


def blocks_map(channel, number, content, bits=None, runs=None, all=False, tell=True, gone=False):
    """A MAP; content: (size, number of blocks, root)."""
    size, nblocks, root = content
    return frame(MAP, message((1, channel), (2, number), (3, size), (4, nblocks), (5, root), (6, int(all)),
                              *([(7, bits)] if bits is not None else []), *([(8, packed(runs))] if runs is not None else []),
                              (9, int(tell)), (11, int(gone))))


def have(channel, number, runs):
    """runs: gap, length, gap, length, ..."""
    return frame(HAVE, message((1, channel), (2, number), (3, packed(runs))))


def any_block(channel, content, requests):
    size, nblocks, root = content
    return frame(ANY, message((1, channel), (2, size), (3, nblocks), (4, root), (5, packed(requests))))


def coming(channel, number, path, blocks=b"", at=0, ended=False):
    """blocks: as in LIST."""
    return frame(COMING, message((1, channel), (2, Fixed(number)), (3, path), (4, at), (5, blocks), (6, int(ended))))


def hold_ask(channel, request, about):
    return frame(HOLD_ASK, message((1, channel), (2, request), (3, about)))


def hold_answer(channel, request, has=True):
    return frame(HOLD_ANSWER, message((1, channel), (2, request), (3, int(has))))


def cancel(requests, pack=True):
    return frame(CANCEL, message((1, packed(requests) if pack else list(requests))))


def addresses(channel, told):
    """told: [(agent ID, host, port)]."""
    return frame(ADDRESSES, message((1, channel), (2, [message((1, a), (2, h), (3, p)) for a, h, p in told])))


def keys(channel, held=(), envelopes=()):
    return frame(KEYS, message((1, channel), (2, packed_fixed(held)), (3, list(envelopes))))


def cores(channel, after, upto, told=()):
    """told: (number, core, endorsement) of each."""
    return frame(CORES, message((1, channel), (2, after), (3, upto), (4, [message((1, n), (2, c), (3, e)) for n, c, e in told])))


def heads(channel, each):
    return frame(HEADS, message((1, channel), (2, list(each))))


VAULT_HELLO, VAULT_ACK, VAULT_WANT, VAULT_CANCEL, VAULT_STATE, VAULT_BAD = range(1, 7)


def vault(channel, what, epoch=0, seq=0, have_epoch=0, have_seq=0, settled=0, role=0, full=False, used=0, quota=0, row=0, wants=(),
          requests=()):
    """wants: (request, kind, generation, name) of each."""
    each = [message((1, r), (2, k), (3, Fixed(g)), (4, name)) for r, k, g, name in wants]
    return frame(VAULT, message((1, channel), (2, what), (3, Fixed(epoch)), (4, seq), (5, Fixed(have_epoch)), (6, have_seq),
                                (7, settled), (8, role), (9, int(full)), (10, used), (11, quota), (12, row), (13, each),
                                (14, packed(requests))))


def sealed_object(channel, request, data=b"", status=0):
    return frame(OBJECT, struct.pack(">IIB", channel, request, status) + data)


def block(request, data, flags=0, plain=None):
    return frame(BLOCK, struct.pack(">IBI", request, flags, len(data) if plain is None else plain) + data)
