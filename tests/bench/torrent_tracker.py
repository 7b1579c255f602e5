#!/usr/bin/python3
"""A tracker of BitTorrent (BEP 3, 23) for one torrent on a network of the bench: torrent_tracker.py ADDRESS PORT

Each that announces itself is told all the others that did.  It prints "listening" when it does,
and "announced" each time.
"""
import http.server
import socket
import struct
import sys
import urllib.parse

INTERVAL_S = 3600


class Tracker(http.server.BaseHTTPRequestHandler):
    members = {}  # (address, port): bytes that it lacks

    def do_GET(self):  # noqa: N802 (the base class calls it by this name)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, encoding="latin-1")
        me = self.client_address[0], int(asked["port"][0])
        if asked.get("event") == ["stopped"]:
            self.members.pop(me, None)
        else:
            self.members[me] = int(asked["left"][0])
        others = [socket.inet_aton(a) + struct.pack(">H", p) for a, p in self.members if (a, p) != me]
        packed = b"".join(others)
        body = b"d8:intervali%de5:peers%d:%se" % (INTERVAL_S, len(packed), packed)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

        print("announced", flush=True)

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Tracker)
    print("listening", flush=True)
    server.serve_forever()
