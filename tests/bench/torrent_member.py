#!/usr/bin/python3
"""One member of a swarm of libtorrent's: torrent_member.py TORRENT FOLDER SEED ADDRESS:PORT DONE [ADDRESS:PORT...]

SEED is "seed" for who has the file in FOLDER already, else "get".  It connects with the addresses that follow, makes the
file DONE when it has all, and goes on to give until it is ended.
"""
import sys

import libtorrent

SETTINGS = {"enable_dht": False, "enable_lsd": False, "enable_natpmp": False, "enable_upnp": False,
            "enable_incoming_utp": False, "enable_outgoing_utp": False, "allow_multiple_connections_per_ip": True,
            "in_enc_policy": libtorrent.enc_policy.disabled, "out_enc_policy": libtorrent.enc_policy.disabled,
            "unchoke_slots_limit": -1, "connection_speed": 200, "request_queue_time": 3, "max_out_request_queue": 1500,
            "send_buffer_watermark": 4 << 20, "send_buffer_watermark_factor": 150, "rate_limit_ip_overhead": False,
            "alert_mask": libtorrent.alert.category_t.status_notification}


def main():
    torrent, folder, role, listen, done, *others = sys.argv[1:]
    session = libtorrent.session(dict(SETTINGS, listen_interfaces=listen))
    add = {"ti": libtorrent.torrent_info(torrent), "save_path": folder,
           "flags": libtorrent.torrent_flags.seed_mode if role == "seed" else 0}
    handle = session.add_torrent(add)
    for other in others:
        address, port = other.rsplit(":", 1)
        handle.connect_peer((address, int(port)))
    while not handle.status().is_seeding:
        session.wait_for_alert(100)
        session.pop_alerts()
    open(done, "w").close()
    while True:
        session.wait_for_alert(60000)
        session.pop_alerts()


if __name__ == "__main__":
    main()
