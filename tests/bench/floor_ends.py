"""The two processes of peers/floor.py: floor_ends.py send|receive SHARE ADDRESS PORT."""
import os
import socket
import struct
import sys

import watch


def send(share, address, port):
    seen = watch.Inotify(share)
    link = socket.create_connection((address, int(port)))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        for name in seen.names(None):
            with open(os.path.join(share, name), "rb") as f:
                data = f.read()
            link.sendall(struct.pack(">HI", len(name), len(data)) + name.encode() + data)


def receive(share, address, port):
    with socket.create_server((address, int(port))) as listener:
        link = listener.accept()[0].makefile("rb")
    while head := link.read(6):
        name_len, data_len = struct.unpack(">HI", head)
        name, data = link.read(name_len).decode(), link.read(data_len)
        part = os.path.join(os.path.dirname(share), "floor.part")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, data)
        os.fsync(fd)
        os.close(fd)
        os.rename(part, os.path.join(share, name))


if __name__ == "__main__":
    {"send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
