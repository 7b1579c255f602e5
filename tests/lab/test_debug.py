"""`lanyard debug dump`: a report that can be sent to strangers, also while a file is on its way."""
import json
import os
import re

import netlab
from netlab import trees
from test_resume import downloading

SIZE = 24 << 20
NAME = "wedding/speech of the best man.odt"


def report(host, *args):
    text = host.lanyard("debug", "dump", *args).out.decode()
    assert len(text) < 200_000, "%d bytes for one group with a few files" % len(text)
    return text, json.loads(text)


def numbers(entry):
    return {(n["part"], n["name"]): n["value"] for n in entry["numbers"]}


def secrets(host, token):
    """What must not be in a report that was not asked for names."""
    found = [token, host.share, host.home, host.ip, "best man", "speech", "wedding", "pics"]
    with open(os.path.join(host.home, "key.pem"), encoding="ascii") as f:
        found += [line for line in f.read().splitlines() if not line.startswith("-")]
    return found


def test_a_report_says_what_goes_on_and_names_nothing(lab):
    a, b = lab.host("a"), lab.host("b")
    netlab.form([a, b])
    token = a.invite("pics")
    trees.write(a.share, {"first": b"1", "wedding/second": b"2"})
    netlab.settle([a, b])
    a.limit("20mbit")
    trees.noise_file(a.path("big"), SIZE)
    os.rename(a.path("big"), a.file(NAME))
    downloading(b, NAME, 1 << 20)

    text, dump = report(b)
    for secret in secrets(a, token) + secrets(b, token):
        assert secret not in text, secret
    group = dump["groups"][0]
    assert group["phase"] == "running" and group["goal"] is None and group["state"] == "syncing"
    under_way = group["fetch"]["downloads"][0]
    assert under_way["size"] == SIZE and not under_way["complete"] and "path" not in under_way
    assert re.fullmatch("[0-9a-f]{8}", under_way["path_hash"])
    said = numbers(group)
    assert said["fetch", "tickets_active"] == 1 and said["index", "commits"] > 0 and said["disk", "next_check_ms"] > 0
    assert said["engine", "retry_ms"] == -1 and said["stop", "next_check_ms"] == -1
    peer = next(m for m in group["members"] if not m["self"])
    assert peer["connected"] and numbers(peer)["in", "requested_bytes"] > 0 and numbers(peer)["in", "wants"] == 1
    sender = next(m for m in report(a)[1]["groups"][0]["members"] if not m["self"])
    assert numbers(sender)["out", "blocks_asked_for"] + numbers(sender)["out", "queued_bulk_bytes"] > 0

    # The same path has the same hash until the agent restarts, and others have others.
    hashes = {d["path_hash"] for d in report(b)[1]["groups"][0]["fetch"]["downloads"]}
    assert under_way["path_hash"] in hashes and len(hashes) == 3
    text, dump = report(b, "--names")
    assert token not in text and dump["groups"][0]["fetch"]["downloads"][0]["path"] == NAME
    assert dump["groups"][0]["fetch"]["downloads"][0]["path_hash"] == under_way["path_hash"]
    assert dump["groups"][0]["share"] == b.share and dump["groups"][0]["group"] == "pics"
    a.limit(None)
    netlab.settle([a, b])


def test_a_joiner_does_not_give_its_token_away(lab):
    a, b = lab.host("a"), lab.host("b")
    a.daemon.start("--discovery", "off")
    a.cli("create", "pics", "--share", a.share)
    token = a.invite("pics")
    a.daemon.stop()
    b.daemon.start("--discovery", "off")
    b.lanyard("join", "--invite", token, "--share", b.share, "--timeout", "1")
    for args in ((), ("--names",)):
        text, dump = report(b, *args)
        assert token not in text and dump["groups"][0]["phase"] == "joining"
        assert (b.share in text) == bool(args)
