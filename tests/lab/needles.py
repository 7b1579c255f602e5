"""Words that are planted in names and contents, and the search for them: as they are, in hex, base64 and UTF-16, and in whatever was
packed by gzip, zlib or zstd, wherever it begins."""
import base64
import ctypes
import os
import zlib

NAME, TEXT = b"the-needle-in-a-name", b"the-needle-in-a-text"
UNPACKED_MAX = 1 << 16  # bytes that are searched of anything packed
# How the three begin; a zlib stream without a dictionary, of any level.
GZIP, ZLIB, FRAME = b"\x1f\x8b\x08", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), b"\x28\xb5\x2f\xfd"
ZSTD = ctypes.CDLL("libzstd.so.1")


class Buffer(ctypes.Structure):
    _fields_ = [("p", ctypes.c_char_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]


ZSTD.ZSTD_createDCtx.restype = ZSTD.ZSTD_decompressStream.restype = ctypes.c_void_p
ZSTD.ZSTD_decompressStream.argtypes = [ctypes.c_void_p, ctypes.POINTER(Buffer), ctypes.POINTER(Buffer)]
ZSTD.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
ZSTD.ZSTD_compress.restype = ctypes.c_size_t
ZSTD.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]


def zstd_packed(data):
    out = ctypes.create_string_buffer(len(data) + 1000)
    size = ZSTD.ZSTD_compress(out, len(out), data, len(data), 3)
    return out.raw[:size]


def zstd_unpacked(data):
    """As much of the frame that data begins with as there is."""
    context, out = ZSTD.ZSTD_createDCtx(), ctypes.create_string_buffer(UNPACKED_MAX)
    to, at = Buffer(ctypes.cast(out, ctypes.c_char_p), len(out), 0), Buffer(data, len(data), 0)
    ZSTD.ZSTD_decompressStream(context, ctypes.byref(to), ctypes.byref(at))
    ZSTD.ZSTD_freeDCtx(context)
    return out.raw[:to.pos]


def places(text, what):
    at = text.find(what)
    while at >= 0:
        yield at
        at = text.find(what, at + 1)


def unpacked(text):
    """The beginning of everything in the text that was packed, and of much that was not."""
    for at in places(text, FRAME):
        yield zstd_unpacked(text[at:at + 2 * UNPACKED_MAX])
    for begin in (GZIP, *ZLIB):
        for at in places(text, begin):
            try:
                yield zlib.decompressobj(47).decompress(text[at:at + 2 * UNPACKED_MAX], UNPACKED_MAX)
            except zlib.error:
                pass


def forms(needle):
    yield needle
    yield needle.hex().encode()
    yield needle.hex().upper().encode()
    for encoding in ("utf-16-le", "utf-16-be"):
        yield needle.decode().encode(encoding)
    for shift in range(3):
        # What of it does not depend on its neighbours.
        text = base64.b64encode(b"?" * shift + needle + b"?" * 3)
        yield text[(0, 2, 3)[shift]:len(text) - 8]


ALL = {needle: tuple(forms(needle)) for needle in (NAME, TEXT)}


def found_in(texts):
    """The needles that are in any of the texts, in any form."""
    here = set()
    for text in texts:
        for part in (text, *unpacked(text)):
            here |= {needle for needle, all_forms in ALL.items() if needle not in here and any(form in part for form in all_forms)}
    return here


def on_disk(*roots):
    """Names and contents of all that is below."""
    for root in roots:
        for folder, dirs, files in os.walk(os.fsencode(root)):
            yield from dirs
            yield from files
            for path in (os.path.join(folder, name) for name in files):
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        yield f.read()
