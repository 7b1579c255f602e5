"""Record frames of one interface into a pcap file, and put recorded frames together into flows.

    python3 sniff.py DEV FILE      # prints "listening", records until its input closes, prints "dropped N"
"""
import select
import socket
import struct
import sys
import time

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_STATISTICS, PACKET_MR_PROMISC = 263, 1, 6, 1
SO_RCVBUFFORCE = 33
FRAME_MAX = 1 << 18


def record(dev, path):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 28)
    sock.bind((dev, ETH_P_ALL))
    # A bridge hands up what is not for itself only while it is promiscuous.
    member = struct.pack("iHH8s", socket.if_nametoindex(dev), PACKET_MR_PROMISC, 0, b"")
    sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    sock.setblocking(False)
    with open(path, "wb", 1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, FRAME_MAX, 1))
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        ending = False
        while True:
            ready, _, _ = select.select([sock] if ending else [sock, sys.stdin], [], [], 0 if ending else None)
            if ending and not ready:
                break
            ending = ending or sys.stdin in ready
            if sock in ready:
                _drain(sock, out)
                out.flush()
    dropped = struct.unpack("II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
    print("dropped %d" % dropped)


def _drain(sock, out):
    while True:
        try:
            frame = sock.recv(FRAME_MAX)
        except BlockingIOError:
            return
        now = time.time_ns()
        out.write(struct.pack("<IIII", now // 10**9, now // 1000 % 10**6, len(frame), len(frame)))
        out.write(frame)


def frames(path):
    with open(path, "rb") as f:
        f.read(24)
        while True:
            head = f.read(16)
            if len(head) < 16:
                return
            yield f.read(struct.unpack("<IIII", head)[2])


def flows(path):
    """{(protocol, source, port, destination, port): payloads in order of arrival}; what is neither TCP nor UDP: ("frame",).

    TCP bytes seen before (by sequence number) are not repeated, so a retransmission does not split what is looked for.
    """
    found, expected = {}, {}
    for frame in frames(path):
        parsed = _transport(frame)
        if parsed is None:
            found.setdefault(("frame",), bytearray()).extend(frame)
            continue
        proto, src, dst, seg = parsed
        sport, dport = struct.unpack(">HH", seg[:4])
        key = (proto, src, sport, dst, dport)
        if proto == "udp":
            found.setdefault(key, bytearray()).extend(seg[8:])
            continue
        seq, = struct.unpack(">I", seg[4:8])
        data = seg[(seg[12] >> 4) * 4:]
        if seg[13] & 2:
            expected[key] = (seq + 1) & 0xFFFFFFFF
        ahead = (expected.get(key, seq) - seq) & 0xFFFFFFFF
        if ahead < 1 << 31:
            if len(data) <= ahead:
                continue
            data = data[ahead:]
        found.setdefault(key, bytearray()).extend(data)
        expected[key] = (seq + (ahead if ahead < 1 << 31 else 0) + len(data)) & 0xFFFFFFFF
    return {key: bytes(data) for key, data in found.items()}


def _transport(frame):
    """(name, source, destination, segment) of a TCP or UDP frame, else None."""
    kind, = struct.unpack(">H", frame[12:14])
    if kind == ETH_P_IP and len(frame) >= 34:
        head = (frame[14] & 15) * 4
        proto, total = frame[23], struct.unpack(">H", frame[16:18])[0]
        # A segmentation-offloaded frame may say 0 here; then everything after the header is meant.
        end = 14 + total if total else len(frame)
        src, dst = socket.inet_ntop(socket.AF_INET, frame[26:30]), socket.inet_ntop(socket.AF_INET, frame[30:34])
        seg = frame[14 + head:end]
    elif kind == ETH_P_IPV6 and len(frame) >= 54:
        proto = frame[20]
        src, dst = socket.inet_ntop(socket.AF_INET6, frame[22:38]), socket.inet_ntop(socket.AF_INET6, frame[38:54])
        total = struct.unpack(">H", frame[18:20])[0]
        seg = frame[54:54 + total if total else len(frame)]
    else:
        return None
    if proto == 6 and len(seg) >= 20:
        return "tcp", src, dst, seg
    if proto == 17 and len(seg) >= 8:
        return "udp", src, dst, seg
    return None


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2])
