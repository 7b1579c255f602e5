"""What users of a sealed group see: status, groups and members in words."""
import netlab
from netlab import trees, until
from sealed import found, start, vault_joins


def test_status_and_groups_say_who_is_a_vault(lab):
    a, v = lab.host("a"), lab.host("v")
    trees.write(a.share, {"notes": b"plain"})
    start([a, v])
    found(a)
    vault_joins(v, a)
    a.wait_sync(60, peers=1)
    v.wait_sync(60)
    until(lambda: "the vault stores it: %s" % v.status(), lambda: v.status()["vault"]["objects"] == 1, 20)
    until(lambda: "it says so: %s" % a.status(), lambda: a.status()["vaults"][0]["stored_bytes"] > 0, 20)
    stored = v.status()["vault"]["stored_bytes"]
    said = a.lanyard("status").out.decode()
    assert "  sealed: vaults cannot read it\n" in said and "  vault v stores %d B\n" % stored in said, said
    until(lambda: "the vault is in sync: %s" % v.status(), lambda: v.status()["in_sync"], 20)
    said = v.lanyard("status").out.decode()
    assert "pics: in-sync, 1 peer, %s\n  a vault: stores 1 row and 1 object, %d B\n" % (v.share, stored) in said, said
    assert "0 files" not in said and a.counters()["bytes_sent"] == v.counters()["bytes_received"] > 0
    assert "owner, sealed" in a.lanyard("groups").out.decode() and "vault, sealed" in v.lanyard("groups").out.decode()
    assert "vault" in a.lanyard("members", "pics").out.decode()
    refused = a.lanyard("accept", "pics", v.id, "--role", "guest")
    assert refused.code == 2 and "vault" in refused.err
